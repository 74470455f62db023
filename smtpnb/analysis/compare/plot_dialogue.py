"""Two dialogues side by side, as a table of inert HTML, and the difference in words.

A sign in the middle says what a colour repeats: "=" the same, "!" both spoke and mean
something else, "<" and ">" only this side spoke. Every text passes `for_html`, nothing
else reaches the page.

This module knows nothing of how the sides were aligned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.edges.colours import BLUE, GREY, VERMILION, of_words
from smtpnb.edges.text import NO_LATEX, for_html, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

MAX_ROWS: Final = 200

_COLOURS: Final = {"=": GREY, "!": VERMILION, "<": BLUE, ">": BLUE}
_MEANINGS: Final = {
    "=": "the same",
    "!": "different",
    "<": "only on the left",
    ">": "only on the right",
}
# As wide as the page at most: a line of 600 octets must not push a side out of sight.
_TABLE: Final = (
    "font-family:monospace;border-collapse:collapse;table-layout:fixed;width:100%"
)
_WIDTHS: Final = ("6em", "", "2em", "")
_CELL: Final = "text-align:left;vertical-align:top;padding:1px 8px"
_TEXT: Final = f"{_CELL};white-space:pre-wrap;overflow-wrap:anywhere"


class SideBySide:
    """A dialogue beside another: HTML in a notebook, text elsewhere.

    Args:
        frame: From `diff_dialogue`.
        a: What the left side is called.
        b: What the right side is called.
    """

    def __init__(self, frame: pd.DataFrame, a: str = "a", b: str = "b") -> None:
        self._frame = frame
        self._names = a, b

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        frame = self._frame.head(MAX_ROWS)
        columns = ("step", "a_text", "b_text", "same")
        for step, left, right, same in zip(*(frame[c] for c in columns), strict=True):
            yield str(step), _sign(left, right, same), _said(left), _said(right)

    def _repr_html_(self) -> str:
        head = ("step", self._names[0], "", self._names[1])
        titles = "".join(
            f'<th style="{_CELL}{width and f";width:{width}"}">{for_html(name)}</th>'
            for name, width in zip(head, _WIDTHS, strict=True)
        )
        rows = [f"<tr>{titles}</tr>"]
        rows += [_row(*row) for row in self._rows()]
        left_out = len(self._frame) - MAX_ROWS
        note = f"<p><i>{left_out} more rows left out</i></p>" if left_out > 0 else ""
        said = for_html(describe_dialogue(self._frame))
        return (
            f'<div class="smtpnb-dialogue {NO_LATEX}"><p>{said}</p>'
            f'<table style="{_TABLE}">'
            f"{''.join(rows)}</table>{note}</div>"
        )

    def __str__(self) -> str:
        lines = [describe_dialogue(self._frame)]
        for step, sign, left, right in self._rows():
            if sign == "=":
                lines.append(f"  = {step}: {one_line(left)}")
            else:
                sides = zip("<>", (left, right), strict=True)
                said = [(side, text) for side, text in sides if text]
                lines += [f"  {s} {step}: {one_line(text)}" for s, text in said]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<SideBySide: {len(self._frame)} rows>"


def side_by_side(frame: pd.DataFrame, a: str = "a", b: str = "b") -> SideBySide:
    """Show two dialogues beside each other.

    Args:
        frame: From `diff_dialogue`.
        a: What to call the left side.
        b: What to call the right side.
    """
    return SideBySide(frame, a, b)


def describe_dialogue(frame: pd.DataFrame) -> str:
    """Say in a sentence how two dialogues differ.

    Args:
        frame: From `diff_dialogue`.
    """
    if frame.empty:
        return "Neither side said anything."
    signs = [
        _sign(*row)
        for row in zip(frame["a_text"], frame["b_text"], frame["same"], strict=True)
    ]
    counts = {sign: signs.count(sign) for sign in _MEANINGS}
    if counts["="] == len(signs):
        return f"All {len(signs)} steps are the same."
    said = [f"{n} {_MEANINGS[sign]}" for sign, n in counts.items() if n]
    where = dict.fromkeys(
        str(step)
        for step, sign in zip(frame["step"], signs, strict=True)
        if sign != "="
    )
    return f"{len(signs)} steps: {', '.join(said)} (at {', '.join(where)})."


def _sign(left: Any, right: Any, same: Any) -> str:
    if same:
        return "="
    if isinstance(left, str) and isinstance(right, str):
        return "!"
    return "<" if isinstance(left, str) else ">"


def _said(text: Any) -> str:
    return text if isinstance(text, str) else ""


def _row(step: str, sign: str, left: str, right: str) -> str:
    colour = of_words(_COLOURS[sign])
    attributes = f'style="{_CELL};{colour}" title="{_MEANINGS[sign]}"'
    middle = f"<td {attributes}><b>{for_html(sign)}</b></td>"
    return f"<tr>{_cell(step)}{_cell(left)}{middle}{_cell(right)}</tr>"


def _cell(text: str) -> str:
    shown = for_html(text, newlines=True)
    return f'<td style="{_TEXT}">{shown}</td>'
