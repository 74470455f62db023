"""From packed rows to the events frame, a column at a time.

Rows say which shape an event has by number (`derive`, `shapes`). So a column of texts
or words is worked out once for each shape and then spread by number, and what is
numbers already needs arithmetic only. A million events take a second and no event is
ever a Python object.

The frame is the very one that `tables.events_frame` makes of the same events. This
module knows nothing of log entries or of what a column means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from smtpnb.text import for_terminal
from smtpnb.transcript.derive import NO_TRANSACTION, NONE, ROW
from smtpnb.transcript.schema import EVENTS
from smtpnb.transcript.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.transcript.shapes import Shapes
    from smtpnb.wire.record import Record

_ROW: Final = np.dtype(
    [
        ("shape", "<i4"),
        ("place", "<i4"),
        ("t", "<i8"),
        ("since", "<i8"),
        ("exchange", "<i4"),
        ("transaction", "<i4"),
    ]
)
_TEXT: Final = pd.StringDtype("pyarrow", na_value=np.nan)


def events_frame(
    sessions: Sequence[tuple[Record, bytes]], shapes: Shapes
) -> pd.DataFrame:
    """Return one row for each event (`schema.EVENTS`).

    Args:
        sessions: A record and the packed rows of its events, in order.
        shapes: What the numbers in them mean.
    """
    sessions = [session for session in sessions if session[1]]
    rows = np.frombuffer(b"".join(packed for _, packed in sessions), _ROW)
    sizes = np.array([len(packed) // ROW.size for _, packed in sessions], np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    kinds, shape = _used(rows["shape"], shapes.shapes)
    spots, place = _used(rows["place"], shapes.places)
    records = [record for record, _ in sessions]
    columns = (
        _of_records(records, owner, sizes)
        | _times(records, owner, rows)
        | _of_shapes(kinds, shape)
        | _of_places(spots, place)
    )
    columns["exchange_no"] = _nullable(rows["exchange"], rows["exchange"] == NONE)
    number = rows["transaction"]
    columns["transaction_no"] = _nullable(number, number == NO_TRANSACTION)
    return pd.DataFrame({column.name: columns[column.name] for column in EVENTS})


def _used(numbers: Any, values: Sequence[Any]) -> tuple[list[Any], Any]:
    """Return the values that occur, and for each row which of them."""
    occurs = np.flatnonzero(np.bincount(numbers, minlength=len(values)))
    place = np.zeros(len(values), np.int32)
    place[occurs] = np.arange(len(occurs), dtype=np.int32)
    return [values[number] for number in occurs.tolist()], place[numbers]


def _of_records(records: Sequence[Record], owner: Any, sizes: Any) -> dict[str, Any]:
    first = np.cumsum(sizes) - sizes
    return {
        "run_id": _words([record.run_id for record in records], owner),
        "session_id": _text([record.session_id for record in records], owner),
        "seq": (np.arange(len(owner)) - first[owner]).astype(np.int32),
    }


def _times(records: Sequence[Record], owner: Any, rows: Any) -> dict[str, Any]:
    start = np.array([record.start_ns for record in records], np.int64)[owner]
    wall = np.array([record.wall_ns // 1000 for record in records], np.int64)[owner]
    us = (rows["t"] - start) // 1000
    took = np.maximum(us - (rows["since"] - start) // 1000, 0) / 1000
    took[rows["since"] == NONE] = np.nan
    moments = pa.array(us + wall, pa.timestamp("us", tz="UTC"))
    return {"ts": moments.to_pandas(), "t_ms": us / 1000, "dt_ms": took}


def _of_shapes(kinds: Sequence[Any], shape: Any) -> dict[str, Any]:
    found = dict(zip(Shape._fields, zip(*kinds, strict=True), strict=False))

    def of(name: str) -> tuple[Any, ...]:
        return found.get(name, ())

    words = ("event", "direction", "step", "verb", "enhanced", "detail")
    columns = {name: _words(of(name), shape) for name in words}
    columns["text"] = _text(of("text"), shape)
    columns |= {name: _flags(of(name), shape) for name in ("pipelined", "redacted")}
    columns["code"] = _numbers(of("code"), shape, np.int16)
    columns["n_bytes"] = _numbers(of("n_bytes"), shape, np.int64)
    return columns


def _of_places(spots: Sequence[Any], place: Any) -> dict[str, Any]:
    return {
        "host": _words([spot.host for spot in spots], place),
        "port": _numbers([spot.port for spot in spots], place, np.int32),
        "peer_ip": _words([spot.peer_ip for spot in spots], place),
        "tls": _flags([spot.tls for spot in spots], place),
    }


# One value for each shape, record or place; `which` says for each row which of them.


def _inert(values: Sequence[str | None]) -> list[str | None]:
    return [v and for_terminal(v, newlines=True) for v in values]


def _text(values: Sequence[str | None], which: Any) -> Any:
    # Large offsets: a session may hold more than 2 GiB of text, once it is spread.
    texts = pa.array(_inert(values), pa.large_string()).take(pa.array(which))
    return texts.to_pandas(types_mapper=lambda _: _TEXT)


def _words(values: Sequence[str | None], which: Any) -> Any:
    words = [word for word in set(values) if word is not None]
    inert = {word: for_terminal(word, newlines=True) for word in words}
    ordered = sorted(set(inert.values()))
    place = {word: code for code, word in enumerate(ordered)}
    code_of: dict[str | None, int] = {word: place[inert[word]] for word in words}
    code_of[None] = -1
    codes = np.fromiter(map(code_of.__getitem__, values), np.int32, len(values))
    categories = pd.Index(ordered, dtype=_TEXT)
    return pd.Categorical.from_codes(codes[which], categories=categories)


def _numbers(values: Sequence[int | None], which: Any, kind: Any) -> Any:
    array = np.array([0 if value is None else value for value in values], kind)
    null = np.array([value is None for value in values], bool)
    return pd.arrays.IntegerArray(array[which], null[which])


def _flags(values: Sequence[bool], which: Any) -> Any:
    flags = np.array(values, bool)[which]
    return pd.arrays.BooleanArray(flags, np.zeros(len(flags), bool))


def _nullable(numbers: Any, null: Any) -> Any:
    return pd.arrays.IntegerArray(np.where(null, 0, numbers).astype(np.int32), null)
