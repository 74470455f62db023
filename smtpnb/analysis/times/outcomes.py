"""What counts, over time: what became of each recipient, and how long it took.

A server that answers every session and refuses every message is of no use, so what is
counted are recipients. A message or a session in which nobody named one,
because nobody got that far, counts once: a host that is down must not vanish. What the
user broke off (cancel, RSET, a connection closed between commands) says nothing about
the server.

A time is the server's: from the moment a command had left to its reply, and what the
connection needed before. The pauses of who types between them are not in it.

This module knows nothing of bins, windows or pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.inputs import table_of
from smtpnb.transcript.tables import several

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

_ONE: Final = 1  # a frame of some columns is taken for recipients
_COLUMNS: Final = ("ts", "host", "port", "recipient", "outcome", "says", "took_ms")
_SETUP: Final = ("dns_ms", "connect_ms", "tls_ms")


def outcomes(source: Source) -> pd.DataFrame:
    """Return what became of each recipient, and of each session without one.

    Args:
        source: A transcript, or a frame of its `events()`; or of its
            `transactions()`, which tells of recipients alone (and whose times hold the
            user's pauses); or of its `sessions()`, if these had no transactions.

    Returns:
        `ts`, `host`, `port`, `recipient` (or else it is a message or a session that
        never got to one), `outcome` (of a
        recipient as in `transactions()`; of a session "answered" or "failed"; null:
        open), `says` (whether it says something of the server), `took_ms`.

    Raises:
        ValueError: The frame is another table, or has sessions with transactions and
            does not say what became of them.
    """
    from smtpnb.transcript import door
    from smtpnb.transcript.transcript import Views

    if isinstance(source, Views):
        return _of_events(source.events())
    match door.kind_of(door.as_frame(source)):
        case "events":
            return _of_events(table_of(source, "events"))
        case "transactions":
            known = table_of(source, "transactions")
            return _recipients(known, known["total_ms"])
        case "sessions":
            return _without_transactions(table_of(source, "sessions"))
        case _:
            raise ValueError(
                "this frame is none of events, transactions and sessions: "
                "give the transcript"
            )


def _of_events(events: pd.DataFrame) -> pd.DataFrame:
    import numpy as np  # loaded only when used
    import pandas as pd

    transactions, sessions, exchanges = several(
        events, "transactions", "sessions", "exchanges"
    )
    names = pd.Index(sessions["session_id"])
    setup = sessions[list(_SETUP)].fillna(0.0).sum(axis=1).to_numpy()
    busy = _busy_ms(exchanges, names)
    mine = names.get_indexer(pd.Index(transactions["session_id"]))
    number = transactions["transaction_no"].to_numpy(np.int64)
    # The first message of a session waited for the connection as well.
    took = busy.of(mine, number) + setup[mine] * (number == 1)
    has = np.bincount(mine, minlength=len(names)) > 0
    alone = sessions[~has]
    places = np.flatnonzero(~has)
    own = busy.of(places, np.ones_like(places)) + setup[places]
    refused = alone["session_id"].isin(_refused_at_hello(exchanges))
    return pd.concat(
        [_recipients(transactions, took), _sessions(alone, own, refused)],
        ignore_index=True,
    )


class _Busy(NamedTuple):
    """How long replies were waited for, in ms, by session and transaction."""

    keys: Any
    sums: Any

    def of(self, session: Any, number: Any) -> Any:
        """Look it up; 0 where nothing was said."""
        import numpy as np  # loaded only when used

        keys = session * _MOST + number
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        if not len(self.keys):
            return np.zeros(len(keys))
        return np.where(self.keys[place] == keys, self.sums[place], 0.0)


def _busy_ms(exchanges: pd.DataFrame, names: pd.Index[Any]) -> _Busy:
    """Add up, for each session and transaction, how long replies were waited for.

    What came before the first counts to the first. Replies of one group
    are waited for at the same time, which counts once.
    """
    import numpy as np  # loaded only when used
    import pandas as pd

    session = names.get_indexer(pd.Index(exchanges["session_id"]))
    start = exchanges["t_ms"].to_numpy(float)
    took = exchanges["send_ms"].fillna(0.0) + exchanges["latency_ms"].fillna(0.0)
    order = np.lexsort((start, session))
    session, start = session[order], start[order]
    end = start + took.to_numpy(float)[order]
    number = exchanges["transaction_no"].fillna(0).to_numpy(np.int64)[order]
    # Numbers grow within a session. What stands between two, or behind the last, is
    # of none.
    reached = np.maximum.accumulate(session * _MOST + number) - session * _MOST
    inside = (number > 0) | (reached == 0)
    session, number = session[inside], np.maximum(number[inside], 1)
    start, end = start[inside], end[inside]
    keys, group = np.unique(session * _MOST + number, return_inverse=True)
    # Each group on a stretch of its own, so that one running maximum does for all.
    length = float(end.max(initial=0.0)) + 1.0
    reached = np.maximum.accumulate(np.append(-1.0, end + group * length))[:-1]
    busy = np.maximum(end - np.maximum(start, reached - group * length), 0.0)
    return _Busy(keys, np.bincount(group, busy, len(keys)))


_MOST: Final = 1 << 32  # more transactions than a session can have


def _refused_at_hello(exchanges: pd.DataFrame) -> Any:
    """The sessions in which EHLO or HELO was refused, and none accepted."""
    hello = exchanges[(exchanges["step"] == "ehlo") & exchanges["code"].notna()]
    best = hello.groupby("session_id", sort=False, observed=True)["code"].min()
    return best.index[best >= 400]


def _recipients(transactions: pd.DataFrame, took: Any) -> pd.DataFrame:
    import pandas as pd  # loaded only when used

    outcome = transactions["outcome"].astype(object)
    reason = transactions["reason"].astype(object)
    broken_off = (outcome == "aborted") & (reason.isna() | (reason == "Cancelled"))
    return pd.DataFrame(
        {
            "ts": transactions["ts"],
            "host": transactions["host"].astype(object),
            "port": _port(transactions),
            # A MAIL that was refused has a row, and no recipient.
            "recipient": transactions.get("recipient_no", default=_ONE) > 0,
            "outcome": outcome,
            "says": outcome.notna() & ~broken_off,
            "took_ms": took,
        },
        columns=list(_COLUMNS),
    )


def _without_transactions(sessions: pd.DataFrame) -> pd.DataFrame:
    n = int(sessions["n_transactions"].fillna(0).sum())
    if n:
        raise ValueError(
            f"these sessions had {n} transactions, and a frame of sessions does not "
            "tell what became of them: give the transcript, or its transactions()"
        )
    took = sessions["total_ms"] - sessions["other_ms"].fillna(0.0)
    return _sessions(sessions, took, sessions["outcome"].isna() & False)


def _sessions(sessions: pd.DataFrame, took: Any, refused: Any) -> pd.DataFrame:
    import pandas as pd  # loaded only when used

    ended = sessions["outcome"].astype(object)
    answered = (ended == "success") & ~refused
    return pd.DataFrame(
        {
            "ts": sessions["ts"],
            "host": sessions["host"].astype(object),
            "port": _port(sessions),
            "recipient": False,
            "outcome": answered.map({True: "answered", False: "failed"})
            .astype(object)
            .where(ended.notna(), None),
            "says": ended.notna() & (ended != "cancelled"),
            "took_ms": took,
        },
        columns=list(_COLUMNS),
    )


def _port(frame: pd.DataFrame) -> Any:
    import pandas as pd  # loaded only when used

    if "port" in frame.columns:
        return frame["port"].astype("Int32")
    return pd.Series(pd.NA, frame.index, dtype="Int32")
