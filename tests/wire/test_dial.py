"""One socket from many addresses: the race, its record, and what ends it."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.protocol.errors import ConnectError, DeadlineExceeded
from smtpnb.wire import dial
from smtpnb.wire.dial import connect
from smtpnb.wire.record import Record
from smtpnb.wire.resolve import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.wire.wait import Steps, Wait

LATER = time.monotonic() + 3600


@pytest.fixture
def log() -> Record:
    return Record("mx.example", 25)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every socket is handed over or closed."""
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    yield
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


@pytest.fixture
def server() -> Iterator[Address]:
    """An address that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Address(socket.AF_INET, listener.getsockname())


def _dead(last: int = 1) -> Address:
    """An address where nobody listens: tcpmux has not been seen for long."""
    return Address(socket.AF_INET, (f"127.0.0.{last}", 1))


def _run(steps: Steps[socket.socket]) -> socket.socket:
    """Do what a driver does."""
    ready: tuple[int, ...] = ()
    try:
        wait = next(steps)
        while True:
            ready = _ready(wait)
            wait = steps.send(ready)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def _ready(wait: Wait) -> tuple[int, ...]:
    left = min(max(wait.deadline - time.monotonic(), 0), 10)
    return tuple(select.select([], [fd for fd, _ in wait.fds], [], left)[1])


def _attempts(log: Record) -> list[tuple[str, str | None]]:
    """The address and the error of each attempt."""
    return [(entry[3], entry[6]) for entry in log.log if entry[0] == "connect"]


def test_a_single_address_waits_once(log: Record, server: Address) -> None:
    steps = connect(log, [server], LATER)
    wait = next(steps)
    assert len(wait.fds) == 1
    assert wait.deadline == LATER  # no head start: there is nobody to give it to
    assert _ready(wait)
    with pytest.raises(StopIteration) as stop:
        steps.send(_ready(wait))
    with stop.value.value as sock:
        assert sock.getpeername() == server.sockaddr
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getblocking()
    assert _attempts(log) == [("127.0.0.1", None)]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_dead_addresses_are_told_with_the_reason(n: int, log: Record) -> None:
    addresses = [_dead(number + 1) for number in range(n)]
    with pytest.raises(ConnectError) as caught:
        _run(connect(log, addresses, LATER))
    named = ", ".join(map(str, addresses))
    assert str(caught.value) == f"no address accepted: {named}: Connection refused"
    assert _attempts(log) == [(str(each), "Connection refused") for each in addresses]


def test_the_first_that_answers_wins(log: Record, server: Address) -> None:
    with _run(connect(log, [_dead(1), _dead(2), server], LATER)) as sock:
        assert sock.getpeername() == server.sockaddr
    assert [error for _, error in _attempts(log)] == ["Connection refused"] * 2 + [None]


def test_thousands_of_dead_addresses_make_a_short_message(log: Record) -> None:
    addresses = [_dead(number % 250 + 1) for number in range(5000)]
    with pytest.raises(ConnectError) as caught:
        _run(connect(log, addresses, LATER))
    assert "and 4992 more: Connection refused" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert len(_attempts(log)) == 5000


def test_among_addresses_that_fail_at_once_a_cancel_is_seen(
    log: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_args: Any) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    monkeypatch.setattr(socket, "socket", none)
    steps = connect(log, [_dead()] * 5000, LATER)
    assert next(steps) == ((), 0)  # a wait for nothing: whoever drives looks
    steps.close()
    assert len(_attempts(log)) == 1


class _Slow(socket.socket):
    """Sockets whose connection stays under way until a test says how it ended."""

    made: list[_Slow]
    ended: dict[str, int]

    def connect_ex(self, address: Any) -> int:
        self.address = str(address[0])
        type(self).made.append(self)
        return errno.EINPROGRESS

    def getsockopt(self, level: int, option: int, *args: Any) -> Any:
        if option == socket.SO_ERROR:
            return type(self).ended.get(self.address, 0)
        return super().getsockopt(level, option, *args)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[_Slow]:
    _Slow.made, _Slow.ended = [], {}
    monkeypatch.setattr(socket, "socket", _Slow)
    return _Slow


def test_an_address_that_hangs_gives_the_next_a_start(
    log: Record, slow: type[_Slow]
) -> None:
    steps = connect(log, [_dead(1), _dead(2), _dead(3)], LATER)
    before = time.monotonic()
    wait = next(steps)
    assert len(wait.fds) == 1
    assert before < wait.deadline <= time.monotonic() + dial.HEAD_START
    wait = steps.send(())
    assert len(wait.fds) == 2
    slow.ended["127.0.0.1"] = errno.ECONNREFUSED
    wait = steps.send((slow.made[0].fileno(),))  # a failure starts the next at once
    assert {fd for fd, _ in wait.fds} == {sock.fileno() for sock in slow.made[1:]}
    assert wait.deadline == LATER
    with pytest.raises(StopIteration) as stop:
        steps.send((slow.made[2].fileno(),))
    stop.value.value.close()
    assert _attempts(log) == [
        ("127.0.0.1", "Connection refused"),
        ("127.0.0.3", None),
        ("127.0.0.2", "abandoned"),
    ]


@pytest.mark.usefixtures("slow")
def test_of_two_that_answer_together_one_is_kept(log: Record) -> None:
    steps = connect(log, [_dead(1), _dead(2)], LATER)
    next(steps)
    wait = steps.send(())
    with pytest.raises(StopIteration) as stop:
        steps.send(tuple(fd for fd, _ in wait.fds))
    stop.value.value.close()
    assert _attempts(log) == [("127.0.0.1", None), ("127.0.0.2", "abandoned")]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("n", [1, 3])
def test_a_deadline_ends_every_attempt(n: int, log: Record) -> None:
    steps = connect(log, [_dead(number) for number in range(n)], 0.0)
    next(steps)
    with pytest.raises(DeadlineExceeded):
        steps.send(())
    assert _attempts(log) == [("127.0.0.0", "abandoned")]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("n", [1, 3])
def test_what_is_abandoned_is_closed(n: int, log: Record) -> None:
    steps = connect(log, [_dead(number) for number in range(n)], LATER)
    next(steps)
    steps.close()
    assert _attempts(log) == [("127.0.0.0", "abandoned")]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
def test_no_socket_to_be_had_is_told_once(
    code: int, n: int, log: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_args: Any) -> socket.socket:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "socket", none)
    with pytest.raises(ConnectError) as caught:
        _run(connect(log, [_dead()] * n, LATER))
    assert str(caught.value) == f"no socket can be made: {os.strerror(code)}"
    assert len(_attempts(log)) == 1


def test_a_family_that_is_missing_costs_one_attempt(
    log: Record, server: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def some(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", some)
    six = Address(socket.AF_INET6, ("::1", 25, 0, 0))
    _run(connect(log, [six, server], LATER)).close()
    assert [address for address, _ in _attempts(log)] == ["::1", "127.0.0.1"]
    with pytest.raises(ConnectError, match="no address accepted: ::1: Address family"):
        _run(connect(log, [six], LATER))


def test_options_that_a_reset_connection_refuses_are_a_failure(
    log: Record, server: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reset(socket.socket):
        def setsockopt(self, *_args: Any) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(socket, "socket", Reset)
    with pytest.raises(ConnectError, match="Invalid argument"):
        _run(connect(log, [server], LATER))
