"""The waterfall as a picture, and the picture in words.

The code beside each bar says in figures what its colour says. Text of a server never
enters this picture; text of the user is made inert by `style`.

This module knows nothing of transcripts beyond the bars of `waterfall`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.pictured import note
from smtpnb.analysis.times.waterfall import SETUP, bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Palette, Theme
    from smtpnb.analysis.times.waterfall import Bar

MAX_ROWS: Final = 60
_TITLE: Final = "Where the time of the session went"
_ROOM_FOR_FIGURES: Final = 1.18  # beside the last bar


def plot_waterfall(
    source: Source,
    *,
    session: int | str = -1,
    pauses: bool = False,
    ax: Axes | None = None,
    theme: Theme | None = None,
) -> Figure:
    """Draw where the time of one session went.

    Args:
        source: What `waterfall` takes, or a frame that it made.
        session: As for `waterfall`.
        pauses: Draw the time between the commands, too. Without it each bar begins
            where the one before ended: who types the commands would see nothing else.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure. A notebook shows it; `savefig("a.png")` writes it.

    Raises:
        LookupError: There is no such session.
    """
    found = bars(source, session)
    placed = found if pauses else _without_pauses(found)
    drawn = _longest(placed)
    height = 1.7 + style.ROW * max(len(drawn), 1)
    ax, pen = style.card(ax, theme, _words(found), height)
    if not found:
        style.title(ax, _TITLE)
        style.nothing_to_show(ax, "nothing took any time")
        return style.figure_of(ax)
    _draw(ax, drawn, pen)
    few = len(drawn) < len(found)
    rest = f"the {len(drawn)} longest of {len(found):,} steps" if few else ""
    said = ["ms", "" if pauses else "the time between the commands is left out", rest]
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _longest(found: list[Bar]) -> list[Bar]:
    """All bars, or of too many those that took longest, in order of time."""
    ranked = sorted(found, key=lambda bar: -bar.dt_ms)[:MAX_ROWS]
    return sorted(ranked, key=lambda bar: bar.start_ms)


def _without_pauses(found: list[Bar]) -> list[Bar]:
    moved, left_out, end = [], 0.0, 0.0
    for bar in found:
        left_out += max(bar.start_ms - left_out - end, 0.0)
        start = bar.start_ms - left_out
        end = max(end, start + bar.dt_ms)
        moved.append(bar._replace(start_ms=start))
    return moved


def _draw(ax: Axes, found: list[Bar], pen: Palette) -> None:
    for at, bar in enumerate(found):
        sent = bar.start_ms + bar.send_ms
        ax.barh(at, bar.send_ms, left=bar.start_ms, height=0.66, color=pen.orange)
        ax.barh(at, bar.wait_ms, left=sent, height=0.66, color=_colour(bar, pen))
        style.beside_bar(ax, sent + bar.wait_ms, at, _value(bar))
    style.name_rows(ax, [bar.label for bar in found])
    ax.set_xlim(0, max(_end(found) * _ROOM_FOR_FIGURES, style.LEAST_MS))
    style.bare(ax)
    meanings = {
        pen.grey: "setting up",
        pen.orange: "sending",
        pen.sky: "waiting for the reply",
        pen.vermilion: "waiting; refused or no reply",
    }
    style.legend_above(ax, meanings, _TITLE)


def _end(found: list[Bar]) -> float:
    return max((bar.start_ms + bar.dt_ms for bar in found), default=0.0)


def _colour(bar: Bar, pen: Palette) -> str:
    if bar.step in SETUP:
        return pen.grey
    return pen.vermilion if _refused(bar) else pen.sky


def _refused(bar: Bar) -> bool:
    return bar.step not in SETUP and (bar.code is None or bar.code >= 400)


def _value(bar: Bar) -> str:
    took = style.took(bar.dt_ms)
    return took if bar.step in SETUP else f"{took}  {bar.code or 'no reply'}"


def describe_waterfall(source: Source, *, session: int | str = -1) -> str:
    """Say in words what `plot_waterfall` shows: the text beside the picture.

    Args:
        source: What `waterfall` takes, or a frame that it made.
        session: As for `waterfall`.

    Returns:
        Two or three sentences: how long, what took longest, what was refused.

    Raises:
        LookupError: There is no such session.
    """
    return _words(bars(source, session))


def _words(found: list[Bar]) -> str:
    if not found:
        return "Nothing took any time."
    longest = sorted(found, key=lambda bar: -bar.dt_ms)[:3]
    slow = ", ".join(
        f"{style.short(bar.label)} {style.took(bar.dt_ms)}" for bar in longest
    )
    steps = "step" if len(found) == 1 else "steps"
    took = style.took(_end(_without_pauses(found)))
    said = [f"{len(found)} {steps} in {took}.", f"The longest: {slow}."]
    refused = [
        f"{style.short(bar.label)} ({bar.code or 'no reply'})"
        for bar in found
        if _refused(bar)
    ]
    if refused:
        said.append(f"Refused or unanswered: {', '.join(refused)}.")
    return " ".join(said)
