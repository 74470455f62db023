from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from smtpnb.analysis import describe_reply_codes, plot_reply_codes, reply_codes
from tests.analysis.rows import exchanges

if TYPE_CHECKING:
    from smtpnb import Transcript


def test_replies_are_counted_by_step_and_code(transcript: Transcript) -> None:
    table = reply_codes(transcript)
    rcpt = table[table["step"] == "rcpt"]
    assert list(rcpt["code"]) == [250, 550]
    assert list(rcpt["enhanced"]) == ["2.1.5", "5.1.1"]
    assert list(rcpt["class"]) == ["accepted", "refused"]
    assert list(rcpt["meaning"]) == [
        "destination address valid",
        "bad destination mailbox",
    ]
    assert list(rcpt["n"]) == [1, 1]
    assert list(rcpt["share"]) == [0.5, 0.5]
    assert rcpt["example_text"].iloc[1] == "5.1.1 No such user"


def test_an_exchange_without_a_reply_is_counted_too(transcript: Transcript) -> None:
    table = reply_codes(transcript)
    lost = table[table["code"].isna()]
    assert list(lost["step"]) == ["ehlo"]
    assert list(lost["meaning"]) == ["no reply"]
    assert list(lost["class"]) == ["no reply"]
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


def test_a_code_that_nobody_registered_keeps_its_first_digit() -> None:
    table = reply_codes(exchanges({"code": 422, "text": "4.2.2 Greylisted"}))
    assert list(table["class"]) == ["refused for now"]
    assert list(table["meaning"]) == ["refused for now"]


def test_the_first_the_last_and_the_hosts_are_told() -> None:
    frame = exchanges(
        {"code": 250, "host": "a.example"},
        {"code": 450, "host": "a.example"},
        {"code": 250, "host": "b.example"},
    )
    table = reply_codes(frame)
    accepted = table.iloc[0]
    assert accepted["n_hosts"] == 2
    assert accepted["last_ts"] - accepted["first_ts"] == pd.Timedelta(seconds=2)
    assert list(reply_codes(frame, by=["host"])["n_hosts"]) == [1, 1, 1]


def test_a_step_that_is_null_is_counted_too() -> None:
    frame = exchanges({"code": 250}, {"code": 250, "step": None})
    assert list(reply_codes(frame)["n"]) == [1, 1]


def test_a_category_without_a_row_is_not_counted() -> None:
    frame = exchanges({"code": 250}, {"code": 250, "step": "mail"})
    assert list(reply_codes(frame[frame["step"] == "mail"])["step"]) == ["mail"]


def _texts(figure: object) -> list[str]:
    (ax,) = figure.axes  # type: ignore[attr-defined]
    ticks = [*ax.get_yticklabels(), *ax.get_xticklabels()]
    return [text.get_text() for text in (*ticks, *ax.texts)]


def test_the_picture_writes_every_number_in_its_cell() -> None:
    rows = [{"code": 250}] * 3 + [{"code": 550}] + [{"code": 354, "step": "data"}]
    texts = _texts(plot_reply_codes(reply_codes(exchanges(*rows))))
    assert {"rcpt  n=4", "data  n=1", "250", "354", "550"} <= set(texts)
    assert {"3 (75%)", "1 (25%)", "1"} <= set(texts)


def test_the_rows_are_in_the_order_of_a_session() -> None:
    steps = [("b", "quit"), ("b", "mail"), ("a", "ehlo"), ("b", "starttls")]
    frame = exchanges(*({"host": h, "step": s, "code": 250} for h, s in steps))
    by_step = _texts(plot_reply_codes(reply_codes(frame)))[:4]
    assert by_step == ["ehlo  n=1", "starttls  n=1", "mail  n=1", "quit  n=1"]
    by_both = _texts(plot_reply_codes(reply_codes(frame, by=["host", "step"])))[:4]
    assert by_both == ["b starttls  n=1", "b mail  n=1", "b quit  n=1", "a ehlo  n=1"]


def test_codes_beyond_a_dozen_are_one_column() -> None:
    rows = [{"code": 400 + at} for at in range(20)]
    texts = _texts(plot_reply_codes(reply_codes(exchanges(*rows))))
    assert "others" in texts
    assert "8 (40%)" in texts


def test_the_words_tell_who_refused() -> None:
    said = describe_reply_codes(reply_codes(exchanges({"code": 250}, {"code": 550})))
    assert said == "2 exchanges, 1 refused or unanswered: 550 at rcpt (1)."
    said = describe_reply_codes(reply_codes(exchanges({"code": 250}, {})))
    assert said.endswith("no reply at rcpt (1).")
    said = describe_reply_codes(reply_codes(exchanges({"code": 250})))
    assert said == "1 exchange, none refused."


def test_an_empty_table_has_a_picture(transcript: Transcript) -> None:
    nothing = reply_codes(transcript.exchanges().iloc[:0])
    assert _texts(plot_reply_codes(nothing))[-1] == "nothing to show"
    assert describe_reply_codes(nothing) == "No replies."


@pytest.mark.parametrize("by", [("step",), ("host", "step"), ("verb",)])
def test_a_transcript_can_be_drawn(transcript: Transcript, by: tuple[str, ...]) -> None:
    figure = plot_reply_codes(reply_codes(transcript, by=by))
    assert "no reply" in _texts(figure)
