"""Rules about the form of replies: codes, lines, time, and the end of the session."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules.verdict import Rule, Verdicts, failed, passed, warned
from smtpnb.analysis.replies.registry import REPLY_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.analysis.lint.rules.talk import Talk, Turn
    from smtpnb.transcript.log import Event

MAX_REPLY_LINE: Final = 512
IDLE_MS: Final = 300_000.0

# RFC 5321 section 4.3.2, and what extensions add: RFC 3207 section 4 (STARTTLS),
# RFC 4954 section 4 (AUTH), RFC 7504 (521, 556).
_ANYWHERE: Final = frozenset({500, 501, 421})
_HELLO: Final = frozenset({250, 504, 550, 502})
_CONTENT: Final = frozenset({250, 552, 554, 451, 452, 450, 550})
_USUAL: Final = {
    "greeting": frozenset({220, 554, 521}),
    "EHLO": _HELLO,
    "HELO": _HELLO,
    "MAIL": frozenset({250, 552, 451, 452, 550, 553, 503, 455, 555}),
    "RCPT": frozenset(
        {250, 251, 550, 551, 552, 553, 450, 451, 452, 503, 455, 555, 556}
    ),
    "DATA": frozenset({354, 503, 554}) | _CONTENT - {250},
    "eod": _CONTENT,
    "RSET": frozenset({250}),
    "VRFY": frozenset({250, 251, 252, 550, 551, 553, 502, 504}),
    "EXPN": frozenset({250, 252, 550, 500, 502, 504}),
    "HELP": frozenset({211, 214, 502, 504}),
    "NOOP": frozenset({250}),
    "QUIT": frozenset({221}),
    "STARTTLS": frozenset({220, 454, 502, 503}),
    "AUTH": frozenset({235, 334, 432, 454, 503, 504, 534, 535, 538}),
}
# "AUTH first" (RFC 4954 section 6) or "STARTTLS first" (RFC 3207 section 4).
_NEVER_530: Final = frozenset({"greeting", "EHLO", "HELO", "NOOP", "QUIT", "STARTTLS"})

# RFC 5321 section 4.5.3.2, in ms.
_PATIENCE_MS: Final = {"data": 120_000.0, "eod": 600_000.0, "body": 600_000.0}
_ENHANCED: Final = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)"


def _key(turn: Turn) -> str:
    if turn.step in {"greeting", "eod"}:
        return turn.step
    return turn.verb or ("AUTH" if turn.step == "auth" else "")


def _code_in_range(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if (turn.code or 0) // 10 % 10 > 5:
            yield failed(
                turn, f"{turn.code} is no reply code: the second digit goes to 5"
            )
        else:
            yield passed(turn)


def _code_listed(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if turn.code in REPLY_CODES:
            yield passed(turn)
        else:
            yield warned(turn, f"{turn.code} stands in no RFC")


def _code_usual(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        key = _key(turn)
        if key not in _USUAL or turn.code not in REPLY_CODES:
            continue
        if not talk.commands and key != "greeting":
            continue
        fits = turn.code in _USUAL[key] | _ANYWHERE
        if fits or (turn.code == 530 and key not in _NEVER_530):
            yield passed(turn)
        else:
            yield warned(turn, f"{turn.code} is not among the replies to {turn.name}")


def _has_enhanced_codes(turn: Turn) -> bool:
    """Whether this is a reply that carries them (RFC 2034 section 4)."""
    return turn.step not in {"greeting", "ehlo"} and (turn.code or 0) // 100 != 3


def _enhanced_class(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if turn.enhanced is None:
            continue
        if int(turn.enhanced[0]) == (turn.code or 0) // 100:
            yield passed(turn)
        else:
            yield failed(turn, f"{turn.enhanced} contradicts the code {turn.code}")


def _enhanced_there(talk: Talk) -> Verdicts:
    if not talk.offers("ENHANCEDSTATUSCODES"):
        return
    for turn in filter(_has_enhanced_codes, talk.replies):
        having = [bool(re.match(_ENHANCED, line)) for line in turn.lines]
        if all(having):
            yield passed(turn)
        elif any(having):
            yield failed(turn, f"not every line of {turn.code} has an enhanced code")
        else:
            yield failed(turn, f"{turn.name} was answered without an enhanced code")


def _enhanced_not_here(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if _has_enhanced_codes(turn):
            continue
        if turn.enhanced is None:
            yield passed(turn)
        else:
            yield warned(turn, f"the reply to {turn.name} has an enhanced code")


def _line_length(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if len(turn.lines) == 1:
            longest = turn.n_received
        else:
            longest = max(len(line.encode()) for line in turn.lines) + len("250-\r\n")
        if longest <= MAX_REPLY_LINE:
            yield passed(turn)
        else:
            yield failed(turn, f"a reply line has {longest} octets; 512 are the limit")


def _line_end(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if turn.bare_lf:
            yield failed(turn, "a reply line ends in LF without CR")
        else:
            yield passed(turn)


def _faults(talk: Talk, kind: str) -> Iterator[Event]:
    """The events of one class of error."""
    for event in talk.events:
        if event.event == "error" and event.facts.get("kind") == kind:
            yield event


def _unasked(talk: Talk) -> Iterator[str]:
    """What the server said without being asked."""
    for event in talk.events:
        if event.facts.get("what") == "surplus":
            yield event.text or ""


def _framing(talk: Talk) -> Verdicts:
    turns: dict[int | None, Turn] = {turn.no: turn for turn in talk.turns}
    for event in _faults(talk, "RemoteProtocolError"):
        turn = turns.get(event.exchange_no)
        yield failed(turn, "what came is no reply", event.text or "")
    for turn in talk.replies:
        yield passed(turn)


def _one_reply(talk: Talk) -> Verdicts:
    for text in _unasked(talk):
        # RFC 5321 section 3.8 lets a server that shuts down say so at any time.
        if text.startswith("421"):
            yield passed(None, text)
        else:
            yield failed(None, "the server spoke without being asked", text)
    for turn in talk.replies:
        yield passed(turn)


def _text_there(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if turn.text:
            yield passed(turn)
        else:
            yield warned(turn, f"{turn.name} was answered with a bare code")


def _text_ascii(talk: Talk) -> Verdicts:
    # RFC 6531 section 3.7.4: a client that says SMTPUTF8 can read it.
    utf8 = any("SMTPUTF8" in turn.argument.upper() for turn in talk.turns)
    for turn in talk.replies:
        if utf8 or all(c in "\t\n" or " " <= c <= "~" for c in turn.text):
            yield passed(turn)
        else:
            yield warned(turn, f"the reply to {turn.name} is not plain ASCII text")


def _in_time(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        limit, took = _PATIENCE_MS.get(turn.step, IDLE_MS), turn.latency_ms or 0.0
        if took <= limit:
            yield passed(turn)
        else:
            seconds = f"{took / 1000:.0f} s; clients wait {limit / 1000:.0f} s"
            yield warned(turn, f"the reply to {turn.name} took {seconds}")


def _stays(talk: Talk) -> Verdicts:
    for turn in talk.turns:
        if turn.verb == "QUIT" and turn.code is not None:
            yield passed(turn)
        lost_here = turn.fault == "ConnectionLost" and not turn.before.closing
        if lost_here and turn.verb != "QUIT":
            yield failed(turn, f"it closed at {turn.name} instead of answering")
    yield from _closes_in_silence(talk)


def _closes_in_silence(talk: Talk) -> Verdicts:
    """Judge a connection that was lost while nothing was asked."""
    last = talk.replies[-1] if talk.replies else None
    said_why = any(text.startswith("421") for text in _unasked(talk))
    if last is None or last.code == 421 or said_why:
        return
    for event in _faults(talk, "ConnectionLost"):
        idle = event.t_ms - last.t_ms - (last.latency_ms or 0.0)
        if event.exchange_no is None and idle < IDLE_MS:
            yield failed(last, f"it closed after {last.name} without a 421")


def _closes_after_421(talk: Talk) -> Verdicts:
    said = [turn for turn in talk.replies if turn.code == 421]
    later = [t for t in talk.replies if t.before.closing and t.verb != "QUIT"]
    for turn in later:
        yield warned(turn, "it went on answering after a 421")
    if said:
        yield passed(said[0])


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
        "RFC 5321 4.2.2",
        "after a 421 no command was answered",
        _closes_after_421,
    ),
)
