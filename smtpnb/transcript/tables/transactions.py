"""The transactions of an events frame: what became of each recipient.

`protocol.transaction` says it, from the replies: delivered (2yz to the end of data),
deferred (4yz) and rejected (5yz) at whatever step. Where no reply decided, the
transaction is *aborted* if the end of data did not leave, *unknown* if it did (then
only the server knows), and *not tried* if the server had said 421 before it looked at
it. A transaction that still goes on has no outcome yet.

One row for each recipient; a transaction without RCPT has one row, with recipient_no 0.
All rows at once: what a transaction has of each kind (its MAIL, its content ...) is a
position among the exchanges, -1 for none. A million transactions are a few dozen
courses of replies, and each course is judged once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from smtpnb.protocol.queue_ids import queue_id
from smtpnb.protocol.session import may_answer
from smtpnb.protocol.transaction import (
    ABORTED,
    ACCEPTED,
    ENDS,
    NOT_TRIED,
    REFUSED,
    UNKNOWN,
    Transaction,
)
from smtpnb.transcript import columns as col
from smtpnb.transcript import parse, schema
from smtpnb.transcript.tables.exchanges import Exchanges, facts, us

if TYPE_CHECKING:
    from collections.abc import Callable

# In the words of this table; the first two are told by the digit of their reply.
_WORDS: Final = (
    *("delivered", "deferred", "rejected", "unknown", "aborted", "not tried"),
)
_FATES: Final = {UNKNOWN: 3, ABORTED: 4, NOT_TRIED: 5}
# What a driver that aborted could still learn.
_SETTLED: Final = {ACCEPTED: 0, REFUSED: 2, **_FATES}
_EVENTS: Final = ("", "MAIL", "RCPT", "DATA", ".", "BDAT", "BDAT LAST")
# What stands for a reply: of each class, and the two that mean more than theirs.
_ANSWERS: Final = (0, 150, 250, 354, 450, 550, 421, 353)
_REFUSED: Final = 4  # the digit, or 5
_GOODBYE: Final = 6
_PRELUDE: Final = 7  # PRDR: a reply for each recipient follows
_DOT: Final = len(b".\r\n")


def frame(events: pd.DataFrame, made: Exchanges | None = None) -> pd.DataFrame:
    """Return the transactions of an events frame (`schema.TRANSACTIONS`).

    Args:
        events: The frame.
        made: The exchanges of these events, if somebody has them.
    """
    exchanges = Exchanges(events) if made is None else made
    return _Transactions(events, exchanges).frame()


class _Transactions:
    def __init__(self, events: pd.DataFrame, exchanges: Exchanges) -> None:
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
        self._digit = self._rows["code_class"].fillna(0).to_numpy(np.int64)
        self._step = self._rows["step"].astype(object).to_numpy(copy=True)
        # A message may be refused before its dot has left (RFC 5321 section 4.2.5).
        by_data = self._rows["verb"].isna().to_numpy()
        early = (self._step == "body") & by_data & (self._digit >= _REFUSED)
        self._step[early] = "eod"
        self._places()
        self._take_endings(events, sessions)
        self._take_manners(exchanges.frame, names)
        doubted = self._doubted(events, sessions)
        self._course = self._believed(self._courses(), doubted)

    def _places(self) -> None:
        """Find what each transaction has of each kind."""
        step, verb = self._step, self._rows["verb"]
        ends = np.isin(step, ("eod", "body"))
        # Where BURL is said the server fetches the content, and none leaves here.
        leaves = ends & (verb != "BURL").to_numpy(bool)
        self._any = self._first(np.ones(len(step), bool))
        self._mail = self._first(step == "mail")
        self._data = self._last(step == "data")
        self._begun, self._ended = self._first(leaves), self._last(ends)
        # Content that left by `raw` has its dot in the same command.
        sent = self._rows["bytes_sent"].fillna(0).to_numpy(np.int64)
        whole = (verb == ".").to_numpy(bool) & (self._content < 0)
        octets = np.where(whole, sent - _DOT, self._content)
        octets = np.where(ends, np.maximum(octets, 0), 0)
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
        own: dict[int, tuple[str | None, int]] = {}
        numbers = errors["transaction_no"].fillna(0)
        keys = self._keys.of(sessions, numbers).tolist()
        for session, key, code in zip(sessions, keys, details.codes, strict=True):
            if code >= 0:
                by_session[session] = kinds[code]
                own[key] = kinds[code], _SETTLED.get(ends[code], -1)
        found = [own.get(key, (None, -1)) for key in self._key.tolist()]
        self._fault = [
            kind or by_session.get(session)
            for (kind, _), session in zip(found, mine.tolist(), strict=True)
        ]
        self._settled = np.array([settled for _, settled in found], np.int64)

    def _take_manners(self, rows: pd.DataFrame, names: Any) -> None:
        """Note whose session is LMTP (RFC 2033), and who was turned away by a 421."""
        session = pd.Index(names).get_indexer(rows["session_id"])
        granted = (rows["verb"] == "LHLO") & (rows["code_class"] == 2).fillna(False)
        lmtp = np.zeros(len(names), bool)
        lmtp[session[granted.to_numpy(bool)]] = True
        answered = rows["code"].notna().to_numpy()
        last = np.zeros(len(names), np.int64)  # the code that each session heard last
        last[session[answered]] = rows["code"].to_numpy(np.int64, na_value=0)[answered]
        mine = self._keys.session(self._key)
        ends = self._step == "eod"
        finals = np.bincount(self._which[ends], minlength=self._n)
        heard = np.bincount(self._which[self._digit > 0], minlength=self._n)
        # A 353 begins the many replies of PRDR, which is not LMTP.
        code = self._rows["code"].fillna(0).to_numpy(np.int64)
        preludes = np.bincount(self._which[ends & (code == 353)], minlength=self._n)
        self._lmtp = (lmtp[mine] | ((finals > 1) & (preludes == 0))).tolist()
        self._away = ((heard == 0) & (last[mine] == 421)).tolist()

    def frame(self) -> pd.DataFrame:
        of, row = self._of, self._recipient
        sender, sender_of = self._said(self._mail[of], parse.path)
        forward, forward_of = self._said(row, parse.path)
        utf8, utf8_of = self._said(self._mail[of], parse.smtputf8)
        body, body_of = self._said(self._mail[of], parse.body_type)
        any_row = self._any[of]
        columns = {name: self._take(name, any_row) for name in _SAME}
        columns |= self._verdict() | self._times()
        columns |= {
            "transaction_no": self._keys.number(self._key)[of].astype(np.int32),
            "recipient_no": self._number.astype(np.int32),
            "mail_from": col.text(sender, sender_of),
            "rcpt_to": col.text(forward, forward_of),
            "mail_code": self._take("code", self._mail[of]),
            "rcpt_code": self._take("code", row),
            "rcpt_enhanced": self._take("enhanced", row),
            "smtputf8": col.some_flags(
                np.array([*utf8, False], bool)[utf8_of], np.zeros(len(of), bool)
            ),
            "body_type": col.words(body, body_of),
            "size": col.some_numbers(self._size[of], self._begun[of] < 0, np.int64),
        }
        sites = columns["host"].categories.to_list(), columns["host"].codes
        keys = parse.attempt_keys((sender, sender_of), (forward, forward_of), sites)
        known = np.where(row < 0, -1, np.arange(len(row)))
        columns["attempt_key"] = col.text(keys, known)
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
        outcome, final = self._judged()
        fate = outcome >= _FATES[UNKNOWN]
        settled = np.where(self._content_left(), self._settled, -1)[of]
        outcome = np.where(fate & (settled >= 0), settled, outcome)
        outcome[fate & (settled < 0) & ~self._over[of]] = -1
        how_far = np.where(row >= 0, row, self._mail[of])
        for step in (self._data[of], self._ended[of], final):
            how_far = np.where(step >= 0, step, how_far)
        steps = self._at(self._step, how_far)
        steps[steps == "body"] = "eod"
        named = zip(of.tolist(), final.tolist(), strict=True)
        faults = [None if at >= 0 else self._fault[number] for number, at in named]
        accepted = np.where(self._at(self._digit, final) == 2, final, -1)
        which, texts = pd.factorize(self._take("text", accepted))
        every = np.arange(len(of))
        return {
            "final_code": self._take("code", final),
            "final_enhanced": self._take("enhanced", final),
            "final_text": self._take("text", final),
            "final_step": col.words([step or "mail" for step in steps], every),
            "outcome": col.words(_WORDS, outcome),
            "reason": col.words(faults, every),
            "queue_id": col.text([queue_id(text) for text in texts], which),
        }

    def _content_left(self) -> Any:
        """Whether a driver that says "unknown" can mean this one: content has left.

        Its word is that of the worst message under way.
        """
        granted = self._first(self._course == _EVENTS.index("DATA") * 8 + 3) >= 0
        return (self._settled != _FATES[UNKNOWN]) | granted | (self._ended >= 0)

    def _judged(self) -> tuple[Any, Any]:
        """For each recipient its outcome, by number, and the exchange that decided."""
        order = np.argsort(self._which, kind="stable")
        start = np.searchsorted(self._which[order], np.arange(self._n + 1)).tolist()
        course = self._course[order].tobytes()
        outcomes: list[int] = []
        finals: list[int] = []
        for number, (lmtp, away) in enumerate(zip(self._lmtp, self._away, strict=True)):
            begin, end = start[number], start[number + 1]
            for outcome, place in _judge(course[begin:end], lmtp, away):
                outcomes.append(outcome)
                finals.append(-1 if place < 0 else begin + place)
        final = np.array(finals, np.int64)
        return np.array(outcomes, np.int64), np.append(order, -1)[final]

    def _doubted(self, events: pd.DataFrame, sessions: Any) -> Any:
        """For each exchange, whether its driver did not believe the reply to it.

        A note says from which one on commands and replies did not match.
        """
        details = events["detail"].array
        kinds = [n for n, each in enumerate(details.categories) if '"doubt"' in each]
        notes = (events["event"] == "note").to_numpy()
        first = np.full(sessions.max(initial=-1) + 1, np.iinfo(np.int64).max)
        for place in np.flatnonzero(notes & np.isin(details.codes, kinds)):
            said = re.search(r"\d+", str(events["text"].array[place]))
            if said:
                first[sessions[place]] = int(said[0])
        number = self._rows["exchange_no"].to_numpy(np.int64)
        return number >= first[self._keys.session(self._key)][self._which]

    def _believed(self, courses: Any, doubted: Any) -> Any:
        """Take away the answers behind one that answers nothing, in its session.

        Commands and replies no longer match there (RFC 5321 section 4.3.2); of the
        transaction that it stands in `_judge` sees it.
        """
        courses = np.where(doubted, courses & ~np.uint8(7), courses)
        wrong = np.flatnonzero(_IMPOSSIBLE[courses])
        if not len(wrong):
            return courses
        sessions = self._keys.session(self._key)[self._which]
        first = np.full(sessions.max() + 1, len(courses))
        np.minimum.at(first, sessions[wrong], wrong)
        behind = np.arange(len(courses)) > first[sessions]
        return np.where(behind, courses & ~np.uint8(7), courses)

    def _courses(self) -> Any:
        """For each exchange, in one octet, what was said and how it was answered."""
        event = np.zeros(len(self._step), np.uint8)
        bdat = self._rows["verb"].isin(["BDAT", "BURL"]).to_numpy(bool)
        for number, step in enumerate(("mail", "rcpt", "data", "eod"), 1):
            event[self._step == step] = number
        event[bdat & (self._step == "body")] = _EVENTS.index("BDAT")
        event[bdat & (self._step == "eod")] = _EVENTS.index("BDAT LAST")
        answer = np.clip(self._digit, 0, 5)
        code = self._rows["code"].fillna(0).to_numpy(np.int64)
        answer[code == 421], answer[code == 353] = _GOODBYE, _PRELUDE
        return (event * 8 + answer).astype(np.uint8)

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
        no_end = (self._begun[of] < 0) | (answered < 0)
        return {
            "setup_ms": np.where(no_data, np.nan, (setup - begun) / 1000),
            "transmit_ms": np.where(no_end, np.nan, (answered - content) / 1000),
            "total_ms": (self._last_us[of] - begun) / 1000,
        }


# Of each octet of a course, whether it is an answer that no server means.
_IMPOSSIBLE: Final = np.array(
    [
        bool(event) and bool(answer) and answer != _PRELUDE
        and not may_answer(event, _ANSWERS[answer])
        for event in (*_EVENTS, *[""] * (32 - len(_EVENTS)))
        for answer in range(8)
    ]
)  # fmt: skip
_SAME: Final = ("run_id", "session_id", "host", "port", "peer_ip", "ts")


@lru_cache(maxsize=4096)
def _judge(course: bytes, lmtp: bool, turned_away: bool) -> list[tuple[int, int]]:
    """Return for each recipient the outcome, by number, and which reply decided.

    Args:
        course: An octet for each exchange of a transaction (`_courses`).
        lmtp: Whether each recipient has a reply of its own to the end.
        turned_away: The server said 421 and looked at nothing of it.
    """
    said = [(_EVENTS[each // 8], each % 8) for each in course]
    n_recipients = sum(event == "RCPT" for event, _ in said)
    judged = Transaction(None, [""] * n_recipients, lmtp=lmtp, prdr=not lmtp)
    mismatch = False
    for place, (event, answer) in enumerate(said):
        begins = answer == _PRELUDE and event in ENDS and judged.may_begin_finals
        if event and answer and not (begins or may_answer(event, _ANSWERS[answer])):
            mismatch = True
            break  # behind it nothing is believed
        if answer:
            # A reply whose text says which one it is.
            judged.answered(event, b"%d %d" % (_ANSWERS[answer], place))
    if mismatch and judged.is_contradictory:
        judged.disbelieve()
    left = any(event in ENDS for event, _ in said)
    judged.settle(left=left, turned_away=turned_away)
    if not n_recipients:
        reason = judged.reason or next(iter(judged.finals), None)
        return [_told(judged.outcome, reason)]
    return [_told(*told) for told in judged.of_recipients()]


def _told(outcome: str, reply: bytes | None) -> tuple[int, int]:
    if reply is None:
        return _SETTLED[outcome], -1
    place = int(reply[4:])
    if outcome == REFUSED:
        return 1 if reply.startswith(b"4") else 2, place
    return _SETTLED[outcome], place


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
