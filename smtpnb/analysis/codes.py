"""Which replies came, at which step, how often.

This module knows nothing of how exchanges came to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.transcript.events import Excerpt, Transcript

# RFC 5321 section 4.2.1: what the first digit of a reply says.
_MEANINGS: Final = {
    2: "accepted",
    3: "go on",
    4: "refused for now",
    5: "refused",
}


def reply_codes(
    source: Transcript | Excerpt | pd.DataFrame, *, by: Sequence[str] = ("step",)
) -> pd.DataFrame:
    """Count the replies by step (or other columns), code and enhanced status code.

    Args:
        source: A transcript, or a frame with the columns of `exchanges()`.
        by: The columns of exchanges to count by.

    Returns:
        One row for each combination that occurred, in order of first appearance:
        the columns of `by`, `code` and `enhanced` (null: no reply, none), `meaning`
        (the first digit in words), `n`, `share` (of the rows with the same `by`, 0
        to 1), `latency_ms` (median, NaN without a reply) and `example` (the text of
        the first).

    Raises:
        KeyError: The frame lacks a column.
    """
    import pandas as pd  # loaded only when used

    exchanges = source if isinstance(source, pd.DataFrame) else source.exchanges()
    keys = [*by, "code", "enhanced"]
    groups = exchanges.groupby(keys, dropna=False, observed=True, sort=False)
    table = groups.agg(
        n=("exchange_no", "size"),
        latency_ms=("latency_ms", "median"),
        example=("text", "first"),
    ).reset_index()
    of_same = table.groupby([*by], dropna=False, observed=True)["n"]
    table["share"] = table["n"] / of_same.transform("sum")
    digit = table["code"] // 100
    meaning = digit.map(_MEANINGS).astype(table["example"].dtype)
    table["meaning"] = meaning.fillna("no reply")
    return table[[*keys, "meaning", "n", "share", "latency_ms", "example"]]
