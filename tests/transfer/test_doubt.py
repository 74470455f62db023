"""Behind a refused chunk nothing is believed until a RSET, said alone, was granted."""

from __future__ import annotations

import pytest

from smtpnb import RemoteProtocolError, SmtpClient
from tests.support.faulty import FaultyServer, Plan

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
