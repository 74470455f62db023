"""How it went over time as a picture: a strip for each host and port.

A point for the median, a line up to the 95th percentile, and where something failed a
cross with its number. Points are joined only from one bin to the next, so
that a gap is seen as a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.hosts.endpoints import ENDPOINT, ends_of, labels
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.times.timeline import timeline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_HOSTS: Final = 6
_MEANS: Final = (
    "point: median time; line: up to the 95th percentile; x: how many failed"
)
MAX_NUMBERS: Final = 15
_SLOW: Final = ("host", "bin", "p95_ms")
_STRIP: Final = 1.25  # inches


def plot_timeline(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw how it went with each host and port, a strip for each.

    Args:
        given: From `timeline`, or what it takes. Of more than six hosts those are
            drawn of which most failed.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = answer_to(timeline, given, ("bin", "n_fail", "p95_ms"))
    ends = _worst(frame)
    shown = ends[:MAX_HOSTS]
    height = 1.5 + _STRIP * max(len(shown), 1)
    ax, _ = style.card(ax, theme, describe_timeline(frame), height)
    style.title(ax, "How it went over time, by host", below=22 if shown else 6)
    if not shown:
        style.nothing_to_show(ax, "nothing happened")
        return style.figure_of(ax)
    strips = style.stacked(ax, [_STRIP - 0.3] * len(shown), 0.3)
    for upper in strips[:-1]:
        upper.sharex(strips[-1])
        upper.tick_params(labelbottom=False)
    own = ends_of(frame)
    names = cut_apart(labels(ends)[: len(shown)], 60)
    for strip, end, name in zip(strips, shown, names, strict=True):
        rows = frame[[each == end for each in own]]
        _strip(strip, rows, _step(frame), name)
    low, high = frame["p50_ms"].min(), frame["p95_ms"].max()
    for strip in strips:
        strip.set_ylim(max(low, style.LEAST_MS) * 0.6, max(high, style.LEAST_MS) * 3.2)
        style.log_ms(strip, "y")
    rest = len(ends) - len(shown)
    few = f"the {len(shown)} worst of {len(ends)}" if rest else ""
    style.dates(strips[-1], frame["bin"], note([few, _MEANS]))
    return style.figure_of(ax)


def _worst(frame: pd.DataFrame) -> list[tuple[str, int | None]]:
    """The hosts and ports, those with most failures first, then the busiest."""
    groups = frame.groupby(list(ENDPOINT), sort=False, dropna=False)
    sums = groups[["n_fail", "n"]].sum().reset_index()
    ranked = sums.sort_values(["n_fail", "n"], ascending=False, kind="stable")
    return ends_of(ranked)


def _step(frame: pd.DataFrame) -> float:
    """The shortest distance of two bins in seconds: as far as points are joined."""
    bins = frame["bin"].drop_duplicates().sort_values()
    gaps = bins.diff().dt.total_seconds().dropna()
    return float(gaps.min()) if len(gaps) else 0.0


def _strip(ax: Axes, rows: pd.DataFrame, step: float, name: str) -> None:
    pen, rows = palette_on(ax), rows.sort_values("bin")
    times = [time.to_pydatetime() for time in rows["bin"]]
    middle, high = rows["p50_ms"].tolist(), rows["p95_ms"].tolist()
    ax.vlines(times, middle, high, color=pen.sky, linewidth=3)
    for at in range(1, len(times)):
        if (times[at] - times[at - 1]).total_seconds() <= step * 1.5:
            ax.plot(times[at - 1 : at + 1], middle[at - 1 : at + 1], color=pen.blue,
                    linewidth=1)  # fmt: skip
    ax.plot(times, middle, "o", color=pen.blue, markersize=4)
    failing = int((rows["n_fail"] > 0).sum())
    for time, top, n_fail in zip(times, high, rows["n_fail"], strict=True):
        if n_fail:
            ax.plot([time], [top * 1.35], "x", color=pen.vermilion, markersize=6)
            if failing <= MAX_NUMBERS:  # more would lie on one another
                style.above_bar(ax, time, top * 1.5, str(n_fail), size=7)
    total, failed = int(rows["n"].sum()), int(rows["n_fail"].sum())
    title = f"{name}   n = {total}, failed {failed}"
    style.title(ax, title, below=3, small=True)
    style.bare(ax, grid="both")
    ax.tick_params(axis="both", labelsize=8)


def describe_timeline(given: Source) -> str:
    """Say in words what `plot_timeline` shows.

    Args:
        given: As for `plot_timeline`.
    """
    frame = answer_to(timeline, given, ("bin", "n_fail", "p95_ms"))
    if frame.empty:
        return "Nothing happened."
    total, failed = int(frame["n"].sum()), int(frame["n_fail"].sum())
    recipients = int(frame["n_recipients"].sum())
    hosts = len(_worst(frame))
    who = "1 host" if hosts == 1 else f"{hosts} hosts"
    first, last = frame["bin"].min(), frame["bin"].max()
    when = f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    said = [f"{counted(recipients, total)} with {who} {when}, {failed:,} failed."]
    slowest = frame.nlargest(1, "p95_ms")
    for host, time, p95 in zip(*(slowest[c] for c in _SLOW), strict=True):
        took = style.took(p95)
        said.append(
            f"The slowest bin: {style.short(host)} at {time:%H:%M:%S}, "
            f"95th percentile {took}."
        )
    left_out = hosts - MAX_HOSTS
    if left_out > 0:
        said.append(f"{left_out} hosts with fewer failures are not drawn.")
    return " ".join(said)


def counted(recipients: int, total: int) -> str:
    """Say what was counted: recipients, and what never got to one."""
    alone = total - recipients
    said = []
    if recipients:
        said.append(f"{recipients:,} recipient{'s' * (recipients > 1)}")
    if alone or not recipients:
        noun = "message or session" if alone == 1 else "messages or sessions"
        said.append(f"{alone:,} {noun} without a recipient")
    return " and ".join(said)
