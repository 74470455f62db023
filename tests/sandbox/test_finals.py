"""The sandbox as an LMTP server, over TCP and a unix socket, and with PRDR.

What its own client says of each recipient is what its inbox holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from smtpnb import (
    Cancelled,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    Sandbox,
    SmtpClient,
)
from smtpnb.analysis.explain.explain import explain
from tests.support.scripted import Hear, Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.choose import Overlap

PATHS: Final = ["a@x.example", "over@x.example", "no@x.example", "d@x.example"]
OUTCOMES: Final = ["accepted", "refused", "refused", "accepted"]
CONTENT: Final = b"Subject: each\r\n\r\n.dot\r\n"


def misbehave(sandbox: Sandbox) -> None:
    sandbox.fault("rcpt", "no@*", reply="550 5.1.1 Nobody")
    sandbox.fault("eod", "over@*", reply="552 5.2.2 Over quota")


@pytest.fixture(params=["tcp", "unix"])
def lmtp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    path = tmp_path / "lmtp" if request.param == "unix" else None
    with Sandbox(protocol="lmtp", unix=path) as made:
        misbehave(made)
        yield made
    assert path is None or not path.exists()


@pytest.fixture
def client(lmtp: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient() as made:
        made.connect(lmtp)
        yield made


def outcomes(delivery: Delivery) -> list[str]:
    return [recipient.outcome for recipient in delivery.recipients]


@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock-step"])
@pytest.mark.parametrize("overlap", [None, "turn", "window"])
def test_each_recipient_has_a_verdict(
    lmtp: Sandbox,
    client: SmtpClient,
    overlap: Overlap,
    pipelining: bool,
    chunking: bool,
) -> None:
    client.pipelining, client.chunking = pipelining, chunking
    mails = [(f"{n}@x.example", PATHS, CONTENT) for n in range(3)]
    with client.stream(mails, overlap=overlap) as deliveries:
        assert [outcomes(delivery) for delivery in deliveries] == [OUTCOMES] * 3
    kept = lmtp.inbox()
    assert kept["rcpt_to"].tolist() == [["a@x.example", "d@x.example"]] * 3
    assert set(kept["octets"]) == {CONTENT}
    frame = client.transcript.transactions()
    assert frame["outcome"].tolist() == [
        *["delivered", "rejected", "rejected", "delivered"] * 3
    ]
    assert frame["final_step"].tolist() == ["eod", "eod", "rcpt", "eod"] * 3


def test_a_large_message_in_chunks_is_answered_once_a_chunk(
    lmtp: Sandbox, client: SmtpClient
) -> None:
    content = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n"
    large = iter([content, *[b"y" * 76 + b"\r\n"] * 4000])
    assert outcomes(client.send(large, "a@x.example", PATHS)) == OUTCOMES
    assert lmtp.inbox()["size"].iloc[0] == len(content) + 4000 * 78


def test_close_after_the_second_of_three_finals(
    lmtp: Sandbox, client: SmtpClient
) -> None:
    lmtp.fault("eod", "d@*", drop=True)
    with pytest.raises(ConnectionLost, match="unknown") as raised:
        client.send(CONTENT, "a@x.example", PATHS)
    (delivery,) = raised.value.deliveries
    assert outcomes(delivery) == ["accepted", "refused", "refused", "unknown"]
    assert raised.value.outcome == "unknown"
    assert client.transcript.transactions()["outcome"].tolist() == [
        *("delivered", "rejected", "rejected", "unknown"),
    ]


def test_421_in_the_finals(lmtp: Sandbox, client: SmtpClient) -> None:
    lmtp.clear_faults()
    lmtp.fault("eod", "over@*", reply="421 4.3.2 Shutting down")
    with pytest.raises(ConnectionLost) as raised:
        client.send(CONTENT, "a@x.example", PATHS)
    (delivery,) = raised.value.deliveries
    assert outcomes(delivery) == ["accepted", "refused", "unknown", "unknown"]


def test_a_cancel_between_the_finals(lmtp: Sandbox, client: SmtpClient) -> None:
    lmtp.fault("eod", "d@*", stall=True)

    def stop_after_two() -> None:
        if len(client.replies) == 2:
            client.cancel()

    client.on_tick = stop_after_two
    with pytest.raises(Cancelled) as raised:
        client.send(CONTENT, "a@x.example", PATHS)
    (delivery,) = raised.value.deliveries
    assert outcomes(delivery) == ["accepted", "refused", "refused", "unknown"]
    client.on_tick = None
    client.connect(lmtp)
    assert client.lhlo().ok


def test_ehlo_and_lhlo_are_told_apart(lmtp: Sandbox, client: SmtpClient) -> None:
    with pytest.raises(LocalProtocolError, match="LHLO is"):
        client.ehlo()
    if lmtp.port:
        with SmtpClient() as other:
            other.connect(lmtp.host, lmtp.port)
            assert other.ehlo().code == 500
            assert "this is LMTP, as its greeting says" in other.transcript.text()
            with pytest.raises(LocalProtocolError, match='protocol="lmtp"'):
                other.lhlo()
    with Sandbox() as smtp, SmtpClient() as other:
        other.connect(smtp.host, smtp.port, protocol="lmtp")
        with pytest.raises(LocalProtocolError, match="no LMTP server"):
            other.send(CONTENT, "a@x.example", PATHS)


@pytest.mark.parametrize(
    ("host", "settings", "words"),
    [
        ("localhost", {"protocol": "lmtp"}, "say which"),
        ("localhost", {"protocol": "lmtp", "port": 25}, "never spoken at port 25"),
        ("localhost", {"protocol": "uucp", "port": 24}, "protocol is"),
        ("unix:/x", {"port": 24}, "has no port"),
        ("unix:x", {}, "absolute path"),
        ("unix:/" + "x" * 200, {}, "at most 103 octets"),
    ],
)
def test_what_is_no_place_for_lmtp(host: str, settings: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(LocalProtocolError, match=words):
        SmtpClient().connect(host, **settings)


def test_prdr_by_verbs_and_in_the_tables() -> None:
    with Sandbox(prdr=True) as sandbox, SmtpClient() as client:
        misbehave(sandbox)
        client.connect(sandbox)
        client.ehlo()
        client.mail_from("a@x.example", parameters=["PRDR"])
        for path in PATHS:
            client.rcpt_to(path)
        client.data(CONTENT)
        assert [reply.code for reply in client.replies] == [353, 250, 552, 250, 250]
        assert client.state.name == "READY"
        frame = client.transcript.transactions()
        assert frame["outcome"].tolist() == [
            *("delivered", "rejected", "rejected", "delivered"),
        ]
        # One recipient: nothing to tell apart, and one reply.
        client.mail_from("a@x.example", parameters=["PRDR"])
        client.rcpt_to("a@x.example")
        assert client.bdat(CONTENT, last=True).code == 250
        assert len(client.replies) == 1
        # Two, of whom nobody gets it.
        sandbox.fault("eod", "a@*", reply="550 5.7.1 No")
        client.mail_from("a@x.example", parameters=["PRDR"])
        client.rcpt_to("a@x.example")
        client.rcpt_to("over@x.example")
        assert client.bdat(CONTENT, last=True).code == 550
        assert [reply.code for reply in client.replies] == [353, 550, 552, 550]
        assert sandbox.inbox()["rcpt_to"].map(len).tolist() == [2, 1]


def test_lmtp_under_tls() -> None:
    with Sandbox(protocol="lmtp") as sandbox, SmtpClient() as client:
        misbehave(sandbox)
        client.connect(sandbox)
        client.lhlo()
        assert client.starttls().ok
        assert "LHLO" in client.allowed
        assert outcomes(client.send(CONTENT, "a@x.example", PATHS)) == OUTCOMES


def test_raw_octets_have_all_finals(client: SmtpClient) -> None:
    client.lhlo()
    client.mail_from("a@x.example")
    for path in PATHS:
        client.rcpt_to(path)
    client.data()
    client.raw(b"hi\r\n.\r\n")
    states = [(client.read_reply().code, client.state.name) for _ in range(3)]
    assert states == [(250, "DATA"), (552, "DATA"), (250, "READY")]
    assert [each.outcome for each in client.recipients] == OUTCOMES
    assert client.noop().ok
    assert client.transcript.transactions()["outcome"].tolist() == [
        *("delivered", "rejected", "rejected", "delivered"),
    ]


def test_explain_names_the_recipient(client: SmtpClient) -> None:
    delivery = client.send(CONTENT, "a@x.example", [PATHS[0], PATHS[1]])
    for thing in (client.transcript, delivery):
        said = explain(thing)
        assert "refused the recipient <over@x.example>" in said.headline
        assert "this recipient only" in said.where


def test_explain_says_that_it_is_lmtp() -> None:
    with Sandbox(protocol="lmtp") as sandbox, SmtpClient() as client:
        client.connect(sandbox.host, sandbox.port)
        client.ehlo()
        assert "this is LMTP" in explain(client.transcript).headline
        assert "this is LMTP" in client.suspicion


def test_a_354_without_a_recipient_ends_the_session() -> None:
    """RFC 2033 4.2: DATA must be answered 503; nobody knows how often a dot is."""
    script = (
        *(Say(b"220 x LMTP\r\n"), Hear(), Say(b"250-x\r\n250 PIPELINING\r\n")),
        *(Hear(), Say(b"250 ok\r\n550 no\r\n354 go\r\n"), Listen()),
    )
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port, protocol="lmtp")
        with pytest.raises(RemoteProtocolError, match="LMTP wants 503") as raised:
            client.send(CONTENT, "a@x.example", PATHS[:1])
        # The 354 contradicts the 550, so that neither is believed.
        assert [*map(outcomes, raised.value.deliveries)] == [["aborted"]]


def test_who_can_connect_again_goes_on(lmtp: Sandbox) -> None:
    lmtp.clear_faults()
    with SmtpClient() as client:
        client.connect(lmtp)
        mails = [(f"{n}@x.example", PATHS, CONTENT) for n in range(4)]
        told = client.send_all(mails, per_connection=2, reconnect=True)
    assert [outcomes(each) for each in told] == [["accepted"] * 4] * 4
    assert len(client.transcript.sessions()) == 2
