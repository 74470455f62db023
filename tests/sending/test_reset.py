"""What an earlier message left open, and a server that has had enough of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import LocalProtocolError, Sandbox, SmtpClient
from smtpnb.protocol.commands import Mail
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from smtpnb import Reply
    from smtpnb.transfer.choose import Overlap

WAYS = [
    pytest.param(True, True, None, id="two turns, BDAT"),
    pytest.param(True, False, None, id="two turns, DATA"),
    pytest.param(True, False, "turn", id="turn"),
    pytest.param(False, False, None, id="lock-step"),
]
MAILS = [
    ("a@example.org", ["no@example.net"], b"1\r\n"),
    ("b@example.org", ["ok@example.net"], b"2\r\n"),
    ("c@example.org", ["ok@example.net"], b"3\r\n"),
]
NO = {b"no@example.net": b"550 5.1.1 unknown"}


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_a_refused_rset_ends_the_stream_and_nothing_else(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    refuse = {**NO, b"RSET": b"554 5.5.0 had enough"}
    with (
        Sink(pipelining=pipelining, chunking=chunking, refuse=refuse) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        deliveries = client.send_all(MAILS, overlap=overlap)
        outcomes = [delivery.outcome for delivery in deliveries]
        assert outcomes == ["refused", "not tried", "not tried"]
        assert str(deliveries[0].reply).startswith("550")
        assert str(deliveries[1].reply).startswith("554")
        assert not sink.accepted


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_the_next_send_resets_what_the_last_one_left_open(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    with (
        Sink(pipelining=pipelining, chunking=chunking, refuse=NO) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        for path, to, content in MAILS:
            client.send(content, path, to, overlap=overlap)
        senders = [message.reverse_path for message in sink.accepted]
        assert senders == [b"b@example.org", b"c@example.org"]


def _by_verb(client: SmtpClient) -> None:
    client.mail_from("mine@example.org")


def _by_command(client: SmtpClient) -> None:
    client.command("MAIL", "FROM:<mine@example.org>")


def _by_group(client: SmtpClient) -> None:
    with client.pipeline() as group:
        group.mail_from("mine@example.org")
        group.rcpt_to("b@example.net")


def _by_dialogue(client: SmtpClient) -> None:
    def dialogue() -> Generator[Mail, Reply, None]:
        yield Mail("mine@example.org")

    client.run(dialogue())


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "TLS"])
@pytest.mark.parametrize("begin", [_by_verb, _by_command, _by_group, _by_dialogue])
def test_a_transaction_of_the_users_own_is_theirs_to_end(
    begin: Callable[[SmtpClient], None], *, encrypted: bool
) -> None:
    with Sandbox(tls="implicit" if encrypted else "starttls") as sandbox:
        client = SmtpClient(identity="c.example")
        client.connect(sandbox)
        client.ehlo()
        begin(client)
        with pytest.raises(LocalProtocolError, match="in a transaction"):
            client.send(b"x\r\n", "a@example.org", "b@example.net")
        assert "RSET" not in client.transcript.text()
        client.quit()
