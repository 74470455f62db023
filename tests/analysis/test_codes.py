from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.analysis import reply_codes

if TYPE_CHECKING:
    from smtpnb import Transcript


def test_replies_are_counted_by_step_and_code(transcript: Transcript) -> None:
    table = reply_codes(transcript)
    rcpt = table[table["step"] == "rcpt"]
    assert list(rcpt["code"]) == [250, 550]
    assert list(rcpt["enhanced"]) == ["2.1.5", "5.1.1"]
    assert list(rcpt["meaning"]) == ["accepted", "refused"]
    assert list(rcpt["n"]) == [1, 1]
    assert list(rcpt["share"]) == [0.5, 0.5]
    assert rcpt["example"].iloc[1] == "5.1.1 No such user"


def test_an_exchange_without_a_reply_is_counted_too(transcript: Transcript) -> None:
    table = reply_codes(transcript)
    lost = table[table["code"].isna()]
    assert list(lost["step"]) == ["ehlo"]
    assert list(lost["meaning"]) == ["no reply"]
    assert lost["latency_ms"].isna().all()


def test_every_exchange_is_counted_once(transcript: Transcript) -> None:
    exchanges = transcript.exchanges()
    assert reply_codes(exchanges)["n"].sum() == len(exchanges)


def test_any_columns_can_be_counted_by(transcript: Transcript) -> None:
    table = reply_codes(transcript, by=["host", "verb"])
    assert list(table.columns[:2]) == ["host", "verb"]
    assert set(table[table["verb"] == "EHLO"]["n"]) == {1, 2}


def test_an_empty_table_gives_an_empty_one(transcript: Transcript) -> None:
    nothing = transcript.exchanges().iloc[:0]
    assert reply_codes(nothing).empty
