"""What all pictures share: cards, titles, labels that do nothing, axes for people.

A value is written beside its bar or in its cell, so that colour is never the only
sign; the colours are those of `palettes`, chosen by the ground that is drawn on. Text
of a server or of the user is made inert, cut to a length, and drawn without mathtext: a
"$" is a dollar, and a letter that no font has is its escape.

This module knows nothing of SMTP. It loads matplotlib only inside its functions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from smtpnb.analysis.fonts import drawable
from smtpnb.analysis.palettes import palette_of, palette_on, readable_on
from smtpnb.analysis.pictured import cut_apart
from smtpnb.edges.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from smtpnb.analysis.palettes import Palette, Theme

WIDTH: Final = 8.6  # inches: a notebook's column at the resolution of `figure`
ROW: Final = 0.27  # inches a row of text needs
LONGEST_LABEL: Final = 44
LEAST_MS: Final = 0.001  # the clock's resolution: a logarithmic axis has no zero
Hue = Literal["counts", "refusals"]


def card(
    ax: Axes | None, theme: Theme | None, alt: str, height: float = 3.0
) -> tuple[Axes, Palette]:
    """Return the axes to draw on, and the colours to draw with.

    Args:
        ax: Somebody's axes; None for a figure of its own, which shows itself.
        theme: "light" or "dark"; None for the one in use, or for what can be read on
            somebody's axes.
        alt: What a figure of its own will show, in words.
        height: Of it, in inches; `ROW` for each row of a list, and about 1.5 for the
            rest.

    Raises:
        ValueError: There is no such theme.
    """
    if ax is not None:
        palette = palette_on(ax) if theme is None else palette_of(theme)
        if theme is not None:
            ax.set_facecolor(palette.ground)
        _ink(ax, palette)
        return ax, palette
    from smtpnb.analysis.figure import ShownFigure  # loads matplotlib

    palette = palette_of(theme)
    figure = ShownFigure(
        figsize=(WIDTH, height), layout="constrained", facecolor=palette.ground
    )
    figure.alt = alt
    ax = figure.add_subplot(facecolor=palette.ground)
    _ink(ax, palette)
    return ax, palette


def _ink(ax: Axes, palette: Palette) -> None:
    """Give axes their colours, whatever the user's defaults are."""
    ink = palette.ink
    ax.tick_params(which="both", colors=ink, labelcolor=ink)
    for spine in ax.spines.values():
        spine.set_edgecolor(ink)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_color(ink)


def stacked(
    ax: Axes, heights: Sequence[float], gap: float, lefts: Sequence[float] = ()
) -> list[Axes]:
    """Divide axes into some that stand one below the other.

    Args:
        ax: Theirs; it is not drawn itself.
        heights: Of each, in any unit.
        gap: What is left free between two, in the same unit.
        lefts: Which share of the width is left free before each, for its labels;
            without it all begin where `ax` does, and labels make room for themselves.
    """
    ground, palette = ax.get_facecolor(), palette_on(ax)
    _blank(ax)
    whole = sum(heights) + gap * (len(heights) - 1)
    parts, top = [], 1.0
    for height, left in zip(heights, lefts or [0.0] * len(heights), strict=True):
        box = (left, top - height / whole, 1.0 - left, height / whole)
        part = ax.inset_axes(box, facecolor=ground)
        _ink(part, palette)
        parts.append(part)
        top -= (height + gap) / whole
    return parts


def figure_of(ax: Axes) -> Figure:
    """Return the figure in which axes stand."""
    from matplotlib.figure import Figure  # loaded only when used

    figure = ax.get_figure(root=False)
    assert isinstance(figure, Figure)  # noqa: S101  # an Axes stands in one
    return figure


def title(ax: Axes, text: str, *, below: float = 6, small: bool = False) -> None:
    """Say what a picture shows, on its upper left.

    Args:
        ax: Where.
        text: The words.
        below: How much is left free below it, in points.
        small: For a part of a picture.
    """
    ax.set_title(
        drawable(text),
        loc="left",
        pad=below,
        fontsize=9 if small else 11,
        fontweight="normal" if small else "bold",
        color=palette_on(ax).ink,
        parse_math=False,
    )


def remark(ax: Axes, text: str) -> None:
    """Write below a picture what it does not show, and how it is read."""
    ax.set_xlabel(
        drawable(text), fontsize=8, color=palette_on(ax).ink, parse_math=False
    )


def scale(palette: Palette, hue: Hue) -> LinearSegmentedColormap:
    """Return the scale for cells: 0 is the ground (none), 1 is many.

    Args:
        palette: The colours in use.
        hue: "refusals" for what went wrong, "counts" for what is merely counted.
    """
    from matplotlib.colors import LinearSegmentedColormap  # loaded only when used

    return LinearSegmentedColormap.from_list(f"smtpnb_{hue}", getattr(palette, hue))


def short(text: object, longest: int = LONGEST_LABEL) -> str:
    """Return a sentence for a picture: inert, and cut with "..." at a length."""
    return drawable(cut(str(text), longest))


def took(ms: float) -> str:
    """Return a duration as people write it: "0.42 ms", "42 ms", "1.42 s"."""
    if ms >= 1000:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"


def beside_bar(ax: Axes, x: float, y: float, text: str, *, size: float = 8) -> Text:
    """Write a value to the right of the end (x, y) of a horizontal bar."""
    return _at_end(ax, (x, y), text, size, away=(4, 0), ha="left")


def above_bar(ax: Axes, x: float, y: float, text: str, *, size: float = 8) -> Text:
    """Write a value above the end (x, y) of a vertical bar or a point."""
    return _at_end(ax, (x, y), text, size, away=(0, 3), va="bottom")


def before_bar(ax: Axes, x: float, y: float, text: str, *, size: float = 8) -> Text:
    """Write a value to the left of the beginning (x, y) of a horizontal bar."""
    return _at_end(ax, (x, y), text, size, away=(-5, 0), ha="right")


def _at_end(
    ax: Axes,
    end: tuple[float, float],
    text: str,
    size: float,
    *,
    away: tuple[float, float],
    ha: str = "center",
    va: str = "center",
) -> Text:
    """Write a value so many points away from the end of a bar."""
    return ax.annotate(
        drawable(text),
        end,
        xytext=away,
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=size,
        color=palette_on(ax).ink,
        parse_math=False,
    )


def in_cell(
    ax: Axes, x: float, y: float, text: str, on: Any, *, size: float = 8
) -> Text:
    """Write a value in the middle of a cell whose colour is `on`."""
    return ax.text(
        x,
        y,
        drawable(text),
        ha="center",
        va="center",
        fontsize=size,
        color=readable_on(on),
        parse_math=False,
    )


def cells(
    ax: Axes, values: Any, texts: Sequence[Sequence[str]], hues: Sequence[Hue]
) -> None:
    """Draw a matrix of cells, each with its text.

    Args:
        ax: Where.
        values: Rows by columns, 0 (none) to 1 (many); NaN is none.
        texts: What is written in each cell, in the same shape.
        hues: For each column, as for `scale`.
    """
    import numpy as np  # loaded only when used

    known = np.nan_to_num(np.asarray(values, dtype=float))
    palette = palette_on(ax)
    scales = [scale(palette, hue) for hue in hues]
    colours = np.array(
        [[shade(value) for shade, value in zip(scales, row, strict=True)]
         for row in known]
    )  # fmt: skip
    ax.imshow(colours, aspect="auto")
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            if text:
                in_cell(ax, column, row, text, tuple(colours[row, column]))
    rows, columns = known.shape
    ax.set_xticks([at + 0.5 for at in range(columns - 1)], minor=True)
    ax.set_yticks([at + 0.5 for at in range(rows - 1)], minor=True)
    ax.grid(which="minor", color=palette.faint, linewidth=0.8)
    ax.tick_params(which="both", length=0)


def name_rows(ax: Axes, labels: Iterable[object], longest: int = LONGEST_LABEL) -> None:
    """Name the rows 0, 1 ... of a picture, the first one on top."""
    shown = [drawable(label) for label in cut_apart(labels, longest)]
    ax.set_yticks(range(len(shown)), shown, fontsize=9, parse_math=False)
    ax.set_ylim(max(len(shown), 1) - 0.5, -0.5)


def name_columns(
    ax: Axes, labels: Iterable[object], longest: int = 20, rotation: float = 0
) -> None:
    """Name the columns 0, 1 ... of a picture, on its upper edge."""
    shown = [drawable(label) for label in cut_apart(labels, longest)]
    ax.set_xticks(
        range(len(shown)),
        shown,
        fontsize=9,
        rotation=rotation,
        ha="left" if rotation else "center",
        rotation_mode="anchor",
        parse_math=False,
    )
    ax.xaxis.set_ticks_position("top")
    ax.set_xlim(-0.5, max(len(shown), 1) - 0.5)


def widen(ax: Axes, before: float, after: float) -> None:
    """Make room beside what was drawn on a logarithmic axis, in shares of it."""
    low, high = ax.get_xlim()
    decades = max(high / low, 10.0)
    ax.set_xlim(low / decades**before, high * decades**after)


def log_ms(ax: Axes, which: Literal["x", "y"] = "x") -> None:
    """Make an axis in ms logarithmic, with ticks as people say them: 1 ms, 10 ms, 1 s.

    Call it when all is drawn: an axis of few decades gets ticks at 2 and 5 as well.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis: Axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    narrow = high < low * 30
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if narrow else (1,)))
    axis.set_major_formatter(FuncFormatter(_tick))
    axis.set_minor_formatter(NullFormatter())
    if narrow:
        axis.set_minor_locator(NullLocator())


def _tick(ms: float, _: int | None) -> str:
    if ms >= 1000:
        return f"{ms / 1000:g} s"
    return f"{ms:g} ms" if ms >= 0.999 else f"{ms * 1000:g} us"


def dates(ax: Axes, times: pd.Series[pd.Timestamp], note: str = "") -> None:
    """Write moments along the x axis, each part of a date no oftener than needed.

    Args:
        ax: Where.
        times: The moments; below stand the first and the last.
        note: A line more below.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    first, last = times.min(), times.max()
    if first == last:  # matplotlib would show four years around it
        half = timedelta(minutes=30)
        ax.set_xlim(first - half, last + half)  # type: ignore[arg-type]
    when = f"UTC, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    remark(ax, f"{when}\n{note}".rstrip())


def bare(ax: Axes, *, grid: str = "x") -> None:
    """Take the frame away and draw a pale grid below the figures.

    Args:
        ax: Where.
        grid: "x", "y", "both", or "" for none.
    """
    if grid:
        ax.grid(visible=True, axis=grid, color=palette_on(ax).faint, linewidth=0.6)  # type: ignore[arg-type]
        ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def legend_above(
    ax: Axes, meanings: dict[str, str], text: str, columns: int = 0
) -> None:
    """Say above the picture what it shows, and what its colours mean.

    Args:
        ax: Where.
        meanings: Colours, and the words for them.
        text: The title.
        columns: How many colours stand in a row; 0: all.
    """
    from matplotlib.patches import Patch  # loaded only when used

    patches = [Patch(color=colour, label=word) for colour, word in meanings.items()]
    columns = columns or max(len(patches), 1)
    ax.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        fontsize=8,
        frameon=False,
        labelcolor=palette_on(ax).ink,
        borderaxespad=0.2,
    )
    title(ax, text, below=8 + 14 * -(-len(patches) // columns))


def nothing_to_show(ax: Axes, text: str = "nothing to show") -> None:
    """Draw the words that stand for an empty frame."""
    _blank(ax)
    ink = palette_on(ax).ink
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, color=ink)


def _blank(ax: Axes) -> None:
    """Take all away but the ground."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
