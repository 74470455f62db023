"""How long replies take: percentiles, and the exchanges that took longest.

A mean hides what hurts, so percentiles. What was never answered has no latency, and is
counted beside the percentiles, never dropped silently: a host that times out must not
look fast.

Replies to a group of commands stand in a queue: each waits for those before it. So they
are never put together with replies to single commands (`pipelined` tells which).

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.hosts.endpoints import keys_of
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.required import required

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.analysis.inputs import Source

_TIMEOUTS: Final = ("connection-timeout", "io-timeout")
_FOUND_IN: Final = ("step", "pipelined", "latency_ms", "host", "code", "text")
_FOUND: Final = (
    "session_id",
    "exchange_no",
    "host",
    "step",
    "latency_ms",
    "x_median",
    "code",
    "text",
)


def latency(
    source: Source,
    *,
    by: str | Sequence[str] = (),
    q: Sequence[float] = (0.5, 0.9, 0.95, 0.99),
) -> pd.DataFrame:
    """Return percentiles of the latency of replies, or of the phases of sessions.

    Args:
        source: A transcript, a frame of its `events()`, of its `exchanges()`, or one
            of its `sessions()`.
        by: The column or columns to group by; none: step, host and (where the table
            tells) port. Of sessions "step" is the phase ("dns", "tls", "ehlo_tls",
            ... and "total").
        q: The quantiles, 0 to 1.

    Returns:
        One row for each group, in order of first appearance: the columns of `by`,
        `pipelined` (of exchanges: whether the commands left in groups, whose replies
        queue; each has a row of its own), `n` (answered), `n_timeouts` (a deadline
        ended it), `n_lost` (no reply for another reason), `mean_ms`, a column for each
        quantile (`p50_ms`, `p99.9_ms`) and `max_ms`; NaN where nothing was answered. A
        session that timed out counts at the last phase it reached and in the total,
        and is in no percentile of these.

    Raises:
        KeyError: The frame lacks a column.
        ValueError: A quantile is not between 0 and 1.
    """
    if any(not 0 <= one <= 1 for one in q):
        raise ValueError("a quantile is between 0 and 1")
    frame = table_of(source, "exchanges", "sessions")
    keys = keys_of(by) or ["step", "host"]
    if not by and "port" in frame.columns:
        keys.append("port")
    if "total_ms" in frame.columns:
        frame = _phases(frame, keys)
    elif "pipelined" not in keys:
        keys.append("pipelined")
    return _percentiles(required(frame, (*keys, "latency_ms", "timed_out")), keys, q)


def _percentiles(
    frame: pd.DataFrame, keys: list[str], q: Sequence[float]
) -> pd.DataFrame:
    timed = frame[keys].copy(deep=False)
    late = frame["timed_out"].astype("boolean").fillna(value=False).astype(bool)
    timed["_ms"] = frame["latency_ms"]
    timed["_late"] = late
    timed["_lost"] = frame["latency_ms"].isna() & ~late
    groups = timed.groupby(keys, dropna=False, observed=True, sort=False)
    table = groups.agg(
        n=("_ms", "count"),
        n_timeouts=("_late", "sum"),
        n_lost=("_lost", "sum"),
        mean_ms=("_ms", "mean"),
    )
    for one in q:
        table[f"p{one * 100:.6g}_ms"] = groups["_ms"].quantile(one)
    table["max_ms"] = groups["_ms"].max()
    return table.reset_index()


def _phases(sessions: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return sessions as rows of a phase each, with the columns of exchanges."""
    import pandas as pd  # loaded only when used

    from smtpnb.transcript.schema import PHASES

    names = [phase.name for phase in PHASES if phase.name != "other_ms"]
    times = sessions[names]
    late = sessions["outcome"].isin(_TIMEOUTS)
    # Counted from the end, the first phase that took time.
    last = times[names[::-1]].notna().to_numpy().argmax(axis=1)
    kept = sessions[[name for name in by if name != "step"]]
    parts = []
    for at, name in enumerate([*names, "total_ms"]):
        part = kept.copy(deep=False)
        ended = late & (last == len(names) - 1 - at) if name != "total_ms" else late
        part["step"] = name.removesuffix("_ms")
        part["latency_ms"] = sessions[name].where(~ended)
        part["timed_out"] = ended
        parts.append(part[sessions[name].notna()])
    return pd.concat(parts, ignore_index=True)


def slowest(source: Source, *, n: int = 20) -> pd.DataFrame:
    """Return the exchanges that took longest to be answered, the longest first.

    What was never answered has no latency and is not here: see `n_timeouts` and
    `n_lost` of `latency`.

    Args:
        source: A transcript, or a frame of its `events()` or `exchanges()`.
        n: How many at most.

    Returns:
        `session_id`, `exchange_no`, `host`, `step`, `latency_ms`, `x_median` (as a
        multiple of the median of its step, over all hosts; of replies that queued
        among those that did), `code`, `text`.

    Raises:
        KeyError: The frame lacks a column.
    """
    exchanges = required(table_of(source, "exchanges"), _FOUND_IN)
    exchanges = exchanges.reset_index(drop=True)
    exchanges = exchanges[exchanges["latency_ms"].notna()]
    kinds = ["step", "pipelined"]
    steps = exchanges.groupby(kinds, dropna=False, observed=True)["latency_ms"]
    found = exchanges.nlargest(n, "latency_ms")
    medians = steps.transform("median").loc[found.index]
    found = found.assign(x_median=found["latency_ms"] / medians)
    return found[list(_FOUND)].reset_index(drop=True)
