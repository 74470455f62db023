"""The limits: a bare socket and octets that are ready, with no client around them.

It reads replies by counting lines, expects no refusal, and records nothing.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

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
        lines = envelope(reverse_path, (forward_path,), last)
        self.sock.sendall(lines)
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
    lines = [
        f"MAIL FROM:<{reverse_path}>",
        *(f"RCPT TO:<{path}>" for path in recipients),
    ]
    return "".join(f"{line}\r\n" for line in (*lines, last)).encode()


def turns(port: int, n: int, opening: bytes, content: bytes) -> float:
    """Return the seconds of `n` messages by DATA, one turn each.

    Args:
        port: The server.
        n: How many.
        opening: The envelope, up to DATA.
        content: The content and the final dot.
    """
    lines = opening.count(b"\n")
    group = content + opening
    with BareSession(port) as session:
        started = time.perf_counter()
        session.sock.sendall(opening)
        session.replies(lines)
        for _ in range(n - 1):
            session.sock.sendall(group)
            session.replies(lines + 1)
        session.sock.sendall(content)
        session.replies(1)
        return time.perf_counter() - started


def window(port: int, n: int, message: bytes, lines: int) -> float:
    """Return the seconds of `n` messages by BDAT, half a window a write.

    Args:
        port: The server.
        n: How many.
        message: The envelope, BDAT and the content.
        lines: How many commands are in it.
    """
    batch = message * _BATCH
    with BareSession(port) as session:
        started = time.perf_counter()
        session.sock.sendall(batch)
        for _ in range(n // _BATCH):
            session.sock.sendall(batch)
            session.replies(lines * _BATCH)
        session.replies(lines * _BATCH)
        spent = time.perf_counter() - started
    return spent * n / (n // _BATCH + 1) / _BATCH
