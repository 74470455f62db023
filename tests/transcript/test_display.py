"""A table that one can read: a few columns are shown, and the frame holds all."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.transcript import dictionary, schema
from tests.transcript import logs

TABLES = tuple(schema.TABLES)


def _html(frame: Any) -> str:
    return str(frame._repr_html_())


@pytest.fixture
def transcript() -> Transcript:
    return Transcript([logs.plain(), logs.starttls()])


@pytest.mark.parametrize("table", TABLES)
def test_a_few_columns_are_shown_and_all_are_there(
    transcript: Transcript, table: str
) -> None:
    frame = getattr(transcript, table)()
    every = [column.name for column in schema.TABLES[table]]
    assert [*frame.columns] == every
    for part in (frame, frame.head(3), frame[frame["session_id"].notna()]):
        html = _html(part)
        shown = [name for name in every if f"<th>{name}</th>" in html]
        assert 6 <= len(shown) <= 9
        assert f"{len(every) - len(shown)} more columns: --all" in html
        assert "more columns: --all" in repr(part)


def test_a_row_is_a_line_in_a_terminal_of_any_width(transcript: Transcript) -> None:
    frame = transcript.exchanges()
    with pd.option_context("display.max_columns", 4, "display.width", 60):
        head, *rows, last = repr(frame).splitlines()
    columns = ["t_ms", "step", "line", "code", "enhanced", "text", "latency_ms"]
    assert set(columns) <= set(head.split())
    assert len(rows) == len(frame)
    assert "more columns" in last


def test_what_is_made_of_a_table_is_shown_whole(transcript: Transcript) -> None:
    frame = transcript.exchanges()
    for made in (frame[["host", "code"]], frame.describe(), pd.DataFrame(frame)):
        assert "--all" not in _html(made)
        assert "--all" not in repr(made)


def test_what_a_question_added_is_shown(transcript: Transcript) -> None:
    html = _html(transcript.exchanges().assign(verdict="good"))
    assert "<th>verdict</th>" in html


def test_the_line_is_what_was_sent_and_no_secret(transcript: Transcript) -> None:
    lines = transcript.exchanges()["line"].dropna()
    assert "RCPT TO:<ok@example.test>" in list(lines)
    assert "<secret 24 bytes>" in list(lines)


def test_the_host_is_shown_where_there_are_several() -> None:
    one, other = logs.plain(), logs.starttls()
    other.host = "other.example.test"
    assert "<th>host</th>" not in _html(Transcript([one]).exchanges())
    assert "<th>host</th>" in _html(Transcript([one, other]).exchanges())


@pytest.mark.parametrize("table", TABLES)
def test_the_dictionary_says_what_each_column_is(table: str) -> None:
    page = dictionary(table)
    assert [*page["name"]] == [column.name for column in schema.TABLES[table]]
    assert (page["meaning"].str.len() > 0).all()
    frame = Transcript([logs.refused_at_connect(), logs.plain()])
    made = getattr(frame, table)()
    never = set(page.loc[page["null"] == "", "name"])
    assert not [name for name in never if made[name].isna().any()]


def test_there_is_no_such_table() -> None:
    with pytest.raises(ValueError, match="there is no table 'x'"):
        dictionary("x")
