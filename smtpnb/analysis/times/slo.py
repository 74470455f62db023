"""Whether a promise is kept: a share of sessions, each fast enough.

A session is good if it succeeded and took no longer than the objective, without the
user's think time (`other_ms`). What is promised leaves a budget of bad sessions; the
burn rate says how fast it goes: 1 is just what the target allows.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.inputs import table_of

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

_SAYS_NOTHING: Final = ("cancelled",)


def slo(
    source: Source,
    *,
    target: float = 0.99,
    objective_ms: float = 2000.0,
    freq: str = "1h",
) -> pd.DataFrame:
    """Return how far a promise was kept, window by window.

    Args:
        source: A transcript, or a frame of its `sessions()`.
        target: The share of sessions that is promised to be good, below 1.
        objective_ms: How long a good session takes at most, without think time.
        freq: How long a window is, as pandas says it: "10min", "1h", "1D".

    Returns:
        One row for each window in which a session ended, in order: `window` (its
        start), `n` (sessions; those still open or cancelled by the user say nothing),
        `good`, `availability` (their share), `p95_ms`, `budget_left` (of what the
        target allows since the first window, 1 to 0, below 0: broken) and `burn_rate`.

    Raises:
        ValueError: The target is not between 0 and 1, or pandas does not know `freq`.
    """
    if not 0 <= target < 1:
        raise ValueError("a target is a share below 1")
    sessions = table_of(source, "sessions")
    outcome = sessions["outcome"].astype(object)
    counts = outcome.notna() & ~outcome.isin(_SAYS_NOTHING)
    took = sessions["total_ms"] - sessions["other_ms"].fillna(0.0)
    good = (outcome == "success") & (took <= objective_ms)
    judged = sessions[["ts"]].assign(took=took, good=good)[counts]
    windows = judged.groupby(judged["ts"].dt.floor(freq).rename("window"))
    table = windows.agg(n=("good", "size"), good=("good", "sum"))
    table["availability"] = table["good"] / table["n"]
    table["p95_ms"] = windows["took"].quantile(0.95)
    bad = (table["n"] - table["good"]).cumsum()
    table["budget_left"] = 1 - bad / (table["n"].cumsum() * (1 - target))
    table["burn_rate"] = (1 - table["availability"]) / (1 - target)
    return table.reset_index()
