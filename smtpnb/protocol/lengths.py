"""How long the line of a command may be (RFC 5321 section 4.5.3.1.4).

512 octets with its CRLF; each extension that the server announces adds what its
parameters need. What an answer to a 334 may be is another matter (RFC 4954 section 4).

This module knows nothing of the grammar of a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from smtpnb.protocol.commands import Command

COMMAND_LINE: Final = 512
RESPONSE_LINE: Final = 12_288  # of AUTH, in characters of base64

# By how many octets an extension lengthens a command, as its RFC says. DSN: ENVID=
# and RET=, ORCPT= and NOTIFY=, each with its space (RFC 3461 section 5.4, RFC 3885
# section 2). RFC 6152 gives no figure for BODY=, RFC 3030 does.
_ADDED: Final[Mapping[str, Mapping[str, int]]] = {
    "MAIL": {
        "SIZE": 26,  # RFC 1870 section 3
        "8BITMIME": 16,  # RFC 3030 section 3
        "SMTPUTF8": 10,  # RFC 6531 section 3.1
        "AUTH": 500,  # RFC 4954 section 3
        "DSN": 116,
        "DELIVERBY": 17,  # RFC 2852 section 2
        "FUTURERELEASE": 34,  # RFC 4865 section 3
        "MT-PRIORITY": 15,  # RFC 6710 section 3
        "REQUIRETLS": 11,  # RFC 8689 section 2
        "MTRK": 40,  # RFC 3885 section 2
        "NO-SOLICITING": 1007,  # RFC 3865 section 4.1
        "CHECKPOINT": 88,  # RFC 1845 section 2
        "PRDR": 5,  # the word: the draft gives no figure
    },
    "RCPT": {"DSN": 536, "RRVS": 33},  # RFC 7293 section 3.1
}


def longest(verb: str, offered: Container[str]) -> int:
    """Return how many octets a line may have, CRLF included.

    Args:
        verb: Of the command; "" for the answer to a 334.
        offered: The EHLO keywords that the server announces.

    Example:
        >>> longest("MAIL", {"SIZE", "AUTH"})
        1038
    """
    if not verb:
        return RESPONSE_LINE
    added = _ADDED.get(verb, {})
    return COMMAND_LINE + sum(n for key, n in added.items() if key in offered)


def objection_to_length(command: Command, offered: Container[str]) -> str:
    """Return why a command makes too long a line, with the rule; "" if it does not."""
    if command.fits(COMMAND_LINE):  # as nearly always
        return ""
    most = longest(command.verb, offered)
    if command.fits(most):
        return ""
    if not command.verb:
        return f"the answer makes a line over {most} octets (RFC 4954 section 4)"
    more = " with what the server announces" if most > COMMAND_LINE else ""
    return (
        f"{command.verb} makes a line over {most} octets, the most{more} (RFC 5321 "
        "section 4.5.3.1.4)"
    )
