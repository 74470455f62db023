"""What passes on one connection: octets out, replies in, each beside its command.

A link writes lines and groups, reads replies, matches them to what was asked, and
records all of it where the octets pass. Three rules hold here:

* Before a command leaves, when no reply is owed, nothing may have come in unasked:
  surplus would be taken for the reply to this command, and every later one.
* While a group is being written the server is read: a large group must not deadlock
  two full windows (RFC 2920 section 3.1).
* Nothing a server said is kept in a local variable while an error may pass: a verbose
  traceback prints them all, and the server may have echoed a secret.

This module knows nothing of the order of commands, nor of how a connection ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.errors import (
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.parser import ReplyParser
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.secret import Redactor
from smtpnb.protocol.session import Session, State
from smtpnb.wire import record
from smtpnb.wire.record import clock
from smtpnb.wire.wait import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.protocol.group import Group, Part
    from smtpnb.protocol.secret import Octets
    from smtpnb.wire.record import Record
    from smtpnb.wire.stream import Stream
    from smtpnb.wire.wait import Steps, Timeouts


class Link:
    """Writes, reads and records on one connection.

    Args:
        log: Where everything that happens is written.
        timeouts: How long each phase may take.
        lax: See `Session`.

    Attributes:
        session: State and capabilities.
        stream: The connected stream; None before and after.
        exchange: The number of the last command that left.
        redactor: Cuts the secrets of this connection out of what is received.
        on_replies: Takes the replies to a group, several at a time, and moves the
            session; None to move it reply by reply.
        halted: Nothing more of the present group may leave.
    """

    def __init__(self, log: Record, timeouts: Timeouts, *, lax: bool = False) -> None:
        self.log = log
        self.timeouts = timeouts
        self.session = Session(lax=lax)
        self.stream: Stream | None = None
        self._last: bytes | None = None
        self.exchange = 0
        self.redactor = Redactor()
        self.on_replies: Callable[[tuple[bytes, ...]], None] | None = None
        self.halted = False
        self._parser = ReplyParser(self.redactor)
        self._received_at = 0
        self._began_at = 0  # when the first octet of what is being parsed came

    @property
    def last_reply(self) -> Reply | None:
        """The last reply that was read, or None."""
        return None if self._last is None else Reply(self._last)

    @property
    def connection(self) -> Stream:
        """The stream, for steps that run while there is one."""
        if self.stream is None:
            raise ConnectionLost("the connection is closed")
        return self.stream

    def require_connection(self) -> None:
        """Raise LocalProtocolError if there is no connection."""
        if self.stream is None:
            raise LocalProtocolError("not connected; connect() first")

    def deadline(self, step: str, timeout: float | None = None) -> float:
        """Return the absolute deadline of a step that starts now."""
        return now() + (self.timeouts.of(step) if timeout is None else timeout)

    # One line, one reply

    def write(
        self, octets: Octets, step: str, verb: str, deadline: float
    ) -> Steps[None]:
        """Write one line and record it, whatever becomes of it."""
        stream = self.connection
        before, started = stream.sent, clock()
        left = started
        try:
            taken = stream.send_now(octets.wire)
            if taken < len(octets):  # hardly ever
                yield from stream.write(octets.wire[taken:], deadline)
                left = clock()
        finally:
            sent = stream.sent - before
            shown = octets.shown
            self.log.add(
                record.SEND, started, left, self.exchange, step, verb, shown, sent
            )

    def next_reply(self, deadline: float) -> Steps[Reply]:
        """Read one reply in the present exchange; the session does not move."""
        return self._read_reply(self.exchange, deadline)

    def reply(self, deadline: float) -> Steps[Reply]:
        """Read the reply to the present exchange and match it to its command."""
        reply = yield from self.next_reply(deadline)
        self.session.received(reply)
        return reply

    def _read_reply(self, exchange: int, deadline: float) -> Steps[Reply]:
        parser, stream = self._parser, self.connection
        first = self._received_at if len(parser) else 0
        receives = 0
        while not len(parser) or (reply := parser.next_reply()) is None:
            if not self._feed((yield from stream.read(deadline))):
                raise ConnectionLost("the server closed the connection")
            first = first or self._received_at
            receives += 1
        last = self._received_at
        self.log.add(
            record.REPLY, first or last, last, exchange, receives, reply.octets
        )
        self._last = reply.octets
        return reply

    def _feed(self, octets: bytes | None) -> int | None:
        """Parse octets received; return how many, None for none, 0 for the end."""
        if octets is None:
            return None
        if octets:
            self._received_at = clock()
            if not len(self._parser):
                self._began_at = self._received_at
            self._parser.feed(octets)
        return len(octets)

    # Groups

    def converse(self, group: Group, limit: float | None) -> Steps[None]:
        """Write a group, and read until no reply is owed.

        Args:
            group: What to write.
            limit: Absolute, for all of it; None for the deadline of each reply.
        """
        yield from self.write_group(group, limit)
        while self.session.owed and not self.halted:
            yield from self.read_group(limit)

    def write_group(self, group: Group, limit: float | None) -> Steps[None]:
        """Write a group, reading what comes meanwhile, and record what left.

        The replies to it are owed afterwards, but for those that came already.
        """
        session = self.session
        if not session.owed:
            self.refuse_surplus()
        first, started = self.exchange + 1, clock()
        self.exchange += len(group.commands)
        session.sent(*group.commands)
        view = memoryview(group.wire)
        taken = self.connection.send_now(view)
        if taken == len(view):  # nearly always
            self.log.add(record.GROUP, started, started, first, group.parts)
            return
        left = _Left(group.parts, first)
        left.octets = taken
        deadline = self.deadline("block") if limit is None else limit
        yield from self._write_rest(view[taken:], left, started, deadline)

    def _write_rest(
        self, view: memoryview, left: _Left, started: int, deadline: float
    ) -> Steps[None]:
        stream = self.connection
        try:
            while view and not self.halted:
                self._note_group(left, started)
                started = clock()
                yield from stream.either(deadline)
                self.read_now()
                taken = stream.send_now(view)
                view = view[taken:]
                left.octets += taken
        finally:
            self._note_group(left, started)
            if left.begun:
                number, octets = left.begun
                self.log.add(record.CONTENT, started, clock(), number, octets, None)

    def _note_group(self, left: _Left, started: int) -> None:
        chunk, first, parts = left.news()
        if chunk is not None:
            number, n_octets = chunk
            self.log.add(record.CONTENT, started, clock(), number, n_octets, None)
        if parts:
            self.log.add(record.GROUP, started, clock(), first, parts)

    def read_group(self, limit: float | None) -> Steps[None]:
        """Wait until the server said something; match the replies that are complete."""
        if limit is None:
            closing = self.session.state is State.CLOSING
            limit = self.deadline("quit" if closing else self.session.awaited)
        if not self._feed((yield from self.connection.read(limit))):
            raise ConnectionLost("the server closed the connection")
        self.match()

    def read_now(self) -> None:
        """Match the replies that are here, without waiting."""
        fed = self._feed(self.connection.take())
        if fed:
            self.match()
        elif fed == 0:
            raise ConnectionLost("the server closed the connection")

    def match(self) -> None:
        """Match complete replies to the commands that await one, first in first out."""
        owed = self.session.owed
        if not owed:
            return
        replies = self._parser.next_replies(owed)
        if not replies:
            return
        first = self.exchange - owed + 1
        began, last = self._began_at, self._received_at
        self._began_at = last
        self.log.add(record.REPLIES, began, last, first, b"".join(replies))
        self._last = replies[-1]
        if self.on_replies is not None:
            self.on_replies(replies)
            return
        for octets in replies:
            self.session.received(Reply(octets))

    # What nobody asked for

    def refuse_surplus(self, where: str = "") -> None:
        """Raise if application data came in that nobody asked for."""
        fed = self._feed(self.connection.take())
        if fed == 0 and not len(self._parser):
            raise ConnectionLost("the server had closed the connection before this")
        if not len(self._parser):
            return
        surplus = self._parser.pending
        self.log.add(record.SURPLUS, self._received_at, surplus)
        unsolicited = self._parser.next_reply()
        if unsolicited is not None and unsolicited.code == 421:
            self._last = unsolicited.octets
            raise ConnectionLost("the server had ended the session before this")
        shown = surplus[:200]
        raise RemoteProtocolError(
            f"the server said something nobody asked for{where}: {shown!r}"
        )

    def spoken_to(self) -> bool:
        """Tell whether the server said something that was not read yet.

        Raises:
            ConnectionLost: It closed instead.
        """
        return len(self._parser) > 0 or self.connection.peek()


class _Left:
    """How much of a group has left, and which of its parts were not recorded yet.

    A part is recorded when its last octet has left: before that the server has nothing
    to act on. A content that was begun and not finished is told apart (`begun`).
    """

    __slots__ = ("_exchange", "_next", "_parts", "octets")

    def __init__(self, parts: tuple[Part, ...], exchange: int) -> None:
        self.octets = 0  # that have left and were not recorded
        self._parts = parts
        self._next = 0
        self._exchange = exchange  # of the next command

    def news(self) -> tuple[tuple[int, int] | None, int, tuple[Part, ...]]:
        """Return what has left since the last call.

        Returns:
            The rest of a chunk whose BDAT was recorded earlier (its exchange, octets)
            or None; the number of the first command; the parts.
        """
        parts, start = self._parts, self._next
        stop, n_commands = start, 0
        while stop < len(parts) and self.octets >= parts[stop][3]:
            self.octets -= parts[stop][3]
            n_commands += parts[stop][1] is not None
            stop += 1
        first = self._exchange
        self._exchange += n_commands
        self._next = stop
        chunk = None
        cut = 0 < start < stop and parts[start][1] is None
        if cut and parts[start - 1][1] == "BDAT":
            chunk = first - 1, parts[start][3]
            start += 1
        return chunk, first, parts[start:stop]

    @property
    def begun(self) -> tuple[int, int] | None:
        """The exchange and the octets of a content that has left in part, or None."""
        parts, at = self._parts, self._next
        if not self.octets or parts[at][1] is not None:
            return None
        chunk = at > 0 and parts[at - 1][1] == "BDAT"
        return self._exchange - chunk, self.octets
