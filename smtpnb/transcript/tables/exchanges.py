"""The exchanges of an events frame: a command, what was sent with it, and its reply.

One row for each reply; a command without a reply has one row as well, which carries
the fault that ended it. The greeting is exchange 0. The content and its final dot are
one exchange, step "eod" ("body" if the dot never left). A part of a session is enough:
what its events do not tell is null.

All rows at once: events are sorted by their exchange, and what a row needs is picked by
position: its first event, its last command, its reply, its last fault.

This module knows nothing of records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smtpnb.transcript import columns as col
from smtpnb.transcript import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIRST: Final = (
    *("run_id", "session_id", "transaction_no", "host", "port", "peer_ip", "tls"),
)


def frame(events: pd.DataFrame, made: Exchanges | None = None) -> pd.DataFrame:
    """Return the exchanges of an events frame (`schema.EXCHANGES`).

    Args:
        events: The frame.
        made: The exchanges of these events, if somebody has them.
    """
    return (Exchanges(events) if made is None else made).frame


class Exchanges:
    """The exchanges of an events frame, and what the other tables want of them.

    Attributes:
        frame: One row for each exchange (`schema.EXCHANGES`), session by session, by
            number.
        end_us: When the reply was complete, since the session began; -1 without one.
        content: Octets of content; -1 if there were none.
    """

    def __init__(self, events: pd.DataFrame) -> None:
        events = events[events["exchange_no"].notna()]
        order, row, first = _rows(events)
        self._events = events.take(order)
        kind = self._events["event"]
        self._is = {name: (kind == name).to_numpy() for name in _KINDS}
        self._row, self._first = row, first
        self._t = us(self._events["t_ms"])
        self._dt = us(self._events["dt_ms"].fillna(0.0))
        self._command = self._last("command")
        self._reply = self._last("reply")
        columns = self._begun() | self._sent() | self._answered() | self._failed()
        self.frame = schema.complete(schema.EXCHANGES, columns, len(first))
        self.end_us = np.where(self._reply < 0, -1, self._t[self._reply])
        self.content = self._sum("data", "data")

    def _last(self, kind: str) -> Any:
        """For each row the position of its last event of a kind, -1 without one."""
        found = np.full(len(self._first), -1)
        positions = np.flatnonzero(self._is[kind])
        found[self._row[positions]] = positions
        return found

    def _take(self, name: str, positions: Any) -> Any:
        column = self._events[name].array.take(positions, allow_fill=True)
        if isinstance(column, pd.Categorical):
            return column.remove_unused_categories()
        return column

    def _sum(self, *kinds: str) -> Any:
        """For each row the octets of its events of some kinds, -1 without any."""
        chosen = np.logical_or.reduce([self._is[kind] for kind in kinds])
        row, n = self._row[chosen], len(self._first)
        octets = self._events["n_bytes"].fillna(0).to_numpy(np.int64)[chosen]
        sums = np.bincount(row, octets, n).astype(np.int64)
        return np.where(np.bincount(row, minlength=n) > 0, sums, -1)

    def _begun(self) -> dict[str, Any]:
        first = self._first
        columns = {name: self._take(name, first) for name in _FIRST}
        # A command says more than the content that began its exchange.
        says = np.where(self._command < 0, first, self._command)
        columns |= {name: self._take(name, says) for name in _SAID}
        start = self._t[first] - self._dt[first]
        number = self._events["exchange_no"].to_numpy(np.int32)
        wall = self._events["ts"].dt.as_unit("us").astype("int64").to_numpy()
        columns["exchange_no"] = number[first]
        columns["ts"] = col.moments(wall[first] - self._dt[first])
        columns["t_ms"] = start / 1000
        return columns

    def _sent(self) -> dict[str, Any]:
        # Parts of one group left in the same interval, which counts once.
        at = np.flatnonzero(self._is["command"] | self._is["data"])
        row, end = self._row[at], self._t[at]
        before = np.full(len(at), np.iinfo(np.int64).min)
        before[1:] = np.where(row[1:] == row[:-1], end[:-1], before[1:])
        took = end - np.minimum(np.maximum(end - self._dt[at], before), end)
        send = np.bincount(row, took, len(self._first)) / 1000
        octets = self._sum("command", "data")
        send[octets < 0] = np.nan
        return {
            "send_ms": send,
            "bytes_sent": col.some_numbers(octets, octets < 0, np.int64),
            "line": self._take("text", self._command),
            "argument": self._arguments(),
        }

    def _arguments(self) -> Any:
        lines = self._take("text", self._command)
        line, found = pd.factorize(lines)
        texts = found.tolist()  # an array of Arrow is slow to ask one by one
        verbs = self._take("verb", self._command)
        pair = line.astype(np.int64) * (len(verbs.categories) + 1) + verbs.codes + 1
        pairs, which = np.unique(pair, return_inverse=True)
        words = [*verbs.categories, ""]
        arguments = []
        for each in pairs.tolist():
            text, verb = divmod(each, len(words))
            known = "" if text < 0 else texts[text]
            argument = known[len(words[verb - 1]) :].lstrip(" ")
            arguments.append(argument or None)
        return col.text(arguments, which)

    def _answered(self) -> dict[str, Any]:
        reply, none = self._reply, self._reply < 0
        code = self._take("code", reply)
        enhanced = self._take("enhanced", reply)
        text = self._take("text", reply)
        received = np.array(self._facts("receive_ms", reply, 0.0), float)
        receive = np.where(none, np.nan, received)
        latency = np.where(none, np.nan, self._dt[reply] / 1000)
        digits = np.asarray(code // 100)
        breaks = pc.count_substring(pa.array(text, pa.large_string()), "\n")
        n_lines = breaks.fill_null(0).to_numpy(zero_copy_only=False) + 1
        parts = [[*map(int, word.split("."))] for word in enhanced.categories]
        columns = {
            f"enhanced_{name}": col.numbers(
                [each[place] for each in parts], enhanced.codes, np.int16
            )
            for place, name in enumerate(("class", "subject", "detail"))
        }
        digit = pd.array(digits, dtype="Int8")
        return columns | {
            "wait_ms": np.round(np.maximum(latency - receive, 0.0), 3),
            "receive_ms": receive,
            "latency_ms": latency,
            "bytes_received": self._take("n_bytes", reply),
            "n_lines": col.some_numbers(n_lines, none, np.int32),
            "code": code,
            "code_class": digit,
            "enhanced": enhanced,
            "text": text,
        }

    def _failed(self) -> dict[str, Any]:
        kinds = self._facts("kind", self._last("error"), None)
        which = np.arange(len(kinds))
        late = np.array([kind == "DeadlineExceeded" for kind in kinds], bool)
        return {
            "error_type": col.words(kinds, which),
            "timed_out": col.some_flags(late, np.zeros(len(late), bool)),
        }

    def _facts(self, fact: str, positions: Any, default: Any) -> list[Any]:
        """One fact of the detail of an event for each row."""
        details = self._take("detail", positions)
        known = facts(details.categories, lambda each: each.get(fact, default))
        return [*map([*known, default].__getitem__, details.codes.tolist())]


_KINDS: Final = ("command", "data", "reply", "error")
_SAID: Final = ("step", "verb", "pipelined")


def _rows(events: pd.DataFrame) -> tuple[Any, Any, Any]:
    """Sort events by exchange; every reply but the first of one begins a new row.

    Returns:
        The order; for each sorted event its row; for each row its first event.
    """
    session, _ = pd.factorize(events["session_id"])
    number = events["exchange_no"].to_numpy(np.int64)
    key = session * (number.max(initial=0) + 1) + number
    order = np.argsort(key, kind="stable")
    key = key[order]
    is_reply = (events["event"] == "reply").to_numpy()[order]
    begins = np.ones(len(key), bool)
    begins[1:] = key[1:] != key[:-1]
    replies = np.cumsum(is_reply)
    start = np.flatnonzero(begins)
    earlier: Any = (replies - is_reply)[start][np.cumsum(begins) - 1]
    begins |= is_reply & (replies - earlier > 1)
    return order, np.cumsum(begins) - 1, np.flatnonzero(begins)


def us(milliseconds: Any) -> Any:
    """Return milliseconds as whole microseconds."""
    return np.rint(np.asarray(milliseconds, float) * 1000).astype(np.int64)


def facts(details: Sequence[str], of: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """Return what `of` finds in each of some details."""
    return [of(json.loads(detail)) for detail in details]
