"""Questions to stored transcripts, without reading what was not asked for.

Files are looked at before they are read: what they are, and how much. Of Parquet only
the columns asked for are read, and only the row groups in which a wanted value may be
(`pyarrow.dataset`). What is live in a run comes last; an event that stands there and
in a part counts once.

Files may be of others, too, as DuckDB, polars or pandas write them, in a tree whose
folders say a value (`host=mx.example/part-0.parquet`): what counts is that they have
the columns by which an event is known.

This module knows nothing of records or of sockets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from smtpnb.transcript import door, schema
from smtpnb.transcript.store import files, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    Place = str | Path

_KEY: Final = ("session_id", "seq")
_FEW: Final = 8  # rows are few, if fewer than one of these
_GLOB: Final = frozenset("*?[")


def scan(
    path: Place | Iterable[Place],
    columns: Sequence[str] | None = None,
    **wanted: Any,
) -> pd.DataFrame:
    """Read events from files, runs, or trees of them.

        scan("runs", ["host", "text"], step="rcpt", code=[450, 451])
        scan("archive/**/*.parquet", ts=slice("2026-11-01", "2026-11-08"))

    Args:
        path: A ".parquet" or ".jsonl" file, the directory of a run, one of runs, any
            other directory with such files in it or below (folders named
            `column=value` give that column), a pattern (`*`, `?`, `[...]`, `**`), or
            a list of these.
        columns: Which columns of the events (`transcript.dictionary("events")`) and
            of the folders' names, in which order; None for all.
        wanted: For columns, the value that they must have, a list of values, or a
            range: `slice(from, below)`, either end None. None alone is null.

    Returns:
        The events, in order of the files' names, with the types of the schema. Of
        files of schema 1 `transaction_no` is as it was counted then (`load` mends it).

    Raises:
        FileNotFoundError: There is nothing.
        ValueError: A file is not ours, of another version or over a limit; or there
            is no such column.

    Example:
        >>> path = client.transcript.save("monday.parquet")
        >>> scan(".", ["event", "verb"], event="reply")["verb"].dropna().to_list()
        ['EHLO']
    """
    places = [path] if isinstance(path, (str, Path)) else list(path)
    found = list(dict.fromkeys(file for place in places for file in _files(place)))
    parts = [file for file in found if file.suffix == ".parquet"]
    others = [file for file in found if file.suffix != ".parquet"]
    told = _told_by_folders(parts)
    names = [*(column.name for column in schema.EVENTS), *told]
    chosen = list(dict.fromkeys(names)) if columns is None else list(columns)
    for name in (*chosen, *wanted):
        if name not in names:
            raise ValueError(f"there is no column {name!r} in events")
    needed = list(dict.fromkeys((*chosen, *wanted, *(_KEY if others else ()))))
    first = places[0] if places else "nothing"
    with files.explained(first):
        tables = [_parts(parts, needed, wanted, told)] if parts or not others else []
        tables += [_lines(file, needed, wanted) for file in others]
        table = pa.concat_tables(tables, promote_options="default")
        if others:
            table = table.filter(_once(table))
        return _frame(table, chosen, Path(first).name)


def _files(place: Place) -> list[Path]:
    """Return the files of events at a place, in order.

    Raises:
        FileNotFoundError: There is none.
    """
    place = Path(place)
    if not place.exists() and _GLOB & set(str(place)):
        anchor = Path(place.anchor)
        found = sorted(anchor.glob(str(place.relative_to(anchor))))
        if not found:
            raise FileNotFoundError(f"nothing is like {place}")
        return [file for each in found for file in _files(each)]
    if not place.is_dir():
        place.stat()
        return [place]
    known = list(runs.paths(place))
    if known or runs.holds_runs(place):
        return known
    found = [
        file
        for file in sorted(place.rglob("*"))
        if file.suffix in files.SUFFIXES
        and file.is_file()
        # What begins so is half written or none of our business, as Hive has it.
        and not any(
            part.startswith((".", "_")) for part in file.relative_to(place).parts
        )
    ]
    if not found:
        raise FileNotFoundError(f"{place} holds no run and no file of events")
    return found


def _told_by_folders(parts: Sequence[Path]) -> list[str]:
    """Return the columns that the names of the files' folders give."""
    pairs = (name.partition("=") for part in parts for name in part.parent.parts)
    return list(dict.fromkeys(name for name, equals, _ in pairs if equals))


def _parts(
    parts: Sequence[Path], columns: list[str], wanted: Any, told: list[str]
) -> pa.Table:
    files.check_parquet(*parts, told=told)
    # Texts of others may be of a type that is not ours; the schema says which.
    dataset = _dataset(parts, told, encoded=False)
    condition = _condition(wanted, dataset.schema)
    if condition is None:
        table = _dataset(parts, told, encoded=True).to_table(columns=columns)
    else:
        table = _matching(parts, columns, condition, told)
    files.check_cells(table)
    return table


def _dataset(parts: Sequence[Path], told: list[str], *, encoded: bool) -> ds.Dataset:
    """Return the files as one; texts each once (`encoded`), or in each row."""
    plain = schema.arrow(schema.EVENTS)
    by_folder = [
        plain.field(name) if name in plain.names else pa.field(name, pa.string())
        for name in told
    ]
    own = files.ENCODED if encoded else plain
    fields = {field.name: field for field in (*own, *by_folder)}
    texts = files.TEXTS if encoded else []
    return ds.dataset(
        [str(part) for part in parts],
        format=ds.ParquetFileFormat(
            dictionary_columns=texts,
            default_fragment_scan_options=ds.ParquetFragmentScanOptions(
                page_checksum_verification=True
            ),
        ),
        schema=pa.schema(fields.values()),
        partitioning=ds.partitioning(pa.schema(by_folder), flavor="hive"),
    )


def _matching(
    parts: Sequence[Path], columns: list[str], condition: ds.Expression, told: list[str]
) -> pa.Table:
    """Read the row groups in which something is wanted, and no others.

    Which ones these are tell their statistics, and then the columns asked about, which
    are little beside all. Of a few rows their own texts are read, and not the
    dictionaries of whole row groups.
    """
    dataset = _dataset(parts, told, encoded=False)
    groups = [
        (group, group.scanner(dataset.schema, filter=condition).count_rows())
        for fragment in dataset.get_fragments(filter=condition)
        for group in fragment.split_by_row_group(condition, dataset.schema)
    ]
    n = sum(count for _, count in groups)
    few = n * _FEW < sum(fragment.count_rows() for fragment in dataset.get_fragments())
    if not few:
        encoded = _dataset(parts, told, encoded=True)
        return encoded.to_table(columns=columns, filter=condition)
    found = [
        group.to_table(schema=dataset.schema, columns=columns, filter=condition)
        for group, count in groups
        if count
    ]
    chosen = pa.schema([dataset.schema.field(name) for name in columns])
    table = pa.concat_tables([chosen.empty_table(), *found])
    for at, name in enumerate(columns):
        if name in files.TEXTS and name not in told:
            table = table.set_column(at, name, table[name].dictionary_encode())
    return table


def _lines(file: Path, columns: list[str], wanted: Any) -> pa.Table:
    condition = _condition(wanted, files.ENCODED)
    there = [name for name in columns if name in files.ENCODED.names]

    def keep(table: pa.Table) -> pa.Table:
        some = table if condition is None else table.filter(condition)
        return pa.table({name: some[name] for name in there})

    # Of what is being written the last line may be half there.
    return files.read(file, whole=file.name != runs.LIVE, keep=keep)


def _once(table: pa.Table) -> pa.Array:
    """Tell of each row whether it is the first of its event."""
    session, seq = (table[name] for name in _KEY)
    keys = pa.table({"session": session.cast(pa.string()), "seq": seq})
    return pa.array(~keys.to_pandas().duplicated().to_numpy())


def _frame(table: pa.Table, chosen: list[str], place: str) -> pd.DataFrame:
    known = {column.name: column for column in schema.EVENTS}
    columns = [
        known.get(name) or schema.Column(name, "category", "", "told by a folder")
        for name in chosen
    ]
    frame = schema.from_arrow(columns, table)
    try:
        door.check_events(frame)
    except ValueError as error:
        raise ValueError(f"{place} cannot be read: {error}") from None
    return schema.shown(frame, "events")


def _condition(wanted: dict[str, Any], kinds: pa.Schema) -> ds.Expression | None:
    condition = None
    for name, value in wanted.items():
        field, kind = ds.field(name), kinds.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if isinstance(value, slice):
            one = _range(field, value, kind)
        else:
            listed = isinstance(value, (list, tuple, set, frozenset))
            values = list(value) if listed else [value]
            some = [each for each in values if each is not None]
            one = field.isin(_scalars(some, kind))
            if None in values:
                one |= field.is_null()
        condition = one if condition is None else condition & one
    return condition


def _range(field: ds.Expression, value: slice, kind: pa.DataType) -> ds.Expression:
    one = field.is_valid()
    if value.start is not None:
        one &= field >= _scalars([value.start], kind)[0]
    if value.stop is not None:
        one &= field < _scalars([value.stop], kind)[0]
    return one


def _scalars(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return values as a column has them; times may be text."""
    if pa.types.is_timestamp(kind):
        import pandas as pd  # loaded only when used

        return pa.array(pd.to_datetime(values, utc=True).as_unit("us"), kind)
    return pa.array(values, kind)
