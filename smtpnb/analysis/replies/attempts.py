"""Several attempts at one recipient: what the later ones say of the earlier ones.

An attempt that was refused for now, for no reason given, and accepted later was
greylisted. One that only looked like greylisting and is still refused hours later was
not. Attempts belong together by `attempt_key`: sender, recipient and host.

This module knows nothing of reply texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

# The window of the first greylisting (Harris, 2003): who does not come back within it
# is unknown again.
_WINDOW: Final = "4h"
# Greylisting acts before the message is taken.
_STEPS: Final = ("mail", "rcpt", "eod")
_MAY_BE: Final = ("undefined", "greylisted")


def learn_from_attempts(
    transactions: pd.DataFrame, found: pd.DataFrame
) -> pd.DataFrame:
    """Return what was found about transactions, corrected by their later attempts.

    Args:
        transactions: A frame of `transactions()`.
        found: Of the same rows: `retry_class`, `reason`, `evidence`.
    """
    import pandas as pd  # loaded only when used

    key, ts = transactions["attempt_key"], transactions["ts"]
    accepted = ts.where(transactions["outcome"] == "delivered")
    last_accepted = accepted.groupby(key).transform("max")
    since_first = ts - ts.groupby(key).transform("min")
    for_now = (transactions["final_code"] // 100 == 4).fillna(value=False).astype(bool)
    may_be = for_now & transactions["final_step"].isin(_STEPS)
    may_be &= found["reason"].isin(_MAY_BE)
    found = found.copy()
    confirmed = may_be & (last_accepted > ts)
    found.loc[confirmed, ["retry_class", "reason"]] = "greylisted"
    found.loc[confirmed, "evidence"] = "greylisted(confirmed)"
    late = (found["evidence"] == "greylisted(likely)") & (
        since_first > pd.Timedelta(_WINDOW)
    )
    found.loc[late, "retry_class"] = "transient"
    found.loc[late, "reason"] = "undefined"
    found.loc[late, "evidence"] = "refused after the window"
    return found
