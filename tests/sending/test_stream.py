"""Refusals, 421 and lost connections in the middle: what is said of each message.

The server keeps a record of its own; nothing may be reported accepted that it did not
take, nor refused or aborted that it did.
"""

from __future__ import annotations

import random
import socket
import threading
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    MailObject,
    RemoteProtocolError,
    Sandbox,
    SmtpClient,
)
from tests.sending.ways import WAYS
from tests.support.leaks import no_leaks
from tests.support.scripted import GREETING, Hear, Hold, Listen, Say, ScriptedServer
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.choose import Overlap

BODY = b"Subject: %d\r\n\r\n.text\r\n"


def mails(n: int) -> list[tuple[str, list[str], bytes]]:
    return [
        (f"s{i}@example.org", [f"r{i}@example.net", f"q{i}@example.net"], BODY % i)
        for i in range(n)
    ]


def run(
    sink: Sink, given: Sequence[object], **options: object
) -> tuple[list[Delivery], type[BaseException] | None]:
    with SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        try:
            return client.send_all(given, **options), None  # type: ignore[arg-type]
        except ConnectionLost as error:
            return list(error.deliveries), type(error)


def check(sink: Sink, deliveries: list[Delivery]) -> None:
    """Hold what is reported against what the server took."""
    taken = {message.reverse_path.decode(): message for message in sink.accepted}
    assert len(taken) == len(sink.accepted), "a message was taken twice"
    for delivery in deliveries:
        message = taken.get(delivery.mail.reverse_path)
        if delivery.outcome == "accepted":
            assert message is not None
            assert message.content == delivery.mail.content
            to = [r.forward_path.encode() for r in delivery.recipients if r.ok]
            assert list(message.forward_paths) == to
        elif delivery.outcome != "unknown":
            assert message is None


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
@pytest.mark.parametrize(
    ("mark", "refused"),
    [
        (b"MAIL FROM:<s3@", "MAIL"),
        (b"q3@", "one RCPT"),
        (b"3@example.net", "every RCPT"),
        (b"Subject: 3", "content"),
        (b"Subject: 0", "the first content"),
        (b"Subject: 6", "the last content"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("code", [b"451 4.3.0 later", b"550 5.7.1 no"])
def test_a_refusal_concerns_its_own_message(  # noqa: PLR0917
    pipelining: bool,
    chunking: bool,
    overlap: Overlap,
    mark: bytes,
    refused: str,
    code: bytes,
) -> None:
    with Sink(pipelining=pipelining, chunking=chunking, refuse={mark: code}) as sink:
        deliveries, error = run(sink, mails(7), overlap=overlap)
        assert error is None
        check(sink, deliveries)
        bad = [d for d in deliveries if not d.ok]
        assert [d.mail.reverse_path for d in bad] == [
            (
                f"s{ {'the first content': 0, 'the last content': 6}.get(refused, 3) }"
                "@example.org"
            )
        ]
        assert bad[0].outcome == ("accepted" if refused == "one RCPT" else "refused")
        assert bad[0].recipients[1].reply is not None
        assert str(bad[0].recipients[1].reply.code).encode() == code[:3]
        others = [d for d in deliveries if d.ok]
        assert len(others) == 6


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_data_refused_after_good_recipients(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    # By DATA the verb itself can be refused; by BDAT there is no such verb.
    refuse = {b"DATA": b"452 4.3.1 full"} if not chunking else {b"BDAT": b"452 full"}
    with Sink(pipelining=pipelining, chunking=chunking, refuse=refuse) as sink:
        deliveries, error = run(sink, mails(4), overlap=overlap)
        assert error is None
        assert [d.outcome for d in deliveries] == ["refused"] * 4
        assert {d.reply.code for d in deliveries if d.reply is not None} == {452}
        assert not sink.accepted


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
@pytest.mark.parametrize(
    "mark", [b"MAIL FROM:<s3@", b"q3@", b"Subject: 3"], ids=["MAIL", "RCPT", "end"]
)
def test_after_a_421_nothing_more_is_begun(
    pipelining: bool, chunking: bool, overlap: Overlap, mark: bytes
) -> None:
    refuse = {mark: b"421 4.3.2 closing"}
    with (
        no_leaks(),
        Sink(pipelining=pipelining, chunking=chunking, refuse=refuse) as sink,
    ):
        deliveries, error = run(sink, mails(7), overlap=overlap)
        check(sink, deliveries)
        outcomes = [d.outcome for d in deliveries]
        assert outcomes[:4] == ["accepted"] * 3 + ["refused"]
        assert str(deliveries[3].reply).startswith("421")
        # In a window their ends had left, too; but a server that closes without another
        # word after its 421 has looked at none of them.
        assert outcomes[4:] == ["not tried"] * 3
        assert str(deliveries[5].reply).startswith("421")
        assert error is None


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize(
    "mark", [b"MAIL FROM:<s3@", b"q3@", b"Subject: 3"], ids=["MAIL", "RCPT", "end"]
)
def test_a_connection_lost_in_the_middle(
    pipelining: bool, chunking: bool, overlap: Overlap, mark: bytes, reset: bool
) -> None:
    with (
        no_leaks(),
        Sink(
            pipelining=pipelining, chunking=chunking, hang_up=mark, reset=reset
        ) as sink,
    ):
        deliveries, error = run(sink, mails(7), overlap=overlap)
        assert error is ConnectionLost
        check(sink, deliveries)
        outcomes = [d.outcome for d in deliveries]
        if not reset:  # a reset may overtake replies that were sent before it
            assert outcomes[:3] == ["accepted"] * 3
        ended = overlap == "window" or mark == b"Subject: 3"
        assert outcomes[3] == ("unknown" if ended else "aborted") or reset
        assert len(sink.accepted) == 3


def test_the_window_bounds_what_a_lost_connection_leaves_unknown() -> None:
    with Sink(hang_up=b"Subject: 20\r") as sink:
        deliveries, error = run(sink, mails(60), overlap="window", window=4)
        assert error is ConnectionLost
        check(sink, deliveries)
        unknown = [d for d in deliveries if d.outcome == "unknown"]
        assert 1 <= len(unknown) <= 4
        assert deliveries[-1].outcome == "not tried" or len(deliveries) < 60


def test_no_more_messages_leave_than_the_window_holds() -> None:
    offers = Say(b"250-scripted\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    script = (GREETING, Hear(), offers, Listen())
    with ScriptedServer(script) as server, SmtpClient(identity="c.example") as client:
        client.connect(server.host, server.port)
        client.ehlo()
        with pytest.raises(DeadlineExceeded) as caught:
            client.send_all(mails(60), overlap="window", window=4, timeout=0.2)
        server.wait_until_gone()
        assert server.heard.count(b" LAST\r\n") == 4
        outcomes = [d.outcome for d in caught.value.deliveries]
        assert outcomes[:4] == ["unknown"] * 4
        assert set(outcomes[4:]) == {"not tried"}


def test_a_lost_connection_says_what_became_of_the_messages() -> None:
    with Sink(hang_up=b"Subject: 2\r") as sink, SmtpClient() as client:
        client.connect(sink.host, sink.port)
        with pytest.raises(ConnectionLost, match="unknown") as caught:
            client.send_all(mails(3))
        assert caught.value.outcome == "unknown"
        assert client.transcript.transactions()["outcome"].tolist()[-2:] == [
            "unknown",
            "unknown",
        ]


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_a_message_that_must_not_be_sent_is_left_out(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    given = mails(3)
    given[1] = ("s1@example.org", ["bad\r\nRCPT TO:<x@y>"], b"x")
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        deliveries, error = run(sink, given, overlap=overlap)
        assert error is None
        assert [d.outcome for d in deliveries] == ["accepted", "not tried", "accepted"]
        assert isinstance(deliveries[1].error, LocalProtocolError)
        assert len(sink.accepted) == 2
        assert not any(b"x@y" in line for line in sink.lines)


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_content_with_nul_is_left_out(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    given = mails(3)
    given[1] = ("s1@example.org", ["r1@example.net"], b"a\0b")
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        deliveries, _ = run(sink, given, overlap=overlap)
        assert [d.outcome for d in deliveries] == ["accepted", "not tried", "accepted"]


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_an_error_of_the_users_iterator_costs_no_outcome(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    def broken() -> object:
        yield from mails(2)
        raise KeyError("no more")

    with no_leaks(), Sink(pipelining=pipelining, chunking=chunking) as sink:
        with SmtpClient(identity="c.example") as client:
            client.connect(sink.host, sink.port)
            with pytest.raises(KeyError) as caught:
                client.send_all(broken(), overlap=overlap)  # type: ignore[arg-type]
            # What the server has is answered, and the session goes on.
            outcomes = [delivery.outcome for delivery in caught.value.deliveries]  # type: ignore[attr-defined]
            assert outcomes == ["accepted"] * 2
            assert client.state.name == "READY"
            assert client.send(b"x", "a@b.example", "c@d.example").ok
        assert [m.content for m in sink.accepted[:2]] == [BODY % 0, BODY % 1]


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_go_on_is_no_answer_to_the_end_of_a_message(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    refuse = {b"Subject: 1": b"354 go on"}
    with Sink(pipelining=pipelining, chunking=chunking, refuse=refuse) as sink:
        with SmtpClient(identity="c.example") as client:
            client.connect(sink.host, sink.port)
            with pytest.raises(RemoteProtocolError, match="go on") as caught:
                client.send_all(mails(3), overlap=overlap)
        outcomes = [d.outcome for d in caught.value.deliveries]
        assert outcomes[:2] == ["accepted", "unknown"]


def test_deliveries_are_told_as_they_are_settled() -> None:
    told: list[Delivery] = []
    with Sink() as sink:
        deliveries, _ = run(sink, mails(100), on_delivery=told.append)
        assert told == deliveries


@pytest.mark.parametrize("pipelining", [True, False])
def test_only_a_dot_is_sent_where_nobody_wants_the_message(pipelining: bool) -> None:
    # RFC 2920 section 3.1: every RCPT was refused, and DATA answered 354 all the same.
    refuse = {b"1@example.net": b"550 5.1.1 unknown"}
    with Sink(
        pipelining=pipelining, chunking=False, refuse=refuse, lenient=True
    ) as sink:
        deliveries, error = run(sink, mails(3))
        assert error is None
        assert [d.outcome for d in deliveries] == ["accepted", "refused", "accepted"]
        assert deliveries[1].reply is not None
        assert deliveries[1].reply.code == 550
        assert len(sink.accepted) == 2
        contents = [line for line in sink.lines if line.startswith(b"content: ")]
        assert contents == ([b"content: "] if pipelining else [])


def test_a_server_that_refuses_mail_and_wants_the_content_is_left() -> None:
    refuse = {b"MAIL FROM:<s1@": b"550 5.7.1 no"}
    with Sink(chunking=False, refuse=refuse, lenient=True) as sink:
        with SmtpClient(identity="c.example") as client:
            client.connect(sink.host, sink.port)
            with pytest.raises(RemoteProtocolError, match="MAIL was refused") as caught:
                client.send_all(mails(3))
        outcomes = [d.outcome for d in caught.value.deliveries]
        assert outcomes[:2] == ["accepted", "refused"]
        assert len(sink.accepted) == 1


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_a_callback_that_raises_ends_the_stream_and_costs_no_outcome(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    told: list[Delivery] = []

    def fail(delivery: Delivery) -> None:
        told.append(delivery)
        raise KeyError("no more")

    with no_leaks(), Sink(pipelining=pipelining, chunking=chunking) as sink:
        with SmtpClient(identity="c.example") as client:
            client.connect(sink.host, sink.port)
            with pytest.raises(KeyError) as caught:
                client.send_all(mails(300), overlap=overlap, on_delivery=fail)
            assert client.state.name == "READY"
        # Each that was under way is told, once; and no more than those were taken.
        assert told == list(caught.value.deliveries)  # type: ignore[attr-defined]
        assert {delivery.outcome for delivery in told} == {"accepted"}
        assert len(told) == len(sink.accepted) < 300


def test_a_large_group_does_not_deadlock_two_full_windows() -> None:
    # 250 KB of commands and 500 KB of replies, which the buffers on the way do not
    # hold: who wrote all of it before reading would wait for ever, and so would the
    # server.
    to = [f"{i:04d}@{'example.' * 20}net" for i in range(1500)]
    refuse = {b"RCPT": b"550 5.1.1 " + b"no " * 100}
    with Sink(chunking=False, refuse=refuse, buffers=16384) as sink:
        with SmtpClient(identity="c.example") as client:
            client.connect(sink.host, sink.port)
            client.ehlo()
            assert client._engine is not None
            wire = client._engine.exchange.connection.sock
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                wire.setsockopt(socket.SOL_SOCKET, option, 16384)
            (delivery,) = client.send_all([("a@example.org", to, b"x")], timeout=60)
        assert delivery.outcome == "refused"
        assert {r.outcome for r in delivery.recipients} == {"refused"}
        assert sum(line.startswith(b"RCPT") for line in sink.lines) == 1500


def test_a_refusal_in_the_middle_of_a_blocked_group_stops_it() -> None:
    # The server reads a little of the text, says 552, and reads on: no dot may come.
    offer = Say(b"250-scripted\r\n250 PIPELINING\r\n")
    envelope = (Hear(b"DATA\r\n"), Say(b"250 a\r\n250 b\r\n354 go\r\n"))
    script = (GREETING, Hear(), offer, *envelope, Hear(b"x" * 100))
    refuse = (Say(b"552 5.3.4 too big\r\n"), Hold())
    with ScriptedServer((*script, *refuse)) as server, SmtpClient() as client:
        server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        assert client._engine is not None
        wire = client._engine.exchange.connection.sock
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        text = (b"x" * 198 + b"\r\n") * 300
        mails = [("a@example.org", "b@example.net", text)] * 2
        deliveries = client.send_all(mails)
        assert [d.outcome for d in deliveries] == ["refused", "not tried"]
        assert str(deliveries[0].reply) == "552 5.3.4 too big"
        assert client.state.name == "CLOSED"
        assert b"\r\n.\r\n" not in server.heard


@pytest.mark.parametrize("chunking", [True, False])
def test_a_stream_under_tls(chunking: bool) -> None:
    large = b".line of text\r\n" * 20_000
    with Sandbox() as sandbox, SmtpClient(identity="c.example") as client:
        client.chunking = chunking
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        client.ehlo()
        mails = [
            MailObject("a@c.example", "b@sandbox.example", content, crlf=True)
            for content in (b"Subject: 1\r\n\r\nx\r\n", large, BytesIO(large), b"2\r\n")
        ]
        assert [d.outcome for d in client.send_all(mails)] == ["accepted"] * 4
        assert len(sandbox.inbox()) == 4
        assert client.transcript.events().query("event == 'data'")["tls"].all()


def test_a_thousand_messages_and_a_cancel_at_any_moment() -> None:
    dice = random.Random(1)
    with no_leaks(), Sink() as sink, Sink(chunking=False) as slow:
        for number in range(60):
            server = sink if number % 2 else slow
            server.accepted.clear()
            client = SmtpClient(identity="c.example")
            client.connect(server.host, server.port)
            settled, stop_after = [0], dice.randrange(200)

            def count(
                _: Delivery,
                client: SmtpClient = client,
                settled: list[int] = settled,
                stop_after: int = stop_after,
            ) -> None:
                settled[0] += 1
                if settled[0] == stop_after:
                    threading.Thread(target=client.cancel).start()

            given = iter(mails(1000))
            try:
                deliveries = client.send_all(given, on_delivery=count)
            except Cancelled as error:
                deliveries = list(error.deliveries)
            client.disconnect()
            taken = {m.reverse_path.decode() for m in list(server.accepted)}
            for delivery in deliveries:
                if delivery.outcome == "accepted":
                    assert delivery.mail.reverse_path in taken
                elif delivery.outcome != "unknown":
                    assert delivery.mail.reverse_path not in taken
