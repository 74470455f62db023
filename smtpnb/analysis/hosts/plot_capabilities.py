"""Who offers what as a picture: hosts by keywords, each before TLS and after it.

A word in each cell says what its colour repeats: "yes", "no", "new" (only after TLS),
"gone" (only before it), "?" (EHLO was not answered there). A limit on the size stands
in its cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.hosts.capabilities import AFTER, BEFORE, FACTS, capabilities
from smtpnb.analysis.hosts.endpoints import ENDPOINT, labels
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.transcript.tables import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 40
MAX_WORDS: Final = 16
# How dark a word's cell is, 0 to 1.
_SHADES: Final = {"yes": 0.45, "new": 0.8, "gone": 0.2, "no": 0.0, "?": 0.0}


def plot_capabilities(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw who offers what, before TLS and after it.

    Args:
        given: From `capabilities`, or what it takes. At most 40 rows and the 16
            keywords that most hosts offer are drawn; of more hosts those that lack
            most of them, the worst first.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given)
    words, rows, n_left_out = _drawn(frame)
    height = 2.0 + style.ROW * max(len(rows), 1)
    ax, pen = style.card(ax, theme, describe_capabilities(frame), height)
    style.title(ax, "Who offers what, before TLS and after it")
    if not rows or not words:
        style.nothing_to_show(ax, "no answer to EHLO")
        return style.figure_of(ax)
    texts = [cells for _, cells in rows]
    shades = [[_SHADES.get(cell, _SHADES["yes"]) for cell in line] for line in texts]
    style.cells(ax, shades, texts, ["counts"] * len(words))
    style.name_columns(ax, words, rotation=35)
    style.name_rows(ax, [label for label, _ in rows], longest=60)
    for at, (label, _) in enumerate(rows):
        if at and not label.endswith(AFTER):  # a line between one host and the next
            ax.axhline(at - 0.5, color=pen.ink, linewidth=0.8)
    ax.spines[:].set_visible(False)
    n = len(_ends(frame))
    said = [f"n = {n} {'host' if n == 1 else 'hosts'}"]
    if n_left_out:
        said[0] = f"the {n - n_left_out} worst of {n:,} hosts: they lack most"
    said += ["new: only after TLS", "gone: only before", "?: EHLO was not answered"]
    left_out = len(frame.columns) - len(FACTS) - len(words)
    if left_out > 0:
        said.append(f"{left_out} keywords that fewer offer are not drawn")
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(capabilities, given, (*ENDPOINT, "phase", *FACTS))


def _ends(frame: pd.DataFrame) -> list[tuple[str, int | None]]:
    """The hosts and ports, in order of appearance."""
    keys = (key[:2] for key in frame.index)
    return list(dict.fromkeys((str(host), _port(port)) for host, port in keys))


def _port(port: Any) -> int | None:
    return None if port != port or port is None else int(port)  # noqa: PLR0124  # NaN


def _drawn(
    frame: pd.DataFrame,
) -> tuple[list[str], list[tuple[str, list[str]]], int]:
    """The keywords that most hosts offer, the rows, and how many hosts have no room."""
    known = frame.drop(columns=list(FACTS))
    counts = known.sum().sort_values(ascending=False, kind="stable")
    words = [str(word) for word in counts.index[:MAX_WORDS]]
    by_host: dict[str, list[tuple[str, list[str]]]] = {}
    for name, phase, cells in _rows(frame, words):
        by_host.setdefault(name, []).append((phase, cells))
    shown = dict(zip(by_host, cut_apart(by_host, 36), strict=True))
    names = list(by_host)
    if sum(map(len, by_host.values())) > MAX_ROWS:
        lacking = {
            name: max(line.count("no") + line.count("?") for _, line in rows)
            for name, rows in by_host.items()
        }
        names.sort(key=lambda name: -lacking[name])
    rows: list[tuple[str, list[str]]] = []
    for n_drawn, name in enumerate(names):
        if len(rows) + len(by_host[name]) > MAX_ROWS:
            return words, rows, len(names) - n_drawn
        rows += [(f"{shown[name]} {phase}", cells) for phase, cells in by_host[name]]
    return words, rows, 0


def _rows(
    frame: pd.DataFrame, words: list[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield host, phase and cells of each row that says something."""
    offers: dict[tuple[str, int | None], dict[str, dict[str, Any]]] = {}
    sizes: dict[tuple[str, int | None, str], int | None] = {}
    said = zip(plain_rows(frame[words]), plain(frame["size_limit"]), strict=True)
    for (host, port, phase), (offer, size) in zip(frame.index, said, strict=True):
        end = str(host), _port(port)
        offers.setdefault(end, {})[phase] = offer
        sizes[(*end, phase)] = size
    for name, (end, own) in zip(labels(list(offers)), offers.items(), strict=True):
        for phase, offer in own.items():
            other = own[BEFORE if phase == AFTER else AFTER]
            if phase == AFTER and all(value is None for value in offer.values()):
                continue  # no TLS: a row of question marks would say nothing
            cells = [_cell(phase, offer[word], other.get(word)) for word in words]
            size = sizes[(*end, phase)]
            if size is not None and "SIZE" in words:
                cells[words.index("SIZE")] = _size(size)
            yield name, phase, cells


def _size(octets: int) -> str:
    if octets >= 1e6:
        return f"{octets / 1e6:.0f} MB" if octets >= 10e6 else f"{octets / 1e6:.1f} MB"
    return f"{octets / 1e3:.0f} kB" if octets >= 10e3 else f"{octets} B"


def _cell(phase: str, mine: bool | None, other: bool | None) -> str:
    if mine is None:
        return "?"
    if phase == AFTER and mine and other is False:
        return "new"
    if phase == AFTER and not mine and other:
        return "gone"
    return "yes" if mine else "no"


def describe_capabilities(given: Source) -> str:
    """Say in words what `plot_capabilities` shows.

    Args:
        given: As for `plot_capabilities`.
    """
    frame = _answer(given)
    known = frame.drop(columns=list(FACTS)).dropna(how="all")
    if known.empty or not len(known.columns):
        return "Nobody answered EHLO."
    hosts = len(_ends(known))
    everywhere = [str(word) for word in known.columns[known.all().to_numpy()]]
    words = f"{len(known.columns)} keywords"
    said = [f"{hosts} {'host offers' if hosts == 1 else 'hosts offer'} {words}."]
    if everywhere:
        said.append(f"Always offered: {', '.join(map(style.short, everywhere))}.")
    changed: dict[str, list[str]] = {"new": [], "gone": []}
    for _, phase, cells in _rows(frame, [str(word) for word in known.columns]):
        for word, cell in zip(known.columns, cells, strict=True):
            if phase == AFTER and cell in changed:
                changed[cell].append(str(word))
    for word, verb in (("new", "Only after TLS"), ("gone", "Only before TLS")):
        found = dict.fromkeys(map(style.short, changed[word]))
        if found:
            said.append(f"{verb}, at some host: {', '.join(found)}.")
    left_out = len(known.columns) - MAX_WORDS
    if left_out > 0:
        said.append(f"{left_out} keywords are not drawn.")
    unseen = _drawn(frame)[2]
    if unseen:
        said.append(f"{unseen} hosts are not drawn.")
    return " ".join(said)
