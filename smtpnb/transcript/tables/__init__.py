"""The four tables, as pandas frames: `make("exchanges", events)`.

Only `events` holds what was recorded; the other three are pure functions of events,
and can be made again from them at any time: of `Event` values, of an events frame, or
of anything that can be one (one that was stored by pandas, say, or is a table of
polars). Columns and types: `schema`.

This module knows nothing of records, files or sockets.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from smtpnb.transcript import schema
from smtpnb.transcript.log import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    Events = Iterable[Event] | pd.DataFrame
    Table = Literal["events", "exchanges", "transactions", "sessions"]


def make(table: Table, events: Events) -> pd.DataFrame:
    """Return a table of events.

    Args:
        table: "events"; "exchanges", one row for each command and its reply;
            "transactions", one for each recipient; "sessions", one for each connection.
        events: `Event` values, in order, or an events frame.

    Raises:
        ValueError: The frame is no events frame.
    """
    frame = _frame(events)
    if table == "events":
        return frame
    made = import_module(f"{__name__}.{table}").frame(frame)  # loads pandas
    return schema.shown(made, table)


def several(events: Events, *wanted: Table) -> list[pd.DataFrame]:
    """Return tables of events but themselves, of which the exchanges are found once.

    Args:
        events: As for `make`.
        wanted: The tables.
    """
    from smtpnb.transcript.tables.exchanges import Exchanges  # loads pandas

    frame = _frame(events)
    exchanges = Exchanges(frame)
    modules = [import_module(f"{__name__}.{table}") for table in wanted]
    made = [module.frame(frame, exchanges) for module in modules]
    return [schema.shown(*each) for each in zip(made, wanted, strict=True)]


def rows(table: Table, events: Events) -> list[dict[str, Any]]:
    """Return the rows of a table by column, None for null: for a few events."""
    frame = make(table, events)
    columns = (plain(frame[name]) for name in frame)
    names = [str(name) for name in frame]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def events_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return one row for each event, in order (`schema.EVENTS`)."""
    columns = zip(*events, strict=True)
    values: dict[str, Any] = dict.fromkeys(Event._fields, ())
    values |= zip(Event._fields, columns, strict=False)
    return schema.from_lists(schema.EVENTS, values)


def event_values(frame: pd.DataFrame) -> list[Event]:
    """Return the events of an events frame: the inverse of `events_frame`."""
    frame = schema.coerce("events", frame)
    columns = (plain(frame[name]) for name in Event._fields)
    return [Event(*row) for row in zip(*columns, strict=True)]


def _frame(events: Events) -> pd.DataFrame:
    import pandas as pd  # loaded only when used

    if isinstance(events, pd.DataFrame) or hasattr(events, "__arrow_c_stream__"):
        return schema.coerce("events", events)
    return events_frame(events)


def plain(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column as Python's own: None for null, times as integers.

    Args:
        column: A column of a table of ours; wall times become microseconds.
    """
    import numpy as np  # loaded only when used
    import pandas as pd

    if column.name == "ts":
        return list(column.dt.as_unit("us").astype("int64").tolist())
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Of a few rows of many only their own words are made Python's.
        codes = column.cat.codes.to_numpy()
        used, which = np.unique(codes, return_inverse=True)
        known = column.cat.categories.take(used[used >= 0]).tolist()
        words = [None] * int((used < 0).any()) + known
        return [words[number] for number in which.tolist()]
    return list(column.astype(object).where(column.notna(), None).tolist())
