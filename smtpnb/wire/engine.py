"""One connection: session, stream and record, driven one command at a time.

Every public step is a generator of waits and keeps these promises:

* What is refused here (order, injection, offers) is refused before an octet leaves,
  and changes nothing.
* Before a command leaves, when no reply is owed, nothing may have come in unasked:
  surplus would be taken for the reply to this command, and every later one.
* Whatever ends a step early - a fault, the deadline, cancel, an interrupt - goes
  through `_fail`: what has already arrived is read (the 250 may be there), the fault
  is recorded, the connection is reset, and the error learns phase, peer, last reply
  and what became of the message. A half-read session is never used again.

Unknown begins when the kernel takes the octet past the final dot, not before.

This module knows nothing of threads, notebooks or tables.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from smtpnb.errors import (
    Cancelled,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpError,
)
from smtpnb.protocol.commands import (
    AuthCancel,
    Command,
    Quit,
    StartTls,
)
from smtpnb.protocol.line import raw_octets
from smtpnb.protocol.replies import MAX_REPLY, ReplyParser
from smtpnb.protocol.secret import Octets, Redactor, placeholder
from smtpnb.protocol.session import Session, State
from smtpnb.wire import record
from smtpnb.wire.connect import connect
from smtpnb.wire.faults import explain
from smtpnb.wire.record import clock
from smtpnb.wire.resolve import resolve
from smtpnb.wire.stream import Stream
from smtpnb.wire.wait import now

if TYPE_CHECKING:
    from smtpnb.protocol.replies import Reply
    from smtpnb.wire.record import Record
    from smtpnb.wire.tls import TlsPolicy
    from smtpnb.wire.wait import Steps, Timeouts

_T = TypeVar("_T")


class Engine:
    """Runs the steps of one connection.

    Args:
        log: Where everything that happens is written.
        timeouts: How long each phase may take.
        lax: See `Session`.

    Attributes:
        session: State and capabilities.
        last_reply: The last reply that was read, or None.
        dot_at: While an end of data is under way: the count of `stream.sent` beyond
            which the server may have taken the message.
        facts: What TLS negotiated, or None.
        redactor: Cuts the secrets of this connection out of what is received.
    """

    def __init__(self, log: Record, timeouts: Timeouts, *, lax: bool = False) -> None:
        self.log = log
        self.timeouts = timeouts
        self.session = Session(lax=lax)
        self.last_reply: Reply | None = None
        self.facts: dict[str, Any] | None = None
        self.stream: Stream | None = None
        self.exchange = 0
        self.dot_at: int | None = None
        self.redactor = Redactor()
        self._parser = ReplyParser(self.redactor.cut)
        self._raw_unread = False
        self._received_at = 0

    @property
    def peer(self) -> str:
        """The host and port as the user named them."""
        return f"{self.log.host}:{self.log.port}"

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.stream is not None

    def deadline(self, step: str, timeout: float | None) -> float:
        """Return the absolute deadline of a step that starts now."""
        return now() + (self.timeouts.of(step) if timeout is None else timeout)

    # Opening

    def open(
        self, policy: TlsPolicy | None, server_hostname: str, timeout: float | None
    ) -> Steps[Reply]:
        """Resolve, connect, start TLS if there is a policy, and read the greeting.

        Args:
            policy: For implicit TLS; None for a connection in clear.
            server_hostname: The name that the certificate must carry.
            timeout: Seconds for all of it together; None for those of each phase.
        """
        whole = None if timeout is None else now() + timeout

        def limit(step: str) -> float:
            return self.deadline(step, None) if whole is None else whole

        opening = limit("connect")
        log = self.log
        found = resolve(log, log.host, log.port, opening)
        addresses = yield from self.guard("resolve", found)
        attempt = connect(log, addresses, opening)
        self.stream = Stream((yield from self.guard("connect", attempt)))
        if policy is not None:
            steps = self._handshake(policy, server_hostname, limit("tls"))
            yield from self.guard("tls", steps)
            self.session.state = State.GREETING
        reply = yield from self.guard("greeting", self._reply(0, limit("greeting")))
        self.session.greeted(reply)
        return reply

    # One command

    def execute(self, command: Command, timeout: float | None = None) -> Steps[Reply]:
        """Send one command and return its reply.

        Raises:
            LocalProtocolError: Out of order, or it must not be sent; nothing left.
            SmtpError: The connection failed, and is closed.
            Cancelled: Cancelled meanwhile; the connection is closed.
        """
        in_auth = self.session.state is State.AUTH
        self.session.check(command)
        if self._raw_unread and not self.session.lax:
            raise LocalProtocolError(
                "raw octets were sent: read their replies first (read_reply); "
                "nothing was sent"
            )
        octets = command.octets(lax=self.session.lax)
        if in_auth and not isinstance(command, AuthCancel):
            # Whatever this line is, it stands where the secret stands.
            shown = placeholder(len(octets) - 2) + b"\r\n"
            octets = Octets(bytes(octets.wire), shown)
        if self.session.lifted:
            self.log.note("lax", self.session.lifted)
        deadline = self.deadline(command.step, timeout)
        return (
            yield from self.guard(
                command.step, self._exchange(command, octets, deadline)
            )
        )

    def _exchange(
        self, command: Command, octets: Octets, deadline: float
    ) -> Steps[Reply]:
        self._refuse_surplus()
        self.exchange += 1
        self.session.sent(command)
        yield from self.write(octets, command.step, command.verb, deadline)
        reply = yield from self._reply(self.exchange, deadline)
        self.session.received(reply)
        return reply

    def write(
        self, octets: Octets, step: str, verb: str, deadline: float
    ) -> Steps[None]:
        """Write one line and record it, whatever becomes of it."""
        stream = self.connection
        before, started = stream.sent, clock()
        try:
            yield from stream.write(octets.wire, deadline)
        finally:
            sent, shown = stream.sent - before, octets.shown
            self.log.add(
                record.SEND,
                started,
                clock(),
                self.exchange,
                step,
                verb,
                shown,
                sent,
            )

    def next_reply(self, deadline: float) -> Steps[Reply]:
        """Read one reply in the present exchange; the session does not move."""
        return self._reply(self.exchange, deadline)

    def reply(self, deadline: float) -> Steps[Reply]:
        """Read the reply to the present exchange and match it to its command."""
        reply = yield from self.next_reply(deadline)
        self.session.received(reply)
        return reply

    def _reply(self, exchange: int, deadline: float) -> Steps[Reply]:
        parser, stream = self._parser, self.connection
        first = self._received_at if len(parser) else 0
        receives = 0
        while (reply := parser.next_reply()) is None:
            if not self._feed((yield from stream.read(deadline))):
                raise ConnectionLost("the server closed the connection")
            first = first or self._received_at
            receives += 1
        self._note_reply(exchange, first, receives, reply)
        return reply

    def _feed(self, octets: bytes | None) -> int | None:
        """Parse octets received; return how many, None for none, 0 for the end.

        No caller keeps what the server said in a local variable: a verbose traceback
        prints them all, and it may have echoed a secret.
        """
        if octets is None:
            return None
        if octets:
            self._received_at = clock()
            self._parser.feed(octets)
        return len(octets)

    def _note_reply(
        self, exchange: int, first: int, receives: int, reply: Reply
    ) -> None:
        last = self._received_at
        self.log.add(
            record.REPLY, first or last, last, exchange, receives, reply.octets
        )
        self.last_reply = reply

    def require_connection(self) -> None:
        """Raise LocalProtocolError if there is no connection."""
        if self.stream is None:
            raise LocalProtocolError("not connected; connect() first")

    @property
    def connection(self) -> Stream:
        """The stream, for steps that run while there is one."""
        if self.stream is None:
            raise ConnectionLost("the connection is closed")
        return self.stream

    def _refuse_surplus(self, where: str = "") -> None:
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
            self.last_reply = unsolicited
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

    # Raw octets

    def raw(self, octets: bytes, timeout: float | None) -> Steps[None]:
        """Send octets as they are; their replies are read by `read_reply`."""
        self.require_connection()
        asked = self.last_reply is not None and self.last_reply.code == 334
        line = raw_octets(octets, secret=asked)
        self.exchange += 1
        self._raw_unread = True
        if self.session.state is State.DATA:
            self.dot_at = -1  # the final dot may be anywhere in them
        deadline = self.deadline("other", timeout)
        yield from self.guard("raw", self.write(line, "other", "", deadline))

    def read_reply(self, timeout: float | None) -> Steps[Reply]:
        """Read one reply to raw octets, or one that nobody asked for."""
        self.require_connection()
        if not self._raw_unread:
            self.exchange += 1
        deadline = self.deadline("other", timeout)
        reply = yield from self.guard("reply", self.reply(deadline))
        self._raw_unread = False
        if len(self._parser):
            self._raw_unread = True
            self.exchange += 1
        if self.session.state is not State.DATA:
            self.dot_at = None
        return reply

    # STARTTLS

    def starttls(
        self, policy: TlsPolicy, server_hostname: str, timeout: float | None
    ) -> Steps[Reply]:
        """Send STARTTLS; after a 220 do the handshake.

        Raises:
            RemoteProtocolError: Octets stood behind the 220 (injection); there was
                no handshake (CVE-2011-0411 and its many children).
            TlsError: The handshake failed.
        """
        policy.make_context()  # a bad CA file is told before an octet leaves
        limit = None if timeout is None else now() + timeout
        reply = yield from self.execute(StartTls(), timeout)
        if self.session.state is not State.TLS:
            return reply
        if reply.code != 220:  # RFC 3207 section 4
            error = RemoteProtocolError(f"STARTTLS was answered {reply.code}, not 220")
            self.give_up("starttls", error)
        deadline = limit or self.deadline("tls", None)
        steps = self._handshake(policy, server_hostname, deadline)
        yield from self.guard("tls", steps)
        return reply

    def _handshake(
        self, policy: TlsPolicy, server_hostname: str, deadline: float
    ) -> Steps[None]:
        if self.session.state is State.TLS:
            self._refuse_surplus(" behind its 220 to STARTTLS (an injection?)")
        started = clock()
        try:
            steps = self.connection.start_tls(policy, server_hostname, deadline)
            facts = yield from steps
        except BaseException as error:
            self.log.add(record.TLS, started, clock(), None, str(error))
            raise
        self.log.add(record.TLS, started, clock(), facts, None)
        self.facts = facts
        self._parser = ReplyParser(self.redactor.cut)
        self.session.encrypted_now()

    # Endings

    def quit(self, timeout: float | None) -> Steps[Reply]:
        """Send QUIT, read its reply, close (RFC 5321 section 4.1.1.10)."""
        reply = yield from self.execute(Quit(), timeout)
        self._end("quit")
        return reply

    def disconnect(self) -> None:
        """Close without a word: FIN, or a reset in the middle of a message."""
        if self.stream is not None:
            if self.session.state is State.DATA:
                self.abort("disconnect")
            else:
                self._end("disconnect")

    def _end(self, how: str) -> None:
        self.connection.close()
        self._gone(how)

    def abort(self, how: str) -> None:
        """Reset the connection; nothing more leaves."""
        if self.stream is not None:
            self.stream.abort()
            self._gone(how)

    def _gone(self, how: str) -> None:
        self.stream = None
        self.session.closed()
        self.redactor.forget()
        self.log.add(record.CLOSE, clock(), how)

    def cancel(self) -> None:
        """End an idle connection because of a cancel."""
        if self.stream is not None:
            self._settle()
            self.log.note("cancel", "between commands")
            self.abort("abort")

    # Faults

    def guard(self, phase: str, steps: Steps[_T]) -> Steps[_T]:
        """Run steps; whatever ends them early ends the connection."""
        try:
            return (yield from steps)
        except BaseException as error:
            self._fail(phase, error)
            raise

    def give_up(self, phase: str, error: SmtpError) -> NoReturn:
        """End the connection with an error found between two steps."""
        self._fail(phase, error)
        raise error

    def _fail(self, phase: str, error: BaseException) -> None:
        self._settle()
        outcome = self._settled_outcome()
        if isinstance(error, (SmtpError, Cancelled)):
            silent = self.facts is None and not self._received_at
            explain(error, phase, outcome, silent=silent)
            error.peer = self.peer
            error.reply = self.last_reply
        kind = type(error).__name__
        text = str(error.args[0]) if error.args else kind
        self.log.add(record.ERROR, clock(), phase, kind, text, outcome)
        if self.stream is not None:
            self.abort("lost" if isinstance(error, ConnectionLost) else "abort")
        else:
            self.session.closed()
            self.redactor.forget()

    def _settle(self) -> None:
        """Read what has arrived already: it may hold the last word."""
        if self.stream is None:
            return
        with suppress(SmtpError):
            size = 0
            while size < MAX_REPLY and (fed := self._feed(self.stream.take())):
                size += fed
        with suppress(SmtpError):
            while (reply := self._parser.next_reply()) is not None:
                if self.session.owed:
                    self._note_reply(self.exchange, 0, 0, reply)
                    self.session.received(reply)
                else:
                    self.log.add(record.SURPLUS, self._received_at, reply.octets)
                    self.last_reply = reply

    def _settled_outcome(self) -> str | None:
        """Tell what is known of the message under way."""
        if self.session.state is State.DATA:
            past = self.dot_at is not None and self._sent > self.dot_at
            return "unknown" if past else "aborted"
        if self.dot_at is not None and self.last_reply is not None:
            return "accepted" if self.last_reply.ok else "refused"
        return None

    @property
    def _sent(self) -> int:
        return 0 if self.stream is None else self.stream.sent
