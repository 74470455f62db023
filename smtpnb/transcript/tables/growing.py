"""How far the exchanges of a session that goes on will not change any more.

An exchange is settled when a later one was answered and none before it waits: nothing
is added to it then. In a stream of messages the next commands leave before the last
replies have come, so rows of settled and of open exchanges alternate: what is settled
is told by the number of an exchange, not by a place among the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from smtpnb.transcript.log import NONE, ROW
from smtpnb.transcript.tables.events import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.transcript.log import Derivation
    from smtpnb.wire.record import Record


class Mark(NamedTuple):
    """How far one session is settled.

    Attributes:
        exchange: The first exchange that may still change.
        start: Where its rows begin, in octets.
        seen: How many octets of rows there were.
    """

    exchange: int
    start: int
    seen: int


_NOTHING: Final = Mark(0, 0, 0)
_ALL: Final = np.iinfo(np.int32).max


def holds(derived: Sequence[Derivation], marks: Sequence[Mark]) -> bool:
    """Tell whether nothing was added to what was settled, as far as can be foreseen."""
    if len(marks) > len(derived):
        return False
    for each, mark in zip(derived, marks, strict=False):
        if len(each.rows) > mark.seen:
            new = _numbers(each, mark.seen)
            if ((new != NONE) & (new < mark.exchange)).any():
                return False
        if each is derived[-1] and each.first_open < mark.exchange:
            return False
    return True


def marks(derived: Sequence[Derivation], before: Sequence[Mark]) -> list[Mark]:
    """Return how far each session is settled now.

    Args:
        derived: The sessions; only the last goes on: a client has one at a time.
        before: How far they were, and `holds` still.
    """
    found: list[Mark] = []
    for at, each in enumerate(derived):
        known = before[at] if at < len(before) else _NOTHING
        if known == (_ALL, len(each.rows), len(each.rows)):  # nearly all of many
            found.append(known)
            continue
        first = each.first_open if each is derived[-1] else _ALL
        open_ = np.flatnonzero(_numbers(each, known.start) >= first)
        end = len(each.rows)
        start = known.start + int(open_[0]) * ROW.size if len(open_) else end
        found.append(Mark(first, start, end))
    return found


def between(
    derived: Sequence[Derivation], begin: Sequence[Mark], end: Sequence[Mark] = ()
) -> list[tuple[Record, bytes]]:
    """Return each record with the rows of its exchanges from one mark to another.

    Args:
        derived: The sessions.
        begin: From which exchange on; from the first where there is no mark.
        end: Before which exchange; to the last where there is no mark.
    """
    parts = []
    for at, each in enumerate(derived):
        first = begin[at] if at < len(begin) else _NOTHING
        last = end[at].exchange if at < len(end) else _ALL
        if first.exchange < last and first.start < len(each.rows):
            rows = np.frombuffer(bytes(each.rows[first.start :]), ROWS)
            number = rows["exchange"]
            chosen = rows[(number >= first.exchange) & (number < last)]
            parts.append((each.record, chosen.tobytes()))
    return [(record, rows) for record, rows in parts if rows]


def _numbers(derivation: Derivation, start: int) -> Any:
    return np.frombuffer(bytes(derivation.rows[start:]), ROWS)["exchange"]
