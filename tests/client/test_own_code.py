"""Code of the user's, wherever it runs: an interrupt reaches it, and its errors stay.

Each place raises SIGINT from inside: if the handler that stood there before is back, it
raises there; if not, the code goes on as if nothing had happened.
"""

from __future__ import annotations

import signal
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import pytest

from smtpnb import Cancelled, LocalProtocolError, SmtpClient, State
from smtpnb.protocol.commands import Noop
from smtpnb.protocol.sasl import Mechanism
from tests.sending.ways import WAYS
from tests.support.scripted import DATA, GREETING, OK, Hear, Listen, Say, ScriptedServer
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.scripted import Action

CONTENT: Final = b"Subject: x\r\n\r\n"
EHLO: Final = (Hear(), Say(b"250-x\r\n250-8BITMIME\r\n250 AUTH XOAUTH2\r\n"))


class Mine(Exception):  # what the user's code raises
    pass


class Lazy:
    """An iterable whose `__iter__` is code, too."""

    def __init__(self, code: Callable[[], None], *items: Any) -> None:
        self.code, self.items = code, items

    def __iter__(self) -> Iterator[Any]:
        self.code()
        return iter(self.items)


class Token(Mechanism):
    name = "XOAUTH2"

    def __init__(self, code: Callable[[], None]) -> None:
        self.code = code

    def steps(self, channel: Any = None) -> Any:
        self.code()
        yield b"x"


def dialogue(code: Callable[[], None]) -> Any:
    yield Noop()
    code()


def cleaned_up(code: Callable[[], None]) -> Any:
    try:
        yield Noop()
    finally:
        code()


def cleaning(client: SmtpClient, code: Callable[[], None]) -> None:
    client.on_tick = client.cancel
    client.run(cleaned_up(code))


def ticking(client: SmtpClient, code: Callable[[], None]) -> None:
    client.on_tick = code
    client.send(CONTENT, "a@x.example", ["b@x.example"])


def recipients(client: SmtpClient, code: Callable[[], None]) -> None:
    client.send_all([("a@x.example", Lazy(code, "b@x.example"), CONTENT)])


# What runs code of the user's, and what the server grants before it falls silent.
PLACES: Final[dict[str, tuple[Callable[..., object], tuple[Action, ...]]]] = {
    "recipients": (recipients, ()),
    "content": (
        lambda c, code: c.send(Lazy(code, CONTENT), "a@x.example", ["b@x.example"]),
        (*OK, *OK, *DATA),
    ),
    "dialogue": (lambda c, code: c.run(dialogue(code)), OK),
    "cleaning up": (cleaning, ()),
    "mechanism": (lambda c, code: c.auth(Token(code), allow_cleartext_auth=True), ()),
    "tick": (ticking, ()),
}


def run(place: str, code: Callable[[], None]) -> tuple[SmtpClient, BaseException]:
    """Run code at a place; return the client, and what was raised."""
    work, granted = PLACES[place]
    with ScriptedServer((GREETING, *EHLO, *granted, Listen())) as server:
        client = SmtpClient()
        client.connect(server.host, server.port)
        client.ehlo()
        with pytest.raises(BaseException) as caught:  # noqa: PT011
            work(client, code)
        state = client.state
        client.disconnect()
    assert state is State.CLOSED or not isinstance(caught.value, KeyboardInterrupt)
    return client, caught.value


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_is_raised_in_the_users_own_code(place: str) -> None:
    went_on = []

    def code() -> None:
        signal.raise_signal(signal.SIGINT)
        went_on.append(place)

    _, error = run(place, code)
    assert type(error) is KeyboardInterrupt
    assert went_on == []


@pytest.mark.parametrize("place", sorted(set(PLACES) - {"recipients"}))
def test_what_the_users_own_code_raises_is_raised_and_recorded(place: str) -> None:
    def code() -> None:
        raise Mine("no")

    client, error = run(place, code)
    assert type(error) is Mine
    told = client.transcript.text()
    # Where nothing was owed, nothing has ended.
    assert ("*** Mine during" in told) == (place in {"content", "tick"})
    assert "GeneratorExit" not in told


def test_a_tick_that_raises_leaves_no_message_untold() -> None:
    def code() -> None:
        raise Mine("no")

    client, error = run("tick", code)
    (delivery,) = error.deliveries  # type: ignore[attr-defined]
    assert delivery.outcome == error.outcome == "aborted"  # type: ignore[attr-defined]
    assert client.state is State.CLOSED


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_recipients_that_raise_are_a_message_that_cannot_be_made(
    pipelining: bool, chunking: bool, overlap: Any
) -> None:
    def code() -> None:
        raise Mine("no such list")

    good = ("a@x.example", ["b@x.example"], CONTENT)
    bad = ("a@x.example", Lazy(code), CONTENT)
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        client = SmtpClient()
        client.connect(sink.host, sink.port)
        client.ehlo()
        deliveries = client.send_all([good, bad, good], overlap=overlap)
        client.quit()
    assert [each.outcome for each in deliveries] == [
        "accepted",
        "not tried",
        "accepted",
    ]
    assert "Mine: no such list" in str(deliveries[1].error)
    assert sink.n_accepted == 2


@pytest.mark.parametrize("overlap", [None, "window"])
def test_a_cancel_between_messages_awaits_no_reply(overlap: Any) -> None:
    with Sink() as sink:
        client = SmtpClient()
        client.connect(sink.host, sink.port)
        client.ehlo()

        def messages() -> Iterator[Any]:
            client.cancel()
            yield ("a@x.example", ["b@x.example"], CONTENT)

        with pytest.raises(Cancelled, match="while waiting for the next message"):
            client.send_all(messages(), overlap=overlap)


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_a_stream_that_nobody_holds_any_more_ends(
    pipelining: bool, chunking: bool, overlap: Any
) -> None:
    message = ("a@x.example", ["b@x.example"], CONTENT)
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        client = SmtpClient()
        client.connect(sink.host, sink.port)
        client.ehlo()
        for delivery in client.stream([message] * 9, overlap=overlap):
            assert delivery.ok
            break
        assert client.state is State.CLOSED
        assert "GeneratorExit" not in client.transcript.text()
        client.connect(sink.host, sink.port)  # it is not reserved
        client.ehlo()
        assert client.send(CONTENT, "a@x.example", ["b@x.example"]).ok
        client.quit()


def test_after_a_cancel_between_messages_one_may_connect_again() -> None:
    message = ("a@x.example", ["b@x.example"], CONTENT)
    with Sink() as sink:
        client = SmtpClient()
        client.connect(sink.host, sink.port)
        client.ehlo()
        stream = client.stream([message] * 3)
        next(stream)
        client.cancel()
        client.connect(sink.host, sink.port)
        client.ehlo()
        with pytest.raises(Cancelled):  # and it never touches the new connection
            next(stream)
        assert client.send(CONTENT, "a@x.example", ["b@x.example"]).ok
        client.quit()
    assert sink.n_accepted == 2


@pytest.mark.parametrize("kind", [dict, set, deque, frozenset])
def test_text_in_any_container_is_refused_before_anything_leaves(kind: Any) -> None:
    content: Any = kind([("a", "b")]) if kind is dict else kind(["Subject: x\n"])
    with Sink() as sink:
        client = SmtpClient()
        client.connect(sink.host, sink.port)
        client.ehlo()
        with pytest.raises(LocalProtocolError, match="is str, not octets"):
            client.send(content, "a@x.example", ["b@x.example"])
        assert client.state is State.READY
        client.quit()
