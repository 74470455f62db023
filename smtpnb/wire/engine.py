"""One connection from its opening to its end, driven one command or group at a time.

The engine has an `Exchange`, through which all octets pass, and adds what a command
means: opening, one command, a group of them, STARTTLS, raw octets, the end. Every step
is a generator of waits and keeps these promises:

* What is refused here (order, injection, offers) is refused before an octet leaves,
  and changes nothing.
* Whatever ends a step early - a fault, the deadline, cancel, an interrupt - goes
  through `_fail`: what has already arrived is read (the 250 may be there), the fault
  is recorded, the connection is reset, and the error learns phase, peer, last reply
  and what became of the message. A half-read session is never used again.

This module knows nothing of threads, notebooks or tables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from smtpnb.edges.text import decode, for_terminal
from smtpnb.protocol.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Burl,
    Command,
    Custom,
    EndOfData,
    Mail,
    Quit,
    StartTls,
    step_of,
)
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpError,
)
from smtpnb.protocol.group import chunk, of_lines
from smtpnb.protocol.line import SecretLines
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import State
from smtpnb.protocol.transaction import ABORTED, ENDS, UNKNOWN, Transaction, worst
from smtpnb.wire import record
from smtpnb.wire.dial import connect
from smtpnb.wire.exchange import Exchange, finished
from smtpnb.wire.leaving import Departure
from smtpnb.wire.record import clock
from smtpnb.wire.resolve import is_unix, resolve
from smtpnb.wire.sentences import explain
from smtpnb.wire.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from smtpnb.protocol.proxy import ProxyHeader
    from smtpnb.protocol.secret import Octets
    from smtpnb.protocol.session import Session
    from smtpnb.wire.record import Record
    from smtpnb.wire.tls_policy import TlsPolicy
    from smtpnb.wire.wait import Steps, Timeouts

_T = TypeVar("_T")

# What a command of a group cannot bring along, and the verb that does.
_MORE_THAN_A_LINE: Final[Mapping[type[Command], str]] = {
    StartTls: "starttls",
    Auth: "auth",
    Bdat: "bdat",
    Burl: "burl",
    EndOfData: "end_data",
    AuthResponse: "auth",
    AuthCancel: "auth",
}
# Where, and awaiting what, the content of a message has begun.
_IN_CONTENT: Final = (State.DATA, State.CHUNKS)
_OF_CONTENT: Final = frozenset({"BDAT", *ENDS})
# Where RSET comes before the next message.
_OPEN: Final = (State.MAIL, State.RCPT, State.CHUNKS, State.SPOILT)
_SHOWN_OF_HALF_A_REPLY: Final = 200
# Octets of a content that some server may take for its end, or for a part of it.
_PERHAPS_AN_END: Final = rb"(?:\A|[\r\n])\.(?:[\r\n]|\Z)"


class Engine:
    """Runs the steps of one connection.

    Args:
        log: Where everything that happens is written.
        timeouts: How long each phase may take.
        session: State, capabilities, and the replies that are owed.

    Attributes:
        exchange: Through which all octets pass.
        log: Where everything that happens is written.
        session: State, capabilities, and the replies that are owed.
        facts: What TLS negotiated, or None.
    """

    def __init__(self, log: Record, timeouts: Timeouts, session: Session) -> None:
        self.exchange = Exchange(log, timeouts, session)
        self.log = log
        self.session = session
        self.facts: dict[str, Any] | None = None
        self._secrets = SecretLines(self.exchange.incoming.redactor)
        self._raw_unread = False
        self._fault: BaseException | None = None
        self._leaving: Transaction | None = None  # a chunk of it, by the verb

    @property
    def peer(self) -> str:
        """The host and port as the user named them; or "unix:" and a path."""
        host, port = self.log.host, self.log.port
        return host if is_unix(host) else f"{host}:{port}"

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.exchange.stream is not None

    # Opening

    def open(
        self,
        policy: TlsPolicy | None,
        server_hostname: str,
        limit: float | None,
        proxy: ProxyHeader | None = None,
        early: bytes = b"",
    ) -> Steps[Reply]:
        """Resolve, connect, start TLS if there is a policy, and read the greeting.

        Args:
            policy: For implicit TLS; None for a connection in clear.
            server_hostname: The name that the certificate must carry.
            limit: Absolute, for all of it together; None for those of each phase.
            proxy: What to say ahead of everything.
            early: What to say before the greeting has come, out of turn.
        """
        exchange, log = self.exchange, self.log
        opening = exchange.deadline("connect", limit)
        found = resolve(log, log.host, log.port, opening)
        addresses = yield from self.guard("resolve", found)
        attempt = connect(log, addresses, opening)
        exchange.stream = Stream((yield from self.guard("connect", attempt)))
        if proxy is not None:
            log.note("proxy", proxy.shown)
            steps = exchange.ahead(proxy.octets(), opening)
            yield from self.guard("connect", steps)
        if policy is not None:
            deadline = exchange.deadline("tls", limit)
            steps = self._handshake(policy, server_hostname, deadline)
            yield from self.guard("tls", steps)
            self.session.state = State.GREETING
        if early:
            yield from self.guard("raw", self._talk_early(early, limit))
        greeting = self._greeting(exchange.deadline("greeting", limit))
        reply = yield from self.guard("greeting", greeting)
        if early:
            exchange.number = 1
            self._raw_unread = True
        return reply

    def _talk_early(self, octets: bytes, limit: float | None) -> Steps[None]:
        """Send octets before the greeting, as exchange 1: the greeting is 0."""
        exchange = self.exchange
        self.log.note("early", "octets were sent before the greeting had come")
        exchange.number = 1
        line = self._secrets.cut(octets, asked=False)
        deadline = exchange.deadline("other", limit)
        yield from exchange.write(line, "other", "", deadline)
        exchange.number = 0

    def _greeting(self, deadline: float) -> Steps[Reply]:
        (octets,) = yield from self.exchange.replies(1, deadline)
        reply = Reply(octets)
        self.session.greeted(reply)
        return reply

    # One command

    def prepared(self, command: Command) -> Octets:
        """Check a command, and return its line; nothing leaves.

        Raises:
            LocalProtocolError: Out of order, or it must not be sent.
        """
        self.session.check(command)
        if self._raw_unread:
            self.require_replies_read()
        octets = self._line(command)
        if lifted := self.session.lifted:
            if command.verb.encode() not in octets.shown.upper():
                # It is a response to AUTH, and no verb at all.
                lifted = lifted.replace(command.verb, "a secret")
            self.log.note("lax", lifted)
        return octets

    def _line(self, command: Command) -> Octets:
        """Return the line of a command; what somebody else wrote is looked through."""
        session = self.session
        octets = command.octets(lax="syntax" in session.lax)
        if session.state is State.AUTH and not isinstance(command, AuthCancel):
            # Whatever this line is, it stands where the secret stands.
            return self._secrets.cut(bytes(octets.wire), asked=True)
        if isinstance(command, (Custom, Burl)):
            return self._secrets.cut(bytes(octets.wire), asked=False)
        return octets

    def execute(self, command: Command, limit: float | None = None) -> Steps[Reply]:
        """Send one command and return its reply.

        Raises:
            LocalProtocolError: Out of order, or it must not be sent; nothing left.
            SmtpError: The connection failed, and is closed.
            Cancelled: Cancelled meanwhile; the connection is closed.
        """
        octets = self.prepared(command)
        return (yield from self.converse(command, octets, limit))

    def following(self, command: Command, limit: float | None = None) -> Steps[Reply]:
        """Send one more part of what a user said as one; its first part was checked."""
        return (yield from self.converse(command, self._line(command), limit))

    def converse(
        self, command: Command, octets: Octets, limit: float | None
    ) -> Steps[Reply]:
        """Send a line that was prepared, and return its reply."""
        return (
            yield from self.guard(command.step, self._converse(command, octets, limit))
        )

    def _converse(
        self, command: Command, octets: Octets, limit: float | None
    ) -> Steps[Reply]:
        return (
            yield from self._rest(command, self.exchange.say(command, octets, limit))
        )

    def _end_by_quit(self, command: Command) -> None:
        """Close behind QUIT, whoever wrote it (RFC 5321 section 4.1.1.10)."""
        if self.session.state is not State.CLOSING:
            return
        if command.event == "QUIT" and self.connected:
            self.end("quit")

    # The direct path: the same rules, where nothing has to be waited for (`Owner`)

    @property
    def quiet_fd(self) -> int:
        """The descriptor, if something may leave by the direct path; else -1."""
        exchange = self.exchange
        stream = exchange.stream
        if stream is None or stream.tls is not None:
            return -1
        return -1 if exchange.incoming.unread or self.session.queue else stream.fd

    def hear_now(self, command: Command) -> Reply | None:
        """Return the reply to what has just left, if all of it is here."""
        reply = self.exchange.hear_now()
        if reply is not None and self.session.state is State.CLOSING:
            self._end_by_quit(command)
        return reply

    def rest(self, command: Command, rest: Steps[None] | None) -> Steps[Reply]:
        """Go on by steps where the direct path left off with a command."""
        return self.guard(command.step, self._rest(command, rest))

    def _rest(self, command: Command, rest: Steps[None] | None) -> Steps[Reply]:
        yield from finished(rest)
        reply = yield from self.exchange.reply()
        self._end_by_quit(command)
        return reply

    def note_suspicion(self) -> None:
        """Note that the server seems to speak the other protocol, if it does."""
        if self.session.suspicion:
            self.log.note("protocol", self.session.suspicion)

    def require_replies_read(self) -> None:
        """Raise LocalProtocolError if replies to raw octets may still come."""
        if self._raw_unread and "replies" not in self.session.lax:
            raise LocalProtocolError(
                "raw octets were sent: read their replies first (read_reply); "
                "nothing was sent"
            )

    def require_ready(self) -> None:
        """Raise LocalProtocolError if no message can be sent now.

        What an earlier `send` left open does not count: it is reset. A transaction
        that the user's own verbs began is theirs to end.
        """
        session = self.session
        if session.state not in _OPEN or session.begun_by_verb:
            session.check_order(Mail(""))
        self.require_replies_read()

    # A group of commands

    def group(
        self, commands: Sequence[Command], limit: float | None = None
    ) -> Steps[tuple[Reply, ...]]:
        """Send commands in one group and return their replies, in order.

        A refusal in the middle stops nothing: the rest has left already. Behind a 421
        no reply is waited for: the replies up to it are returned, and the connection
        is closed.

        Args:
            commands: The commands; each may be granted or refused.
            limit: Absolute, for all of it; None for the deadline of the group.

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
        made = [of_lines([(each, self._line(each))]) for each in commands]
        for objection in lifted:
            self.log.note("lax", objection)
        departures, open_ = [], self.session.follower.current
        for group, command in zip(made, commands, strict=True):
            begun = self.session.said(command)
            open_ = begun or open_
            of = begun if group.end is None else open_
            departures.append(Departure(group, of, command.path_said))
        replies: list[Reply] = []
        try:
            yield from self.guard(None, self._group(departures, limit, replies))
        except (SmtpError, Cancelled) as error:
            error.replies = tuple(replies)
            raise
        self._end_by_quit(commands[-1])
        return tuple(replies)

    def _group(
        self, departures: list[Departure], limit: float | None, replies: list[Reply]
    ) -> Steps[None]:
        exchange, session = self.exchange, self.session
        yield from exchange.leave(*departures, limit=limit)
        while session.queue:
            wanted = session.most_at_once, session.queue[0].deadline
            got = yield from exchange.replies(*wanted)
            replies += map(Reply, got)
            exchange.match(got)
            if session.state is State.CLOSING and session.queue:
                self.log.note("421", "the server is closing: no more was waited for")
                self.end("421")
                return
        exchange.refuse_unread()

    def chunk(self, octets: bytes, *, last: bool, limit: float | None) -> Steps[Reply]:
        """Send BDAT and its chunk, and return the reply (RFC 3030 section 2).

        Args:
            octets: The chunk, as it leaves.
            last: Whether the message ends with it.
            limit: Absolute, for all of it; None for those of the steps.

        Raises:
            LocalProtocolError: BDAT is out of order or not offered; nothing left.
        """
        command = Bdat(len(octets), last=last)
        self.session.check(command)
        self.require_replies_read()
        if self.session.lifted:
            self.log.note("lax", self.session.lifted)
        made = chunk(octets, octets.count(b"\n"), last=last)
        return (yield from self.guard(None, self._chunk(made, limit)))

    def _chunk(self, made: Any, limit: float | None) -> Steps[Reply]:
        self._leaving = current = self.session.follower.current or Transaction()
        yield from self.exchange.leave(Departure(made, current), limit=limit)
        reply = yield from self.exchange.reply()
        self._leaving = None
        return reply

    # Raw octets

    def raw(self, octets: bytes, limit: float | None) -> Steps[None]:
        """Send octets as they are; their replies are read by `read_reply`."""
        exchange = self.exchange
        exchange.require_connection()
        last = exchange.last_reply
        asked = last is not None and last.code == 334
        line = self._secrets.cut(octets, asked=asked)
        exchange.number += 1
        in_content = self.session.state is State.DATA
        if not in_content or re.search(_PERHAPS_AN_END, octets):
            self._raw_unread = True
            current = self.session.follower.current
            if in_content and current is not None:
                current.end_at = -1  # the final dot may be anywhere in them
        deadline = exchange.deadline("other", limit)
        yield from self.guard("raw", exchange.write(line, "other", "", deadline))

    def read_reply(self, limit: float | None) -> Steps[Reply]:
        """Read one reply to raw octets, or one that nobody asked for."""
        exchange = self.exchange
        exchange.require_connection()
        if not self._raw_unread:
            exchange.number += 1
        deadline = exchange.deadline("other", limit)
        (octets,) = yield from self.guard("reply", exchange.replies(1, deadline))
        reply = Reply(octets)
        self.session.received(reply)
        # The finals of LMTP all answer the one end that was among the octets.
        last = self.session.follower.last
        begun = last is not None and bool(last.finals) and last.owes_more
        more = begun and self.session.state is State.DATA
        self._raw_unread = more or exchange.incoming.unread > 0
        if self._raw_unread and not more:
            exchange.number += 1
        return reply

    # STARTTLS

    def starttls(
        self, policy: TlsPolicy, server_hostname: str, limit: float | None
    ) -> Steps[Reply]:
        """Send STARTTLS; after a 220 do the handshake.

        Args:
            policy: Whom to trust.
            server_hostname: The name that the certificate must carry.
            limit: Absolute, for all of it together; None for those of each phase.

        Raises:
            RemoteProtocolError: Octets stood behind the 220 (injection); there was
                no handshake (CVE-2011-0411 and its many children).
            TlsError: The handshake failed.
        """
        policy.verifying_context()  # a bad CA file is told before an octet leaves
        reply = yield from self.execute(StartTls(), limit)
        if self.session.state is not State.TLS:
            return reply
        deadline = self.exchange.deadline("tls", limit)
        steps = self._handshake(policy, server_hostname, deadline)
        yield from self.guard("tls", steps)
        return reply

    def _handshake(
        self, policy: TlsPolicy, server_hostname: str, deadline: float
    ) -> Steps[None]:
        from smtpnb.wire.tls_stream import TlsStream  # loads OpenSSL

        exchange = self.exchange
        if self.session.state is State.TLS:
            exchange.refuse_surplus(" behind its 220 to STARTTLS (an injection?)")
        started = clock()
        stream = exchange.stream = TlsStream(exchange.connection)
        try:
            facts = yield from stream.handshake(policy, server_hostname, deadline)
        except BaseException as error:
            self.log.add(record.TLS, started, clock(), None, str(error))
            raise
        self.log.add(record.TLS, started, clock(), facts, None)
        self.facts = facts
        exchange.new_epoch(verified=bool(facts["verified"]))

    # Endings

    def quit(self, limit: float | None) -> Steps[Reply]:
        """Send QUIT, read its reply, close."""
        return self.execute(Quit(), limit)

    def disconnect(self) -> None:
        """Close without a word: FIN, or a reset in the middle of a message."""
        if self.connected:
            if self.session.state is State.DATA:
                self.abort("disconnect")
            else:
                self.end("disconnect")

    def end(self, how: str) -> None:
        """Close in order."""
        self.exchange.connection.close()
        self._gone(how)

    def abort(self, how: str) -> None:
        """Reset the connection; nothing more leaves."""
        if self.exchange.stream is not None:
            self.exchange.stream.abort()
            self._gone(how)

    def _gone(self, how: str) -> None:
        self._settle(self.exchange.under_way(), self._fault)
        self.exchange.gone()
        self.log.add(record.CLOSE, clock(), how)

    def cancel(self) -> None:
        """End an idle connection because of a cancel."""
        if self.connected:
            self.exchange.settle()
            self.log.note("cancel", "between commands")
            self.abort("abort")

    # Faults

    def guard(
        self, phase: str | None, steps: Steps[_T], *, message: bool = False
    ) -> Steps[_T]:
        """Run steps; whatever ends them early ends the connection.

        Args:
            phase: What they do; None for the step whose reply is awaited.
            steps: What to run.
            message: They send whole messages: of an envelope, too, it is told what
                became of it.
        """
        try:
            return (yield from steps)
        except BaseException as error:
            self.failed(phase, error, message=message)
            raise

    def failed(
        self, phase: str | None, error: BaseException, *, message: bool = False
    ) -> None:
        """End the connection because of an error, unless it has ended it already."""
        if error is not self._fault:
            self._fault = error
            self._fail(phase, error, message=message)

    def give_up(self, phase: str, error: BaseException) -> NoReturn:
        """End the connection with an error found between two steps."""
        self.failed(phase, error)
        raise error

    def _settle(
        self, under_way: Iterable[Transaction], error: BaseException | None
    ) -> str | None:
        """Note what became of messages whose connection ends.

        After a 421 a server that closes without another word has looked at nothing
        that stood behind it; else what had left to its end may have been taken.
        """
        exchange = self.exchange
        silent = exchange.said_421 and not exchange.incoming.replies_after_421
        lost = isinstance(error, ConnectionLost)
        outcomes = []
        for transaction in under_way:
            left = exchange.has_left(transaction)
            mismatch = isinstance(error, RemoteProtocolError)
            if mismatch and transaction.is_contradictory:
                transaction.disbelieve()  # its refusal was one of something else
            transaction.settle(left=left, turned_away=silent and (lost or not left))
            if not transaction.told:
                unsure = transaction.leaves_unknown
                outcomes.append(UNKNOWN if unsure else transaction.outcome)
        return worst(outcomes)

    def _doing(self) -> str:
        """The step whose reply is awaited; where none is, that of what is to leave."""
        if self.session.queue:
            return step_of(self.session.awaited)
        current = self.session.follower.current
        return "body" if current is not None and current.wanted else "other"

    def _fail(
        self, phase: str | None, error: BaseException, *, message: bool = False
    ) -> None:
        exchange, session = self.exchange, self.session
        idle = phase is None and not session.queue
        phase = phase or self._doing()
        under_way = exchange.under_way()
        begun = session.state in _IN_CONTENT or session.awaited in _OF_CONTENT
        if self._leaving is not None and self._leaving not in under_way:
            under_way.append(self._leaving)  # it was refused before its end
            begun = True
        exchange.settle()
        outcome = self._settle(under_way, error)
        if not (begun or message):
            outcome = None
        if phase == "eod" and outcome == ABORTED:
            phase = "body"  # its end never left: no reply to it was due
        half = exchange.incoming.pending()
        if half and isinstance(error, (DeadlineExceeded, ConnectionLost, Cancelled)):
            text = for_terminal(decode(half[:_SHOWN_OF_HALF_A_REPLY]))
            self.log.note("half a reply", text)
            error.half_said = text
        if isinstance(error, (SmtpError, Cancelled)):
            silent = self.facts is None and exchange.silent
            partly = outcome == UNKNOWN and any(each.finals for each in under_way)
            explain(error, phase, outcome, silent=silent, partly=partly, idle=idle)
            error.peer = self.peer
            error.reply = exchange.last_reply
        elif outcome is not None:
            known: Any = error
            known.outcome = outcome
        kind = type(error).__name__
        text = str(error.args[0]) if error.args else kind
        self.log.add(record.ERROR, clock(), phase, kind, text, outcome)
        if self.connected:
            self.abort("lost" if isinstance(error, ConnectionLost) else "abort")
        else:
            exchange.gone()
