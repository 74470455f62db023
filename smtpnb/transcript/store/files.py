"""Transcripts in files: JSONL to append and to exchange, Parquet to keep.

Both hold the events table and nothing else; the other tables are derived from it. The
columns and their types are those of `schema`, whatever a file says of itself, and a
file can hold data only: there is no pickle, and no type that runs code when it is read.
What a stranger's file can cost is bounded before it is read (`MAX_ROWS`, `MAX_CELL`,
`MAX_OCTETS`).

The version stands in the metadata of a Parquet file and in every line of JSONL.
Columns that this version does not know are ignored, and missing ones are null: within
a version columns may be added. Version 1 is read as well: it has the same columns, and
its transactions are counted anew (`tables.renumber`). Another version is refused, and
so is a value that no view could show (`door.check_events`).

pyarrow is loaded only when this module is used. It knows nothing of records or of
sockets.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smtpnb.edges import files
from smtpnb.transcript import door, schema
from smtpnb.transcript.store import jsonl
from smtpnb.transcript.tables.renumber import renumbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Keep = Callable[[pa.Table], pa.Table]

SUFFIXES: Final = (".parquet", ".jsonl")
# `scan` reads groups in which something is wanted. In smaller ones texts stand oftener.
ROWS_OF_A_GROUP: Final = 8_192
MAX_ROWS: Final = 50_000_000
MAX_CELL: Final = 1024 * 1024  # a reply holds at most 64 KiB
MAX_OCTETS: Final = 8 * 1024**3  # once decompressed

_VERSION: Final = b"smtpnb.schema"
_TABLE: Final = b"smtpnb.table"
_READ: Final = (b"1", b"2")
_NAMES: Final = tuple(column.name for column in schema.EVENTS)

# As Parquet has them: each text once.
TEXTS: Final = [c.name for c in schema.EVENTS if c.dtype in {"text", "category"}]
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
ENCODED: Final = pa.schema(
    [
        field.with_type(_TEXT) if field.name in TEXTS else field
        for field in schema.arrow(schema.EVENTS)
    ]
)


def save(events: pd.DataFrame, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write an events frame to a file; the format is that of the file's suffix.

    Args:
        events: The frame (`schema.EVENTS`).
        path: A name that ends in ".parquet" (zstd) or ".jsonl".
        overwrite: Replace the file if there is one.

    Returns:
        The path.

    Raises:
        FileExistsError: The file exists, or is no regular file; nothing was written.
        ValueError: Another suffix, or a column is missing.
    """
    path = Path(path)
    write = {".parquet": _write_parquet, ".jsonl": jsonl.write}.get(path.suffix)
    if write is None:
        raise _unknown(path)
    table = arrow_of(events)
    with files.create(path, overwrite=overwrite) as file:
        write(table, file)
    return path


def append(events: pd.DataFrame, path: str | Path) -> Path:
    """Add an events frame to the end of a JSONL file, which is made if it is missing.

    Raises:
        FileExistsError: It is no regular file.
        ValueError: Another suffix, or a column is missing.
    """
    path = Path(path)
    if path.suffix != ".jsonl":
        raise ValueError(f"only .jsonl files can be added to, not {path.name}")
    table = arrow_of(events)
    with files.append(path) as file:
        # Who wrote last may have died within a line.
        file.truncate(jsonl.complete(path))
        jsonl.write(table, file)
    return path


def load(path: str | Path) -> pd.DataFrame:
    """Read an events frame that `save` or `append` wrote.

    Args:
        path: A ".parquet" or ".jsonl" file.

    Returns:
        The frame, with every column of `schema.EVENTS` and its type.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a file of ours, of another version, or over a limit.
    """
    with explained(path):
        table = read(Path(path))
        frame = schema.from_arrow(schema.EVENTS, table)
        try:
            door.check_events(frame)
        except ValueError as error:
            raise ValueError(f"{Path(path).name} cannot be read: {error}") from None
        if (table.schema.metadata or {}).get(_VERSION) == b"1":
            frame = renumbered(frame)
        return schema.shown(frame, "events")


def read(path: Path, *, whole: bool = True, keep: Keep | None = None) -> pa.Table:
    """Return what a file holds, each text once; it is within the limits.

    Args:
        path: A ".parquet" or ".jsonl" file.
        whole: False: somebody may be adding to it, so its last line may be cut.
        keep: Takes a part of the table, and returns what is wanted of it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a file of ours, of another version, or over a limit.
        pyarrow.ArrowException: It cannot be read.
    """
    if path.suffix not in SUFFIXES:
        raise _unknown(path)
    files.require_regular(path, MAX_OCTETS)
    if path.suffix == ".jsonl":
        return _read_jsonl(path, whole, keep)
    table = _read_parquet(path)
    check_cells(table)
    return table if keep is None else keep(table)


@contextmanager
def explained(path: str | Path) -> Iterator[None]:
    """Say in a ValueError which file or directory it is that pyarrow cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # pyarrow has an OSError without a number for octets that make no sense.
        of_a_file = isinstance(error, OSError) and type(error) is not OSError
        if of_a_file or getattr(error, "errno", None) is not None:
            raise
        first = str(error).partition("\n")[0]
        raise ValueError(f"{Path(path).name} cannot be read: {first}") from None


def encoded(table: pa.Table) -> pa.Table:
    """Return a table with the columns and types of `ENCODED`."""
    columns = []
    for field in ENCODED:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        elif field.name in TEXTS:
            columns.append(table[field.name].cast(pa.string()).dictionary_encode())
        else:
            columns.append(table[field.name].cast(field.type))
    return pa.Table.from_arrays(columns, schema=ENCODED)


def _unknown(path: Path) -> ValueError:
    return ValueError(f"{path.name}: the name must end in .parquet or .jsonl")


def arrow_of(events: pd.DataFrame) -> pa.Table:
    """Return an events frame as a pyarrow table of plain columns.

    Raises:
        ValueError: It is no events frame.
    """
    frame = door.coerce("events", events)
    arrow = schema.arrow(schema.EVENTS)
    table = pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False)
    columns = [_plain(table[field.name], field.type) for field in arrow]
    return pa.Table.from_arrays(columns, schema=arrow)


def _plain(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(wanted)


# Parquet


def _write_parquet(table: pa.Table, file: Any) -> None:
    facts = {_VERSION: str(schema.VERSION).encode(), _TABLE: b"events"}
    pq.write_table(
        table.replace_schema_metadata(facts),
        file,
        compression="zstd",
        compression_level=3,
        row_group_size=ROWS_OF_A_GROUP,
        write_page_checksum=True,  # an octet that was flipped is noticed
    )


def _read_parquet(path: Path) -> pa.Table:
    check_parquet(path)
    with path.open("rb") as octets:
        there = set(pq.read_schema(octets).names)
        known = [name for name in _NAMES if name in there]
        texts = [name for name in TEXTS if name in there]
        file = pq.ParquetFile(
            octets, read_dictionary=texts, page_checksum_verification=True
        )
        version = (file.schema_arrow.metadata or {}).get(_VERSION, b"")
        return file.read(columns=known).replace_schema_metadata({_VERSION: version})


def check_parquet(*paths: Path, told: Sequence[str] | None = None) -> None:
    """Look at files before they are read.

    Args:
        paths: The files.
        told: The columns that the names of their folders give; then files of others
            will do that have all columns by which an event is known.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: One is not a file of ours, or of another version; or all together
            hold more than is read.
    """
    n_rows = size = 0
    for path in paths:
        files.require_regular(path, MAX_OCTETS)
        with path.open("rb") as octets, pq.ParquetFile(octets) as file:
            facts, whole = file.schema_arrow.metadata or {}, file.metadata
            there = {*file.schema_arrow.names, *(told or ())}
        if told is None or _TABLE in facts or not set(door.NEEDED) <= there:
            _check_version(path, facts.get(_TABLE), facts.get(_VERSION))
        groups = map(whole.row_group, range(whole.num_row_groups))
        n_rows += whole.num_rows
        size += sum(group.total_byte_size for group in groups)
        if n_rows > MAX_ROWS or size > MAX_OCTETS:
            raise ValueError(
                f"{path.name} holds too much: {n_rows} rows and {size} octets; at most "
                f"{MAX_ROWS} and {MAX_OCTETS} are read"
            )


def _check_version(path: Path, table: bytes | None, version: bytes | None) -> None:
    if table != b"events" or version is None:
        raise ValueError(f"{path.name} is not a transcript that smtpnb wrote")
    if version not in _READ:
        raise ValueError(
            f"{path.name} is of schema {version.decode('ascii', 'replace')}; this "
            f"smtpnb reads schema 1 to {schema.VERSION}"
        )


# JSONL


def _read_jsonl(path: Path, whole: bool, keep: Keep | None) -> pa.Table:
    end = path.stat().st_size if whole else jsonl.complete(path)
    nothing = ENCODED.empty_table()
    found = [nothing if keep is None else keep(nothing)]
    oldest, n_rows = schema.VERSION, 0
    for block in jsonl.blocks(path, end):
        for table, version in _said(block):
            said = None if version is None else str(version).encode()
            _check_version(path, str(table).encode(), said)
            oldest = min(oldest, version)
        n_rows += len(block)
        _check_rows(path, n_rows)
        small = encoded(block)
        check_cells(small)
        found.append(small if keep is None else keep(small))
    if end and not n_rows:
        raise ValueError(f"{path.name} is not a transcript that smtpnb wrote")
    table = pa.concat_tables(found)
    return table.replace_schema_metadata({_VERSION: str(oldest).encode()})


def _said(block: pa.Table) -> set[tuple[Any, Any]]:
    """The tables and versions of which lines say they are."""
    pairs = block.group_by(["table", "v"]).aggregate([])
    return {(row["table"], row["v"]) for row in pairs.to_pylist()}


def _check_rows(path: Path, n_rows: int) -> None:
    if n_rows > MAX_ROWS:
        raise ValueError(
            f"{path.name} holds too much: at most {MAX_ROWS} rows are read"
        )


def check_cells(table: pa.Table) -> None:
    """Look at what was read, before anything relies on it.

    Raises:
        ValueError: A text is longer than any honest one.
        pyarrow.ArrowInvalid: A number points to no text, or a text is no UTF-8.
    """
    table.validate(full=True)
    for name in table.column_names:
        for chunk in table[name].chunks:
            texts = getattr(chunk, "dictionary", chunk)
            if pa.types.is_string(texts.type):
                longest = pc.max(pc.binary_length(texts)).as_py() or 0
                if longest > MAX_CELL:
                    raise ValueError(
                        f"a {name} holds {longest} octets; at most {MAX_CELL}"
                    )
