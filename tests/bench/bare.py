"""The limits: a bare socket and octets that are ready, with no client around them.

Each program does the least that one way of sending asks for. It reads replies by
counting lines, expects no refusal, and records nothing.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from tests.bench.measure import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tests.bench.loads import Message
    from tests.bench.measure import Spent

_BATCH = 32  # half a window


class BareSession:
    """A socket, and only as much SMTP as it takes to be allowed to send."""

    def __init__(self, port: int) -> None:
        self._due = 0
        self.sock = socket.create_connection(("127.0.0.1", port))
        # The kernel's own: one of Python's would cost a poll for each call.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 60, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        self.replies(1)
        self.sock.sendall(b"EHLO bench.test\r\n")
        heard = b""
        while b"\n250 " not in heard or not heard.endswith(b"\n"):
            heard += self.sock.recv(65536)
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def open(self, reverse_path: str, forward_path: str, last: str) -> None:
        """Send an envelope and what begins the content; read all but a BDAT's reply."""
        self.sock.sendall(envelope(reverse_path, (forward_path,), last))
        self.replies(3 if last == "DATA" else 2)

    def replies(self, n: int) -> None:
        """Read until `n` more replies of one line are here, and perhaps beyond them."""
        self._due += n
        while self._due > 0:
            octets = self.sock.recv(65536)
            if not octets:
                raise EOFError("the server hung up")
            self._due -= octets.count(b"\n")


def envelope(reverse_path: str, recipients: Sequence[str], last: str) -> bytes:
    """Return the lines of an envelope."""
    to = [f"RCPT TO:<{path}>" for path in recipients]
    lines = (f"MAIL FROM:<{reverse_path}>", *to, last)
    return "".join(f"{line}\r\n" for line in lines).encode()


def two_turns(port: int, messages: Sequence[Message]) -> Spent:
    """Send by DATA, the envelope in one turn and the content in another."""
    ready = [_by_data(message) for message in messages]
    with BareSession(port) as session:
        watch = Stopwatch()
        for opening, content, lines in ready:
            session.sock.sendall(opening)
            session.replies(lines)
            session.sock.sendall(content)
            session.replies(1)
        return watch.spent(len(ready))


def one_turn(port: int, messages: Sequence[Message]) -> Spent:
    """Send by DATA, the next envelope behind the end of each message."""
    ready = [_by_data(message) for message in messages]
    with BareSession(port) as session:
        watch = Stopwatch()
        before, due = b"", 0
        for opening, content, lines in ready:
            session.sock.sendall(before + opening)
            session.replies(due + lines)
            before, due = content, 1
        session.sock.sendall(before)
        session.replies(due)
        return watch.spent(len(ready))


def window(port: int, messages: Sequence[Message]) -> Spent:
    """Send by BDAT, half a window a write and the other half under way."""
    ready = []
    for message in messages:
        last = f"BDAT {len(message.content)} LAST"
        opening = envelope(message.sender, message.recipients, last)
        ready.append((opening + message.content, len(message.recipients) + 2))
    with BareSession(port) as session:
        watch = Stopwatch()
        due = 0
        for at in range(0, len(ready), _BATCH):
            batch = ready[at : at + _BATCH]
            session.sock.sendall(b"".join([octets for octets, _ in batch]))
            session.replies(due)
            due = sum(lines for _, lines in batch)
        session.replies(due)
        return watch.spent(len(ready))


def _by_data(message: Message) -> tuple[bytes, bytes, int]:
    """Return the envelope, the content with its dot, and the lines of the first."""
    opening = envelope(message.sender, message.recipients, "DATA")
    return opening, message.content + b".\r\n", len(message.recipients) + 2


def noops(port: int, n: int) -> Spent:
    """Send `n` NOOPs one after the other: the least that a verb can cost."""
    with BareSession(port) as session:
        watch = Stopwatch()
        for _ in range(n):
            session.sock.sendall(b"NOOP\r\n")
            session.replies(1)
        return watch.spent(n)
