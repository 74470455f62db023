"""What a server may make us hold, and what sending a message costs."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from smtpnb import RemoteProtocolError, SmtpClient
from smtpnb.protocol.parser import ReplyParser
from tests.hostile.phases import ENVELOPE, connect, rcpt
from tests.support.scripted import DATA, Listen, Say, ScriptedServer, Swallow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024


@contextmanager
def at_most(octets: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < octets


def test_a_gigabyte_of_replies_is_read_in_constant_memory() -> None:
    line = b"x" * 16_000 + b"\r\n"
    replies = b"250-" + line + b"250-" + line + b"250-" + line + b"250 " + line
    parser, n = ReplyParser(), 0
    with at_most(MIB):
        for _ in range(1024**3 // len(replies)):
            parser.feed(replies)
            while parser.next_reply() is not None:
                n += 1
    assert n == 1024**3 // len(replies)


@pytest.mark.parametrize(
    "piece",
    [b"250-x\r\n" * 2340, b"250-" + b"x" * 16380, b"\0" * 16384, b"\n" * 16384],
    ids=["lines", "line", "NULs", "newlines"],
)
def test_a_gigabyte_without_end_is_refused_at_the_bound(piece: bytes) -> None:
    parser, fed = ReplyParser(), 0
    with at_most(MIB), pytest.raises(RemoteProtocolError):  # noqa: PT012  # a loop
        for _ in range(1024**3 // len(piece)):
            parser.feed(piece)
            fed += len(piece)
            assert parser.next_reply() is None
    assert fed <= 128 * 1024


@pytest.mark.parametrize("source", ["iterator", "file"])
def test_a_large_message_costs_little_memory(source: str, tmp_path: Path) -> None:
    block = (b"y" * 78 + b"\r\n") * 800
    size, path = 128 * MIB, tmp_path / "message"
    with path.open("wb") as file:
        for _ in range(size // len(block) if source == "file" else 0):
            file.write(block)
    script = (*ENVELOPE, *DATA, Swallow(), Say(b"250 Ok\r\n"), Listen())
    client = SmtpClient()
    with ScriptedServer(script) as server, path.open("rb") as file:
        connect(client, server)
        rcpt(client)
        pieces = (block for _ in range(size // len(block)))
        with at_most(4 * MIB):
            reply = client.data(file if source == "file" else pieces)
        assert reply.ok
        client.cancel()
    sent = client.transcript.events()["n_bytes"].max()
    assert size - len(block) <= sent <= size
