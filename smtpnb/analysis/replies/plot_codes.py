"""Which replies came, as a matrix: where it was asked, and what the code was.

This module knows nothing of exchanges: it draws the frame of `reply_codes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis import style
from smtpnb.analysis.replies.codes import FIGURES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS: Final = 30
MAX_COLUMNS: Final = 12
_OTHERS: Final = "others"
# In the order of a session.
_STEPS: Final = (
    *("dns", "connect", "greeting", "ehlo", "starttls", "tls", "auth"),
    *("mail", "rcpt", "data", "body", "eod", "rset", "noop", "vrfy", "expn", "help"),
    *("quit", "close", "other"),
)


def plot_reply_codes(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw how often each code came at each step (or whatever was counted by).

    A cell holds the number, and its share of the row unless that is all of it; the
    darker, the larger the share. At most `MAX_ROWS` rows and `MAX_COLUMNS` codes,
    those with most replies; the other codes are one column.

    Args:
        frame: From `reply_codes`.
        ax: Draw here; None makes a figure of its own.

    Returns:
        The figure.
    """
    matrix = _matrix(frame)
    if ax is None:
        height = 1.0 + 0.36 * max(len(matrix), 1)
        _, ax = style.new_figure(describe_reply_codes(frame), height=height)
    if matrix.empty:
        style.nothing_to_show(ax)
        return style.figure_of(ax)
    totals = matrix.sum(axis=1)
    shares = matrix.div(totals, axis=0)
    texts = [
        [_cell(int(count), share) for count, share in zip(counts, row, strict=True)]
        for counts, row in zip(matrix.to_numpy(), shares.to_numpy(), strict=True)
    ]
    style.cells(ax, shares.to_numpy(), texts, hue="blue")
    names = zip(matrix.index, totals, strict=True)
    style.name_rows(ax, [f"{style.short(name, 34)}  n={n:,.0f}" for name, n in names])
    style.name_columns(ax, matrix.columns)
    ax.spines[:].set_visible(False)
    return style.figure_of(ax)


def describe_reply_codes(frame: pd.DataFrame) -> str:
    """Say in words what `plot_reply_codes` shows.

    Args:
        frame: From `reply_codes`.

    Returns:
        How many replies, and the refusals, the most frequent first.
    """
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


def _matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how many replies, by label and by code as text."""
    frame = _in_order(frame)
    counted = frame.assign(_row=_labels(frame), _code=[_code(c) for c in frame["code"]])
    kept = counted.groupby("_code")["n"].sum().nlargest(MAX_COLUMNS).index
    counted.loc[~counted["_code"].isin(kept), "_code"] = _OTHERS
    matrix = counted.pivot_table(
        index="_row", columns="_code", values="n", aggfunc="sum", fill_value=0
    )
    order = list(dict.fromkeys(counted["_row"]))
    totals = matrix.sum(axis=1)
    shown = set(totals.nlargest(MAX_ROWS).index)
    columns = sorted(matrix.columns, key=lambda code: (code == _OTHERS, code))
    return matrix.loc[[label for label in order if label in shown], columns]


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
