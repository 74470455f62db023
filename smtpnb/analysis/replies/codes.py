"""Which replies came, at which step, how often, and what their codes mean.

This module knows nothing of how exchanges came to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.hosts.endpoints import keys_of
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.status import status_meaning
from smtpnb.analysis.required import required
from smtpnb.transcript.tables import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.analysis.inputs import Source

_NO_REPLY: Final = "no reply"
_COUNTED: Final = ("host", "ts", "latency_ms", "text")
FIGURES: Final = (
    "class",
    "meaning",
    "n",
    "share",
    "n_hosts",
    "first_ts",
    "last_ts",
    "latency_ms",
    "example_text",
)


def reply_codes(source: Source, *, by: str | Sequence[str] = "step") -> pd.DataFrame:
    """Count the replies by step (or other columns), code and enhanced status code.

    Args:
        source: A transcript, or a frame with the columns of `exchanges()`.
        by: The column or columns of exchanges to count by.

    Returns:
        One row for each combination that occurred, in order of first appearance:
        the columns of `by`, `code` and `enhanced` (null: no reply, none), `class`
        (what the first digit says: accepted, go on, refused for now, refused, no
        reply), `meaning` (the registered name of the codes, or else what their first
        digits say), `n`, `share` (of the rows with the same `by`, 0 to 1), `n_hosts`,
        `first_ts` and `last_ts` (when these exchanges began), `latency_ms` (median,
        NaN without a reply) and `example_text` (of the first).

    Raises:
        KeyError: The frame lacks a column.
    """
    by = keys_of(by)
    keys = [*by, "code", "enhanced"]
    exchanges = required(table_of(source, "exchanges"), (*keys, *_COUNTED))
    # Under names of their own, for a column may be counted by and counted.
    counted = exchanges[keys].copy(deep=False)
    for name in _COUNTED:
        counted[f"_{name}"] = exchanges[name]
    groups = counted.groupby(keys, dropna=False, observed=True, sort=False)
    table = groups.agg(
        n=("_ts", "size"),
        n_hosts=("_host", "nunique"),
        first_ts=("_ts", "min"),
        last_ts=("_ts", "max"),
        latency_ms=("_latency_ms", "median"),
        example_text=("_text", "first"),
    ).reset_index()
    of_same = table.groupby(by, dropna=False, observed=True)["n"]
    table["share"] = table["n"] / of_same.transform("sum")
    codes = (plain(table[name]) for name in ("code", "enhanced"))
    meanings = [_meaning(*pair) for pair in zip(*codes, strict=True)]
    text = table["example_text"].dtype
    for at, name in enumerate(("class", "meaning")):
        table[name] = [pair[at] for pair in meanings]
        table[name] = table[name].astype(text)
    return table[[*keys, *FIGURES]]


def _meaning(code: int | None, enhanced: str | None) -> tuple[str, str]:
    if code is None:
        return _NO_REPLY, _NO_REPLY
    meaning = status_meaning(code, enhanced)
    return meaning.class_name, meaning.detail_name or meaning.class_name
