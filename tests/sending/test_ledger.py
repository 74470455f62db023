"""What the kernel took decides: an end that has not left makes nothing unknown."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from smtpnb import DeadlineExceeded, RemoteProtocolError, SmtpClient
from tests.support.scripted import GREETING, Hear, Hold, Say, ScriptedServer
from tests.support.twins import Habits, Twin

OFFERS = b"250-scripted\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 CHUNKING\r\n"
# Less than 64 KiB, so that each leaves in one run with its end; more in all than the
# buffers of any two sockets hold.
CONTENT = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 800
N = 400


def test_a_message_that_left_in_part_is_aborted_and_those_before_it_are_unknown() -> (
    None
):
    with ScriptedServer((GREETING, Hear(), Say(OFFERS), Hold())) as server:
        client: Any = SmtpClient(identity="client.example")
        client.connect(server.host, server.port)
        client.ehlo()
        mails = [("a@client.example", f"b{n}@c.example", CONTENT) for n in range(N)]
        with pytest.raises(DeadlineExceeded) as caught:
            client.send_all(mails, overlap="window", window=N, timeout=1)
    outcomes = [delivery.outcome for delivery in caught.value.deliveries]
    told = [outcome for outcome, _ in groupby(outcomes)]
    assert told == ["unknown", "aborted"]  # what was not taken is not told of
    assert len(outcomes) < N


# A yes is a lie while the chunk has not left; a no is an answer, but what comes behind
# it without end is not.
@pytest.mark.parametrize(
    ("said", "outcome"),
    [(b"250 2.0.0 taken\r\n", "aborted"), (b"552 no\r\n", "refused")],
    ids=["yes", "no"],
)
def test_a_flood_while_a_chunk_leaves_ends_the_session(
    said: bytes, outcome: str
) -> None:
    with (
        Twin(Habits(flood=said * 1000)) as server,
        SmtpClient(identity="client.example") as client,
    ):
        client.connect(server.host, server.port)
        client.ehlo()
        client.mail_from("a@client.example")
        client.rcpt_to("ok-1@c.example")
        with pytest.raises(RemoteProtocolError) as caught:
            client.bdat(b"x\r\n" * 16_000_000, last=True)
        assert caught.value.outcome == outcome
        server.wait_until_gone()
        assert not any(each.ended for each in server.books.transactions)
