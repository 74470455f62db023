"""The order of things: which command may be sent now, and what its reply changes.

Everything that moves a session from one state to another stands in ONE table, `TABLE`:
(state, verb) -> {reply class -> next state}. A verb missing from a state's row is out
of order there; a reply class missing from a row leaves the state as it was. So the
table answers both questions a person has: "what may I send?" and "where am I now?"

Three events that are no commands have names in lower case: "greeting" (the first
reply), "tls" (the handshake is done) and "eod" (the final dot).

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

from smtpnb.errors import LocalProtocolError
from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import Auth, Command, Custom, Mail, Rcpt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtpnb.protocol.replies import Reply


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
    },
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
}
_BETWEEN_COMMANDS: Final = (S.CONNECTED, S.READY, S.MAIL, S.RCPT)


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
        verb, state = command.verb, self.state
        if verb not in TABLE[state]:
            return self._out_of_order(verb)
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

    def sent(self, command: Command) -> None:
        """Note that a command left, so that its reply is owed."""
        self._awaiting.append(command)

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
        self._move(verb, reply)
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
