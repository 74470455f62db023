"""What sending costs, counted: no noise of the machine touches these."""

from __future__ import annotations

import gc
import socket
import sys
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import smtpnb
from smtpnb import MailObject, SmtpClient
from smtpnb.protocol.group import BLOCK
from tests.support.scripted import GREETING, Hear, Listen, Say, ScriptedServer, Swallow
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.choose import Overlap

PACKAGE = Path(smtpnb.__file__).parent
FROM, TO = "a@example.org", "b@example.net"
LINE = b".0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrst\r\n"
LAST = b"the last line\r\n"
SIZE = 20_000_000
MEGABYTE = 1_000_000

OK = b"250 2.0.0 Ok\r\n"
BY_DATA = (
    *(GREETING, Hear(), Say(b"250-x\r\n250 PIPELINING\r\n")),
    *(Hear(b"DATA\r\n"), Say(OK + OK + b"354 go on\r\n")),
    *(Swallow(LAST + b".\r\n"), Say(OK), Listen()),
)
BY_BDAT = (
    *(GREETING, Hear(), Say(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")),
    *(Hear(), Hear(), Say(OK + OK), Hear(b"LAST\r\n"), Swallow(LAST), Say(OK)),
    Listen(),
)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("costs") / "large.eml"
    path.write_bytes(LINE * (SIZE // len(LINE)) + LAST)
    return path


@contextmanager
def connected(port: int) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as client:
        client.connect("127.0.0.1", port)
        client.ehlo()
        yield client


def peak(client: SmtpClient, mail: MailObject) -> int:
    """Return the most octets that were allocated while a message was sent."""
    gc.collect()
    tracemalloc.start()
    try:
        assert client.send(mail).ok
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_by_data_a_file_needs_a_few_blocks_of_memory(large: Path) -> None:
    with (
        ScriptedServer(BY_DATA) as server,
        connected(server.port) as client,
        large.open("rb") as file,
    ):
        # A block, the same with its dots doubled, and the buffers of the test's server.
        assert peak(client, MailObject(FROM, TO, file)) < 12 * BLOCK


def test_by_data_octets_in_memory_are_not_copied_as_a_whole(large: Path) -> None:
    octets = large.read_bytes()
    with ScriptedServer(BY_DATA) as server, connected(server.port) as client:
        assert peak(client, MailObject(FROM, TO, octets)) < 4 * MEGABYTE


def test_by_bdat_the_kernel_sends_a_file(large: Path) -> None:
    with (
        ScriptedServer(BY_BDAT) as server,
        connected(server.port) as client,
        large.open("rb") as file,
    ):
        # The buffers are those of the server of the test.
        assert peak(client, MailObject(FROM, TO, file, crlf=True)) < 8 * BLOCK
        assert file.tell() == 0


class CountingFile:
    """A file that notes how far it was read ahead of what had been sent."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read_so_far = 0
        self.sent_so_far = 0
        self.most_ahead = 0

    def read(self, size: int) -> bytes:
        octets = self._file.read(size)
        self.read_so_far += len(octets)
        self.most_ahead = max(self.most_ahead, self.read_so_far - self.sent_so_far)
        return octets

    def sent(self, octets: int) -> None:
        self.sent_so_far = octets


def test_a_file_is_read_as_it_is_sent(large: Path) -> None:
    plain = large.read_bytes().replace(b"\r\n.", b"\r\n")[1:]
    large_plain = large.with_name("plain.eml")
    large_plain.write_bytes(plain)
    with (
        ScriptedServer(BY_DATA) as server,
        connected(server.port) as client,
        large_plain.open("rb") as file,
    ):
        counting = CountingFile(file)
        client.on_progress = counting.sent
        assert client.send(counting, FROM, TO).ok  # type: ignore[arg-type]
    assert counting.read_so_far == len(plain)
    assert counting.most_ahead <= 2 * BLOCK


class CountingSocket(socket.socket):
    """Counts the calls that send; the server of the test uses `sendall`."""

    calls = 0

    def send(self, *args: Any) -> int:
        CountingSocket.calls += 1
        return super().send(*args)

    def sendmsg(self, *args: Any) -> int:
        CountingSocket.calls += 1
        return super().sendmsg(*args)


@pytest.mark.parametrize(
    ("chunking", "overlap", "n", "calls"),
    [
        pytest.param(True, None, 1, 2, id="one by BDAT"),  # envelope; content
        pytest.param(False, None, 1, 2, id="one by DATA"),
        pytest.param(True, "window", 1, 1, id="one in a window"),
        pytest.param(True, "window", 96, 3, id="a window"),  # half of it each
        pytest.param(False, "turn", 50, 51, id="turns"),
        pytest.param(False, None, 50, 100, id="by default"),
    ],
)
def test_messages_leave_in_the_fewest_calls(
    monkeypatch: pytest.MonkeyPatch,
    chunking: bool,
    overlap: Overlap,
    n: int,
    calls: int,
) -> None:
    with Sink() as sink:
        monkeypatch.setattr(socket, "socket", CountingSocket)
        with connected(sink.port) as client:
            client.chunking = chunking
            CountingSocket.calls = 0
            deliveries = client.send_all(
                [(FROM, TO, b"hello\r\n")] * n, overlap=overlap
            )
            assert CountingSocket.calls == calls
        assert [delivery.outcome for delivery in deliveries] == ["accepted"] * n


MANY = 10_000
CONTENT = b"Subject: x\r\n\r\n" + b"hello\r\n" * 100


def held(value: object, seen: set[int]) -> int:
    """Return the octets of a value and of all it holds, each thing counted once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    inside = value if isinstance(value, (tuple, list)) else ()
    return sys.getsizeof(value) + sum(held(item, seen) for item in inside)


def test_the_record_of_a_stream_is_small() -> None:
    with Sink() as sink, connected(sink.port) as client:
        log = client._records[0].log
        before = len(log)
        given = ((FROM, TO, CONTENT) for _ in range(MANY))
        client.send_all(given, overlap="window")
        assert len(sink.accepted) == MANY
        entries, octets = len(log) - before, held(log[before:], set())
    # 32 messages a write; how many replies a read brings is up to the server.
    assert entries <= MANY / 4
    assert octets / MANY <= 700  # its own lines, as if no two messages were alike


def test_a_stream_keeps_little_of_each_message() -> None:
    settled: list[Delivery] = []
    with Sink() as sink, connected(sink.port) as client:
        gc.collect()
        tracemalloc.start()
        try:
            client.send_all(
                ((FROM, TO, CONTENT) for _ in range(MANY)),
                overlap="window",
                on_delivery=settled.append,
            )
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
    assert len(settled) == MANY
    ours = snapshot.filter_traces([tracemalloc.Filter(True, f"{PACKAGE}/*")])
    octets = sum(trace.size for trace in ours.traces)
    assert octets / MANY <= 1600
