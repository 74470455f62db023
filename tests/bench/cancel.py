"""How long after `cancel()` the running call has ended, phase by phase."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb import Cancelled, LocalProtocolError, MailObject, SmtpClient
from smtpnb.wire import resolve
from tests.bench.table import Goal, at_most, percentile, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIALS = 1000
_AT_ONCE = 20
_IDLE = 0.003  # seconds without work, so many times: everything waits
_IDLE_TIMES = 3
_P50 = 100  # us
_P99 = 1000
_GREETING = b"220 stall\r\n"
_FAST = b"250-stall\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
_TO_DATA = (_GREETING, b"250 a\r\n", b"250 b\r\n", b"250 c\r\n", b"354 go\r\n")
_FROM, _TO = "a@bench.test", "b@bench.test"
_LINE = b"x" * 998 + b"\r\n"
_LARGE = 50_000_000


class Phase(NamedTuple):
    """Where a client is when it is cancelled.

    Attributes:
        name: What it is called.
        says: What the server says, each piece when it has heard something.
        act: What the client does; it never ends by itself.
    """

    name: str
    says: tuple[bytes, ...]
    act: Callable[[SmtpClient, int], object]


@contextmanager
def stalled(says: tuple[bytes, ...]) -> Iterator[int]:
    """Serve on loopback: say these octets to everybody, then nothing.

    What matters here is only that the last wait is for nothing. Who has said all never
    reads again: a thread that woke up by the cancel would stand in its way.
    """
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer = server.accept()[0]
                open_sockets.append(peer)
                threading.Thread(target=_talk, args=(peer, says), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for peer in open_sockets:
            peer.close()


def _talk(peer: socket.socket, says: tuple[bytes, ...]) -> None:
    with suppress(OSError):
        for number, octets in enumerate(says):
            if number:
                peer.recv(4096)
            peer.sendall(octets)


def main() -> list[Goal]:
    """Print p50, p99, the worst, and how many never ended, of each phase."""
    worst: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "message.eml")  # of octets: a hole is no file to the client
        path.write_bytes(_LINE * (_LARGE // len(_LINE)))
        rows = [_row(phase, worst) for phase in _phases(path)]
    header = ("phase", "p50 us", "aim", "", "p99 us", "aim", "", "max us", "stuck")
    show(
        f"From cancel() to the end of the call ({TRIALS} trials each; aim: none stuck)",
        header,
        rows,
    )
    return [Goal("cancel, p99 of the worst phase, ms", "", [max(worst)], 1, most=True)]


def _phases(path: Path) -> list[Phase]:
    fast = (_GREETING, _FAST)

    def copying(client: SmtpClient, port: int) -> None:
        client.connect("127.0.0.1", port)
        with path.open("rb") as file:
            client.send(MailObject(_FROM, _TO, file, crlf=True))

    return [
        Phase("resolve", (), _resolving),
        Phase("greeting", (), lambda client, port: client.connect("127.0.0.1", port)),
        Phase("tls", (), _handshaking),
        Phase("reply", (_GREETING,), _waiting),
        Phase("body", _TO_DATA, _sending),
        Phase("eod", _TO_DATA, _finishing),
        Phase("group", fast, _grouped),
        Phase("stream, default", fast, _in_default_stream),
        Phase("stream by turn", fast, _by_turn),
        Phase("stream in a window", fast, _in_window),
        Phase("window, not read", fast, _in_wide_window),
        Phase("sendfile", (*fast, b"250 b\r\n250 c\r\n"), copying),
    ]


def _row(phase: Phase, worst: list[float]) -> tuple[str, ...]:
    with stalled(phase.says) as port:
        _trials(phase, port, 2)  # what loads late has loaded
        times: list[float | None] = []
        while len(times) < TRIALS and times.count(None) < _AT_ONCE:
            times += _trials(phase, port, _AT_ONCE)
    good = [value * 1e6 for value in times if value is not None] or [float("inf")]
    p50, p99 = percentile(good, 0.5), percentile(good, 0.99)
    worst.append(p99 / 1000)
    return (
        *(phase.name, f"{p50:.0f}", *at_most(p50, _P50, "us")),
        *(f"{p99:.0f}", *at_most(p99, _P99, "us")),
        *(f"{max(good):.0f}", str(times.count(None))),
    )


def _trials(phase: Phase, port: int, n: int) -> list[float | None]:
    """Start several calls, let them come to their wait, cancel one after the other."""
    with _silent_resolver():
        trials = [_Trial(phase.act, port) for _ in range(n)]
        _settle(trials)
        return [trial.cancel() for trial in trials]


def _settle(trials: list[_Trial]) -> None:
    """Wait until all calls have begun and nothing in this process runs any more."""
    end, idle = time.monotonic() + 10, 0
    while time.monotonic() < end:
        worked = time.process_time()
        time.sleep(_IDLE)
        still = time.process_time() - worked < _IDLE / 10
        idle = idle + 1 if still and all(trial.begun for trial in trials) else 0
        if idle == _IDLE_TIMES:
            return
    raise SystemExit("the calls do not come to rest")


class _Trial:
    def __init__(self, act: Callable[[SmtpClient, int], object], port: int) -> None:
        self._client = SmtpClient(identity="bench.test")
        self._ended: list[float] = []

        def work() -> None:
            # Cancelled between two verbs: the next one is told so.
            with suppress(Cancelled, LocalProtocolError):
                act(self._client, port)
            self._ended.append(time.perf_counter())

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    @property
    def begun(self) -> bool:
        return bool(self._client.peer)

    def cancel(self) -> float | None:
        assert not self._ended, "it did not wait"
        started = time.perf_counter()
        self._client.cancel()
        self._thread.join(5)
        return self._ended[0] - started if self._ended else None


def _resolving(client: SmtpClient, port: int) -> None:
    client.connect("stalled.test", port)


@contextmanager
def _silent_resolver() -> Iterator[None]:
    """Let every look-up hang, until the block ends."""
    silence, real = threading.Event(), resolve._ask

    def hang(name: str, port: int) -> list[resolve.Address]:  # noqa: ARG001  # its signature
        silence.wait(30)
        return []

    resolve._ask = hang
    try:
        yield
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
    client.mail_from(_FROM)
    client.rcpt_to(_TO)


def _sending(client: SmtpClient, port: int) -> None:
    _to_data(client, port)
    client.data(_LINE for _ in range(_LARGE // len(_LINE)))


def _finishing(client: SmtpClient, port: int) -> None:
    _to_data(client, port)
    client.data(b"x\r\n")


def _grouped(client: SmtpClient, port: int) -> None:
    client.connect("127.0.0.1", port)
    client.ehlo()
    with client.pipeline() as group:
        group.mail_from(_FROM)
        for _ in range(100):
            group.rcpt_to(_TO)


def _in_default_stream(client: Any, port: int) -> None:
    client.connect("127.0.0.1", port)
    client.send_all((_FROM, _TO, _LINE) for _ in range(1000))


def _by_turn(client: Any, port: int) -> None:
    client.chunking = False
    client.connect("127.0.0.1", port)
    client.send_all(((_FROM, _TO, _LINE) for _ in range(1000)), overlap="turn")


def _in_window(client: Any, port: int) -> None:
    client.connect("127.0.0.1", port)
    client.send_all(((_FROM, _TO, _LINE) for _ in range(1000)), overlap="window")


def _in_wide_window(client: Any, port: int) -> None:
    """Fill the link, with a window that would allow more."""
    client.connect("127.0.0.1", port)
    content = 60 * _LINE
    many = _LARGE // len(content)
    mails = ((_FROM, _TO, content) for _ in range(many))
    client.send_all(mails, overlap="window", window=many)
