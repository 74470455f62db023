"""How the commands of `%smtp` are written: from their table, for terminals and pages.

This module knows nothing of what they do.
"""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.edges.text import NO_LATEX, for_html
from smtpnb.notebook.grammar import COMMANDS, known_options
from smtpnb.notebook.render import MONO, Shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

WIDTH, NARROWEST = 79, 30  # characters of a line, and of its right column


class Row(NamedTuple):
    """A name and what it means; or a text alone, which may be empty."""

    name: str
    text: str


_HEAD: Final = (
    Row("", "%smtp [VAR <<] [@SESSION] COMMAND ... [--option VALUE] [;]"),
    Row(
        "",
        "%%smtp in the first line of a cell: below it the lines of a dialogue, "
        "C: and S:",
    ),
    Row("", ""),
    Row("VAR <<", "keep the answer in a variable, and show nothing"),
    Row("@SESSION", "another session than the current one; connect makes it"),
    Row("{expr}", "the value of an expression of Python"),
    Row(";", "show nothing"),
    Row("", ""),
    Row("", "To begin:"),
    Row("", ""),
    Row("%smtp connect sandbox", "a server to practise with, in this process"),
    Row("%smtp ehlo", "what it offers"),
    Row("%smtp mail FROM:<ann@a.example>", "who sends"),
    Row("%smtp rcpt TO:<bob@b.example>", "who receives"),
    Row("%%smtp data", "and below it, in the same cell, the message"),
    Row("%smtp", "where you are, and what may come next"),
    Row("", ""),
    Row("", "All commands:"),
    Row("", ""),
)
_FOOT: Final = (Row("", ""), Row("", "%smtp COMMAND --help tells more."))


def rows(command: str = "") -> list[Row]:
    """Return how a command is written, or all of them."""
    if not command:
        known = (Row(name, row.help) for name, row in COMMANDS.items())
        return [*_HEAD, *known, *_FOOT]
    row = COMMANDS[command]
    head = " ".join(filter(None, ("%smtp", command, row.arguments)))
    found = [Row("", head), Row("", row.help), Row("", "")]
    for name, option in known_options(command).items():
        choices = f" ({' | '.join(option.choices)})" if option.choices else ""
        written = " ".join(filter(None, (name, option.metavar)))
        found.append(Row(written, f"{option.help}{choices}"))
    return found


def usage(command: str = "") -> str:
    """Return how a command is written, or all of them, as text."""
    lines: list[str] = []
    for named, block in _blocks(rows(command)):
        width = max(len(row.name) for row in block)
        for row in block:
            before = f"  {row.name:<{width}}  " if named else ""
            lines += _hanging(before, row.text)
    return "\n".join(lines)


class Help(Shown):
    """How a command is written, which shows itself; names and meanings side by side.

    Args:
        command: Its name; "" for all of them.
    """

    __slots__ = ("_command",)
    _command: str

    def __new__(cls, command: str = "") -> Self:
        """Return the text that knows its rows."""
        made = super().__new__(cls, usage(command))
        made._command = command
        return made

    def _repr_html_(self) -> str:
        blocks = _blocks(rows(self._command))
        parts = [_table(block) if named else _lines(block) for named, block in blocks]
        return (
            f'<div class="smtpnb-help {NO_LATEX}" style="{MONO}">{"".join(parts)}</div>'
        )


def _blocks(found: Iterable[Row]) -> Iterator[tuple[bool, list[Row]]]:
    """Return what belongs in one table, and what stands between tables."""
    for named, block in groupby(found, key=lambda row: bool(row.name)):
        yield named, list(block)


def _hanging(before: str, text: str) -> list[str]:
    """Return lines that all begin below each other, behind what stands before them."""
    return textwrap.wrap(
        text,
        max(WIDTH, len(before) + NARROWEST),
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _lines(block: Iterable[Row]) -> str:
    texts = (for_html(row.text) for row in block if row.text)
    return "".join(f"<div>{text}</div>" for text in texts)


def _table(block: Iterable[Row]) -> str:
    cell = "text-align:left;vertical-align:top"
    lines = (
        f'<tr><td style="{cell};white-space:nowrap">{for_html(row.name)}</td>'
        f'<td style="{cell}">{for_html(row.text)}</td></tr>'
        for row in block
    )
    style = f"margin:8px 0;font-size:inherit;{MONO}"
    return f'<table style="{style}">{"".join(lines)}</table>'
