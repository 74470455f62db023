"""The exchange, driven by hand over a socket pair: no thread, no driver."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Timeouts
from smtpnb.protocol.commands import Mail, Noop, Rcpt
from smtpnb.protocol.errors import (
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.group import BLOCK, announced, chunk, of_commands
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Session
from smtpnb.wire.exchange import Exchange
from smtpnb.wire.leaving import Departure
from smtpnb.wire.record import Record
from smtpnb.wire.stream import Stream
from smtpnb.wire.wait import Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def pair() -> Iterator[tuple[Exchange, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    exchange = Exchange(
        Record("pair", 25),
        Timeouts(command=7.0, group=20.0, block=3.0, eod=8.0),
        Session(),
    )
    exchange.stream = Stream(ours)
    exchange.session.greeted(Reply(b"220 hi\r\n"))
    yield exchange, theirs
    exchange.stream.abort()
    theirs.close()


def say(exchange: Exchange) -> None:
    command = Noop()
    with pytest.raises(StopIteration):
        next(exchange.say(command, command.octets(lax=False), None))


def test_one_absolute_deadline_a_reply(pair: tuple[Exchange, socket.socket]) -> None:
    exchange, theirs = pair
    before = now()
    say(exchange)
    assert before + 7 <= exchange.session.queue[0].deadline <= now() + 7
    steps, asked = exchange.reply(), []
    wait: Any = next(steps)
    for octet in b"250 ok":  # octet by octet: it is never renewed
        asked.append(wait)
        theirs.send(bytes([octet]))
        wait = steps.send((exchange.connection.fd,))
    assert all(type(each) is Wait for each in asked)
    assert {each.deadline for each in asked} == {wait.deadline}
    with pytest.raises(DeadlineExceeded):
        steps.send(())
    assert exchange.incoming.pending() == b"250 ok"


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_a_group_has_the_sum_of_its_limits_and_no_more(
    pair: tuple[Exchange, socket.socket], n: int
) -> None:
    exchange, _ = pair
    group = of_commands(Rcpt("b@example.net"), lax=True)
    before = now()
    with pytest.raises(StopIteration):
        next(exchange.leave(*[Departure(group)] * n, limit=None))
    due = exchange.session.queue[-1].deadline
    assert before + min(7.0 * n, 20.0) <= due <= now() + min(7.0 * n, 20.0)


@pytest.mark.parametrize(("n_blocks", "more"), [(0, 0.0), (1, 3.0), (2, 6.0), (3, 8.0)])
def test_the_reply_to_a_chunk_has_the_time_of_what_is_still_on_its_way(
    pair: tuple[Exchange, socket.socket], n_blocks: int, more: float
) -> None:
    exchange, _ = pair
    group = chunk(b"x" * (n_blocks * BLOCK + 10), 1, last=False)
    before = now()
    with pytest.raises(StopIteration):
        next(exchange.leave(Departure(group), limit=None))
    due = exchange.session.queue[-1].deadline
    assert before + 7 + more <= due <= now() + 7 + more


def test_the_reply_to_a_file_has_its_time_from_when_the_file_had_left(
    pair: tuple[Exchange, socket.socket], tmp_path: Path
) -> None:
    exchange, _ = pair
    path = tmp_path / "large"
    path.write_bytes(b"x" * 1000)
    with pytest.raises(StopIteration):
        next(exchange.leave(Departure(announced(1000, last=True)), limit=None))
    (owed,) = exchange.session.queue
    owed.deadline = now() - 3600  # so long it took
    with path.open("rb") as file:
        for _ in exchange.copy(file.fileno(), 0, 1000, None):
            pass
    assert now() < owed.deadline <= now() + 8


@pytest.mark.parametrize("change", ["grows", "shrinks", "closed"])
def test_a_file_that_changes_while_the_kernel_sends_it_is_half_a_message(
    pair: tuple[Exchange, socket.socket], tmp_path: Path, change: str
) -> None:
    exchange, theirs = pair
    path, size = tmp_path / "large", 4_000_000
    path.write_bytes(b"x" * size)
    descriptor = os.open(path, os.O_RDONLY)
    steps = exchange.copy(descriptor, 0, size, None)
    while type(next(steps)) is not Wait or theirs.recv(1, socket.MSG_PEEK) == b"":
        pass  # the kernel has taken some of it, and not all
    if change == "closed":
        os.close(descriptor)
    else:
        os.truncate(path, size + 1 if change == "grows" else size - 1)
    theirs.recv(1 << 20)
    with pytest.raises(LocalProtocolError, match="while it was sent"):
        steps.send((exchange.connection.fd,))
    assert exchange.sent < size
    if change != "closed":
        os.close(descriptor)


def test_a_limit_of_the_call_takes_the_place_of_all_others(
    pair: tuple[Exchange, socket.socket],
) -> None:
    exchange, _ = pair
    limit = now() + 3
    group = of_commands(Mail("a@example.org"), lax=True)
    with pytest.raises(StopIteration):
        next(exchange.leave(Departure(group), Departure(group), limit=limit))
    assert {owed.deadline for owed in exchange.session.queue} == {limit}


def test_nothing_leaves_behind_what_nobody_asked_for(
    pair: tuple[Exchange, socket.socket],
) -> None:
    exchange, theirs = pair
    theirs.send(b"250 surplus\r\n")
    command = Noop()
    with pytest.raises(RemoteProtocolError, match="nobody asked for"):
        next(exchange.say(command, command.octets(lax=False), None))
    assert exchange.sent == 0
    assert not exchange.session.queue


def _in_a_run(exchange: Exchange, octets: bytes) -> None:
    exchange.incoming.feed(octets)
    exchange.incoming.replies(3, 1, alone=False)


def _alone(exchange: Exchange, octets: bytes) -> None:
    exchange.incoming.feed(octets)
    while exchange.incoming.replies(1, 1, alone=True):
        pass


def _unasked(exchange: Exchange, octets: bytes) -> None:
    exchange.incoming.feed(octets)
    while exchange.incoming.unread:
        exchange.incoming.surplus()


def _at_once(exchange: Exchange, octets: bytes) -> None:
    for line in octets.splitlines(keepends=True):
        exchange.incoming.at_once(line, 1)


READING = [_in_a_run, _alone, _unasked, _at_once]
# What was said, whether it is closing, and how many replies stand behind that.
CLOSING = [
    (b"250 421\r\n", False, 0),
    (b"421 bye\r\n", True, 0),
    (b"250 ok\r\n421 bye\r\n", True, 0),
    (b"421 bye\r\n250 ok\r\n", True, 1),
    (b"421 bye\r\n250 ok\r\n421 bye\r\n", True, 2),
]


@pytest.mark.parametrize("read", READING)
@pytest.mark.parametrize(("octets", "said", "behind"), CLOSING)
def test_a_421_is_heard_however_it_is_read(
    pair: tuple[Exchange, socket.socket],
    read: Callable[[Exchange, bytes], None],
    octets: bytes,
    said: bool,
    behind: int,
) -> None:
    exchange, _ = pair
    read(exchange, octets)
    assert exchange.said_421 is said
    assert exchange.incoming.replies_after_421 == behind
