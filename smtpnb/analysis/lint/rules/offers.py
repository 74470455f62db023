"""Rules about what a server says of itself: the greeting, EHLO, what it offers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from smtpnb.analysis.lint.rules.rule import Rule, Verdicts, failed, passed, warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.analysis.lint.turns import Mask, Turns

_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL: Final = r"\[[!-Z^-~]+\]"
_KEYWORD: Final = re.compile("[A-Za-z0-9][A-Za-z0-9-]*")
_PARAMETER: Final = re.compile("[!-~]+")
MIN_SIZE: Final = 64 * 1024  # RFC 5321 section 4.5.3.1.7

# Which keyword announces a verb that need not be there (RFC 5321 section 4.1.1.1).
_ANNOUNCED_BY: Final = {
    "HELP": "HELP",
    "EXPN": "EXPN",
    "ETRN": "ETRN",
    "STARTTLS": "STARTTLS",
    "AUTH": "AUTH",
    "BDAT": "CHUNKING",
}


def _named(turns: Turns, where: Mask, what: str) -> Verdicts:
    """Judge the name that begins a text (RFC 5321 sections 2.3.5 and 4.1.2)."""
    literal = turns.like("text", rf"^{_LITERAL}(?: |\n|$)", where)
    domain = turns.like("text", rf"^{_DOMAIN}(?: |\n|$)", where)
    alone = turns.like("text", rf"^{_LABEL}(?: |\n|$)", domain)
    yield failed(where & ~literal & ~domain, f"{what} begins with no host name")
    yield warned(alone, f"{what} names no fully-qualified host")
    yield passed(literal | (domain & ~alone))


def _greeting_name(turns: Turns) -> Verdicts:
    greeting = turns.at("greeting") & turns.code_in((220,))
    yield from _named(turns, greeting, "the greeting")


def _ehlo_name(turns: Turns) -> Verdicts:
    hello = turns.said("EHLO", "LHLO", "HELO") & turns.accepted
    yield from _named(turns, hello, "the reply to {verb}")


def _by_line(
    turns: Turns, wrong: Callable[[list[str]], Iterator[str]]
) -> Iterator[tuple[Mask, list[str]]]:
    """Yield the EHLO replies with something wrong, with words for it.

    Args:
        turns: All of them.
        wrong: From the lines that offer something to what is wrong with them.
    """
    at = np.flatnonzero(turns.ehlos)
    found: dict[int, list[tuple[int, str]]] = {}
    known: dict[str, list[str]] = {}
    for place, text in zip(at.tolist(), turns.texts("text", at), strict=True):
        offered = text.partition("\n")[2]
        if offered not in known:
            known[offered] = list(wrong(offered.split("\n"))) if offered else []
        for number, fault in enumerate(known[offered]):
            found.setdefault(number, []).append((place, fault))
    # A reply may have several faults; each of a kind of verdict for itself.
    for pairs in found.values():
        mask = np.zeros(len(turns), bool)
        mask[[place for place, _ in pairs]] = True
        yield mask, [fault for _, fault in pairs]


def _odd_lines(lines: list[str]) -> Iterator[str]:
    for line in lines:
        keyword, *parameters = line.split(" ")
        if not line.strip():
            yield "a line of the EHLO reply has no keyword"
        elif keyword.upper().startswith("AUTH="):
            continue  # `auth-equals` judges it
        elif not _KEYWORD.fullmatch(keyword):
            yield f'"{keyword}" is no EHLO keyword'
        elif not all(map(_PARAMETER.fullmatch, parameters)):
            yield f"{keyword} has a parameter that is none"


def _keyword(turns: Turns) -> Verdicts:
    fine = turns.ehlos
    for wrong, faults in _by_line(turns, _odd_lines):
        fine = fine & ~wrong
        yield failed(wrong, "{fault}", fault=faults)
    yield passed(fine)


def _twice(lines: list[str]) -> Iterator[str]:
    words = Counter(line.split(" ", 1)[0].upper() for line in lines)
    for word, n in words.items():
        if word and n > 1:
            yield f"{word} is offered more than once"


def _once(turns: Turns) -> Verdicts:
    fine = turns.ehlos
    for wrong, faults in _by_line(turns, _twice):
        fine = fine & ~wrong
        yield warned(wrong, "{fault}", fault=faults)
    yield passed(fine)


def _helo_short(turns: Turns) -> Verdicts:
    helo = turns.said("HELO") & turns.accepted
    long = turns.like("text", r"\n", helo)
    yield failed(long, "HELO was answered as if it were EHLO")
    yield passed(helo & ~long)


def _auth_equals(turns: Turns) -> Verdicts:
    old = turns.like("text", r"(?i)\nAUTH=", turns.ehlos)
    yield warned(old, 'AUTH is offered in the form "AUTH=", of before 1999')
    yield passed(turns.offers("AUTH") & ~old)


def _auth_mechanisms(turns: Turns) -> Verdicts:
    named = turns.like("text", r"(?i)\nAUTH[ =]+[^ \n]", turns.ehlos)
    yield warned(turns.offers("AUTH") & ~named, "AUTH is offered without a mechanism")
    yield passed(named)


def _auth_in_clear(turns: Turns) -> Verdicts:
    asked = turns.ehlos & turns.in_session(turns.offers("AUTH"))
    wrong = np.zeros(len(turns), bool)
    bare = {
        name: turns.like("text", rf"(?i)\nAUTH[ =](?:[^\n]* )?{name}(?:[ \n]|$)", asked)
        for name in ("LOGIN", "PLAIN")
    }
    wrong = (bare["LOGIN"] | bare["PLAIN"]) & ~turns.tls
    names = [
        " ".join(name for name, mask in bare.items() if mask[at])
        for at in np.flatnonzero(wrong)
    ]
    yield warned(wrong, "AUTH {names} is offered without TLS", names=names)
    yield passed(asked & ~wrong)


def _starttls_in_tls(turns: Turns) -> Verdicts:
    inside = turns.ehlos & turns.tls
    again = inside & turns.offers("STARTTLS")
    yield failed(again, "STARTTLS is offered within TLS")
    yield passed(inside & ~again)


def _wrong_sizes(lines: list[str]) -> Iterator[str]:
    for line in lines:
        keyword, *values = line.split() or [""]
        if keyword.upper() != "SIZE":
            continue
        limit = values[0] if values else "0"
        if len(values) > 1 or not re.fullmatch("[0-9]{1,20}", limit):
            yield "the parameter of SIZE is no number of octets"
        elif 0 < int(limit) < MIN_SIZE:
            yield f"SIZE allows {limit} octets; 65536 are the least"


def _size(turns: Turns) -> Verdicts:
    fine = turns.offers("SIZE")
    for wrong, faults in _by_line(turns, _wrong_sizes):
        fine = fine & ~wrong
        yield failed(wrong, "{fault}", fault=faults)
    yield passed(fine)


def _offer_works(turns: Turns) -> Verdicts:
    for verb, keyword in {**_ANNOUNCED_BY, "VRFY": "VRFY"}.items():
        offered = turns.said(verb) & turns.offered(keyword) & ~turns.ending
        missing = offered & turns.code_in((500, 502))
        yield failed(missing, "{verb} is offered, and not implemented")
        yield passed(offered & ~missing)


def _works_are_offered(turns: Turns) -> Verdicts:
    for verb, keyword in _ANNOUNCED_BY.items():
        works = turns.said(verb) & turns.offer_known & ~turns.lmtp
        if verb == "HELP":
            works = works & turns.code_in((211, 214))
        else:
            works = works & (turns.accepted | turns.code_in((334,)))
        offered = turns.offered(keyword)
        # Nobody needs to know of HELP before asking for it, which servers SHOULD
        # support (section 4.1.1.8): a word in the offer changes nothing for a client.
        says = warned if verb == "HELP" else failed
        what = f"{{verb}} works, and {keyword} is not offered"
        yield says(works & ~offered, what)
        yield passed(works & offered)


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
    Rule(
        "size",
        "RFC 1870 3, RFC 5321 4.5.3.1.7",
        "SIZE is a limit that mail can live with",
        _size,
    ),
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
