"""How long replies take, as strips of percentiles, and the slowest as bars.

Of many groups the slowest are drawn. This module knows nothing of exchanges: it draws
the frames of `latency` and `slowest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.hosts.endpoints import ENDPOINT, ends_of, labels
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.times.latency import latency, slowest

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 40
_SLOWEST: Final = "The exchanges that took longest"
_KNOWN: Final = ("n", "n_timeouts", "max_ms")
_COUNTS: Final = ("n", "n_timeouts", "n_lost", "mean_ms", "max_ms")


def plot_latency(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw a strip for each group: its percentiles, and its slowest as a cross.

    The strip runs from the lowest quantile to the highest, with a mark for each; the
    lowest and the slowest have their values. A group of which nothing was answered
    has no strip, only words.

    Args:
        given: From `latency`, or what it takes. Of more than `MAX_ROWS` groups those
            are drawn that were not answered, and then the slowest, the worst first.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = answer_to(latency, given, _KNOWN)
    quantiles = _quantiles(frame)
    shown = _worst(frame, quantiles)
    height = 1.5 + style.ROW * max(len(shown), 1)
    ax, _ = style.card(ax, theme, describe_latency(frame), height)
    style.title(ax, "How long replies took")
    if shown.empty:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    rows = shown.to_dict("records")
    for at, row in enumerate(rows):
        if row["n"]:
            _strip(ax, at, [max(row[name], style.LEAST_MS) for name in quantiles], row)
    names = _names(shown, frame)
    labelled = [_label(name, row) for name, row in zip(names, rows, strict=True)]
    style.name_rows(ax, labelled, 90)
    style.bare(ax)
    if shown["n"].sum():
        style.log_ms(ax)
        style.widen(ax, 0.12, 0.12)  # room for the figures
        marks = ", ".join(name.removesuffix("_ms") for name in quantiles)
        said = f"{marks}; x the slowest (logarithmic)"
    else:
        ax.set_xticks([])
        said = "nothing was answered"
    few = len(shown) < len(frame)
    rest = f"the {len(shown)} worst of {len(frame):,}" if few else ""
    style.remark(ax, note([rest, said]))
    return style.figure_of(ax)


def _worst(frame: pd.DataFrame, quantiles: list[str]) -> pd.DataFrame:
    """All groups in the order of the frame, or of too many the worst, worst first."""
    if len(frame) <= MAX_ROWS:
        return frame
    silent = frame["n_timeouts"] + frame["n_lost"]
    last = frame[quantiles[-1] if quantiles else "max_ms"]
    ranked = frame.assign(_silent=silent, _last=last).sort_values(
        ["_silent", "_last"], ascending=False, kind="stable"
    )
    return frame.loc[ranked.index[:MAX_ROWS]]


def _strip(ax: Axes, at: int, values: list[float], row: dict[Hashable, Any]) -> None:
    pen = palette_on(ax)
    if values:
        ends = [values[0], values[-1]]
        ax.plot(ends, [at, at], color=pen.sky, linewidth=7, solid_capstyle="butt")
        ax.plot(values, [at] * len(values), "|", color=pen.blue, ms=9, mew=1.6)
        style.before_bar(ax, values[0], at, style.took(values[0]))
    slowest = max(row["max_ms"], style.LEAST_MS)
    ax.plot([slowest], [at], "x", color=pen.vermilion, ms=5, mew=1.4)
    style.beside_bar(ax, slowest, at, style.took(slowest))


def _names(rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """What to call the groups of some rows: the values of what they were grouped by."""
    by = [name for name in frame.columns if not _figure(name)]
    columns = [rows[name].astype(object).tolist() for name in by if name not in _APART]
    if {*ENDPOINT} <= {*by}:
        every = dict(zip(ends_of(frame), labels(ends_of(frame)), strict=True))
        ends = [every[end] for end in ends_of(rows)]
        columns[[name for name in by if name not in _APART].index("host")] = cut_apart(
            ends, 34
        )
    elif "port" in by:
        columns.append(rows["port"].astype(object).tolist())
    if "pipelined" in by:
        columns.append([" grouped" * bool(one) for one in rows["pipelined"]])
    words = [" ".join(map(str, row)).strip() for row in zip(*columns, strict=True)]
    return cut_apart(words or ["all"] * len(rows), 60)


_APART: Final = ("pipelined", "port")


def _label(name: str, row: dict[Hashable, Any]) -> str:
    apart = [
        f"{row[count]} {word}"
        for count, word in (("n_timeouts", "timed out"), ("n_lost", "lost"))
        if row[count]
    ]
    return "  ".join([name, f"n={row['n']:,}", *apart])


def _figure(name: str) -> bool:
    return name in _COUNTS or name in _quantile_names([name])


def _quantiles(frame: pd.DataFrame) -> list[str]:
    names = _quantile_names(frame.columns)
    return sorted(names, key=lambda name: float(name[1:-3]))


def _quantile_names(names: Any) -> list[str]:
    return [
        name
        for name in names
        if name.startswith("p")
        and name.endswith("_ms")
        and name[1:-3].replace(".", "", 1).isdigit()
    ]


def describe_latency(given: Source) -> str:
    """Say in words what `plot_latency` shows.

    Args:
        given: As for `plot_latency`.

    Returns:
        How many groups and replies, the slowest groups, and what was not answered.
    """
    frame = answer_to(latency, given, _KNOWN)
    if frame.empty:
        return "Nothing was measured."
    total, silent = int(frame["n"].sum()), int(frame["n_timeouts"].sum())
    groups = "1 group" if len(frame) == 1 else f"{len(frame):,} groups"
    said = [f"{total:,} answered, in {groups}."]
    quantiles = _quantiles(frame)
    if total and quantiles:
        last = quantiles[-1]
        worst = frame[frame["n"] > 0].nlargest(3, last)
        slow = ", ".join(
            f"{name} {style.took(ms)}"
            for name, ms in zip(_names(worst, frame), worst[last], strict=True)
        )
        said.append(f"The slowest by {last.removesuffix('_ms')}: {slow}.")
    if silent:
        said.append(f"{silent:,} timed out.")
    if frame["n_lost"].sum():
        said.append(f"{int(frame['n_lost'].sum()):,} had no reply for other reasons.")
    if len(frame) > MAX_ROWS:
        said.append(f"The {MAX_ROWS} worst of {len(frame):,} groups are drawn.")
    return " ".join(said)


def plot_slowest(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw the slowest exchanges as bars, the longest on top.

    Args:
        given: From `slowest`, or what it takes.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure. Beside each bar: how long, the multiple of its step's median, and
        the code.
    """
    import pandas as pd  # loaded only when used

    frame = answer_to(slowest, given, ("latency_ms", "x_median"))
    shown = frame[frame["latency_ms"].notna()].head(MAX_ROWS)
    rows = shown.to_dict("records")
    height = 1.5 + style.ROW * max(len(rows), 1)
    ax, pen = style.card(ax, theme, describe_slowest(frame), height)
    if not rows:
        style.title(ax, _SLOWEST)
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    for at, row in enumerate(rows):
        refused = not pd.isna(row["code"]) and row["code"] >= 400
        colour = pen.vermilion if refused else pen.sky
        ax.barh(at, row["latency_ms"], height=0.66, color=colour)
        style.beside_bar(ax, row["latency_ms"], at, _beside(row))
    hosts = cut_apart([row["host"] for row in rows], 34)
    steps = [row["step"] for row in rows]
    style.name_rows(ax, map("  ".join, zip(steps, hosts, strict=True)), 60)
    ax.set_xlim(0, max(rows[0]["latency_ms"] * 1.3, style.LEAST_MS))
    few = f"the {len(rows)} worst of {len(frame)}" if len(frame) > len(rows) else ""
    style.remark(ax, note(["ms", few, "x: times the median of its step; the code"]))
    style.bare(ax)
    meanings = {pen.sky: "accepted", pen.vermilion: "refused"}
    longest = f"The {len(rows)} exchanges that took longest"
    style.legend_above(ax, meanings, longest if len(rows) > 1 else _SLOWEST)
    return style.figure_of(ax)


def _beside(row: dict[Hashable, Any]) -> str:
    import pandas as pd  # loaded only when used

    code = "no code" if pd.isna(row["code"]) else row["code"]
    return f"{style.took(row['latency_ms'])}  x{_times(row['x_median'])}  {code}"


def _times(ratio: float) -> str:
    """Three digits, and no power of ten where there are more."""
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def describe_slowest(given: Source) -> str:
    """Say in words what `plot_slowest` shows.

    Args:
        given: As for `plot_slowest`.

    Returns:
        The three slowest exchanges.
    """
    frame = answer_to(slowest, given, ("latency_ms", "x_median"))
    rows = frame[frame["latency_ms"].notna()].head(3).to_dict("records")
    if not rows:
        return "Nothing was answered."
    said = ", ".join(
        f"{row['step']} at {style.short(row['host'])} {style.took(row['latency_ms'])} "
        f"({_times(row['x_median'])} times the median)"
        for row in rows
    )
    return f"The slowest of {len(frame)}: {said}."
