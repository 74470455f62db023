"""From what a user has at hand to the table a question needs: the one door.

A transcript makes every table, and so does a frame of its events. Any other frame is
taken for the table it is: ours, or as pandas (after its own `concat`, CSV or Parquet),
polars, DuckDB or pyarrow hold it; its columns have their types again behind this door.

This module knows nothing of what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.transcript.transcript import Excerpt, SavedTranscript, Transcript

    Source = Transcript | Excerpt | SavedTranscript | pd.DataFrame
    """Or anything that has `__arrow_c_stream__`."""
    Table = Literal["events", "exchanges", "sessions", "transactions"]


def table_of(source: Source, table: Table, *also: Table) -> pd.DataFrame:
    """Return one of the tables of a transcript, of its events, or a frame as it is.

    Args:
        source: A transcript, a frame of its events, or a frame of the table itself,
            or of some of its columns.
        table: The table that is wanted.
        also: Tables that will do as well, if they are what was given.

    Raises:
        TypeError: It is no table.
        ValueError: It is another table, or a value cannot be what it must be.
    """
    from smtpnb.transcript import door, tables

    if _is_transcript(source):
        made: pd.DataFrame = getattr(source, table)()
        return made
    frame = door.as_frame(source)
    kind = door.kind_of(frame)
    if kind == "events":
        return tables.make(table, frame)
    if kind in also:
        return door.known_columns(str(kind), frame)
    if kind not in {None, table}:
        raise ValueError(
            f"{table}() are wanted, or a transcript or its events(); this is a table "
            f"of {kind}"
        )
    return door.known_columns(table, frame)


def _is_transcript(source: Any) -> bool:
    from smtpnb.transcript.transcript import Views

    return isinstance(source, Views)
