"""Rules about the form of replies: codes, lines, time, and the end of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from smtpnb.analysis.lint.rules.rule import (
    Rule,
    Verdicts,
    beside,
    failed,
    passed,
    warned,
)
from smtpnb.analysis.replies.registry import REPLY_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.analysis.lint.turns import Beside, Mask, Turns

MAX_REPLY_LINE: Final = 512
MAX_CHALLENGE: Final = 12_288  # RFC 4954 section 4
IDLE_MS: Final = 300_000.0

# RFC 5321 section 4.3.2, and what extensions add: RFC 3207 section 4 (STARTTLS),
# RFC 3030 section 2 (BDAT), RFC 4954 section 4 (AUTH), RFC 7504 (521, 556). A 554 to
# MAIL or RCPT is not listed there, but says what section 4.2.3 has it say, and is how
# the usual servers refuse to relay.
_ANYWHERE: Final = (500, 501, 421)
_HELLO: Final = (250, 504, 550, 502)
_CONTENT: Final = (250, 552, 554, 451, 452, 450, 550)
_USUAL: Final = {
    "greeting": (220, 554, 521),
    "EHLO": _HELLO,
    "LHLO": _HELLO,
    "HELO": _HELLO,
    "MAIL": (250, 552, 451, 452, 550, 553, 503, 455, 555, 554),
    "RCPT": (250, 251, 550, 551, 552, 553, 450, 451, 452, 503, 455, 555, 556, 554),
    "DATA": (354, 503, *_CONTENT[1:]),
    "BDAT": (503, 353, *_CONTENT),  # 353: draft-hall-prdr section 4
    ".": (353, *_CONTENT),
    "RSET": (250,),
    "VRFY": (250, 251, 252, 550, 551, 553, 502, 504),
    "EXPN": (250, 252, 550, 500, 502, 504),
    "HELP": (211, 214, 502, 504),
    "NOOP": (250,),
    "QUIT": (221,),
    "STARTTLS": (220, 454, 502, 503),
    "AUTH": (235, 334, 432, 454, 503, 504, 534, 535, 538),
}
# "AUTH first" (RFC 4954 section 6) or "STARTTLS first" (RFC 3207 section 4).
_NEVER_530: Final = frozenset({"greeting", "EHLO", "HELO", "NOOP", "QUIT", "STARTTLS"})

# RFC 5321 section 4.5.3.2, in ms.
_PATIENCE_MS: Final = {"data": 120_000.0, "eod": 600_000.0, "body": 600_000.0}
_ENHANCED: Final = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: [^\n]*)?"


def _kind(turns: Turns, key: str) -> Mask:
    """Where the exchange is of a kind of `_USUAL`."""
    if key == "greeting":
        return turns.at("greeting") & turns.answered
    if key == ".":
        return turns.commands & turns.at("eod") & ~turns.verb("BDAT")
    if key == "AUTH":
        step = turns.at("auth") & turns.answered & turns.served
        return step & turns.verb("AUTH", "")
    return turns.said(key)


def _code_in_range(turns: Turns) -> Verdicts:
    outside = turns.code // 10 % 10 > 5
    what = "{code} is no reply code: the second digit goes to 5"
    yield failed(turns.answered & outside, what)
    yield passed(turns.answered & ~outside)


def _code_listed(turns: Turns) -> Verdicts:
    listed = turns.code_in(tuple(REPLY_CODES))
    yield warned(turns.answered & ~listed, "{code} stands in no RFC")
    yield passed(listed)


def _code_usual(turns: Turns) -> Verdicts:
    listed = turns.code_in(tuple(REPLY_CODES))
    for key, codes in _USUAL.items():
        kind = _kind(turns, key) & listed
        fits = turns.code_in((*codes, *_ANYWHERE)) | turns.ending
        if key not in _NEVER_530:
            fits = fits | turns.code_in((530,))
        yield passed(kind & fits)
        yield warned(kind & ~fits, "{code} is not among the replies to {name}")


def _hello(turns: Turns) -> Mask:
    """Where the reply is one of those that RFC 2034 section 4 excepts.

    The greeting, and so the one that Postfix says again to XCLIENT; EHLO and HELO; and
    3yz, since there is no class 3 of enhanced codes.
    """
    greeting = turns.at("greeting") | (turns.verb("XCLIENT") & turns.code_in((220,)))
    return greeting | turns.at("ehlo") | turns.code_in(range(300, 400))


def _enhanced_class(turns: Turns) -> Verdicts:
    having = turns.answered & turns.like("enhanced", ".", turns.answered)
    agrees = np.zeros(len(turns), bool)
    for digit in (2, 4, 5):
        mine = having & turns.code_in(range(digit * 100, digit * 100 + 100))
        agrees |= turns.like("enhanced", rf"^{digit}\.", mine)
    yield failed(having & ~agrees, "{enhanced} contradicts the code {code}")
    yield passed(having & agrees)


def _enhanced_there(turns: Turns) -> Verdicts:
    due = turns.answered & turns.offered("ENHANCEDSTATUSCODES") & ~_hello(turns)
    every = turns.like("text", rf"^{_ENHANCED}(?:\n{_ENHANCED})*$", due)
    some = turns.like("text", rf"(?:^|\n){_ENHANCED}(?:\n|$)", due & ~every)
    yield passed(every)
    yield failed(some, "not every line of {code} has an enhanced code")
    yield failed(due & ~every & ~some, "{name} was answered without an enhanced code")


def _enhanced_not_here(turns: Turns) -> Verdicts:
    # A refused EHLO may have one: it is excepted from the rule, not forbidden.
    here = turns.answered & _hello(turns) & ~turns.code_in(range(400, 600))
    having = turns.like("enhanced", ".", here)
    yield passed(here & ~having)
    yield warned(having, "the reply to {name} has an enhanced code")


def _line_length(turns: Turns) -> Verdicts:
    challenge = turns.code_in((334,))
    limit = np.where(challenge, MAX_CHALLENGE, MAX_REPLY_LINE)
    long = turns.answered & (turns.n_received > limit)
    several = turns.like("text", r"\n", long)
    longest = turns.n_received.copy()
    at = np.flatnonzero(several)
    longest[at] = [_longest_line(text) for text in turns.texts("text", at)]
    long = long & (longest > limit)
    what = "a reply line has {octets} octets; {limit} are the limit"
    yield failed(long, what, octets=longest[long].tolist(), limit=limit[long].tolist())
    yield passed(turns.answered & ~long)


def _longest_line(text: str) -> int:
    return max(len(line.encode()) for line in text.split("\n")) + len("250-\r\n")


def _line_end(turns: Turns) -> Verdicts:
    bare = turns.answered & turns.bare_lf
    yield failed(bare, "a reply line ends in LF without CR")
    yield passed(turns.answered & ~bare)


def _faults(turns: Turns, kind: str) -> Iterator[Beside]:
    """The events of one class of error."""
    for event in turns.beside:
        if event.event == "error" and event.facts.get("kind") == kind:
            yield event


def _unasked(turns: Turns) -> Iterator[Beside]:
    """What the server said without being asked."""
    return (e for e in turns.beside if e.facts.get("what") == "surplus")


def _framing(turns: Turns) -> Verdicts:
    faults = [(event, event.text) for event in _faults(turns, "RemoteProtocolError")]
    yield beside("FAIL", "what came is no reply", faults)
    yield passed(turns.answered)


def _one_reply(turns: Turns) -> Verdicts:
    # RFC 5321 section 3.8 lets a server that shuts down say so at any time.
    unasked = [(e, e.text) for e in _unasked(turns) if not e.text.startswith("421")]
    yield beside("FAIL", "the server spoke without being asked", unasked)
    yield passed(turns.answered)


def _text_there(turns: Turns) -> Verdicts:
    # "334 " is an empty challenge: just what AUTH PLAIN asks for (RFC 4954 section 4).
    due = turns.answered & ~turns.code_in((334,))
    there = turns.like("text", r"(?s)\S", due)
    yield warned(due & ~there, "{name} was answered with a bare code")
    yield passed(there)


def _text_ascii(turns: Turns) -> Verdicts:
    # RFC 6531 section 3.7.4: a client that says SMTPUTF8 can read it.
    asked = turns.verb("MAIL", "RCPT", "VRFY", "EXPN")
    utf8 = turns.in_session(turns.like("argument", r"(?i)\bSMTPUTF8\b", asked))
    odd = turns.like("text", r"[^\t\n -~]", turns.answered & ~utf8)
    yield warned(odd, "the reply to {name} is not plain ASCII text")
    yield passed(turns.answered & ~odd)


def _in_time(turns: Turns) -> Verdicts:
    limit = np.full(len(turns), IDLE_MS)
    for step, patience in _PATIENCE_MS.items():
        limit[turns.at(step)] = patience
    late = turns.answered & (np.nan_to_num(turns.latency_ms) > limit)
    took = [f"{ms / 1000:.0f}" for ms in turns.latency_ms[late]]
    wait = [f"{ms / 1000:.0f}" for ms in limit[late]]
    what = "the reply to {name} took {took} s; clients wait {wait} s"
    yield warned(late, what, took=took, wait=wait)
    yield passed(turns.answered & ~late)


def _stays(turns: Turns) -> Verdicts:
    quit_ = turns.verb("QUIT")
    yield passed(quit_ & turns.answered)
    # A greeting of 521 lets the server close at any command (RFC 7504 section 3).
    no_mail = turns.in_session(turns.at("greeting") & turns.code_in((521,)))
    free = turns.closing | no_mail | quit_
    lost = turns.fault("ConnectionLost") & ~turns.answered & ~free
    # Whether it was the server or the network does not show from here.
    yield warned(lost, "the connection ended at {name} instead of an answer")
    closed = [
        (event, event.text) for event in _closed_in_silence(turns, no_mail=no_mail)
    ]
    names = [turns.values("name", [event.at])[0] for event, _ in closed]
    what = "the connection ended after {last} without a 421"
    yield beside("WARN", what, closed, last=names)


def _closed_in_silence(turns: Turns, *, no_mail: Mask) -> Iterator[Beside]:
    """Connections that were lost while nothing was asked.

    Each is told with the last exchange that was answered.
    """
    last = np.full(len(turns.names), -1)
    last[turns.session[turns.answered]] = np.flatnonzero(turns.answered)
    said_why = {e.session for e in _unasked(turns) if e.text.startswith("421")}
    for event in _faults(turns, "ConnectionLost"):
        at = int(last[event.session])
        if event.at >= 0 or at < 0 or event.session in said_why:
            continue
        if turns.ending[at] or turns.verb("QUIT")[at] or no_mail[at]:
            continue
        idle = event.t_ms - turns.t_ms[at] - float(np.nan_to_num(turns.latency_ms[at]))
        if idle < IDLE_MS:
            yield event._replace(at=at)


def _closes_after_421(turns: Turns) -> Verdicts:
    later = turns.answered & turns.closing & ~turns.verb("QUIT")
    yield warned(later, "it went on answering after a 421")
    yield passed(turns.code_in((421,)))


def _group(turns: Turns) -> Verdicts:
    # RFC 2920 section 3.1: after an end of data, MAIL may stand in the same group.
    legal = turns.pipelined & turns.greeted & turns.offered("PIPELINING")
    mail = legal & turns.verb("MAIL") & ~turns.open & ~turns.unsure & ~turns.closing
    lost = mail & turns.answered & turns.code_in((503,))
    yield failed(lost, "MAIL in a group was refused as out of order, and is in order")
    silent = legal & ~turns.answered & turns.fault("DeadlineExceeded")
    yield warned(silent, "{name} in a group was never answered")
    yield passed(legal & turns.answered & ~lost)


RULES: Final = (
    Rule(
        "code-in-range",
        "RFC 5321 4.2",
        "every code is three digits, the first 2 to 5, the second 0 to 5",
        _code_in_range,
    ),
    Rule("code-listed", "RFC 5321 4.2", "every code is in an RFC", _code_listed),
    Rule(
        "code-usual",
        "RFC 5321 4.3.2",
        "every code is one of those listed for its command",
        _code_usual,
    ),
    Rule(
        "enhanced-class",
        "RFC 2034 4",
        "each enhanced code agrees with the first digit of its reply",
        _enhanced_class,
    ),
    Rule(
        "enhanced-there",
        "RFC 2034 4",
        "enhanced codes are announced, and stand on every reply line",
        _enhanced_there,
    ),
    Rule(
        "enhanced-not-here",
        "RFC 2034 4",
        "greeting, EHLO, HELO and 3yz have no enhanced code",
        _enhanced_not_here,
    ),
    Rule(
        "line-length",
        "RFC 5321 4.5.3.1.5",
        "no reply line is longer than 512 octets",
        _line_length,
    ),
    Rule("line-end", "RFC 5321 2.3.8", "every line ends in CRLF", _line_end),
    Rule(
        "framing",
        "RFC 5321 4.2.1",
        "all that came was replies, each of one code",
        _framing,
    ),
    Rule("one-reply", "RFC 5321 4.2", "every command got one reply", _one_reply),
    Rule("group", "RFC 2920 3.1", "a group of commands is answered in order", _group),
    Rule("text-there", "RFC 5321 4.2", "every code has a text", _text_there),
    Rule(
        "text-ascii",
        "RFC 5321 4.2",
        "the texts are printable ASCII",
        _text_ascii,
    ),
    Rule(
        "in-time",
        "RFC 5321 4.5.3.2",
        "every reply came before a client may give up",
        _in_time,
    ),
    Rule(
        "stays",
        "RFC 5321 3.8",
        "the connection was kept until QUIT was answered",
        _stays,
    ),
    Rule(
        "closes-after-421",
        "RFC 5321 3.8",
        "after a 421 no command was answered",
        _closes_after_421,
    ),
)
