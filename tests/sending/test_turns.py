"""How many turns a message costs, counted by the server: no noise touches that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import SmtpClient
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.transfer.choose import Overlap

MESSAGE = b"Subject: x\r\n\r\n.hello\r\n"
TO = tuple(f"r{number}@example.net" for number in range(7))

# A turn is a flush of replies by a server that then waits: the greeting is one.
WAYS = [
    pytest.param(True, True, 1 + 1 + 1 + 1, id="CHUNKING"),  # greeting, EHLO, two turns
    pytest.param(True, False, 1 + 1 + 1 + 1, id="PIPELINING"),  # envelope, text
    pytest.param(False, False, 1 + 1 + 1 + 7 + 1 + 1, id="neither"),
    pytest.param(False, True, 1 + 1 + 1 + 7 + 1, id="CHUNKING alone"),
]


@pytest.mark.parametrize(("pipelining", "chunking", "turns"), WAYS)
def test_one_message_to_seven_people(
    pipelining: bool, chunking: bool, turns: int
) -> None:
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        delivery = client.send(MESSAGE, "a@example.org", TO)
        assert (delivery.outcome, delivery.ok) == ("accepted", True)
        assert sink.turns == turns
    assert [m.content for m in sink.accepted] == [MESSAGE]
    assert sink.accepted[0].forward_paths == tuple(path.encode() for path in TO)


@pytest.mark.parametrize(
    ("switch_off", "turns"),
    [("chunking", 4), ("pipelining", 11)],
)
def test_an_extension_can_be_switched_off(switch_off: str, turns: int) -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        setattr(client, switch_off, False)
        client.connect(sink.host, sink.port)
        assert client.send(MESSAGE, "a@example.org", TO).ok
        assert sink.turns == turns


def _stream(n: int, chunking: bool, overlap: Overlap = None, window: int = 64) -> int:
    with Sink(chunking=chunking) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        before = sink.turns
        deliveries = client.send_all(
            [("a@example.org", TO, MESSAGE) for _ in range(n)],
            overlap=overlap,
            window=window,
        )
        turns = sink.turns - before
        assert [delivery.outcome for delivery in deliveries] == ["accepted"] * n
        assert len(sink.accepted) == n
        return turns


@pytest.mark.parametrize("chunking", [True, False])
def test_by_default_a_message_costs_two_turns(chunking: bool) -> None:
    assert _stream(50, chunking=chunking) == 100


def test_with_overlap_each_further_message_costs_one_turn() -> None:
    assert _stream(1, False, "turn") == 2
    assert _stream(50, False, "turn") == 51
    assert _stream(50, False, "window") == 51  # without CHUNKING


def test_in_a_window_messages_cost_no_turn_of_their_own() -> None:
    # The server reads 64 KiB at once; a window of 64 such messages is smaller.
    assert _stream(32, True, "window") == 1
    assert _stream(320, True, "window") <= 20


def test_a_window_of_one_costs_one_turn_each() -> None:
    assert _stream(20, True, "window", 1) == 20


@pytest.mark.parametrize("chunking", [True, False])
def test_a_refusal_costs_a_turn_only_for_its_rset(chunking: bool) -> None:
    refuse = {
        b"refused@": b"550 5.1.1 no such user",
        b"SPAM": b"554 5.7.1 no",
        b"sender@bad": b"550 5.1.8 no",
    }
    mails: list[tuple[str, list[str], bytes]] = [
        ("a@example.org", ["refused@example.net", "b@example.net"], MESSAGE),
        ("a@example.org", ["refused@example.net"], MESSAGE),
        ("a@example.org", ["b@example.net"], MESSAGE + b"SPAM\r\n"),
        ("sender@bad", ["b@example.net"], MESSAGE),
        ("a@example.org", ["b@example.net"], MESSAGE),
    ]
    with (
        Sink(chunking=chunking, refuse=refuse) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        client.ehlo()
        before = sink.turns
        deliveries = client.send_all(mails, overlap="turn")
        outcomes = [delivery.outcome for delivery in deliveries]
        assert outcomes == ["accepted", "refused", "refused", "refused", "accepted"]
        # The second message left a transaction open; RSET is said alone.
        assert sink.turns - before == 1 + len(mails) + 1
        assert [m.forward_paths for m in sink.accepted] == [(b"b@example.net",)] * 2


def _round_trips(act: Callable[[SmtpClient], object]) -> int:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        before = sink.turns
        act(client)
        return sink.turns - before


def test_a_group_of_ones_own_is_one_turn() -> None:
    def act(client: SmtpClient) -> None:
        with client.pipeline() as group:
            group.mail_from("a@example.org")
            group.rcpt_to("b@example.net")
            last = group.data()
        assert [reply.code for reply in group.replies] == [250, 250, 354]
        assert group.replies[last].code == 354

    assert _round_trips(act) == 1


WAYS_TO_QUIT = [
    pytest.param(True, True, "window", 3, id="CHUNKING"),
    pytest.param(True, False, "turn", 4, id="PIPELINING"),
    pytest.param(True, False, None, 5, id="a turn of its own"),
    pytest.param(False, False, "turn", 7, id="neither"),
]


@pytest.mark.parametrize(("pipelining", "chunking", "overlap", "turns"), WAYS_TO_QUIT)
def test_quit_leaves_with_the_text_where_that_was_asked_for(
    pipelining: bool, chunking: bool, overlap: Overlap, turns: int
) -> None:
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        to = "b@example.net"
        delivery = client.send(MESSAGE, "a@example.org", to, quit=True, overlap=overlap)
        assert delivery.ok
        assert client.state.name == "CLOSED"
        assert client.transcript.sessions()["outcome"].tolist() == ["success"]
        assert client.transcript.exchanges()["verb"].tolist()[-1] == "QUIT"
        assert sink.turns == turns


@pytest.mark.parametrize("chunking", [True, False])
def test_who_does_not_answer_quit_changes_nothing_of_what_was_accepted(
    chunking: bool,
) -> None:
    with (
        Sink(chunking=chunking, hang_up=b"QUIT") as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        assert client.send(MESSAGE, "a@example.org", "b@example.net", quit=True).ok
        assert client.state.name == "CLOSED"
    assert len(sink.accepted) == 1
