from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smtpnb import Transcript, load, scan
from smtpnb.edges.text import for_terminal
from smtpnb.protocol.commands import Command
from smtpnb.transcript import schema
from smtpnb.transcript.store import files as store
from smtpnb.transcript.store import jsonl
from smtpnb.wire import record as log
from tests.transcript.logs import EHLO, Log, opened, plain

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".parquet", ".jsonl")
EVIL = "550 5.1.1 \u202egnp.\u2066 \u200b\x1b[31m<script>\x00\u2028=1+1\r\n"


@pytest.fixture
def transcript() -> Transcript:
    evil = opened()
    evil.say("noop", b"NOOP\r\n", EVIL.encode())
    return Transcript([plain(), evil.record])


def _same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right)
    assert list(left.columns) == [column.name for column in schema.EVENTS]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_saved_is_what_is_loaded(
    tmp_path: Path, transcript: Transcript, suffix: str
) -> None:
    path = transcript.save(tmp_path / f"t{suffix}")
    saved = load(path)
    _same(saved.events(), transcript.events())
    pd.testing.assert_frame_equal(saved.sessions(), transcript.sessions())
    pd.testing.assert_frame_equal(saved.exchanges(), transcript.exchanges())
    pd.testing.assert_frame_equal(saved.transactions(), transcript.transactions())
    assert saved.text(times=True) == transcript.text(times=True)
    assert saved._repr_html_() == transcript._repr_html_()
    assert len(saved) == len(transcript)
    assert repr(saved) == f"<SavedTranscript: 2 sessions, {len(transcript)} events>"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_of_any_phase_is_saved_in_words_that_can_be_loaded(
    tmp_path: Path, suffix: str
) -> None:
    phases = ["resolve", "connect", "tls", "greeting", "raw", "reply", "body", "eod"]
    steps = [getattr(kind, "step", None) for kind in Command.__subclasses__()]
    phases += ["auth", "other", *(step for step in steps if isinstance(step, str))]
    records = []
    for phase in phases:
        failed = opened()
        entry = (log.ERROR, failed.wait(1), phase, "ConnectionLost", "it broke", None)
        failed.record.add(*entry)
        records.append(failed.record)
    transcript = Transcript(records)
    saved = load(transcript.save(tmp_path / f"t{suffix}"))
    _same(saved.events(), transcript.events())
    told = transcript.events().query("event == 'error'")["step"]
    assert set(told) <= set(schema.STEPS)
    assert told.iloc[0] == "dns"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_loading_may_be_the_first_thing_that_a_process_does(
    tmp_path: Path, transcript: Transcript, suffix: str
) -> None:
    # pyarrow's parts are modules that somebody must have imported.
    path = transcript.save(tmp_path / f"session{suffix}")
    said = f"from smtpnb import load; print(len(load({str(path)!r})))"
    out = subprocess.run(
        [sys.executable, "-c", said], check=True, capture_output=True, text=True
    )
    assert int(out.stdout) == len(transcript)


def test_events_to_jsonl_to_parquet_to_events_are_the_same(
    tmp_path: Path, transcript: Transcript
) -> None:
    first = load(transcript.save(tmp_path / "a.jsonl"))
    _same(load(first.save(tmp_path / "a.parquet")).events(), transcript.events())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_transcript_can_be_saved(tmp_path: Path, suffix: str) -> None:
    empty = Transcript([])
    _same(load(empty.save(tmp_path / f"t{suffix}")).events(), empty.events())


def test_jsonl_is_added_to(tmp_path: Path, transcript: Transcript) -> None:
    frame = transcript.events()
    for _, part in frame.groupby("session_id", sort=False, observed=True):
        store.append(part, tmp_path / "t.jsonl")
    _same(load(tmp_path / "t.jsonl").events(), frame)
    with pytest.raises(ValueError, match=r"only \.jsonl"):
        store.append(frame, tmp_path / "t.parquet")


def test_a_line_of_jsonl_says_its_version_and_leaves_nulls_out(
    tmp_path: Path, transcript: Transcript
) -> None:
    lines = transcript.save(tmp_path / "t.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(transcript)
    assert all((row["v"], row["table"]) == (2, "events") for row in rows)
    assert all(None not in row.values() for row in rows)
    assert rows[0]["ts"].endswith("Z")
    # One row is one line, whatever a server says.
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_not_overwritten_unasked(
    tmp_path: Path, transcript: Transcript, suffix: str
) -> None:
    path = transcript.save(tmp_path / f"t{suffix}")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        transcript.save(path)
    transcript.save(path, overwrite=True)


@pytest.mark.parametrize("name", ["t.pickle", "t.csv", "t", "t.parquet.pkl"])
def test_there_are_two_formats_and_no_more(
    tmp_path: Path, transcript: Transcript, name: str
) -> None:
    with pytest.raises(ValueError, match=r"must end in \.parquet or \.jsonl"):
        transcript.save(tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"must end in \.parquet or \.jsonl"):
        load(tmp_path / name)


class Bomb:
    def __reduce__(self) -> Any:
        return os._exit, (3,)


@pytest.mark.parametrize(
    "octets",
    [pickle.dumps(Bomb()), b"", b"PAR1", b"PAR1" * 4, b"\0" * 100, b"{", b"[]\n"],
    ids=["pickle", "empty", "magic", "magics", "NULs", "brace", "list"],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_transcript_is_refused(
    tmp_path: Path, suffix: str, octets: bytes
) -> None:
    (tmp_path / f"t{suffix}").write_bytes(octets)
    if suffix == ".jsonl" and not octets:
        assert load(tmp_path / "t.jsonl").events().empty
        return
    with pytest.raises(ValueError, match=r"^t\.(parquet|jsonl) "):
        load(tmp_path / f"t{suffix}")


def _written(tmp_path: Path, table: pa.Table) -> Path:
    facts = {b"smtpnb.schema": b"1", b"smtpnb.table": b"events"}
    path = tmp_path / "crafted.parquet"
    pq.write_table(table.replace_schema_metadata(facts), path)
    return path


def test_the_columns_are_ours_whatever_a_file_says(
    tmp_path: Path, transcript: Transcript
) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    n = len(table)
    more = table.append_column("evil", pa.array([b"\x80\x04N."] * n))
    fewer = more.drop_columns(["text", "n_bytes"])
    loaded = load(_written(tmp_path, fewer)).events()
    assert "evil" not in loaded
    assert loaded["text"].isna().all()
    assert loaded.dtypes.equals(transcript.events().dtypes)


def test_a_column_of_another_type_is_refused(
    tmp_path: Path, transcript: Transcript
) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    for column in (pa.array(["x"] * len(table)), pa.array([2**40] * len(table))):
        crafted = table.set_column(table.column_names.index("seq"), "seq", column)
        with pytest.raises(ValueError, match="cannot be read"):
            load(_written(tmp_path, crafted))


@pytest.mark.filterwarnings("ignore:pickle-based:RuntimeWarning")  # pyarrow 18 says so
@pytest.mark.filterwarnings("ignore:pyarrow.PyExtensionType:FutureWarning")
def test_an_extension_type_runs_nothing(tmp_path: Path, transcript: Transcript) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    facts = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Bomb()),
    }
    at = table.column_names.index("verb")
    field = pa.field("verb", pa.string(), metadata=facts)
    crafted = table.set_column(at, field, table["verb"])
    assert len(load(_written(tmp_path, crafted)).events()) == len(table)


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({}, "not a transcript"),
        ({b"smtpnb.table": b"events"}, "not a transcript"),
        ({b"smtpnb.schema": b"1", b"smtpnb.table": b"sessions"}, "not a transcript"),
        ({b"smtpnb.schema": b"3", b"smtpnb.table": b"events"}, "of schema 3"),
    ],
)
def test_another_version_or_table_is_refused(
    tmp_path: Path, transcript: Transcript, metadata: dict[bytes, bytes], match: str
) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "u.parquet")
    with pytest.raises(ValueError, match=match):
        load(tmp_path / "u.parquet")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"v":3,"table":"events"}', "of schema 3"),
        ('{"v":1,"table":"sessions"}', "not a transcript"),
        ('{"v":1}', "not a transcript"),
        ('{"table":"events"}', "not a transcript"),
        ('{"v":1,"table":"events","seq":"x"}', "cannot be read"),
        ('{"v":1,"table":"events","seq":1', "cannot be read"),
    ],
)
def test_a_line_of_another_kind_is_refused(
    tmp_path: Path, transcript: Transcript, line: str, match: str
) -> None:
    path = transcript.save(tmp_path / "t.jsonl")
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=match):
        load(path)


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_CELL", "MAX_OCTETS"])
def test_what_is_larger_than_any_transcript_is_not_read(
    tmp_path: Path,
    transcript: Transcript,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    path = transcript.save(tmp_path / "t.parquet")
    monkeypatch.setattr(store, limit, 10)
    with pytest.raises(ValueError, match="10"):
        load(path)


def test_lines_are_read_a_block_at_a_time(
    tmp_path: Path, transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = transcript.save(tmp_path / "t.jsonl")
    longest = max(map(len, path.read_bytes().splitlines(keepends=True)))
    whole, found = load(path).events(), scan(path, step="rcpt")
    monkeypatch.setattr(jsonl, "_BLOCK", longest)
    pd.testing.assert_frame_equal(load(path).events(), whole)
    pd.testing.assert_frame_equal(scan(path, step="rcpt"), found)
    monkeypatch.setattr(store, "MAX_ROWS", len(whole) - 1)
    with pytest.raises(ValueError, match="at most"):
        load(path)


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\t" * (3 * jsonl.MAX_LINE))
    with pytest.raises(ValueError, match=f"more than {jsonl.MAX_LINE} octets"):
        load(path)


def test_a_file_that_unfolds_to_gigabytes_is_refused_before_it_does(
    tmp_path: Path, transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    many = pa.concat_tables([table] * 3000)
    at = many.column_names.index("t_ms")
    zeros = pa.array([0.0] * len(many))
    path = tmp_path / "bomb.parquet"
    facts = {b"smtpnb.schema": b"1", b"smtpnb.table": b"events"}
    flat = many.set_column(at, "t_ms", zeros).replace_schema_metadata(facts)
    pq.write_table(flat, path, compression="zstd", use_dictionary=False)
    whole = pq.ParquetFile(path).metadata.row_group(0).total_byte_size
    assert whole > 10 * path.stat().st_size
    monkeypatch.setattr(store, "MAX_OCTETS", path.stat().st_size * 2)
    before = pa.total_allocated_bytes()
    with pytest.raises(ValueError, match="octets; at most"):
        load(path)
    assert pa.total_allocated_bytes() - before < path.stat().st_size


def test_text_of_a_file_is_inert_in_a_frame(tmp_path: Path) -> None:
    log = Log()
    log.connect()
    log.greeting(EVIL.replace("550", "220").encode())
    log.say("ehlo", b"EHLO x\r\n", EHLO.replace(b"SIZE 200000", EVIL[3:-2].encode()))
    transcript = Transcript([log.record])
    saved = load(transcript.save(tmp_path / "t.parquet"))
    for frame in (saved.events(), saved.sessions(), transcript.sessions()):
        shown = frame.to_json(force_ascii=False, date_format="iso")
        assert "\\\\u202egnp" in shown
        assert shown.isprintable()
        assert "<script>" not in frame.to_html()


def test_a_crafted_text_is_made_inert_when_it_is_loaded(
    tmp_path: Path, transcript: Transcript
) -> None:
    table = pq.read_table(transcript.save(tmp_path / "t.parquet"))
    evil = pa.array([EVIL] * len(table))
    for name in ("text", "verb"):
        table = table.set_column(table.column_names.index(name), name, evil)
    events = load(_written(tmp_path, table)).events()
    for name in ("text", "verb"):
        assert set(events[name]) == {for_terminal(EVIL, newlines=True)}


def test_only_an_events_frame_can_be_saved(
    tmp_path: Path, transcript: Transcript
) -> None:
    with pytest.raises(ValueError, match="table of sessions: seq, "):
        store.save(transcript.sessions(), tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())
