"""The transactions of a few events as plain rows; `recipients` makes the frame.

For those who explain one session in words. Importing this module loads no pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.derive import Event
    from smtpnb.transcript.exchanges import Row


def rows(events: Iterable[Event]) -> list[Row]:
    """Return one row for each recipient of each transaction, in order.

    Keys are those of `schema.TRANSACTIONS`, None is null. A transaction without RCPT
    has one row, with recipient_no 0.
    """
    from smtpnb.transcript import tables  # loads pandas

    frame = tables.transactions(events)
    columns = (tables.plain(frame[name]) for name in frame)
    names = [str(name) for name in frame]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
