"""Rows of plain values made into the frame that an analysis promises, and back.

The text in it is inert, as in the frames it was made from (a frame is an edge: pandas
draws it), and null stays null on pandas 2.3 as well, where `astype("str")` would write
"None".

This module knows nothing of what the columns mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.edges.text import for_terminal
from smtpnb.transcript.schema import typeset_no_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd


def table(rows: Iterable[Any], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame with just these columns, in this order, even without rows.

    Args:
        rows: Dictionaries by column (a missing key is null), or tuples in the order
            of the columns.
        dtypes: For each column "text" (pandas 3's `str`), "list" (of text), "utc"
            (wall time) or a dtype of pandas.
    """
    import pandas as pd  # loaded only when used
    import pyarrow as pa

    from smtpnb.transcript.text_dtype import TEXT

    typeset_no_frames()
    named: dict[str, Any] = {
        "text": TEXT,
        "utc": pd.DatetimeTZDtype("us", "UTC"),
        "list": pd.ArrowDtype(pa.list_(pa.string())),
    }
    frame = pd.DataFrame(list(rows), columns=list(dtypes), dtype=object)
    for name, dtype in dtypes.items():
        if dtype == "text":
            frame[name] = frame[name].map(_inert, na_action="ignore")
        elif dtype == "list":
            frame[name] = frame[name].map(_all_inert, na_action="ignore")
        frame[name] = frame[name].astype(named.get(dtype, dtype))
    return frame


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows by column, with None for null, whichever null it is."""
    names = [str(name) for name in frame.columns]
    values = frame.astype(object)
    rows = values.where(values.notna(), None).to_numpy().tolist()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _inert(value: Any) -> str:
    return for_terminal(str(value), newlines=True)


def _all_inert(values: Iterable[Any]) -> list[str]:
    return [_inert(value) for value in values]
