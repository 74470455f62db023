"""One connection from its opening to its end, driven one command or group at a time.

Every public step is a generator of waits and keeps these promises:

* What is refused here (order, injection, offers) is refused before an octet leaves,
  and changes nothing.
* Whatever ends a step early - a fault, the deadline, cancel, an interrupt - goes
  through `_fail`: what has already arrived is read (the 250 may be there), the fault
  is recorded, the connection is reset, and the error learns phase, peer, last reply
  and what became of the message. A half-read session is never used again.

Unknown begins when the kernel takes the octet past the final dot, not before.

This module knows nothing of threads, notebooks or tables.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from smtpnb.protocol.commands import (
    AuthCancel,
    AuthResponse,
    Bdat,
    Command,
    EndOfData,
    Quit,
    StartTls,
)
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpError,
)
from smtpnb.protocol.group import Draft, of_commands
from smtpnb.protocol.line import raw_octets
from smtpnb.protocol.parser import MAX_REPLY, ReplyParser
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.secret import Octets, placeholder
from smtpnb.protocol.session import State
from smtpnb.wire import record
from smtpnb.wire.dial import connect
from smtpnb.wire.faults import explain
from smtpnb.wire.link import Link
from smtpnb.wire.record import clock
from smtpnb.wire.resolve import resolve
from smtpnb.wire.stream import Stream
from smtpnb.wire.wait import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from smtpnb.wire.record import Record
    from smtpnb.wire.tls import TlsPolicy
    from smtpnb.wire.wait import Steps, Timeouts

_T = TypeVar("_T")

_IN_MESSAGE: Final = (State.DATA, State.CHUNKS)

# What a command of a group cannot bring along, and the verb that does.
_MORE_THAN_A_LINE: Final[Mapping[type[Command], str]] = {
    StartTls: "starttls",
    Bdat: "bdat",
    EndOfData: "end_data",
    AuthResponse: "auth",
    AuthCancel: "auth",
}


class Engine(Link):
    """Runs the steps of one connection.

    Args:
        log: Where everything that happens is written.
        timeouts: How long each phase may take.
        lax: See `Session`.

    Attributes:
        end_at: While the end of a message is under way: the count of `sent` beyond
            which the server may have taken it.
        judge: Tells what became of the messages under way, for whoever sends several;
            None to judge by `end_at`.
        facts: What TLS negotiated, or None.
    """

    def __init__(self, log: Record, timeouts: Timeouts, *, lax: bool = False) -> None:
        super().__init__(log, timeouts, lax=lax)
        self.facts: dict[str, Any] | None = None
        self.end_at: int | None = None
        self.judge: Callable[[], str | None] | None = None
        self._raw_unread = False
        self._fault: BaseException | None = None

    @property
    def peer(self) -> str:
        """The host and port as the user named them."""
        return f"{self.log.host}:{self.log.port}"

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.stream is not None

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
        reply = yield from self.guard(
            "greeting", self._read_reply(0, limit("greeting"))
        )
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
        self.require_replies_read()
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

    def require_replies_read(self) -> None:
        """Raise LocalProtocolError if replies to raw octets may still come."""
        if self._raw_unread and not self.session.lax:
            raise LocalProtocolError(
                "raw octets were sent: read their replies first (read_reply); "
                "nothing was sent"
            )

    def _exchange(
        self, command: Command, octets: Octets, deadline: float
    ) -> Steps[Reply]:
        self.refuse_surplus()
        self.exchange += 1
        self.session.sent(command)
        yield from self.write(octets, command.step, command.verb, deadline)
        reply = yield from self._read_reply(self.exchange, deadline)
        self.session.received(reply)
        return reply

    # A group of commands

    def group(
        self, commands: Sequence[Command], timeout: float | None = None
    ) -> Steps[tuple[Reply, ...]]:
        """Send commands in one group and return their replies, in order.

        A refusal in the middle stops nothing: the rest has left already.

        Args:
            commands: The commands; each may be granted or refused.
            timeout: Seconds for all of it; None for those of each command.

        Raises:
            LocalProtocolError: They must not leave in one group; nothing left.
        """
        for command in commands:
            if type(command) in _MORE_THAN_A_LINE:
                raise LocalProtocolError(
                    f"{command.verb} is more than its line, and has a verb of its own: "
                    f"{_MORE_THAN_A_LINE[type(command)]}(); nothing was sent"
                )
        if self.session.state is State.AUTH:  # lax or not: a line here is a secret
            raise LocalProtocolError("no group leaves in the middle of AUTH")
        lifted = self.session.check_group(commands)
        self.require_replies_read()
        made = of_commands(*commands, lax=self.session.lax)
        for objection in lifted:
            self.log.note("lax", objection)
        replies: list[Reply] = []

        def take(octets: tuple[bytes, ...]) -> None:
            for reply in map(Reply, octets):
                self.session.received(reply)
                replies.append(reply)

        self.on_replies = take
        try:
            limit = None if timeout is None else now() + timeout
            yield from self.guard(None, self.converse(made, limit))
        finally:
            self.on_replies = None
        if isinstance(commands[-1], Quit):
            self.end("quit")
        return tuple(replies)

    def chunk(
        self, octets: bytes, *, last: bool, timeout: float | None
    ) -> Steps[Reply]:
        """Send BDAT and its chunk, and return the reply (RFC 3030 section 2).

        Args:
            octets: The chunk, as it leaves.
            last: Whether the message ends with it.
            timeout: Seconds for all of it; None for those of the step.

        Raises:
            LocalProtocolError: BDAT is out of order or not offered; nothing left.
        """
        command = Bdat(len(octets), last=last)
        self.session.check(command)
        self.require_replies_read()
        if self.session.lifted:
            self.log.note("lax", self.session.lifted)
        draft = Draft(of_commands(command))
        draft.add_content(octets, octets.count(b"\n"))
        if last:
            self.end_at = self.sent + draft.size - 1
        limit = self.deadline(command.step, timeout)
        yield from self.guard("bdat", self.converse(draft.group(), limit))
        self.end_at = None
        assert self.last_reply is not None  # noqa: S101  # converse has read it
        return self.last_reply

    # Raw octets

    def raw(self, octets: bytes, timeout: float | None) -> Steps[None]:
        """Send octets as they are; their replies are read by `read_reply`."""
        self.require_connection()
        asked = self.last_reply is not None and self.last_reply.code == 334
        line = raw_octets(octets, secret=asked)
        self.exchange += 1
        self._raw_unread = True
        if self.session.state is State.DATA:
            self.end_at = -1  # the final dot may be anywhere in them
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
            self.end_at = None
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
        policy.verifying_context()  # a bad CA file is told before an octet leaves
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
            self.refuse_surplus(" behind its 220 to STARTTLS (an injection?)")
        started = clock()
        try:
            steps = self.connection.start_tls(policy, server_hostname, deadline)
            facts = yield from steps
        except BaseException as error:
            self.log.add(record.TLS, started, clock(), None, str(error))
            raise
        self.log.add(record.TLS, started, clock(), facts, None)
        self.facts = facts
        self._parser = ReplyParser(self.redactor)
        self.session.encrypted_now()

    # Endings

    def quit(self, timeout: float | None) -> Steps[Reply]:
        """Send QUIT, read its reply, close (RFC 5321 section 4.1.1.10)."""
        reply = yield from self.execute(Quit(), timeout)
        self.end("quit")
        return reply

    def disconnect(self) -> None:
        """Close without a word: FIN, or a reset in the middle of a message."""
        if self.stream is not None:
            if self.session.state is State.DATA:
                self.abort("disconnect")
            else:
                self.end("disconnect")

    def end(self, how: str) -> None:
        """Close in order."""
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

    def guard(self, phase: str | None, steps: Steps[_T]) -> Steps[_T]:
        """Run steps; whatever ends them early ends the connection.

        Args:
            phase: What they do; None for the step whose reply is awaited.
            steps: What to run.
        """
        try:
            return (yield from steps)
        except BaseException as error:
            if error is not self._fault:  # a guard inside another has told already
                self._fault = error
                self._fail(phase, error)
            raise

    def give_up(self, phase: str, error: SmtpError) -> NoReturn:
        """End the connection with an error found between two steps."""
        self._fault = error
        self._fail(phase, error)
        raise error

    def _fail(self, phase: str | None, error: BaseException) -> None:
        phase = phase or self.session.awaited or "other"
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
            self.match()
            while (reply := self._parser.next_reply()) is not None:
                self.log.add(record.SURPLUS, self._received_at, reply.octets)
                self._last = reply.octets

    def _settled_outcome(self) -> str | None:
        """Tell what is known of the message under way."""
        if self.judge is not None:
            return self.judge()
        session = self.session
        if session.state in _IN_MESSAGE or session.awaited in {"body", "eod"}:
            taken = self.end_at is not None and self.sent > self.end_at
            return "unknown" if taken else "aborted"
        if self.end_at is not None and self.last_reply is not None:
            return "accepted" if self.last_reply.ok else "refused"
        return None

    @property
    def sent(self) -> int:
        """How many octets have left on the present connection."""
        return 0 if self.stream is None else self.stream.sent
