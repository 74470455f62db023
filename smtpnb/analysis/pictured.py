"""What the pictures of answers share, whatever was asked.

A picture takes what its question takes: a transcript, or the answer itself. Names of
hosts are cut in the middle, since both ends tell hosts apart; notes are broken into
lines that fit below a picture.

This module knows nothing of any question, nor of how things are drawn.
"""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import for_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pandas as pd

    from smtpnb.analysis.inputs import Source


def answer_to(
    question: Callable[[Source], pd.DataFrame], given: Source, columns: Collection[str]
) -> pd.DataFrame:
    """Return what a question answers, asking it only where that was not done yet.

    Args:
        question: From a transcript or a table of it to a frame.
        given: Such a frame, or what the question takes.
        columns: By which its frames are known: columns, or levels of the index.
    """
    import pandas as pd  # loaded only when used

    if isinstance(given, pd.DataFrame):
        names = {*given.columns, *given.index.names}
        if names >= {*columns}:
            return given
    return question(given)


_NOTE: Final = 84  # characters of a note that stand in a line below a picture


def middle_cut(name: str, longest: int) -> str:
    """Return a name inert, and cut in the middle at a length in characters."""
    shown = for_terminal(name)
    if len(shown) <= longest:
        return shown
    tail = (longest - 3) // 2
    return f"{shown[: longest - 3 - tail]}...{shown[len(shown) - tail :]}"


def cut_apart(names: Iterable[object], longest: int) -> list[str]:
    """Cut names in the middle; those that would look alike, around where they differ.

    Args:
        names: Any number of them.
        longest: What each may be long, in characters.
    """
    known = [for_terminal(str(name)) for name in names]
    shown = [middle_cut(name, longest) for name in known]
    alike: dict[str, set[str]] = {}
    for name, label in zip(known, shown, strict=True):
        alike.setdefault(label, set()).add(name)
    differ = {
        label: len(commonprefix([*own]))  # noqa: RUF071  # no paths
        for label, own in alike.items()
        if len(own) > 1
    }
    return [
        _around(name, differ[label], longest) if label in differ else label
        for name, label in zip(known, shown, strict=True)
    ]


def _around(name: str, at: int, longest: int) -> str:
    """Cut a name so that the part is seen by which it differs from others like it."""
    third = (longest - 6) // 3
    return f"{name[:third]}...{name[at : at + third]}...{name[-third:]}"


def note(parts: Iterable[str]) -> str:
    """Join what is to be noted, in as many lines as it takes; "" is left out."""
    lines = [""]
    for part in filter(None, parts):
        longer = f"{lines[-1]}; {part}" if lines[-1] else part
        if lines[-1] and len(longer) > _NOTE:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)
