"""Whether a promise is kept: availability over time, with the target as a line.

This module knows nothing of sessions: it draws the frame of `slo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MANY: Final = 24  # windows; more have no room for their values


def plot_slo(
    frame: pd.DataFrame, *, target: float = 0.99, ax: Axes | None = None
) -> Figure:
    """Draw the availability of each window as a point, and the target as a line.

    A window that missed the target is a cross. Above or below each stand its value and
    number, as long as there are few.

    Args:
        frame: From `slo`.
        target: The one that was promised there.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure.
    """
    if ax is None:
        _, ax = style.new_figure(describe_slo(frame, target=target), height=3.2)
    if frame.empty:
        style.nothing_to_show(ax, "no session has ended")
        return style.figure_of(ax)
    times, shares = frame["window"], frame["availability"] * 100
    missed = frame["availability"] < target
    ax.axhline(target * 100, color=style.BLACK, linewidth=1, linestyle="--")
    ax.plot(times, shares, color=style.SKY, linewidth=1.4)
    ax.plot(times[~missed], shares[~missed], "o", color=style.BLUE, ms=5)
    ax.plot(times[missed], shares[missed], "x", color=style.VERMILION, ms=8, mew=2)
    if len(frame) <= _MANY:
        _write_values(ax, frame, missed)
    low = min(float(shares.min()), target * 100)
    room = max((100 - low) * 0.35, 0.2)
    ax.set_ylim(low - room, 100 + room)
    ax.set_yticks([tick for tick in ax.get_yticks() if low - room <= tick <= 100])
    ax.set_ylabel("% good", fontsize=9)
    left = frame["budget_left"].iloc[-1]
    ax.set_title(f"target {target:.6g}, budget left {left:.0%}", fontsize=9, loc="left")
    style.bare(ax, grid="y")
    style.dates(ax, times)
    ax.tick_params(axis="x", labelsize=9)
    return style.figure_of(ax)


def _write_values(ax: Axes, frame: pd.DataFrame, missed: pd.Series[bool]) -> None:
    for row, below in zip(frame.to_dict("records"), missed, strict=True):
        share = row["availability"] * 100
        ax.annotate(
            f"{share:.1f} %\nn={row['n']:,}",
            (row["window"], share),
            xytext=(0, -7 if below else 5),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=7,
        )


def describe_slo(frame: pd.DataFrame, *, target: float = 0.99) -> str:
    """Say in words what `plot_slo` shows.

    Args:
        frame: From `slo`.
        target: The one that was promised there.

    Returns:
        How many sessions were good, how often the target was missed, what is left.
    """
    if frame.empty:
        return "No session has ended."
    n, good = int(frame["n"].sum()), int(frame["good"].sum())
    missed = int((frame["availability"] < target).sum())
    left = frame["budget_left"].iloc[-1]
    return (
        f"{good:,} of {n:,} sessions were good ({good / n:.2%}, target {target:.6g}). "
        f"{missed} of {len(frame)} windows missed it; {left:.0%} of the budget is left."
    )
