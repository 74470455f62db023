from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from smtpnb.analysis import describe_slo, plot_slo, slo
from tests.analysis.rows import SECOND, T0, sessions

if TYPE_CHECKING:
    from smtpnb import Transcript

HOUR = 3600 * SECOND
START = T0 - T0 % HOUR


def _sessions(*rows: tuple[int, float, str | None]) -> pd.DataFrame:
    """Sessions: in which hour, how long in ms, how it ended."""
    return sessions(
        *(
            {"ts": START + hour * HOUR, "total_ms": took, "outcome": outcome}
            for hour, took, outcome in rows
        )
    )


def test_a_good_session_succeeds_in_time() -> None:
    frame = _sessions((0, 100, "success"), (0, 3000, "success"), (0, 100, "io-timeout"))
    (row,) = slo(frame, target=0.5).to_dict("records")
    assert (row["n"], row["good"]) == (3, 1)
    assert row["availability"] == pytest.approx(1 / 3)
    assert row["burn_rate"] == pytest.approx(4 / 3)
    assert row["budget_left"] == pytest.approx(-1 / 3)


def test_the_time_a_user_thinks_does_not_count() -> None:
    frame = sessions({"total_ms": 9000.0, "other_ms": 8000.0})
    (row,) = slo(frame).to_dict("records")
    assert (row["good"], row["p95_ms"]) == (1, 1000)


def test_the_budget_is_that_of_all_windows_so_far() -> None:
    rows = [(0, 1.0, "success")] * 10 + [(1, 1.0, "success")] * 9
    frame = _sessions(*rows, (1, 1.0, "protocol-error"))
    table = slo(frame, target=0.9)
    assert list(table["budget_left"].round(9)) == [1, 0.5]
    assert list(table["burn_rate"].round(9)) == [0, 1]
    assert list(table["window"].diff().dropna()) == [pd.Timedelta("1h")]


def test_what_is_open_or_cancelled_says_nothing() -> None:
    frame = _sessions((0, 1, None), (0, 1, "cancelled"), (0, 1, "success"))
    assert list(slo(frame)["n"]) == [1]


def test_the_objective_and_the_window_are_the_users() -> None:
    frame = _sessions((0, 500, "success"), (1, 100, "success"))
    assert list(slo(frame, objective_ms=200, freq="1D")["good"]) == [1]


@pytest.mark.parametrize("target", [1.0, 99, -0.1])
def test_a_target_is_a_share_below_one(target: float) -> None:
    with pytest.raises(ValueError, match="share"):
        slo(sessions(), target=target)


def test_no_sessions_give_no_windows() -> None:
    assert slo(sessions()).empty
    assert slo(_sessions((0, 1, None))).empty


def _texts(figure: Any) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in ax.texts]


def test_the_picture_writes_each_share_and_number() -> None:
    frame = _sessions(
        (0, 1, "success"), (1, 1, "success"), (1, 1, "io-timeout"), (2, 1, "success")
    )
    figure = plot_slo(slo(frame))
    assert _texts(figure) == ["100.0 %\nn=1", "50.0 %\nn=2", "100.0 %\nn=1"]
    assert max(figure.axes[0].get_yticks()) <= 100


def test_the_picture_of_many_windows_has_no_room_for_values() -> None:
    frame = _sessions(*((hour, 1.0, "success") for hour in range(50)))
    assert _texts(plot_slo(slo(frame))) == []


def test_the_words_tell_what_is_left() -> None:
    frame = _sessions((0, 1, "success"), (1, 1, "io-timeout"))
    said = describe_slo(slo(frame, target=0.5), target=0.5)
    assert said == (
        "1 of 2 sessions were good (50.00%, target 0.5). "
        "1 of 2 windows missed it; 0% of the budget is left."
    )


def test_nothing_has_a_picture() -> None:
    nothing = slo(sessions())
    assert _texts(plot_slo(nothing)) == ["no session has ended"]
    assert describe_slo(nothing) == "No session has ended."


def test_a_transcript_can_be_judged(transcript: Transcript) -> None:
    table = slo(transcript)
    assert table["n"].sum() == 2
    assert table["good"].sum() == 1
    assert plot_slo(table).axes
