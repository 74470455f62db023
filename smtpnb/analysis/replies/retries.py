"""What became of recipients that were tried several times.

This module knows nothing of how an attempt is classified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.attempts import CONFIRMED
from smtpnb.analysis.replies.classify import classify

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source


def retries(source: Source) -> pd.DataFrame:
    """Return a row for each recipient that was tried several times.

    Args:
        source: A transcript, or a frame of its `transactions()`, classified or not.

    Returns:
        In order of the first attempt: `attempt_key`, `host`, `n_attempts`, `first_ts`,
        `first_code` and `last_code` (the replies that decided; null: none did),
        `delay_to_accept_s` (from the first attempt to the first accepted one, in s;
        NaN: never accepted) and `greylisting_confirmed` (no cause was given, and the
        next attempts were accepted within hours).

    Raises:
        KeyError: The frame lacks a column.
    """
    tried = classify(table_of(source, "transactions")).dropna(subset=["attempt_key"])
    tried = tried.sort_values("ts", kind="stable")
    first = tried.drop_duplicates("attempt_key").set_index("attempt_key")
    last = tried.drop_duplicates("attempt_key", keep="last").set_index("attempt_key")
    accepted = tried[tried["outcome"] == "delivered"]
    delay = accepted.groupby("attempt_key")["ts"].min() - first["ts"]
    table = first[["host"]].assign(
        n_attempts=tried["attempt_key"].value_counts(),
        first_ts=first["ts"],
        first_code=first["final_code"],
        last_code=last["final_code"],
        delay_to_accept_s=delay.dt.total_seconds(),
        greylisting_confirmed=first["evidence"] == CONFIRMED,
    )
    return table[table["n_attempts"] > 1].reset_index()
