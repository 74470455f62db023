"""PRDR with Exim: a 353, a reply for each recipient, and one for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from smtpnb import LocalProtocolError, Sandbox, SmtpClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.transfer.choose import Overlap
    from tests.servers.exim import Exim

pytestmark = pytest.mark.servers

PATHS: Final = [f"{name}@example.test" for name in ("ok-1", "over-1", "no-1", "ok-2")]
OUTCOMES: Final = ["accepted", "refused", "refused", "accepted"]
CONTENT: Final = b"Subject: prdr\r\n\r\n.dot\r\n"


@pytest.fixture
def client(patient_exim: Exim) -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        client.connect(patient_exim.host, patient_exim.port, ca=patient_exim.ca)
        client.ehlo()
        yield client


@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock-step"])
@pytest.mark.parametrize("overlap", [None, "turn", "window"])
def test_each_recipient_has_a_verdict(
    client: SmtpClient, overlap: Overlap, pipelining: bool, chunking: bool
) -> None:
    client.pipelining, client.chunking = pipelining, chunking
    delivery = client.send(
        CONTENT, "a@client.example", PATHS, overlap=overlap, prdr=True
    )
    assert [each.outcome for each in delivery.recipients] == OUTCOMES
    codes = [None if r.reply is None else r.reply.code for r in delivery.recipients]
    assert codes == [250, 552, 550, 250]
    frame = client.transcript.transactions()
    assert frame["outcome"].tolist() == [
        *("delivered", "rejected", "rejected", "delivered"),
    ]
    # The reply for all of it takes the message, and names it.
    assert frame["queue_id"].notna().tolist() == [True, False, False, True]
    assert client.noop().ok


def test_the_replies_of_the_verbs(client: SmtpClient) -> None:
    client.mail_from("a@client.example", prdr=True)
    for path in PATHS:
        client.rcpt_to(path)
    assert client.data(CONTENT).code == 250
    assert [reply.code for reply in client.replies] == [353, 250, 552, 250, 250]
    assert [each.outcome for each in client.recipients] == OUTCOMES


def test_nobody_gets_it(client: SmtpClient) -> None:
    paths = ["over-1@example.test", "over-2@example.test"]
    delivery = client.send(CONTENT, "a@client.example", paths, prdr=True)
    assert delivery.outcome == "refused"
    assert [each.outcome for each in delivery.recipients] == ["refused"] * 2
    assert delivery.reply is not None
    assert delivery.reply.code == 552


def test_who_does_not_ask_has_one_verdict(client: SmtpClient) -> None:
    delivery = client.send(CONTENT, "a@client.example", PATHS)
    assert len([each for each in delivery.replies if each.code == 353]) == 0
    assert delivery.recipients[1].outcome == "accepted"


def test_what_is_not_announced_is_not_asked_for() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        with pytest.raises(LocalProtocolError, match="PRDR"):
            client.mail_from("a@client.example", prdr=True)
        with pytest.raises(LocalProtocolError, match="PRDR"):
            client.send(CONTENT, "a@client.example", PATHS, prdr=True)
