"""What became of it, host by host: a bar of parts, one for each class.

This module knows nothing of rules: it draws the frame of `classify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.replies.classify import RETRY_CLASSES, classify

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 30
_TITLE: Final = "What became of it, by host"
# By the names of a palette. Only what went well is green.
_COLOURS: Final = {
    "ok": "green",
    "transient": "yellow",
    "greylisted": "grey",
    "rate_limited": "orange",
    "network": "sky",
    "tls": "blue",
    "auth": "purple",
    "policy": "vermilion",
    "permanent": "red",
    "unknown": "ink",
}
_LEGEND_COLUMNS: Final = 5
_LEGIBLE: Final = 0.05  # the share a part needs to hold its number


def plot_classify(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw how much of each host's exchanges or recipients fell in each class.

    A part that is wide enough holds its number; those of the others stand beside the
    bar. At most `MAX_ROWS` hosts, those where most went wrong first.

    Args:
        given: From `classify`, or what it takes.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given)
    every = _counts(frame)
    counts = every.head(MAX_ROWS)
    height = 1.9 + 0.33 * max(len(counts), 1)
    ax, pen = style.card(ax, theme, describe_classify(frame), height)
    if counts.empty:
        style.title(ax, _TITLE)
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    colours = {name: getattr(pen, _COLOURS[name]) for name in counts.columns}
    _draw(ax, counts, colours)
    totals = zip(cut_apart(counts.index, 34), counts.sum(axis=1), strict=True)
    style.name_rows(ax, [f"{host}  n={n:,}" for host, n in totals], 60)
    ax.set_xlim(0, 1.5)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    style.bare(ax)
    meanings = {colour: name for name, colour in colours.items()}
    style.legend_above(ax, meanings, _TITLE, _LEGEND_COLUMNS)
    said = [f"n = {len(frame):,}"]
    if len(counts) < len(every):
        drawn = int(counts.to_numpy().sum())
        said.append(f"the {len(counts)} worst of {len(every):,} hosts ({drawn:,} of n)")
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _draw(ax: Axes, counts: pd.DataFrame, colours: dict[str, str]) -> None:
    edge = palette_on(ax).ground
    totals = counts.sum(axis=1)
    for at, (row, total) in enumerate(zip(_rows(counts), totals, strict=True)):
        left, narrow = 0.0, []
        for name, n in row.items():
            share, colour = n / total, colours[name]
            ax.barh(at, share, left=left, height=0.7, color=colour, edgecolor=edge)
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


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(classify, given, ("retry_class", "host"))


def describe_classify(given: Source) -> str:
    """Say in words what `plot_classify` shows.

    Args:
        given: As for `plot_classify`.

    Returns:
        How many there are, how many of each class, and where most went wrong.
    """
    frame = _answer(given)
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
    return counts.loc[order]


def _wrong(counts: pd.DataFrame) -> pd.Series[int]:
    return counts.drop(columns="ok", errors="ignore").sum(axis=1)
