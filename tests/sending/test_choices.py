"""What was chosen for a message, and why; and the queue ids of its recipients."""

from __future__ import annotations

from typing import Any

import pytest

from smtpnb import Sandbox, SmtpClient

ASCII = b"Subject: x\r\n\r\nhello\r\n"
EIGHT = "Subject: x\r\n\r\nhéllo\r\n".encode()
HEADER = "Subject: é\r\n\r\nhello\r\n".encode()

# The content, arguments of `send`, keywords not announced, and what is chosen.
CASES: list[tuple[Any, dict[str, Any], str, list[str]]] = [
    (
        ASCII,
        {},
        "",
        [
            "content: BDAT (CHUNKING is announced (RFC 3030))",
            "turns: groups (PIPELINING is announced (RFC 2920))",
            "BODY: not said (the content is ASCII)",
            "SMTPUTF8: not said (paths and headers are ASCII, as far as is known)",
            "SIZE: SIZE=21 (SIZE is announced (RFC 1870))",
            "convert: not said (it leaves as it is)",
        ],
    ),
    (
        EIGHT,
        {},
        "CHUNKING PIPELINING SIZE",
        [
            "content: DATA (CHUNKING is not announced)",
            "turns: command by command (PIPELINING is not announced)",
            "BODY: BODY=8BITMIME (the content holds octets over 127 (RFC 6152))",
            "SIZE: not said (SIZE is not announced)",
        ],
    ),
    (iter([ASCII]), {}, "", ["BODY: BODY=8BITMIME (the content may hold"]),
    (HEADER, {}, "", ["SMTPUTF8: SMTPUTF8 (the header 'Subject' is not ASCII"]),
    (ASCII, {"body": "BINARYMIME"}, "", ["BODY: BODY=BINARYMIME (it was asked for)"]),
    (ASCII, {"size": 5}, "", ["SIZE: SIZE=5 (it was asked for)"]),
    (
        EIGHT,
        {"convert": True},
        "8BITMIME SMTPUTF8",
        [
            "BODY: not said (the content is ASCII)",
            "convert: re-encoded (the content holds octets over 127, and the server ",
        ],
    ),
]


@pytest.mark.parametrize(
    ("content", "options", "without", "expected"), CASES, ids=range(len(CASES))
)
def test_what_was_chosen_is_told_with_the_reason(
    content: Any, options: dict[str, Any], without: str, expected: list[str]
) -> None:
    with Sandbox(without=without.split()) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        delivery = client.send(content, "a@b.example", ["c@d.example"], **options)
        said = [str(choice) for choice in delivery.choices]
        assert all(any(each in line for line in said) for each in expected), said
        mail = client.transcript.exchanges().query("verb == 'MAIL'").argument.iloc[0]
        for choice in delivery.choices:
            if choice.about in ("BODY", "SMTPUTF8", "SIZE") and choice.what:
                assert choice.what in mail
            elif choice.about in ("BODY", "SMTPUTF8", "SIZE"):
                assert f" {choice.about}" not in mail


def test_a_capability_that_is_not_used_is_told_so() -> None:
    with Sandbox() as sandbox, SmtpClient(disable={"PIPELINING"}) as client:
        client.connect(sandbox)
        client.chunking = False
        way, turns, *_ = client.send(ASCII, "a@b", ["c@d"]).choices
        assert way.why == "CHUNKING is announced, and not used"
        assert turns.why == "PIPELINING is switched off (disable=)"


def test_the_queue_id_is_that_of_the_accepted() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        sandbox.fault("eod", reply="250 2.0.0 Ok: queued as 4dXyZ12", times=1)
        client.connect(sandbox)
        delivery = client.send(ASCII, "a@b", ["c@d"])
        assert delivery.queue_id == delivery.recipients[0].queue_id == "4dXyZ12"
        sandbox.fault("eod", reply="550 5.7.1 not queued as 4dXyZ12", times=1)
        refused = client.send(ASCII, "a@b", ["c@d"])
        assert (refused.outcome, refused.queue_id) == ("refused", None)
