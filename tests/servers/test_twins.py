"""That the twins do what their names say: spoken to by a bare socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.twins import TWINS, Habits, Twin

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = b"EHLO x\r\n"
_OPEN = b"MAIL FROM:<a@b>\r\nRCPT TO:<ok-1@c>\r\n"
_WHOLE = b"Subject: x\r\n\r\n..dot\r\n.\r\n"


class _Wire:
    """A bare socket: what is said is sent in one piece."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._heard = b""

    def say(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def codes(self, n: int) -> list[int]:
        """Read n replies; 0 stands for the end of the connection."""
        codes: list[int] = []
        while len(codes) < n and (not codes or codes[-1]):
            line, found, rest = self._heard.partition(b"\r\n")
            if found:
                self._heard = rest
                codes += [int(line[:3])] * (line[3:4] == b" ")
                continue
            try:
                octets = self._socket.recv(65536)
            except ConnectionResetError:
                octets = b""
            self._heard += octets
            codes += [0] * (not octets)
        return codes

    def close(self) -> None:
        self._socket.close()


def _talk(habits: Habits, talk: Callable[[_Wire], None]) -> Twin:
    with Twin(habits) as twin:
        wire = _Wire(twin.port)
        try:
            assert wire.codes(1) == [220]
            wire.say(_HEAD)
            assert wire.codes(1) == [250]
            talk(wire)
        finally:
            wire.close()
    return twin


def _by_data(wire: _Wire) -> None:
    wire.say(_OPEN + b"DATA\r\n")
    assert wire.codes(3) == [250, 250, 354]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("by the book", [250, 250, 250]),
        ("Haraka 3.3.4", [250, 503, 503]),
        ("chasquid 1.11", [250, 250]),  # to a NOOP that is asked afterwards
        ("Dovecot 2.3.19", [0]),
    ],
)
def test_what_stands_behind_the_dot(name: str, codes: list[int]) -> None:
    def talk(wire: _Wire) -> None:
        _by_data(wire)
        wire.say(_WHOLE + _OPEN)
        assert wire.codes(1) == codes[:1]
        if name.startswith("chasquid"):
            wire.say(b"NOOP\r\n")
        assert wire.codes(len(codes) - 1) == codes[1:]

    books = _talk(TWINS[name], talk).books
    (taken,) = books.taken
    assert (taken.reverse_path, taken.forward_paths) == ("a@b", ["ok-1@c"])
    assert taken.content == b"Subject: x\r\n\r\n.dot\r\n"
    assert books.octets_behind == len(_OPEN)


@pytest.mark.parametrize(
    ("name", "codes"),
    [("by the book", [503, 250]), ("go-smtp 0.24", [503, 250, 250, 250])],
)
def test_a_refused_chunk(name: str, codes: list[int]) -> None:
    def talk(wire: _Wire) -> None:
        wire.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<no-1@c>\r\n")
        assert wire.codes(2) == [250, 550]
        wire.say(b"BDAT 12 LAST\r\nNOOP\r\nRSET\r\nNOOP\r\n")
        assert wire.codes(len(codes)) == codes

    assert not _talk(TWINS[name], talk).books.taken


def test_replies_are_held_until_all_of_the_group_is_answered() -> None:
    def talk(wire: _Wire) -> None:
        wire.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<slow-1@c>\r\nRCPT TO:<later-1@c>\r\n")
        assert wire.codes(3) == [250, 250, 450]

    _talk(Habits(holds=True, pause=0.01), talk)


def test_the_dot_is_answered_twice() -> None:
    def talk(wire: _Wire) -> None:
        _by_data(wire)
        wire.say(_WHOLE)
        assert wire.codes(2) == [250, 250]

    assert len(_talk(TWINS["buggregator"], talk).books.taken) == 1


@pytest.mark.parametrize(
    ("ending", "codes"),
    [
        ("421 on", [421, 503]),
        ("421 close", [421, 0]),
        ("reset", [0]),
        ("half-close", [0]),
    ],
)
def test_a_server_has_had_enough(ending: str, codes: list[int]) -> None:
    def talk(wire: _Wire) -> None:
        wire.say(_OPEN)
        assert wire.codes(len(codes)) == codes

    _talk(Habits(enough=1, ending=ending), talk)  # type: ignore[arg-type]  # a word


def test_a_flood_begins_with_the_354_and_nothing_is_read() -> None:
    def talk(wire: _Wire) -> None:
        _by_data(wire)
        wire.say(_WHOLE)
        assert wire.codes(1000) == [250] * 1000

    books = _talk(Habits(flood=b"250 and on\r\n" * 100), talk).books
    assert [(each.ended, each.taken) for each in books.transactions] == [(False, False)]
