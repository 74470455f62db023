"""From the log of one record to its events: the only reader of log entries.

An event is one row of the table `events` (schema v1). It is an interval that *ended*
at `t_ms` and took `dt_ms`; what took no time has no `dt_ms`. For a reply that interval
runs from the last octet of its command (the greeting: from the connection) to its own
last octet, so that waiting belongs to the reply awaited.

Clock readings, not differences, are cut to microseconds. So durations are exact sums
of one another: the phases of a session add up, whatever their number.

Reading an entry leaves one packed row of numbers for each event (`ROW`), with its shape
and place by number (`intern`). `Event` values are made of rows when somebody asks
(`events`), and so are frames (`tables.events`): one reader, one meaning.

To which mail transaction a command belongs, its reply decides (`protocol.transaction`):
its row is completed when that has come. Until then it stands where it belongs if all
that is still due is granted.

`Derivation` keeps its place in the log and reads only what is new; that is what makes
a live view cheap. This module knows nothing of frames, of text views, or of threads.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from math import inf
from struct import Struct
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from smtpnb.protocol.transaction import Follower, refused
from smtpnb.transcript import raw
from smtpnb.transcript.intern import CONTENT, GREETING, NOBODY, Shapes
from smtpnb.transcript.schema import STEP_OF_PHASE
from smtpnb.wire import record as log
from smtpnb.wire.record import REPLY, SEND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from smtpnb.wire.record import Entry, Record

# One event: shape, place, when it ended and began (the record's clock), exchange,
# transaction.
ROW: Final = Struct("<iiqqii")
NONE: Final = -1  # it did not begin; there is no exchange
NO_TRANSACTION: Final = 0
pack = ROW.pack
# Where in a row its transaction stands.
_TRANSACTION: Final = Struct("<i")
_AT: Final = ROW.size - _TRANSACTION.size
# What the parts of a group are read as, one by one.
_PART: Final = "part"
_BLOCK: Final = "block"
_SENT: Final = frozenset({SEND, _PART})

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

    @property
    def facts(self) -> dict[str, Any]:
        """The detail as a dictionary, perhaps an empty one."""
        return json.loads(self.detail) if self.detail else {}

    @property
    def since_ms(self) -> float:
        """When it began, in ms since its session began."""
        return round(self.t_ms - (self.dt_ms or 0.0), 3)


class Derivation:
    """The events of one record, as far as they were read.

    Args:
        record: The record; its log may grow meanwhile.
        shapes: Where shapes are kept; several records may share it.

    Attributes:
        record: The record.
        rows: A `ROW` for each event so far.
    """

    __slots__ = (
        "_asked",
        "_beside_of",
        "_content",
        "_extra",
        "_follower",
        "_greeted",
        "_in_data",
        "_last",
        "_last_asked",
        "_peer",
        "_place",
        "_raw",
        "_ready",
        "_shapes",
        "_tls",
        "_wide",
        "record",
        "rows",
    )

    def __init__(self, record: Record, shapes: Shapes) -> None:
        self.record = record
        self.rows = bytearray()
        # Every entry makes one event, but for these: how many entries there were after
        # one, and how many more events.
        self._wide: list[tuple[int, int]] = []
        self._extra = 0
        self._shapes = shapes
        self._tls = False
        self._peer: str | None = None
        self._place = shapes.place(record.host, record.port, None, False)
        self._ready = record.start_ns  # when the peer's turn to greet began
        self._raw = record.start_ns  # when raw octets last left
        # Exchanges without a reply, in order: the command's kind, the time its last
        # octet left, where its row begins. And the last one that was answered: kind,
        # time, transaction.
        self._asked: dict[int, tuple[int, int, int]] = {}
        self._last, self._last_asked = NONE, (NOBODY, 0, 0)
        # Where other rows of exchanges without a reply begin: of content, of faults.
        self._beside_of: dict[int, list[int]] = {}
        self._content: tuple[int, int] | None = None  # exchange, end of last block
        self._in_data = False  # 354 was said, and the final dot has not left
        self._greeted = False
        self._follower = Follower()

    @property
    def n_entries(self) -> int:
        """How many entries of the log were read."""
        return len(self.rows) // ROW.size - self._extra

    @property
    def first_open(self) -> int:
        """The first exchange to which something may still be added."""
        # The last that was answered, too: LMTP has a reply for each recipient.
        may_change: list[int] = [self._last, *self._asked, *self._beside_of]
        if self._content is not None:
            may_change.append(self._content[0])
        return max(0, min(may_change))

    def start(self, n_entries: int) -> int:
        """Return where the rows of all entries but the first `n_entries` begin."""
        at = bisect_right(self._wide, (n_entries, inf))
        extra = self._wide[at - 1][1] if at else 0
        return (n_entries + extra) * ROW.size

    def advance(self) -> None:
        """Read the entries that were appended since the last call."""
        n_entries = self.n_entries
        if n_entries < len(self.record.log):
            self._read(self.record.log[n_entries:])
            self._foresee()

    def _read(self, entries: Iterable[Entry]) -> None:  # see below
        # Commands and replies, nearly all of a log, are read here and not by calls:
        # this loop is what a frame of a million events waits for.
        rows, asked, readers = self.rows, self._asked, self._readers
        shapes = self._shapes
        alone, grouped, replies = shapes.alone, shapes.grouped, shapes.replies
        for entry in entries:
            kind = entry[0]
            if kind == REPLY:
                _, t0, t1, exchange, receives, octets = entry
                own = asked.pop(exchange, None)
                asking, since, transaction = (
                    self._answer(exchange, own, octets)
                    if own
                    else self._unasked(exchange, octets)
                )
                shape = replies[asking].get(octets)
                if t0 != t1 or receives != 1:
                    receive_us = self._us(t1) - self._us(t0)
                    shape = shapes.slow_reply(asking, octets, receive_us, receives)
                elif shape is None:
                    shape = shapes.reply(asking, octets)
                if t0 < since:  # noqa: PLR1730  # an early 421 or an early verdict
                    since = t0
                rows += pack(shape, self._place, t1, since, exchange, transaction)
            elif kind in _SENT:
                part = entry[4:] if kind == SEND else entry[4]
                if part[1] == "" and part[0] == "other" and self._sent_raw(entry):
                    continue
                known = alone.get(part) if kind == SEND else grouped.get(part)
                if known is None:
                    known = shapes.part(part, grouped=kind != SEND)
                shape, asking = known
                exchange, t1 = entry[3], entry[2]
                asked[exchange] = asking, t1, len(rows)
                rows += pack(shape, self._place, t1, entry[1], exchange, 0)
                if part[0] == "eod":
                    self._content, self._in_data = None, False
            else:
                readers[kind](self, entry)

    def _answer(
        self, exchange: int, own: tuple[int, int, int], octets: bytes
    ) -> tuple[int, int, int]:
        """Take the reply to an exchange; return its kind, wait and transaction."""
        asking, since, at = own
        number = self._transaction(asking, octets)
        _TRANSACTION.pack_into(self.rows, at + _AT, number)
        if self._beside_of:
            self._settle_beside(exchange, number)
        self._last, self._last_asked = exchange, (asking, since, number)
        return self._last_asked

    def _settle_beside(self, exchange: int, number: int) -> None:
        for beside in self._beside_of.pop(exchange, ()):
            _TRANSACTION.pack_into(self.rows, beside + _AT, number)

    def _unasked(self, exchange: int, octets: bytes) -> tuple[int, int, int]:
        """Take a reply to an exchange that awaits none."""
        self._greeted = True
        if exchange == 0:
            answered = GREETING, self._ready, self._open
        elif self._content and self._content[0] == exchange and refused(octets):
            answered = self._refused_early(*self._content, octets)
        elif exchange != self._last:
            answered = NOBODY, self._raw, self._open
        else:  # LMTP answers once for each recipient (RFC 2033 section 4.2)
            asking, since, number = self._last_asked
            if asking > NOBODY:
                number = self._transaction(asking, octets)
            answered = asking, since, number
        self._last, self._last_asked = exchange, answered
        return answered

    def _refused_early(
        self, exchange: int, since: int, octets: bytes
    ) -> tuple[int, int, int]:
        """Take a refusal of a message whose content is on its way."""
        number = self._transaction(CONTENT, octets)
        self._settle_beside(exchange, number)
        self._content, self._in_data = None, False
        return CONTENT, since, number

    def _transaction(self, asking: int, octets: bytes) -> int:
        """Take a reply to a kind of command; return the number of its transaction."""
        event = self._shapes.asked[asking]
        if event == "DATA":
            self._in_data = octets.startswith(b"354")
        return self._follower.number_of(event, octets)

    def _foresee(self) -> None:
        """Put what was not answered where it belongs if all of it is granted."""
        if not self._asked and not self._beside_of:
            return
        follower, numbers = self._follower.ahead(), {}
        for exchange, (asking, _, at) in self._asked.items():
            number = follower.foretell(self._shapes.asked[asking])
            numbers[exchange] = number
            _TRANSACTION.pack_into(self.rows, at + _AT, number)
        now = follower.current
        open_ = NO_TRANSACTION if now is None else now.number
        for exchange, places in self._beside_of.items():
            for at in places:
                number = numbers.get(exchange, open_)
                _TRANSACTION.pack_into(self.rows, at + _AT, number)

    def _sent_raw(self, entry: Entry) -> bool:
        """Take octets that were sent as they are: the commands in them count."""
        self._raw = entry[2]
        parts = raw.parts(entry[6], entry[7], in_data=self._in_data)
        if len(parts) == 1:
            self._read([(*entry[:4], *parts[0])])
        elif parts:
            numbered = enumerate(parts, entry[3])
            self._read_parts([(_PART, *entry[1:3], *each) for each in numbered])
        return bool(parts)

    def events(self, start: int = 0) -> Iterator[Event]:
        """Yield the events so far, from the one on whose row begins at `start`."""
        record, shapes, places = self.record, self._shapes.shapes, self._shapes.places
        wall_us = record.wall_ns // 1000
        rows = bytes(self.rows[start:])
        seq = start // ROW.size
        for number, place, t, since, exchange, transaction in ROW.iter_unpack(rows):
            us = self._us(t)
            event, direction, step, verb, code, enhanced, text, n_bytes, *rest = shapes[
                number
            ]
            pipelined, redacted, detail = rest
            host, port, peer_ip, tls = places[place]
            yield Event(
                record.run_id,
                record.session_id,
                seq,
                wall_us + us,
                us / 1000,
                None if since == NONE else max(us - self._us(since), 0) / 1000,
                event,
                direction,
                step,
                verb,
                code,
                enhanced,
                text,
                n_bytes,
                tls,
                None if exchange == NONE else exchange,
                transaction or None,
                pipelined,
                redacted,
                host,
                port,
                peer_ip,
                detail,
            )
            seq += 1

    def _us(self, t: int) -> int:
        return (t - self.record.start_ns) // 1000

    def _beside(
        self, shape: int, t: int, since: int = NONE, exchange: int = NONE
    ) -> None:
        if exchange in self._asked or (self._content and exchange == self._content[0]):
            self._beside_of.setdefault(exchange, []).append(len(self.rows))
        self.rows += pack(shape, self._place, t, since, exchange, self._open)

    @property
    def _open(self) -> int:
        now = self._follower.current
        return NO_TRANSACTION if now is None else now.number

    def _move(self) -> None:
        record = self.record
        self._place = self._shapes.place(
            record.host, record.port, self._peer, self._tls
        )

    def _resolve(self, entry: Entry) -> None:
        known, paths = entry[3:], self._shapes.paths
        if known not in paths:
            name, addresses, error = known
            facts = {"name": name, "addresses": list(addresses), "error": error}
            paths[known] = self._shapes.beside("dns", "dns", error or name, **facts)
        self._beside(paths[known], entry[2], entry[1])

    def _connect(self, entry: Entry) -> None:
        _, t0, t1, address, port, local, error = entry
        known, paths = entry[3:], self._shapes.paths
        if known not in paths:
            facts = {"address": address, "port": port, "local": local, "error": error}
            text = error or (f"{address} port {port}" if port else address)
            paths[known] = self._shapes.beside("connect", "connect", text, **facts)
        before, self._peer = self._peer, address
        self._move()
        self._beside(paths[known], t1, t0)
        if error is None:
            self._ready = t1
        else:
            self._peer = before
            self._move()

    def _handshake(self, entry: Entry) -> None:
        _, t0, t1, facts, error = entry
        if error is None:
            self._tls, self._ready = True, t1
            self._move()
        facts = {**(facts or {}), "implicit": not self._greeted, "error": error}
        self._beside(self._shapes.beside("tls", "tls", error, **facts), t1, t0)

    def _group(self, entry: Entry) -> None:
        # The end of a message leaves with content, and is asked by itself all the same.
        alone = not self._asked and sum(part[1] is not None for part in entry[4]) == 1
        self._read_parts(_parts(entry, alone=alone))

    def _replies(self, entry: Entry) -> None:
        self._read_parts(_apart(entry))

    def _read_parts(self, parts: Iterable[Entry]) -> None:
        """Read an entry that makes any number of events, not one."""
        number, before = self.n_entries, len(self.rows)
        self._read(parts)
        self._extra += (len(self.rows) - before) // ROW.size - 1
        self._wide.append((number + 1, self._extra))

    def _block(self, entry: Entry) -> None:
        kind, t0, t1, exchange, n_octets, n_lines = entry
        shape = self._shapes.content(n_octets, n_lines, grouped=kind == _BLOCK)
        transaction = NO_TRANSACTION
        if exchange in self._asked:  # the octets of BDAT follow their command, end it
            asked, _, at = self._asked[exchange]
            self._asked[exchange] = asked, t1, at
        elif exchange == self._last:
            transaction = self._last_asked[2]
        else:
            self._content = exchange, t1
        if exchange != self._last:
            self._beside_of.setdefault(exchange, []).append(len(self.rows))
        self.rows += pack(shape, self._place, t1, t0, exchange, transaction)

    def _surplus(self, entry: Entry) -> None:
        _, t, octets = entry
        self._beside(self._shapes.surplus(octets), t)

    def _note(self, entry: Entry) -> None:
        _, t, what, text = entry
        step, exchange, since = "other", NONE, NONE
        if what == "cancel":
            step, exchange, since = self._pending("")
        shape = self._shapes.beside("note", step, text or what, what=what)
        self._beside(shape, t, since, exchange)

    def _error(self, entry: Entry) -> None:
        _, t, step, kind, text, outcome = entry
        step = STEP_OF_PHASE.get(step, step) or "other"
        _, exchange, since = self._pending(step)
        shape = self._shapes.beside("error", step, text, kind=kind, outcome=outcome)
        self._beside(shape, t, since, exchange)

    def _close(self, entry: Entry) -> None:
        _, t, how = entry
        paths = self._shapes.paths
        if (how,) not in paths:
            paths[how,] = self._shapes.beside("close", "close", how)
        self._foresee()  # nothing more will be answered
        self._asked.clear()
        self._beside_of.clear()
        self._follower.over()
        self._beside(paths[how,], t)

    def _pending(self, step: str) -> tuple[str, int, int]:
        """What a fault during `step` ("": whatever it is) interrupted, and since when.

        Returns:
            The step, the exchange and the time its wait began; without a wait
            "other", NONE, NONE.
        """
        if self._content is not None and step in {"", "body", "data", "eod"}:
            return "body", *self._content
        # The content of BDAT may fail in the middle of what is awaited as "eod".
        steps = _ENDS_OF_DATA if step in _ENDS_OF_DATA else {step}
        for exchange, (kind, sent, _) in self._asked.items():
            asked = self._shapes.kinds[kind].step
            if not step or asked in steps:
                return asked, exchange, sent
        if not self._greeted and self._peer is not None and step in {"", "greeting"}:
            return "greeting", 0, self._ready
        return "other", NONE, NONE

    _readers: ClassVar[Mapping[str, Callable[[Derivation, Entry], None]]] = {
        log.RESOLVE: _resolve,
        log.CONNECT: _connect,
        log.TLS: _handshake,
        log.GROUP: _group,
        log.CONTENT: _block,
        _BLOCK: _block,
        log.REPLIES: _replies,
        log.SURPLUS: _surplus,
        log.NOTE: _note,
        log.ERROR: _error,
        log.CLOSE: _close,
    }


def _parts(entry: Entry, *, alone: bool) -> Iterator[Entry]:
    """Yield the parts of a group, each as an entry of its own.

    Args:
        entry: The group.
        alone: It has one command, and no earlier one awaits its reply.
    """
    _, t0, t1, exchange, parts = entry
    verb = None
    for part in parts:
        if part[1] is None:
            number = exchange - 1 if verb == "BDAT" else exchange
            kind = log.CONTENT if alone else _BLOCK
            yield kind, t0, t1, number, part[3], part[4]
        else:
            own = part if alone else (part,)
            yield SEND if alone else _PART, t0, t1, exchange, *own
            verb = part[1]
            exchange += 1


def _apart(entry: Entry) -> Iterator[Entry]:
    """Yield replies that were read together, each as an entry of its own."""
    _, t0, t1, exchange, octets = entry
    start = end = 0
    for line in octets.split(b"\n")[:-1]:
        end += len(line) + 1
        if line[3:4] != b"-":
            # Only that there was one receive can be known.
            receives = 1 if t0 == t1 else None
            yield REPLY, t0, t1, exchange, receives, octets[start:end]
            t0, exchange, start = t1, exchange + 1, end
