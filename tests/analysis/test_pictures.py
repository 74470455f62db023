"""All pictures, of any number of hosts, light and dark: what each of them owes.

To look at them: `python -m tests.analysis.gallery FOLDER`.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import cache
from html import escape
from importlib import import_module
from io import StringIO
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

from smtpnb.analysis.palettes import DARK, LIGHT, contrast
from tests.analysis.gallery import NUMBERS, PICTURES, THEMES, fleet

_fleet = cache(fleet)  # each is asked by all pictures
# What cannot say "N of 300": one session, all hosts as one, and steps.
_WHOLE = {"waterfall", "slo", "slowest", "reply_codes", "latency_ecdf"}


def _axes(figure: Figure) -> list[Any]:
    return [part for ax in figure.axes for part in (ax, *ax.child_axes)]


def _words(figure: Figure) -> str:
    return "\n".join(str(text.get_text()) for text in _texts(figure))


def _texts(figure: Figure) -> list[Text]:
    found: list[Any] = figure.findobj(Text)
    return [text for text in found if text.get_text()]


def _drawn(name: str, n: int, **how: Any) -> Figure:
    return PICTURES[name](_fleet(n), **how)


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", PICTURES)
def test_it_has_a_title_words_and_says_what_it_leaves_out(name: str, n: int) -> None:
    if name == "waterfall" and not n:
        with pytest.raises(LookupError):
            _drawn(name, n)
        return
    figure = _drawn(name, n)
    assert figure.axes[0].get_title(loc="left")
    assert figure.alt  # type: ignore[attr-defined]
    assert to_rgba(figure.get_facecolor())[3] == 1
    words = _words(figure)
    if n == 300 and name not in _WHOLE:
        assert re.search(r"\b\d+ (slowest |worst )?of [\d,]+|more in the frame", words)
    if n in (0, 1):
        assert "worst" not in words


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PICTURES)
def test_every_word_can_be_read_on_what_it_stands_on(name: str, theme: Any) -> None:
    """WCAG 2.2, 1.4.3, by the pixels: of a word's box the colour that occurs most."""
    figure = _drawn(name, 24, theme=theme)
    texts = _texts(figure)
    boxes = _places(figure, texts)
    for text in texts:
        text.set_alpha(0)  # hidden, it would leave its place to others
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3]
    ground = DARK.ground if theme == "dark" else LIGHT.ground
    assert tuple(pixels[0, 0] / 255) == pytest.approx(to_rgb(ground), abs=0.01)
    for text, (left, bottom, right, top) in zip(texts, boxes, strict=True):
        part = pixels[max(bottom, 0) : top, max(left, 0) : right].reshape(-1, 3)
        if not len(part):
            continue
        colours, counts = np.unique(part, axis=0, return_counts=True)
        on = tuple(colours[counts.argmax()] / 255)
        assert contrast(text.get_color(), on) >= 4.5, (text.get_text(), on)


def _places(figure: Figure, texts: list[Text]) -> list[tuple[int, int, int, int]]:
    figure.draw_without_rendering()
    found = []
    for text in texts:
        box = text.get_window_extent()
        found.append((int(box.x0), int(box.y0), int(box.x1), int(box.y1)))
    return found


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("ground", ["white", "#202020"])
def test_it_is_drawn_on_axes_that_are_given(name: str, ground: str) -> None:
    with plt.rc_context({"text.color": "red", "axes.facecolor": ground}):
        figure = Figure(facecolor=ground)
        _, ax = figure.subplots(1, 2)
    returned = _drawn(name, 1, ax=ax)
    assert returned is figure
    assert ax.get_title(loc="left")
    pen = LIGHT if ground == "white" else DARK
    for part in (ax, *ax.child_axes):
        for text in (part.title, part._left_title, part.xaxis.label):
            if text.get_text():
                assert text.get_color() == pen.ink


@pytest.mark.parametrize("name", sorted({*PICTURES} - _WHOLE))
def test_hosts_keep_apart_when_their_names_are_cut(name: str) -> None:
    figure = _drawn(name, 24)
    labels = [
        label.get_text()
        for ax in _axes(figure)
        for label in (*ax.get_yticklabels(), *ax.get_xticklabels())
        if "..." in label.get_text()
    ]
    assert len(labels) == len({*labels})


def test_a_refusal_never_has_the_colour_of_what_went_well() -> None:
    for theme, pen in zip(THEMES, (LIGHT, DARK), strict=True):
        figure = _drawn("reply_codes", 24, theme=theme)
        (ax,) = figure.axes
        codes = [label.get_text() for label in ax.get_xticklabels()]
        colours = np.asarray(ax.images[0].get_array())
        for at, code in enumerate(codes):
            strongest = colours[:, at].reshape(len(colours), -1)
            reds, _, blues = strongest[:, :3].T
            good = code[:1] in "23"
            some = np.abs(strongest[:, :3] - to_rgb(pen.ground)).sum(axis=1) > 0.05
            assert some.any()
            assert ((blues > reds) == good)[some].all(), code


def test_the_alternative_text_arrives_in_the_page_of_nbconvert() -> None:
    figure: Any = _drawn("latency", 1)
    data, metadata = figure._repr_mimebundle_()
    data["image/png"] = b64encode(data["image/png"]).decode()
    output = {
        "output_type": "display_data",
        "data": data,
        "metadata": metadata,
    }
    cell = {
        "cell_type": "code",
        "source": "plot()",
        "outputs": [output],
        "metadata": {},
        "execution_count": 1,
        "id": "a",
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    exporter: Any = import_module("nbconvert").HTMLExporter()
    page, _ = exporter.from_file(StringIO(json.dumps(notebook)))
    assert f'alt="{escape(figure.alt)}"' in page
    assert "No description has been provided" not in page
