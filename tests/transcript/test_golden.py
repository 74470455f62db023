"""What each version wrote, every later version reads as it was meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from smtpnb import load, scan
from smtpnb.transcript import schema
from tests.transcript.golden import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

FILES = [GOLDEN / f"v{v}.{suffix}" for v in (1, 2) for suffix in ("parquet", "jsonl")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_golden_file_says_what_it_said(path: Path) -> None:
    said = path.with_suffix(".txt").read_text()
    assert load(path).text(times=True) + "\n" == said


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_golden_files_hold_the_same_events(path: Path) -> None:
    one, other = load(FILES[0]), load(path)
    pd.testing.assert_frame_equal(one.events(), other.events())
    pd.testing.assert_frame_equal(scan(path), one.events())
    outcomes = one.transactions()["outcome"].value_counts()
    assert outcomes[outcomes > 0].to_dict() == {
        "delivered": 5,
        "rejected": 4,
        "unknown": 1,
        "aborted": 1,
        "deferred": 1,
    }


def test_within_a_version_columns_are_only_added_and_keep_their_types() -> None:
    golden = GOLDEN / f"v{schema.VERSION}.json"
    for table, columns in json.loads(golden.read_text()).items():
        now = {column.name: column.dtype for column in schema.TABLES[table]}
        assert now | columns == now


@pytest.mark.parametrize("first", [".parquet", ".jsonl"])
def test_from_format_to_format_nothing_changes(tmp_path: Path, first: str) -> None:
    events = load(FILES[0])
    second = ".jsonl" if first == ".parquet" else ".parquet"
    there = load(events.save(tmp_path / f"a{first}"))
    back = load(there.save(tmp_path / f"b{second}"))
    pd.testing.assert_frame_equal(back.events(), events.events())
