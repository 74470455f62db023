"""Columns from few values and many numbers: each row says which value is its own.

Texts are made inert, and words put in order, once for each value and not once for each
row. A number of -1 is null. All columns have the types of `schema`.

This module knows nothing of what a column means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smtpnb.edges.text import for_terminal
from smtpnb.transcript.text_dtype import TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(values: Sequence[str | None], which: Any) -> Any:
    """Return a column of text."""
    inert = _inert(values)
    # Large offsets: a session may hold more than 2 GiB of text, once it is spread.
    array = pa.array([*inert, None], pa.large_string())
    texts = array.take(pa.array(np.where(which < 0, len(inert), which)))
    return texts.to_pandas(types_mapper=lambda _: TEXT)


def words(values: Any, which: Any) -> Any:
    """Return a categorical column; its categories are the words that occur."""
    known = pa.array(values, pa.large_string()).dictionary_encode()
    inert = _inert(known.dictionary.to_pylist())
    shown = pa.array(inert, pa.large_string()).dictionary_encode()
    order = pc.sort_indices(shown.dictionary)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    codes = np.full(len(values) + 1, -1, np.int32)  # -1 points to the last
    there = known.is_valid().to_numpy(zero_copy_only=False)
    number = known.indices.drop_null().to_numpy()
    codes[:-1][there] = place[shown.indices.to_numpy()[number]]
    categories = shown.dictionary.take(order).to_pandas(types_mapper=lambda _: TEXT)
    return pd.Categorical.from_codes(codes[which], categories=pd.Index(categories))


def numbers(values: Sequence[int | None], which: Any, kind: Any) -> Any:
    """Return a nullable column of integers of a numpy type."""
    array = np.array([0 if value is None else value for value in [*values, 0]], kind)
    null = np.array([*(value is None for value in values), True], bool)
    return pd.arrays.IntegerArray(array[which], null[which])


def flags(values: Sequence[bool], which: Any) -> Any:
    """Return a nullable column of booleans."""
    return some_flags(np.array([*values, False], bool)[which], which < 0)


def some_numbers(array: Any, null: Any, kind: Any) -> Any:
    """Return a nullable column of integers, null where `null` says so."""
    return pd.arrays.IntegerArray(np.where(null, 0, array).astype(kind), null)


def some_flags(array: Any, null: Any) -> Any:
    """Return a nullable column of booleans, null where `null` says so."""
    return pd.arrays.BooleanArray(array, null)


def moments(us: Any) -> Any:
    """Return a column of wall times from microseconds since the epoch."""
    return pa.array(us, pa.timestamp("us", tz="UTC")).to_pandas()


def _inert(values: Sequence[str | None]) -> list[str | None]:
    # Nearly always all is plain, which one look at all of it tells.
    whole = "".join(filter(None, values)).replace("\n", "")
    if whole.isascii() and whole.isprintable():
        return [*values]
    return [value and for_terminal(value, newlines=True) for value in values]
