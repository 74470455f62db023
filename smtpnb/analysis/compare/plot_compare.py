"""Two servers or two days as a picture: a list of what changed, and how latency moved.

Above, a line for each change: a sign and a word, the item, what it was, what it is.
Below, for each step the median before (hollow) and after (full), with the factor beside
it, on a logarithmic axis; of many steps only those that moved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis import style
from smtpnb.analysis.compare.compare import NOISE_RATIO, compare
from smtpnb.analysis.palettes import palette_on
from smtpnb.analysis.pictured import cut_apart, note

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 30
MAX_SAME: Final = 12  # with more steps, those that stayed the same are left out
_LATENCIES: Final = ("p50_ms", "p95_ms")
_OF_TLS: Final = ("tls_", "cert_")
_SIGNS: Final = {"added": "+", "removed": "\u2212", "changed": "\u2260"}
# By the names of a palette.
_TINTS: Final = {"added": "good", "removed": "bad", "changed": "half"}
_REFUSAL: Final = re.compile(r"(?:reply|text) \S+ (?:[45]\d\d|refused)\b|no reply at ")
_REFUSED: Final = re.compile(r"[45]\d\d\b|refused\b|no reply\b")
_AT: Final = (0.005, 0.115, 0.5, 0.76)  # where the columns of the list begin


class _Move(NamedTuple):
    """The median latency of one step, before and after, in ms."""

    label: str
    a: float
    b: float
    change: str


def plot_compare(
    given: Source,
    a: Source | str = "",
    b: str = "",
    *,
    ax: Axes | None = None,
    theme: Theme | None = None,
) -> Figure:
    """Draw what changed between two servers or two days.

    Args:
        given: From `compare`. At most 30 changes and 30 steps are drawn; of more
            than 12 steps only those whose latency changed, most first. Or the first,
            or the earlier, of the two that `compare` takes.
        a: What to call the first, or the earlier; "" for its name in the frame, or "a".
            Or the other one that `compare` takes.
        b: What to call the other one.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame, a = _answer(given, a)
    changes, every = list(_changes(frame)), list(_moves(frame))
    moves = every
    if len(every) > MAX_SAME:
        moved = [move for move in every if move.change == "changed"]
        moves = sorted(moved, key=_factor, reverse=True)[:MAX_ROWS]
    n_lines = 1 + max(min(len(changes), MAX_ROWS), 1)
    parts = [style.ROW * n_lines + 0.2, style.ROW * max(len(moves), 1) + 0.9]
    ax, _ = style.card(ax, theme, describe_compare(frame), sum(parts) + 0.5)
    style.title(ax, "What changed")
    names = (a or _sides(frame)[0], b or _sides(frame)[1])
    # The labels below do not narrow the list above.
    above, below = style.stacked(ax, parts, 0.1, lefts=(0.0, 0.26))
    _list(above, changes[:MAX_ROWS], len(changes), names)
    if moves:
        _dumbbells(below, moves)
        same = sum(move.change != "changed" for move in every)
        drawn = sum(move.change != "changed" for move in moves)
        rest = len(every) - len(moves) - (same - drawn)
        others = [
            f"{same - drawn} steps about the same" if same > drawn else "",
            f"{rest} that moved less" if rest else "",
        ]
        hollow, full = (style.short(name, 20) for name in names)
        said = f"median latency by step: {hollow} hollow, {full} full"
        style.remark(below, note([said, *others]))
    else:
        none = "latency is about the same" if every else "no latency on both sides"
        style.nothing_to_show(below, none)
    return style.figure_of(ax)


def _answer(given: Source, other: Source | str) -> tuple[pd.DataFrame, str]:
    """The answer of `compare`, and what to call the first."""
    import pandas as pd  # loaded only when used

    if not isinstance(other, str):
        return compare(given, other), ""
    if isinstance(given, pd.DataFrame) and {"item", "change"} <= {*given.columns}:
        return given, other
    raise ValueError("two are compared: give the other one as well")


def _factor(move: _Move) -> float:
    low, high = sorted((max(move.a, style.LEAST_MS), max(move.b, style.LEAST_MS)))
    return high / low


def _changes(frame: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """Yield change, item, a and b of what changed, but for latencies and counts.

    What follows from another change is left out: without TLS on one side nothing is
    offered after it, and a reply that never came has no text.
    """
    named = _named(frame, 24)
    no_tls = set(frame["by"][_lost_tls(frame)])
    for by, item, a, b, change in _columns(frame):
        follows = item.startswith("text") and change != "changed"
        if by in no_tls and item != "tls_mode":
            follows |= item.startswith(_OF_TLS) or item.endswith("after TLS")
        counted = item.startswith(_LATENCIES) or (
            item == "sessions" and change == "changed"
        )
        if change == "same" or follows or counted:
            continue
        kind, _, rest = item.partition(" ")
        if kind == "reply" and rest.endswith(" none"):
            item = f"no reply at {rest.removesuffix(' none')}"  # noqa: PLW2901  # in words
        label = f"{item}, {named[by]}" if named else item
        shown = [text if isinstance(text, str) else "" for text in (a, b)]
        yield change, label, shown[0], shown[1]


def _lost_tls(frame: pd.DataFrame) -> pd.Series[bool]:
    changed = (frame["item"] == "tls_mode") & (frame["change"] == "changed")
    return changed & ((frame["a"] == "none") | (frame["b"] == "none"))


def _columns(frame: pd.DataFrame) -> Iterator[tuple[str, str, Any, Any, str]]:
    columns = (frame[name] for name in ("by", "item", "a", "b", "change"))
    for by, item, a, b, change in zip(*columns, strict=True):
        yield str(by), str(item), a, b, str(change)


def _named(frame: pd.DataFrame, longest: int) -> dict[str, str]:
    """What to call the groups that were compared; nothing if there is but one."""
    names = [str(name) for name in frame["by"].unique()]
    if len(names) < 2:
        return {}
    return dict(zip(names, cut_apart(names, longest), strict=True))


def _moves(frame: pd.DataFrame) -> Iterator[_Move]:
    named = _named(frame, 30)
    rows = frame[frame["item"].str.startswith("p50_ms") & frame["delta"].notna()]
    for by, item, a, b, change in _columns(rows):
        step = item.partition(" ")[2]
        label = f"{step}, {named[by]}" if named else step
        yield _Move(label, float(a), float(b), change)


def _sides(frame: pd.DataFrame) -> tuple[str, str]:
    """What to call a and b: the two that were paired, or just that."""
    names = set(frame["by"])
    a, arrow, b = str(next(iter(names), "")).partition(" -> ")
    return (a, b) if arrow and len(names) == 1 else ("a", "b")


def _list(
    ax: Axes,
    changes: list[tuple[str, str, str, str]],
    n: int,
    sides: tuple[str, str],
) -> None:
    pen = palette_on(ax)
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(max(len(changes), 1) - 0.5, -1.5)
    more = f", {n - len(changes)} more in the frame" if n > len(changes) else ""
    head = (f"n = {n} changes{more}", "", *sides)
    for x, text in zip(_AT, head, strict=True):
        shown = style.short(text, 44 if x == _AT[0] else 34)
        _write(ax, x, -1, shown, fontsize=9, weight="bold")
    if not changes:
        _write(ax, _AT[0], 0, "nothing but latency changed", fontsize=9)
    for y, (change, item, a, b) in enumerate(changes):
        tint = getattr(pen, _tint(change, item, b))
        ax.axhspan(y - 0.46, y + 0.46, color=tint, linewidth=0)
        texts = (f"{_SIGNS[change]} {change}", item, a, b)
        for x, text, longest in zip(_AT, texts, (12, 50, 30, 30), strict=True):
            shown = style.short(text, longest)
            _write(ax, x, y, shown, fontsize=8)


def _write(ax: Axes, x: float, y: float, text: str, **how: Any) -> None:
    ink = palette_on(ax).ink
    ax.text(x, y, text, va="center", color=ink, parse_math=False, **how)


def _tint(change: str, item: str, b: str) -> str:
    """Colour what changed: that there are refusals now is not good news."""
    if _REFUSAL.match(item):
        return "bad" if change == "added" else "half"
    if change == "changed" and item.startswith(("reply", "text")) and _REFUSED.match(b):
        return "bad"
    return _TINTS[change]


def _dumbbells(ax: Axes, moves: list[_Move]) -> None:
    # A step that took less than the clock can tell still has a place on the axis.
    least = style.LEAST_MS
    known = [m._replace(a=max(m.a, least), b=max(m.b, least)) for m in moves]
    pen = palette_on(ax)
    for y, move in enumerate(known):
        colour = pen.grey
        if move.change == "changed":
            colour = pen.vermilion if move.b > move.a else pen.blue
        ax.plot([move.a, move.b], [y, y], color=colour, linewidth=2.5)
        ax.plot(
            [move.a], [y], "o", color=colour, markerfacecolor=pen.ground, markersize=6
        )
        ax.plot([move.b], [y], "o", color=colour, markersize=6)
        text = f"{style.took(move.a)} to {style.took(move.b)}, {_moved(move)}"
        style.beside_bar(ax, max(move.a, move.b) * 1.03, y, text)
    style.name_rows(ax, [move.label for move in known])
    ends = [end for move in known for end in (move.a, move.b)]
    ax.set_xscale("log")
    # A third of the width for what is written beside the points.
    low, high = min(ends) / 1.5, max(ends) * 1.5
    ax.set_xlim(low, high * (high / low) ** 0.6)
    style.log_ms(ax)
    style.bare(ax)


def _moved(move: _Move) -> str:
    low, high = sorted((move.a, move.b))
    if move.change != "changed":
        return "about the same" if high < NOISE_RATIO * low else "within noise"
    factor = f"{high / low:.0f}" if high >= 10 * low else f"{high / low:.1f}"
    return f"{factor} times as {'slow' if move.b > move.a else 'fast'}"


def describe_compare(given: Source, other: Source | str = "") -> str:
    """Say in words what `plot_compare` shows.

    Args:
        given: As for `plot_compare`.
        other: The other one that `compare` takes, if `given` is the first.
    """
    frame, _ = _answer(given, other)
    if frame.empty:
        return "There is nothing to compare."
    changes, moves = list(_changes(frame)), list(_moves(frame))
    said = []
    for kind in _SIGNS:
        items = [item for change, item, *_ in changes if change == kind]
        if items:
            some = ", ".join(style.short(item) for item in items[:8])
            more = f" and {len(items) - 8} more" if len(items) > 8 else ""
            said.append(f"{len(items)} {kind}: {some}{more}.")
    if not changes:
        said.append("Nothing but latency changed.")
    moved = [
        f"{style.short(m.label)} {style.took(m.a)} to {style.took(m.b)}"
        for m in moves
        if m.change == "changed"
    ]
    if moved:
        said.append(f"Median latency moved: {', '.join(moved[:8])}.")
    elif moves:
        said.append("Latency is about the same.")
    return " ".join(said)
