"""Several attempts at one recipient: what the later ones say of the earlier ones.

An attempt that was refused for now with no cause given, and accepted within hours by
the next from the same sender, was greylisted: that is how greylisting looks (RFC 6647).
One that was accepted a week later, or that named a cause, was not. Attempts belong
together by `attempt_key`: sender, recipient and host.

This module knows nothing of reply texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.replies.rules import COME_BACK

if TYPE_CHECKING:
    import pandas as pd

# The window of the first greylisting (Harris, 2003): who does not come back within it
# is unknown again.
_WINDOW: Final = "4h"
# Greylisting acts before the message is taken.
_STEPS: Final = ("mail", "rcpt", "eod")
CONFIRMED: Final = "greylisted(confirmed)"
# No cause was given: by these rules, or by the reply code alone.
_NO_CAUSE: Final = (COME_BACK, "greylisted", "code")


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
    order = ts.sort_values(kind="stable").index
    next_accepted = accepted.loc[order].groupby(key.loc[order]).bfill()
    for_now = (transactions["final_code"] // 100 == 4).fillna(value=False).astype(bool)
    may_be = for_now & transactions["final_step"].isin(_STEPS)
    may_be &= found["evidence"].str.startswith(_NO_CAUSE)
    found = found.copy()
    confirmed = may_be & (next_accepted - ts <= pd.Timedelta(_WINDOW))
    found.loc[confirmed, ["retry_class", "reason"]] = "greylisted"
    found.loc[confirmed, "evidence"] = CONFIRMED
    return found
