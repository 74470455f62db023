"""JupyterLab typesets LaTeX in HTML, and LaTeX can hide, colour and disguise a link."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import smtpnb
from smtpnb.analysis.frames import table
from smtpnb.edges.text import NO_LATEX
from smtpnb.sandbox.inbox import Inbox
from smtpnb.transcript import schema, tables

if TYPE_CHECKING:
    from collections.abc import Callable

HOUSE = Path(smtpnb.__file__).parent
SHOWN = [
    path
    for path in sorted(HOUSE.rglob("*.py"))
    if "def _repr_html_(" in path.read_text()
]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_html_of_ours_is_never_typeset(path: Path) -> None:
    source = path.read_text()
    assert "<pre" in source or "NO_LATEX" in source or "views.html(" in source


def test_a_frame_and_what_is_made_of_it_are_never_typeset() -> None:
    events = tables.events_frame([])
    # pandas 2 knows the class of an older MathJax only; `%load_ext` adds the other.
    known = NO_LATEX if pd.__version__ >= "3" else "tex2jax_ignore"
    for frame in (events, events[["text"]].merge(pd.DataFrame({"text": ["$x$"]}))):
        shown = frame._repr_html_()  # type: ignore[operator]
        assert f'class="dataframe {known}"' in shown
    assert pd.get_option("styler.html.mathjax") is False


@pytest.mark.parametrize("make", [lambda: table([], {"text": "text"}), Inbox().table])
def test_other_frames_of_ours_are_not_typeset_either(
    make: Callable[[], pd.DataFrame],
) -> None:
    schema.typeset_no_frames.cache_clear()
    with pd.option_context("display.html.use_mathjax", True):
        shown = make()._repr_html_()  # type: ignore[operator]
    schema.typeset_no_frames.cache_clear()  # the option is as it was
    assert "tex2jax_ignore" in shown
