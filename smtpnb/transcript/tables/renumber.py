"""Transactions of version 1 of the schema, counted anew: by the replies.

Version 1 began and ended a transaction with the commands that were sent, so a refused
MAIL, EHLO or RSET tore it apart (RFC 5321 section 4.1.4 says it stays). Its files hold
all that is needed to count rightly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from smtpnb.protocol.transaction import Follower
from smtpnb.transcript.intern import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator


def renumbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the events with `transaction_no` counted by the replies."""
    session, _ = pd.factorize(frame["session_id"])
    columns = [frame[name].astype(object) for name in ("event", "step", "verb", "text")]
    exchange = frame["exchange_no"].fillna(-1).to_numpy(np.int64)
    code = frame["code"].fillna(0).to_numpy(np.int64)
    rows = [*zip(*columns, exchange.tolist(), code.tolist(), strict=True)]
    numbers = np.zeros(len(frame), np.int64)
    order = np.argsort(session, kind="stable")
    for of_one in np.split(order, np.flatnonzero(np.diff(session[order])) + 1):
        for place, number in _counted(of_one.tolist(), rows):
            numbers[place] = number
    counted = frame.copy()
    counted["transaction_no"] = pd.arrays.IntegerArray(
        numbers.astype(np.int32), numbers == 0
    )
    return counted


def _counted(places: list[int], rows: list[Any]) -> Iterator[tuple[int, int]]:
    """Yield the number of the transaction of each event of one session."""
    follower = Follower()
    asked: dict[int, str] = {}
    waiting: dict[int, list[int]] = {}
    for place in places:
        event, step, verb, _, exchange, code = rows[place]
        verb = verb if isinstance(verb, str) else None
        if event == "reply" and exchange in asked:
            number = follower.number_of(asked[exchange], b"%03d" % code)
            yield place, number
            for each in waiting.pop(exchange, ()):
                yield each, number
        elif exchange >= 0 and event in {"command", "data", "error", "note"}:
            waiting.setdefault(exchange, []).append(place)
            if event == "command":
                asked[exchange] = Kind(step, verb, False).event
        elif event != "close" and follower.current is not None:
            yield place, follower.current.number
    ahead = follower.ahead()
    for exchange, left in sorted(waiting.items()):
        number = ahead.foretell(asked.get(exchange, ""))
        for each in left:
            yield each, number
