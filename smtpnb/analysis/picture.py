"""The waterfall as a picture, and the picture in words.

Drawn without pyplot, so that no global state and no window is involved. Colours are of
Okabe and Ito's set; the code beside each bar says in figures what its colour says. Text
of a server never enters a picture; text of the user is drawn without mathtext.

This module knows nothing of transcripts beyond the bars of `waterfall`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.waterfall import SETUP, bars
from smtpnb.text import for_terminal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.waterfall import Bar
    from smtpnb.transcript.events import Excerpt, Transcript

_SETUP_COLOUR: Final = "#999999"
_SENT_COLOUR: Final = "#e69f00"
_WAITED_COLOUR: Final = "#56b4e9"
_REFUSED_COLOUR: Final = "#d55e00"
_LONGEST_LABEL: Final = 44
_ROOM_FOR_FIGURES: Final = 1.18  # beside the last bar


def plot_waterfall(
    source: Transcript | Excerpt | pd.DataFrame,
    *,
    session: int | str = -1,
    pauses: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw where the time of one session went.

    Args:
        source: A transcript, or a frame of its `events()`.
        session: As for `waterfall`.
        pauses: Draw the time between the commands, too. Without it each bar begins
            where the one before ended: who types the commands would see nothing else.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure. A notebook shows it; `savefig("a.png")` writes it.

    Raises:
        LookupError: There is no such session.
    """
    from matplotlib.figure import Figure  # loaded only when used

    from smtpnb.analysis.figure import ShownFigure  # loads matplotlib

    found = bars(source, session)
    if ax is None:
        size = (8.6, 1.5 + 0.27 * len(found))
        own = ShownFigure(figsize=size, layout="constrained")
        own.alt = describe_waterfall(source, session=session)
        ax = own.add_subplot()
    _draw(ax, found if pauses else _without_pauses(found))
    ax.set_xlabel(f"ms{'' if pauses else ', the time between the commands left out'}")
    figure = ax.get_figure(root=False)
    assert isinstance(figure, Figure)  # noqa: S101  # an Axes stands in one
    return figure


def _without_pauses(found: list[Bar]) -> list[Bar]:
    moved, left_out, end = [], 0.0, 0.0
    for bar in found:
        left_out += max(bar.start_ms - left_out - end, 0.0)
        start = bar.start_ms - left_out
        end = max(end, start + bar.dt_ms)
        moved.append(bar._replace(start_ms=start))
    return moved


def _draw(ax: Axes, found: list[Bar]) -> None:
    for at, bar in enumerate(found):
        sent = bar.start_ms + bar.send_ms
        ax.barh(at, bar.send_ms, left=bar.start_ms, height=0.66, color=_SENT_COLOUR)
        ax.barh(at, bar.wait_ms, left=sent, height=0.66, color=_colour(bar))
        ax.annotate(
            _value(bar),
            (sent + bar.wait_ms, at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.set_yticks(range(len(found)), [_short(bar.label) for bar in found])
    for tick in ax.get_yticklabels():
        tick.set_parse_math(False)  # a "$" in an address is a dollar
        tick.set_fontsize(9)
    ax.invert_yaxis()
    ax.set_xlim(0, max(_end(found) * _ROOM_FOR_FIGURES, 0.001))
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _legend(ax)


def _legend(ax: Axes) -> None:
    from matplotlib.patches import Patch  # loaded only when used

    meanings = {
        _SETUP_COLOUR: "setting up",
        _SENT_COLOUR: "sending",
        _WAITED_COLOUR: "waiting for the reply",
        _REFUSED_COLOUR: "waiting; refused or no reply",
    }
    patches = [Patch(color=colour, label=text) for colour, text in meanings.items()]
    # Above the bars, where it never lies on one.
    ax.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(patches),
        fontsize=8,
        frameon=False,
    )


def _end(found: list[Bar]) -> float:
    return max((bar.start_ms + bar.dt_ms for bar in found), default=0.0)


def _colour(bar: Bar) -> str:
    if bar.step in SETUP:
        return _SETUP_COLOUR
    return _REFUSED_COLOUR if _refused(bar) else _WAITED_COLOUR


def _refused(bar: Bar) -> bool:
    return bar.step not in SETUP and (bar.code is None or bar.code >= 400)


def _value(bar: Bar) -> str:
    took = _took(bar.dt_ms)
    return took if bar.step in SETUP else f"{took}  {bar.code or 'no reply'}"


def _took(ms: float) -> str:
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.2f} ms"


def _short(label: str) -> str:
    shown = for_terminal(label)
    if len(shown) <= _LONGEST_LABEL:
        return shown
    return f"{shown[: _LONGEST_LABEL - 3]}..."


def describe_waterfall(
    source: Transcript | Excerpt | pd.DataFrame, *, session: int | str = -1
) -> str:
    """Say in words what `plot_waterfall` shows: the text beside the picture.

    Args:
        source: A transcript, or a frame of its `events()`.
        session: As for `waterfall`.

    Returns:
        Two or three sentences: how long, what took longest, what was refused.

    Raises:
        LookupError: There is no such session.
    """
    found = bars(source, session)
    if not found:
        return "Nothing took any time."
    longest = sorted(found, key=lambda bar: -bar.dt_ms)[:3]
    slow = ", ".join(f"{_short(bar.label)} {_took(bar.dt_ms)}" for bar in longest)
    steps = "step" if len(found) == 1 else "steps"
    took = _took(_end(_without_pauses(found)))
    said = [f"{len(found)} {steps} in {took}.", f"The longest: {slow}."]
    refused = [
        f"{_short(bar.label)} ({bar.code or 'no reply'})"
        for bar in found
        if _refused(bar)
    ]
    if refused:
        said.append(f"Refused or unanswered: {', '.join(refused)}.")
    return " ".join(said)
