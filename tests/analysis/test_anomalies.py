from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.analysis import anomalies, describe_anomalies, plot_anomalies
from tests.analysis.rows import SECOND, T0, exchanges
from tests.transcript.logs import Log


def _usual(n: int = 20, **row: Any) -> list[dict[str, Any]]:
    """Replies that take 9 to 11 ms."""
    return [
        {"code": 250, "text": "ok", "latency_ms": 9.0 + at % 3, **row}
        for at in range(n)
    ]


def test_a_reply_that_takes_far_longer_than_its_kind_stands_out() -> None:
    found = anomalies(exchanges(*_usual(), *_usual(1, latency_ms=100.0)))
    (row,) = found.to_dict("records")
    assert (row["metric"], row["value"], row["baseline"]) == ("latency_ms", 100, 10)
    assert row["what"] == "session"
    assert row["robust_z"] == row["score"] > 3.5
    assert row["first_seen"] == pd.Timestamp(T0 + 20 * SECOND, unit="us", tz="UTC")


def test_a_faster_reply_does_not_stand_out() -> None:
    assert anomalies(exchanges(*_usual(), *_usual(1, latency_ms=0.1))).empty


def test_replies_that_all_take_the_same_make_no_tenth_stand_out() -> None:
    same = _usual(latency_ms=10.0)
    assert anomalies(exchanges(*same, *_usual(1, latency_ms=11.0))).empty
    assert len(anomalies(exchanges(*same, *_usual(1, latency_ms=20.0)))) == 1


def test_a_few_replies_are_no_baseline() -> None:
    assert anomalies(exchanges(*_usual(6), *_usual(1, latency_ms=900.0))).empty


def test_a_host_without_a_baseline_is_compared_with_all() -> None:
    known = exchanges(*_usual())
    found = anomalies(
        exchanges(*_usual(1, latency_ms=900.0, host="new.example")), known
    )
    assert list(found["baseline"]) == [10]


def test_a_whole_day_that_was_slow_stands_out_against_another() -> None:
    slow = exchanges(*_usual(latency_ms=900.0))
    assert anomalies(slow).empty
    assert len(anomalies(slow, exchanges(*_usual()))) == 20


def test_the_threshold_decides() -> None:
    frame = exchanges(*_usual(), *_usual(1, latency_ms=100.0))
    assert anomalies(frame, threshold=50).empty


def test_a_code_never_seen_before_is_told_once() -> None:
    now = exchanges(*_usual(2), {"code": 450, "text": "no"}, {"code": 450}, {})
    found = anomalies(now, exchanges(*_usual()))
    codes = found[found["metric"] == "code"]
    assert list(codes["what"].fillna("no reply")) == ["450", "no reply"]
    assert list(codes["value"]) == [2, 1]
    assert list(codes["score"]) == [10, 10]
    assert codes["robust_z"].isna().all()
    assert not (found["metric"] == "text").any()  # a new code brings a new text


def test_a_new_code_that_accepts_weighs_less() -> None:
    found = anomalies(exchanges({"code": 251}), exchanges(*_usual()))
    assert list(found["score"]) == [5]


def test_a_new_text_with_a_known_code_is_told() -> None:
    known = exchanges(*_usual(text="ok queued as 4F123 for <a@b.example>"))
    now = exchanges(
        *_usual(1, text="ok queued as 77AA8 for <c@d.example>"),
        *_usual(2, text="fine"),
    )
    (row,) = anomalies(now, known).to_dict("records")
    assert (row["metric"], row["what"], row["value"]) == ("text", "fine", 2)
    assert row["score"] == 3


def test_of_a_host_the_baseline_does_not_know_nothing_is_new() -> None:
    now = exchanges({"code": 550, "host": "new.example"})
    assert anomalies(now, exchanges(*_usual())).empty


def test_the_worst_comes_first() -> None:
    now = exchanges({"code": 251}, *_usual(1, latency_ms=1e6), *_usual(1, text="fine"))
    found = anomalies(now, exchanges(*_usual()))
    assert list(found["metric"]) == ["latency_ms", "code", "text"]


def test_nothing_gives_nothing_with_the_same_columns() -> None:
    nothing = exchanges()
    columns = list(anomalies(exchanges(*_usual())).columns)
    assert list(anomalies(nothing).columns) == columns
    assert anomalies(nothing, nothing).empty
    assert anomalies(nothing, exchanges(*_usual())).empty
    assert anomalies(exchanges(*_usual()), nothing).empty


def test_a_null_step_and_a_null_latency_do_no_harm() -> None:
    frame = exchanges(*_usual(step=None), {"timed_out": True})
    assert anomalies(frame).empty
    assert anomalies(frame, frame).empty


def _texts(figure: Any) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in (*ax.get_yticklabels(), *ax.texts)]


def test_the_picture_shows_what_is_slow_and_what_is_new() -> None:
    now = exchanges({"code": 450}, *_usual(2, latency_ms=500.0), *_usual(1, text="x"))
    texts = _texts(plot_anomalies(anomalies(now, exchanges(*_usual()))))
    assert texts[0] == "rcpt mx.example  new: 450 (1), 1 text"
    assert texts[1].startswith("500 ms  z=")
    assert texts[1].endswith("n=2")


def test_the_picture_of_what_is_only_new_has_no_axis() -> None:
    figure = plot_anomalies(anomalies(exchanges({"code": 450}), exchanges(*_usual())))
    assert not figure.axes[0].get_xticks().size


def test_the_words_name_the_worst() -> None:
    now = exchanges({"code": 450}, {}, *_usual(1, latency_ms=500.0))
    said = describe_anomalies(anomalies(now, exchanges(*_usual())))
    assert said.startswith(
        "What stands out: 1 slow, 2 new codes. The worst: mx.example"
    )
    assert "rcpt 500 ms (normal 10.0 ms)" in said
    assert said.endswith("new no reply.")


@pytest.mark.parametrize("rows", [[], _usual()])
def test_where_nothing_stands_out_the_picture_says_so(
    rows: list[dict[str, Any]],
) -> None:
    nothing = anomalies(exchanges(*rows))
    assert _texts(plot_anomalies(nothing))[-1] == "nothing stands out"
    assert describe_anomalies(nothing) == "Nothing stands out."


def test_a_transcript_is_its_own_baseline(transcript: Transcript) -> None:
    found = anomalies(transcript, transcript)
    assert set(found["metric"]) <= {"latency_ms"}
    assert plot_anomalies(found).axes


def test_two_ports_of_a_host_are_two_services() -> None:
    def day(slow: float) -> Transcript:
        records = []
        for port, wait in ((25, 10.0), (587, slow)):
            talk = Log(port=port)
            talk.connect()
            talk.greeting()
            for _ in range(9):
                talk.say("noop", b"NOOP\r\n", b"250 Ok\r\n", wait=wait)
            records.append(talk.close())
        return Transcript(records)

    found = anomalies(day(500.0), day(10.0))
    assert set(found["port"]) == {587}
    (ax,) = plot_anomalies(found).axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "noop mx1.example.test"
    ]


def test_replies_that_queue_are_compared_with_their_like() -> None:
    queued = _usual(latency_ms=500.0, pipelined=True)
    assert anomalies(exchanges(*_usual(), *queued)).empty


def test_the_picture_takes_what_its_question_takes() -> None:
    frame = exchanges(*_usual(), *_usual(1, latency_ms=100.0))
    assert describe_anomalies(frame) == describe_anomalies(anomalies(frame))
    assert plot_anomalies(frame).axes


def test_of_many_groups_the_worst_are_drawn_and_it_says_so() -> None:
    rows = [row for n in range(60) for row in _usual(host=f"mx{n}")]
    rows += [{**_usual(1)[0], "host": f"mx{n}", "latency_ms": 100.0 + n}
             for n in range(60)]  # fmt: skip
    (ax,) = plot_anomalies(exchanges(*rows)).axes
    assert len(ax.get_yticklabels()) == 25
    assert ax.get_xlabel().startswith("the 25 worst of 60; ")
