"""The exchange, driven by hand over a socket pair: no thread, no driver."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Timeouts
from smtpnb.protocol.commands import Mail, Noop, Rcpt
from smtpnb.protocol.errors import DeadlineExceeded, RemoteProtocolError
from smtpnb.protocol.group import of_commands
from smtpnb.protocol.reply import Reply
from smtpnb.wire.exchange import Exchange
from smtpnb.wire.leaving import Departure
from smtpnb.wire.record import Record
from smtpnb.wire.stream import Stream
from smtpnb.wire.wait import Wait, now

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[Exchange, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    exchange = Exchange(Record("pair", 25), Timeouts(command=7.0, group=20.0))
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
