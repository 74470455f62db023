"""What stands out, host by host and step by step: strips with the flagged points.

This module knows nothing of exchanges: it draws the frame of `anomalies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.hosts.endpoints import ENDPOINT, ends_of, labels
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.times.anomalies import anomalies

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 25


def plot_anomalies(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw a row for each host and step where something stands out, the worst first.

    A bar marks what is normal, a dot each slow exchange; beside them stand the worst
    robust z-score, and what is new in words. At most `MAX_ROWS` rows.

    Args:
        given: From `anomalies`, or what it takes (which is then its own baseline).
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given)
    every = list(frame.groupby([*ENDPOINT, "step"], sort=False, dropna=False))
    groups = every[:MAX_ROWS]
    height = 1.5 + style.ROW * max(len(groups), 1)
    ax, _ = style.card(ax, theme, describe_anomalies(frame), height)
    style.title(ax, "What stands out, by step and host")
    if not groups:
        style.nothing_to_show(ax, "nothing stands out")
        return style.figure_of(ax)
    names = dict(zip(ends_of(frame), labels(ends_of(frame)), strict=True))
    ends = [names[ends_of(group.head(1))[0]] for _, group in groups]
    shown, measured = [], False
    for at, (((*_, step), group), name) in enumerate(
        zip(groups, cut_apart(ends, 34), strict=True)
    ):
        slow = group[group["metric"] == "latency_ms"]
        if len(slow):
            _points(ax, at, slow)
            measured = True
        where = f"{step} {name}"
        shown.append(f"{where}  {_new(group)}" if _new(group) else where)
    style.name_rows(ax, shown, 90)
    style.bare(ax)
    rest = (
        f"the {len(groups)} worst of {len(every)}" if len(every) > len(groups) else ""
    )
    if measured:
        style.log_ms(ax)
        style.widen(ax, 0.05, 0.3)  # room for the figures
        said = [rest, "| normal, dots: what stands out (logarithmic)"]
        style.remark(ax, note(said))
    else:
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        style.remark(ax, rest)
    return style.figure_of(ax)


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(anomalies, given, (*ENDPOINT, "metric", "robust_z"))


def _points(ax: Axes, at: int, slow: pd.DataFrame) -> None:
    pen = palette_on(ax)
    values = slow["value"].clip(lower=style.LEAST_MS)
    normal = max(float(slow["baseline"].median()), style.LEAST_MS)
    ax.plot([normal, values.max()], [at, at], color=pen.grey, linewidth=1.2)
    ax.plot([normal], [at], "|", color=pen.blue, ms=12, mew=2)
    ax.plot(values, [at] * len(values), "o", color=pen.vermilion, ms=4.5, alpha=0.7)
    worst = f"{style.took(values.max())}  z={slow['robust_z'].max():.1f}"
    more = f"  n={len(slow)}" if len(slow) > 1 else ""
    style.beside_bar(ax, values.max(), at, f"{worst}{more}")


def _new(group: pd.DataFrame) -> str:
    codes = group[group["metric"] == "code"]
    told = [
        f"{code} ({n:.0f})"
        for code, n in zip(
            codes["what"].fillna("no reply"), codes["value"], strict=True
        )
    ]
    texts = int((group["metric"] == "text").sum())
    if texts:
        told.append(f"{texts} {'text' if texts == 1 else 'texts'}")
    return f"new: {', '.join(told)}" if told else ""


def describe_anomalies(given: Source) -> str:
    """Say in words what `plot_anomalies` shows.

    Args:
        given: As for `plot_anomalies`.

    Returns:
        How much stands out, and the three worst.
    """
    frame = _answer(given)
    if frame.empty:
        return "Nothing stands out."
    numbers = frame["metric"].value_counts()
    words = {"latency_ms": "slow", "code": "new codes", "text": "new texts"}
    said = ", ".join(
        f"{numbers[metric]:,} {word}"
        for metric, word in words.items()
        if metric in numbers
    )
    worst = ", ".join(
        f"{style.short(row['host'])} {row['step']} {_what(row)}"
        for row in frame.head(3).fillna({"what": "no reply"}).to_dict("records")
    )
    return f"What stands out: {said}. The worst: {worst}."


def _what(row: dict[Hashable, Any]) -> str:
    if row["metric"] == "latency_ms":
        return f"{style.took(row['value'])} (normal {style.took(row['baseline'])})"
    return f"new {style.short(row['what'], 40)}"
