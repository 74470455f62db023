"""How long replies take as curves, and hour by hour as a map.

This module knows nothing of exchanges: it draws the frames of `latency_ecdf` and
`latency_by_hour`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.hosts.endpoints import ENDPOINT, ends_of, labels
from smtpnb.analysis.palettes import palette_on, readable_on
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.times.spread import latency_by_hour, latency_ecdf
from smtpnb.transcript.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Palette, Theme

MAX_CURVES: Final = 9  # as many as there are colours that can be told apart
MAX_ROWS: Final = 30
MAX_BINS: Final = 72
_LEGIBLE: Final = 18  # bins; more have no room for their values
_POINTS: Final = ("n", "ms", "share")
_DASHES: Final = ("-", "--", ":")


def plot_latency_ecdf(
    given: Source,
    *,
    by: str | Sequence[str] = "step",
    ax: Axes | None = None,
    theme: Theme | None = None,
) -> Figure:
    """Draw how many of the replies had come by when: a curve for each group.

    A curve that ends below 100 % has replies that never came.

    Args:
        given: From `latency_ecdf`, or what it takes. Of more than `MAX_CURVES` groups
            the slowest are drawn: those that took longest until 95 % had come.
        by: As for `latency_ecdf`.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _curves(given, by)
    named = _named(frame)
    shown = _slowest(named)[:MAX_CURVES]
    ax, pen = style.card(ax, theme, describe_latency_ecdf(frame), 3.8)
    style.title(ax, "How many replies had come by when")
    if not shown:
        style.nothing_to_show(ax, "nothing was answered")
        return style.figure_of(ax)
    if len(shown) == len(named):
        shown.sort(key=lambda name: STEPS.index(name) if name in STEPS else len(STEPS))
    _draw(ax, pen, {name: named[name] for name in shown})
    ax.set_ylim(0, 103)
    ax.set_ylabel("% answered", fontsize=9)
    style.bare(ax, grid="both")
    style.log_ms(ax)
    few = len(shown) < len(named)
    rest = f"the {len(shown)} slowest of {len(named):,}" if few else ""
    style.remark(ax, note([rest, "time until the reply was complete (logarithmic)"]))
    return style.figure_of(ax)


def _draw(ax: Axes, pen: Palette, curves: Mapping[str, pd.DataFrame]) -> None:
    """Draw curves by name, and their legend beside them."""
    colours = _line_colours(pen)
    labelled = zip(curves.values(), cut_apart([*curves], 34), strict=True)
    for at, (curve, label) in enumerate(labelled):
        ms = curve["ms"].clip(lower=style.LEAST_MS).tolist()
        share = (curve["share"] * 100).tolist()
        ax.step(
            [*ms[:1], *ms],
            [0, *share],
            where="post",
            color=colours[at % len(colours)],
            linestyle=_DASHES[at % len(_DASHES)],
            linewidth=1.6,
            label=style.short(f"{label}  n={int(curve['n'].iloc[0]):,}", 60),
        )
    legend = ax.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize=8,
        frameon=False,
        labelcolor=pen.ink,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _line_colours(pen: Palette) -> list[str]:
    return [pen.blue, pen.vermilion, pen.green, pen.purple, pen.orange, pen.sky,
            pen.red, pen.yellow, pen.grey]  # fmt: skip


def _curves(given: Source, by: str | Sequence[str]) -> pd.DataFrame:
    return answer_to(lambda source: latency_ecdf(source, by=by), given, _POINTS)


def _named(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The curves by what they are called."""
    keys = [str(name) for name in frame.columns if name not in _POINTS]
    if frame.empty:
        return {}
    groups = frame.groupby(keys, dropna=False, observed=True, sort=False)
    return {" ".join(map(str, name)): rows for name, rows in groups}


def _slowest(named: dict[str, pd.DataFrame]) -> list[str]:
    """The names of curves, first those that took longest until 95 % had come."""
    ends = {name: _reached(curve) for name, curve in named.items()}
    return sorted(named, key=lambda name: -ends[name])


def _reached(curve: pd.DataFrame, share: float = 0.95) -> float:
    there = curve.loc[curve["share"] >= share, "ms"]
    return float("inf") if there.empty else float(there.iloc[0])


def describe_latency_ecdf(given: Source, *, by: str | Sequence[str] = "step") -> str:
    """Say in words what `plot_latency_ecdf` shows.

    Args:
        given: As for `plot_latency_ecdf`.
        by: As for `latency_ecdf`.
    """
    named = _named(_curves(given, by))
    if not named:
        return "Nothing was answered."
    said = []
    for name in _slowest(named)[:3]:
        within, n = _reached(named[name]), int(named[name]["n"].iloc[0])
        share = named[name]["share"].max()
        came = f"{share:.0%} were answered" if within == float("inf") else ""
        label = style.short(name)
        said.append(f"{label} (n={n:,}) {came or f'95 % within {style.took(within)}'}")
    groups = "1 group" if len(named) == 1 else f"{len(named):,} groups"
    words = f"{groups}, the slowest first: {'; '.join(said)}."
    left_out = len(named) - MAX_CURVES
    return f"{words} {left_out:,} faster ones are not drawn." if left_out > 0 else words


def plot_latency_by_hour(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw a map of hosts by hours: how long replies took, and where none came.

    Args:
        given: From `latency_by_hour`, or what it takes (by the hour, 95th percentile).
            Of more than `MAX_ROWS` hosts those are drawn that were not answered, and
            then the slowest, the worst first; of more than `MAX_BINS` bins the last.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure. A cell holds its value as long as there is room; a cross marks
        commands that were not answered; an empty cell had none.
    """
    frame = answer_to(latency_by_hour, given, ("bin", *ENDPOINT, "n_silent", "ms"))
    every, shown = _worst_hosts(frame), _worst_hosts(frame)[:MAX_ROWS]
    height = 1.9 + style.ROW * max(len(shown), 1)
    ax, _ = style.card(ax, theme, describe_latency_by_hour(frame), height)
    style.title(ax, "How long replies took, by host and hour")
    if not shown:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    first, step, n_bins = _bins(frame)
    bins = min(n_bins, MAX_BINS)
    start = first + step * (n_bins - bins)
    _map(ax, frame, shown, (start, step, bins))
    names = labels(every)[: len(shown)]
    style.name_rows(ax, names, 36)
    ticks = range(0, bins, max(-(-bins // 12), 1))
    form = "%d %b" if step.total_seconds() >= 86_400 else "%H:%M"
    words = [f"{start + step * tick:{form}}" for tick in ticks]
    ax.set_xticks(list(ticks), words, fontsize=8)
    ax.set_xlim(-0.5, bins - 0.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    few = len(shown) < len(every)
    said = [
        f"UTC, from {start:%Y-%m-%d %H:%M}",
        f"the {len(shown)} worst of {len(every):,} hosts" if few else "",
        f"the last {bins} of {n_bins:,} bins" if bins < n_bins else "",
        "the stronger, the slower (logarithmic)",
        "x: not answered",
    ]
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _worst_hosts(frame: pd.DataFrame) -> list[tuple[str, int | None]]:
    groups = frame.groupby(list(ENDPOINT), sort=False, dropna=False, observed=True)
    sums = groups.agg(silent=("n_silent", "sum"), ms=("ms", "max")).reset_index()
    ranked = sums.sort_values(["silent", "ms"], ascending=False, kind="stable")
    return ends_of(ranked)


def _bins(frame: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timedelta, int]:
    """The first bin, how far two of them are apart, and how many there are."""
    import pandas as pd  # loaded only when used

    bins = frame["bin"].drop_duplicates().sort_values()
    gaps = bins.diff().dropna()
    step = gaps.min() if len(gaps) else pd.Timedelta("1h")
    return bins.iloc[0], step, int((bins.iloc[-1] - bins.iloc[0]) / step) + 1


def _map(
    ax: Axes,
    frame: pd.DataFrame,
    shown: list[tuple[str, int | None]],
    bins: tuple[pd.Timestamp, pd.Timedelta, int],
) -> None:
    from matplotlib.colors import LogNorm  # loaded only when used

    start, step, n_bins = bins
    pen = palette_on(ax)
    row_of = {end: row for row, end in enumerate(shown)}
    known = frame["ms"].dropna().clip(lower=style.LEAST_MS)
    low, high = (known.min(), known.max()) if len(known) else (1.0, 1.0)
    shade, norm = style.scale(pen, "refusals"), LogNorm(low, max(high, low * 10))
    for end, time, ms, silent in zip(
        ends_of(frame), frame["bin"], frame["ms"], frame["n_silent"], strict=True
    ):
        row, column = row_of.get(end), int((time - start) / step)
        if row is None or column < 0:
            continue
        answered = ms == ms  # noqa: PLR0124  # NaN
        # An answer at once has a colour, too: an empty cell had no command.
        strength = 0.2 + 0.8 * float(norm(max(ms, style.LEAST_MS))) if answered else 0
        colour = shade(strength) if answered else pen.bad
        box = (column - 0.48, 0.96)
        ax.broken_barh([box], (row - 0.46, 0.92), facecolors=colour)
        words = f"{'x ' * bool(silent)}{style.took(ms) if answered else ''}".strip()
        if n_bins <= _LEGIBLE:
            style.in_cell(ax, column, row, words, colour, size=7)
        elif silent:
            ax.plot([column], [row], "x", color=readable_on(colour), markersize=4)


def describe_latency_by_hour(given: Source) -> str:
    """Say in words what `plot_latency_by_hour` shows.

    Args:
        given: As for `plot_latency_by_hour`.
    """
    frame = answer_to(latency_by_hour, given, ("bin", *ENDPOINT, "n_silent", "ms"))
    if frame.empty:
        return "Nothing was measured."
    hosts, (first, _, n_bins) = _worst_hosts(frame), _bins(frame)
    who = "1 host" if len(hosts) == 1 else f"{len(hosts):,} hosts"
    when = f"{n_bins:,} bins from {first:%Y-%m-%d %H:%M} UTC"
    said = [f"{int(frame['n'].sum()):,} replies of {who} in {when}."]
    columns = ("host", "bin", "ms")
    worst = frame.nlargest(3, "ms")
    slow = [
        f"{style.short(host)} at {time:%Y-%m-%d %H:%M}, {style.took(ms)}"
        for host, time, ms in zip(*(worst[name] for name in columns), strict=True)
    ]
    if slow:
        said.append(f"The slowest: {'; '.join(slow)}.")
    if frame["n_silent"].sum():
        said.append(f"{int(frame['n_silent'].sum()):,} were not answered.")
    if len(hosts) > MAX_ROWS:
        said.append(f"The {MAX_ROWS} worst hosts are drawn.")
    return " ".join(said)
