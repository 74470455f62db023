"""Queue ids, in the words of the servers that write them."""

from __future__ import annotations

import pytest

from smtpnb.protocol.queue_ids import queue_id

# Server, the text of its last reply (names are made up), and the id in it.
TEXTS = [
    ("Postfix", "2.0.0 Ok: queued as 4dXyZ1234vz9", "4dXyZ1234vz9"),
    ("Postfix", "2.0.0 Ok: queued as E056A284323", "E056A284323"),
    ("Exim", "OK id=1tABCD-000000003xy-0a1B", "1tABCD-000000003xy-0a1B"),
    (
        "sendmail",
        "2.0.0 4AQ1b2cD001234 Message accepted for delivery",
        "4AQ1b2cD001234",
    ),
    (
        "Exchange",
        "2.6.0 <a@b> [InternalId=1234567890123, Hostname=x.example] Queued mail",
        "1234567890123",
    ),
    ("Gmail", "2.0.0 OK  1732580000 a1-20020abc.12 - gsmtp", "a1-20020abc.12"),
    (
        "SES",
        "Ok 0100018c0ffee123-1234abcd-12ab-34cd-56ef-123456abcdef-000000",
        "0100018c0ffee123-1234abcd-12ab-34cd-56ef-123456abcdef-000000",
    ),
    (
        "Haraka",
        "Message Queued (6C5A0D1B-2D4E-4F6A-8B0C-112233445566.1)",
        "6C5A0D1B-2D4E-4F6A-8B0C-112233445566.1",
    ),
    (
        "OpenSMTPD",
        "2.0.0 5f1b2c3d Message accepted for delivery",
        "5f1b2c3d",
    ),
    (
        "Yandex",
        "2.0.0 Ok: queued on mail-1.example as 1732580000-abcDEFghIJ",
        "1732580000-abcDEFghIJ",
    ),
    (
        "KumoMTA",
        "OK ids=d7ef132b5d7711eea8c8000c29c33806",
        "d7ef132b5d7711eea8c8000c29c33806",
    ),
    ("Stalwart", "2.0.0 Message queued with id 18a7cc7d64c5000.", "18a7cc7d64c5000"),
    (
        "go-smtp",
        "2.0.0 OK: queued NB2HI4DTHIXS653XO4XHGZLU",
        "NB2HI4DTHIXS653XO4XHGZLU",
    ),
    (
        "Dovecot LMTP",
        "2.0.0 <a@b.example> kFzAB1xyZ0+cVAAg/zDdQ Saved",
        "kFzAB1xyZ0+cVAAg/zDdQ",
    ),
    # None of them
    ("no id", "2.0.0 Ok", None),
    ("a code is no id", "2.6.0 Message accepted for delivery", None),
    ("no text", "", None),
    ("no reply", None, None),
    ("a word is no id", "2.0.0 Ok queued", None),
    ("a full stop is no id", "OK: queued as.", None),
    ("queued for delivery", "2.0.0 Message queued for delivery.", None),
]


@pytest.mark.parametrize(("server", "text", "expected"), TEXTS, ids=str)
def test_the_name_that_a_server_gives(
    server: str, text: str | None, expected: str | None
) -> None:
    del server
    assert queue_id(text) == expected
