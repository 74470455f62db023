"""All exchanges of all sessions as columns, and what stood before each of them.

What stood is what the *server* had agreed to, by the one machine that follows a
transaction (`protocol.transaction`): so a rule asks `turns.open` and knows nothing of
the order of things. Rules look at columns and not at one exchange after the other, so
that a survey of a million events takes seconds; and sessions in which the same verbs
had the same kinds of reply are followed once.

This module judges nothing. It loads pandas and pyarrow: import it only where a
transcript is judged.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.required import required
from smtpnb.protocol.transaction import ENDS, Follower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.analysis.inputs import Source

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
"""For each exchange, whether something is so."""

MAX_COMMAND_LINE: Final = 512  # RFC 5321 section 4.5.3.1.4
# The replies that change what stands, and the others.
_EVENTS: Final = (
    *("", "greeting", "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT"),
    *("RSET", "STARTTLS", *sorted(ENDS)),
)
_REPLIES: Final = (b"", b"250", b"354", b"550", b"421")
_NAMES: Final = {"eod": "the end of data", "greeting": "the greeting", "auth": "AUTH"}
# "Too many errors": it is the session that ends, not the command that is refused.
_ENDING: Final = (
    r"(?i)\btoo many (?:\S+ ){0,3}(?:errors?|commands|failures|junk|messages)\b"
)


class _Stands(NamedTuple):
    """What stands at one moment of a session; for the words see `Turns`.

    Attributes:
        ended_by: Which of `_ENDED` ended the last transaction.
        offer: The place in its session of the EHLO whose offer stands; -1: none does.
    """

    greeted: bool = False
    open: bool = False
    unsure: bool = False
    closing: bool = False
    ended_by: int = 0
    recipients: int = 0
    offer: int = -1


_NOTHING: Final = _Stands()
_STANDS: Final = np.dtype(
    list(zip(_Stands._fields, ("?", "?", "?", "?", "u1", "i4", "i4"), strict=True))
)
_ENDED: Final = ("", "RSET", "EHLO")


class Beside(NamedTuple):
    """What happened beside the exchanges: a handshake, a fault, words unasked for.

    Attributes:
        session: The number of the session.
        at: The position of the exchange in which it happened; -1: none.
        event: tls, error or note.
        ts: When, in microseconds since the epoch.
        t_ms: When, since the session began.
        text: The text of the event.
        facts: Its detail.
    """

    session: int
    at: int
    event: str
    ts: int
    t_ms: float
    text: str
    facts: dict[str, Any]


class Turns:
    """The exchanges of a transcript, session after session, as columns.

    Args:
        source: A transcript, or a frame of its `events()`.

    Attributes:
        names: The session_id of each session, in order of appearance.
        servers: "host:port" of each session.
        session: For each exchange the number of its session.
        no: Its number in the session; 0 is the greeting.
        code: The reply code; 0: none came.
        tls: Whether it was encrypted.
        pipelined: Whether its command left in a group.
        n_sent: Octets sent.
        n_received: Octets of the reply.
        latency_ms: From the last octet sent to the last of the reply; NaN without one.
        t_ms: When it began.
        greeted: Whether EHLO or HELO had been accepted before it, in this TLS epoch.
        open: Whether a mail transaction was open.
        unsure: Whether DATA or a chunk had been refused, after which no RFC says what
            stands.
        closing: Whether 421 had been said.
        recipients: How many were accepted in the open transaction.
    """

    def __init__(self, source: Source) -> None:
        events = required(table_of(source, "events"), ("session_id", "event", "seq"))
        frame = table_of(events, "exchanges")
        number, names = pd.factorize(events["session_id"])
        self.names: list[str] = [str(name) for name in names]
        first = np.unique(number, return_index=True)[1]
        ends = zip(events["host"].iloc[first], events["port"].iloc[first], strict=True)
        self.servers = [f"{host}:{port}" for host, port in ends]
        session = pd.Index(names).get_indexer(pd.Index(frame["session_id"]))
        order = np.argsort(session, kind="stable")
        frame = frame.take(order)
        self.session: Any = session[order]
        self.no: Any = frame["exchange_no"].to_numpy(np.int64)
        self.code: Any = frame["code"].fillna(0).to_numpy(np.int64)
        self.tls: Mask = frame["tls"].fillna(value=False).to_numpy(bool)
        self.pipelined: Mask = frame["pipelined"].fillna(value=False).to_numpy(bool)
        self.n_sent: Any = frame["bytes_sent"].fillna(0).to_numpy(np.int64)
        self.n_received: Any = frame["bytes_received"].fillna(0).to_numpy(np.int64)
        self.latency_ms: Any = frame["latency_ms"].to_numpy(float)
        self.t_ms: Any = frame["t_ms"].to_numpy(float)
        self._texts = {
            name: _strings(frame[name])
            for name in ("line", "argument", "text", "enhanced")
        }
        self._words = {
            name: _words(frame[name]) for name in ("step", "verb", "error_type")
        }
        self._key = self.session * _MOST + self.no
        self._look_at(events, number)
        before = self._before()
        self.greeted: Mask = before["greeted"]
        self.open: Mask = before["open"]
        self.unsure: Mask = before["unsure"]
        self.closing: Mask = before["closing"]
        self.recipients: Any = before["recipients"]
        self._ended_by, self._offer = before["ended_by"], before["offer"]

    def __len__(self) -> int:
        return len(self.session)

    def _look_at(self, events: pd.DataFrame, number: Any) -> None:
        """Take from the events what exchanges do not tell."""
        kind = events["event"].astype(object).to_numpy()
        numbered = events["exchange_no"].fillna(-1).to_numpy(np.int64)
        key = np.where(numbered < 0, -1, number * _MOST + numbered)
        details = events["detail"].astype(object).to_numpy()
        replies = np.flatnonzero((kind == "reply") & events["detail"].notna())
        bare = [key[at] for at in replies if _is_bare(details[at])]
        self.bare_lf: Mask = np.isin(self._key, bare)
        others = np.flatnonzero(np.isin(kind, ("tls", "error", "note")))
        positions = self.find(key[others])
        few = events[["ts", "t_ms", "text"]].iloc[others]
        wall = few["ts"].dt.as_unit("us").astype("int64")
        columns = (
            *(number[others].tolist(), positions.tolist(), kind[others], wall.tolist()),
            *(few["t_ms"].tolist(), _strings(few["text"]).to_pylist()),
            map(_facts, details[others]),
        )
        self.beside = [Beside(*row) for row in zip(*columns, strict=True)]

    def find(self, keys: Any) -> Any:
        """The position of the first exchange of each key; -1 where there is none."""
        order = np.argsort(self._key, kind="stable")
        place = np.searchsorted(self._key[order], keys)
        inside = place < len(order)
        at = np.full(len(keys), -1)
        at[inside] = order[place[inside]]
        at[inside] = np.where(self._key[at[inside]] == keys[inside], at[inside], -1)
        return at

    # What stood

    def _before(self) -> Any:
        """For each exchange what stood before it."""
        event = self._event_numbers()
        kind = np.searchsorted([0, 200, 300, 400], self.code, side="right") - 1
        kind[self.code == 421] = _REPLIES.index(b"421")
        symbols = (event * 2 + self.tls) * len(_REPLIES) + kind
        octets = symbols.astype(np.uint8).tobytes()
        starts = np.searchsorted(self.session, np.arange(len(self.names) + 1))
        self._start = starts[:-1][self.session]
        followed: dict[bytes, Any] = {}
        parts = []
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            said = octets[start:end]
            if said not in followed:
                followed[said] = _follow(said)
            parts.append(followed[said])
        return np.concatenate(parts) if parts else np.empty(0, _STANDS)

    def _event_numbers(self) -> Any:
        """For each exchange which of `_EVENTS` it is."""
        codes, words = self._words["verb"]
        place = {word: number for number, word in enumerate(_EVENTS)}
        known = np.array([place.get(word, 0) for word in [*words, ""]])
        event = known[codes]
        event[self.at("greeting")] = place["greeting"]
        bdat = event == place["BDAT"]
        event[self.like("argument", r"(?i)\bLAST\s*$", bdat)] = place["BDAT LAST"]
        event[self.at("eod") & (event != place["BDAT LAST"])] = place["."]
        return event

    def ended_by(self, verb: str) -> Mask:
        """Where the last transaction was ended by RSET or EHLO; "": by neither."""
        return self._equal(self._ended_by, _ENDED.index(verb))

    # Asking

    @staticmethod
    def _equal(column: Any, value: int) -> Mask:
        equal: Mask = column == value
        return equal

    def at(self, *steps: str) -> Mask:
        """Where the step is one of these."""
        return self._is("step", steps)

    def verb(self, *verbs: str) -> Mask:
        """Where the verb is one of these, answered or not."""
        return self._is("verb", verbs)

    def fault(self, *kinds: str) -> Mask:
        """Where an error of one of these classes ended it."""
        return self._is("error_type", kinds)

    def _is(self, column: str, wanted: Sequence[str]) -> Mask:
        codes, words = self._words[column]
        hit = np.array([word in wanted for word in [*words, ""]], bool)
        found: Mask = hit[codes]
        return found

    @cached_property
    def answered(self) -> Mask:
        """Where a reply came."""
        answered: Mask = self.code > 0
        return answered

    @cached_property
    def served(self) -> Mask:
        """Where the greeting had not refused the session.

        After one that did 503 answers everything (RFC 5321 section 3.1).
        """
        refused = self.at("greeting") & (self.code >= 400)
        return ~self.in_session(refused)

    @cached_property
    def commands(self) -> Mask:
        """Where a command was answered by a server that serves."""
        return self.answered & ~self.verb("") & self.served

    def said(self, *verbs: str) -> Mask:
        """Where a command with one of these verbs was answered."""
        return self.commands & self.verb(*verbs)

    @cached_property
    def accepted(self) -> Mask:
        """Where the reply is 2yz."""
        return self.code_in(range(200, 300))

    @cached_property
    def refused(self) -> Mask:
        """Where the reply is 4yz or 5yz, and speaks of this command.

        421 and its like end the session; 530 wants AUTH or TLS first.
        """
        refused: Mask = (self.code >= 400) & ~self.ending & (self.code != 530)
        return refused

    @cached_property
    def ending(self) -> Mask:
        """Where the reply says that the session ends, whatever was asked."""
        hung_up: Mask = self.like("text", _ENDING, self.code >= 400)
        return hung_up | self.code_in((421,))

    @cached_property
    def short(self) -> Mask:
        """Where the command line is no longer than a server must read."""
        short: Mask = self.n_sent <= MAX_COMMAND_LINE
        return short

    @cached_property
    def lmtp(self) -> Mask:
        """Where the session is one with a server of LMTP (RFC 2033)."""
        granted = self.verb("LHLO") & self.accepted
        calls = self.like("text", r"\bLMTP\b", self.at("greeting") & self.answered)
        return self.in_session(granted | calls)

    def code_in(self, codes: Sequence[int]) -> Mask:
        """Where the reply code is one of these."""
        found: Mask = np.isin(self.code, np.asarray(codes))
        return found

    def like(self, column: str, pattern: str, within: Mask) -> Mask:
        """Where a text has a pattern (in RE2's words), of some exchanges."""
        places = np.flatnonzero(within)
        texts = self._texts[column].take(pa.array(places))
        hits = pc.match_substring_regex(texts, pattern)
        found = np.zeros(len(self), bool)
        found[places] = hits.to_numpy(zero_copy_only=False)
        return found

    def in_session(self, mask: Mask) -> Mask:
        """Where the session has an exchange of `mask`."""
        having = np.zeros(len(self.names), bool)
        having[self.session[mask]] = True
        found: Mask = having[self.session]
        return found

    def after(self, mask: Mask) -> Mask:
        """Where the session had an exchange of `mask` before this one."""
        first = np.full(len(self.names), len(self))
        at = np.flatnonzero(mask)
        first[self.session[at[::-1]]] = at[::-1]
        found: Mask = np.arange(len(self)) > first[self.session]
        return found

    def behind(self, mask: Mask) -> Mask:
        """Where the exchange just before, in the same session, is one of `mask`."""
        found = np.zeros(len(self), bool)
        found[1:] = mask[:-1] & (self.session[1:] == self.session[:-1])
        return found

    # Offers

    @cached_property
    def ehlos(self) -> Mask:
        """Where EHLO (or LHLO) was accepted."""
        return self.said("EHLO", "LHLO") & self.accepted

    @cached_property
    def offer_known(self) -> Mask:
        """Where EHLO or HELO had been accepted, so that what is offered is known."""
        known: Mask = self._offer >= 0
        return known

    def offers(self, keyword: str) -> Mask:
        """Where this very reply to EHLO offers a keyword."""
        return self.like("text", rf"(?i)\n{keyword}(?:[ =\n]|$)", self.ehlos)

    def offered(self, keyword: str) -> Mask:
        """Where a keyword had been offered before by the EHLO that stands."""
        return self.standing(self.offers(keyword))

    def standing(self, ehlos: Mask) -> Mask:
        """Where the EHLO that stands is one of these."""
        known = self.offer_known
        found = np.zeros(len(self), bool)
        found[known] = ehlos[(self._start + self._offer)[known]]
        return found

    # Showing

    def texts(self, column: str, at: Any) -> list[str]:
        """Return the line, argument, text or enhanced code of some exchanges."""
        found: list[str] = self._texts[column].take(pa.array(at)).to_pylist()
        return found

    def values(self, name: str, at: Any) -> Sequence[object]:
        """Return any column of some exchanges, as words for a sentence."""
        if name in self._texts:
            return self.texts(name, at)
        if name in {"step", "verb"}:
            codes, words = self._words[name]
            return [[*words, ""][code] for code in codes[at].tolist()]
        if name == "name":
            pairs = zip(self.values("step", at), self.values("verb", at), strict=True)
            return [_name(str(step), str(verb)) for step, verb in pairs]
        column: list[object] = getattr(self, name)[at].tolist()
        return column


_MOST: Final = 1 << 32  # more exchanges than a session can have


def _name(step: str, verb: str) -> str:
    """What to call an exchange in a sentence."""
    return _NAMES["eod"] if step == "eod" else verb or _NAMES.get(step, "a line")


def _follow(symbols: bytes) -> Any:
    """Follow one session; return what stood before each of its exchanges."""
    follower = Follower()
    stands = np.zeros(len(symbols), _STANDS)
    now, encrypted = _NOTHING, False
    for place, symbol in enumerate(symbols):
        rest, kind = divmod(symbol, len(_REPLIES))
        event, tls = _EVENTS[rest // 2], bool(rest % 2)
        if tls and not encrypted:  # RFC 3207 section 4.2: nothing is known any more
            now, encrypted = _NOTHING, True
            follower.over()
        now = now._replace(open=follower.current is not None)
        stands[place] = now
        reply = _REPLIES[kind]
        if reply == b"421":
            now = now._replace(closing=True)
        elif reply and event:
            follower.answered(event, reply)
            now = _after(now, event, place, accepted=reply < b"4")
    return stands


def _after(now: _Stands, event: str, place: int, *, accepted: bool) -> _Stands:
    """What stands after a reply, but for whether a transaction is open."""
    match event:
        case "." | "BDAT LAST":
            return now._replace(ended_by=0, unsure=False, recipients=0)
        case "DATA" | "BDAT" if not accepted:
            return now._replace(unsure=True)
        case "RCPT" if accepted:
            return now._replace(recipients=now.recipients + 1)
        case "MAIL" if accepted:
            return now._replace(ended_by=0, unsure=False, recipients=0)
        case "EHLO" | "LHLO" | "HELO" | "RSET" if accepted:
            verb = "RSET" if event == "RSET" else "EHLO"
            by = _ENDED.index(verb) if now.open else now.ended_by
            now = now._replace(ended_by=by, unsure=False, recipients=0)
            return now if verb == "RSET" else now._replace(greeted=True, offer=place)
        case _:
            return now


def _strings(column: pd.Series[Any]) -> Any:
    """Return a column of text for pyarrow, "" for null."""
    array = pa.array(column.astype(object), pa.large_string(), from_pandas=True)
    return array.fill_null("")


def _words(column: pd.Series[Any]) -> tuple[Any, list[str]]:
    """Return a column of few words as numbers, -1 for null, and the words."""
    codes, words = pd.factorize(column)
    return codes, [str(word) for word in words]


def _facts(text: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if isinstance(text, str) else {}
    return found


def _is_bare(text: str) -> bool:
    return "bare_lf" in text and "bare_lf" in _facts(text).get("anomalies", ())
