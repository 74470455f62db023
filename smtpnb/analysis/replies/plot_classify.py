"""What became of it, host by host: a bar of parts, one for each class.

This module knows nothing of rules: it draws the frame of `classify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.replies.classify import RETRY_CLASSES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS: Final = 30
# What went well is pale; what is hopeless is dark.
_COLOURS: Final = {
    "ok": "#d9ebf7",
    "transient": style.YELLOW,
    "greylisted": style.GREY,
    "rate_limited": style.ORANGE,
    "network": style.SKY,
    "tls": style.GREEN,
    "auth": style.PURPLE,
    "policy": style.VERMILION,
    "permanent": style.BLUE,
    "unknown": style.BLACK,
}
_LEGEND_COLUMNS: Final = 5
_LEGIBLE: Final = 0.05  # the share a part needs to hold its number


def plot_classify(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw how much of each host's exchanges or recipients fell in each class.

    A part that is wide enough holds its number; those of the others stand beside the
    bar. At most `MAX_ROWS` hosts, those where most went wrong first.

    Args:
        frame: From `classify`.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure.
    """
    counts = _counts(frame)
    if ax is None:
        height = 1.3 + 0.33 * max(len(counts), 1)
        _, ax = style.new_figure(describe_classify(frame), height=height)
    if counts.empty:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    _draw(ax, counts)
    totals = zip(counts.index, counts.sum(axis=1), strict=True)
    style.name_rows(ax, [f"{style.short(host, 30)}  n={n:,}" for host, n in totals])
    ax.set_xlim(0, 1.5)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    style.bare(ax)
    meanings = {_COLOURS[name]: name for name in counts.columns}
    style.legend_above(ax, meanings, _LEGEND_COLUMNS)
    return style.figure_of(ax)


def _draw(ax: Axes, counts: pd.DataFrame) -> None:
    totals = counts.sum(axis=1)
    for at, (row, total) in enumerate(zip(_rows(counts), totals, strict=True)):
        left, narrow = 0.0, []
        for name, n in row.items():
            share, colour = n / total, _COLOURS[name]
            ax.barh(at, share, left=left, height=0.7, color=colour, edgecolor="white")
            if share >= _LEGIBLE:
                style.in_cell(ax, left + share / 2, at, f"{n:,}", colour)
            elif n:
                narrow.append(f"{name} {n:,}")
            left += share
        beside = style.beside_bar(ax, 1.0, at, style.short(", ".join(narrow)), size=7)
        beside.set_in_layout(False)  # it stands inside the axes


def _rows(counts: pd.DataFrame) -> list[dict[str, int]]:
    rows = counts.to_dict("records")
    return [{str(name): int(n) for name, n in row.items()} for row in rows]


def describe_classify(frame: pd.DataFrame) -> str:
    """Say in words what `plot_classify` shows.

    Args:
        frame: From `classify`.

    Returns:
        How many there are, how many of each class, and where most went wrong.
    """
    if frame.empty:
        return "Nothing to classify."
    numbers = frame["retry_class"].value_counts()
    found = {name: int(numbers.get(name, 0)) for name in RETRY_CLASSES}
    said = ", ".join(f"{n:,} {name}" for name, n in found.items() if n)
    counts = _counts(frame)
    wrong = _wrong(counts)
    worst = ""
    if wrong.iloc[0]:
        host = style.short(counts.index[0])
        worst = f" Most went wrong at {host}: {int(wrong.iloc[0]):,}."
    return f"{len(frame):,} in all: {said}.{worst}"


def _counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how many, by host and class; the hosts where most went wrong first."""
    import pandas as pd  # loaded only when used

    hosts = frame["host"].astype(object).fillna("none")
    counts = pd.crosstab(hosts, frame["retry_class"].astype(object))
    counts = counts[[name for name in RETRY_CLASSES if name in counts.columns]]
    order = _wrong(counts).sort_values(ascending=False, kind="stable").index
    return counts.loc[order].head(MAX_ROWS)


def _wrong(counts: pd.DataFrame) -> pd.Series[int]:
    return counts.drop(columns="ok", errors="ignore").sum(axis=1)
