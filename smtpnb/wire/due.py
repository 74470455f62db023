"""When the replies to what has left are due: one absolute deadline each.

A server may hold the replies to a group until it has read all of it (RFC 2920 section
3.2), so commands that left together share one deadline: the sum of what each may take,
at most `Timeouts.group`. It answers one end of a message after the other, and each has
its own time.

What the kernel took may still be on its way: megabytes of a chunk, on a slow link. So
the reply to a chunk (BDAT) has beside its own time that of its blocks, at most what an
end of data may take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.commands import step_of
from smtpnb.protocol.group import BLOCK
from smtpnb.protocol.transaction import ENDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.protocol.session import Owed
    from smtpnb.wire.wait import Timeouts


class Due:
    """Sets the deadlines of what is owed.

    Args:
        timeouts: How long each phase may take.
    """

    __slots__ = ("_seconds_of", "_timeouts")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        # Seconds allowed to each of the few kinds of groups.
        self._seconds_of: dict[tuple[str, ...], float] = {}

    def set(self, owed: Sequence[Owed], start: float, limit: float | None) -> None:
        """Say when the replies to what has just left are due.

        Args:
            owed: What left, in order.
            start: When the server may begin with it; absolute.
            limit: Of the whole call, absolute; it takes the place of all others.
        """
        if limit is not None:
            for each in owed:
                each.deadline, each.is_limited = limit, True
            return
        seconds = 0.0
        for each in owed:
            seconds += self._seconds(each.events)
        timeouts = self._timeouts
        due = start + min(seconds, timeouts.group)
        for each in owed:
            if each.events[-1] in ENDS:
                due += timeouts.eod
            elif each.events[-1] == "BDAT" and each.n_octets >= BLOCK:
                due += min(each.n_octets // BLOCK * timeouts.block, timeouts.eod)
            each.deadline = due

    def _seconds(self, events: tuple[str, ...]) -> float:
        """What the commands may take, one by one; the end of a message is its own."""
        seconds = self._seconds_of.get(events)
        if seconds is not None:
            return seconds
        timeouts = self._timeouts
        if len(events) * timeouts.command >= timeouts.group:
            return timeouts.group
        said = [step_of(event) for event in events if event not in ENDS]
        self._seconds_of[events] = seconds = sum(map(timeouts.of, said))
        return seconds
