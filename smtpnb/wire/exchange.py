"""Octets out, replies in, on one connection: one writer, one reader, one ledger.

Everything that leaves goes through `leave` (commands, groups, chunks, the end of a
message) or `pour` (content in blocks), and every reply comes in through `replies`. So
the rules that hold for all of it stand here, once:

* Before a command leaves, when no reply is owed, nothing may have come in unasked:
  surplus would be taken for the reply to this command, and to every later one.
* A reply has one absolute deadline, set when its command had left and never renewed by
  a receive. Commands that left together share one: the sum of what each may take, at
  most `Timeouts.group`; behind what was owed before.
* While we write the server is read: a large group must not deadlock two full windows
  (RFC 2920 section 3.1). A peer that only talks meets the same deadline, and a bound.
* What the kernel took is counted (`sent`), and each message under way carries the count
  beyond which a server may have its end. That count alone tells whether the end left.
* A yes to the end of a message whose end has not left is a lie, and ends the session;
  a no stops the sending.
* Nothing a server said is kept in a local variable while an error may pass: a verbose
  traceback prints them all, and the server may have echoed a secret.

This module knows nothing of the order of commands, nor of how a connection ends.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from smtpnb.protocol.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpError,
    TransportError,
)
from smtpnb.protocol.group import BLOCK
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Owed
from smtpnb.protocol.transaction import ENDS, Transaction, is_421, refused
from smtpnb.wire import record
from smtpnb.wire.due import Due
from smtpnb.wire.incoming import MOST_UNREAD, Incoming
from smtpnb.wire.leaving import Departure, Leaving
from smtpnb.wire.record import clock
from smtpnb.wire.wait import Wait, now

if TYPE_CHECKING:
    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.group import Part
    from smtpnb.protocol.secret import Octets
    from smtpnb.protocol.session import Session
    from smtpnb.wire.record import Record
    from smtpnb.wire.stream import Stream
    from smtpnb.wire.wait import Steps, Timeouts


def finished(rest: Steps[None] | None) -> Steps[None]:
    """Do what is left of something that is mostly done at once."""
    if rest is not None:
        yield from rest


class Exchange:
    """Writes, reads and records on one connection.

    Args:
        log: Where everything that happens is written.
        timeouts: How long each phase may take.
        session: State, capabilities, and the replies that are owed.

    Attributes:
        stream: The connected stream; None before and after.
        number: The exchange number of the last command that left.
        incoming: What came in and was not matched yet.
        stopped: A message was refused before its end left: nothing more may leave.
        left_over: Something was said behind the last reply that was owed: one of them
            answered something else, and nobody knows which.
    """

    def __init__(
        self,
        log: Record,
        timeouts: Timeouts,
        session: Session,
    ) -> None:
        self.log = log
        self.timeouts = timeouts
        self.session = session
        self.stream: Stream | None = None
        self.number = 0
        self.incoming = Incoming(log)
        self.stopped = self.left_over = False
        self._sent = 0  # on the stream that is gone
        self._writing = False
        self._mismatched = False  # a reply came that nothing could be answered by
        self._due = Due(timeouts)

    @property
    def last_reply(self) -> Reply | None:
        """The last reply that was read, or None."""
        last = self.incoming.last
        return None if last is None else Reply(last)

    @property
    def last_replies(self) -> tuple[Reply, ...]:
        """All replies of the last exchange: the end of a message may have many."""
        return tuple(map(Reply, self.incoming.last_replies))

    @property
    def silent(self) -> bool:
        """Whether nothing was ever received."""
        return not self.incoming.received_at

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

    @property
    def said_421(self) -> bool:
        """Whether the server said that it is closing; nothing more may leave."""
        return self.incoming.said_421

    @property
    def halted(self) -> bool:
        """Whether nothing more may leave, also in the middle of what is leaving."""
        return self.stopped or self.said_421

    # The ledger

    @property
    def sent(self) -> int:
        """How many octets have left on the connection."""
        return self._sent if self.stream is None else self.stream.sent

    def has_left(self, transaction: Transaction) -> bool:
        """Tell whether the end of a message has left: a server may have it."""
        return transaction.end_at is not None and self.sent > transaction.end_at

    @property
    def owes_an_end(self) -> bool:
        """Whether a reply is owed to the end of a message that has left."""
        return any(
            owed.events[-1] in ENDS
            and owed.transaction
            and self.has_left(owed.transaction)
            for owed in self.session.queue
        )

    def under_way(self) -> list[Transaction]:
        """Return the transactions that were begun and not answered to their end."""
        found = [owed.transaction for owed in self.session.queue if owed.transaction]
        if self.session.follower.current is not None:
            found.append(self.session.follower.current)
        return list({id(each): each for each in found}.values())

    def gone(self) -> None:
        """The connection has ended; what had left is remembered."""
        self._sent, self.stream = self.sent, None
        self.session.closed()
        self.incoming.redactor.forget()

    # Deadlines

    def deadline(self, step: str, limit: float | None = None) -> float:
        """Return the absolute deadline of a step that starts now.

        Args:
            step: Of the transcript's vocabulary.
            limit: Of the whole call, absolute; it takes the place of the step's own.
        """
        return now() + self.timeouts.of(step) if limit is None else limit

    def pause(self, seconds: float) -> None:
        """Let every reply that is owed be due later: nobody was reading meanwhile."""
        for owed in self.session.queue:
            owed.deadline += seconds

    # Leaving

    def say(self, command: Command, octets: Octets, limit: float | None) -> Steps[None]:
        """Write one command; its reply is owed then."""
        if not self.session.queue:
            self.refuse_surplus()
        rest = self.say_now(command, octets, limit)
        if rest is not None:
            yield from rest

    def say_now(
        self, command: Command, octets: Octets, limit: float | None
    ) -> Steps[None] | None:
        """As `say`, where it was looked just now whether something came in unasked.

        Returns:
            None; or what is left to do, if the kernel did not take all of it.
        """
        deadline = self.deadline(command.step, limit)
        self.number += 1
        self.session.sent(command)
        owed = self.session.queue[-1]
        owed.deadline = deadline
        current = self.session.follower.current
        if current is not None and owed.events[0] in ENDS:
            # Whoever has the line, and the chunk behind it, has the end.
            current.end_at = self.sent + len(octets.wire) - 1 + command.n_behind
        return self.write_now(octets, command.step, command.verb, deadline)

    def ahead(self, octets: bytes, deadline: float) -> Steps[None]:
        """Write what stands ahead of SMTP; it is no line of the dialogue."""
        view = memoryview(octets)
        while view := view[self.connection.send_now(view) :]:
            yield from self.connection.either(deadline)

    def write(
        self, octets: Octets, step: str, verb: str, deadline: float
    ) -> Steps[None]:
        """Write one line and record it, whatever becomes of it."""
        yield from finished(self.write_now(octets, step, verb, deadline))

    def write_now(
        self, octets: Octets, step: str, verb: str, deadline: float
    ) -> Steps[None] | None:
        """As `write`; returned is what is left to do, as by `say_now`."""
        view, started, number = octets.wire, clock(), self.number
        line, before = (step, verb, octets.shown), self.sent
        try:
            taken = self.connection.send_now(view)
        except BaseException:
            sent = self.sent - before
            self.log.add(record.SEND, started, started, number, *line, sent)
            raise
        if taken < len(view):  # hardly ever
            return self._rest_of_line(view[taken:], deadline, started, before, line)
        self.log.add(record.SEND, started, started, number, *line, taken)
        return None

    def _rest_of_line(
        self,
        view: memoryview,
        deadline: float,
        started: int,
        before: int,
        line: tuple[str, str, bytes],
    ) -> Steps[None]:
        left, number = started, self.number
        try:
            yield from self._rest(view, deadline)
            left = clock()
        finally:
            sent = self.sent - before
            self.log.add(record.SEND, started, left, number, *line, sent)

    def leave(
        self, *departures: Departure, limit: float | None, heard: bool = False
    ) -> Steps[None]:
        """Write groups as one run of octets, reading what comes meanwhile.

        The replies to them are owed then, but for those that came already.

        Args:
            departures: What leaves, in order.
            limit: Of the whole call, absolute; None for the deadlines of its parts.
            heard: It was looked just now whether something came in unasked.

        Raises:
            DeadlineExceeded: The call has no time left: no end of a message leaves.
        """
        if not (heard or self.session.queue):
            self.refuse_surplus()
        rest = self.leave_now(*departures, limit=limit)
        if rest is not None:
            yield from rest

    def leave_now(
        self, *departures: Departure, limit: float | None
    ) -> Steps[None] | None:
        """As `leave`, where it was looked just now whether something came in unasked.

        Returns:
            None; or what is left to do, if the kernel did not take all of it.
        """
        start, owed, first = self.sent, [], self.number + 1
        # A server answers one thing after the other.
        due = self.session.queue[-1].deadline if self.session.queue else 0.0
        for group, transaction, path in departures:
            if group.end is not None and transaction is not None:
                if limit is not None and now() >= limit:
                    raise DeadlineExceeded("the time is up")
                transaction.end_at = start + group.end
            start += len(group.wire)
            if group.events:
                owed.append(Owed(group.events, transaction, path, len(group.wire)))
                self.session.owe(owed[-1])
                self.number += len(group.events)
        wire, parts = departures[0].group.wire, departures[0].group.parts
        if len(departures) > 1:
            wire = b"".join([each.group.wire for each in departures])
            parts = tuple([part for each in departures for part in each.group.parts])
        started, view, before = clock(), memoryview(wire), self.sent
        try:
            taken = self.connection.send_now(view)
        except BaseException:
            self._note_broken(parts, first, started, self.sent - before)
            raise
        if taken < len(view):  # hardly ever
            left = Leaving(parts, first)
            left.octets = taken
            rest = self._rest_of_group(view[taken:], left, started, limit)
            return self._then_due(rest, owed, due, limit)
        self.log.add(record.GROUP, started, started, first, parts)
        self._due.set(owed, max(due, now()), limit)
        return None

    def _then_due(
        self, rest: Steps[None], owed: list[Owed], due: float, limit: float | None
    ) -> Steps[None]:
        yield from rest
        self._due.set(owed, max(due, now()), limit)

    def _rest_of_group(
        self, view: memoryview, left: Leaving, started: int, limit: float | None
    ) -> Steps[None]:
        try:
            yield from self._rest(view, limit, left)
        finally:
            self._note_left(left, started)

    def _note_broken(
        self, parts: tuple[Part, ...], first: int, started: int, octets: int
    ) -> None:
        """Record a group that broke off, and if it was in its first line."""
        step, verb, shown, size = parts[0][:4]
        if verb is not None and octets < size:
            line = (step, verb, shown, octets)
            self.log.add(record.SEND, started, clock(), first, *line)
            return
        left = Leaving(parts, first)
        left.octets = octets
        self._note_left(left, started)

    def _note_left(self, left: Leaving, started: int) -> None:
        self._note_group(left, started)
        if left.begun:
            number, octets = left.begun
            self.log.add(record.CONTENT, started, clock(), number, octets, None)

    def _rest(
        self, view: memoryview, limit: float | None, left: Leaving | None = None
    ) -> Steps[None]:
        """Write what the kernel did not take at once, listening meanwhile."""
        self._writing = True
        try:
            deadline, budget = self.deadline("block", limit), BLOCK
            while view and not self.halted:
                if now() >= deadline:
                    raise DeadlineExceeded("the time is up")
                yield from self.connection.either(deadline)
                self.listen()
                started = clock()
                taken = self.connection.send_now(view)
                view = view[taken:]
                if left is not None:
                    left.octets += taken
                    self._note_group(left, started)
                budget -= taken
                if budget <= 0:
                    deadline, budget = self.deadline("block", limit), BLOCK
        finally:
            self._writing = False

    def _note_group(self, left: Leaving, started: int) -> None:
        chunk, first, parts = left.news()
        if chunk is not None:
            number, n_octets = chunk
            self.log.add(record.CONTENT, started, clock(), number, n_octets, None)
        if parts:
            self.log.add(record.GROUP, started, clock(), first, parts)

    def pour(self, octets: bytes | memoryview, deadline: float) -> Steps[bool]:
        """Write content; nothing is recorded here.

        Returns:
            Whether all of it left. Else the server spoke in the middle of it.
        """
        # A link that takes everything never makes us wait, and so would never let a
        # cancel in: wait for nothing.
        yield Wait((), 0)
        if now() >= deadline:
            raise DeadlineExceeded("the time is up")
        view, stream = memoryview(octets), self.connection
        self._writing = True
        try:
            while not self.hears() and view:
                taken = stream.send_now(view)
                view = view[taken:]
                if view and not taken:
                    yield from stream.either(deadline)
                    if now() >= deadline:
                        raise DeadlineExceeded("the time is up")
        except ConnectionLost:
            # Who refuses in the middle often hangs up at once: the reply came first.
            if not self.hears():
                raise
        finally:
            self._writing = False
        return not view and not self.hears()

    def copy(self, fd: int, offset: int, count: int, limit: float | None) -> Steps[int]:
        """Let the kernel send octets of a file, in clear; nothing is recorded here.

        Yields:
            Besides waits, how many octets have left so far.

        Returns:
            How many left; fewer if the server refused in the middle.
        """
        stream, at = self.connection, offset
        deadline, budget = self.deadline("block", limit), BLOCK
        self._writing = True
        try:
            while at < offset + count and not self.halted:
                if now() >= deadline:
                    raise DeadlineExceeded("the time is up")
                taken = stream.send_file_now(fd, at, offset + count - at)
                at += taken
                budget -= taken
                if budget <= 0:
                    deadline, budget = self.deadline("block", limit), BLOCK
                if taken:
                    yield Wait((), 0)
                else:
                    yield from stream.either(deadline)
                self.listen()
        finally:
            self._writing = False
        # The time of its reply begins now: the file may have taken hours.
        self._due.set(tuple(self.session.queue)[-1:], now(), limit)
        return at - offset

    # Coming in

    def hear_now(self) -> Reply | None:
        """Read what is here; return the last reply, if nothing more is owed then.

        Else nothing is lost: the reader of replies goes on where this left off.
        """
        session, incoming = self.session, self.incoming
        if session.answers_each:
            incoming.feed(self.connection.take())
        else:
            octets = incoming.at_once(self.connection.take(), self.number)
            if octets is not None:
                self.match((octets,))
                return Reply(octets)
        while session.queue and not self.stopped:
            replies = self._complete(session.most_at_once)
            if not replies:
                return None
            self.match(replies)
        return self.last_reply

    def replies(self, most: int, deadline: float) -> Steps[tuple[bytes, ...]]:
        """Wait until a complete reply is here; return those that are, at most `most`.

        Raises:
            RemoteProtocolError: What came is no reply. Told at once, whatever is
                still owed.
            ConnectionLost: The peer closed.
            DeadlineExceeded: The reply was not complete in time.
        """
        while not (replies := self._complete(most)):
            if not self.incoming.feed((yield from self.connection.read(deadline))):
                raise ConnectionLost("the server closed the connection")
        return replies

    def read(self) -> Steps[None]:
        """Wait for the oldest reply that is owed; match what is complete."""
        session, owed, before = self.session, self.session.queue[0], now()
        steps = self.replies(session.most_at_once, owed.deadline)
        self.match((yield from steps))
        # Of several replies to one end each has the time of a reply of its own.
        same = bool(session.queue) and session.queue[0] is owed
        if same and owed.has_begun_to_end and not owed.is_limited:
            self.pause(now() - before)

    def _doubt_finals(self, owed: Owed) -> None:
        """Where one of many replies to an end was too many, believe none of them.

        Raises:
            RemoteProtocolError: Nothing is owed any more, and something is left over.
        """
        transaction = owed.transaction
        if transaction is None or len(transaction.finals) < 2 or self.session.queue:
            return
        if self._is_left_over():
            self.doubt_end(transaction, owed.events[-1], self.number)
            self._refuse_unread(" behind the last reply to the end of a message")

    def doubt_end(self, transaction: Transaction, event: str, number: int) -> None:
        """Believe none of the replies to the end of a message: they are owed anew.

        Args:
            transaction: The message.
            event: How it ended.
            number: The exchange of that.
        """
        transaction.finals, transaction.prelude = [], None
        self.session.owe(Owed((event,), transaction))
        self.note_doubt(number)

    def note_doubt(self, number: int) -> None:
        """Note that no reply is believed, from an exchange on; the tables read it."""
        self.log.note(
            "doubt",
            f"from exchange {number} on: what seemed to answer it may have answered "
            "something else",
        )

    def read_all(self) -> Steps[None]:
        """Read until no reply is owed, or nothing more may leave."""
        while self.session.queue and not self.stopped:
            yield from self.read()

    def reply(self) -> Steps[Reply]:
        """Read until no reply is owed; return the last one."""
        yield from self.read_all()
        last = self.last_reply
        assert last is not None  # noqa: S101  # it was read just now
        return last

    def listen(self) -> None:
        """Match the replies that are here, without waiting.

        Raises:
            RemoteProtocolError: The peer keeps talking and does not listen.
            ConnectionLost: It closed.
        """
        fed = self.incoming.feed(self.connection.look())
        while self.session.queue:
            replies = self._complete(self.session.most_at_once)
            if not replies:
                break
            self.match(replies)
        self._refuse_flood()
        if fed == 0:
            raise ConnectionLost("the server closed the connection")

    def hears(self) -> bool:
        """Tell whether the server has said something that was not read yet.

        Raises:
            RemoteProtocolError: It keeps talking and does not listen.
            ConnectionLost: It closed instead.
        """
        if self.incoming.unread:
            return True
        if self.incoming.feed(self.connection.look()) == 0:
            raise ConnectionLost("the server closed the connection")
        self._refuse_flood()
        return self.incoming.unread > 0

    def _refuse_flood(self) -> None:
        if self.incoming.unread > MOST_UNREAD:
            raise RemoteProtocolError("the server keeps talking and does not listen")

    def _complete(self, most: int) -> tuple[bytes, ...]:
        """Take complete replies from what came in."""
        if not self.incoming.unread:
            return ()
        # Else to raw octets, or to the connection itself.
        behind = self.session.owed - 1 if self.session.queue else 0
        number = self.number - behind
        return self.incoming.replies(most, number, alone=most == 1)

    def match(self, replies: tuple[bytes, ...]) -> None:
        """Match replies to the commands that await one, first in first out.

        Raises:
            RemoteProtocolError: They do not match; nothing behind them is believed.
        """
        session = self.session
        owed = session.queue[0] if session.queue else None
        try:
            if not self._writing:
                session.received_all(replies)
            else:
                for octets in replies:
                    self._heed_early(octets)
                    session.received(Reply(octets))
            if owed is not None and session.answers_each:
                self._doubt_finals(owed)
        except RemoteProtocolError:
            self._mismatched = True
            n_behind = self.session.owed - 1
            if n_behind > 0:  # they have left, and may seem to be answered, too
                self.note_doubt(self.number - n_behind + 1)
            raise
        if session.remarks:
            for remark in session.remarks:
                self.log.note("ehlo", remark)
            session.remarks = ()

    def _heed_early(self, octets: bytes) -> None:
        """Look at a reply that came while something of ours was on its way."""
        session, event = self.session, self.session.awaited
        transaction = session.queue[0].transaction or session.follower.current
        if event not in ENDS or transaction is None or self.has_left(transaction):
            return
        if not refused(octets):
            self.note_doubt(self.number - session.owed + 1)
            raise RemoteProtocolError("the server replied in the middle of the message")
        # A chunk must be sent to its end, or the next command would be part of it.
        self.stopped = event == "."

    def new_epoch(self, *, verified: bool) -> None:
        """TLS began: nothing that came in clear is left in the parser."""
        self.incoming.begin_anew()
        self.session.encrypted_now(verified=verified)

    # What nobody asked for

    def refuse_surplus(self, where: str = "") -> None:
        """Raise if application data came in that nobody asked for."""
        fed = self.incoming.feed(self.connection.look())
        if fed == 0 and not self.incoming.unread:
            raise ConnectionLost("the server had closed the connection before this")
        if self.incoming.unread:
            self._refuse_unread(where)

    def _refuse_unread(self, where: str) -> NoReturn:
        surplus, reply = self.incoming.surplus()
        if reply is not None and is_421(reply):
            self.incoming.last = reply
            raise ConnectionLost("the server had ended the session before this")
        shown = surplus[:200]
        raise RemoteProtocolError(
            f"the server said something nobody asked for{where}: {shown!r}"
        )

    def refuse_unread(self) -> None:
        """Raise if something is left over behind the last reply of a group.

        Then commands and replies no longer match, and nobody knows since when. A 421
        may be said at any time (RFC 5321 section 3.8); the next command will tell it.
        """
        if self.stream is None or self.stopped:
            return
        with suppress(TransportError):
            self.incoming.feed(self.stream.look())
        if self._is_left_over():
            self._refuse_unread(" behind the last reply of a group")

    def _is_left_over(self) -> bool:
        """Whether more was said than a 421, which may be said at any time."""
        if not self.incoming.unread or self.incoming.pending(3) == b"421":
            return False
        self.left_over = self._mismatched = True
        return True

    def settle(self) -> None:
        """Read what has arrived already, without waiting: it may hold the last word."""
        if self.stream is None:
            return
        size = 0
        with suppress(SmtpError):
            while size < MOST_UNREAD and (
                fed := self.incoming.feed(self.stream.take())
            ):
                size += fed
        self._writing = True  # a yes to an end that has not left is still a lie
        with suppress(RemoteProtocolError):
            while self.session.queue and not self._mismatched:
                replies = self._complete(self.session.most_at_once)
                if not replies:
                    break
                self.match(replies)
        self._writing = False
        if not self.session.queue and self.incoming.unread:
            with suppress(RemoteProtocolError):
                _, reply = self.incoming.surplus()
                self.incoming.last = reply or self.incoming.last
