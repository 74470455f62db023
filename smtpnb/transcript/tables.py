"""The four tables of schema v1, as pandas frames.

`events_frame` is the only one that holds what was recorded; the other three are pure
functions of events, given as `Event` values or as an events frame (one that was stored,
say), and can be rebuilt from them at any time. Columns and types: `schema`.

This module knows nothing of records, files or sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.transcript import schema
from smtpnb.transcript.derive import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    Events = Iterable[Event] | pd.DataFrame


def events_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return one row for each event, in order (`schema.EVENTS`)."""
    columns = zip(*events, strict=True)
    values: dict[str, Any] = dict.fromkeys(Event._fields, ())
    values |= zip(Event._fields, columns, strict=False)
    return schema.from_lists(schema.EVENTS, values)


def exchanges(events: Events) -> pd.DataFrame:
    """Return one row for each command and its reply (`schema.EXCHANGES`).

    The greeting is exchange 0. The content and its final dot are one exchange, step
    "eod" ("body" if the dot never left). A command without a reply has null `code`;
    `timed_out` and `error_type` say why.
    """
    from smtpnb.transcript.fold import Exchanges  # loads pandas

    return Exchanges(_frame(events)).frame


def transactions(events: Events) -> pd.DataFrame:
    """Return one row for each recipient of a transaction (`schema.TRANSACTIONS`).

    A transaction without RCPT has one row, with recipient_no 0.
    """
    from smtpnb.transcript import recipients  # loads pandas

    return recipients.frame(_frame(events))


def sessions(events: Events) -> pd.DataFrame:
    """Return one row for each connection (`schema.SESSIONS`)."""
    from smtpnb.transcript import sessions as _sessions  # loads pandas

    return _sessions.frame(_frame(events))


def event_values(frame: pd.DataFrame) -> list[Event]:
    """Return the events of an events frame: the inverse of `events_frame`."""
    columns = (plain(frame[name]) for name in Event._fields)
    return [Event(*row) for row in zip(*columns, strict=True)]


def _frame(events: Events) -> pd.DataFrame:
    import pandas as pd  # loaded only when used

    return events if isinstance(events, pd.DataFrame) else events_frame(events)


def plain(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column as Python's own: None for null, times as integers.

    Args:
        column: A column of a table of ours; wall times become microseconds.
    """
    if column.name == "ts":
        return list(column.dt.as_unit("us").astype("int64").tolist())
    return list(column.astype(object).where(column.notna(), None).tolist())
