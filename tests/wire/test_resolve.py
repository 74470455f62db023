"""What is asked for, and what becomes of an answer."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.protocol.errors import (
    ConnectError,
    DeadlineExceeded,
    LocalProtocolError,
    ResolveError,
)
from smtpnb.wire import helper
from smtpnb.wire import resolve as module
from smtpnb.wire.record import Record
from smtpnb.wire.resolve import Address, resolve

if TYPE_CHECKING:
    from smtpnb.wire.wait import Steps

LATER = time.monotonic() + 3600
ANSWER = [Address(socket.AF_INET, ("192.0.2.1", 25))]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that the resolver was asked for; it answers all of them."""
    names: list[str] = []

    def call(_function: Any, name: str, *_rest: Any, deadline: float) -> Steps[Any]:
        assert deadline == LATER
        names.append(name)
        yield from ()
        return ANSWER

    monkeypatch.setattr(helper, "call", call)
    return names


def _resolved(host: str, log: Record | None = None) -> list[Address]:
    steps = resolve(log or Record(host, 25), host, 25, LATER)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    return stop.value.value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("mx.example", "mx.example"),
        ("mx.example.", "mx.example."),  # no search domains
        ("straße.example", "xn--strae-oqa.example"),
        ("straße.example\u3002", "xn--strae-oqa.example."),
        ("[mx.example]", "mx.example"),
        ("mx_1.example", "mx_1.example"),
    ],
)
def test_the_resolver_is_asked_for_the_a_label(
    host: str, name: str, asked: list[str]
) -> None:
    log = Record(host, 25)
    assert _resolved(host, log) == ANSWER
    assert asked == [name]
    assert log.log[0][3:] == (name, ("192.0.2.1",), None)


@pytest.mark.parametrize(
    ("host", "family", "first"),
    [
        ("192.0.2.1", socket.AF_INET, "192.0.2.1"),
        ("[192.0.2.1]", socket.AF_INET, "192.0.2.1"),
        ("127.1", socket.AF_INET, "127.0.0.1"),
        ("2001:db8::1", socket.AF_INET6, "2001:db8::1"),
        ("[2001:db8::1]", socket.AF_INET6, "2001:db8::1"),
        ("::ffff:127.0.0.1", socket.AF_INET6, "::ffff:127.0.0.1"),
    ],
)
def test_an_address_is_asked_of_nobody(
    host: str, family: int, first: str, asked: list[str]
) -> None:
    (address,) = _resolved(host)
    assert (address.family, address.sockaddr[:2]) == (family, (first, 25))
    assert asked == []


def test_a_zone_is_kept(asked: list[str]) -> None:
    (address,) = _resolved("[fe80::1%lo]")
    assert address.sockaddr[3] == socket.if_nametoindex("lo")
    assert asked == []


@pytest.mark.parametrize("host", ["", "a b", "mx..example", "x" * 64, "a@b", "mx%lo"])
def test_what_is_no_host_is_asked_of_nobody(host: str, asked: list[str]) -> None:
    with pytest.raises(LocalProtocolError, match="not a host name"):
        next(resolve(Record(host, 25), host, 25, LATER))
    assert asked == []


@pytest.mark.parametrize("host", ["fe80::1%nowhere", "[fe80::1%nowhere]"])
def test_a_zone_that_is_not_there_is_told(host: str, asked: list[str]) -> None:
    with pytest.raises(ResolveError, match="no such zone"):
        next(resolve(Record(host, 25), host, 25, LATER))
    assert asked == []  # the address without its zone is another one


@pytest.mark.parametrize(
    ("raised", "becomes", "told"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            ResolveError,
            "'mx.example' has no address: Name or service not known",
        ),
        (
            ConnectError("no thread is left for it: can't start new thread"),
            ResolveError,
            "'mx.example' was not looked up: no thread is left for it",
        ),
        (DeadlineExceeded("the time is up"), DeadlineExceeded, "the time is up"),
    ],
)
def test_a_look_up_that_fails_is_told_and_recorded(
    raised: Exception,
    becomes: type[Exception],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def call(*_args: Any, **_options: Any) -> Steps[Any]:
        yield from ()
        raise raised

    monkeypatch.setattr(helper, "call", call)
    log = Record("mx.example", 25)
    with pytest.raises(becomes, match=told):
        next(resolve(log, "mx.example", 25, LATER))
    assert log.log[0][3:5] == ("mx.example", ())
    assert log.log[0][5]


def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    four = [Address(socket.AF_INET, (f"192.0.2.{n}", 25)) for n in range(2)]
    six = [Address(socket.AF_INET6, (f"2001:db8::{n}", 25, 0, 0)) for n in range(3)]

    def call(*_args: Any, **_options: Any) -> Steps[Any]:
        yield from ()
        return six + four

    monkeypatch.setattr(helper, "call", call)
    assert _resolved("mx.example") == [six[0], four[0], six[1], four[1], six[2]]


def test_what_the_codec_of_getaddrinfo_refuses_is_an_error_of_the_resolver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_args: Any, **_options: Any) -> Any:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    with pytest.raises(OSError, match="a name that is none"):
        module._ask("mx.example", 25)
