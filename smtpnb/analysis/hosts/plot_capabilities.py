"""Who offers what as a picture: hosts by keywords, each before TLS and after it.

A word in each cell says what its colour repeats: "yes", "no", "new" (only after TLS),
"gone" (only before it), "?" (EHLO was not answered there). A limit on the size stands
in its cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.hosts.capabilities import AFTER, BEFORE, FACTS
from smtpnb.transcript.tables import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure

MAX_ROWS: Final = 40
MAX_WORDS: Final = 16
# How dark a word's cell is, 0 to 1.
_SHADES: Final = {"yes": 0.45, "new": 0.8, "gone": 0.2, "no": 0.0, "?": 0.0}


def plot_capabilities(frame: pd.DataFrame) -> Figure:
    """Draw who offers what, before TLS and after it.

    Args:
        frame: From `capabilities`. At most 40 rows and the 16 keywords that most
            hosts offer are drawn.

    Returns:
        The figure.
    """
    words, rows = _drawn(frame)
    height = 1.5 + style.ROW * max(len(rows), 1)
    figure, ax = style.new_figure(describe_capabilities(frame), height=height)
    if not rows or not words:
        style.nothing_to_show(ax, "no answer to EHLO")
        return figure
    texts = [cells for _, cells in rows]
    shades = [[_SHADES.get(cell, _SHADES["yes"]) for cell in line] for line in texts]
    style.cells(ax, shades, texts, hue="blue")
    style.name_columns(ax, words, rotation=35)
    style.name_rows(ax, [label for label, _ in rows], longest=38)
    for at, (label, _) in enumerate(rows):
        if at and not label.endswith(AFTER):  # a line between one host and the next
            ax.axhline(at - 0.5, color=style.BLACK, linewidth=0.8)
    ax.spines[:].set_visible(False)
    hosts = frame.index.get_level_values("host").nunique()
    ax.set_xlabel(
        f"n = {hosts} {'host' if hosts == 1 else 'hosts'}; new: only after TLS; "
        "gone: only before; ?: EHLO was not answered",
        fontsize=8,
    )
    return figure


def _drawn(frame: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The keywords that most hosts offer, and the rows that were answered."""
    known = frame.drop(columns=list(FACTS))
    counts = known.sum().sort_values(ascending=False, kind="stable")
    words = [str(word) for word in counts.index[:MAX_WORDS]]
    rows = list(_rows(frame, words))[:MAX_ROWS]
    return words, rows


def _rows(frame: pd.DataFrame, words: list[str]) -> Iterator[tuple[str, list[str]]]:
    offers = dict(zip(frame.index, plain_rows(frame[words]), strict=True))
    sizes = dict(zip(frame.index, plain(frame["size_limit"]), strict=True))
    for (host, phase), offer in offers.items():
        other = offers.get((host, BEFORE if phase == AFTER else AFTER), {})
        if phase == AFTER and all(value is None for value in offer.values()):
            continue  # no TLS: a row of question marks would say nothing
        cells = [_cell(phase, offer[word], other.get(word)) for word in words]
        size = sizes[host, phase]
        if size is not None and "SIZE" in words:
            cells[words.index("SIZE")] = _size(size)
        yield f"{style.short(host, 26)} {phase}", cells


def _size(octets: int) -> str:
    return f"{octets / 1e6:.0f} MB" if octets >= 10e6 else f"{octets / 1e6:.1f} MB"


def _cell(phase: str, mine: bool | None, other: bool | None) -> str:
    if mine is None:
        return "?"
    if phase == AFTER and mine and other is False:
        return "new"
    if phase == AFTER and not mine and other:
        return "gone"
    return "yes" if mine else "no"


def describe_capabilities(frame: pd.DataFrame) -> str:
    """Say in words what `plot_capabilities` shows.

    Args:
        frame: From `capabilities`.
    """
    known = frame.drop(columns=list(FACTS)).dropna(how="all")
    if known.empty or not len(known.columns):
        return "Nobody answered EHLO."
    hosts = known.index.get_level_values("host").nunique()
    everywhere = [str(word) for word in known.columns[known.all().to_numpy()]]
    words = f"{len(known.columns)} keywords"
    said = [f"{hosts} {'host offers' if hosts == 1 else 'hosts offer'} {words}."]
    if everywhere:
        said.append(f"Always offered: {', '.join(map(style.short, everywhere))}.")
    changed: dict[str, list[str]] = {"new": [], "gone": []}
    for label, cells in _rows(frame, [str(word) for word in known.columns]):
        for word, cell in zip(known.columns, cells, strict=True):
            if label.endswith(AFTER) and cell in changed:
                changed[cell].append(str(word))
    for word, verb in (("new", "Only after TLS"), ("gone", "Only before TLS")):
        found = dict.fromkeys(map(style.short, changed[word]))
        if found:
            said.append(f"{verb}, at some host: {', '.join(found)}.")
    left_out = len(known.columns) - MAX_WORDS
    if left_out > 0:
        said.append(f"{left_out} keywords are not drawn.")
    return " ".join(said)
