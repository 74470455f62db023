from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import Transcript, to_csv
from smtpnb.transcript.store.export import csv_text
from tests.transcript.logs import opened, plain

if TYPE_CHECKING:
    from pathlib import Path

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "|cmd",
    "%0",
    " =1",
    "\t=1",
    "\tx",
    "\rx",
    "\nx",
    "\u00a0=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0",
]


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_text_in_a_cell_and_in_the_header(formula: str) -> None:
    header, row = _read(csv_text(pd.DataFrame({formula: [formula]})))
    for cell in (*header, *row):
        assert cell.startswith("'")
        assert len(cell.splitlines()) == 1


def test_ordinary_text_and_numbers_stay_as_they_are() -> None:
    frame = pd.DataFrame(
        {
            "text": ["250 Ok, queued", 'say "x"', None],
            "n": pd.array([-1, 2, None], dtype="Int64"),
            "ms": [-0.5, float("nan"), 3.25],
            "on": pd.array([True, False, None], dtype="boolean"),
            "at": pd.to_datetime(["2026-01-02T03:04:05Z"] * 3),
            "list": [["a", "=b"], [], ["=c"]],
        }
    )
    _, *rows = _read(csv_text(frame))
    when = "2026-01-02 03:04:05+00:00"
    assert rows == [
        ["250 Ok, queued", "-1", "-0.5", "True", when, "a; =b"],
        ['say "x"', "2", "", "False", when, ""],
        ["", "", "3.25", "", when, "'=c"],
    ]


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_is_one_line_and_no_formula(texts: list[str]) -> None:
    written = csv_text(pd.DataFrame({"a": texts, "b": 1}))
    assert written.count("\n") == len(texts) + 1
    assert len(written.encode().decode().splitlines()) == len(texts) + 1
    for cell, _ in _read(written)[1:]:
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_every_table_of_a_transcript_can_be_exported(tmp_path: Path) -> None:
    log = opened()
    log.say("noop", b"NOOP\r\n", b"250 =cmd|' /C calc'!A0\r\n")
    transcript = Transcript([plain(), log.record])
    for name in ("events", "exchanges", "transactions", "sessions"):
        frame = getattr(transcript, name)()
        to_csv(frame, tmp_path / f"{name}.csv")
        header, *rows = _read((tmp_path / f"{name}.csv").read_text())
        assert header == list(frame.columns)
        assert len(rows) == len(frame)
    assert "'=cmd" in (tmp_path / "exchanges.csv").read_text()
    with pytest.raises(FileExistsError):
        to_csv(transcript.events(), tmp_path / "events.csv")
    to_csv(transcript.events(), tmp_path / "events.csv", overwrite=True)


def test_dates_are_written_as_dates() -> None:
    frame = pd.DataFrame({"at": [dt.date(2026, 1, 2), None]})
    assert _read(csv_text(frame))[1:] == [["2026-01-02"], [""]]
