"""How long replies take, all of them and by the clock: what a percentile hides.

Two crowds behind one median (answers from a cache, and from a database) are seen in the
whole distribution; an hour in which all goes slowly is seen by the clock.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.hosts.endpoints import ENDPOINT, keys_of
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.required import required

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.analysis.inputs import Source

POINTS: Final = 400  # of a curve: more than a picture has dots to show them


def latency_ecdf(source: Source, *, by: str | Sequence[str] = "step") -> pd.DataFrame:
    """Return how many of the replies had come by when.

    Args:
        source: A transcript, or a frame of its `events()` or `exchanges()`.
        by: The column or columns to group by.

    Returns:
        The curve of each group, point by point: the columns of `by`, `n` (exchanges of
        the group, answered or not), `ms`, and `share` (of n: answered within `ms`; a
        curve that ends below 1 tells how many were never answered). A group of more
        than 400 replies has every so-manieth of them, and its first and its last.

    Raises:
        KeyError: The frame lacks a column.
        ValueError: It is another table.

    Example:
        >>> latency_ecdf(transcript, by=["host", "step"])  # doctest: +SKIP
    """
    import numpy as np  # loaded only when used
    import pandas as pd

    keys = keys_of(by)
    frame = required(table_of(source, "exchanges"), (*keys, "latency_ms"))
    curves = []
    groups = frame.groupby(keys, dropna=False, observed=True, sort=False)
    for name, group in groups:
        n = len(group)
        known = np.sort(group["latency_ms"].dropna().to_numpy(float))
        at = np.unique(np.linspace(0, len(known) - 1, POINTS).astype(int))
        at = at[at >= 0] if len(known) else at[:0]
        points = {"n": n, "ms": known[at], "share": (at + 1) / n}
        own = dict(zip(keys, name, strict=True))
        curves.append(pd.DataFrame(own | points, columns=[*keys, *points]))
    if not curves:
        return frame.head(0)[keys].assign(n=0, ms=0.0, share=0.0)
    return pd.concat(curves, ignore_index=True)


def latency_by_hour(
    source: Source, *, freq: str = "1h", q: float = 0.95
) -> pd.DataFrame:
    """Return how long replies took with each host and port, by the hour.

    Args:
        source: A transcript, or a frame of its `events()` or `exchanges()`.
        freq: How long a bin is, as pandas says it: "10min", "1h", "1D".
        q: The quantile, 0 to 1.

    Returns:
        One row for each bin, host and port in which a command left: `bin` (its first
        moment, UTC), `host`, `port`, `n` (answered), `n_silent` (not answered), `ms`
        (the quantile; NaN if nothing was answered).

    Raises:
        KeyError: The frame lacks a column.
        ValueError: pandas does not know `freq`, a quantile that is none, or another
            table.
    """
    if not 0 <= q <= 1:
        raise ValueError("a quantile is between 0 and 1")
    exchanges = table_of(source, "exchanges")
    frame = required(exchanges, ("ts", *ENDPOINT, "latency_ms"))
    known = frame[[*ENDPOINT, "latency_ms"]].assign(bin=frame["ts"].dt.floor(freq))
    groups = known.groupby(["bin", *ENDPOINT], dropna=False, observed=True)
    times = groups["latency_ms"]
    n = times.count()
    found = n.to_frame("n").assign(n_silent=times.size() - n, ms=times.quantile(q))
    return found.reset_index()
