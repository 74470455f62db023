"""The order of things: which command may be sent now, and what its reply changes.

Everything that moves a session from one state to another stands in ONE table, `TABLE`:
(state, verb) -> {reply class -> next state}. A verb missing from a state's row is out
of order there; a reply class missing from a row leaves the state as it was. So the
table answers both questions a person has: "what may I send?" and "where am I now?"

Events that are no verbs have names of their own: "greeting" (the first reply), "tls"
(the handshake is done), "." (the final dot) and "BDAT LAST" (the last chunk).

Two rules stand above the table, because they hold in every row:

* 421, whatever it answers, means the server is closing (RFC 5321 sections 3.8 and
  4.2.3): only QUIT is left.
* After TLS begins, nothing learnt before it is known any more (RFC 3207 section 4.2).

`Session` matches replies to commands first in, first out, holds the capabilities, and
guards what the table cannot say: extensions that were not offered, AUTH in clear.
`lax` lifts order and offers (a workbench must be able to misbehave on purpose); it
never lifts what protects the user: injection, and secrets in clear.

This module knows nothing of octets on a socket, nor of time.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import Auth, Bdat, Command, Custom, Mail, Rcpt
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class State(Enum):
    """Where a session is; the values are words for people."""

    CLOSED = "not connected"
    GREETING = "connected; the greeting has not come"
    CONNECTED = "greeted; EHLO or HELO comes next"
    READY = "ready for a mail transaction"
    AUTH = "in the middle of AUTH"
    TLS = "the TLS handshake is due"
    MAIL = "in a transaction; no recipient was accepted yet"
    RCPT = "in a transaction with at least one recipient"
    DATA = "the content is due"
    CHUNKS = "in a message sent by BDAT; the next chunk is due"
    SPOILT = "a chunk was refused; RSET or QUIT comes next"
    CLOSING = "the server is closing; only QUIT is left"

    def __str__(self) -> str:
        return self.name


S = State
_STAY: Final[Mapping[int, State]] = {}
_HELLO: Final = {2: S.READY}
# What may be said at any time between commands (RFC 5321 section 4.1.4).
_ANY_TIME: Final[dict[str, Mapping[int, State]]] = {
    "EHLO": _HELLO,  # in mid-session it is an RSET as well
    "HELO": _HELLO,
    "NOOP": _STAY,
    "HELP": _STAY,
    "VRFY": _STAY,
    "EXPN": _STAY,
    "QUIT": {2: S.CLOSING, 5: S.CLOSING, 4: S.CLOSING},
}
# After a refused chunk nobody knows what the server holds (RFC 3030 section 2).
_SPOILT: Final = {4: S.SPOILT, 5: S.SPOILT}
_CHUNK: Final[dict[str, Mapping[int, State]]] = {
    "BDAT": {2: S.CHUNKS, **_SPOILT},
    "BDAT LAST": {2: S.READY, **_SPOILT},
}
_CLOSING_ONLY: Final[dict[str, Mapping[int, State]]] = {"QUIT": _ANY_TIME["QUIT"]}

TABLE: Final[Mapping[State, Mapping[str, Mapping[int, State]]]] = {
    S.CLOSED: {},
    # 554 and 521 greetings leave only QUIT (RFC 5321 section 3.1, RFC 7504).
    S.GREETING: {"greeting": {2: S.CONNECTED, 4: S.CLOSING, 5: S.CLOSING}},
    S.CONNECTED: {**_ANY_TIME, "RSET": _STAY, "STARTTLS": {2: S.TLS}},
    S.READY: {
        **_ANY_TIME,
        "RSET": _STAY,
        "STARTTLS": {2: S.TLS},
        "AUTH": {3: S.AUTH},
        "MAIL": {2: S.MAIL},
    },
    # Only an answer or "*" may follow a 334 (RFC 4954 section 4).
    S.AUTH: {
        "": {2: S.READY, 4: S.READY, 5: S.READY},
        "*": {2: S.READY, 4: S.READY, 5: S.READY},
    },
    S.TLS: {"tls": {2: S.CONNECTED}},
    S.MAIL: {**_ANY_TIME, "RSET": {2: S.READY}, "RCPT": {2: S.RCPT}},
    S.RCPT: {
        **_ANY_TIME,
        "RSET": {2: S.READY},
        "RCPT": _STAY,
        "DATA": {3: S.DATA},
        **_CHUNK,
    },
    S.CHUNKS: {**_ANY_TIME, "RSET": {2: S.READY}, **_CHUNK},
    S.SPOILT: {**_ANY_TIME, "RSET": {2: S.READY}},
    # The only ways out of DATA are finishing and dropping the connection.
    S.DATA: {".": {2: S.READY, 4: S.READY, 5: S.READY}},
    S.CLOSING: _CLOSING_ONLY,
}

# What a verb does where it is in order: the best guess at what it did out of order,
# when it was sent so on purpose (`lax`, Custom) or in a pipelined group (RCPT all
# refused and DATA answered 354), and the server took it all the same.
_USUAL: Final[Mapping[str, Mapping[int, State]]] = {
    "STARTTLS": TABLE[S.READY]["STARTTLS"],
    "AUTH": TABLE[S.READY]["AUTH"],
    "MAIL": TABLE[S.READY]["MAIL"],
    "RCPT": TABLE[S.MAIL]["RCPT"],
    "DATA": TABLE[S.RCPT]["DATA"],
    **_CHUNK,
}
_BETWEEN_COMMANDS: Final = (
    *(S.CONNECTED, S.READY, S.MAIL, S.RCPT),
    *(S.CHUNKS, S.SPOILT),
)
# What only moves the state, and leads to the same one from wherever it is sent.
_GRANTED: Final[Mapping[str, Mapping[int, State]]] = {
    "RSET": TABLE[S.MAIL]["RSET"],
    "MAIL": _USUAL["MAIL"],
    "RCPT": _USUAL["RCPT"],
    "DATA": _USUAL["DATA"],
    ".": TABLE[S.DATA]["."],
    **_CHUNK,
}
# RFC 2920 section 3.1 and RFC 3030 section 4.2; every other command ends its group.
_ANYWHERE_IN_GROUP: Final = ("RSET", "MAIL", "RCPT", "BDAT")


def event_of(command: Command) -> str:
    """Return the word of the table for a command: its verb, or "BDAT LAST"."""
    if isinstance(command, Bdat) and command.last:
        return "BDAT LAST"
    return command.verb


def reply_class(reply: Reply) -> int:
    """Return the first digit, the part of a reply that the table reads."""
    return reply.code // 100


class Session:
    """The state of one connection, and the commands that await their replies.

    Args:
        lax: Send commands out of order and extensions that were not offered.
        encrypted: The connection begins inside TLS (implicit TLS).

    Attributes:
        state: Where the session is.
        capabilities: What the last EHLO in this TLS epoch offered.
        authenticated: Whether AUTH succeeded.
        lifted: Why the last command was only sent because of `lax`; "" if it was in
            order.
    """

    def __init__(self, *, lax: bool = False, encrypted: bool = False) -> None:
        self.state = State.GREETING
        self.lax = lax
        self.encrypted = encrypted
        self.capabilities = Capabilities()
        self.authenticated = False
        self.lifted = ""
        self._smtputf8 = False
        self._awaiting: deque[Command] = deque()

    @property
    def awaited(self) -> str:
        """The step of the oldest command that awaits a reply; "" if none does."""
        return self._awaiting[0].step if self._awaiting else ""

    @property
    def owed(self) -> int:
        """How many commands await a reply."""
        return len(self._awaiting)

    def allowed(self) -> tuple[str, ...]:
        """Return the verbs that are in order now, for views and messages."""
        names = {".": "end of data", "": "the response", "*": "the cancel (*)"}
        return tuple(names.get(verb, verb) for verb in TABLE[self.state])

    def check(self, command: Command) -> None:
        """Refuse what must not be sent now.

        Raises:
            LocalProtocolError: Out of order, an extension that was not offered, or a
                non-ASCII path outside an SMTPUTF8 transaction.
        """
        self.lifted = ""
        if isinstance(command, Custom):
            if self.state is State.CLOSED:
                raise LocalProtocolError("not connected; connect() first")
            self.lifted = self._objection(command)
            return
        objection = self._objection(command)
        if not objection:
            return
        if not self.lax or self.state is State.CLOSED:
            raise LocalProtocolError(f"{objection}; nothing was sent")
        self.lifted = objection

    def _objection(self, command: Command) -> str:
        verb, event = command.verb, event_of(command)
        if event not in TABLE[self.state]:
            return self._out_of_order(event)
        if verb == "STARTTLS" and self.encrypted:
            return "STARTTLS: the session is inside TLS already"
        if isinstance(command, Auth) and self.authenticated:
            return "AUTH: already authenticated (RFC 4954 allows one AUTH a session)"
        for keyword in command.needs():
            if keyword not in self.capabilities:
                return self._not_offered(verb, keyword)
        if isinstance(command, Auth):
            name, offered = command.mechanism, self.capabilities.mechanisms
            if name.upper() not in offered:
                return f"AUTH {name}: the server offers {' '.join(offered) or 'none'}"
        if isinstance(command, (Mail, Rcpt)) and not all(
            map(str.isascii, (command.path, *command.parameters))
        ):
            utf8 = command.smtputf8 if isinstance(command, Mail) else self._smtputf8
            if not utf8:
                what = "parameter" if command.path.isascii() else "path"
                return f"{verb}: a non-ASCII {what} needs SMTPUTF8 in MAIL (RFC 6531)"
        return ""

    def _out_of_order(self, verb: str) -> str:
        if self.state is State.CLOSED:
            return "not connected; connect() first"
        if not any(verb in row for row in TABLE.values()):
            return f"{verb} is not a verb of the table"
        name = "end of data" if verb == "." else verb
        allowed = ", ".join(self.allowed()) or "nothing"
        return (
            f"{name} is out of order: the session is {self.state.value} "
            f"({self.state}); allowed now: {allowed}"
        )

    def _not_offered(self, verb: str, keyword: str) -> str:
        if not self.capabilities.known:
            return f"{verb}: {keyword} must be offered first; send EHLO"
        return f"{verb}: the server does not offer {keyword}"

    def check_group(self, commands: Sequence[Command]) -> list[str]:
        """Refuse commands that must not leave in one group, in this order, now.

        Each is checked as if the ones before it had been granted.

        Returns:
            What only `lax` allows, a sentence each.

        Raises:
            LocalProtocolError: As `check`; the server does not offer PIPELINING; or a
                command is not the last one and must be (RFC 2920 section 3.1).
        """
        if not self.lax and len(commands) > 1:
            if "PIPELINING" not in self.capabilities:
                reason = self._not_offered("a group", "PIPELINING")
                raise LocalProtocolError(f"{reason}; nothing was sent")
            for command in commands[:-1]:
                if command.verb not in _ANYWHERE_IN_GROUP:
                    raise LocalProtocolError(
                        f"{command.verb} can only be the last command of a group "
                        "(RFC 2920 section 3.1); nothing was sent"
                    )
        return self._check_each(commands, self.state)

    def check_envelope(self, commands: Sequence[Command]) -> list[str]:
        """Refuse the commands of a mail transaction that cannot follow the present one.

        Returns and raises as `check_group`, but for the rules of a group.
        """
        return self._check_each(commands, State.READY)

    def _check_each(self, commands: Sequence[Command], start: State) -> list[str]:
        before, lifted = (self.state, self._smtputf8), []
        try:
            self.state = start
            for command in commands:
                self.check(command)
                self._assume(command)
                lifted.append(self.lifted)
        finally:
            self.state, self._smtputf8 = before
        return [objection for objection in lifted if objection]

    def _assume(self, command: Command) -> None:
        """Move as if the command had been granted."""
        moves = TABLE[self.state].get(event_of(command), _STAY)
        self.state = moves.get(2, moves.get(3, self.state))
        if isinstance(command, Mail):
            self._smtputf8 = command.smtputf8

    def sent(self, *commands: Command) -> None:
        """Note that commands left, so that their replies are owed."""
        self._awaiting.extend(commands)

    def received_all(self, replies: Sequence[bytes]) -> None:
        """Match replies, as received, to as many commands: `received`, one by one.

        Where a whole run of a mail transaction was granted, as nearly all are, the
        last command says where the session is; that takes a tenth of the time.
        """
        awaiting, last = self._awaiting, replies[-1]
        moves = _GRANTED.get(event_of(awaiting[len(replies) - 1]), _STAY)
        state = moves.get(last[0] - ord("0"))
        granted = last < b"4" and max(replies[:-1], default=b"") < b"3"
        if state is None or not granted or self.lax:
            for octets in replies:
                self.received(Reply(octets))
            return
        self.state = state
        if len(replies) == len(awaiting) and state not in {S.MAIL, S.RCPT}:
            awaiting.clear()
            return
        for _ in replies:
            command = awaiting.popleft()
            if isinstance(command, Mail):
                self._smtputf8 = command.smtputf8

    def received(self, reply: Reply) -> Command | None:
        """Match a reply to the oldest command that awaits one, and move.

        Returns:
            The command answered, or None if no command awaited a reply (the replies
            to raw octets).
        """
        if not self._awaiting:
            self._received_to_raw(reply)
            return None
        command = self._awaiting.popleft()
        verb, in_auth = command.verb, self.state is State.AUTH
        self._move(event_of(command), reply)
        if reply_class(reply) != 2:
            return command
        if verb == "EHLO":
            self.capabilities = Capabilities.from_reply(reply)
        elif verb == "HELO":
            domain = reply.text.split(" ", 1)[0]
            self.capabilities = Capabilities(domain=domain, known=True)
        elif verb == "MAIL":
            self._smtputf8 = isinstance(command, Mail) and command.smtputf8
        elif in_auth or command.step == "auth":
            self.authenticated = True
        return command

    def greeted(self, reply: Reply) -> None:
        """Take the greeting."""
        self._move("greeting", reply)

    def encrypted_now(self) -> None:
        """TLS began: forget what was learnt in clear (RFC 3207 section 4.2)."""
        self.encrypted = True
        self.authenticated = False
        self.capabilities = Capabilities()
        self.state = TABLE[State.TLS]["tls"][2]

    def closed(self) -> None:
        """The connection is gone, and with it every reply that was owed."""
        self.state = State.CLOSED
        self.capabilities = Capabilities()
        self.authenticated = False
        self._awaiting.clear()

    def _move(self, verb: str, reply: Reply) -> None:
        if reply.code == 421:
            self.state = State.CLOSING
            return
        row = TABLE[self.state]
        if self.state is State.AUTH and verb not in row:
            verb = ""  # whatever the line said, the server read it as the response
        moves = row.get(verb, _STAY)
        if verb not in row and self.state in _BETWEEN_COMMANDS:
            moves = _USUAL.get(verb, _STAY)
        self.state = moves.get(reply_class(reply), self.state)

    def _received_to_raw(self, reply: Reply) -> None:
        # Nobody knows what raw octets asked; these two replies speak for themselves.
        if reply.code == 354 and self.state in _BETWEEN_COMMANDS:
            self.state = State.DATA
        elif self.state is State.AUTH:
            self._move("", reply)
            self.authenticated = reply_class(reply) == 2
        elif self.state is State.DATA or reply.code == 421:
            self._move(".", reply)
