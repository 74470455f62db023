"""Rules about what each command must be answered, in order and out of order.

530 (AUTH or TLS first) is an answer to another question, and judged by no rule here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules.verdict import Rule, Verdicts, failed, passed, warned

if TYPE_CHECKING:
    from smtpnb.analysis.lint.rules.talk import Talk, Turn

MAX_COMMAND_LINE: Final = 512
MIN_RECIPIENTS: Final = 100
_LONG: Final = 400  # short enough for nobody to care

# RFC 5321 section 4.5.1; VRFY has a rule of its own.
_REQUIRED: Final = ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
_KNOWN: Final = frozenset(
    {*_REQUIRED, "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH", "BDAT", "BURL", "ETRN"}
    | {"ATRN", "TURN", "SEND", "SOML", "SAML", "LHLO", ".", "*"}
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


def _short(turn: Turn) -> bool:
    """Whether the line is within RFC 5321 section 4.5.3.1.4."""
    return turn.n_sent <= MAX_COMMAND_LINE


def _required(talk: Talk) -> Verdicts:
    for verb in _REQUIRED:
        turns = [turn for turn in talk.said(verb) if _short(turn)]
        if not turns:
            continue
        known = [turn for turn in turns if turn.code not in {500, 502}]
        if known:
            yield passed(known[0])
        else:
            yield failed(turns[0], f"{verb} is not implemented")


def _done(talk: Talk) -> Verdicts:
    for turn in filter(_short, talk.said("RSET", "NOOP")):
        if turn.code == 250:
            yield passed(turn)
        elif turn.code not in {421, 530}:
            yield failed(turn, f"{turn.verb} was answered {turn.code}, not 250")


def _goodbye(talk: Talk) -> Verdicts:
    for turn in talk.turns:
        if turn.verb != "QUIT" or turn.code == 421 or turn.before.closing:
            continue
        if turn.code == 221:
            yield passed(turn)
        elif turn.code is not None:
            yield failed(turn, f"QUIT was answered {turn.code}, not 221")
        elif turn.fault == "ConnectionLost":
            yield failed(turn, "QUIT was not answered")


def _help(talk: Talk) -> Verdicts:
    for turn in talk.said("HELP"):
        if turn.accepted:
            yield passed(turn)
        elif turn.refused:
            yield warned(turn, "HELP is not supported")


def _vrfy(talk: Talk) -> Verdicts:
    for turn in talk.said("VRFY"):
        if turn.code in {250, 251} and "@" not in turn.text:
            yield failed(turn, f"VRFY was answered {turn.code}, and names no mailbox")
        elif turn.code in {500, 502, 504}:
            yield warned(turn, "VRFY is not implemented; 252 is meant for that")
        elif turn.accepted or turn.refused:
            yield passed(turn)


def _unknown(talk: Talk) -> Verdicts:
    for turn in talk.commands:
        if turn.verb in _KNOWN:
            continue
        if turn.verb in (turn.before.offered or ()):
            continue
        if turn.code == 500:
            yield passed(turn)
        elif turn.accepted:
            yield failed(turn, f"{turn.verb} is no command, and was accepted")
        elif turn.refused:
            yield warned(turn, f"{turn.verb} was refused with {turn.code}, not 500")


def _without_mail(talk: Talk, ended_by: str, when: str) -> Verdicts:
    """Judge RCPT where no transaction is open."""
    for turn in talk.said("RCPT"):
        if turn.before.open or turn.before.ended_by != ended_by:
            continue
        if turn.code == 503:
            yield passed(turn)
        elif turn.accepted:
            yield failed(turn, f"RCPT was accepted {when}")
        elif turn.refused:
            yield warned(turn, f"RCPT {when} was refused with {turn.code}, not 503")


def _mail_first(talk: Talk) -> Verdicts:
    return _without_mail(talk, "", "without MAIL")


def _rset_ends(talk: Talk) -> Verdicts:
    return _without_mail(talk, "RSET", "after RSET")


def _ehlo_ends(talk: Talk) -> Verdicts:
    return _without_mail(talk, "EHLO", "after EHLO")


def _hello_first(talk: Talk) -> Verdicts:
    for turn in talk.said("MAIL"):
        if turn.before.greeted:
            continue
        if turn.accepted:
            yield warned(turn, "MAIL was accepted before EHLO")
        elif turn.refused:
            yield passed(turn)


def _mail_once(talk: Talk) -> Verdicts:
    for turn in talk.said("MAIL"):
        if not turn.before.open:
            continue
        if turn.code == 503:
            yield passed(turn)
        elif turn.accepted:
            yield warned(turn, "MAIL was accepted within a transaction")
        elif turn.refused:
            yield warned(turn, f"a second MAIL was refused with {turn.code}, not 503")


def _in_lower_case(turn: Turn) -> bool:
    """Whether the verb, or FROM or TO, was said in lower case."""
    verb = turn.line[: len(turn.verb)]
    word = re.match("(?i)(?:FROM|TO) ?:", turn.argument)
    return verb != turn.verb or (word is not None and not word[0].isupper())


def _any_case(talk: Talk) -> Verdicts:
    for turn in filter(_short, talk.commands):
        if not _in_lower_case(turn):
            continue
        if turn.code in {500, 501, 502}:
            yield failed(turn, f"{turn.verb} was not understood in lower case")
        else:
            yield passed(turn)


def _null_path(talk: Talk) -> Verdicts:
    for turn in talk.said("MAIL"):
        if turn.before.open or not re.match("(?i)FROM: ?<>", turn.argument):
            continue
        if turn.accepted:
            yield passed(turn)
        elif turn.refused and turn.code != 503:
            says = failed if (turn.code or 0) >= 500 else warned
            yield says(turn, "the null reverse-path was refused")


def _postmaster(talk: Talk) -> Verdicts:
    for turn in talk.said("RCPT"):
        to_postmaster = re.match("(?i)TO: ?<postmaster>", turn.argument)
        if not (turn.before.open and to_postmaster):
            continue
        if turn.accepted:
            yield passed(turn)
        elif turn.refused:
            says = failed if (turn.code or 0) >= 500 else warned
            yield says(turn, "postmaster was refused")


def _not_offered(turn: Turn) -> list[str]:
    """The parameters of MAIL or RCPT whose extension was not offered."""
    after_path = turn.argument.rpartition(">")[2].split()
    names = [word.partition("=")[0].upper() for word in after_path]
    offered = turn.before.offered or {}
    return [name for name in names if _EXTENSION_OF.get(name) not in offered]


def _parameters(talk: Talk) -> Verdicts:
    for turn in talk.said("MAIL", "RCPT"):
        if turn.before.offered is None or not _not_offered(turn):
            continue
        name = _not_offered(turn)[0]
        if turn.code == 555:
            yield passed(turn)
        elif turn.accepted:
            yield failed(turn, f"{name} was not offered, and was accepted")
        elif turn.code in {500, 501, 504}:
            yield warned(turn, f"{name} was refused with {turn.code}, not 555")


def _no_space(talk: Talk) -> Verdicts:
    for turn in talk.said("MAIL", "RCPT"):
        if not re.match("(?i)(FROM|TO)( +:|: )", turn.argument):
            continue
        if turn.accepted:
            yield warned(turn, f"a space at the colon of {turn.verb} was accepted")
        elif turn.refused:
            yield passed(turn)


def _long_line(talk: Talk) -> Verdicts:
    for turn in talk.commands:
        if turn.step in {"eod", "body", "auth"} or not _LONG < turn.n_sent <= 512:
            continue
        if turn.code == 500:
            yield failed(turn, f"a line of {turn.n_sent} octets was refused")
        else:
            yield passed(turn)


def _recipients(talk: Talk) -> Verdicts:
    for turn in talk.said("RCPT"):
        # RFC 3463 section 3.6: X.5.3, too many recipients.
        too_many = (turn.enhanced or "").endswith(".5.3")
        if too_many and turn.before.recipients < MIN_RECIPIENTS:
            n = turn.before.recipients
            yield failed(turn, f"{n} recipients were too many; 100 are the least")
        elif turn.accepted and turn.before.recipients == MIN_RECIPIENTS - 1:
            yield passed(turn)


RULES: Final = (
    Rule(
        "required",
        "RFC 5321 4.5.1",
        "the required commands that were said are implemented",
        _required,
    ),
    Rule("done", "RFC 5321 4.1.1.5", "RSET and NOOP are answered 250", _done),
    Rule("goodbye", "RFC 5321 4.1.1.10", "QUIT is answered 221", _goodbye),
    Rule("help", "RFC 5321 4.1.1.8", "HELP is supported", _help),
    Rule("vrfy", "RFC 5321 3.5.3", "VRFY says what it knows, or 252", _vrfy),
    Rule(
        "unknown-command",
        "RFC 5321 4.2.4",
        "a command that does not exist is answered 500",
        _unknown,
    ),
    Rule("hello-first", "RFC 5321 4.1.4", "MAIL needs EHLO first", _hello_first),
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
        "RFC 1123 5.2.9",
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
        "no-space",
        "RFC 5321 3.3",
        "a space at the colon of MAIL or RCPT is refused",
        _no_space,
    ),
    Rule(
        "long-line",
        "RFC 5321 4.5.3.1.4",
        "a command line of up to 512 octets is read",
        _long_line,
    ),
    Rule(
        "recipients",
        "RFC 5321 4.5.3.1.8",
        "100 recipients are taken",
        _recipients,
    ),
)
