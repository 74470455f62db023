"""Arguments of MAIL and RCPT: a path in angle brackets, then parameters.

The address is kept octet by octet as the client wrote it, since the local part belongs
to whoever reads the mail (RFC 5321 section 2.4). What is checked is what a server has
to check to tell the path from the parameters.

This module knows nothing of sessions or replies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# RFC 5321 section 4.1.2. Source routes are read and ignored (appendix C).
_ARGUMENT = re.compile(
    r"(?P<keyword>FROM|TO):[ ]?"
    r"<(?:@[^<>\s:]+:)?(?P<address>(?:\"(?:[^\"\\]|\\.)*\"|[^<>\"\s])*)>"
    r"(?:[ ]+(?P<parameters>.*))?",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"(?P<name>[A-Z0-9][A-Z0-9-]*)(?:=(?P<value>[^\s=]+))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Path:
    """An address, and the parameters behind it with their names in upper case."""

    address: str
    parameters: dict[str, str | None]


def read_path(keyword: str, argument: str) -> Path | None:
    """Read the argument of MAIL or RCPT.

    Args:
        keyword: "FROM" or "TO".
        argument: What followed the verb.

    Returns:
        The path, or None if the argument does not follow the grammar.
    """
    match = _ARGUMENT.fullmatch(argument)
    if match is None or match["keyword"].upper() != keyword:
        return None
    parameters: dict[str, str | None] = {}
    for word in (match["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            return None
        parameters[parameter["name"].upper()] = parameter["value"]
    return Path(match["address"], parameters)


def is_mailbox(address: str) -> bool:
    """Tell whether an address has a local part and a domain."""
    local_part, at, domain = address.rpartition("@")
    return bool(local_part and at and domain)
