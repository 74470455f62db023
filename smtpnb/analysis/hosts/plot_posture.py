"""How well each host does TLS as a picture: a table with icons and words.

An icon and a word say what the colour of a cell repeats: a tick for good, an
exclamation mark for halfway, a cross for bad, a question mark for what was not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.hosts.endpoints import ends_of, labels
from smtpnb.analysis.hosts.posture import SOON, strong, tls_posture
from smtpnb.analysis.pictured import answer_to, note
from smtpnb.transcript.tables import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 40
_GOOD: Final = "\u2713"
_HALF: Final = "!"
_BAD: Final = "\u2717"
_UNKNOWN: Final = "?"
# By the names of a palette.
_COLOURS: Final = {_GOOD: "good", _HALF: "half", _BAD: "bad", _UNKNOWN: "empty"}
_COLUMNS: Final = ("offered", "version", "verified", "name", "days left", "key",
                   "result", "grade")  # fmt: skip
_WIDTHS: Final = (1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 2.2, 0.9)


def plot_posture(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw how well each host does TLS.

    Args:
        given: From `tls_posture`, or what it takes. At most 40 hosts are drawn; of
            more those with the lowest grade, the worst first.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given)
    drawn = _worst(frame)
    height = 1.5 + style.ROW * max(len(drawn), 1)
    ax, pen = style.card(ax, theme, describe_posture(frame), height)
    style.title(ax, "How well each host does TLS")
    if drawn.empty:
        style.nothing_to_show(ax, "no sessions")
        return style.figure_of(ax)
    edges = [sum(_WIDTHS[:at]) for at in range(len(_WIDTHS) + 1)]
    for y, row in enumerate(plain_rows(drawn)):
        for at, (icon, text) in enumerate(_cells(row)):
            colour = getattr(pen, _COLOURS[icon])
            box = (edges[at], _WIDTHS[at])
            ax.broken_barh([box], (y - 0.46, 0.92), facecolors=colour)
            middle = edges[at] + _WIDTHS[at] / 2
            style.in_cell(ax, middle, y, f"{icon} {text}", colour, size=7.5)
    every = dict(zip(ends_of(frame), labels(ends_of(frame)), strict=True))
    style.name_rows(ax, [every[end] for end in ends_of(drawn)], 36)
    middles = [edge + width / 2 for edge, width in zip(edges, _WIDTHS, strict=False)]
    ax.set_xticks(middles, _COLUMNS, fontsize=9)
    ax.xaxis.set_ticks_position("top")
    ax.set_xlim(0, edges[-1])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    n = f"n = {len(frame)} {'host' if len(frame) == 1 else 'hosts'}"
    if len(drawn) < len(frame):
        n = f"the {len(drawn)} worst of {len(frame)} hosts"
    signs = f"{_GOOD} good, {_HALF} halfway, {_BAD} bad, {_UNKNOWN} not seen"
    said = (n, signs, "the grade is the sum of tls_rules()")
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(tls_posture, given, ("host", "port", "findings", "grade"))


def _worst(frame: pd.DataFrame) -> pd.DataFrame:
    """All hosts in the order of the frame, or of too many the worst, worst first."""
    if len(frame) <= MAX_ROWS:
        return frame
    shares = [_share(grade) for grade in plain(frame["grade"])]
    order = sorted(range(len(frame)), key=shares.__getitem__)
    return frame.iloc[order[:MAX_ROWS]]


def _share(grade: str | None) -> float:
    """How much of what was judged is well; what was not judged comes last."""
    got, _, best = (grade or "2 of 1").partition(" of ")
    return int(got) / int(best)


def _cells(row: dict[str, Any]) -> list[tuple[str, str]]:
    version, days, key = row["tls_version"], row["days_left"], row["key"]
    return [
        _truth(row["starttls_offered"]),
        (
            {"TLSv1.3": _GOOD, "TLSv1.2": _HALF, None: _UNKNOWN}.get(version, _BAD),
            version or "none seen",
        ),
        _truth(row["verified"]),
        _truth(row["name_match"]),
        (_UNKNOWN, "") if days is None
        else (_BAD if days < 0 else _HALF if days < SOON else _GOOD, f"{days}"),
        (_UNKNOWN, "") if key is None
        else (_GOOD if strong(key) else _BAD, style.short(key, 12)),
        _result(row),
        _grade(row["grade"]),
    ]  # fmt: skip


def _truth(value: bool | None) -> tuple[str, str]:
    if value is None:
        return _UNKNOWN, ""
    return (_GOOD, "yes") if value else (_BAD, "no")


def _result(row: dict[str, Any]) -> tuple[str, str]:
    if row["tls_result"]:
        return _BAD, style.short(row["tls_result"], 28)
    return (_GOOD, "TLS") if row["tls_version"] else (_UNKNOWN, "not tried")


def _grade(grade: str | None) -> tuple[str, str]:
    if grade is None:
        return _UNKNOWN, ""
    share = _share(grade)
    return (_GOOD if share == 1 else _HALF if share >= 0.75 else _BAD), grade


def describe_posture(given: Source) -> str:
    """Say in words what `plot_posture` shows: a sentence for each host, at most ten.

    Args:
        given: As for `plot_posture`.
    """
    frame = _answer(given)
    if frame.empty:
        return "No sessions."
    said = []
    drawn = _worst(frame)
    every = dict(zip(ends_of(frame), labels(ends_of(frame)), strict=True))
    names = [every[end] for end in ends_of(drawn)]
    rows = zip(names, drawn["grade"], drawn["findings"], strict=True)
    for host, grade, findings in list(rows)[:10]:
        name = style.short(host)
        if not isinstance(grade, str):
            said.append(f"{name}: nothing was seen of TLS.")
            continue
        lost = [str(f).partition(": ")[2] for f in findings if str(f)[:4] != "PASS"]
        why = style.short("; ".join(lost), 200) if lost else "nothing to mend"
        said.append(f"{name}: {grade}, {why}.")
    if len(frame) > 10:
        said.append(f"And {len(frame) - 10} more hosts.")
    return " ".join(said)
