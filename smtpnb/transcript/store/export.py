"""Tables for other people's programs: CSV in which nothing acts.

A spreadsheet takes a cell that begins with one of ``= + - @`` for a formula, and a
reply text may begin with anything. Every text, the header included, is made harmless
here (`text.for_cell`); numbers stay numbers. Parquet and JSONL keep the text as it is
(`store`): use these to read it back.

This module knows nothing of what the columns mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.edges import files
from smtpnb.edges.text import for_cell

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV (RFC 4180, UTF-8), one row a line, without its index."""
    safe = {_cell(name): [_cell(cell) for cell in frame[name]] for name in frame}
    import pandas as pd  # loaded only when used

    # Objects, so that each cell is written as what it is.
    return str(
        pd.DataFrame(safe, dtype=object).to_csv(index=False, lineterminator="\r\n")
    )


def to_csv(frame: pd.DataFrame, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a frame as CSV that no spreadsheet takes for formulas.

    Args:
        frame: Any frame.
        path: Where.
        overwrite: Replace the file if there is one.

    Raises:
        FileExistsError: The file exists, or is no regular file; nothing was written.

    Example:
        >>> to_csv(client.transcript.exchanges(), "exchanges.csv")
        >>> with open("exchanges.csv") as file:
        ...     print("latency_ms" in file.readline())
        True
    """
    with files.create(path, overwrite=overwrite) as file:
        file.write(csv_text(frame).encode())


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str) and not hasattr(value, "__len__"):
        return value if str(value) != "<NA>" else None  # a date, a null
    return for_cell(value if isinstance(value, str) else "; ".join(map(str, value)))
