"""Names that resolve to nothing, to the dead or never, and addresses that hang."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import ConnectError, DeadlineExceeded, ResolveError, SmtpClient, State
from tests.support.patience import AT_ONCE
from tests.support.scripted import GREETING, QUIT, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Infos = list[tuple[Any, ...]]
NAME = "mx.hostile.example"
_REAL = socket.getaddrinfo
DEADLINE_S = 0.6


def _info(host: str, port: int) -> tuple[Any, ...]:
    return socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the resolver does next: an error to raise, addresses, or an event."""
    answers: list[Any] = []

    def ask(host: str, *args: Any, **kwargs: Any) -> Infos:
        if host != NAME:
            return _REAL(host, *args, **kwargs)
        if kwargs.get("flags"):  # whether it is a number
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        answer = answers[0]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(30)
            return []
        found: Infos = answer
        return found

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield answers
    if answers and isinstance(answers[0], threading.Event):
        answers[0].set()


def _hanging(stack: ExitStack, host: str) -> tuple[Any, ...]:
    """An address whose queue of connections is full: a SYN waits there for ever."""
    listener = stack.enter_context(socket.create_server((host, 0), backlog=0))
    for _ in range(8):
        filler = stack.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return _info(*listener.getsockname())


def _dead(host: str = "127.0.0.1") -> tuple[Any, ...]:
    with socket.create_server((host, 0)) as listener:
        return _info(*listener.getsockname())


FAILURES = {
    "no such name": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "not now": socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
    "broken": socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"),
    "hostile words": socket.gaierror(-2, "\x1b[2J\u202e<script>\r\n250 forged"),
    "no text": OSError(),
    "bad label": UnicodeError("label empty or too long"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_resolver_that_fails_is_told_with_the_name(
    failure: str, resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    resolver.append(FAILURES[failure])
    client = SmtpClient()
    with trial("DNS"), pytest.raises(ResolveError, match=NAME) as caught:
        client.connect(NAME, 25)
    assert str(caught.value).isprintable()
    assert client.state is State.CLOSED


def test_a_name_without_any_address_is_told(
    resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    resolver.append([])
    with trial("DNS"), pytest.raises(ConnectError):
        SmtpClient().connect(NAME, 25)


def test_a_resolver_that_hangs_ends_at_the_deadline(
    resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    resolver.append(threading.Event())
    with trial("DNS"):
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="phase: resolve"):
            SmtpClient().connect(NAME, 25, timeout=DEADLINE_S)
        assert time.monotonic() - began < DEADLINE_S + AT_ONCE
        resolver[0].set()  # so that its thread may be seen to end


@pytest.mark.parametrize("n", [1, 2, 8])
def test_dead_addresses_are_each_told(
    n: int, resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    dead = [_dead(f"127.0.0.{number + 1}") for number in range(n)]
    resolver.append(dead)
    with trial("addresses"), pytest.raises(ConnectError, match="refused") as caught:
        SmtpClient().connect(NAME, 25)
    for *_, (host, _) in dead:
        assert host in str(caught.value)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_all_addresses_together_keep_the_deadline(
    n: int, resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    with trial("addresses"), ExitStack() as stack:
        resolver.append([_hanging(stack, f"127.0.0.{i + 1}") for i in range(n)])
        client = SmtpClient()
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="phase: connect"):
            client.connect(NAME, 25, timeout=DEADLINE_S)
        assert DEADLINE_S <= time.monotonic() - began < DEADLINE_S + AT_ONCE


def test_a_good_address_behind_dead_and_hanging_ones_is_found(
    resolver: list[Any], trial: Callable[[str], Any]
) -> None:
    with (
        trial("addresses"),
        ExitStack() as stack,
        ScriptedServer((GREETING, *QUIT)) as server,
    ):
        good = _info(server.host, server.port)
        resolver.append([_dead(), _hanging(stack, "127.0.0.2"), good])
        client = SmtpClient()
        assert client.connect(NAME, 25, timeout=5).code == 220
        assert client.quit().code == 221
