"""Exchanges folded into mail transactions: what became of each recipient.

Five outcomes. A reply decides three: delivered (2yz to the end of data), deferred (4yz)
and rejected (5yz) at whatever step. Without one the transaction is *aborted* if the end
of data did not leave, and *unknown* if it did: then only the server knows. A
transaction that still goes on has no outcome yet.

One row for each recipient. All rows at once: what a transaction has of each kind (its
MAIL, its content ...) is a position among the exchanges, -1 for none. What its texts
say is in `words`. This module knows nothing of records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from smtpnb.transcript import schema, spread, words
from smtpnb.transcript.fold import Exchanges, facts, us

if TYPE_CHECKING:
    from collections.abc import Callable

# What a driver that aborted could still learn, in the words of this table.
_SETTLED: Final = {
    "accepted": "delivered",
    "refused": "rejected",
    "aborted": "aborted",
    "unknown": "unknown",
}
# By the first digit of the reply that decided.
_OUTCOMES: Final = (None, None, "delivered", "unknown", "deferred", "rejected")


def frame(events: pd.DataFrame) -> pd.DataFrame:
    """Return the transactions of an events frame (`schema.TRANSACTIONS`)."""
    return _Transactions(events).frame()


class _Transactions:
    def __init__(self, events: pd.DataFrame) -> None:
        exchanges = Exchanges(events)
        inside = exchanges.frame["transaction_no"].notna().to_numpy()
        self._rows = exchanges.frame[inside].reset_index(drop=True)
        self._end_us, self._content = (
            exchanges.end_us[inside],
            exchanges.content[inside],
        )
        sessions, names = pd.factorize(events["session_id"])
        self._keys = _Keys(sessions, events["transaction_no"])
        mine = pd.Index(names).get_indexer(self._rows["session_id"])
        key = self._keys.of(mine, self._rows["transaction_no"])
        self._which, self._key = pd.factorize(key)
        self._n = len(self._key)
        self._step = self._rows["step"].astype(object).to_numpy()
        self._digit = self._rows["code_class"].fillna(0).to_numpy(np.int64)
        self._places()
        self._take_endings(events, sessions)

    def _places(self) -> None:
        """Find what each transaction has of each kind."""
        step, ends = self._step, np.isin(self._step, ("eod", "body"))
        refused = self._digit >= 4
        self._any = self._first(np.ones(len(step), bool))
        self._mail = self._first(step == "mail")
        self._data = self._last(step == "data")
        self._begun, self._ended = self._first(ends), self._last(ends)
        self._refused = self._first(ends & refused)
        octets = np.where(ends & (self._content > 0), self._content, 0)
        self._size = np.bincount(self._which, octets, self._n).astype(np.int64)
        recipients = np.flatnonzero(step == "rcpt")
        # One output row for each recipient; one for a transaction without any.
        has = np.bincount(self._which[recipients], minlength=self._n) > 0
        of = np.concatenate([self._which[recipients], np.flatnonzero(~has)])
        recipient = np.concatenate([recipients, np.full(int((~has).sum()), -1)])
        order = np.argsort(of, kind="stable")
        self._of, self._recipient = of[order], recipient[order]
        start = np.flatnonzero(np.diff(self._of, prepend=-1))
        number = np.arange(len(order)) - start[self._of] + 1
        self._number = np.where(self._recipient < 0, 0, number)

    def _first(self, chosen: Any) -> Any:
        return self._last(chosen, -1)

    def _last(self, chosen: Any, direction: int = 1) -> Any:
        found = np.full(self._n, -1)
        rows = np.flatnonzero(chosen)[::direction]
        found[self._which[rows]] = rows
        return found

    def _take_endings(self, events: pd.DataFrame, sessions: Any) -> None:
        """Note when each transaction ended, and by which fault."""
        kind, n_sessions = events["event"], sessions.max(initial=-1) + 1
        inside = events["transaction_no"].notna().to_numpy()
        key = self._keys.of(sessions[inside], events["transaction_no"][inside])
        which = pd.Index(self._key).get_indexer(key)
        self._last_us = np.zeros(self._n, np.int64)
        known = which >= 0
        np.maximum.at(self._last_us, which[known], us(events["t_ms"])[inside][known])
        mine = self._keys.session(self._key)
        error = (kind == "error").to_numpy()
        closed = np.zeros(n_sessions, bool)
        closed[sessions[error | (kind == "close").to_numpy()]] = True
        # An answer to a later command, or a later command that waited for no answer
        # of ours, says that ours will not go on.
        alone = (kind == "command") & ~events["pipelined"].fillna(False)
        later = ((kind == "reply") | alone).to_numpy()
        number = events["exchange_no"].fillna(-1).to_numpy(np.int64)
        passed = np.full(n_sessions, -1)
        np.maximum.at(passed, sessions[later], number[later])
        last = np.full(self._n, -1)
        np.maximum.at(last, self._which, self._rows["exchange_no"].to_numpy())
        reset = self._last(self._step == "rset") >= 0
        self._over = closed[mine] | (passed[mine] > last) | reset
        self._take_faults(events[error], sessions[error], mine)

    def _take_faults(self, errors: pd.DataFrame, sessions: Any, mine: Any) -> None:
        details = errors["detail"].array
        kinds = facts(details.categories, lambda each: each.get("kind"))
        ends = facts(details.categories, lambda each: each.get("outcome") or "")
        by_session: dict[int, str] = {}
        own: dict[int, tuple[str, str | None]] = {}
        numbers = errors["transaction_no"].fillna(0)
        keys = self._keys.of(sessions, numbers).tolist()
        for session, key, code in zip(sessions, keys, details.codes, strict=True):
            if code >= 0:
                by_session[session] = kinds[code]
                own[key] = kinds[code], _SETTLED.get(ends[code])
        found = [own.get(key, (None, None)) for key in self._key.tolist()]
        self._fault = [
            kind or by_session.get(session)
            for (kind, _), session in zip(found, mine.tolist(), strict=True)
        ]
        self._settled = [settled for _, settled in found]

    def frame(self) -> pd.DataFrame:
        of, row = self._of, self._recipient
        sender, sender_of = self._said(self._mail[of], words.path)
        forward, forward_of = self._said(row, words.path)
        utf8, utf8_of = self._said(self._mail[of], words.smtputf8)
        body, body_of = self._said(self._mail[of], words.body_type)
        any_row = self._any[of]
        columns = {name: self._take(name, any_row) for name in _SAME}
        columns |= self._verdict() | self._times()
        columns |= {
            "transaction_no": self._keys.number(self._key)[of].astype(np.int32),
            "recipient_no": self._number.astype(np.int32),
            "mail_from": spread.text(sender, sender_of),
            "rcpt_to": spread.text(forward, forward_of),
            "mail_code": self._take("code", self._mail[of]),
            "rcpt_code": self._take("code", row),
            "rcpt_enhanced": self._take("enhanced", row),
            "smtputf8": spread.some_flags(
                np.array([*utf8, False], bool)[utf8_of], np.zeros(len(of), bool)
            ),
            "body_type": spread.words(body, body_of),
            "size": spread.some_numbers(self._size[of], self._begun[of] < 0, np.int64),
        }
        sites = columns["host"].categories.to_list(), columns["host"].codes
        keys = words.attempt_keys((sender, sender_of), (forward, forward_of), sites)
        known = np.where(row < 0, -1, np.arange(len(row)))
        columns["attempt_key"] = spread.text(keys, known)
        return schema.complete(schema.TRANSACTIONS, columns, len(of))

    def _take(self, name: str, positions: Any) -> Any:
        column = self._rows[name].array.take(positions, allow_fill=True)
        if isinstance(column, pd.Categorical):
            return column.remove_unused_categories()
        return column

    def _said(self, positions: Any, of: Callable[[str], Any]) -> tuple[list[Any], Any]:
        """What `of` finds in the arguments of some exchanges: each one once."""
        which, arguments = pd.factorize(self._take("argument", positions))
        return [of(argument) for argument in arguments], which

    def _verdict(self) -> dict[str, Any]:
        """The reply that decided about each recipient, or why none did."""
        of, row = self._of, self._recipient
        mail, data, ended = self._mail[of], self._data[of], self._ended[of]
        is_end = self._at(self._step, ended) == "eod"
        final = np.where(is_end & (self._at(self._digit, ended) > 0), ended, -1)
        # The first refusal decides, in the order of the dialogue.
        for step in (self._refused[of], data, row, mail):
            final = np.where(self._at(self._digit, step) >= 4, step, final)
        how_far = np.where(row >= 0, row, mail)
        for step in (data, ended, final):
            how_far = np.where(step >= 0, step, how_far)
        steps = self._at(self._step, how_far)
        steps[steps == "body"] = "eod"
        digit = self._at(self._digit, final).tolist()
        fates = [*zip(of.tolist(), digit, is_end.tolist(), strict=True)]
        outcomes = [
            _OUTCOMES[code] if code else self._unanswered(number, left)
            for number, code, left in fates
        ]
        faults = [None if code else self._fault[number] for number, code, _ in fates]
        accepted = np.where(np.array(digit) == 2, final, -1)
        which, texts = pd.factorize(self._take("text", accepted))
        every = np.arange(len(of))
        return {
            "final_code": self._take("code", final),
            "final_enhanced": self._take("enhanced", final),
            "final_text": self._take("text", final),
            "final_step": spread.words([step or "mail" for step in steps], every),
            "outcome": spread.words(outcomes, every),
            "reason": spread.words(faults, every),
            "queue_id": spread.text([words.queue_id(text) for text in texts], which),
        }

    def _unanswered(self, number: int, left: bool) -> str | None:
        if self._settled[number] is not None or not self._over[number]:
            return self._settled[number]
        return "unknown" if left else "aborted"

    @staticmethod
    def _at(values: Any, positions: Any) -> Any:
        """The values at some positions; 0 or "" where there is none."""
        nothing = np.array([0 if values.dtype != object else ""], values.dtype)
        return np.concatenate([values, nothing])[positions]

    def _times(self) -> dict[str, Any]:
        of = self._of
        start = us(self._rows["t_ms"])
        begun = self._at(start, self._any[of])
        setup = self._at(self._end_us, self._data[of])
        answered = self._at(self._end_us, self._ended[of])
        content = self._at(start, self._begun[of])
        no_data = (self._data[of] < 0) | (setup < 0)
        no_end = (self._ended[of] < 0) | (answered < 0)
        return {
            "setup_ms": np.where(no_data, np.nan, (setup - begun) / 1000),
            "transmit_ms": np.where(no_end, np.nan, (answered - content) / 1000),
            "total_ms": (self._last_us[of] - begun) / 1000,
        }


_SAME: Final = ("run_id", "session_id", "host", "peer_ip", "ts")


class _Keys:
    """One integer for each transaction of each session."""

    def __init__(self, sessions: Any, numbers: pd.Series[Any]) -> None:
        highest = numbers.max() if len(sessions) else 0
        self._base = 1 if highest is pd.NA else int(highest) + 1

    def of(self, sessions: Any, numbers: pd.Series[Any]) -> Any:
        return sessions * self._base + numbers.to_numpy(np.int64)

    def session(self, keys: Any) -> Any:
        return keys // self._base

    def number(self, keys: Any) -> Any:
        return keys % self._base
