"""A server below SMTP: it does what its script says, good or bad, and notes the rest.

A script is data: a tuple of the actions below, one script for each connection (the
last one serves all further ones). Nothing here parses SMTP, so nothing here can be
repaired by accident. Every wait ends when the server is closed.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Stage:
    """One connection, as its script sees it."""

    connection: socket.socket
    over: threading.Event
    heard: bytearray = field(default_factory=bytearray)
    ended: str = ""

    def hear(self, end: bytes) -> None:
        """Read up to and including `end`; without one until the client is gone."""
        start = len(self.heard)
        size = 1 if end else 65536  # octet by octet: never beyond the end
        while not end or not self.heard.endswith(end, start):
            octets = self.connection.recv(size)
            if not octets:
                raise EOFError
            self.heard += octets


class Action(Protocol):
    """One thing that a server does."""

    def do(self, stage: Stage) -> None:
        """Do it."""


@dataclass(frozen=True)
class Say:
    """Send octets at once."""

    octets: bytes

    def do(self, stage: Stage) -> None:
        stage.connection.sendall(self.octets)


@dataclass(frozen=True)
class Drip:
    """Send octets one by one, `pause` seconds apart; `times` times over."""

    octets: bytes
    pause: float
    times: int = 1

    def do(self, stage: Stage) -> None:
        for octet in self.octets * self.times:
            stage.connection.sendall(bytes([octet]))
            if stage.over.wait(self.pause):
                return


@dataclass(frozen=True)
class Hear:
    """Read up to and including `end`."""

    end: bytes = b"\r\n"

    def do(self, stage: Stage) -> None:
        stage.hear(self.end)


@dataclass(frozen=True)
class Await:
    """Do nothing until the test gives the word."""

    word: threading.Event

    def do(self, stage: Stage) -> None:
        assert self.word.wait(10) or stage.over.is_set()


@dataclass(frozen=True)
class Swallow:
    """Read up to and including `end`, and keep only that much of it."""

    end: bytes = b"\r\n.\r\n"

    def do(self, stage: Stage) -> None:
        last = b""
        while not last.endswith(self.end):
            octets = stage.connection.recv(65536)
            if not octets:
                raise EOFError
            last = (last + octets)[-len(self.end) :]


@dataclass(frozen=True)
class Listen:
    """Read everything until the client is gone."""

    def do(self, stage: Stage) -> None:
        stage.hear(b"")


@dataclass(frozen=True)
class Tls:
    """Do a TLS handshake as the server."""

    context: ssl.SSLContext

    def do(self, stage: Stage) -> None:
        stage.connection = self.context.wrap_socket(stage.connection, server_side=True)


@dataclass(frozen=True)
class Hold:
    """Neither read nor write any more; keep the connection until the end."""

    def do(self, stage: Stage) -> None:
        stage.over.wait()


@dataclass(frozen=True)
class Flood:
    """Send octets again and again until the client is gone or `limit` is reached."""

    octets: bytes
    limit: int = 64 * 1024 * 1024

    def do(self, stage: Stage) -> None:
        for _ in range(self.limit // len(self.octets)):
            stage.connection.sendall(self.octets)


@dataclass(frozen=True)
class HalfClose:
    """Send FIN; go on reading."""

    def do(self, stage: Stage) -> None:
        stage.connection.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Reset:
    """Reset the connection."""

    def do(self, stage: Stage) -> None:
        linger = struct.pack("ii", 1, 0)
        stage.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise EOFError


GREETING = Say(b"220 scripted ESMTP\r\n")
EHLO_REPLY = (
    b"250-scripted\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n"
    b"250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"
)
EHLO = (Hear(), Say(EHLO_REPLY))
OK = (Hear(), Say(b"250 2.0.0 Ok\r\n"))
DATA = (Hear(), Say(b"354 Go on\r\n"))
DOT = Hear(b"\r\n.\r\n")
QUIT = (Hear(), Say(b"221 Bye\r\n"))


class ScriptedServer:
    """Listens on loopback and plays its scripts.

    Attributes:
        port: Where it listens.
        stages: The connections so far; `heard` is every octet the client sent
            (plaintext), `ended` how it ended: "", "eof" or "reset".
    """

    host = "127.0.0.1"

    def __init__(self, *scripts: Sequence[Action]) -> None:
        self._scripts = scripts
        self._listener = socket.create_server((self.host, 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.stages: list[Stage] = []
        self._over = threading.Event()
        self._gone = threading.Condition()
        self._threads = [threading.Thread(target=self._accept, name="scripted")]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(len(self.stages), len(self._scripts) - 1)]
            stage = Stage(connection, self._over)
            self.stages.append(stage)
            play = threading.Thread(
                target=self._play, args=(stage, script), name="scripted"
            )
            self._threads.append(play)
            play.start()

    def _play(self, stage: Stage, script: Sequence[Action]) -> None:
        ended = "eof"
        try:
            for action in script:
                action.do(stage)
        except (EOFError, ssl.SSLError):
            pass
        except OSError:
            ended = "reset"
        finally:
            stage.connection.close()
            with self._gone:
                stage.ended = ended
                self._gone.notify_all()

    @property
    def heard(self) -> bytes:
        """What the client said on the first connection."""
        return bytes(self.stages[0].heard) if self.stages else b""

    def wait_until_gone(self, number: int = 0, timeout: float = 5.0) -> str:
        """Wait until a connection has ended; return how: "eof" or "reset"."""
        with self._gone:
            assert self._gone.wait_for(
                lambda: len(self.stages) > number and self.stages[number].ended != "",
                timeout,
            ), f"connection {number} is still there"
            return self.stages[number].ended

    def close(self) -> None:
        """End everything, and wait for it."""
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)
        for stage in self.stages:
            with suppress(OSError):
                stage.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
