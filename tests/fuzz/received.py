"""One octet string, through the whole received side, with everything checked.

The first octet says in what pieces the stream arrives, the second which form of the
password the server echoes: it stands wherever the stream holds `ECHO`. The rest is what
the server says. Whoever calls `received_side` needs nothing but this: an
AssertionError is a broken promise, any other exception a crash.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from smtpnb.edges.text import for_terminal
from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import (
    Auth,
    AuthCancel,
    Command,
    Custom,
    Data,
    Ehlo,
    EndOfData,
    Helo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
)
from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.parser import MAX_LINES, MAX_REPLY, ReplyParser
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.secret import Redactor
from smtpnb.protocol.session import TABLE, Session, State, may_answer

ECHO = b"\x01"
SECRET = b"pa55 w\xc3\xb6rd of nobody"
_PLAIN = base64.b64encode(b"\0someone\0" + SECRET)
FORMS = (
    SECRET,
    SECRET.upper(),
    SECRET.hex().encode(),
    SECRET.decode().encode("utf-16-le"),
    base64.b64encode(SECRET),
    base64.urlsafe_b64encode(SECRET).lower(),
    _PLAIN[-24:],  # what a server repeats of a long line
)
_COMMANDS: tuple[Command, ...] = (
    *(Ehlo("x"), StartTls(), Auth("PLAIN"), AuthCancel(), Mail("a@b"), Rcpt("a@b")),
    *(Data(), EndOfData(), Rset(), Noop(), Helo("x"), Custom("XYZZY"), Quit()),
)


class Said(NamedTuple):
    """What became of a stream: the replies, the fault, and what is left over."""

    replies: tuple[Reply, ...]
    fault: str
    pending: bytes


def received_side(data: bytes) -> None:
    """Read a stream; see the module for what the octets mean."""
    size = data[0] + 1 if data else 1
    form = FORMS[data[1] % len(FORMS)] if len(data) > 1 else b""
    stream = data[2:].replace(ECHO, form)
    redactor = Redactor()
    redactor.learn(SECRET)
    whole = _read([stream], redactor)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    _check_split(whole, _read(pieces, redactor))
    _check_inert(whole.fault)
    shown = b"".join(reply.octets + b"\n" for reply in whole.replies)
    shown += whole.fault.encode() + b"\n" + whole.pending
    assert not [form for form in FORMS if form in shown], "a secret is shown"
    for reply in whole.replies:
        _check_reply(reply)
    _check_session(whole.replies)


def _read(pieces: list[bytes], redactor: Redactor) -> Said:
    parser, replies = ReplyParser(redactor), []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (reply := parser.next_reply()) is not None:
                replies.append(reply)
    except RemoteProtocolError as error:
        return Said(tuple(replies), str(error), parser.pending(MAX_REPLY))
    assert len(parser) <= MAX_REPLY
    return Said(tuple(replies), "", parser.pending(MAX_REPLY))


def _check_split(whole: Said, split: Said) -> None:
    assert split.replies == whole.replies, "another split, other replies"
    assert split.fault == whole.fault, "another split, another fault"
    # After a fault a parser in pieces has not seen what follows.
    assert whole.fault or split.pending == whole.pending


def _check_inert(shown: str) -> None:
    """One line, and no character left that acts."""
    assert shown == for_terminal(shown)
    assert len(shown.splitlines()) <= 1


def _check_reply(reply: Reply) -> None:
    assert 200 <= reply.code < 600
    assert 1 <= len(reply.lines) <= MAX_LINES
    _check_inert(str(reply))
    _check_inert(repr(reply))
    html = reply._repr_html_()
    body = html.removesuffix("</pre>").partition("</b>")[2]
    assert not set(body) & set("<>\"'")
    for line in html.split("\n"):
        _check_inert(line)
    assert reply.enhanced is None or reply.enhanced.status_class in (2, 4, 5)
    assert Reply(reply.octets) == reply
    offered = Capabilities.from_reply(reply)
    _check_inert(repr(offered))
    assert all(keyword.lower() in offered for keyword in offered)
    assert offered.size_limit is None or offered.size_limit > 0


def _check_session(replies: tuple[Reply, ...]) -> None:
    """Let the replies answer commands, in order and out of it."""
    session = Session()
    for n, reply in enumerate(replies):
        if n == 0:
            if not may_answer("greeting", reply.code):
                return
            session.greeted(reply)
            continue
        command = _COMMANDS[(n + reply.code) % len(_COMMANDS)]
        closing = session.state is State.CLOSING
        try:
            session.check(command)
        except LocalProtocolError:
            assert not isinstance(command, Custom)
        else:
            session.sent(command)
        try:
            session.received(reply)
        except RemoteProtocolError:  # no answer to this command: the session ends
            assert session.owed == 1
            break
        assert session.owed == 0
        assert session.state in TABLE
        assert not closing or session.state is State.CLOSING
        if session.state is State.TLS:
            session.encrypted_now()
            assert not session.capabilities.known
    session.closed()
    assert not session.allowed()
