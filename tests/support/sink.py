"""A server that counts turns and keeps its own record of what it accepted.

It flushes its replies only when it has read everything that came: each such flush is a
turn. It is strict where a client could get away with a mistake: a second MAIL is
refused, and after a refused chunk the transaction stays, with its sender and its
recipients, until RSET says otherwise (RFC 3030 section 2 leaves that open).

What it refuses, and where it hangs up, is data.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Accepted:
    """One message as the server took it."""

    reverse_path: bytes
    forward_paths: tuple[bytes, ...]
    content: bytes


@dataclass
class _Transaction:
    reverse_path: bytes = b""
    forward_paths: list[bytes] = field(default_factory=list)
    content: bytes = b""


class HangUp(Exception):  # what it does, not what went wrong
    """The server closes now."""


class Sink:
    """Listens on loopback.

    Args:
        pipelining: Offer PIPELINING.
        chunking: Offer CHUNKING.
        refuse: What a command line or a content may hold, and the reply to it.
        sessions: The same, of the first connections, one by one; "greeting" is one.
        most: How many messages a connection takes; 421 stands behind the last reply.
        hang_up: What a line or content may hold that makes the server hang up before
            it replies; "421" replies said before still leave.
        reset: Hang up by a reset.
        lenient: Answer DATA by 354 even if there is no recipient.
        buffers: Octets of the socket's buffers; 0 for those of the system.
        port: Where to listen; 0 for any.
        keeps: Keep what was accepted and every line; else only count.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        pipelining: bool = True,
        chunking: bool = True,
        refuse: Mapping[bytes, bytes] | None = None,
        sessions: Sequence[Mapping[bytes, bytes]] = (),
        most: int = 0,
        hang_up: bytes = b"",
        reset: bool = False,
        lenient: bool = False,
        buffers: int = 0,
        port: int = 0,
        keeps: bool = True,
    ) -> None:
        self.offers = [b"sink.example", b"SIZE 100000000", b"8BITMIME", b"SMTPUTF8"]
        self.offers += [b"PIPELINING"] * pipelining + [b"CHUNKING"] * chunking
        self.refuse = dict(refuse or {})
        self.sessions = sessions
        self.most = most
        self.n_connections = 0
        self.hang_up = hang_up
        self.reset = reset
        self.lenient = lenient
        self.accepted: list[Accepted] = []
        self.lines: list[bytes] = []
        self.turns = self.n_accepted = self.n_recipients = 0
        self.keeps = keeps
        self._listener = socket.create_server((self.host, port))
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF) if buffers else ():
            self._listener.setsockopt(socket.SOL_SOCKET, option, buffers)
        self.port = int(self._listener.getsockname()[1])
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="sink")]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections.append(connection)
                serve = _Connection(self, connection).serve
                self.n_connections += 1
                thread = threading.Thread(target=serve, name="sink")
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """End everything, and wait for it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Connection:
    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink = sink
        self.connection = connection
        self.input = b""
        self.output = b""
        self.transaction: _Transaction | None = None
        own = sink.sessions[sink.n_connections :]
        self.own = own[0] if own else {}
        self.n_accepted = 0

    def serve(self) -> None:
        with suppress(HangUp, OSError):
            if not self.refused(b"greeting"):
                self.say(b"220 sink.example ESMTP")
            while self.answer(self.line()):
                pass
            self.flush()
        if self.sink.reset:
            linger = struct.pack("ii", 1, 0)
            with suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with suppress(OSError):
            if not self.sink.reset:
                self.connection.shutdown(socket.SHUT_WR)
        self.connection.close()

    def say(self, line: bytes) -> None:
        self.output += line + b"\r\n"

    def flush(self) -> None:
        if self.output:
            self.sink.turns += 1  # before anybody can see it
            self.connection.sendall(self.output)
            self.output = b""

    def fill(self) -> None:
        self.flush()
        octets = self.connection.recv(65536)
        if not octets:
            raise HangUp
        self.input += octets

    def line(self) -> bytes:
        while b"\r\n" not in self.input:
            self.fill()
        line, _, self.input = self.input.partition(b"\r\n")
        if self.sink.keeps:
            self.sink.lines.append(line)
        return line

    def octets(self, n: int) -> bytes:
        while len(self.input) < n:
            self.fill()
        taken, self.input = self.input[:n], self.input[n:]
        return taken

    def until_dot(self) -> bytes:
        content = b"\r\n"
        while not (at := content.find(b"\r\n.\r\n")) + 1:
            if not self.input:
                self.fill()
            content, self.input = content + self.input, b""
        self.input = content[at + 5 :]
        return content[2 : at + 2].replace(b"\r\n.", b"\r\n").removeprefix(b".")

    def refused(self, octets: bytes) -> bool:
        if self.sink.hang_up and self.sink.hang_up in octets:
            self.flush()
            raise HangUp
        for mark, reply in {**self.sink.refuse, **self.own}.items():
            if mark in octets:
                self.say(reply)
                if reply.startswith(b"421"):
                    self.flush()
                    raise HangUp
                return True
        return False

    def answer(self, line: bytes) -> bool:
        """Answer one command; False after QUIT."""
        verb = line[:4].upper()
        if verb == b"BDAT":
            self.bdat(line)
        elif self.refused(line):
            pass
        elif verb == b"EHLO":
            self.transaction = None
            *lines, last = self.sink.offers
            self.output += b"".join(b"250-%s\r\n" % offer for offer in lines)
            self.say(b"250 " + last)
        elif verb == b"MAIL":
            self.mail(line)
        elif verb == b"RCPT":
            self.rcpt(line)
        elif verb == b"DATA":
            self.data()
        elif verb == b"XSTA":
            self.statistics()
        elif verb == b"QUIT":
            self.say(b"221 2.0.0 Bye")
            return False
        else:
            if verb == b"RSET":
                self.transaction = None
            self.say(b"250 2.0.0 Ok")
        return True

    def mail(self, line: bytes) -> None:
        if self.transaction is not None:
            return self.say(b"503 5.5.1 nested MAIL")
        self.transaction = _Transaction(_path(line))
        return self.say(b"250 2.1.0 Ok")

    def rcpt(self, line: bytes) -> None:
        if self.transaction is None:
            return self.say(b"503 5.5.1 MAIL first")
        self.transaction.forward_paths.append(_path(line))
        return self.say(b"250 2.1.5 Ok")

    def data(self) -> None:
        transaction = self.transaction or _Transaction()
        if not (transaction.forward_paths or self.sink.lenient):
            return self.say(b"503 5.5.1 RCPT first")
        self.say(b"354 Go on")
        self.transaction = None
        transaction.content = self.until_dot()
        if not transaction.forward_paths:
            self.sink.lines.append(b"content: " + transaction.content)
            return self.say(b"554 5.5.1 no valid recipients")
        return self.end(transaction)

    def bdat(self, line: bytes) -> None:
        words = line.split()
        content = self.octets(int(words[1]))
        transaction = self.transaction
        if self.refused(line + content):
            return None
        if transaction is None or not transaction.forward_paths:
            return self.say(b"503 5.5.1 RCPT first")
        transaction.content += content
        if words[2:] != [b"LAST"]:
            return self.say(b"250 2.0.0 chunk")
        self.transaction = None
        return self.end(transaction)

    def end(self, transaction: _Transaction) -> None:
        if self.refused(transaction.content):
            return
        sink, to = self.sink, tuple(transaction.forward_paths)
        sink.n_accepted += 1
        sink.n_recipients += len(to)
        if sink.keeps:
            accepted = Accepted(transaction.reverse_path, to, transaction.content)
            sink.accepted.append(accepted)
        self.say(b"250 2.0.0 Ok: queued as %d" % sink.n_accepted)
        self.n_accepted += 1
        if self.n_accepted == sink.most:
            self.say(b"421 4.7.0 enough for one connection")
            self.flush()
            raise HangUp

    def statistics(self) -> None:
        """Answer as the sink of the benchmarks does, without connections and octets."""
        sink = self.sink
        counted = (0, sink.n_accepted, sink.n_recipients, 0, sink.turns)
        self.say(b"250 %d %d %d %d %d" % counted)


def _path(line: bytes) -> bytes:
    match = re.search(rb"<(.*?)>", line)
    assert match
    return match[1]
