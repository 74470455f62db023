"""What leaves: groups on their way, and how much of them has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from smtpnb.protocol.group import Group, Part
    from smtpnb.protocol.transaction import Transaction


class Departure(NamedTuple):
    """A group on its way.

    Attributes:
        group: What leaves.
        transaction: What it belongs to; None for the one that is open when the reply
            comes.
        path: Of a single MAIL or RCPT, the path.
    """

    group: Group
    transaction: Transaction | None = None
    path: str | None = None


class Leaving:
    """How much of a group has left, and which of its parts were not recorded yet.

    A part is recorded when its last octet has left: before that the server has nothing
    to act on. A content that was begun and not finished is told apart (`begun`).
    """

    __slots__ = ("_exchange", "_next", "_parts", "octets")

    def __init__(self, parts: tuple[Part, ...], exchange: int) -> None:
        self.octets = 0  # that have left and were not recorded
        self._parts = parts
        self._next = 0
        self._exchange = exchange  # of the next command

    def news(self) -> tuple[tuple[int, int] | None, int, tuple[Part, ...]]:
        """Return what has left since the last call.

        Returns:
            The rest of a chunk whose BDAT was recorded earlier (its exchange, octets)
            or None; the number of the first command; the parts.
        """
        parts, start = self._parts, self._next
        stop, n_commands = start, 0
        while stop < len(parts) and self.octets >= parts[stop][3]:
            self.octets -= parts[stop][3]
            n_commands += parts[stop][1] is not None
            stop += 1
        first = self._exchange
        self._exchange += n_commands
        self._next = stop
        chunk = None
        cut = 0 < start < stop and parts[start][1] is None
        if cut and parts[start - 1][1] == "BDAT":
            chunk = first - 1, parts[start][3]
            start += 1
        return chunk, first, parts[start:stop]

    @property
    def begun(self) -> tuple[int, int] | None:
        """The exchange and the octets of a content that has left in part, or None."""
        parts, at = self._parts, self._next
        if not self.octets or parts[at][1] is not None:
            return None
        chunk = at > 0 and parts[at - 1][1] == "BDAT"
        return self._exchange - chunk, self.octets
