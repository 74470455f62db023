"""How long replies take, as strips of percentiles, and the slowest as bars.

This module knows nothing of exchanges: it draws the frames of `latency` and `slowest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS: Final = 40
_COUNTS: Final = ("n", "n_timeouts", "n_lost", "mean_ms", "max_ms")


def plot_latency(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw a strip for each group: its percentiles, and its slowest as a cross.

    The strip runs from the lowest quantile to the highest, with a mark for each; the
    lowest and the slowest have their values. A group of which nothing was answered
    has no strip, only words.

    Args:
        frame: From `latency`; the first `MAX_ROWS` rows are drawn.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure.
    """
    shown = frame.head(MAX_ROWS)
    if ax is None:
        height = 1.2 + style.ROW * max(len(shown), 1)
        _, ax = style.new_figure(describe_latency(frame), height=height)
    if shown.empty:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    quantiles = _quantiles(frame)
    for at, row in enumerate(shown.to_dict("records")):
        if row["n"]:
            _strip(ax, at, [max(row[name], style.LEAST_MS) for name in quantiles], row)
    style.name_rows(ax, [_label(row, frame) for row in shown.to_dict("records")], 60)
    style.bare(ax)
    if shown["n"].sum():
        style.log_ms(ax)
        low, high = ax.get_xlim()
        ax.set_xlim(low / 1.6, high * 1.6)  # room for the figures
    marks = ", ".join(name.removesuffix("_ms") for name in quantiles)
    ax.set_xlabel(f"{marks}; x the slowest (logarithmic)", fontsize=9)
    return style.figure_of(ax)


def _strip(ax: Axes, at: int, values: list[float], row: dict[Hashable, Any]) -> None:
    if values:
        ends = [values[0], values[-1]]
        ax.plot(ends, [at, at], color=style.SKY, linewidth=7, solid_capstyle="butt")
        ax.plot(values, [at] * len(values), "|", color=style.BLUE, ms=9, mew=1.6)
        ax.annotate(
            style.took(values[0]),
            (values[0], at),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
        )
    slowest = max(row["max_ms"], style.LEAST_MS)
    ax.plot([slowest], [at], "x", color=style.VERMILION, ms=5, mew=1.4)
    style.beside_bar(ax, slowest, at, style.took(slowest))


def _name(row: dict[Hashable, Any], frame: pd.DataFrame) -> str:
    by = [name for name in frame.columns if not _figure(name)]
    return style.short(" ".join(str(row[key]) for key in by) or "all", 34)


def _label(row: dict[Hashable, Any], frame: pd.DataFrame) -> str:
    apart = [
        f"{row[count]} {word}"
        for count, word in (("n_timeouts", "timed out"), ("n_lost", "lost"))
        if row[count]
    ]
    return "  ".join([_name(row, frame), f"n={row['n']:,}", *apart])


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


def describe_latency(frame: pd.DataFrame) -> str:
    """Say in words what `plot_latency` shows.

    Args:
        frame: From `latency`.

    Returns:
        How many groups and replies, the slowest groups, and what was not answered.
    """
    if frame.empty:
        return "Nothing was measured."
    total, silent = int(frame["n"].sum()), int(frame["n_timeouts"].sum())
    groups = "1 group" if len(frame) == 1 else f"{len(frame):,} groups"
    said = [f"{total:,} answered, in {groups}."]
    quantiles = _quantiles(frame)
    if total and quantiles:
        last = quantiles[-1]
        worst = frame.nlargest(3, last).to_dict("records")
        slow = ", ".join(
            f"{_name(row, frame)} {style.took(row[last])}" for row in worst if row["n"]
        )
        said.append(f"The slowest by {last.removesuffix('_ms')}: {slow}.")
    if silent:
        said.append(f"{silent:,} timed out.")
    if frame["n_lost"].sum():
        said.append(f"{int(frame['n_lost'].sum()):,} had no reply for other reasons.")
    return " ".join(said)


def plot_slowest(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw the slowest exchanges as bars, the longest on top.

    Args:
        frame: From `slowest`.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure. Beside each bar: how long, the multiple of its step's median, and
        the code.
    """
    import pandas as pd  # loaded only when used

    rows = frame.head(MAX_ROWS).to_dict("records")
    if ax is None:
        height = 1.0 + style.ROW * max(len(rows), 1)
        _, ax = style.new_figure(describe_slowest(frame), height=height)
    if not rows:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    for at, row in enumerate(rows):
        refused = not pd.isna(row["code"]) and row["code"] >= 400
        colour = style.VERMILION if refused else style.SKY
        ax.barh(at, row["latency_ms"], height=0.66, color=colour)
        style.beside_bar(ax, row["latency_ms"], at, _beside(row))
    style.name_rows(ax, [f"{row['host']}  {row['step']}" for row in rows])
    ax.set_xlim(0, max(rows[0]["latency_ms"] * 1.3, style.LEAST_MS))
    ax.set_xlabel("ms", fontsize=9)
    style.bare(ax)
    style.legend_above(ax, {style.SKY: "accepted", style.VERMILION: "refused"})
    return style.figure_of(ax)


def _beside(row: dict[Hashable, Any]) -> str:
    import pandas as pd  # loaded only when used

    code = "no code" if pd.isna(row["code"]) else row["code"]
    return f"{style.took(row['latency_ms'])}  x{row['x_median']:.3g}  {code}"


def describe_slowest(frame: pd.DataFrame) -> str:
    """Say in words what `plot_slowest` shows.

    Args:
        frame: From `slowest`.

    Returns:
        The three slowest exchanges.
    """
    rows = frame.head(3).to_dict("records")
    if not rows:
        return "Nothing was answered."
    said = ", ".join(
        f"{row['step']} at {style.short(row['host'])} {style.took(row['latency_ms'])} "
        f"({row['x_median']:.3g} times the median)"
        for row in rows
    )
    return f"The slowest of {len(frame)}: {said}."
