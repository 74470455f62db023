"""BDAT by hand: one chunk a call, and what became of the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    MailObject,
    RemoteProtocolError,
    Sandbox,
    SmtpClient,
    State,
)
from tests.support.scripted import GREETING, OK, Hear, Listen, Say, ScriptedServer
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scripted import Action

OFFER = (Hear(), Say(b"250-scripted\r\n250 CHUNKING\r\n"))
TO_RCPT: tuple[Action, ...] = (GREETING, *OFFER, *OK, *OK)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(refuse={b"SPAM": b"554 5.7.1 no"}) as sink:
        yield sink


@pytest.fixture
def client(sink: Sink) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        envelope(client)
        yield client


def envelope(client: SmtpClient) -> None:
    client.ehlo("c.example")
    client.mail_from("a@example.org")
    client.rcpt_to("b@example.net")


def test_a_message_in_three_chunks(client: SmtpClient, sink: Sink) -> None:
    assert client.bdat(b"Subject: x\r\n").code == 250
    assert client.state.name == "CHUNKS"
    assert client.bdat("\r\n.h\u00e9llo\r\n").code == 250
    assert client.bdat(b"", last=True).text.startswith("2.0.0 Ok: queued")
    assert client.state.name == "READY"
    assert sink.accepted[0].content == "Subject: x\r\n\r\n.h\u00e9llo\r\n".encode()
    assert [line for line in sink.lines if line.startswith(b"BDAT")] == [
        b"BDAT 12",
        b"BDAT 11",
        b"BDAT 0 LAST",
    ]
    row = client.transcript.transactions().iloc[0]
    assert (row["outcome"], row["size"]) == ("delivered", 23)


def test_after_a_refused_chunk_only_rset_or_quit_may_follow(
    client: SmtpClient, sink: Sink
) -> None:
    assert client.bdat(b"SPAM\r\n").code == 554
    assert client.state.name == "SPOILT"
    with pytest.raises(LocalProtocolError, match="a chunk was refused"):
        client.bdat(b"more", last=True)
    assert client.rset().code == 250
    assert client.state.name == "READY"
    assert not sink.accepted


def test_data_and_bdat_are_not_mixed(client: SmtpClient) -> None:
    client.bdat(b"x\r\n")
    with pytest.raises(LocalProtocolError, match="out of order"):
        client.data()


def test_bdat_is_not_sent_unannounced() -> None:
    with Sink(chunking=False) as sink, SmtpClient() as client:
        client.connect(sink.host, sink.port)
        envelope(client)
        with pytest.raises(LocalProtocolError, match="does not offer CHUNKING"):
            client.bdat(b"x\r\n", last=True)
        assert not any(line.startswith(b"BDAT") for line in sink.lines)


@pytest.mark.parametrize(
    ("last", "outcome"), [(True, "unknown"), (False, "aborted")], ids=["last", "not"]
)
def test_a_chunk_without_a_reply(last: bool, outcome: str) -> None:
    with ScriptedServer((*TO_RCPT, Listen())) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        envelope(client)
        with pytest.raises(DeadlineExceeded) as caught:
            client.bdat(b"x\r\n", last=last, timeout=0.1)
        assert caught.value.outcome == outcome
        assert server.wait_until_gone() == "reset"


def test_a_server_that_closes_behind_the_last_chunk() -> None:
    with ScriptedServer((*TO_RCPT, Hear(b"LAST\r\nx\r\n"))) as server:
        client = SmtpClient()
        client.connect(server.host, server.port)
        envelope(client)
        with pytest.raises(ConnectionLost) as caught:
            client.bdat(b"x\r\n", last=True)
        assert caught.value.outcome == "unknown"


def test_the_sandbox_takes_chunks_and_streams() -> None:
    with Sandbox() as sandbox, SmtpClient(identity="c.example") as client:
        client.connect(sandbox)
        client.ehlo()
        mails = [
            ("a@c.example", "b@sandbox.example", f"Subject: {i}\n\nx\n")
            for i in range(5)
        ]
        assert [d.outcome for d in client.send_all(mails)] == ["accepted"] * 5
        assert len(sandbox.inbox()) == 5


def test_binary_octets_arrive_as_they_are() -> None:
    """BODY=BINARYMIME and BDAT: no octet is a line end, a dot or NUL (RFC 3030 3)."""
    octets = bytes(range(256)) * 300 + b"\r\n.\r\n\n.\n\r.\r" + b"x" * 2000
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        envelope = "a@x.example", ["b@x.example"]
        delivery = client.send(octets, *envelope, body="BINARYMIME", line_ends="raw")
        assert delivery.outcome == "accepted"
        client.mail_from("a@x.example", body="BINARYMIME")
        client.rcpt_to("b@x.example")
        client.bdat(octets[:1001])
        assert client.bdat(octets[1001:], last=True).ok
        kept = sandbox.inbox()
        assert set(kept["octets"]) == {octets}
        assert set(kept["body_type"]) == {"BINARYMIME"}


@pytest.mark.parametrize(
    ("said", "told", "row"),
    [
        (b"421 4.3.2 bye\r\n", "refused", "deferred"),
        (b"250 ok\r\n", "aborted", "unknown"),  # of it nothing is believed
    ],
)
def test_what_is_said_while_the_kernel_sends_a_file(
    tmp_path: Path, said: bytes, told: str, row: str
) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"Subject: x\r\n\r\n" + (b"x" * 62 + b"\r\n") * 400_000)
    granted = Say(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    envelope = (Hear(), Hear(), Say(b"250 ok\r\n250 ok\r\n"), Hear())
    script = (GREETING, Hear(), granted, *envelope, Say(said), Hear(), Listen())
    with ScriptedServer(script) as server, path.open("rb") as file:
        client = SmtpClient()
        client.connect(server.host, server.port)
        client.ehlo()
        mail = MailObject("a@x.example", ["b@x.example"], file, crlf=True)
        try:
            (delivery,) = client.send_all([mail])
        except RemoteProtocolError as error:
            (delivery,) = error.deliveries
        assert client.state is State.CLOSED
    assert delivery.outcome == told
    assert client.transcript.transactions()["outcome"].tolist() == [row]
