"""Whether a promise is kept: availability over time, with the target as a line.

This module knows nothing of recipients: it draws the frame of `slo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import answer_to, note
from smtpnb.analysis.times.plot_timeline import counted
from smtpnb.analysis.times.slo import slo

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

_MANY: Final = 12  # windows; more have no room for their values
_TITLE: Final = "Was the promise kept? The share that went well, by time"
_KNOWN: Final = ("window", "availability", "budget_left")


def plot_slo(
    given: Source,
    *,
    target: float = 0.99,
    ax: Axes | None = None,
    theme: Theme | None = None,
) -> Figure:
    """Draw the availability of each window as a point, and the target as a line.

    A window that missed the target is a cross. Above or below each stand its value and
    number, as long as there are few; of many only the worst is named.

    Args:
        given: From `slo`, or what it takes (judged by `target`, in windows of 1 h).
        target: The one that was promised there.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given, target)
    ax, pen = style.card(ax, theme, describe_slo(frame, target=target), 3.4)
    if frame.empty:
        style.title(ax, _TITLE)
        style.nothing_to_show(ax, "nothing has ended")
        return style.figure_of(ax)
    times, shares = frame["window"], frame["availability"] * 100
    missed = frame["availability"] < target
    ax.axhline(target * 100, color=pen.ink, linewidth=1, linestyle="--")
    ax.plot(times, shares, color=pen.sky, linewidth=1.4)
    ax.plot(times[~missed], shares[~missed], "o", color=pen.blue, ms=5)
    ax.plot(times[missed], shares[missed], "x", color=pen.vermilion, ms=8, mew=2)
    few = len(frame) <= _MANY
    _write_values(ax, frame if few else frame.nsmallest(1, "availability"), target)
    low = min(float(shares.min()), target * 100)
    room = max((100 - low) * 0.3, 0.2)
    ax.set_ylim(low - room, 100 + room)
    # There is nothing below 0 % or above 100 %.
    ticks = [tick for tick in ax.get_yticks() if max(low - room, 0) <= tick <= 100]
    ax.set_yticks(ticks)
    ax.set_ylabel("% good", fontsize=9)
    missed_n = int(missed.sum())
    left = frame["budget_left"].iloc[-1]
    n = counted(int(frame["n_recipients"].sum()), int(frame["n"].sum()))
    style.title(ax, _TITLE)
    style.bare(ax, grid="y")
    said = f"target {target:.6g} (dashed), missed in {missed_n:,} of {len(frame):,} "
    parts = [n, f"{said}windows (x)", f"budget left {max(left, 0.0):.0%}"]
    if not few:
        parts.append("only the worst window has its value")
    style.dates(ax, times, note(parts))
    ax.tick_params(axis="x", labelsize=9)
    return style.figure_of(ax)


def _answer(given: Source, target: float) -> pd.DataFrame:
    return answer_to(lambda source: slo(source, target=target), given, _KNOWN)


def _write_values(ax: Axes, frame: pd.DataFrame, target: float) -> None:
    ink = palette_on(ax).ink
    for row in frame.to_dict("records"):
        share, below = row["availability"] * 100, row["availability"] < target
        ax.annotate(
            f"{share:.1f} %\nn={row['n']:,}",
            (row["window"], share),
            xytext=(0, -7 if below else 5),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=7,
            color=ink,
        )


def describe_slo(given: Source, *, target: float = 0.99) -> str:
    """Say in words what `plot_slo` shows.

    Args:
        given: As for `plot_slo`.
        target: The one that was promised there.

    Returns:
        What was counted, how much of it was good, how often the target was missed,
        and what is left.
    """
    frame = _answer(given, target)
    if frame.empty:
        return "Nothing has ended."
    n, good = int(frame["n"].sum()), int(frame["good"].sum())
    what = counted(int(frame["n_recipients"].sum()), n)
    missed = int((frame["availability"] < target).sum())
    left = max(frame["budget_left"].iloc[-1], 0.0)
    return (
        f"{good:,} of {what}: good ({good / n:.2%}, target {target:.6g}). "
        f"{missed} of {len(frame)} windows missed it; {left:.0%} of the budget is left."
    )
