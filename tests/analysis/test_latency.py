from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib.container import BarContainer

from smtpnb import Transcript
from smtpnb.analysis import (
    describe_latency,
    describe_slowest,
    latency,
    plot_latency,
    plot_slowest,
    slowest,
)
from tests.analysis.rows import exchanges, sessions
from tests.transcript.logs import Log, opened


def _texts(figure: Any) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in (*ax.get_yticklabels(), *ax.texts)]


def _hundred() -> pd.DataFrame:
    return exchanges(*({"code": 250, "latency_ms": float(at)} for at in range(101)))


def test_percentiles_are_those_of_the_latencies() -> None:
    (row,) = latency(_hundred(), by=("step",), q=(0.5, 0.9, 0.999)).to_dict("records")
    assert row["p50_ms"] == 50
    assert row["p90_ms"] == 90
    assert row["p99.9_ms"] == pytest.approx(99.9)
    assert (row["mean_ms"], row["max_ms"], row["n"]) == (50, 100, 101)


def test_what_was_not_answered_is_counted_apart() -> None:
    frame = exchanges(
        {"code": 250, "latency_ms": 5.0},
        {"timed_out": True, "error_type": "DeadlineExceeded"},
        {"error_type": "ConnectionLost"},
    )
    (row,) = latency(frame).to_dict("records")
    assert (row["n"], row["n_timeouts"], row["n_lost"]) == (1, 1, 1)
    assert row["p99_ms"] == 5


def test_a_group_without_an_answer_is_still_a_row() -> None:
    (row,) = latency(exchanges({"timed_out": True})).to_dict("records")
    assert row["n"] == 0
    assert pd.isna(row["p50_ms"])


def test_a_null_in_timed_out_is_no_timeout() -> None:
    frame = exchanges({"latency_ms": 1.0, "timed_out": None})
    assert list(latency(frame)["n_timeouts"]) == [0]


def test_a_step_that_is_null_is_a_group() -> None:
    frame = exchanges({"latency_ms": 1.0, "step": None}, {"latency_ms": 1.0})
    assert len(latency(frame, by=("step",))) == 2


def test_the_phases_of_sessions_are_steps() -> None:
    frame = sessions(
        {"connect_ms": 1.0, "ehlo_ms": 10.0, "other_ms": 900.0, "total_ms": 911.0},
        {"connect_ms": 3.0, "total_ms": 3.0},
    )
    table = latency(frame).set_index("step")
    assert list(table.index) == ["connect", "ehlo", "total"]
    assert table.loc["connect", "p50_ms"] == 2
    assert table.loc["ehlo", "n"] == 1


def test_a_session_that_timed_out_counts_at_its_last_phase() -> None:
    frame = sessions(
        {"connect_ms": 1.0, "ehlo_ms": 2.0, "total_ms": 3.0},
        {
            "connect_ms": 1.0,
            "ehlo_ms": 60_000.0,
            "total_ms": 60_001.0,
            "outcome": "io-timeout",
        },
    )
    table = latency(frame).set_index("step")
    assert list(table["n_timeouts"]) == [0, 1, 1]
    assert list(table["max_ms"]) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("q", [-0.1, 50])
def test_a_quantile_is_a_share(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        latency(exchanges(), q=(q,))


def test_no_exchanges_give_no_rows() -> None:
    assert latency(exchanges()).empty
    assert latency(sessions()).empty
    assert slowest(exchanges()).empty


def test_the_slowest_come_first_with_their_multiple_of_the_median() -> None:
    rows: list[dict[str, Any]] = [{"latency_ms": ms} for ms in (10.0, 20.0, 90.0)]
    rows.append({"code": 354, "latency_ms": 50.0, "step": "data"})
    table = slowest(exchanges(*rows, {"timed_out": True}), n=2)
    assert list(table["latency_ms"]) == [90, 50]
    assert list(table["x_median"]) == [4.5, 1]
    assert list(table["exchange_no"]) == [2, 3]


def test_the_multiple_is_right_whatever_the_index() -> None:
    frame = _hundred().set_index(pd.Index([7] * 101))
    assert list(slowest(frame, n=1)["x_median"]) == [2]


def test_the_picture_of_latency_tells_of_timeouts() -> None:
    frame = exchanges(
        {"latency_ms": 0.0}, {"latency_ms": 5.0}, {"step": "data", "timed_out": True}
    )
    figure = plot_latency(latency(frame, by=("step",)))
    texts = _texts(figure)
    assert "rcpt  n=2" in texts
    assert "data  n=0  1 timed out" in texts
    assert "5.00 ms" in texts
    assert figure.axes[0].get_xscale() == "log"


def test_the_words_on_latency_name_the_slowest_group() -> None:
    said = describe_latency(latency(_hundred(), by=("step",)))
    assert said == "101 answered, in 1 group. The slowest by p99: rcpt 99.0 ms."
    said = describe_latency(latency(exchanges({"timed_out": True}, {})))
    assert said.endswith("1 timed out. 1 had no reply for other reasons.")


def test_the_picture_of_the_slowest_has_a_bar_for_each() -> None:
    rows = [{"code": 250, "latency_ms": 1.0}, {"code": 550, "latency_ms": 2500.0}]
    figure = plot_slowest(slowest(exchanges(*rows)))
    bars = [c for c in figure.axes[0].containers if isinstance(c, BarContainer)]
    assert len(bars) == 2
    assert "2.50 s  x2  550" in _texts(figure)


def test_a_large_multiple_has_no_power_of_ten() -> None:
    rows: list[dict[str, Any]] = [{"latency_ms": 1.0} for _ in range(3)]
    found = slowest(exchanges(*rows, {"code": 250, "latency_ms": 12_345.0}))
    assert any("  x12,345  250" in text for text in _texts(plot_slowest(found)))
    assert "(12,345 times the median)" in describe_slowest(found)


def test_a_reply_without_a_code_can_be_drawn() -> None:
    figure = plot_slowest(slowest(exchanges({"latency_ms": 1.0})))
    assert "1.00 ms  x1  no code" in _texts(figure)


def test_the_words_on_the_slowest_name_them() -> None:
    said = describe_slowest(slowest(_hundred(), n=3))
    assert said.startswith("The slowest of 3: rcpt at mx.example 100 ms (2 times")


def test_empty_tables_have_pictures() -> None:
    assert _texts(plot_latency(latency(exchanges())))[-1] == "nothing to show"
    assert _texts(plot_slowest(slowest(exchanges())))[-1] == "nothing to show"
    assert describe_latency(latency(exchanges())) == "Nothing was measured."
    assert describe_slowest(slowest(exchanges())) == "Nothing was answered."


def test_a_transcript_can_be_drawn(transcript: Transcript) -> None:
    assert plot_latency(latency(transcript)).axes
    assert plot_latency(latency(transcript.sessions())).axes
    assert plot_slowest(slowest(transcript)).axes


def test_replies_that_queue_are_kept_apart_from_single_ones() -> None:
    """94, 135 and 167 ms of one group are one wait, and say nothing of RCPT alone."""
    frame = exchanges(
        {"code": 250, "latency_ms": 10.0},
        *({"code": 250, "latency_ms": ms, "pipelined": True} for ms in (94.0, 135.0)),
    )
    table = latency(frame)
    assert table[["pipelined", "n", "p50_ms"]].to_numpy().tolist() == [
        [False, 1, 10.0],
        [True, 2, 114.5],
    ]
    assert slowest(frame)["x_median"].round(2).tolist() == [1.18, 0.82, 1.0]
    assert _texts(plot_latency(table))[:2] == [
        "rcpt mx.example  n=1",
        "rcpt mx.example  grouped  n=2",
    ]


@pytest.mark.parametrize("by", ["host", ["host"], ["host", "port"], "port"])
def test_one_column_may_stand_alone(by: str | list[str]) -> None:
    transcript = Transcript([opened().close(), _on(587).close()])
    table = latency(transcript, by=by)
    keys = [by] if isinstance(by, str) else by
    assert list(table.columns)[: len(keys) + 1] == [*keys, "pipelined"]
    assert len(table) == 1 + ("port" in keys)
    assert table["n"].sum() == 4
    plot_latency(table)


def _on(port: int) -> Log:
    talk = Log(port=port)
    talk.connect()
    talk.greeting()
    talk.say("ehlo", b"EHLO me.test\r\n", b"250 mx.example.test\r\n")
    return talk


def test_two_ports_of_a_host_are_two_services() -> None:
    transcript = Transcript([opened().close(), _on(587).close()])
    table = latency(transcript)
    assert list(table["port"]) == [25, 25, 587, 587]
    names = [text.split("  ")[0] for text in _texts(plot_latency(transcript))[:4]]
    host = "mx1.example.test"
    assert names == [f"greeting {host}:25", f"ehlo {host}:25",
                     f"greeting {host}:587", f"ehlo {host}:587"]  # fmt: skip


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="no column weather"):
        latency(exchanges({"latency_ms": 1.0}), by="weather")


def test_what_was_never_answered_is_not_among_the_slowest() -> None:
    frame = exchanges(
        {"latency_ms": 5.0, "code": 250}, {"latency_ms": None, "timed_out": True}
    )
    assert list(slowest(frame)["latency_ms"]) == [5.0]
    silent = exchanges({"latency_ms": None, "timed_out": True})
    assert slowest(silent).empty
    assert _texts(plot_slowest(silent))[-1] == "nothing to show"
    assert describe_slowest(silent) == "Nothing was answered."


def test_of_many_groups_the_worst_are_drawn_and_it_says_so() -> None:
    rows = [{"code": 250, "host": f"mx{n}", "latency_ms": float(n)} for n in range(300)]
    figure = plot_latency(exchanges(*rows, {"host": "silent", "timed_out": True}))
    (ax,) = figure.axes
    assert "the 40 worst of 301" in ax.get_xlabel()
    drawn = [label.get_text() for label in ax.get_yticklabels()]
    assert len(drawn) == 40
    assert drawn[0].startswith("rcpt silent ")
    assert drawn[1].startswith("rcpt mx299 ")


def test_the_pictures_take_what_their_questions_take(transcript: Transcript) -> None:
    events = transcript.events()
    for draw in (plot_latency, plot_slowest):
        for given in (transcript, events, transcript.exchanges()):
            assert draw(given).axes
    assert describe_latency(events) == describe_latency(latency(transcript))
    assert describe_slowest(events) == describe_slowest(slowest(transcript))
