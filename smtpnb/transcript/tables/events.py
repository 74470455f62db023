"""From packed rows to the events frame, a column at a time.

Rows say which shape an event has by number (`log`, `intern`). So a column of texts
or words is worked out once for each shape and then spread by number, and what is
numbers already needs arithmetic only. A million events take a second and no event is
ever a Python object.

This module knows nothing of log entries or of what a column means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from smtpnb.transcript import columns as col
from smtpnb.transcript import schema
from smtpnb.transcript.intern import Shape
from smtpnb.transcript.log import NO_TRANSACTION, NONE, ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.transcript.intern import Shapes
    from smtpnb.wire.record import Record

ROWS: Final = np.dtype(
    [
        ("shape", "<i4"),
        ("place", "<i4"),
        ("t", "<i8"),
        ("since", "<i8"),
        ("exchange", "<i4"),
        ("transaction", "<i4"),
    ]
)


def frame_of_records(
    parts: Sequence[tuple[Record, bytes]], shapes: Shapes
) -> pd.DataFrame:
    """Return one row for each event (`schema.EVENTS`).

    Args:
        parts: Records, each with rows of its own: all of them, or a part without a
            gap (then `seq` counts within it).
        shapes: What the numbers in them mean.
    """
    some = [(record, rows) for record, rows in parts if rows]
    records = [record for record, _ in some]
    packed = b"".join(rows for _, rows in some)
    counts = np.array([len(rows) for _, rows in some], np.int64) // ROW.size
    rows = np.frombuffer(packed, ROWS)
    owner = np.repeat(np.arange(len(counts)), counts)
    kinds, shape = _used(rows["shape"], shapes.shapes)
    spots, place = _used(rows["place"], shapes.places)
    columns = (
        _of_records(records, owner, counts)
        | _times(records, owner, rows)
        | _of_shapes(kinds, shape)
        | _of_places(spots, place)
    )
    for name, none in (("exchange", NONE), ("transaction", NO_TRANSACTION)):
        null = rows[name] == none
        columns[f"{name}_no"] = col.some_numbers(rows[name], null, np.int32)
    whole = schema.complete(schema.EVENTS, columns, len(rows))
    return schema.shown(whole, "events")


def _used(numbers: Any, values: Sequence[Any]) -> tuple[list[Any], Any]:
    """Return the values that occur, and for each row which of them."""
    occurs = np.flatnonzero(np.bincount(numbers, minlength=len(values)))
    place = np.zeros(len(values), np.int32)
    place[occurs] = np.arange(len(occurs), dtype=np.int32)
    return [values[number] for number in occurs.tolist()], place[numbers]


def _of_records(records: Sequence[Record], owner: Any, counts: Any) -> dict[str, Any]:
    first = np.cumsum(counts) - counts
    return {
        "run_id": col.words([record.run_id for record in records], owner),
        "session_id": col.words([record.session_id for record in records], owner),
        "seq": (np.arange(len(owner)) - first[owner]).astype(np.int32),
    }


def _times(records: Sequence[Record], owner: Any, rows: Any) -> dict[str, Any]:
    start = np.array([record.start_ns for record in records], np.int64)[owner]
    wall = np.array([record.wall_ns // 1000 for record in records], np.int64)[owner]
    us = (rows["t"] - start) // 1000
    took = np.maximum(us - (rows["since"] - start) // 1000, 0) / 1000
    took[rows["since"] == NONE] = np.nan
    return {"ts": col.moments(us + wall), "t_ms": us / 1000, "dt_ms": took}


def _of_shapes(kinds: Sequence[Any], shape: Any) -> dict[str, Any]:
    found = dict(zip(Shape._fields, zip(*kinds, strict=True), strict=False))

    def of(name: str) -> tuple[Any, ...]:
        return found.get(name, ())

    words = ("event", "direction", "step", "verb", "enhanced", "detail")
    columns = {name: col.words(of(name), shape) for name in words}
    columns["text"] = col.text(of("text"), shape)
    columns |= {name: col.flags(of(name), shape) for name in ("pipelined", "redacted")}
    columns["code"] = col.numbers(of("code"), shape, np.int16)
    columns["n_bytes"] = col.numbers(of("n_bytes"), shape, np.int64)
    return columns


def _of_places(spots: Sequence[Any], place: Any) -> dict[str, Any]:
    return {
        "host": col.words([spot.host for spot in spots], place),
        "port": col.numbers([spot.port or None for spot in spots], place, np.int32),
        "peer_ip": col.words([spot.peer_ip for spot in spots], place),
        "tls": col.flags([spot.tls for spot in spots], place),
    }
