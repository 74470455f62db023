"""How it went over time: what became of recipients, and how long it took, by bin.

What is counted, and what a time is, says `outcomes`: recipients, and what never got to
one; without the pauses of who types.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.frames import table
from smtpnb.analysis.times.outcomes import outcomes

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

_DTYPES: Final = {
    "bin": "utc",
    "host": "text",
    "port": "Int32",
    "n": "int64",
    "n_recipients": "int64",
    "n_fail": "int64",
    "p50_ms": "float64",
    "p95_ms": "float64",
}
_BY: Final = ["bin", "host", "port"]
GOOD: Final = ("delivered", "answered")


def timeline(source: Source, *, freq: str = "1min") -> pd.DataFrame:
    """Return how it went with each host and port, by time.

    Args:
        source: A transcript, or a frame of its `events()`, `transactions()` or of
            `sessions()` without transactions.
        freq: How long a bin is, as pandas says it: "10s", "1min", "1h", "1D".

    Returns:
        One row for each bin, host and port in which something began, in order of time:
        `bin` (its first moment, UTC), `host`, `port`, `n` (recipients, and what
        never got to one: a message refused at MAIL, a session without a message),
        `n_recipients` (of these), `n_fail` (recipients that were not delivered to, and
        messages and sessions that ended in a fault or were refused; what is open or
        was broken off by the user counts as none), `p50_ms` and `p95_ms`
        (of the time the server took).

    Raises:
        ValueError: pandas does not know the frequency, or the frame is another table.
    """
    found = outcomes(source)
    known = found.assign(
        bin=found["ts"].dt.floor(freq),
        failed=found["says"] & ~found["outcome"].isin(GOOD),
    )
    groups = known.groupby(_BY, sort=True, dropna=False)
    columns = groups.agg(
        n=("failed", "size"),
        n_recipients=("recipient", "sum"),
        n_fail=("failed", "sum"),
    )
    for name, q in (("p50_ms", 0.5), ("p95_ms", 0.95)):
        columns[name] = groups["took_ms"].quantile(q).round(3)
    plain = columns.reset_index().astype(object)
    rows = plain.where(plain.notna(), None).to_numpy().tolist()
    return table(rows, _DTYPES)
