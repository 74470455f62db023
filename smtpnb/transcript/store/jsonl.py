"""Events as lines of JSON: written a column at a time, read a block at a time.

A gigabyte of lines is a hundred megabytes of events, once what repeats is kept once:
so a block is made small before the next one is read, and whoever wants a few events of
many never holds the others.

pyarrow is loaded only when this module is used. It knows nothing of what a column
means, nor of versions, but that each line says its own.
"""

from __future__ import annotations

import json
from os import SEEK_END
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from smtpnb.transcript import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE: Final = 4 * 1024 * 1024
_BLOCK: Final = 8 * MAX_LINE
_FIELDS: Final = pa.schema(
    [
        *(pa.field("v", pa.int64()), pa.field("table", pa.string())),
        *schema.arrow(schema.EVENTS),
    ]
)


def write(table: pa.Table, file: Any) -> None:
    """Write plain columns as lines; each says its version and its table."""
    # Column by column: a text that occurs often is quoted once for each batch.
    head = f'{{"v":{schema.VERSION},"table":"events",'
    for batch in table.to_batches(max_chunksize=50_000):
        columns = [
            _members(name, column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        lines = [
            f"{head}{','.join(filter(None, row))}}}\n"
            for row in zip(*columns, strict=True)
        ]
        file.write("".join(lines).encode())


def _members(name: str, column: pa.Array) -> list[str]:
    """Return `"name":value` for each row, as JSON has it; "" for null."""
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    members = [f'"{name}":{json.dumps(value)}' for value in values]
    which = encoded.indices.fill_null(len(members)).to_pylist()
    return list(map([*members, ""].__getitem__, which))


def blocks(path: Path, end: int) -> Iterator[pa.Table]:
    """Yield the lines up to an octet as tables: the events' columns, `v` and `table`.

    Raises:
        pyarrow.ArrowInvalid: It is no JSON of that kind.
        ValueError: A line is over `MAX_LINE`.
    """
    options = pyarrow.json.ParseOptions(
        explicit_schema=_FIELDS, unexpected_field_behavior="ignore"
    )
    # A line must fit into a block of theirs, so this bounds a line too.
    theirs = pyarrow.json.ReadOptions(block_size=MAX_LINE)
    with path.open("rb") as file:
        while (start := file.tell()) < end:
            octets = file.read(min(_BLOCK, end - start))
            if not octets:
                return  # somebody has cut the file meanwhile
            if start + len(octets) < end:
                octets = octets[: octets.rfind(b"\n") + 1] or octets
                file.seek(start + len(octets))
            try:
                table = pyarrow.json.read_json(pa.BufferReader(octets), theirs, options)
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error):
                    raise
                raise ValueError(
                    f"{path.name} has a line of more than {MAX_LINE} octets"
                ) from None
            yield table


def complete(path: Path) -> int:
    """Return where the last complete line of a file ends."""
    with path.open("rb") as file:
        start = max(file.seek(0, SEEK_END) - MAX_LINE, 0)
        file.seek(start)
        return start + file.read().rfind(b"\n") + 1
