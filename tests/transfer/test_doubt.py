"""Behind a refused chunk nothing is believed until a RSET, said alone, was granted."""

from __future__ import annotations

import pytest

from smtpnb import RemoteProtocolError, SmtpClient
from tests.support.faulty import FaultyServer, Plan
from tests.support.scripted import GREETING, Hear, Hold, Say, ScriptedServer

CONTENT = b"Subject: x\r\n\r\nhello\r\n"


@pytest.mark.parametrize("reply", [b"554 no\r\n", b"250 ok\r\n250 more\r\n"], ids=repr)
@pytest.mark.parametrize(
    ("paths", "outcomes"),
    [
        (["no-one@b.example", "r2@b.example"], ["refused", "unknown"]),
        (["r1@b.example", "no-one@b.example"], ["accepted", "refused"]),
    ],
    ids=["the next one was answered", "the last one"],
)
def test_a_refused_reset_ends_all_trust(
    paths: list[str], outcomes: list[str], reply: bytes
) -> None:
    with FaultyServer() as server:
        server.follow(Plan("RSET", 2, reply))
        client = SmtpClient(identity="c.example")
        client.connect(server.host, server.port)
        client.ehlo()
        mails = [(f"m{n}@a.example", [path], CONTENT) for n, path in enumerate(paths)]
        with pytest.raises(RemoteProtocolError) as caught:
            client.send_all(mails, overlap="window")
        assert server.books.reached
        told = [delivery.outcome for delivery in caught.value.deliveries]
        assert told == outcomes


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "end", "RSET"])
@pytest.mark.parametrize("more", [b"250 more", b"550 more", b"421 more"], ids=repr)
def test_a_reply_too_many_in_a_window_ends_the_trust_in_it(
    at: str, more: bytes
) -> None:
    with FaultyServer() as server:
        books = server.follow(Plan(at, 1, b"250 ok\r\n" + more + b"\r\n"))
        client = SmtpClient(identity="c.example")
        client.connect(server.host, server.port)
        client.ehlo()
        mails = [(f"m{n}@a.example", [f"r{n}@b.example"], CONTENT) for n in range(4)]
        try:
            told = client.send_all(mails, overlap="window")
        except RemoteProtocolError as error:
            told = list(error.deliveries)
        client.disconnect()
        server.wait_until_served()
        table = client.transcript.transactions()["outcome"].tolist()
    words = {"delivered": "accepted", "deferred": "refused", "rejected": "refused"}
    outcomes = [delivery.outcome for delivery in told]
    assert [words.get(each, each) for each in table] == outcomes
    for n, delivery in enumerate(told):
        kept = books.messages[f"m{n}@a.example".encode()]
        taken = kept.ended and kept.said_yes
        assert delivery.outcome in ("unknown", "accepted" if taken else "refused")


def test_a_refusal_that_was_contradicted_is_not_believed() -> None:
    offers = Say(b"250-me\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    # One no too many before the right replies; the last of them comes late.
    early, late = b"550 no\r\n250 ok\r\n250 ok\r\n", b"250 taken\r\n250 reset\r\n"
    envelope = (Hear(b"hello\r\n"), Say(early), Hear(b"RSET\r\n"), Say(late), Hold())
    with ScriptedServer((GREETING, Hear(), offers, *envelope)) as server:
        client = SmtpClient(identity="c.example")
        client.connect("127.0.0.1", server.port)
        mail = ("m@a.example", ["r@b.example"], CONTENT)
        with pytest.raises(RemoteProtocolError) as caught:
            client.send_all([mail], overlap="window")
        (delivery,) = caught.value.deliveries
        assert delivery.outcome == caught.value.outcome == "unknown"
        assert client.transcript.transactions()["outcome"].tolist() == ["unknown"]


@pytest.mark.parametrize("last", ["r3@b.example", "no-one@b.example"])
def test_behind_a_reply_that_answers_nothing_the_tables_believe_none(last: str) -> None:
    with FaultyServer() as server:  # 353 is for PRDR, which was not said
        server.follow(Plan("end", 2, b"353 one by one\r\n"))
        client = SmtpClient(identity="c.example")
        client.chunking = False
        client.connect(server.host, server.port)
        client.ehlo()
        paths = ["r1@b.example", "r2@b.example", last]
        mails = [(f"m{n}@a.example", [path], CONTENT) for n, path in enumerate(paths)]
        with pytest.raises(RemoteProtocolError) as caught:
            client.send_all(mails, overlap="turn")
    told = [delivery.outcome for delivery in caught.value.deliveries]
    assert told == ["accepted", "unknown", "aborted"]
    table = client.transcript.transactions()["outcome"].tolist()
    assert table == ["delivered", "unknown", "aborted"]
