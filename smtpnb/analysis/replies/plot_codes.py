"""Which replies came, as a matrix: where it was asked, and what the code was.

This module knows nothing of exchanges: it draws the frame of `reply_codes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.pictured import answer_to, cut_apart, note
from smtpnb.analysis.replies.codes import FIGURES, reply_codes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.palettes import Theme

MAX_ROWS: Final = 30
MAX_COLUMNS: Final = 12
_OTHERS: Final = "others"
# In the order of a session.
_STEPS: Final = (
    *("dns", "connect", "greeting", "ehlo", "starttls", "tls", "auth"),
    *("mail", "rcpt", "data", "body", "eod", "rset", "noop", "vrfy", "expn", "help"),
    *("quit", "close", "other"),
)


def plot_reply_codes(
    given: Source, *, ax: Axes | None = None, theme: Theme | None = None
) -> Figure:
    """Draw how often each code came at each step (or whatever was counted by).

    A cell holds the number, and its share of the row unless that is all of it; the
    stronger its colour, the larger the share; what was refused or not answered has
    another colour than what was granted. At most `MAX_ROWS` rows are drawn, those with
    most refusals, and `MAX_COLUMNS` codes, those with most replies; the other codes
    are one column. Steps stand in the order of a session.

    Args:
        given: From `reply_codes`, or what it takes.
        ax: Draw here; None makes a figure of its own.
        theme: "light" or "dark"; None: the one in use (`use_theme`), or the one that
            can be read on `ax`.

    Returns:
        The figure.
    """
    frame = _answer(given)
    matrix, n_rows, n_others = _matrix(frame)
    height = 1.5 + 0.36 * max(len(matrix), 1)
    ax, _ = style.card(ax, theme, describe_reply_codes(frame), height)
    style.title(ax, "Which replies came")
    if matrix.empty:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    totals = matrix.sum(axis=1)
    shares = matrix.div(totals, axis=0)
    texts = [
        [_cell(int(count), share) for count, share in zip(counts, row, strict=True)]
        for counts, row in zip(matrix.to_numpy(), shares.to_numpy(), strict=True)
    ]
    hues = [_hue(code) for code in matrix.columns]
    # One refusal of a thousand is still seen to be one.
    strengths = (0.2 + 0.8 * shares).where(matrix > 0, 0.0)
    style.cells(ax, strengths.to_numpy(), texts, hues)
    names = zip(cut_apart(matrix.index, 34), totals, strict=True)
    style.name_rows(ax, [f"{name}  n={n:,.0f}" for name, n in names], 60)
    style.name_columns(ax, matrix.columns)
    ax.spines[:].set_visible(False)
    total, drawn = int(frame["n"].sum()), int(totals.sum())
    said = [f"n = {total:,} exchanges; blue: granted, orange: refused or no reply"]
    if len(matrix) < n_rows:
        said.append(f"the {len(matrix)} worst of {n_rows:,} rows ({drawn:,} of n)")
    if n_others:
        said.append(f"others: {n_others} more codes")
    style.remark(ax, note(said))
    return style.figure_of(ax)


def _answer(given: Source) -> pd.DataFrame:
    return answer_to(reply_codes, given, ("code", *FIGURES))


def _hue(code: str) -> style.Hue:
    """Refusals look like refusals; what stands for several codes like the worst."""
    return "counts" if code[:1] in {"1", "2", "3"} else "refusals"


def describe_reply_codes(given: Source) -> str:
    """Say in words what `plot_reply_codes` shows.

    Args:
        given: As for `plot_reply_codes`.

    Returns:
        How many replies, and the refusals, the most frequent first.
    """
    frame = _answer(given)
    if frame.empty:
        return "No replies."
    total = int(frame["n"].sum())
    refused = frame[frame["class"].str.startswith("refused") | frame["code"].isna()]
    exchanges = "1 exchange" if total == 1 else f"{total:,} exchanges"
    if refused.empty:
        return f"{exchanges}, none refused."
    labels = _labels(refused)
    worst = refused.assign(label=labels).nlargest(3, "n")
    said = ", ".join(
        f"{_code(row['code'])} at {style.short(row['label'])} ({row['n']:,})"
        for row in worst.to_dict("records")
    )
    return f"{exchanges}, {int(refused['n'].sum()):,} refused or unanswered: {said}."


def _matrix(frame: pd.DataFrame) -> tuple[pd.DataFrame, int, int]:
    """Return how many replies, by label and by code as text.

    And how many labels and other codes there are in all.
    """
    frame = _in_order(frame)
    counted = frame.assign(_row=_labels(frame), _code=[_code(c) for c in frame["code"]])
    codes = counted.groupby("_code")["n"].sum()
    kept = codes.nlargest(MAX_COLUMNS).index
    bad = counted["n"].where(counted["_code"].map(_hue) == "refusals", 0)
    refused = bad.groupby(counted["_row"]).sum()
    counted.loc[~counted["_code"].isin(kept), "_code"] = _OTHERS
    matrix = counted.pivot_table(
        index="_row", columns="_code", values="n", aggfunc="sum", fill_value=0
    )
    order = list(dict.fromkeys(counted["_row"]))
    if len(order) > MAX_ROWS:  # the worst first
        order.sort(key=lambda label: -refused[label])
    columns = sorted(matrix.columns, key=lambda code: (code == _OTHERS, code))
    return matrix.loc[order[:MAX_ROWS], columns], len(order), len(codes) - len(kept)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by first appearance, but steps in the order of a session."""
    ranks = []
    for name in _by(frame):
        values = list(frame[name].astype(object))
        order = _STEPS if name == "step" else tuple(dict.fromkeys(values))
        places = {value: place for place, value in enumerate(order)}
        ranks.append([places.get(value, len(places)) for value in values])
    rows = list(zip(*ranks, strict=True)) or [()] * len(frame)
    return frame.iloc[sorted(range(len(frame)), key=rows.__getitem__)]


def _by(frame: pd.DataFrame) -> list[str]:
    return [
        name for name in frame.columns if name not in {"code", "enhanced", *FIGURES}
    ]


def _labels(frame: pd.DataFrame) -> list[str]:
    by = _by(frame)
    values = frame[by].astype(object).where(frame[by].notna(), "none")
    rows = values.itertuples(index=False)
    return [" ".join(str(value) for value in row) or "all" for row in rows]


def _code(code: Any) -> str:
    try:
        return str(int(code))
    except (TypeError, ValueError):  # the null of a nullable column
        return "no reply"


def _cell(count: int, share: float) -> str:
    if not count:
        return ""
    return f"{count:,}" if share == 1 else f"{count:,} ({_percent(share)})"


def _percent(share: float) -> str:
    return "<1 %" if share < 0.01 else ">99 %" if share > 0.99 else f"{share:.0%}"
