"""Nothing is finished after its deadline, whoever let the time pass.

`timeout=` is for the whole call. The time passes here in code of the user's: no server
is slow, and nothing ever blocks. A twin tells whether the end of the message left.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import DeadlineExceeded, SmtpClient, State
from tests.support.twins import TWINS, Twin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_S = 0.3
FROM, TO = "ann@client.example", "ok-1@server.example"
HEAD = b"Subject: late\r\n\r\n"


def _until_too_late() -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() <= end:
        pass


def _late_at_the_end(size: int) -> Iterator[bytes]:
    yield HEAD + b"x\r\n" * size
    _until_too_late()


def _late_in_the_middle(size: int) -> Iterator[bytes]:
    yield from _late_at_the_end(size)
    yield b"more\r\n" * size


def _data(client: Any, pieces: Iterator[bytes]) -> object:
    client.mail_from(FROM)
    client.rcpt_to(TO)
    return client.data(pieces, timeout=LIMIT_S)


def _send(client: Any, pieces: Iterator[bytes]) -> object:
    return client.send(pieces, FROM, TO, timeout=LIMIT_S)


def _send_all(client: Any, pieces: Iterator[bytes]) -> object:
    return client.send_all([(FROM, TO, pieces)], timeout=LIMIT_S)


@pytest.mark.parametrize("twin", ["by the book", "no CHUNKING", "no extension"])
@pytest.mark.parametrize("call", [_data, _send, _send_all])
@pytest.mark.parametrize("pieces", [_late_at_the_end, _late_in_the_middle])
@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
def test_a_message_whose_content_is_late_is_not_finished(
    twin: str,
    call: Callable[[Any, Iterator[bytes]], object],
    pieces: Callable[[int], Iterator[bytes]],
    size: int,
) -> None:
    with Twin(TWINS[twin]) as server, SmtpClient(identity="client.example") as client:
        client.connect(server.host, server.port)
        client.ehlo()
        with pytest.raises(DeadlineExceeded) as caught:
            call(client, pieces(size))
        assert caught.value.outcome == "aborted"
        assert client.state is State.CLOSED
        server.wait_until_gone()
        assert not any(each.ended for each in server.books.transactions)


@pytest.mark.parametrize("overlap", [None, "turn", "window"])
@pytest.mark.parametrize("twin", ["by the book", "no CHUNKING", "no extension"])
def test_a_message_that_comes_late_is_not_finished(
    twin: str, overlap: str | None
) -> None:
    def mails() -> Iterator[tuple[str, str, bytes]]:
        yield FROM, TO, HEAD + b"first\r\n"
        _until_too_late()
        yield FROM, TO.replace("1", "2"), HEAD + b"second\r\n"

    with Twin(TWINS[twin]) as server:
        client: Any = SmtpClient(identity="client.example")
        client.connect(server.host, server.port)
        client.ehlo()
        with pytest.raises(DeadlineExceeded) as caught:
            client.send_all(mails(), overlap=overlap, timeout=LIMIT_S)
        server.wait_until_gone()
        taken = [each.content for each in server.books.taken]
    told = [delivery.outcome for delivery in caught.value.deliveries]
    assert told.count("accepted") == len(taken) <= 1
    assert "unknown" not in told
    assert not any(b"second" in content for content in taken)
