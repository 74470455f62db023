"""The reference as a notebook: each row, how it is said, and the test of it."""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from tests.reference import at
from tests.reference.rows import Row, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path(__file__).parents[2] / "notebooks" / "reference.ipynb"

_HEAD = """# Reference: all that can be said

The checklist of what SMTP clients can say, row by row: {had} of {all} are here. Every
cell runs against the sandbox and prints the lines that leave; secrets are never among
them. Above it stand the magic, where there is one, and the test that proves the row.

Made by `make reference` from `tests/reference/rows.toml`; a test holds it to that."""


def _cells() -> Iterator[Any]:
    all_rows = rows()
    had = sum(not row.lacks for row in all_rows)
    yield nbformat.v4.new_markdown_cell(_HEAD.format(had=had, all=len(all_rows)))
    source = inspect.getsource(at).partition('"""\n\n')[2]
    names = "Anonymous, Control, DeliverBy"
    source = source.replace("from smtpnb import ", f"from smtpnb import {names}, ", 1)
    yield nbformat.v4.new_code_cell(source.strip())
    for section, group in groupby(all_rows, key=lambda row: row.section):
        yield nbformat.v4.new_markdown_cell(f"## {section}")
        for row in group:
            yield nbformat.v4.new_markdown_cell(_words(row))
            if row.do:
                yield nbformat.v4.new_code_cell(row.code)


def _words(row: Row) -> str:
    head = f"### {row.feature}" + (f" ({row.rfc})" if row.rfc else "")
    if row.lacks:
        return f"{head}\n\nNot here: {row.lacks}."
    told = [row.says] if row.says else []
    told += [f"In a notebook: `%smtp {row.magic}`."] if row.magic else []
    return "\n\n".join([head, *told, f"Test: `{row.test}`"])


def made() -> Any:
    """Return the notebook without outputs."""
    notebook = nbformat.v4.new_notebook(cells=list(_cells()))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same each time
    notebook.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    return notebook


def write() -> None:
    """Run it and write it down."""
    notebook = made()
    # Where a busy machine cuts what a cell prints is nothing to read.
    run = NotebookClient(notebook, timeout=60, record_timing=False)
    run.coalesce_streams = True
    run.execute()
    nbformat.write(notebook, PATH)
