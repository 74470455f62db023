"""The order of things: which command may be sent now, what its reply may be and does.

Everything that moves a session from one state to another stands in ONE table, `TABLE`:
(state, verb) -> {reply class -> next state}. A verb missing from a state's row is out
of order there; a reply class missing from a row leaves the state as it was. So the
table answers both questions a person has: "what may I send?" and "where am I now?"

Beside it stands what a command may be answered at all (`DOORS`): yes (2yz) or no (4yz,
5yz), by its class and never by a list of codes (RFC 5321 section 4.3.2); but where a
reply opens a door - content may leave, TLS or authentication begins - only the codes
that open it. Anything else means that commands and replies no longer match, or that
nobody knows what the server will do with what comes next.

Events that are no verbs have names of their own: "greeting" (the first reply), "tls"
(the handshake is done), "." (the final dot), "BDAT LAST" (the last chunk), "" (an
answer to a 334) and "*" (its cancel).

One rule stands above the table, because it holds in every row: 421, whatever it
answers, means the server is closing (RFC 5321 sections 3.8 and 4.2.3), and only QUIT is
left.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtpnb.protocol.reply import Reply


class State(Enum):
    """Where a session is; the values are words for people.

    Example:
        >>> client.state is State.READY
        True
        >>> print(State.READY)
        READY
    """

    CLOSED = "not connected"
    GREETING = "connected; the greeting has not come"
    CONNECTED = "greeted; the hello comes next"
    READY = "ready for a mail transaction"
    AUTH = "in the middle of AUTH"
    TLS = "the TLS handshake is due"
    MAIL = "in a transaction; no recipient was accepted yet"
    RCPT = "in a transaction with at least one recipient"
    DATA = "the content is due"
    CHUNKS = "in a message sent by BDAT; the next chunk is due"
    SPOILT = "a chunk was refused; RSET or QUIT comes next"
    CLOSING = "the server is closing; only QUIT is left"

    # Members are few and compared by identity: Enum's own hash is made in Python.
    __hash__ = object.__hash__

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
# RFC 1985 section 5, and Postfix's own: between transactions.
_BETWEEN: Final[dict[str, Mapping[int, State]]] = {
    "ETRN": _STAY,
    "XFORWARD": _STAY,
    "XCLIENT": {2: S.CONNECTED},  # a new session begins
}
_CLOSING_ONLY: Final[dict[str, Mapping[int, State]]] = {"QUIT": _ANY_TIME["QUIT"]}

Table = dict[State, dict[str, "Mapping[int, State]"]]
TABLE: Final[Table] = {
    S.CLOSED: {},
    # 554 and 521 greetings leave only QUIT (RFC 5321 section 3.1, RFC 7504).
    S.GREETING: {"greeting": {2: S.CONNECTED, 4: S.CLOSING, 5: S.CLOSING}},
    S.CONNECTED: {**_ANY_TIME, **_BETWEEN, "RSET": _STAY, "STARTTLS": {2: S.TLS}},
    S.READY: {
        **_ANY_TIME,
        **_BETWEEN,
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
    S.TLS: {"tls": {2: S.CONNECTED}, "QUIT": _ANY_TIME["QUIT"]},
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
# LMTP differs in its greeting alone (RFC 2033 section 4.1), and in how often the end
# of a message is answered.
LMTP_TABLE: Final[Table] = {
    state: {
        "LHLO" if verb == "EHLO" else verb: moves
        for verb, moves in row.items()
        if verb != "HELO"
    }
    for state, row in TABLE.items()
}

# What the tables write for what is sent and is no verb, in words.
NOT_VERBS: Final = {".": "end of data", "": "the response", "*": "the cancel (*)"}

# What a verb does where it is in order: the best guess at what it did out of order,
# when it was sent so on purpose (`lax`, Custom) or in a pipelined group (RCPT all
# refused and DATA answered 354), and the server took it all the same.
_USUAL: Final[Mapping[str, Mapping[int, State]]] = {
    **dict.fromkeys(("EHLO", "HELO", "LHLO"), _HELLO),
    "STARTTLS": TABLE[S.READY]["STARTTLS"],
    "XCLIENT": _BETWEEN["XCLIENT"],
    "AUTH": TABLE[S.READY]["AUTH"],
    "MAIL": TABLE[S.READY]["MAIL"],
    "RCPT": TABLE[S.MAIL]["RCPT"],
    "DATA": TABLE[S.RCPT]["DATA"],
    **_CHUNK,
}
# Where a command may come next, whatever it is.
BETWEEN_COMMANDS: Final = (
    *(S.CONNECTED, S.READY, S.MAIL, S.RCPT),
    *(S.CHUNKS, S.SPOILT),
)
# Where a run of a mail transaction leads when all of it was granted.
GRANTED: Final[Mapping[str, State]] = {
    "RSET": S.READY,
    "MAIL": S.MAIL,
    "RCPT": S.RCPT,
    "DATA": S.DATA,
    ".": S.READY,
    "BDAT": S.CHUNKS,
    "BDAT LAST": S.READY,
}
# What opens a door is one code; every other command may be answered by any 2yz.
DOORS: Final[Mapping[str, tuple[int, ...]]] = {
    "DATA": (354,),  # RFC 5321 section 4.1.1.4: the content may leave
    "STARTTLS": (220,),  # RFC 3207 section 4
    "AUTH": (235, 334),  # RFC 4954 sections 4 and 6, as are the next two
    "": (235, 334),
    "*": (235, 334),
}
_KNOWN: Final = frozenset(verb for row in TABLE.values() for verb in row) | {"LHLO"}


def may_answer(event: str, code: int) -> bool:
    """Tell whether a reply code can be an answer to a command at all.

    Args:
        event: The verb, or another word of the table.
        code: 200 to 599.

    >>> may_answer("RCPT", 251), may_answer("DATA", 250), may_answer("XYZZY", 354)
    (True, False, True)
    """
    if code >= 400 or event not in _KNOWN:
        return True
    return code in DOORS[event] if event in DOORS else code < 300


def reply_class(reply: Reply) -> int:
    """Return the first digit, the part of a reply that the table reads."""
    return reply.code // 100


def after(table: Table, state: State, event: str, reply: Reply) -> State:
    """Return where a session is when a reply has come.

    Args:
        table: That of the protocol it speaks.
        state: Where it was.
        event: What was answered, in order or not.
        reply: The reply.
    """
    if reply.code == 421:
        return State.CLOSING
    row = table[state]
    if state is State.AUTH and event not in row:
        event = ""  # whatever the line said, the server read it as the response
    moves = row.get(event, _STAY)
    if event not in row and state in BETWEEN_COMMANDS:
        moves = _USUAL.get(event, _STAY)
    return moves.get(reply_class(reply), state)


def if_granted(table: Table, state: State, event: str) -> State:
    """Return where a session would be if the command were granted."""
    moves = table[state].get(event, _STAY)
    return moves.get(2, moves.get(3, state))
