"""The whole distribution of latency, and latency by the clock."""

from __future__ import annotations

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.analysis import (
    describe_latency_by_hour,
    describe_latency_ecdf,
    latency_by_hour,
    latency_ecdf,
    plot_latency_by_hour,
    plot_latency_ecdf,
)
from smtpnb.analysis.times.spread import POINTS
from tests.transcript.logs import Log


def _day(*waits: float, host: str = "a.test", hours: float = 0, silent: int = 0) -> Log:
    talk = Log(host)
    talk.record.wall_ns = 1_795_500_000_000_000_000 + round(hours * 3.6e12)
    talk.connect()
    for wait in waits:
        talk.say("noop", b"NOOP\r\n", b"250 Ok\r\n", wait)
    for _ in range(silent):
        talk.send(("noop", "NOOP", b"NOOP\r\n"))
    return talk


def _of(*logs: Log) -> Transcript:
    return Transcript([log.close() for log in logs])


def test_a_curve_has_a_step_for_each_reply() -> None:
    found = latency_ecdf(_of(_day(30, 10, 20)))
    assert found["step"].unique().tolist() == ["noop"]
    assert found["ms"].tolist() == pytest.approx([10, 20, 30])
    assert found["share"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])


def test_what_was_never_answered_keeps_the_curve_below_one() -> None:
    found = latency_ecdf(_of(_day(10, 20, silent=2)))
    assert found["n"].tolist() == [4, 4]
    assert found["share"].tolist() == [0.25, 0.5]
    said = describe_latency_ecdf(found)
    assert said == "1 group, the slowest first: noop (n=4) 50% were answered."
    (ax,) = plot_latency_ecdf(found).axes
    assert max(ax.lines[0].get_ydata()) == 50  # type: ignore[arg-type, type-var]


def test_a_long_curve_keeps_its_ends_and_its_shape() -> None:
    waits = [float(wait) for wait in range(1, 3 * POINTS)]
    found = latency_ecdf(_of(_day(*waits)))
    assert len(found) == POINTS
    assert found["ms"].iloc[0] == pytest.approx(1)
    assert found["ms"].iloc[-1] == pytest.approx(waits[-1])
    assert found["share"].to_numpy() == pytest.approx(found["ms"] / len(waits))


def test_curves_are_grouped_as_asked() -> None:
    both = _of(_day(1, host="a.test"), _day(2, 3, host="b.test"))
    found = latency_ecdf(both, by=["host", "step"])
    assert found.groupby("host", observed=True).size().to_dict() == {
        "a.test": 1,
        "b.test": 2,
    }
    assert [*latency_ecdf(both, by="host").columns] == ["host", "n", "ms", "share"]
    with pytest.raises(KeyError):
        latency_ecdf(both, by="nothing")


def test_each_hour_and_host_has_its_quantile_and_what_was_silent() -> None:
    logs = (
        _day(10, 20, 30, host="a.test"),
        _day(100, host="a.test", hours=2),
        _day(5, host="b.test", silent=1),
    )
    found = latency_by_hour(_of(*logs), q=0.5)
    rows = found[["host", "port", "n", "n_silent"]].to_numpy().tolist()
    assert rows == [
        ["a.test", 25, 3, 0],
        ["b.test", 25, 1, 1],
        ["a.test", 25, 1, 0],
    ]
    assert found["ms"].tolist() == pytest.approx([20, 5, 100])
    assert found["bin"].diff().max() == pd.Timedelta("2h")


def test_the_map_names_the_worst_host_first_and_marks_the_silent() -> None:
    logs = (
        _day(10, host="fast.test"),
        _day(500, host="slow.test"),
        _day(1, host="mute.test", silent=3),
    )
    transcript = _of(*logs)
    (ax,) = plot_latency_by_hour(transcript).axes
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["mute.test", "slow.test", "fast.test"]
    assert [text.get_text() for text in ax.texts] == ["10.0 ms", "x 1.00 ms", "500 ms"]
    said = describe_latency_by_hour(transcript)
    assert said.startswith("3 replies of 3 hosts in 1 bins from ")
    assert said.endswith("3 were not answered.")


def test_another_table_and_a_wrong_quantile_are_told() -> None:
    transcript = _of(_day(1))
    with pytest.raises(ValueError, match=r"exchanges\(\) are wanted"):
        latency_ecdf(transcript.sessions())
    with pytest.raises(ValueError, match="between 0 and 1"):
        latency_by_hour(transcript, q=1.5)


def test_of_nothing_there_are_pictures_that_say_so() -> None:
    nothing = Transcript([])
    assert describe_latency_ecdf(nothing) == "Nothing was answered."
    assert describe_latency_by_hour(nothing) == "Nothing was measured."
    assert latency_ecdf(nothing).empty
    assert latency_by_hour(nothing).empty
