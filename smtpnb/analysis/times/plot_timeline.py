"""How it went over time as a picture: a strip for each host and port.

A point for the median, a line up to the 95th percentile, and where something failed a
cross with its number. Points are joined only from one bin to the next, so
that a gap is seen as a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.hosts.endpoints import ENDPOINT, ends_of, labels
from smtpnb.analysis.pictured import answer_to, middle_cut, note
from smtpnb.analysis.times.timeline import timeline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source

MAX_HOSTS: Final = 6
_MEANS: Final = (
    "point: median time; line: up to the 95th percentile; x: how many failed"
)
MAX_NUMBERS: Final = 15
_SLOW: Final = ("host", "bin", "p95_ms")
_STRIP: Final = 1.25  # inches


def plot_timeline(given: Source) -> Figure:
    """Draw how it went with each host and port, a strip for each.

    Args:
        given: From `timeline`, or what it takes. Of more than six hosts those are
            drawn of which most failed.

    Returns:
        The figure.
    """
    from smtpnb.analysis.figure import ShownFigure  # loads matplotlib

    frame = answer_to(timeline, given, ("bin", "n_fail", "p95_ms"))
    ends = _worst(frame)
    shown = ends[:MAX_HOSTS]
    height = 1.1 + _STRIP * max(len(shown), 1)
    figure = ShownFigure(figsize=(style.WIDTH, height), layout="constrained")
    figure.alt = describe_timeline(frame)
    strips = figure.subplots(max(len(shown), 1), 1, sharex=True, squeeze=False)[:, 0]
    if not shown:
        style.nothing_to_show(strips[0], "nothing happened")
        return figure
    own = ends_of(frame)
    for ax, end, name in zip(strips, shown, labels(ends), strict=False):
        rows = frame[[each == end for each in own]]
        _strip(ax, rows, _step(frame), name)
    low, high = frame["p50_ms"].min(), frame["p95_ms"].max()
    for ax in strips:
        ax.set_ylim(max(low, style.LEAST_MS) * 0.6, max(high, style.LEAST_MS) * 3.2)
        style.log_ms(ax, "y")
    rest = len(ends) - len(shown)
    few = f"the {len(shown)} worst of {len(ends)}" if rest else ""
    style.dates(strips[-1], frame["bin"], note([few, _MEANS]))
    return figure


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
    rows = rows.sort_values("bin")
    times = [time.to_pydatetime() for time in rows["bin"]]
    middle, high = rows["p50_ms"].tolist(), rows["p95_ms"].tolist()
    ax.vlines(times, middle, high, color=style.SKY, linewidth=3)
    for at in range(1, len(times)):
        if (times[at] - times[at - 1]).total_seconds() <= step * 1.5:
            ax.plot(times[at - 1 : at + 1], middle[at - 1 : at + 1], color=style.BLUE,
                    linewidth=1)  # fmt: skip
    ax.plot(times, middle, "o", color=style.BLUE, markersize=4)
    failing = int((rows["n_fail"] > 0).sum())
    for time, top, n_fail in zip(times, high, rows["n_fail"], strict=True):
        if n_fail:
            ax.plot([time], [top * 1.35], "x", color=style.VERMILION, markersize=6)
            if failing <= MAX_NUMBERS:  # more would lie on one another
                style.above_bar(ax, time, top * 1.5, str(n_fail), size=7)
    total, failed = int(rows["n"].sum()), int(rows["n_fail"].sum())
    title = f"{middle_cut(name, 60)}   n = {total}, failed {failed}"
    ax.set_title(title, loc="left", fontsize=9, parse_math=False, pad=3)
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
    """Say what was counted: recipients, and sessions without one."""
    alone = total - recipients
    said = []
    if recipients:
        said.append(f"{recipients:,} recipient{'s' * (recipients > 1)}")
    if alone or not recipients:
        said.append(f"{alone:,} session{'s' * (alone != 1)} without a recipient")
    return " and ".join(said)
