"""The reference tells the truth: rows run, tests are there, the page is of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from smtpnb.notebook.grammar import parse
from tests.reference import notebook
from tests.reference.rows import Row, rows

ROOT = Path(__file__).parents[2]
ROWS = rows()
TRIED = [row for row in ROWS if row.do]
STORED: Any = nbformat.read(notebook.PATH, as_version=4)


def _named(row: Row) -> str:
    return row.feature


def test_the_page_is_made_of_the_rows() -> None:
    made = notebook.made()
    assert [cell.source for cell in STORED.cells] == [c.source for c in made.cells]


@pytest.mark.parametrize("row", TRIED, ids=_named)
def test_what_leaves_is_what_the_page_shows(row: Row) -> None:
    leaves = row.what_leaves()
    assert leaves
    cells = [cell for cell in STORED.cells if cell.source == row.code]
    shown = ["".join(out.text for out in cell.outputs) for cell in cells]
    assert {_masked(text) for text in shown} == {_masked(leaves)}


def _masked(text: str) -> str:
    return re.sub(r"<secret \d+ bytes>", "<secret>", text)  # nonces differ in length


@pytest.mark.parametrize("row", ROWS, ids=_named)
def test_each_row_says_something_and_has_its_test(row: Row) -> None:
    assert bool(row.do or row.says) != bool(row.lacks)
    if row.lacks:
        return
    path, _, name = row.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text("utf-8") or not name
    if row.magic:
        line = row.magic.replace("{octets}", "{0}").replace("{message}", "{0}")
        assert parse(line, lambda _: b"").command == line.split()[0].lower()
