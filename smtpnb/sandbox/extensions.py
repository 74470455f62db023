"""What the sandbox serves beyond RFC 5321: which extensions, and their rules.

Parameters are judged here by patterns of our own, not by the client's: a server that
shared the client's mistakes would find none of them.

This module knows nothing of the state of a session.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_XTEXT: Final = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+"
_SECOND: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


class Rule(NamedTuple):
    """What a parameter may be, and the extension that serves it."""

    extension: str
    pattern: str


OF_MAIL: Final = {
    "RET": Rule("DSN", r"FULL|HDRS"),  # RFC 3461 section 4.3
    "ENVID": Rule("DSN", rf"(?-i:{_XTEXT})"),  # section 4.4
    "BY": Rule("DELIVERBY", r"[+-]?\d{1,9};(?:N|R)T?"),  # RFC 2852 section 4
    "HOLDFOR": Rule("FUTURERELEASE", r"[1-9]\d{0,8}"),  # RFC 4865 section 3
    "HOLDUNTIL": Rule("FUTURERELEASE", rf"{_SECOND}(?:\.\d+)?Z"),
    "MT-PRIORITY": Rule("MT-PRIORITY", r"-?[1-9]|0"),  # RFC 6710 section 3
    "REQUIRETLS": Rule("REQUIRETLS", r""),  # RFC 8689 section 2
}
OF_RCPT: Final = {
    # RFC 3461 sections 4.1 and 4.2, RFC 6533 section 3
    "NOTIFY": Rule(
        "DSN", r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}"
    ),
    "ORCPT": Rule("DSN", rf"utf-8;\S+|[a-z0-9-]+;(?-i:{_XTEXT})"),
    "RRVS": Rule(
        "RRVS", rf"{_SECOND}(?:Z|[+-]\d\d:\d\d)(?:;[CR])?"
    ),  # RFC 7293 section 3.1
}

# What is announced, with its parameters. XCLIENT and XFORWARD are Postfix's.
USUAL: Final = (
    "DSN",
    "DELIVERBY 60",
    "FUTURERELEASE 604800 2099-12-31T23:59:59Z",
    "MT-PRIORITY MIXER",
    "RRVS",
    "REQUIRETLS",
    "ETRN",
    "BURL imap",
    "XCLIENT NAME REVERSE_NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)


class Extensions:
    """What one sandbox announces.

    Args:
        lines: Lines of the EHLO reply, "LIMITS RCPTMAX=3"; a keyword that is among the
            usual ones takes its place.
        without: Keywords not to announce, and not to serve.
    """

    def __init__(self, lines: Iterable[str] = (), without: Iterable[str] = ()) -> None:
        self._lines = {line.partition(" ")[0].upper(): line for line in USUAL}
        for line in lines:
            self._lines[line.partition(" ")[0].upper()] = line
        self.without = frozenset(map(str.upper, without))

    def announced(self, *, tls: bool) -> list[str]:
        """Return the lines for the EHLO reply."""
        return [
            line for keyword, line in self._lines.items() if self.serves(keyword, tls)
        ]

    def serves(self, keyword: str, tls: bool = True) -> bool:
        """Tell whether an extension is served; REQUIRETLS inside TLS only."""
        if keyword == "REQUIRETLS" and not tls:
            return False
        return keyword in self._lines and keyword not in self.without

    def limit(self, name: str) -> int | None:
        """Return a limit of LIMITS (RFC 9422); None if it has none."""
        found = re.search(rf"\b{name}=(\d+)", self._lines.get("LIMITS", ""))
        return int(found[1]) if found and self.serves("LIMITS") else None

    def refuse_parameter(
        self, rules: Mapping[str, Rule], name: str, value: str | None, *, tls: bool
    ) -> str | None:
        """Return why a parameter is not taken, or None."""
        rule = rules.get(name)
        if rule is None or not self.serves(rule.extension, tls):
            return f"555 5.5.4 {name} is not served here"
        if not re.fullmatch(rule.pattern, value or "", re.IGNORECASE):
            return f"501 5.5.4 Bad value of {name}"
        return None


def read_attributes(argument: str) -> dict[str, str] | None:
    """Return the attributes of XCLIENT or XFORWARD, decoded; None if they are none."""
    found: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        if not equals or not re.fullmatch(_XTEXT, value):
            return None
        found[name.upper()] = re.sub(
            r"\+([0-9A-F]{2})", lambda hexed: chr(int(hexed[1], 16)), value
        )
    return found or None
