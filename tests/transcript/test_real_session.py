"""The tables of a session that took place, with a real server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Sandbox, SmtpClient
from smtpnb.transcript import schema

if TYPE_CHECKING:
    from smtpnb import Transcript


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    with Sandbox() as sandbox:
        client = SmtpClient(identity="client.example")
        client.connect(sandbox)
        client.ehlo()
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@sandbox.example")
        client.data("Subject: x\r\n\r\nhello\r\n")
        client.noop()
        client.quit()
    return client.transcript


def test_the_phases_of_a_real_session_add_up_to_its_time(
    transcript: Transcript,
) -> None:
    (row,) = transcript.sessions().to_dict("records")
    phases = [row[column.name] for column in schema.PHASES]
    whole = sum(phase for phase in phases if phase == phase)  # noqa: PLR0124  # NaN
    assert whole == pytest.approx(row["total_ms"], abs=0.01)
    assert row["total_ms"] == transcript.events()["t_ms"].max()
    happened = ("connect_ms", "greeting_ms", "ehlo_ms", "mail_ms", "eod_ms", "quit_ms")
    assert all(row[name] > 0 for name in happened)
    assert row["starttls_ms"] != row["starttls_ms"]  # NaN


def test_the_parts_of_each_exchange_add_up(transcript: Transcript) -> None:
    frame = transcript.exchanges()
    parts = frame["wait_ms"] + frame["receive_ms"]
    assert (parts - frame["latency_ms"]).abs().max() <= 0.001
    assert frame["step"].notna().all()
    assert transcript.events()["step"].notna().all()
    assert list(frame["code"]) == [220, 250, 250, 250, 354, 250, 250, 221]


def test_the_bytes_of_the_tables_are_those_on_the_wire(transcript: Transcript) -> None:
    events, (session,) = transcript.events(), transcript.sessions().to_dict("records")
    sent = events["n_bytes"][events["direction"] == "C"].sum()
    said = events["n_bytes"][events["event"] == "reply"].sum()
    assert (session["bytes_sent"], session["bytes_received"]) == (sent, said)
    assert sent > len("Subject: x\r\n\r\nhello\r\n.\r\n")


def test_a_real_stream_of_messages_is_told_message_by_message() -> None:
    paths = ["bob@sandbox.example", "eve@sandbox.example"]
    messages = [b"Subject: x\r\n\r\n" + b"y" * 10 * n + b"\r\n" for n in range(5)]
    with Sandbox() as sandbox:
        client = SmtpClient(identity="client.example")
        client.connect(sandbox)
        client.send_all([("ann@client.example", paths, each) for each in messages])
        client.quit()
    transactions = client.transcript.transactions()
    assert list(transactions["transaction_no"]) == [
        n for n in range(1, 6) for _ in "12"
    ]
    assert list(transactions["rcpt_to"]) == paths * 5
    assert set(transactions["outcome"]) == {"delivered"}
    assert list(transactions["size"][::2]) == [*map(len, messages)]
    exchanges = client.transcript.exchanges()
    assert exchanges["code"].notna().all()
    grouped = exchanges.groupby("verb", observed=True)["pipelined"]
    assert grouped.all()[["MAIL", "RCPT"]].all()
    (session,) = client.transcript.sessions().to_dict("records")
    phases = [session[column.name] for column in schema.PHASES]
    whole = sum(phase for phase in phases if phase == phase)  # noqa: PLR0124  # NaN
    assert whole == pytest.approx(session["total_ms"], abs=0.01)
    assert session["n_transactions"] == 5
