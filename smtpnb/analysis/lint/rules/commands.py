"""Rules about what each command must be answered, in order and out of order.

530 (AUTH or TLS first) is an answer to another question, and so is a reply that ends
the session (`Turns.ending`); no rule here judges them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from smtpnb.analysis.lint.rules.rule import Rule, Verdicts, failed, passed, warned

if TYPE_CHECKING:
    from smtpnb.analysis.lint.turns import Mask, Turns

MIN_RECIPIENTS: Final = 100
_LONG: Final = 400  # short enough for nobody to care

# RFC 5321 section 4.5.1; VRFY has a rule of its own.
_REQUIRED: Final = ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
_OTHERS: Final = (
    *("VRFY", "EXPN", "HELP", "STARTTLS", "AUTH", "BDAT", "BURL", "ETRN", "ATRN"),
    *("TURN", "SEND", "SOML", "SAML", "LHLO", "XCLIENT", "XFORWARD", ".", "*"),
)
# The extension that defines a parameter of MAIL or RCPT.
_EXTENSION_OF: Final = {
    "SIZE": "SIZE",  # RFC 1870
    "BODY": "8BITMIME",  # RFC 6152
    "SMTPUTF8": "SMTPUTF8",  # RFC 6531
    "RET": "DSN",  # RFC 3461
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
    "AUTH": "AUTH",  # RFC 4954
    "BY": "DELIVERBY",  # RFC 2852
    "HOLDFOR": "FUTURERELEASE",  # RFC 4865
    "HOLDUNTIL": "FUTURERELEASE",
    "MT-PRIORITY": "MT-PRIORITY",  # RFC 6710
    "RRVS": "RRVS",  # RFC 7293
    "REQUIRETLS": "REQUIRETLS",  # RFC 8689
}
# A refusal that speaks of the length of a line, and one that speaks of a number of
# recipients: the codes (500; 452, 552, 550) have other meanings as well.
_TOO_LONG: Final = r"(?i)\b(?:long|length|exceed|too large|limit)"
_TOO_MANY: Final = (
    r"(?i)\b(?:too many|maximum|max|limit|exceed\w*)\b.{0,40}"
    r"\b(?:recipients?|rcpts?|addresses)\b"
    r"|\b(?:recipients?|rcpts?)\b.{0,40}\b(?:limit|max|maximum|exceeded|too many)\b"
)


def _required(turns: Turns) -> Verdicts:
    for verb in _REQUIRED:
        said = turns.said(verb) & turns.short & ~turns.ending
        if verb in {"EHLO", "HELO"}:
            said = said & ~turns.lmtp
        if verb == "NOOP":  # `done` judges one with a text
            said = said & ~turns.like("argument", ".", said)
        known = said & ~turns.code_in((500, 502))
        yield passed(known)
        # One that was understood once is there, whatever came of it another time.
        yield failed(said & ~turns.in_session(known), "{verb} is not implemented")


def _lmtp(turns: Turns) -> Verdicts:
    hello = turns.lmtp & turns.said("EHLO", "HELO") & turns.code_in((500, 502))
    what = "this is LMTP (RFC 2033): it wants LHLO, and other rules than SMTP's"
    yield warned(hello, what)


def _done(turns: Turns) -> Verdicts:
    asked = turns.said("RSET", "NOOP") & turns.short
    good = turns.code_in((250,))
    wrong = asked & ~good & ~turns.ending & ~turns.code_in((530,))
    # A server SHOULD ignore what follows NOOP.
    argued = turns.like("argument", ".", wrong)
    yield passed(asked & good)
    yield failed(wrong & ~argued, "{verb} was answered {code}, not 250")
    yield warned(argued, "{verb} with a text was answered {code}, not 250")


def _goodbye(turns: Turns) -> Verdicts:
    said = turns.verb("QUIT") & ~turns.closing & ~turns.ending
    good = said & turns.code_in((221,))
    yield passed(good)
    wrong = said & turns.answered & ~good
    yield failed(wrong, "QUIT was answered {code}, not 221")
    silent = said & ~turns.answered & turns.fault("ConnectionLost")
    yield failed(silent, "QUIT was not answered")


def _help(turns: Turns) -> Verdicts:
    asked = turns.said("HELP")
    works = asked & turns.code_in((211, 214))
    yield passed(works)
    wrong = asked & (turns.accepted | turns.refused) & ~works
    yield warned(wrong, "HELP is not supported: it was answered {code}")


def _vrfy(turns: Turns) -> Verdicts:
    asked = turns.said("VRFY") & ~turns.lmtp & ~turns.ending
    # Section 4.5.1 requires it, and section 7.3 has 252 for sites that disable it.
    missing = asked & turns.code_in((500, 502))
    yield failed(missing, "VRFY is not implemented; 252 is meant for that")
    halfway = asked & turns.code_in((504,))
    yield warned(halfway, "VRFY is not implemented for that; 252 is meant for it")
    verified = asked & turns.code_in((250, 251))
    named = turns.like("text", "@", verified)
    what = "VRFY was answered {code}, and names no mailbox"
    yield failed(verified & ~named, what)  # section 3.5.2
    told = turns.accepted | turns.refused
    yield passed(asked & told & ~missing & ~halfway & ~(verified & ~named))


def _unknown(turns: Turns) -> Verdicts:
    asked = turns.commands & ~turns.verb(*_REQUIRED, *_OTHERS)
    # An extension may define a verb that is called like itself.
    for verb in sorted(set(map(str, turns.values("verb", np.flatnonzero(asked))))):
        asked = asked & ~(turns.verb(verb) & turns.offered(re.escape(verb)))
    good = asked & turns.code_in((500,))
    yield passed(good)
    yield failed(asked & turns.accepted, "{verb} is no command, and was accepted")
    other = asked & turns.refused & ~good
    yield warned(other, "{verb} was refused with {code}, not 500")


def _without_mail(turns: Turns, ended_by: str, when: str) -> Verdicts:
    """Judge RCPT where no transaction is open."""
    asked = turns.said("RCPT") & ~turns.open & ~turns.unsure & turns.ended_by(ended_by)
    good = asked & turns.code_in((503,))
    yield passed(good)
    yield failed(asked & turns.accepted, f"RCPT was accepted {when}")
    other = asked & turns.refused & ~good
    yield warned(other, f"RCPT {when} was refused with {{code}}, not 503")


def _mail_first(turns: Turns) -> Verdicts:
    return _without_mail(turns, "", "without MAIL")


def _rset_ends(turns: Turns) -> Verdicts:
    return _without_mail(turns, "RSET", "after RSET")


def _ehlo_ends(turns: Turns) -> Verdicts:
    return _without_mail(turns, "EHLO", "after EHLO")


def _hello_first(turns: Turns) -> Verdicts:
    asked = turns.said("MAIL") & ~turns.greeted
    yield warned(asked & turns.accepted, "MAIL was accepted before EHLO")
    yield passed(asked & turns.refused)


def _hello_again(turns: Turns) -> Verdicts:
    asked = turns.said("EHLO", "LHLO") & turns.greeted
    yield passed(asked & turns.accepted)
    refused = asked & turns.refused
    # What EHLO may be refused with is listed; that it is out of order is not.
    order = refused & turns.code_in((503,))
    yield failed(order, "a second {verb} was refused as out of order")
    yield warned(refused & ~order, "a second {verb} was refused with {code}")


def _mail_once(turns: Turns) -> Verdicts:
    asked = turns.said("MAIL") & turns.open & ~turns.unsure
    good = asked & turns.code_in((503,))
    yield passed(good)
    yield warned(asked & turns.accepted, "MAIL was accepted within a transaction")
    other = asked & turns.refused & ~good
    yield warned(other, "a second MAIL was refused with {code}, not 503")


def _any_case(turns: Turns) -> Verdicts:
    said = turns.commands & turns.short
    lower = turns.like("line", r"^[A-Z]*[a-z]|^[A-Za-z]+ (?:f|F[A-Z]*[a-z])[A-Za-z]* ?:"
                       r"|^[A-Za-z]+ (?:t|T[A-Z]*[a-z])[A-Za-z]* ?:", said)  # fmt: skip
    wrong = lower & turns.code_in((500, 501, 502))
    yield failed(wrong, "{verb} was not understood in lower case")
    yield passed(lower & ~wrong)


def _null_path(turns: Turns) -> Verdicts:
    asked = turns.like("argument", "(?i)^FROM: ?<>", turns.said("MAIL") & ~turns.open)
    yield passed(asked & turns.accepted)
    refused = asked & turns.refused & ~turns.code_in((503,))
    for_good = refused & turns.code_in(range(500, 600))
    yield failed(for_good, "the null reverse-path was refused")
    yield warned(refused & ~for_good, "the null reverse-path was refused")


def _postmaster(turns: Turns) -> Verdicts:
    asked = turns.said("RCPT") & turns.open
    asked = turns.like("argument", "(?i)^TO: ?<postmaster>", asked)
    yield passed(asked & turns.accepted)
    refused = asked & turns.refused
    for_good = refused & turns.code_in(range(500, 600))
    yield failed(for_good, "postmaster was refused")
    yield warned(refused & ~for_good, "postmaster was refused")


def _not_offered(turns: Turns) -> tuple[Mask, list[str]]:
    """MAIL and RCPT with a parameter whose extension was not offered, and its name."""
    asked = turns.said("MAIL", "RCPT") & turns.offer_known
    asked = turns.like("argument", "> *[^ ]", asked)
    at = np.flatnonzero(asked)
    after_path = (text.rpartition(">")[2] for text in turns.texts("argument", at))
    names = [
        [word.partition("=")[0].upper() for word in text.split()] for text in after_path
    ]
    offered = {
        name: turns.offered(re.escape(_EXTENSION_OF.get(name, name)))
        for name in {name for each in names for name in each}
    }
    first = [
        next((name for name in each if not offered[name][place]), None)
        for place, each in zip(at.tolist(), names, strict=True)
    ]
    found = np.zeros(len(turns), bool)
    found[at[[name is not None for name in first]]] = True
    return found, [name for name in first if name is not None]


def _parameters(turns: Turns) -> Verdicts:
    asked, names = _not_offered(turns)
    chosen = np.array(names, object)

    def of(mask: Mask) -> list[str]:
        return list(chosen[mask[asked]])

    good = asked & turns.code_in((555,))
    yield passed(good)
    taken = asked & turns.accepted
    what = "{parameter} was not offered, and was accepted"
    yield failed(taken, what, parameter=of(taken))
    # 503 is about the parameter only where MAIL or RCPT is in order.
    in_order = np.where(turns.verb("MAIL"), ~turns.open & turns.greeted, turns.open)
    other = turns.code_in((500, 501, 504)) | (turns.code_in((503,)) & in_order)
    other = asked & other & turns.refused
    what = "{parameter} was refused with {code}, not 555"
    yield warned(other, what, parameter=of(other))


def _long_line(turns: Turns) -> Verdicts:
    lines = turns.commands & ~turns.at("eod", "body", "auth")
    lines = lines & (turns.n_sent > _LONG) & turns.short
    wrong = turns.like("text", _TOO_LONG, lines & turns.refused)
    yield failed(wrong, "a line of {n_sent} octets was refused as too long")
    yield passed(lines & turns.accepted)


def _recipients(turns: Turns) -> Verdicts:
    asked = turns.said("RCPT")
    # RFC 3463 section 3.6: X.5.3, too many recipients.
    too_many = turns.like("enhanced", r"\.5\.3$", asked & turns.refused)
    too_many |= turns.like("text", _TOO_MANY, asked & turns.refused)
    early = too_many & (turns.recipients < MIN_RECIPIENTS)
    what = "{recipients} recipients were too many; 100 are the least"
    yield failed(early, what)
    yield passed(asked & turns.accepted & (turns.recipients == MIN_RECIPIENTS - 1))


def _initial_response(turns: Turns) -> Verdicts:
    # A mechanism alone: the server says "334 ", and the response follows.
    bare = turns.like("argument", r"^[A-Za-z0-9_-]+ *$", turns.said("AUTH"))
    at = np.flatnonzero(bare)
    names = [text.strip().upper() for text in turns.texts("argument", at)]
    offered = np.zeros(len(turns), bool)
    for name in set(names):
        pattern = rf"(?i)\nAUTH[ =](?:[^\n]* )?{re.escape(name)}(?:[ \n]|$)"
        standing = turns.standing(turns.like("text", pattern, turns.ehlos))
        mine = at[[each == name for each in names]]
        offered[mine] = standing[mine]
    wrong = offered & turns.code_in((500, 501, 504))
    what = "{verb} {argument} is offered, and refused without an initial response"
    yield failed(wrong, what)
    yield passed(offered & turns.code_in((334,)))


def _auth_once(turns: Turns) -> Verdicts:
    done = turns.at("auth") & turns.code_in((235,))
    later = turns.said("AUTH") & turns.after(done)
    good = later & turns.code_in((503,))
    yield passed(good)
    taken = turns.accepted | turns.code_in((334,))
    yield failed(later & taken, "a second AUTH was answered {code}, not 503")
    other = later & turns.refused & ~good
    yield warned(other, "a second AUTH was refused with {code}, not 503")


def _auth_outside(turns: Turns) -> Verdicts:
    asked = turns.said("AUTH") & turns.open & ~turns.unsure
    good = asked & turns.code_in((503,))
    yield passed(good)
    taken = turns.accepted | turns.code_in((334,))
    what = "AUTH within a transaction was answered {code}, not 503"
    yield failed(asked & taken, what)
    other = asked & turns.refused & ~good
    yield warned(other, "AUTH within a transaction was refused with {code}, not 503")


def _for_somebody(turns: Turns) -> Verdicts:
    end = turns.answered & turns.at("eod") & turns.served & ~turns.lmtp
    nobody = end & turns.open & (turns.recipients == 0)
    # No MUST says so of the end of data; section 3.3 has 503 or 554 for it.
    yield warned(nobody & turns.accepted, "content was accepted for no recipient")
    yield passed(nobody & turns.refused)


# As `line` shows what was sent raw: CR is written out, the last CRLF is left out.
_CR: Final = r"\\x0d"


def _end_of_data(turns: Turns) -> Verdicts:
    # Content that we framed ourselves ends in CRLF "." CRLF: its line is "." alone.
    raw = turns.answered & turns.at("eod") & turns.verb(".")
    raw = turns.like("line", r"[^.]", raw)
    ended = turns.like("line", rf"(?:^|{_CR}\n)\.$", raw)
    early = raw & turns.accepted & ~ended
    yield failed(early, "content that ended in LF without CR was taken for whole")
    begun = turns.at("data") & turns.code_in((354,))
    went_on = turns.answered & turns.accepted & ~turns.at("eod") & turns.behind(begun)
    yield failed(went_on, "content was accepted before its end was sent")
    # A bare dot within, and the end sent whole: what is answered next tells.
    bare = r"(?:^|[^d]|[^0]d)\n\.(?:\n|\\x0d)"
    behind = turns.behind(turns.like("line", bare, raw & ended & turns.accepted))
    what = "what stood behind a dot on a bare line was taken for commands"
    yield failed(behind & turns.code_in((500, 501, 502, 503)), what)
    yield passed(behind & turns.accepted)


RULES: Final = (
    Rule("smtp", "RFC 2033 4.1", "the server speaks SMTP", _lmtp),
    Rule(
        "required",
        "RFC 5321 4.5.1",
        "the required commands that were said are implemented",
        _required,
    ),
    Rule("done", "RFC 5321 4.1.1.5, 4.1.1.9", "RSET and NOOP are answered 250", _done),
    Rule("goodbye", "RFC 5321 4.1.1.10", "QUIT is answered 221", _goodbye),
    Rule("help", "RFC 5321 4.1.1.8", "HELP is supported", _help),
    Rule(
        "vrfy",
        "RFC 5321 3.5.2, 4.5.1, 7.3",
        "VRFY says what it knows, or 252",
        _vrfy,
    ),
    Rule(
        "unknown-command",
        "RFC 5321 4.2.4",
        "a command that does not exist is answered 500",
        _unknown,
    ),
    Rule("hello-first", "RFC 5321 4.1.4", "MAIL needs EHLO first", _hello_first),
    Rule("hello-again", "RFC 5321 4.1.4", "EHLO may be said again", _hello_again),
    Rule(
        "mail-first", "RFC 5321 3.3", "RCPT without MAIL is answered 503", _mail_first
    ),
    Rule(
        "mail-once",
        "RFC 5321 4.1.4",
        "MAIL within a transaction is answered 503",
        _mail_once,
    ),
    Rule("rset-ends", "RFC 5321 4.1.1.5", "RSET ends a transaction", _rset_ends),
    Rule("ehlo-ends", "RFC 5321 4.1.4", "EHLO ends a transaction", _ehlo_ends),
    Rule(
        "any-case",
        "RFC 5321 2.4",
        "commands are understood in lower case",
        _any_case,
    ),
    Rule(
        "null-path",
        "RFC 5321 4.1.2, 4.5.5",
        "the null reverse-path is accepted",
        _null_path,
    ),
    Rule(
        "postmaster",
        "RFC 5321 4.5.1",
        "postmaster without a domain is accepted",
        _postmaster,
    ),
    Rule(
        "parameters",
        "RFC 5321 4.1.1.11",
        "a parameter that was not offered is answered 555",
        _parameters,
    ),
    Rule(
        "long-line",
        "RFC 5321 4.5.3.1.4",
        "a command line of up to 512 octets is read",
        _long_line,
    ),
    Rule(
        "recipients",
        "RFC 5321 4.5.3.1.8, 4.5.3.1.10",
        "100 recipients are taken",
        _recipients,
    ),
    Rule(
        "end-of-data",
        "RFC 5321 4.1.1.4",
        "only CRLF, a dot, CRLF ends the content",
        _end_of_data,
    ),
    Rule(
        "for-somebody",
        "RFC 5321 3.3",
        "content for no recipient is refused",
        _for_somebody,
    ),
    Rule("auth-once", "RFC 4954 4", "a second AUTH is answered 503", _auth_once),
    Rule(
        "auth-outside",
        "RFC 4954 4",
        "AUTH within a transaction is answered 503",
        _auth_outside,
    ),
    Rule(
        "initial-response",
        "RFC 4954 4",
        "AUTH without an initial response gets a challenge",
        _initial_response,
    ),
)
