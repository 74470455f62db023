"""The findings of `lint` as a picture: rules by servers, a verdict in each cell.

The verdict is written in the cell; its colour repeats it. For one server there is room
for the sentence as well. Rules that everybody kept are counted, not drawn: the picture
is there for what is wrong.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Final

from smtpnb.analysis import style
from smtpnb.analysis.lint.levels import LEVELS
from smtpnb.analysis.lint.lint import lint
from smtpnb.analysis.pictured import answer_to, note

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 40
MAX_COLUMNS: Final = 12
_NOT_ASKED: Final = "-"
# By the names of a palette.
_COLOURS: Final = {
    "FAIL": "bad",
    "WARN": "half",
    "PASS": "good",
    _NOT_ASKED: "empty",
}
_LONGEST_SENTENCE: Final = 80


def plot_lint(
    given: Source,
    *,
    by: str = "server",
    ax: Axes | None = None,
    theme: Theme | None = None,
) -> Figure:
    """Draw which server breaks which rule.

    Args:
        given: From `lint`, or several of them in one frame, or what `lint` takes. At
            most 40 rules and 12 columns are drawn, those with most wrong first.
        by: The column whose values are the columns of the picture.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.

    Raises:
        KeyError: There is no such column.
    """
    findings = _answer(given)
    every = _worst(findings, by)
    columns = _worst_first(every)
    names = columns[:MAX_COLUMNS]
    worst = {key: verdict for key, verdict in every.items() if key[1] in names}
    broken = _ranked(worst)
    wrong = broken[:MAX_ROWS]
    height = 1.7 + style.ROW * max(len(wrong), 1)
    ax, pen = style.card(ax, theme, describe_lint(findings, by=by), height)
    style.title(ax, f"Which rule was broken, by {by}")
    asked = [str(findings.attrs["asked"])] if "asked" in findings.attrs else []
    if not wrong:
        style.nothing_to_show(ax, "; ".join(["nothing was found wrong", *asked]))
        return style.figure_of(ax)
    sentences = _sentences(findings) if len(names) == 1 else {}
    for (y, rule), (x, name) in product(enumerate(wrong), enumerate(names)):
        verdict = worst.get((rule, name), _NOT_ASKED)
        colour = getattr(pen, _COLOURS[verdict])
        _draw_cell(ax, (x, y), verdict, colour, sentences.get(rule, ""))
    rfc = dict(zip(findings["rule"], findings["rfc"], strict=True))
    style.name_rows(ax, [f"{rule}   {rfc[rule]}" for rule in wrong])
    style.name_columns(ax, names, 24, rotation=0 if len(names) < 6 else 30)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    kept = len({rule for rule, _ in worst} - set(broken))
    worst_of = ", the worst" if len(names) < len(columns) else ""
    said = [*asked, f"n = {len(names)} of {len(columns):,} ({by}){worst_of}"]
    if len(wrong) < len(broken):
        said.append(f"the {len(wrong)} worst of {len(broken)} broken rules")
    said.append(f"{kept} rules that nobody broke are not drawn")
    if not sentences:
        said.append(f"{_NOT_ASKED}: the question did not come up")
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _draw_cell(
    ax: Axes, at: tuple[int, int], verdict: str, colour: str, sentence: str
) -> None:
    """Draw a verdict in its colour; a sentence of it goes from the left."""
    x, y = at
    ax.broken_barh([(x - 0.495, 0.99)], (y - 0.48, 0.96), facecolors=colour)
    if sentence:
        cell = style.in_cell(ax, x, y, f"{verdict}  {sentence}", colour)
        cell.set(x=x - 0.485, ha="left")
    else:
        style.in_cell(ax, x, y, verdict, colour)


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(lint, given, ("rule", "verdict", "what", "rfc"))


def _worst_first(every: dict[tuple[str, str], str]) -> list[str]:
    """The columns in order of appearance, or of too many the worst first."""
    columns = list(dict.fromkeys(name for _, name in every))
    if len(columns) <= MAX_COLUMNS:
        return columns
    counts = Counter((name, verdict) for (_, name), verdict in every.items())
    return sorted(columns, key=lambda c: (-counts[c, "FAIL"], -counts[c, "WARN"]))


def _worst(findings: pd.DataFrame, by: str) -> dict[tuple[str, str], str]:
    """The worst verdict of each rule for each column, in order of appearance."""
    worst: dict[tuple[str, str], str] = {}
    columns = (findings[name] for name in ("rule", by, "verdict"))
    for rule, name, verdict in zip(*columns, strict=True):
        key = str(rule), str(name)
        both = (worst.get(key, verdict), str(verdict))
        worst[key] = min(both, key=LEVELS.index)
    return worst


def _ranked(worst: dict[tuple[str, str], str]) -> list[str]:
    """The rules that somebody broke, with most wrong first."""
    broken: dict[str, list[str]] = {}
    for (rule, _), verdict in worst.items():
        if verdict in {"FAIL", "WARN"}:
            broken.setdefault(rule, []).append(verdict)
    ranks = {r: (-v.count("FAIL"), -v.count("WARN")) for r, v in broken.items()}
    return sorted(ranks, key=ranks.__getitem__)


def _sentences(findings: pd.DataFrame) -> dict[str, str]:
    """What is wrong with each rule; the worst finding comes first in the frame."""
    said: dict[str, str] = {}
    for rule, what in zip(findings["rule"], findings["what"], strict=True):
        said.setdefault(str(rule), style.short(what, _LONGEST_SENTENCE))
    return said


def describe_lint(given: Source, *, by: str = "server") -> str:
    """Say in words what `plot_lint` shows: of many columns the worst.

    Args:
        given: As for `plot_lint`.
        by: As for `plot_lint`.
    """
    findings = _answer(given)
    if not len(findings):
        return "No session was judged."
    said = []
    columns = _worst_first(_worst(findings, by))
    own = dict(iter(findings.groupby(by, sort=False, observed=True)))
    for name in columns[:MAX_COLUMNS]:
        part = own[name]
        counts = {
            verdict: list(dict.fromkeys(part.loc[part["verdict"] == verdict, "rule"]))
            for verdict in LEVELS
        }
        words = [
            f"{verdict} {len(rules)}"
            + (f" ({', '.join(rules)})" if rules and verdict != "PASS" else "")
            for verdict, rules in counts.items()
        ]
        said.append(f"{style.short(name)}: {', '.join(words)}.")
    if len(columns) > MAX_COLUMNS:
        said.append(f"And {len(columns) - MAX_COLUMNS} more.")
    if "asked" in findings.attrs:
        said.append(f"{findings.attrs['asked']}.")
    return " ".join(said)
