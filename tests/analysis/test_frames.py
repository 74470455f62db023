from __future__ import annotations

import numpy as np
import pandas as pd

from smtpnb.analysis.frames import plain_rows, table

DTYPES = {"who": "text", "n": "Int64", "ms": "float64", "ok": "boolean", "at": "utc"}


def test_a_table_has_its_columns_and_types_without_rows() -> None:
    empty = table([], DTYPES)
    full = table([("a", 1, 2.5, True, pd.Timestamp("2026-01-01", tz="UTC"))], DTYPES)
    assert empty.empty
    assert list(empty.columns) == list(DTYPES)
    assert list(empty.dtypes) == list(full.dtypes)
    assert empty["who"].dtype == pd.StringDtype("pyarrow", na_value=np.nan)


def test_what_is_missing_is_null() -> None:
    frame = table([{"who": None}, {"n": 3, "who": "b"}, {"ms": 0.5}], DTYPES)
    assert list(frame["who"].isna()) == [True, False, True]
    assert frame.isna().sum().to_dict() == {"who": 2, "n": 2, "ms": 2, "ok": 3, "at": 3}


def test_text_in_a_table_is_inert_and_keeps_its_lines() -> None:
    frame = table([("a\u202eb\x1b[2J\nc", None, None, None, None)], DTYPES)
    assert frame["who"][0] == "a\\u202eb\\x1b[2J\nc"


def test_rows_come_back_with_none_for_any_null() -> None:
    dtypes = {"a": "text", "b": "Int32", "c": "float64", "d": "list", "e": "utc"}
    row = {"a": "x", "b": 1, "c": 0.5, "d": ["y"]}
    full, empty = plain_rows(table([row, {}], dtypes))
    assert {**full, "d": list(full["d"])} == {**row, "e": None}
    assert list(empty) == list(dtypes)
    assert set(empty.values()) == {None}


def test_rows_of_no_columns_are_still_rows() -> None:
    frame = table([{"a": "x"}, {"a": "y"}], {"a": "text"})
    assert plain_rows(frame[[]]) == [{}, {}]
