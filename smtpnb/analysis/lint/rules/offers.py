"""Rules about what a server says of itself: the greeting, EHLO, what it offers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules.talk import Talk, Turn, offer_of
from smtpnb.analysis.lint.rules.verdict import Rule, Verdicts, failed, passed, warned

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL: Final = r"\[[!-Z^-~]+\]"
_KEYWORD: Final = "[A-Za-z0-9][A-Za-z0-9-]*"
_PARAMETER: Final = "[!-~]+"
_PASSWORD_IN_CLEAR: Final = frozenset({"PLAIN", "LOGIN"})
MIN_SIZE: Final = 64 * 1024  # RFC 5321 section 4.5.3.1.7

# Which keyword announces a verb that need not be there (RFC 5321 section 4.5.1).
_ANNOUNCED_BY: Final = {
    "HELP": "HELP",
    "EXPN": "EXPN",
    "ETRN": "ETRN",
    "STARTTLS": "STARTTLS",
    "AUTH": "AUTH",
    "BDAT": "CHUNKING",
}


def _ehlos(talk: Talk) -> Iterator[Turn]:
    return (turn for turn in talk.said("EHLO") if turn.accepted)


def _name(turn: Turn, where: str) -> Verdicts:
    """Judge the name that begins a text (RFC 5321 sections 2.3.5 and 4.1.2)."""
    word = turn.lines[0].split(" ", 1)[0]
    if re.fullmatch(_LITERAL, word):
        yield passed(turn)
    elif not re.fullmatch(_DOMAIN, word):
        yield failed(turn, f"{where} begins with no host name")
    elif "." not in word:
        yield warned(turn, f"{where} names no fully-qualified host")
    else:
        yield passed(turn)


def _greeting_name(talk: Talk) -> Verdicts:
    for turn in talk.replies:
        if turn.step == "greeting" and turn.code == 220:
            yield from _name(turn, "the greeting")


def _ehlo_name(talk: Talk) -> Verdicts:
    for turn in talk.said("EHLO", "HELO"):
        if turn.accepted:
            yield from _name(turn, f"the reply to {turn.verb}")


def _keyword(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        fine = True
        for line in turn.lines[1:]:
            keyword, *parameters = line.split(" ")
            if not line.strip():
                fault = "a line of the EHLO reply has no keyword"
            elif keyword.upper().startswith("AUTH="):
                continue  # `auth-equals` judges it
            elif not re.fullmatch(_KEYWORD, keyword):
                fault = f'"{keyword}" is no EHLO keyword'
            elif not all(re.fullmatch(_PARAMETER, word) for word in parameters):
                fault = f"{keyword} has a parameter that is none"
            else:
                continue
            fine = False
            yield failed(turn, fault)
        if fine:
            yield passed(turn)


def _once(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        words = (line.split(" ", 1)[0].upper() for line in turn.lines[1:])
        twice = [word for word, n in Counter(filter(None, words)).items() if n > 1]
        for word in twice:
            yield warned(turn, f"{word} is offered more than once")
        if not twice:
            yield passed(turn)


def _helo_short(talk: Talk) -> Verdicts:
    for turn in talk.said("HELO"):
        if turn.accepted and len(turn.lines) > 1:
            yield failed(turn, "HELO was answered as if it were EHLO")
        elif turn.accepted:
            yield passed(turn)


def _auth_equals(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        if any(line.upper().startswith("AUTH=") for line in turn.lines[1:]):
            yield warned(turn, 'AUTH is offered in the form "AUTH=", of before 1999')
        elif "AUTH" in offer_of(turn.text):
            yield passed(turn)


def _auth_mechanisms(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        mechanisms = offer_of(turn.text).get("AUTH")
        if mechanisms == ():
            yield warned(turn, "AUTH is offered without a mechanism")
        elif mechanisms:
            yield passed(turn)


def _auth_in_clear(talk: Talk) -> Verdicts:
    if not talk.offers("AUTH"):
        return
    for turn in _ehlos(talk):
        names = {word.upper() for word in offer_of(turn.text).get("AUTH", ())}
        bare = sorted(names & _PASSWORD_IN_CLEAR)
        if bare and not turn.tls:
            yield warned(turn, f"AUTH {' '.join(bare)} is offered without TLS")
        else:
            yield passed(turn)


def _starttls_in_tls(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        if not turn.tls:
            continue
        if "STARTTLS" in offer_of(turn.text):
            yield failed(turn, "STARTTLS is offered within TLS")
        else:
            yield passed(turn)


def _size(talk: Talk) -> Verdicts:
    for turn in _ehlos(talk):
        values = offer_of(turn.text).get("SIZE")
        if values is None:
            continue
        limit = values[0] if values else "0"
        if len(values) > 1 or not re.fullmatch("[0-9]{1,20}", limit):
            yield failed(turn, "the parameter of SIZE is no number of octets")
        elif 0 < int(limit) < MIN_SIZE:
            yield failed(turn, f"SIZE allows {limit} octets; 65536 are the least")
        else:
            yield passed(turn)


def _offer_works(talk: Talk) -> Verdicts:
    keyword_of = {**_ANNOUNCED_BY, "VRFY": "VRFY"}
    for turn in talk.said(*keyword_of):
        if keyword_of[turn.verb] not in (turn.before.offered or ()):
            continue
        if turn.code in {500, 502}:
            yield failed(turn, f"{turn.verb} is offered, and not implemented")
        else:
            yield passed(turn)


def _works_are_offered(talk: Talk) -> Verdicts:
    for turn in talk.said(*_ANNOUNCED_BY):
        offered, keyword = turn.before.offered, _ANNOUNCED_BY[turn.verb]
        if turn.before.offered is None or not (turn.accepted or turn.code == 334):
            continue
        if keyword in (offered or ()):
            yield passed(turn)
        else:
            yield failed(turn, f"{turn.verb} works, and {keyword} is not offered")


RULES: Final = (
    Rule(
        "greeting-name",
        "RFC 5321 4.3.1",
        "the greeting begins with the name of the host",
        _greeting_name,
    ),
    Rule(
        "ehlo-name",
        "RFC 5321 4.1.1.1",
        "the reply to EHLO begins with the name of the host",
        _ehlo_name,
    ),
    Rule(
        "ehlo-keyword",
        "RFC 5321 4.1.1.1",
        "every line of the EHLO reply is a keyword with its parameters",
        _keyword,
    ),
    Rule("ehlo-once", "RFC 5321 4.1.1.1", "every keyword is offered once", _once),
    Rule("helo-short", "RFC 5321 3.2", "HELO is answered in one line", _helo_short),
    Rule(
        "auth-equals",
        "RFC 4954 3",
        "AUTH and its mechanisms are separated by spaces",
        _auth_equals,
    ),
    Rule(
        "auth-mechanisms",
        "RFC 4954 3",
        "AUTH is offered with its mechanisms",
        _auth_mechanisms,
    ),
    Rule(
        "auth-in-clear",
        "RFC 4954 4",
        "no password is asked for without TLS",
        _auth_in_clear,
    ),
    Rule(
        "starttls-in-tls",
        "RFC 3207 4.2",
        "STARTTLS is not offered within TLS",
        _starttls_in_tls,
    ),
    Rule("size", "RFC 1870 3", "SIZE is a limit that mail can live with", _size),
    Rule(
        "offer-works",
        "RFC 5321 4.2.4",
        "no command that was offered is unknown or not implemented",
        _offer_works,
    ),
    Rule(
        "works-offered",
        "RFC 5321 4.1.1.1",
        "every optional command that works is offered",
        _works_are_offered,
    ),
)
