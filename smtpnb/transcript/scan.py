"""Questions to stored transcripts, without reading what was not asked for.

Files are looked at before they are read: what they are, and how much. Of Parquet only
the columns asked for are read, and only the row groups in which a wanted value may be.
What is live in a run comes last; an event that stands there and in a part counts once.

This module knows nothing of records or of sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from smtpnb.transcript import runs, schema, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

_KEY: Final = ("session_id", "seq")


def scan(
    path: str | Path, columns: Sequence[str] | None = None, **wanted: Any
) -> pd.DataFrame:
    """Read events from a file, a run or a directory of runs.

        scan("runs", ["host", "text"], step="rcpt", code=[450, 451])

    Args:
        path: A ".parquet" or ".jsonl" file, the directory of a run, or one of runs.
        columns: Which columns of `schema.EVENTS`, in which order; None for all.
        wanted: For columns, the value that they must have, or a list of values. None
            is null.

    Returns:
        The events, parts in order of their names, with the types of the schema.

    Raises:
        FileNotFoundError: There is nothing.
        ValueError: A file is not ours, of another version or over a limit; or there
            is no such column.
    """
    chosen = [c.name for c in schema.EVENTS] if columns is None else list(columns)
    known = {column.name: column for column in schema.EVENTS}
    for name in (*chosen, *wanted):
        if name not in known:
            raise ValueError(f"there is no column {name!r} in events")
    found = list(runs.paths(path))
    parts = [file for file in found if file.suffix == ".parquet"]
    others = [file for file in found if file.suffix != ".parquet"]
    needed = list(dict.fromkeys((*chosen, *wanted, *(_KEY if others else ()))))
    with store.explained(path):
        tables = [_parts(parts, needed, wanted)]
        tables += [_lines(file, needed, wanted) for file in others]
        table = pa.concat_tables(tables)
        if others:
            table = table.filter(_once(table))
        frame = schema.from_arrow([known[name] for name in needed], table)
    return frame[chosen]


def _parts(parts: Sequence[Path], columns: list[str], wanted: Any) -> pa.Table:
    store.check_parquet(*parts)
    kind = ds.ParquetFileFormat(dictionary_columns=store.TEXTS)
    files = [str(part) for part in parts]
    dataset = ds.dataset(files, format=kind, schema=store.ENCODED)
    table = dataset.to_table(columns=columns, filter=_condition(wanted))
    store.check_cells(table)
    return table


def _lines(file: Path, columns: list[str], wanted: Any) -> pa.Table:
    # Of what is being written the last line may be half there.
    table = store.encoded(store.read(file, whole=file.name != runs.LIVE))
    condition = _condition(wanted)
    if condition is not None:
        table = table.filter(condition)
    return pa.table({name: table[name] for name in columns})


def _once(table: pa.Table) -> pa.Array:
    """Tell of each row whether it is the first of its event."""
    session, seq = (table[name] for name in _KEY)
    keys = pa.table({"session": session.cast(pa.string()), "seq": seq})
    return pa.array(~keys.to_pandas().duplicated().to_numpy())


def _condition(wanted: dict[str, Any]) -> ds.Expression | None:
    condition = None
    kinds = schema.arrow(schema.EVENTS)
    for name, value in wanted.items():
        listed = isinstance(value, (list, tuple, set, frozenset))
        values = list(value) if listed else [value]
        some = [each for each in values if each is not None]
        one = ds.field(name).isin(pa.array(some, kinds.field(name).type))
        if None in values:
            one |= ds.field(name).is_null()
        condition = one if condition is None else condition & one
    return condition
