"""What noise cannot touch: octets of a table and of its file, for each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Transcript, load
from tests.bench import corpora

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smtpnb.wire.record import Record

EVENTS = 100_000


# Of lock-step sessions there are 5000 hosts, whose names weigh more in a small table.
@pytest.mark.parametrize(
    ("make", "in_memory"),
    [(corpora.lock_step, 130), (corpora.distinct, 130), (corpora.pipelined, 100)],
)
def test_a_table_is_small_in_memory_and_on_disk(
    tmp_path: Path, make: Callable[[int], list[Record]], in_memory: int
) -> None:
    transcript = Transcript(make(EVENTS))
    events = transcript.events()
    assert len(events) == pytest.approx(EVENTS, rel=0.001)
    assert events.memory_usage(deep=True).sum() / len(events) <= in_memory
    path = transcript.save(tmp_path / "t.parquet")
    assert path.stat().st_size / len(events) <= 25
    assert load(path).events().equals(events)


@pytest.mark.parametrize("make", [corpora.lock_step, corpora.pipelined])
def test_the_record_of_pipelined_runs_has_few_entries(
    make: Callable[[int], list[Record]],
) -> None:
    records = make(10_000)
    entries = sum(len(record.log) for record in records)
    alone = make is corpora.lock_step
    assert (entries / len(Transcript(records)) > 0.99) is alone
    assert entries / len(Transcript(records)) < (1.01 if alone else 0.2)
