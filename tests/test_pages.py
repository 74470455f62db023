"""The pages: no link leads nowhere, and every command is one of the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.notebook.grammar import COMMANDS, parse
from tests.reference import commands
from tests.support.pages import PAGES, README, ROOT, links, magics

if TYPE_CHECKING:
    from pathlib import Path

HOME = "https://github.com/smtpnb/smtpnb/raw/main/"
CHEAT_SHEET = ROOT / "notebooks/cheat-sheet.md"
# What an expression on a page stands for.
_VALUES: dict[str, Any] = {"expr": "value", "octets": b"x", "message": "Subject: x"}


def _value(expression: str) -> Any:
    return _VALUES.get(expression, b"x")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    for is_picture, target in links(page):
        if target.startswith(HOME):
            assert (ROOT / target.removeprefix(HOME)).is_file(), target
        elif not target.startswith("https://"):
            assert not (is_picture and page == README), "PyPI shows absolute ones only"
            assert (page.parent / target).is_file(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_one_of_the_grammar(page: Path) -> None:
    for line in magics(page):
        words = line.removeprefix("%%smtp").removeprefix("%smtp")
        if "COMMAND" in words:
            continue  # how all of them are written
        parse(words, _value)


def test_the_cheat_sheet_has_most_commands_and_fits_a_page() -> None:
    said = {
        parse(line.lstrip("%").removeprefix("smtp"), _value).command
        for line in magics(CHEAT_SHEET)
        if "COMMAND" not in line
    }
    assert said <= {"", *COMMANDS}
    assert len(said) > 30
    assert len(CHEAT_SHEET.read_text().splitlines()) <= 80


def test_the_readme_is_a_screen_and_a_half() -> None:
    assert len(README.read_text().splitlines()) <= 120


def test_the_page_of_commands_is_that_of_the_grammar() -> None:
    made = commands.page()
    assert commands.PATH.read_text() == made, "make reference"
    for name, row in COMMANDS.items():
        part = made.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert row.arguments in part
        for option, what in row.options.items():
            assert f"`{option}" in part
            assert all(f"`{one}`" in part for one in what.choices)
