from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from smtpnb.analysis import style

if TYPE_CHECKING:
    from pathlib import Path


def _contrast(one: object, other: object) -> float:
    """The contrast of two colours by WCAG 2."""
    levels = []
    for colour in (one, other):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in to_rgb(colour)  # type: ignore[arg-type]
        ]
        levels.append(sum(map(float.__mul__, (0.2126, 0.7152, 0.0722), linear)))
    return (max(levels) + 0.05) / (min(levels) + 0.05)


@pytest.mark.parametrize("hue", ["orange", "blue"])
def test_text_in_a_cell_can_be_read_on_every_step_of_the_scale(hue: str) -> None:
    scale = style.light_to_dark(hue)
    steps = [scale(step / 100) for step in range(101)]
    assert min(_contrast(style.readable_on(step), step) for step in steps) >= 4.5


@pytest.mark.parametrize("hue", ["orange", "blue"])
def test_none_is_white_and_more_is_always_darker(hue: str) -> None:
    scale = style.light_to_dark(hue)
    against_white = [_contrast(scale(step / 20), "#ffffff") for step in range(21)]
    assert against_white[0] == 1
    assert against_white == sorted(against_white)
    assert against_white[-1] > 10


@pytest.mark.parametrize(
    "colour", [value for value in vars(style).values() if str(value).startswith("#")]
)
def test_each_colour_bears_text(colour: str) -> None:
    assert _contrast(style.readable_on(colour), colour) >= 4.5


def test_a_label_is_inert_and_cut() -> None:
    assert style.short("a\u202eb\x1b[2J") == "a\\u202eb\\x1b[2J"
    assert style.short("x" * 50, 10) == "xxxxxxx..."
    assert style.short("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0.417, "0.42 ms"),
        (9.5, "9.50 ms"),
        (42.14, "42.1 ms"),
        (999, "999 ms"),
        (1420, "1.42 s"),
    ],
)
def test_a_duration_is_said_as_people_say_it(ms: float, words: str) -> None:
    assert style.took(ms) == words


def test_an_axis_of_latencies_has_ticks_people_can_say() -> None:
    figure, ax = style.new_figure("latencies")
    ax.plot([0.3, 40_000], [1, 2])
    ax.set_xlim(0.3, 40_000)
    style.log_ms(ax)
    figure.draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert {"1 ms", "10 ms", "1 s", "10 s"} <= set(ticks)


def test_an_axis_of_few_decades_still_has_ticks() -> None:
    figure, ax = style.new_figure("latencies")
    ax.plot([1, 2], [12, 60])
    ax.set_ylim(12, 60)
    style.log_ms(ax, "y")
    figure.draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_yticklabels()]
    assert {"20 ms", "50 ms"} <= set(ticks)


def test_one_moment_alone_has_the_hour_around_it() -> None:
    figure, ax = style.new_figure("one moment")
    moment = pd.Series(pd.to_datetime(["2026-11-24 06:00"], utc=True))
    ax.plot(moment, [1], "o")
    style.dates(ax, moment, "a note")
    figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert (high - low) * 24 == pytest.approx(1)
    assert ax.get_xlabel() == "UTC, 2026-11-24 06:00 to 2026-11-24 06:00\na note"


def test_markup_in_a_label_is_drawn_as_it_stands(tmp_path: Path) -> None:
    figure, ax = style.new_figure("labels")
    style.cells(ax, [[0.0, 1.0], [0.5, float("nan")]], [["$^$", "b"], ["c", "-"]],
                hue="orange")  # fmt: skip
    style.name_rows(ax, ["$x_{y}$a", "$^$"])
    style.name_columns(ax, ["$^$", "ok"], rotation=45)
    style.beside_bar(ax, 0, 0, "$^$")
    style.above_bar(ax, 0, 0, "$^$")
    figure.savefig(tmp_path / "labels.png")  # mathtext would raise
    assert [text.get_text() for text in ax.get_yticklabels()] == ["$x_{y}$a", "$^$"]


def test_the_first_row_is_on_top() -> None:
    _, ax = style.new_figure("rows")
    style.name_rows(ax, ["a", "b", "c"])
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_a_figure_carries_its_words() -> None:
    figure, ax = style.new_figure("three bars", height=1.0)
    style.nothing_to_show(ax)
    assert style.figure_of(ax) is figure
    data, metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == "three bars"
