"""What all pictures share: colours, sizes, labels that do nothing, axes for people.

Colours are of Okabe and Ito's set, which the colour-blind can tell apart; even so, a
value is written beside its bar or in its cell, so that colour is never the only sign.
The scale for cells runs from white (none) to dark (many), with text in black or white,
whichever reads better there.

Text of a server or of the user is made inert, cut to a length, and drawn without
mathtext: a "$" is a dollar.

This module knows nothing of SMTP. It loads matplotlib only inside its functions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from smtpnb.edges.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from smtpnb.analysis.figure import ShownFigure

BLACK: Final = "#000000"
ORANGE: Final = "#e69f00"
SKY: Final = "#56b4e9"
GREEN: Final = "#009e73"
YELLOW: Final = "#f0e442"
BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
GREY: Final = "#999999"
GRID: Final = "#dddddd"
# For cells with a word in them: good, halfway, bad.
PALE_GREEN: Final = "#b9e3d5"
PALE_YELLOW: Final = "#f8f1a6"
PALE_ORANGE: Final = "#f3c3a0"

WIDTH: Final = 8.6  # inches: a notebook's column at the resolution of `figure`
ROW: Final = 0.27  # inches a row of text needs
LONGEST_LABEL: Final = 44
LEAST_MS: Final = 0.001  # the clock's resolution: a logarithmic axis has no zero
_SCALES: Final = {
    "orange": ("#ffffff", "#fde3c8", "#f9b26c", "#d55e00", "#6b2f00"),
    "blue": ("#ffffff", "#d9ebf7", "#8cc3e8", "#0072b2", "#00304d"),
}


def new_figure(
    alt: str, width: float = WIDTH, height: float = 3.0
) -> tuple[ShownFigure, Axes]:
    """Return a figure that shows itself, with one pair of axes.

    Args:
        alt: What the figure will show, in words.
        width: In inches.
        height: In inches; `ROW` for each row of a list, and about 1.3 for the rest.
    """
    from smtpnb.analysis.figure import ShownFigure  # loads matplotlib

    figure = ShownFigure(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure, figure.add_subplot()


def figure_of(ax: Axes) -> Figure:
    """Return the figure in which axes stand."""
    from matplotlib.figure import Figure  # loaded only when used

    figure = ax.get_figure(root=False)
    assert isinstance(figure, Figure)  # noqa: S101  # an Axes stands in one
    return figure


def light_to_dark(hue: str = "orange") -> LinearSegmentedColormap:
    """Return the scale for cells: 0 is white (none), 1 is dark (many).

    Args:
        hue: "orange" for what went wrong, "blue" for what is merely counted.
    """
    from matplotlib.colors import LinearSegmentedColormap  # loaded only when used

    return LinearSegmentedColormap.from_list(f"smtpnb_{hue}", list(_SCALES[hue]))


def readable_on(colour: Any) -> str:
    """Return black or white, whichever reads better on a colour (WCAG 2's contrast)."""
    from matplotlib.colors import to_rgb  # loaded only when used

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in to_rgb(colour)]  # fmt: skip
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


def short(text: object, longest: int = LONGEST_LABEL) -> str:
    """Return text as a label: inert, and cut with "..." at a length in characters."""
    return cut(str(text), longest)


def took(ms: float) -> str:
    """Return a duration as people write it: "0.42 ms", "42 ms", "1.42 s"."""
    if ms >= 1000:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"


def beside_bar(ax: Axes, x: float, y: float, text: str, *, size: float = 8) -> Text:
    """Write a value to the right of the end (x, y) of a horizontal bar."""
    return ax.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=size,
        parse_math=False,
    )


def above_bar(ax: Axes, x: float, y: float, text: str, *, size: float = 8) -> Text:
    """Write a value above the end (x, y) of a vertical bar or a point."""
    return ax.annotate(
        text,
        (x, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=size,
        parse_math=False,
    )


def in_cell(
    ax: Axes, x: float, y: float, text: str, on: Any = "#ffffff", *, size: float = 8
) -> Text:
    """Write a value in the middle of a cell whose colour is `on`."""
    return ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=size,
        color=readable_on(on),
        parse_math=False,
    )


def cells(ax: Axes, values: Any, texts: Sequence[Sequence[str]], *, hue: str) -> None:
    """Draw a matrix of cells, each with its text.

    Args:
        ax: Where.
        values: Rows by columns, 0 (white) to 1 (dark); NaN stays white.
        texts: What is written in each cell, in the same shape.
        hue: As for `light_to_dark`.
    """
    import numpy as np  # loaded only when used

    known = np.nan_to_num(np.asarray(values, dtype=float))
    scale = light_to_dark(hue)
    ax.imshow(known, cmap=scale, vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            in_cell(ax, column, row, text, scale(float(known[row, column])))
    rows, columns = known.shape
    ax.set_xticks([at + 0.5 for at in range(columns - 1)], minor=True)
    ax.set_yticks([at + 0.5 for at in range(rows - 1)], minor=True)
    ax.grid(which="minor", color=GRID, linewidth=0.8)
    ax.tick_params(which="both", length=0)


def name_rows(ax: Axes, labels: Iterable[object], longest: int = LONGEST_LABEL) -> None:
    """Name the rows 0, 1 ... of a picture, the first one on top."""
    shown = [short(label, longest) for label in labels]
    ax.set_yticks(range(len(shown)), shown, fontsize=9, parse_math=False)
    ax.set_ylim(max(len(shown), 1) - 0.5, -0.5)


def name_columns(
    ax: Axes, labels: Iterable[object], longest: int = 20, rotation: float = 0
) -> None:
    """Name the columns 0, 1 ... of a picture, on its upper edge."""
    shown = [short(label, longest) for label in labels]
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


def log_ms(ax: Axes, which: Literal["x", "y"] = "x") -> None:
    """Make an axis in ms logarithmic, with ticks as people say them: 1 ms, 10 ms, 1 s.

    Call it when all is drawn: an axis of few decades gets ticks at 2 and 5 as well.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis: Axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    narrow = high < low * 30
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if narrow else (1,)))
    axis.set_major_formatter(FuncFormatter(_tick))
    axis.set_minor_formatter(NullFormatter())


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
    ax.set_xlabel(f"{when}\n{note}".rstrip(), fontsize=8)


def bare(ax: Axes, *, grid: str = "x") -> None:
    """Take the frame away and draw a pale grid below the figures.

    Args:
        ax: Where.
        grid: "x", "y", "both", or "" for none.
    """
    if grid:
        ax.grid(visible=True, axis=grid, color=GRID, linewidth=0.6)  # type: ignore[arg-type]
        ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def legend_above(ax: Axes, meanings: dict[str, str], columns: int = 0) -> None:
    """Say above the picture, where it never lies on a bar, what its colours mean.

    Args:
        ax: Where.
        meanings: Colours, and the words for them.
        columns: How many stand in a row; 0: all.
    """
    from matplotlib.patches import Patch  # loaded only when used

    patches = [Patch(color=colour, label=text) for colour, text in meanings.items()]
    ax.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns or len(patches),
        fontsize=8,
        frameon=False,
    )


def nothing_to_show(ax: Axes, text: str = "nothing to show") -> None:
    """Draw the words that stand for an empty frame."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
