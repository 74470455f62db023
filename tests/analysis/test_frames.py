from __future__ import annotations

import pandas as pd

from smtpnb.analysis.frames import plain_rows, table
from smtpnb.analysis.pictured import middle_cut, note
from smtpnb.transcript.text_dtype import TEXT

DTYPES = {"who": "text", "n": "Int64", "ms": "float64", "ok": "boolean", "at": "utc"}


def test_a_table_has_its_columns_and_types_without_rows() -> None:
    empty = table([], DTYPES)
    full = table([("a", 1, 2.5, True, pd.Timestamp("2026-01-01", tz="UTC"))], DTYPES)
    assert empty.empty
    assert list(empty.columns) == list(DTYPES)
    assert list(empty.dtypes) == list(full.dtypes)
    assert empty["who"].dtype == TEXT


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


def test_a_long_name_is_cut_in_the_middle_where_its_ends_differ() -> None:
    names = [f"mail-{n:03}.outbound.protection.example.com" for n in range(3)]
    shown = [middle_cut(name, 24) for name in names]
    assert shown[0] == "mail-000.ou...xample.com"
    assert len(set(shown)) == 3
    assert {len(name) for name in shown} == {24}
    assert middle_cut("short", 24) == "short"
    assert middle_cut("a\x1b[31m", 24) == "a\\x1b[31m"


def test_a_note_is_broken_into_lines_that_fit() -> None:
    assert note(["", "one", "two"]) == "one; two"
    lines = note(["a" * 60, "b" * 60, "c"]).split("\n")
    assert lines == ["a" * 60 + ";", "b" * 60 + "; c"]
    assert note([]) == ""
