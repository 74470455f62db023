"""What the kernel took decides: an end that has not left makes nothing unknown."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from smtpnb import DeadlineExceeded, SmtpClient
from tests.support.scripted import GREETING, Hear, Hold, Say, ScriptedServer

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
