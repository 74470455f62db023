"""Guards: what a client refuses to do, and may be told to do all the same.

A workbench must be able to misbehave on purpose. `lax=True` lifts every guard;
`lax={"order"}` lifts that one, and the others stand. Whatever leaves only because a
guard was lifted is noted in the transcript, with the reason that was given up.

What could become a second command (a control character in an argument) is no guard:
nothing lifts it but `raw`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smtpnb.protocol.errors import LocalProtocolError

GUARDS: Final = {
    "order": "commands that are out of order",
    "offers": "extensions, mechanisms and parameters that were not announced",
    "syntax": "addresses, parameters and names against the grammar",
    "groups": "what must not stand in one group, or without PIPELINING",
    "content": "8-bit content, NUL and long lines that the server cannot bear",
    "limits": "long command lines, and more than was announced: LIMITS, DELIVERBY",
    "replies": "replies to raw octets that were not read",
}
ALL: Final = frozenset(GUARDS)
NONE: Final[frozenset[str]] = frozenset()

Lax = bool | Iterable[str]


def lifted(lax: object) -> frozenset[str]:
    """Return which guards are lifted.

    Args:
        lax: True for all, False for none, or names of `GUARDS`.

    Raises:
        LocalProtocolError: There is no such guard.

    Example:
        >>> sorted(lifted(["order", "offers"]))
        ['offers', 'order']
    """
    if isinstance(lax, bool):
        return ALL if lax else NONE
    names = (lax,) if isinstance(lax, str) else lax
    if not isinstance(names, Iterable):
        raise LocalProtocolError("lax is True, False or names of guards")
    found = frozenset(names)
    unknown = sorted(map(str, found - ALL))
    if unknown:
        raise LocalProtocolError(
            f"there is no guard {unknown[0]!r} to lift: {', '.join(GUARDS)}"
        )
    return found
