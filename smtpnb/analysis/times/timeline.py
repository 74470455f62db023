"""How it went over time: sessions, failures and their duration, bin by bin.

The duration of a session is its total without the user's think time (`other_ms`), since
who types into a notebook pauses for minutes. A session that the user cancelled is no
failure of the host's.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.frames import table
from smtpnb.analysis.inputs import table_of

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

_DTYPES: Final = {
    "bin": "utc",
    "host": "text",
    "n": "int64",
    "n_fail": "int64",
    "p50_ms": "float64",
    "p95_ms": "float64",
}
_NO_FAILURE: Final = ("success", "cancelled")


def timeline(source: Source, *, freq: str = "1min") -> pd.DataFrame:
    """Return how the sessions with each host went, by time.

    Args:
        source: A transcript, or a frame with the columns of `sessions()`.
        freq: How long a bin is, as pandas says it: "10s", "1min", "1h", "1D".

    Returns:
        One row for each bin and host that had a session, in order of time: `bin` (its
        first moment, UTC), `host`, `n` (sessions that began in it), `n_fail` (those
        that ended in a fault or a refused greeting; one that is still open counts as
        none), `p50_ms` and `p95_ms` (of their duration without think time).

    Raises:
        ValueError: pandas does not know the frequency.
    """
    sessions = table_of(source, "sessions")
    ended = sessions["outcome"].astype(object)
    known = sessions.assign(
        bin=sessions["ts"].dt.floor(freq),
        host=sessions["host"].astype(object),
        failed=ended.notna() & ~ended.isin(_NO_FAILURE),
        took_ms=sessions["total_ms"] - sessions["other_ms"].fillna(0.0),
    )
    groups = known.groupby(["bin", "host"], sort=True)
    took = groups["took_ms"]
    columns = groups["failed"].agg(["size", "sum"])
    for name, q in (("p50_ms", 0.5), ("p95_ms", 0.95)):
        columns[name] = took.quantile(q).round(3)
    return table(columns.reset_index().to_numpy().tolist(), _DTYPES)
