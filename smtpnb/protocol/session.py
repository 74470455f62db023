"""One session: what may be said in it now, and what each reply does to it.

What follows what stands in the table of `protocol.order`. `Session` matches replies to
commands first in, first out, holds the capabilities and the mail transaction, and
refuses what `protocol.objections` speaks against. `lax` lifts these guards, all or one
by one (`protocol.guards`); it never lifts what a command may be answered: another
answer is a `RemoteProtocolError`.

After TLS begins, nothing learnt before it is known any more (RFC 3207 section 4.2).

This module knows nothing of octets on a socket, nor of time.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import (
    Command,
    Custom,
)
from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.guards import Lax, lifted
from smtpnb.protocol.limits import Counted
from smtpnb.protocol.objections import objection_to_group, objections, out_of_order
from smtpnb.protocol.order import (
    BETWEEN_COMMANDS,
    DOORS,
    GRANTED,
    LMTP_TABLE,
    NOT_VERBS,
    TABLE,
    State,
    after,
    if_granted,
    may_answer,
    reply_class,
)
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.transaction import ENDS, Follower, Transaction, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Who uses a session finds its states and its table here.
__all__ = [
    "LMTP_TABLE",
    "NOT_VERBS",
    "TABLE",
    "Owed",
    "Session",
    "State",
    "may_answer",
    "reply_class",
]

_HELLOS: Final = ("EHLO", "HELO", "LHLO")
# Events of our own making: nobody can be told to say them.
_NOT_SAID: Final = frozenset({"greeting", "tls"})
# Words for people where an event is no verb.
_NAMES: Final[Mapping[str, str]] = {
    ".": "the end of data",
    "": "the answer to a 334",
    "*": 'the "*" that ends AUTH',
    "greeting": "the connection",
}
_OF_ENVELOPE: Final = ("MAIL", "RCPT")


class Owed:
    """Replies that are owed to commands that left together. Mutable.

    The last command may be the end of a message; it may have more replies than one.

    Attributes:
        events: What was sent, in the words of the table.
        transaction: The mail transaction that they belong to; None for the one that is
            open when the reply comes.
        path: Of a single MAIL or RCPT, the path.
        n_octets: How many left with them.
        n_done: How many were answered.
        deadline: When the last of them is due; absolute, written by who waits.
        is_limited: The deadline is that of a whole call.
    """

    __slots__ = (
        "deadline",
        "events",
        "is_limited",
        "n_done",
        "n_octets",
        "path",
        "transaction",
    )

    def __init__(
        self,
        events: tuple[str, ...],
        transaction: Transaction | None = None,
        path: str | None = None,
        n_octets: int = 0,
    ) -> None:
        self.events = events
        self.transaction = transaction
        self.path = path
        self.n_octets = n_octets
        self.n_done = 0
        self.deadline = 0.0
        self.is_limited = False

    @property
    def has_begun_to_end(self) -> bool:
        """Whether some of the replies to the end of its message have come."""
        transaction = self.transaction
        return transaction is not None and bool(
            transaction.finals or transaction.prelude
        )


class Session:
    """The state of one connection, and the commands that await their replies.

    Args:
        lax: Which guards are lifted (`protocol.guards`).
        lmtp: It speaks LMTP (RFC 2033).
        disabled: EHLO keywords to take as if they had not been announced.

    Attributes:
        lax: The guards that are lifted.
        encrypted: The session is inside TLS.
        verified: The certificate was verified.
        posed: XCLIENT was granted: the session is that of another client.
        state: Where the session is.
        capabilities: What the last EHLO in this TLS epoch offered.
        authenticated: Whether AUTH succeeded.
        follower: The mail transaction, as the replies tell it.
        queue: The replies that are owed, oldest first.
        begun_by_verb: Whether the user's own MAIL began the open transaction.
        answers_each: The end of a message may have more replies than one: LHLO was
            granted, or PRDR was said.
        greeting: The greeting; None before it.
        barrier: What the server said instead of going on, or None: it refused the
            greeting or the hello, or is closing.
        refused_hello: EHLO, HELO or LHLO, if the server said that it does not know it.
        lifted: Why the last command was only sent because a guard was lifted; "" if
            none objected.
        counted: What LIMITS counts (RFC 9422).
        remarks: What is odd about the last offers; whoever writes it down empties it.
    """

    def __init__(
        self,
        *,
        lax: Lax = False,
        lmtp: bool = False,
        disabled: Iterable[str] = (),
    ) -> None:
        self.state = State.GREETING
        self.lmtp = lmtp
        self.table = LMTP_TABLE if lmtp else TABLE
        self.lax = lifted(lax)
        self.disabled = frozenset(map(str.upper, disabled))
        self.counted = Counted()
        self.encrypted = self.verified = self.posed = False
        self.capabilities = Capabilities()
        self.authenticated = False
        self.lifted = ""
        self.remarks: tuple[str, ...] = ()
        self.follower = Follower()
        self.queue: deque[Owed] = deque()
        self.begun_by_verb = False
        self.answers_each = False
        self.greeting: Reply | None = None
        self.barrier: Reply | None = None
        self.refused_hello = ""
        self._assumed: Command | None = None  # the MAIL inside a group that is checked

    @property
    def awaited(self) -> str:
        """The oldest command that awaits a reply, as an event; "?" if none does."""
        if not self.queue:
            return "?"
        owed = self.queue[0]
        return owed.events[owed.n_done]

    @property
    def owed(self) -> int:
        """How many commands await a reply."""
        n = 0
        for owed in self.queue:
            n += len(owed.events) - owed.n_done
        return n

    @property
    def most_at_once(self) -> int:
        """How many replies may be taken together: the finals of LMTP one by one."""
        if not self.answers_each:
            return self.owed
        n = 0
        for owed in self.queue:
            n += len(owed.events) - owed.n_done
            transaction = owed.transaction or self.follower.current
            if transaction and transaction.is_separate and owed.events[-1] in ENDS:
                return max(n - 1, 1)
        return n

    def allowed(self) -> tuple[str, ...]:
        """Return the verbs that are in order now, for views and messages."""
        return tuple(
            NOT_VERBS.get(verb, verb)
            for verb in self.table[self.state]
            if verb not in _NOT_SAID
        )

    @property
    def suspicion(self) -> str:
        """Say that the server seems to speak the other protocol; "" if it does not.

        An LMTP server must refuse EHLO and HELO (RFC 2033 section 4.1), and an SMTP
        server does not know LHLO. Where the greeting does not say LMTP, a refused hello
        is a sign and no proof.
        """
        if self.refused_hello == "":
            return ""
        if self.lmtp:
            return "this is no LMTP server, it seems: an SMTP server is greeted by EHLO"
        greeting = "" if self.greeting is None else self.greeting.text.upper()
        says = "LMTP" in re.findall(r"\w+", greeting)
        if says:
            return 'this is LMTP, as its greeting says: connect(..., protocol="lmtp")'
        return (
            f"{self.refused_hello} is not known there: if this is LMTP, "
            'connect(..., protocol="lmtp")'
        )

    def check(self, command: Command) -> None:
        """Refuse what must not be sent now.

        Raises:
            LocalProtocolError: Out of order, an extension that was not offered, a
                non-ASCII path outside an SMTPUTF8 transaction, or DATA inside a
                BINARYMIME one.
        """
        self.lifted = ""
        found = objections(self, command)
        if not found:  # as nearly always
            return
        if self.state is State.CLOSED:  # lax or not
            raise LocalProtocolError(f"{found[0][1]}; nothing was sent")
        for guard, objection in found:
            if guard not in self.lax and not isinstance(command, Custom):
                raise LocalProtocolError(f"{objection}; nothing was sent")
        self.lifted = "; ".join([objection for _, objection in found])

    def check_order(self, command: Command) -> None:
        """Refuse what is out of order now, whatever else may speak against it.

        Raises:
            LocalProtocolError: It is out of order, or there is no connection.
        """
        self.lifted = out_of_order(self, command)
        if self.lifted and ("order" not in self.lax or self.state is State.CLOSED):
            raise LocalProtocolError(f"{self.lifted}; nothing was sent")

    def check_group(self, commands: Sequence[Command]) -> list[str]:
        """Refuse commands that must not leave in one group, in this order, now.

        Each is checked as if the ones before it had been granted.

        Returns:
            What only `lax` allows, a sentence each.

        Raises:
            LocalProtocolError: As `check`; the server does not offer PIPELINING; or a
                command is not the last one and must be (RFC 2920 section 3.1).
        """
        objection = objection_to_group(self, commands)
        if objection and "groups" not in self.lax:
            raise LocalProtocolError(f"{objection}; nothing was sent")
        said = [objection] if objection else []
        return said + self._check_each(commands, self.state)

    def check_envelope(self, commands: Sequence[Command]) -> list[str]:
        """Refuse the commands of a mail transaction that cannot follow the present one.

        Returns and raises as `check_group`, but for the rules of a group.
        """
        return self._check_each(commands, State.READY)

    def mail_said(self, parameter: str) -> bool:
        """Whether "SMTPUTF8" or "BODY=BINARYMIME" stood in the MAIL that is open."""
        if self._assumed is not None:
            return self._assumed.says(parameter)
        current = self.follower.current
        if current is None:
            return False
        return current.smtputf8 if parameter == "SMTPUTF8" else current.binary

    def _check_each(self, commands: Sequence[Command], start: State) -> list[str]:
        before, counted = self.state, self.counted
        given_up: list[str] = []
        try:
            self.state, self.counted = start, counted.copy()
            for command in commands:
                self.check(command)
                self._assume(command)
                given_up.append(self.lifted)
        finally:
            self.state, self._assumed = before, None
            self.counted = counted
        return [objection for objection in given_up if objection]

    def _assume(self, command: Command) -> None:
        """Move as if the command had been granted."""
        self.state = if_granted(self.table, self.state, command.event)
        if command.event == "MAIL":  # whoever wrote it
            self._assumed = command
        self.counted.said(command)

    # Commands leave, replies come

    def sent(self, command: Command) -> None:
        """Note that a command left, so that its reply is owed."""
        event, begun = command.event, None
        if event in _OF_ENVELOPE:
            begun = self.said(command)
        self.owe(Owed((event,), begun, command.path_said))

    def said(self, command: Command) -> Transaction | None:
        """Count a command that leaves; return the transaction that it may begin."""
        event = command.event
        if event in _OF_ENVELOPE:
            self.counted.said(command)
        if event != "MAIL":
            return None
        return Transaction(
            command.path_said,
            smtputf8=command.says("SMTPUTF8"),
            binary=command.says("BODY=BINARYMIME"),
            lmtp=self.follower.lmtp,
            prdr=command.says("PRDR"),
        )

    def owe(self, owed: Owed) -> None:
        """Note that commands of a transaction left together."""
        if owed.transaction is not None and owed.transaction.is_separate:
            self.answers_each = True
        self.queue.append(owed)

    def received_all(self, replies: Sequence[bytes]) -> None:
        """Match replies, as received, to what is owed: `received`, one by one.

        Where a run of a mail transaction was granted, as nearly all are, its last
        command says where the session is; that takes a tenth of the time.

        Raises:
            RemoteProtocolError: As `received`; those before it were matched.
        """
        start = 0
        while start < len(replies):
            n = 0
            if self.queue and self.queue[0].transaction is not None:
                n = self._received_run(replies, start)
            if not n:
                self.received(Reply(replies[start]))
                n = 1
            start += n

    def _received_run(self, replies: Sequence[bytes], start: int) -> int:
        """Match the run that `replies` begin with, if all of it was granted; else 0."""
        owed = self.queue[0]
        done, transaction = owed.n_done, owed.transaction
        if transaction is None or self.answers_each or self.state is State.CLOSING:
            return 0
        n = min(len(replies) - start, len(owed.events) - done)
        run = replies[start : start + n]
        events = owed.events[done : done + n]
        last = events[-1]
        state, plain = GRANTED.get(last), run
        if last == "DATA":
            if not run[-1].startswith(b"354"):
                return 0
            plain = run[:-1]
        # A code is 200 to 599: what is less than "3" is 2yz.
        if state is None or max(plain, default=b"") >= b"3":
            return 0
        transaction.granted(events, run)
        self.follower.last = transaction
        if last in ENDS:
            self.follower.over()
        elif "MAIL" in events[:2]:  # RSET may stand before it
            self.follower.current = transaction
            self.begun_by_verb = owed.path is not None
        self.state = state
        self._done(owed, n)
        return n

    def _done(self, owed: Owed, n: int) -> None:
        owed.n_done += n
        if owed.n_done == len(owed.events):
            self.queue.popleft()

    def received(self, reply: Reply) -> str | None:
        """Match a reply to the oldest command that awaits one, and move.

        Returns:
            The event that was answered, or None if no command awaited a reply (the
            replies to raw octets).

        Raises:
            RemoteProtocolError: No server that understood the command answers so; the
                command still awaits its reply.
        """
        if not self.queue:
            self._received_to_raw(reply)
            return None
        owed = self.queue[0]
        event, in_auth = owed.events[owed.n_done], self.state is State.AUTH
        # Whatever the line said, the server read it as the response.
        said = "" if in_auth and event not in TABLE[State.AUTH] else event
        self._judge(said, reply, owed.transaction or self.follower.current)
        decisive = self._follow(owed, event, reply)
        if decisive is not None:
            self._move(event, decisive)
        if event in _HELLOS:
            self.barrier = reply if refused(reply.octets) else None
            self.refused_hello = event if reply.code in {500, 502} else ""
        if reply_class(reply) != 2:
            return event
        if in_auth or event == "AUTH":
            self.authenticated = True
        elif event in {"EHLO", "LHLO"}:
            offered = Capabilities.from_reply(reply, without=self.disabled)
            self.capabilities = offered
            self.answers_each = event == "LHLO"
            self.remarks += offered.remarks
            if offered.disabled:
                off = ", ".join(offered.disabled)
                self.remarks += (f"announced, and switched off (disable=): {off}",)
        elif event == "HELO":
            domain = reply.text.split(" ", 1)[0]
            self.capabilities = Capabilities(domain=domain, known=True)
        elif event == "XCLIENT":  # a new session begins, as if just greeted
            self._begin_anew()
            self.posed = True
        return event

    def _judge(
        self, event: str, reply: Reply, transaction: Transaction | None = None
    ) -> None:
        if may_answer(event, reply.code):
            return
        begins = event in ENDS and transaction and transaction.may_begin_finals
        if begins and reply.code == 353:  # PRDR: a reply for each recipient follows
            return
        name = _NAMES.get(event, event)
        doors = " or ".join(map(str, DOORS.get(event, ()))) or "2yz"
        raise RemoteProtocolError(
            f"{name} was answered {reply}: only {doors}, 4yz or 5yz can be an answer "
            "to it (RFC 5321 section 4.3.2)"
        )

    def _follow(self, owed: Owed, event: str, reply: Reply) -> Reply | None:
        """Tell the transaction, and take the reply off the queue.

        Returns:
            The reply that moves the session: this one, but of several replies to the
            end of a message a yes, if there was any; None if more must come before.
        """
        if event in ENDS and owed.transaction is None:
            owed.transaction = self.follower.current
        transaction = owed.transaction
        if transaction is None or event == "MAIL":
            if reply_class(reply) == 2:
                self.begun_by_verb = owed.path is not None
            self.follower.answered(event, reply.octets, owed.path, transaction)
        else:
            transaction.answered(event, reply.octets)
            self.follower.last = transaction
            if event in ENDS:
                self.follower.over()
        if transaction is None or event not in ENDS:
            self._done(owed, 1)
            return reply
        if transaction.owes_more:
            return reply if reply.code == 421 else None
        self._done(owed, 1)
        taken = [octets for octets in transaction.finals if not refused(octets)]
        return Reply(taken[0]) if taken and transaction.lmtp else reply

    def greeted(self, reply: Reply) -> None:
        """Take the greeting.

        Raises:
            RemoteProtocolError: It says neither yes nor no.
        """
        self._judge("greeting", reply)
        self.greeting = reply
        self._move("greeting", reply)

    def encrypted_now(self, *, verified: bool = False) -> None:
        """TLS began: forget what was learnt in clear (RFC 3207 section 4.2)."""
        self.encrypted, self.verified = True, verified
        self._begin_anew()
        self.state = TABLE[State.TLS]["tls"][2]

    def _begin_anew(self) -> None:
        """Be where the greeting left us: nothing is known, nothing was said."""
        self.capabilities = Capabilities()
        self.authenticated = False
        self.follower = Follower()
        self.counted = Counted()
        self.answers_each = False
        self.barrier = None
        self.refused_hello = ""

    def closed(self) -> None:
        """The connection is gone, and with it every reply that was owed."""
        self.state = State.CLOSED
        self.capabilities = Capabilities()
        self.authenticated = False
        self.follower.over()
        self.queue.clear()

    def _move(self, event: str, reply: Reply) -> None:
        self.state = after(self.table, self.state, event, reply)
        if self.state is State.CLOSING:
            self.barrier = reply

    def _received_to_raw(self, reply: Reply) -> None:
        # Nobody knows what raw octets asked; these two replies speak for themselves.
        if reply.code == 354 and self.state in BETWEEN_COMMANDS:
            self.follower.answered("DATA", reply.octets)
            self.state = State.DATA
        elif self.state is State.AUTH:
            self._move("", reply)
            self.authenticated = reply_class(reply) == 2
        elif self.state is State.DATA:
            ended = self.follower.answered(".", reply.octets)
            if reply.code == 421 or ended is None or not ended.owes_more:
                self._move(".", reply)
        elif reply.code == 421:
            self._move(".", reply)
