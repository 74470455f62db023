"""From the log of one record to its events: the only reader of log entries.

An event is one row of the table `events` (schema v1): a plain tuple, no pandas. It is
an interval that *ended* at `t_ms` and took `dt_ms`; what took no time has no `dt_ms`.
For a reply that interval runs from the last octet of its command (the greeting: from
the connection) to its own last octet, so that waiting belongs to the reply awaited.

Clock readings, not differences, are cut to microseconds. So durations are exact sums
of one another: the phases of a session add up, whatever their number.

`Derivation` keeps its place in the log and reads only what is new; that is what makes
a live view cheap. This module knows nothing of frames, of text views, or of threads.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.replies import Reply
from smtpnb.text import decode
from smtpnb.wire import record as log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from smtpnb.wire.record import Entry, Record

# What smtpnb.protocol.secret.placeholder leaves behind.
_CUT = re.compile(rb"<secret \d+ bytes>")

_ENDS_BEFORE: Final = frozenset({"ehlo", "starttls", "quit"})
_ENDS_AFTER: Final = frozenset({"eod", "rset"})
_ENDS_OF_DATA: Final = frozenset({"body", "eod"})


class Event(NamedTuple):
    """One event, in the order and with the meaning of `schema.EVENTS`.

    Unlike the frame's, `ts` is an integer: microseconds since the epoch.
    """

    run_id: str
    session_id: str
    seq: int
    ts: int
    t_ms: float
    dt_ms: float | None
    event: str
    direction: str
    step: str
    verb: str | None
    code: int | None
    enhanced: str | None
    text: str | None
    n_bytes: int | None
    tls: bool
    exchange_no: int | None
    transaction_no: int | None
    pipelined: bool
    redacted: bool
    host: str
    port: int
    peer_ip: str | None
    detail: str | None


class _Asked(NamedTuple):
    """What a reply needs to know of the command it answers."""

    sent: int
    step: str
    verb: str | None
    transaction: int | None
    pipelined: bool


class Derivation:
    """The events of one record, as far as they were read.

    Args:
        record: The record; its log may grow meanwhile.

    Attributes:
        events: The events so far.
        ends: For each log entry read, how many events there were after it.
    """

    def __init__(self, record: Record) -> None:
        self.events: list[Event] = []
        self.ends: list[int] = []
        self._record = record
        self._tls = False
        self._peer: str | None = None
        self._ready = record.start_ns  # when the peer's turn to greet began
        self._raw = record.start_ns  # when raw octets last left
        self._asked: dict[int, _Asked] = {}
        self._awaiting: dict[int, None] = {}  # exchanges without a reply, in order
        self._content: tuple[int, int] | None = None  # exchange, end of last block
        self._greeted = False
        self._transactions = 0
        self._open: int | None = None

    def advance(self) -> None:
        """Read the entries that were appended since the last call."""
        entries = self._record.log
        for index in range(len(self.ends), len(entries)):
            entry = entries[index]
            self._readers[entry[0]](self, entry)
            self.ends.append(len(self.events))

    def _us(self, t: int) -> int:
        return (t - self._record.start_ns) // 1000

    def _add(
        self,
        event: str,
        t: int,
        since: int | None,
        step: str,
        *,
        direction: str = "-",
        detail: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        record, us = self._record, self._us(t)
        facts: dict[str, Any] = {
            "verb": None,
            "code": None,
            "enhanced": None,
            "text": None,
            "n_bytes": None,
            "exchange_no": None,
            "transaction_no": self._open,
            "pipelined": False,
            "redacted": False,
            "peer_ip": self._peer,
        }
        facts.update(values)
        self.events.append(
            Event(
                run_id=record.run_id,
                session_id=record.session_id,
                seq=len(self.events),
                ts=record.wall_ns // 1000 + us,
                t_ms=us / 1000,
                dt_ms=None if since is None else max(us - self._us(since), 0) / 1000,
                event=event,
                direction=direction,
                step=step,
                tls=self._tls,
                host=record.host,
                port=record.port,
                detail=json.dumps(detail, default=str) if detail else None,
                **facts,
            )
        )

    def _resolve(self, entry: Entry) -> None:
        _, t0, t1, name, addresses, error = entry
        detail = {"name": name, "addresses": list(addresses), "error": error}
        self._add("dns", t1, t0, "dns", text=error or name, detail=detail)

    def _connect(self, entry: Entry) -> None:
        _, t0, t1, address, port, local, error = entry
        if error is None:
            self._peer, self._ready = address, t1
        detail = {"address": address, "port": port, "local": local, "error": error}
        text = error or f"{address} port {port}"
        self._add(
            "connect", t1, t0, "connect", text=text, peer_ip=address, detail=detail
        )

    def _handshake(self, entry: Entry) -> None:
        _, t0, t1, facts, error = entry
        if error is None:
            self._tls, self._ready = True, t1
        detail = {**(facts or {}), "implicit": not self._greeted, "error": error}
        self._add("tls", t1, t0, "tls", text=error, detail=detail)

    def _send(self, entry: Entry) -> None:
        _, t0, t1, exchange, *part = entry
        self._command(t0, t1, exchange, part, pipelined=False)

    def _group(self, entry: Entry) -> None:
        _, t0, t1, exchange, parts = entry
        verb = None
        for part in parts:
            if part[1] is not None:
                verb = part[1]
                self._command(t0, t1, exchange, part, pipelined=True)
                exchange += 1
            else:
                number = exchange - (verb == "BDAT")
                self._piece(t0, t1, number, part[3:], pipelined=True)

    def _command(
        self, t0: int, t1: int, exchange: int, part: Sequence[Any], *, pipelined: bool
    ) -> None:
        step, verb, shown, n_octets = part
        if step == "other" and not verb:
            self._raw = t1
        if step == "mail":
            self._transactions += 1
            self._open = self._transactions
        elif step in _ENDS_BEFORE:
            self._open = None
        asked = _Asked(t1, step, verb or None, self._open, pipelined)
        self._asked[exchange] = asked
        self._awaiting[exchange] = None
        self._add(
            "command",
            t1,
            t0,
            step,
            direction="C",
            verb=asked.verb,
            text=decode(shown.removesuffix(b"\r\n")),
            n_bytes=n_octets,
            exchange_no=exchange,
            pipelined=pipelined,
            redacted=_CUT.search(shown) is not None,
        )
        if step == "eod":
            self._content = None
        if step in _ENDS_AFTER:
            self._open = None

    def _block(self, entry: Entry) -> None:
        _, t0, t1, exchange, *sizes = entry
        self._piece(t0, t1, exchange, sizes, pipelined=False)

    def _piece(
        self, t0: int, t1: int, exchange: int, sizes: Sequence[Any], *, pipelined: bool
    ) -> None:
        n_octets, n_lines = sizes
        transaction = self._open
        asked = self._asked.get(exchange)
        if asked is None:
            self._content = (exchange, t1)
        else:  # the octets of BDAT follow their command, and end it
            self._asked[exchange] = asked._replace(sent=t1)
            transaction = asked.transaction
        self._add(
            "data",
            t1,
            t0,
            "body",
            direction="C",
            n_bytes=n_octets,
            exchange_no=exchange,
            transaction_no=transaction,
            pipelined=pipelined,
            detail=None if n_lines is None else {"lines": n_lines},
        )

    def _replies(self, entry: Entry) -> None:
        _, t0, t1, exchange, octets = entry
        for number, one in enumerate(split(octets), exchange):
            self._answer(t0, t1, number, {}, one)
            t0 = t1

    def _reply(self, entry: Entry) -> None:
        _, t0, t1, exchange, receives, octets = entry
        self._answer(t0, t1, exchange, {"receives": receives}, octets)

    def _answer(
        self, t0: int, t1: int, exchange: int, more: Mapping[str, Any], octets: bytes
    ) -> None:
        reply = Reply(octets)
        asked = self._asked.get(exchange)
        if asked is None:
            greeting = exchange == 0
            since, step = (
                (self._ready, "greeting") if greeting else (self._raw, "other")
            )
            asked = _Asked(since, step, None, self._open, pipelined=False)
        self._awaiting.pop(exchange, None)
        self._greeted = True
        # An early 421 or an early verdict may come before our last octet left.
        since = min(asked.sent, t0)
        receive_us = self._us(t1) - self._us(t0)
        detail: dict[str, Any] = {"receive_ms": receive_us / 1000, **more}
        if asked.step == "ehlo" and reply.ok:
            detail |= _offer(asked.verb, reply)
        if reply.anomalies:
            detail["anomalies"] = list(reply.anomalies)
        self._add(
            "reply",
            t1,
            since,
            asked.step,
            direction="S",
            verb=asked.verb,
            code=reply.code,
            enhanced=reply.enhanced,
            text=reply.text,
            n_bytes=len(octets),
            exchange_no=exchange,
            transaction_no=asked.transaction,
            pipelined=asked.pipelined,
            redacted=_CUT.search(octets) is not None,
            detail=detail,
        )

    def _surplus(self, entry: Entry) -> None:
        _, t, octets = entry
        self._add(
            "note",
            t,
            None,
            "other",
            direction="S",
            text=decode(octets),
            n_bytes=len(octets),
            redacted=_CUT.search(octets) is not None,
            detail={"what": "surplus"},
        )

    def _note(self, entry: Entry) -> None:
        _, t, what, text = entry
        step, exchange, since = "other", None, None
        if what == "cancel":
            step, exchange, since = self._pending("")
        self._add(
            "note",
            t,
            since,
            step,
            text=text or what,
            exchange_no=exchange,
            detail={"what": what},
        )

    def _error(self, entry: Entry) -> None:
        _, t, step, kind, text, outcome = entry
        step = step or "other"
        _, exchange, since = self._pending(step)
        asked = self._asked.get(exchange) if exchange is not None else None
        self._add(
            "error",
            t,
            since,
            step,
            text=text,
            exchange_no=exchange,
            transaction_no=asked.transaction if asked else self._open,
            detail={"kind": kind, "outcome": outcome},
        )

    def _close(self, entry: Entry) -> None:
        _, t, how = entry
        self._open = None
        self._add("close", t, None, "close", text=how)

    def _pending(self, step: str) -> tuple[str, int | None, int | None]:
        """What a fault during `step` ("": whatever it is) interrupted, and since when.

        Returns:
            The step, the exchange and the time its wait began; without a wait
            ("other", None, None).
        """
        if self._content is not None and step in {"", "body", "data", "eod"}:
            return "body", *self._content
        # The content of BDAT may fail in the middle of what is awaited as "eod".
        steps = _ENDS_OF_DATA if step in _ENDS_OF_DATA else {step}
        for exchange in self._awaiting:
            asked = self._asked[exchange]
            if not step or asked.step in steps:
                return asked.step, exchange, asked.sent
        if not self._greeted and self._peer is not None and step in {"", "greeting"}:
            return "greeting", 0, self._ready
        return "other", None, None

    _readers: ClassVar[Mapping[str, Callable[[Derivation, Entry], None]]] = {
        log.RESOLVE: _resolve,
        log.CONNECT: _connect,
        log.TLS: _handshake,
        log.SEND: _send,
        log.GROUP: _group,
        log.CONTENT: _block,
        log.REPLY: _reply,
        log.REPLIES: _replies,
        log.SURPLUS: _surplus,
        log.NOTE: _note,
        log.ERROR: _error,
        log.CLOSE: _close,
    }


def split(octets: bytes) -> Iterator[bytes]:
    """Yield each of the complete replies in `octets`."""
    start = end = 0
    for line in octets.split(b"\n")[:-1]:
        end += len(line) + 1
        if line[3:4] != b"-":
            yield octets[start:end]
            start = end


def _offer(verb: str | None, reply: Reply) -> dict[str, Any]:
    """What a positive reply to EHLO offers, for the detail of its event."""
    if verb == "HELO":
        return {}
    offered = Capabilities.from_reply(reply)
    return {
        "capabilities": sorted(" ".join([word, *offered[word]]) for word in offered),
        "size_limit": offered.size_limit,
        "auth_mechs": list(offered.mechanisms),
    }
