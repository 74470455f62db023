"""How long after `cancel()` the running call has ended, phase by phase."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from smtpnb import Cancelled, SmtpClient
from smtpnb.wire import resolve
from tests.bench.table import percentile, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIALS = 100
_GREETING = b"220 stall\r\n"
_TO_DATA = _GREETING + b"250 a\r\n" + b"250 b\r\n" * 2 + b"354 go\r\n"


@contextmanager
def stalled(say: bytes) -> Iterator[int]:
    """Serve on loopback: say these octets to everybody, then nothing, and never read.

    The replies come before their commands are read, one at a time as the client waits
    for each: what matters here is only that the last wait is for nothing.
    """
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer = server.accept()[0]
                open_sockets.append(peer)
                threading.Thread(target=_talk, args=(peer, say), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for peer in open_sockets:
            peer.close()


def _talk(peer: socket.socket, say: bytes) -> None:
    with suppress(OSError):
        first, *rest = say.splitlines(keepends=True) or [b""]
        peer.sendall(first)
        for reply in rest:
            peer.recv(4096)
            peer.sendall(reply)


def main() -> None:
    """Print p50, p99 and the worst of each phase."""
    rows = [
        _row("resolve", b"", _resolving),
        _row("greeting", b"", lambda client, port: client.connect("127.0.0.1", port)),
        _row("tls", b"", _handshaking),
        _row("reply", _GREETING, _waiting),
        _row("body", _TO_DATA, _sending),
        _row("eod", _TO_DATA, _finishing),
    ]
    header = ("phase", "p50 us", "p99 us", "max us", "stuck")
    show(f"From cancel() to the end of the call ({TRIALS} trials each)", header, rows)


def _row(
    name: str, say: bytes, act: Callable[[SmtpClient, int], object]
) -> tuple[str, ...]:
    with stalled(say) as port:
        _trial(act, port)  # what loads late has loaded
        times = [_trial(act, port) for _ in range(TRIALS)]
    good = [value for value in times if value is not None]
    cells = [percentile(good, 0.5), percentile(good, 0.99), max(good)]
    stuck = str(times.count(None))
    return (name, *(f"{value * 1e6:.0f}" for value in cells), stuck)


def _trial(act: Callable[[SmtpClient, int], object], port: int) -> float | None:
    client = SmtpClient(identity="bench.test")
    ended: list[float] = []

    def work() -> None:
        with suppress(Cancelled):
            act(client, port)
        ended.append(time.perf_counter())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(0.02)  # by then it waits
    started = time.perf_counter()
    client.cancel()
    thread.join(5)
    return ended[0] - started if ended else None


def _resolving(client: SmtpClient, port: int) -> None:
    silence = threading.Event()
    real = resolve._ask

    def hang(name: str, port: int) -> list[resolve.Address]:  # noqa: ARG001  # its signature
        silence.wait(30)
        return []

    resolve._ask = hang
    try:
        client.connect("stalled.test", port)
    finally:
        resolve._ask = real
        silence.set()


def _handshaking(client: SmtpClient, port: int) -> None:
    client.connect("127.0.0.1", port, implicit_tls=True)


def _waiting(client: SmtpClient, port: int) -> None:
    client.connect("127.0.0.1", port)
    client.noop()


def _to_data(client: SmtpClient, port: int) -> None:
    client.connect("127.0.0.1", port)
    client.ehlo()
    client.mail_from("a@bench.test")
    client.rcpt_to("b@bench.test")


def _sending(client: SmtpClient, port: int) -> None:
    _to_data(client, port)
    client.data(b"x" * 998 + b"\r\n" for _ in range(100_000))


def _finishing(client: SmtpClient, port: int) -> None:
    _to_data(client, port)
    client.data(b"x\r\n")
