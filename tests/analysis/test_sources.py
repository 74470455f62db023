"""Every question takes what holds a table: a transcript, pandas' own frames, Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pytest

from smtpnb import Transcript, analysis
from tests.transcript.logs import opened, pipelined, plain, starttls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS: Final[dict[str, Callable[[Any], pd.DataFrame]]] = {
    "lint": analysis.lint,
    "compare": lambda source: analysis.compare(source, source),
    "diff_dialogue": lambda source: analysis.diff_dialogue(
        source, source, session_a=0, session_b=1
    ),
    "latency": analysis.latency,
    "slowest": analysis.slowest,
    "timeline": analysis.timeline,
    "slo": analysis.slo,
    "anomalies": analysis.anomalies,
    "waterfall": analysis.waterfall,
    "capabilities": analysis.capabilities,
    "tls_posture": analysis.tls_posture,
}
PICTURES: Final[dict[str, Callable[[Any], Any]]] = {
    "lint": analysis.plot_lint,
    "compare": lambda source: analysis.plot_compare(source, source),
    "latency": analysis.plot_latency,
    "slowest": analysis.plot_slowest,
    "timeline": analysis.plot_timeline,
    "slo": analysis.plot_slo,
    "anomalies": analysis.plot_anomalies,
    "waterfall": analysis.plot_waterfall,
    "capabilities": analysis.plot_capabilities,
    "tls_posture": analysis.plot_posture,
}


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    """Sessions of several hosts, with and without TLS, in groups and one by one."""
    return Transcript([plain(), starttls(), pipelined(), opened("b.test").close()])


def _through_csv(events: pd.DataFrame, folder: Path) -> pd.DataFrame:
    events.to_csv(folder / "events.csv", index=False)
    return pd.read_csv(folder / "events.csv")


def _through_parquet(events: pd.DataFrame, folder: Path) -> pd.DataFrame:
    events.to_parquet(folder / "events.parquet")
    return pd.read_parquet(folder / "events.parquet", dtype_backend="pyarrow")


def _put_together(events: pd.DataFrame, _: Path) -> pd.DataFrame:
    parts = [
        part for _, part in events.groupby("session_id", sort=False, observed=True)
    ]
    return pd.concat(parts, ignore_index=True)


HELD: Final[dict[str, Callable[[pd.DataFrame, Path], Any]]] = {
    "events": lambda events, _: events,
    "concat": _put_together,
    "csv": _through_csv,
    "parquet": _through_parquet,
    "object": lambda events, _: events.astype(
        dict.fromkeys(events.select_dtypes("category").columns, object)
    ),
    "arrow": lambda events, _: pa.Table.from_pandas(events, preserve_index=False),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("question", QUESTIONS)
def test_whoever_holds_the_events_the_answer_is_the_same(
    question: str, held: str, transcript: Transcript, tmp_path: Path
) -> None:
    ask = QUESTIONS[question]
    found = ask(HELD[held](transcript.events(), tmp_path))
    pd.testing.assert_frame_equal(
        pd.DataFrame(found), pd.DataFrame(ask(transcript)), check_dtype=False
    )


@pytest.mark.parametrize("picture", PICTURES)
def test_each_picture_takes_a_transcript_its_events_and_none(
    picture: str, transcript: Transcript
) -> None:
    draw = PICTURES[picture]
    for source in (transcript, transcript.events()):
        figure = draw(source)
        assert figure.alt
        figure.canvas.draw()
    if picture != "waterfall":
        draw(Transcript([])).canvas.draw()


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_no_table_is_told_so(question: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        QUESTIONS[question](pd.DataFrame({"weather": ["fine"]}))
