from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Transcript
from smtpnb.analysis import describe_timeline, plot_timeline, timeline
from tests.transcript.logs import Log, cancelled_in_body, opened, plain

if TYPE_CHECKING:
    from pathlib import Path

    from smtpnb.wire.record import Record


def _at(record: Record, minutes: float) -> Record:
    record.wall_ns += round(minutes * 60e9)
    return record


def _down(host: str = "mx1.example.test") -> Record:
    session = Log(host)
    session.connect(0.3, "Connection refused")
    session.error("connect", "ConnectError", "Connection refused")
    return session.close("lost")


def test_sessions_are_counted_by_bin_and_host() -> None:
    records = [
        _at(plain(), 0),
        _at(_down(), 0.5),
        _at(plain(), 3),
        _at(opened("b.test").close(), 3),
    ]
    frame = timeline(Transcript(records))
    assert list(frame["host"]) == ["mx1.example.test", "b.test", "mx1.example.test"]
    assert list(frame["port"]) == [25, 25, 25]
    # Each plain() has two recipients, of which one is refused.
    assert list(frame["n"]) == [3, 1, 2]
    assert list(frame["n_recipients"]) == [2, 0, 2]
    assert list(frame["n_fail"]) == [2, 0, 1]
    assert (frame["bin"].iloc[1] - frame["bin"].iloc[0]).total_seconds() == 180


def test_think_time_is_nobodys_latency() -> None:
    record = plain()  # and 700 ms of thinking, and QUIT
    frame = timeline(Transcript([record]))
    (session,) = Transcript([record]).sessions().to_dict("records")
    own = session["total_ms"] - session["other_ms"] - session["quit_ms"]
    assert frame["p50_ms"].iloc[0] == pytest.approx(own, abs=0.1)


def test_a_cancelled_and_an_open_session_are_no_failures() -> None:
    still_open = opened().record
    frame = timeline(Transcript([cancelled_in_body(), still_open]))
    # One recipient was refused before; the other one, and a session, say nothing.
    assert list(frame["n"]) == [3]
    assert list(frame["n_fail"]) == [1]


def test_two_ports_of_a_host_are_two_services() -> None:
    other = Log(port=587)
    other.connect()
    frame = timeline(Transcript([plain(), other.close()]))
    assert list(zip(frame["host"], frame["port"], strict=True)) == [
        ("mx1.example.test", 25),
        ("mx1.example.test", 587),
    ]


def test_a_bin_may_be_of_any_length() -> None:
    records = [_at(plain(), minutes) for minutes in (0, 1, 130)]
    assert len(timeline(Transcript(records), freq="1min")) == 3
    assert list(timeline(Transcript(records), freq="1D")["n"]) == [6]
    with pytest.raises(ValueError, match="fortnight"):
        timeline(Transcript(records), freq="fortnight")


def test_no_sessions_make_an_empty_frame_with_all_columns(tmp_path: Path) -> None:
    empty, full = timeline(Transcript([])), timeline(Transcript([plain()]))
    assert empty.empty
    assert list(empty.dtypes) == list(full.dtypes)
    assert describe_timeline(empty) == "Nothing happened."
    plot_timeline(empty).savefig(tmp_path / "empty.png")


def test_each_host_has_a_strip_that_names_its_numbers(tmp_path: Path) -> None:
    records = [_at(plain(), 0), _at(_down(), 1), _at(opened("$b_{c}$.test").close(), 2)]
    figure = plot_timeline(timeline(Transcript(records)))
    figure.savefig(tmp_path / "timeline.png")  # mathtext would raise
    strips: list[Any] = figure.axes[0].child_axes
    assert [ax.get_title(loc="left") for ax in strips] == [
        "mx1.example.test   n = 3, failed 2",
        "$b_{c}$.test   n = 1, failed 0",
    ]
    assert [text.get_text() for ax in strips for text in ax.texts] == ["1", "1"]


def test_points_are_joined_only_from_one_bin_to_the_next() -> None:
    records = [_at(plain(), minutes) for minutes in (0, 1, 10)]
    (ax,) = plot_timeline(timeline(Transcript(records))).axes[0].child_axes
    joined = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [len(line.get_xdata()) for line in joined] == [2]  # type: ignore[arg-type]


def test_only_the_worst_hosts_are_drawn_and_the_words_say_so() -> None:
    records = [_at(opened(f"mx{n}.test").close(), n) for n in range(9)]
    frame = timeline(Transcript(records))
    assert len(plot_timeline(frame).axes[0].child_axes) == 6
    said = describe_timeline(frame)
    assert said.startswith(
        "9 messages or sessions without a recipient with 9 hosts from "
    )
    assert said.endswith("3 hosts with fewer failures are not drawn.")
