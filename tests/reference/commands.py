"""The page of all commands, made of the tree that the parser and Tab use.

This module knows nothing of what a command does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from smtpnb.notebook.commands import CELLS
from smtpnb.notebook.grammar import BARE, COMMANDS, COMMON, known_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smtpnb.notebook.grammar import Option

PATH: Final = Path(__file__).parents[2] / "notebooks" / "commands.md"
_HEAD: Final = """\
# Every command of `%smtp`

`%smtp [VAR <<] [@SESSION] COMMAND ... [--option VALUE] [;]`

Words are those of telnet, in either case: `%smtp MAIL FROM:<ann@a.example> SIZE=9`.
`VAR <<` keeps the answer and shows nothing, `;` shows nothing, `@SESSION` means another
session than the current one, `{expr}` is the value of an expression of Python, and
`{{` is a brace. `%smtp COMMAND --help` tells the same in a cell; the
[cheat sheet](cheat-sheet.md) has the usual ones.

This page is made of the grammar by `make reference`; a test holds it to that.

## What every command that talks takes
"""
_CELL: Final = """
## A cell that is a dialogue: `%%smtp`

Below `%%smtp` stand the lines of a dialogue, as they are pasted from an RFC, a ticket
or a terminal: the client's lines are sent one after the other, the server's and the
chatter of tools are skipped. The lines from DATA to the lone dot are one content.
"""


def page() -> str:
    """Return the page, in Markdown."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _options(COMMON)
    yield _CELL
    ours = known_options(BARE)
    yield from _options({name: ours[name] for name in ours if name not in COMMON})
    for name, row in COMMANDS.items():
        said = " ".join(filter(None, (name, row.arguments)))
        yield f"\n## {name}\n\n`{said}`\n\n{_sentence(row.help)}"
        if name in CELLS:
            yield f"\n`%%smtp {name}` takes the cell below it."
        without = [option for option in row.without if option in COMMON]
        if row.talks and without:
            yield f"\nWithout {', '.join(f'`{one}`' for one in without)}."
        if row.options:
            yield ""
            yield from _options(row.options)


def _options(options: Mapping[str, Option]) -> Iterator[str]:
    yield "| option | what it does |"
    yield "|---|---|"
    for name, option in options.items():
        said = " ".join(filter(None, (name, option.metavar)))
        values = ", ".join(f"`{one}`" for one in option.choices)
        cell = f"{option.help}{f': {values}' if values else ''}"
        yield f"| `{said}` | {_escaped(cell)} |".replace("`|", "`\\|")


def _sentence(text: str) -> str:
    said = _escaped(text).replace("%%smtp", "`%%smtp`")
    return f"{said[:1].upper()}{said[1:]}."


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
