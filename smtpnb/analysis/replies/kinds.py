"""Texts that differ in nothing but addresses and numbers are one kind of text.

Cheap enough for millions of texts, and coarser than `volatile`, which knows what
servers write: here only a few kinds must be left, to be looked at once each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

# Addresses, and words with a digit in them: queue ids, times, addresses of hosts.
_VARIABLE: Final = (
    r"<[^<>\s]*>|[^\s<>:,;()]+@[^\s<>:,;()]+"
    r"|[0-9A-Za-z]*[0-9][0-9A-Za-z.:]+|[0-9A-Za-z]+[0-9]"
)


def kinds(text: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts with a 0 for all that varies; null stays null."""
    import pyarrow as pa  # loaded only when used
    import pyarrow.compute as pc

    array = pa.array(text, type=pa.string(), from_pandas=True)
    found: pd.Series[Any] = pc.replace_substring_regex(
        array, _VARIABLE, "0"
    ).to_pandas()
    return found.set_axis(text.index).astype(text.dtype)
