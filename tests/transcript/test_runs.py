"""The directory of a run, and questions to it."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smtpnb import Transcript, scan
from smtpnb.transcript import schema
from smtpnb.transcript.store import files as store
from smtpnb.transcript.store import runs
from tests.transcript import logs

if TYPE_CHECKING:
    from pathlib import Path

    from smtpnb.wire.record import Record

NAMES = [column.name for column in schema.EVENTS]


def _events(*records: Record) -> pd.DataFrame:
    return Transcript(records).events()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return runs.create(tmp_path, run_id="r1", target="mx1")


def test_a_run_says_what_it_is_and_is_for_its_owner_only(run: Path) -> None:
    facts = json.loads((run / "manifest.json").read_text())
    assert (facts["v"], facts["run_id"], facts["target"]) == (2, "r1", "mx1")
    runs.add(run, _events(logs.plain()))
    runs.live(run, _events(logs.plain()))
    for path in (run, *run.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_run_is_made_once_and_where_it_should_be(tmp_path: Path, run: Path) -> None:
    with pytest.raises(FileExistsError):
        runs.create(tmp_path, run_id=run.name)
    for name in ("../r2", "a/b", "", ".", "..", ".hidden"):
        with pytest.raises(ValueError, match="not the name of a directory"):
            runs.create(tmp_path, run_id=name)
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


def test_parts_and_what_is_live_are_one_table(run: Path) -> None:
    frames = [_events(logs.plain()), _events(logs.starttls()), _events(logs.unknown())]
    first, second = (runs.add(run, frame) for frame in frames[:2])
    assert [first.name, second.name] == ["part-00000.parquet", "part-00001.parquet"]
    runs.live(run, frames[2])
    for place in (run, run.parent):
        whole = scan(place)
        assert list(whole.columns) == NAMES
        assert list(whole["session_id"].unique()) == [
            frame["session_id"].iloc[0] for frame in frames
        ]
        assert len(whole) == sum(map(len, frames))
        assert whole.dtypes.astype(str).equals(frames[0].dtypes.astype(str))


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_all_of_a_file_is_what_was_saved(tmp_path: Path, suffix: str) -> None:
    events = _events(logs.plain(), logs.starttls(), logs.chunked())
    path = store.save(events, tmp_path / f"t{suffix}")
    pd.testing.assert_frame_equal(scan(path), events)


def _asked(place: Path, **wanted: Any) -> pd.DataFrame:
    return scan(place, ["step", "code", "text"], **wanted)


@pytest.mark.parametrize("live", [False, True])
def test_only_what_was_asked_for_comes_back(run: Path, live: bool) -> None:
    events = _events(logs.plain(), logs.starttls(), logs.pipelined())
    (runs.live if live else runs.add)(run, events)
    assert list(_asked(run, code=550)["text"]) == [
        "5.1.1 <no@example.test>: User unknown"
    ]
    refused = _asked(run, code=[450, 535], event="reply")
    assert list(refused.columns) == ["step", "code", "text"]
    assert list(refused["step"]) == ["auth", "rcpt"]
    assert tuple(refused["step"].cat.categories) == schema.STEPS
    assert len(_asked(run, verb=None)) == events["verb"].isna().sum()
    either = events["code"].isna() | (events["code"] == 221)
    assert len(_asked(run, code=(None, 221))) == either.sum()
    assert len(_asked(run, tls=True)) == events["tls"].sum()
    assert len(_asked(run, step="vrfy")) == 0
    assert str(_asked(run, step="vrfy")["code"].dtype) == "Int16"


def test_an_event_that_is_live_and_in_a_part_counts_once(run: Path) -> None:
    events = _events(logs.plain())
    runs.live(run, events)
    more = _events(logs.starttls())
    runs.live(run, more)
    runs.add(run, events)
    assert len(scan(run)) == len(events) + len(more)
    assert list(scan(run, ["verb"], code=221)["verb"]) == ["QUIT", "QUIT"]


def test_what_is_live_becomes_a_part(run: Path) -> None:
    events = _events(logs.plain())
    runs.live(run, events)
    part = runs.seal(run)
    assert {path.name for path in run.iterdir()} == {"manifest.json", "events"}
    assert not (run / "live.jsonl").exists()
    pd.testing.assert_frame_equal(store.load(part), events)
    pd.testing.assert_frame_equal(scan(run), events)


def test_half_a_line_of_what_is_live_is_passed_over_and_mended(run: Path) -> None:
    events = _events(logs.plain())
    path = runs.live(run, events)
    with path.open("a") as file:
        file.write('{"v":1,"table":"events","seq":9')
    pd.testing.assert_frame_equal(scan(run), events)
    runs.live(run, _events(logs.starttls()))
    assert len(scan(run)["session_id"].unique()) == 2
    with path.open("a") as file:
        file.write('{"v":1')
    sealed = store.load(runs.seal(run))
    assert len(sealed["session_id"].unique()) == 2


def test_a_live_file_of_half_a_line_is_empty(run: Path) -> None:
    (run / "live.jsonl").write_text('{"v":1')
    assert len(scan(run)) == 0
    assert list(scan(run).columns) == NAMES


def test_two_writers_take_two_numbers(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = _events(logs.plain())
    runs.add(run, events)
    save = store.save
    seen: list[Path] = []

    def faster(frame: pd.DataFrame, path: Path) -> Path:
        if not seen:
            seen.append(save(frame, path))
        return save(frame, path)

    monkeypatch.setattr(store, "save", faster)
    assert runs.add(run, events).name == "part-00002.parquet"
    assert seen[0].name == "part-00001.parquet"


def test_a_part_that_failed_leaves_nothing(run: Path) -> None:
    with pytest.raises(ValueError, match="table of something else"):
        runs.add(run, pd.DataFrame({"x": [1]}))
    assert list((run / "events").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        runs.add(run.parent / "r2", _events(logs.plain()))


def test_there_must_be_something_to_read(tmp_path: Path, run: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no run"):
        scan(run / "events")
    with pytest.raises(ValueError, match="must end in"):
        scan(run / "manifest.json")
    assert len(scan(run)) == 0


def test_a_column_that_is_not_there_is_named(run: Path) -> None:
    runs.add(run, _events(logs.plain()))
    for ask in ({"columns": ["evil"]}, {"evil": 1}):
        with pytest.raises(ValueError, match="no column 'evil'"):
            scan(run, **ask)
    with pytest.raises(ValueError, match="cannot be read"):
        scan(run, code="rcpt")


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_CELL", "MAX_OCTETS"])
def test_the_limits_hold_for_all_parts_together(
    run: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    events = _events(*[logs.plain() for _ in range(60)])
    parts = [runs.add(run, events) for _ in range(3)]
    whole = pq.read_metadata(parts[0]).row_group(0).total_byte_size
    assert whole > parts[0].stat().st_size
    low = {"MAX_ROWS": 2 * len(events), "MAX_CELL": 30, "MAX_OCTETS": 2 * whole}
    monkeypatch.setattr(store, limit, low[limit])
    with pytest.raises(ValueError, match=f"at most.* {low[limit]}"):
        scan(run)


def test_strangers_parts_are_refused_or_made_harmless(run: Path) -> None:
    part = runs.add(run, _events(logs.plain()))
    table = pq.read_table(part)
    evil = pa.array(["\u202e<b>\x1b[1m"] * len(table))
    crafted = table.set_column(table.column_names.index("text"), "text", evil)
    crafted = crafted.append_column("evil", evil).drop_columns(["n_bytes", "verb"])
    pq.write_table(crafted, part)
    frame = scan(run)
    assert set(frame["text"]) == {r"\u202e<b>\x1b[1m"}
    assert frame[["n_bytes", "verb"]].isna().all(axis=None)
    assert "evil" not in frame
    pq.write_table(crafted.set_column(2, "seq", evil), part)
    with pytest.raises(ValueError, match="cannot be read"):
        scan(run)
    pq.write_table(crafted.replace_schema_metadata({b"smtpnb.table": b"x"}), part)
    with pytest.raises(ValueError, match="not a transcript"):
        scan(run)


def test_a_pipe_among_the_parts_does_not_block(run: Path) -> None:
    os.mkfifo(run / "events" / "part-00000.parquet")
    with pytest.raises(ValueError, match="no regular file"):
        scan(run)


def test_no_part_is_written_through_a_link(tmp_path: Path, run: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (run / "events" / "part-00000.parquet").symlink_to(tmp_path / "elsewhere")
    (run / "live.jsonl").symlink_to(tmp_path / "elsewhere")
    events = _events(logs.plain())
    assert runs.add(run, events).name == "part-00001.parquet"
    with pytest.raises(FileExistsError, match="no regular file"):
        runs.live(run, events)
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
