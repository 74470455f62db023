"""Frames that live with others: whoever held a table, its questions are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import smtpnb
from smtpnb import SavedTranscript, Transcript, scan
from smtpnb.analysis import latency, lint, reply_codes, slo, timeline, waterfall
from smtpnb.transcript import door, schema, tables
from tests.bench import corpora
from tests.transcript import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = ("events", "exchanges", "transactions", "sessions")


class Foreign:
    """A table of another library: all that is known of it is Arrow's stream."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._table = pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def _wide(frame: pd.DataFrame) -> Foreign:
    """As polars and DuckDB have it: large text, no categories, wide integers."""
    plain = pd.DataFrame(frame).copy()
    for name in plain.select_dtypes("category"):
        plain[name] = plain[name].astype(object)
    return Foreign(plain)


def _by_csv(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    frame.to_csv(path / "t.csv", index=False)
    return pd.read_csv(path / "t.csv")


def _by_our_csv(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    smtpnb.to_csv(frame, path / "t.csv")
    return pd.read_csv(path / "t.csv")


def _by_parquet(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    frame.to_parquet(path / "t.parquet")
    return pd.read_parquet(path / "t.parquet")


def _by_polars(_: Path, frame: pd.DataFrame) -> Any:
    polars = pytest.importorskip("polars", reason="it is not in the short legs")
    return polars.DataFrame(Foreign(frame))


def _by_duckdb(_: Path, frame: pd.DataFrame) -> Any:
    duckdb = pytest.importorskip("duckdb", reason="it is not in the short legs")
    held = pa.table(Foreign(frame))
    return duckdb.connect().from_arrow(held).project("*")


HOLDERS: dict[str, Callable[[Path, pd.DataFrame], Any]] = {
    "pandas concat": lambda _, frame: pd.concat([frame[:9], frame[9:]]),
    "objects": lambda _, frame: pd.DataFrame(frame).astype(object),
    "arrow dtypes": lambda _, frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "csv": _by_csv,
    "inert csv": _by_our_csv,
    "parquet": _by_parquet,
    "arrow stream": lambda _, frame: Foreign(frame),
    "polars": _by_polars,
    "duckdb": _by_duckdb,
    "wide arrow stream": lambda _, frame: _wide(frame),
}


@pytest.fixture
def transcript() -> Transcript:
    records = [logs.plain(), logs.starttls(), logs.pipelined(), logs.unknown()]
    for number, record in enumerate(records):
        record.host = f"mx{number}.example.test"
    return Transcript(records)


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_others_held_is_ours_again(
    tmp_path: Path, transcript: Transcript, table: str, holder: str
) -> None:
    frame = getattr(transcript, table)()
    back = door.coerce(table, HOLDERS[holder](tmp_path, frame))
    if "csv" in holder:  # which holds one line a cell, and reads "" as null
        frame, back = (
            each.drop(columns=_MANY_LINES & {*each}) for each in (frame, back)
        )
    pd.testing.assert_frame_equal(
        back.reset_index(drop=True), frame, check_categorical="csv" not in holder
    )


_MANY_LINES = {"text", "greeting", "detail", "final_text", "line"}


# Our own CSV has a reply of many lines on one.
@pytest.mark.parametrize("holder", [name for name in HOLDERS if name != "inert csv"])
@pytest.mark.parametrize(
    "question", [latency, lint, reply_codes, slo, timeline, waterfall]
)
def test_every_question_takes_what_others_hold(
    tmp_path: Path, transcript: Transcript, question: Any, holder: str
) -> None:
    held = HOLDERS[holder](tmp_path, transcript.events())
    told, here = question(held), question(transcript)
    pd.testing.assert_frame_equal(
        told[["n"]] if "n" in told else told[[]],
        (here[["n"]] if "n" in here else here[[]]),
    )


def test_a_transcript_gives_its_events_to_others(transcript: Transcript) -> None:
    table = pa.table(transcript)
    assert table.num_rows == len(transcript)
    assert table.column_names == [column.name for column in schema.EVENTS]
    assert list(SavedTranscript(table)) == list(transcript)


# pandas 2 says of its own concat that empty columns will count one day
@pytest.mark.filterwarnings("ignore:The behavior of DataFrame conc:FutureWarning")
@pytest.mark.parametrize("table", TABLES)
def test_tables_of_two_servers_are_put_together(table: str) -> None:
    one = Transcript([logs.plain()])
    other = Transcript([logs.starttls(), logs.refused_at_connect()])
    both = Transcript([*one._records, *other._records])
    frames = [getattr(each, table)() for each in (one, other)]
    whole = smtpnb.concat(frames)
    wanted = getattr(both, table)()
    pd.testing.assert_frame_equal(whole, wanted)
    pd.testing.assert_frame_equal(getattr(smtpnb.concat([one, other]), table)(), wanted)
    # The closed vocabularies are the same, so pandas keeps them as well.
    joined = pd.concat(frames)
    for column in schema.TABLES[table]:
        if column.words and column.name != "verb":
            assert joined[column.name].dtype == wanted[column.name].dtype


def test_an_event_counts_once(transcript: Transcript) -> None:
    twice = smtpnb.concat([transcript, transcript.events()])
    pd.testing.assert_frame_equal(twice.events(), transcript.events())


@pytest.mark.parametrize("sources", [[], ["events", "sessions"], ["index"]])
def test_what_is_not_of_one_kind_is_not_put_together(
    transcript: Transcript, sources: list[str]
) -> None:
    frames = [
        pd.DataFrame({"x": [1]}) if name == "index" else getattr(transcript, name)()
        for name in sources
    ]
    with pytest.raises(ValueError, match="no tables of one kind"):
        smtpnb.concat(frames)


def test_the_steps_are_ordered_as_a_session_goes(transcript: Transcript) -> None:
    steps = transcript.exchanges()["step"]
    assert steps.cat.ordered
    seen = list(dict.fromkeys(transcript.session(0).exchanges()["step"]))
    assert seen == sorted(seen, key=schema.STEPS.index)
    assert transcript.exchanges().sort_values("step")["step"].iloc[0] == "greeting"


@pytest.mark.parametrize(
    ("question", "table", "wanted"),
    [
        (latency, "transactions", "exchanges"),
        (reply_codes, "sessions", "exchanges"),
        (lint, "sessions", "events"),
    ],
)
def test_the_wrong_table_is_named(
    transcript: Transcript, question: Any, table: str, wanted: str
) -> None:
    with pytest.raises(ValueError, match=rf"{wanted}\(\) are wanted.*of {table}"):
        question(getattr(transcript, table)())


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="a transcript or a table is wanted, not int"):
        latency(3)  # type: ignore[arg-type]


def test_a_tree_of_others_is_scanned(tmp_path: Path, transcript: Transcript) -> None:
    events = transcript.events()
    for (host, day), part in pd.DataFrame(events).groupby(
        [events["host"], events["seq"] % 2], observed=True
    ):
        folder = tmp_path / f"host={host}" / f"half={day}"
        folder.mkdir(parents=True)
        table = pa.Table.from_pandas(part.drop(columns="host"), preserve_index=False)
        pq.write_table(table.replace_schema_metadata(None), folder / "part-0.parquet")
    whole = scan(tmp_path)
    assert len(whole) == len(events)
    assert set(whole["half"]) == {"0", "1"}
    one = scan(tmp_path, ["seq", "host", "half"], host="mx1.example.test", half="1")
    assert set(one["host"]) == {"mx1.example.test"}
    assert (one["seq"] % 2 == 1).all()
    made = tables.make("exchanges", whole)
    assert len(made) == len(transcript.exchanges())


def test_places_may_be_many_and_ranges_are_half_open(
    tmp_path: Path, transcript: Transcript
) -> None:
    events = transcript.events()
    for name, part in events.groupby("session_id", sort=False, observed=True):
        smtpnb.transcript.store.files.save(part, tmp_path / f"{name}.parquet")
    smtpnb.transcript.store.files.save(events[:0], tmp_path / "z.jsonl")
    files = sorted(tmp_path.glob("*.parquet"))
    for place in (tmp_path, files, str(tmp_path / "*"), [str(tmp_path / "*.parquet")]):
        assert len(scan(place)) == len(events)
    codes = scan(tmp_path, ["code"], code=slice(400, 551))["code"]
    between = events["code"].between(400, 550)
    assert sorted(codes) == sorted(events["code"][between])
    middle = events["ts"].sort_values().iloc[len(events) // 2]
    early = scan(files, ["ts"], ts=slice(None, str(middle)))
    assert len(early) == (events["ts"] < middle).sum()
    with pytest.raises(FileNotFoundError):
        scan(str(tmp_path / "*.nothing"))


@pytest.mark.parametrize("by_folder", [False, True])
def test_few_of_many_are_what_they_are_among_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_folder: bool
) -> None:
    monkeypatch.setattr("smtpnb.transcript.store.files.ROWS_OF_A_GROUP", 100)
    whole = Transcript(corpora.distinct(4000)).events()
    host = whole["host"].iloc[2000]
    if by_folder:
        for name, part in pd.DataFrame(whole).groupby("host", observed=True):
            folder = tmp_path / f"host={name}"
            folder.mkdir()
            table = pa.Table.from_pandas(part.drop(columns="host"))
            pq.write_table(table, folder / "part-0.parquet")
    else:
        SavedTranscript(whole).save(tmp_path / "t.parquet")
    found = scan(tmp_path, host=host)
    alone = whole[whole["host"] == host]
    assert 0 < len(found) < len(whole) / 8
    assert found["text"].tolist() == alone["text"].tolist()
    assert set(found["host"]) == {host}
    exchanges = tables.make("exchanges", found)
    assert exchanges["text"].equals(tables.make("exchanges", alone)["text"])
    assert scan(tmp_path, ["step", "code"], host="nobody.test").empty
