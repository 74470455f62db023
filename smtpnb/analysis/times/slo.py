"""Whether a promise is kept: a share of recipients, each served fast enough.

What is counted, and what a time is, says `outcomes`. What is promised leaves a budget
of bad ones; the burn rate says how fast it goes: 1 is just what the target allows.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.analysis.times.outcomes import outcomes
from smtpnb.analysis.times.timeline import GOOD

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from smtpnb.analysis.inputs import Source


def slo(
    source: Source,
    *,
    target: float = 0.99,
    objective_ms: float = 2000.0,
    freq: str = "1h",
    good: Collection[str] = GOOD,
) -> pd.DataFrame:
    """Return how far a promise was kept, window by window.

    Args:
        source: A transcript, or a frame of its `events()`, `transactions()` or of
            `sessions()` without transactions.
        target: The share that is promised to be good, below 1.
        objective_ms: How long a good one takes at most: the server's time from MAIL to
            the last reply, with the connection and its set-up for the first message.
        freq: How long a window is, as pandas says it: "10min", "1h", "1D".
        good: The outcomes of `transactions()` that keep the promise, and "answered"
            for a session without recipients. Add "rejected" where a refusal for good
            is a service as well.

    Returns:
        One row for each window in which something counted began, in order: `window`
        (its start), `n` (recipients, and what never got to one: a message refused at
        MAIL, a session without a message; what is open
        or was broken off by the user says nothing), `n_recipients` (of these), `good`,
        `availability` (their share), `p95_ms`, `budget_left` (of what the target
        allows since the first window, 1 to 0, below 0: broken) and `burn_rate`.

    Raises:
        ValueError: The target is not between 0 and 1, pandas does not know `freq`, or
            the frame is another table.
    """
    if not 0 <= target < 1:
        raise ValueError("a target is a share below 1")
    found = outcomes(source)
    kept = found["outcome"].isin([*good]) & (found["took_ms"] <= objective_ms)
    judged = found.assign(good=kept)[found["says"].astype(bool)]
    windows = judged.groupby(judged["ts"].dt.floor(freq).rename("window"))
    table = windows.agg(
        n=("good", "size"), n_recipients=("recipient", "sum"), good=("good", "sum")
    )
    table["availability"] = table["good"] / table["n"]
    table["p95_ms"] = windows["took_ms"].quantile(0.95)
    bad = (table["n"] - table["good"]).cumsum()
    table["budget_left"] = 1 - bad / (table["n"].cumsum() * (1 - target))
    table["burn_rate"] = (1 - table["availability"]) / (1 - target)
    return table.reset_index()
