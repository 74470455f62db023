from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from smtpnb.analysis import style
from smtpnb.analysis.fonts import drawable
from smtpnb.analysis.palettes import (
    DARK,
    LIGHT,
    contrast,
    palette_of,
    palette_on,
    readable_on,
    use_theme,
)
from smtpnb.analysis.pictured import cut_apart

if TYPE_CHECKING:
    from pathlib import Path

    from smtpnb.analysis.palettes import Palette


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


HUES: tuple[style.Hue, ...] = ("counts", "refusals")
SETS = [LIGHT, DARK]


def test_our_own_contrast_is_that_of_wcag() -> None:
    for one, other in (("#ffffff", "#000000"), (LIGHT.blue, LIGHT.half)):
        assert contrast(one, other) == pytest.approx(_contrast(one, other))
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


@pytest.mark.parametrize("pen", SETS)
@pytest.mark.parametrize("hue", HUES)
def test_text_in_a_cell_can_be_read_on_every_step_of_the_scale(
    pen: Palette, hue: style.Hue
) -> None:
    shade = style.scale(pen, hue)
    steps = [shade(step / 100) for step in range(101)]
    assert min(_contrast(readable_on(step), step) for step in steps) >= 4.5


@pytest.mark.parametrize("pen", SETS)
@pytest.mark.parametrize("hue", HUES)
def test_none_is_the_ground_and_more_stands_out_more(
    pen: Palette, hue: style.Hue
) -> None:
    shade = style.scale(pen, hue)
    steps = [_contrast(shade(step / 20), pen.ground) for step in range(21)]
    assert steps[0] == 1
    assert steps == sorted(steps)
    assert steps[-1] > 10


@pytest.mark.parametrize("pen", SETS)
def test_words_and_what_is_drawn_stand_out_from_the_ground(pen: Palette) -> None:
    assert _contrast(pen.ink, pen.ground) >= 7
    drawn = ("blue", "sky", "green", "yellow", "orange", "vermilion", "red", "purple",
             "grey")  # fmt: skip
    for name in drawn:  # WCAG 2.2, 1.4.11
        assert _contrast(getattr(pen, name), pen.ground) >= 3, name
        bears = getattr(pen, name)
        assert _contrast(readable_on(bears), bears) >= 4.5, name
    for name in ("good", "half", "bad", "empty"):
        filled = getattr(pen, name)
        assert _contrast(readable_on(filled), filled) >= 4.5, name


def test_a_theme_is_light_or_dark() -> None:
    assert palette_of(None) is LIGHT
    use_theme("dark")
    try:
        assert palette_of(None) is DARK
        assert palette_of("light") is LIGHT
    finally:
        use_theme("light")
    with pytest.raises(ValueError, match="'light' or 'dark', not 'grey'"):
        palette_of("grey")  # type: ignore[arg-type]


def test_on_somebodys_axes_the_colours_are_those_that_can_be_read_there() -> None:
    figure = Figure(facecolor="#101010")
    ax = figure.add_subplot(facecolor="none")
    assert palette_on(ax) is DARK
    ax.set_facecolor("#fafafa")
    assert palette_on(ax) is LIGHT


def test_names_that_would_look_alike_are_cut_where_they_differ() -> None:
    names = [f"mx-of-a-provider-{at}-in-some-region.example.com" for at in range(12)]
    labels = cut_apart(names, 30)
    assert len({*labels}) == 12
    assert max(map(len, labels)) <= 30
    assert labels[7] == "mx-of-a-...7-in-som...mple.com"
    assert cut_apart(["short", "a" * 40], 20) == ["short", "aaaaaaaaa...aaaaaaaa"]


def test_a_letter_that_no_font_has_is_its_escape() -> None:
    assert drawable("mx.b\u00fccher.example") == "mx.b\u00fccher.example"
    assert drawable("\u4f8b.jp \U00020000") == r"\u4f8b.jp \U00020000"


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
    ax, _ = style.card(None, None, "latencies")
    ax.plot([0.3, 40_000], [1, 2])
    ax.set_xlim(0.3, 40_000)
    style.log_ms(ax)
    style.figure_of(ax).draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert {"1 ms", "10 ms", "1 s", "10 s"} <= set(ticks)


def test_an_axis_of_few_decades_still_has_ticks() -> None:
    ax, _ = style.card(None, None, "latencies")
    ax.plot([1, 2], [12, 60])
    ax.set_ylim(12, 60)
    style.log_ms(ax, "y")
    style.figure_of(ax).draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_yticklabels()]
    assert {"20 ms", "50 ms"} <= set(ticks)


def test_one_moment_alone_has_the_hour_around_it() -> None:
    ax, _ = style.card(None, None, "one moment")
    moment = pd.Series(pd.to_datetime(["2026-11-24 06:00"], utc=True))
    ax.plot(moment, [1], "o")
    style.dates(ax, moment, "a note")
    style.figure_of(ax).draw_without_rendering()
    low, high = ax.get_xlim()
    assert (high - low) * 24 == pytest.approx(1)
    assert ax.get_xlabel() == "UTC, 2026-11-24 06:00 to 2026-11-24 06:00\na note"


def test_markup_in_a_label_is_drawn_as_it_stands(tmp_path: Path) -> None:
    ax, _ = style.card(None, None, "labels")
    style.cells(ax, [[0.0, 1.0], [0.5, float("nan")]], [["$^$", "b"], ["c", "-"]],
                ["counts", "refusals"])  # fmt: skip
    style.name_rows(ax, ["$x_{y}$a", "$^$"])
    style.name_columns(ax, ["$^$", "ok"], rotation=45)
    style.beside_bar(ax, 0, 0, "$^$")
    style.above_bar(ax, 0, 0, "$^$")
    style.figure_of(ax).savefig(tmp_path / "labels.png")  # mathtext would raise
    assert [text.get_text() for text in ax.get_yticklabels()] == ["$x_{y}$a", "$^$"]


def test_the_first_row_is_on_top() -> None:
    ax, _ = style.card(None, None, "rows")
    style.name_rows(ax, ["a", "b", "c"])
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_a_figure_carries_its_words_to_every_front_end() -> None:
    ax, _ = style.card(None, "dark", 'three "bars" <&', 1.0)
    style.nothing_to_show(ax)
    figure: Any = style.figure_of(ax)
    data, metadata = figure._repr_mimebundle_()
    words = 'three "bars" <&'
    assert data["text/plain"] == metadata["image/png"]["alt"] == words
    # JupyterLab and nbconvert's page take HTML before a PNG, and its `alt` arrives.
    assert 'alt="three &quot;bars&quot; &lt;&amp;"' in data["text/html"]
    source = f"base64,{b64encode(data['image/png']).decode()}"
    assert source in data["text/html"]


def test_a_card_is_opaque_and_has_its_colours_whatever_the_users_style() -> None:
    with rc_context({"text.color": "red", "savefig.transparent": True,
                     "figure.facecolor": "none"}):  # fmt: skip
        ax, pen = style.card(None, None, "a card", 1.0)
        style.title(ax, "a title")
        figure: Any = style.figure_of(ax)
        data, _ = figure._repr_mimebundle_()
    assert pen is LIGHT
    assert ax.get_title(loc="left") == "a title"
    pixels = imread(BytesIO(data["image/png"]), format="png")
    assert pixels[0, 0].tolist() == [1, 1, 1, 1]
