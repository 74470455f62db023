"""A million events: how long until they are a table, on disk and back, and how large.

Each figure is the best of a few runs, since other work on the machine only ever adds.
How fast this machine is tells pandas' reading of the same file, which stands beside.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from smtpnb import Transcript
from smtpnb.analysis import explain
from smtpnb.transcript import scan, tables
from smtpnb.transcript.store import files as store
from tests.bench import corpora
from tests.bench.table import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smtpnb.wire.record import Record

EVENTS = 1_000_000
ROUNDS = 3


def main() -> None:
    """Print the table."""
    kinds = (corpora.lock_step, corpora.distinct, corpora.pipelined)
    rows = [(make.__name__, *_figures(make(EVENTS))) for make in kinds]
    show(
        f"A transcript of {EVENTS} events (best of {ROUNDS})",
        (
            *("", "events", "build s", "frame MB", "write s", "disk MB", "read s"),
            *("pandas reads s", "one host s"),
            *("exchanges s", "transactions s", "sessions s"),
            *("shown ms", "explain one s"),
        ),
        rows,
    )


def _figures(records: Sequence[Record]) -> list[str]:
    build, events = _best(lambda: Transcript(records).events())
    megabytes = events.memory_usage(deep=True).sum() / 1e6
    with TemporaryDirectory() as folder:
        path = Path(folder, "t.parquet")
        write, _ = _best(lambda: store.save(events, path, overwrite=True))
        disk = path.stat().st_size / 1e6
        read, _ = _best(lambda: store.load(path))
        plain, _ = _best(lambda: pd.read_parquet(path))
        host = events["host"].iloc[len(events) // 2]
        one, _ = _best(lambda: scan(path, host=host))
    figures = [f"{len(events)}", f"{build:.2f}", f"{megabytes:.0f}"]
    figures += [f"{write:.2f}", f"{disk:.1f}", f"{read:.2f}"]
    figures += [f"{plain:.2f}", f"{one:.3f}"]
    for table in ("exchanges", "transactions", "sessions"):
        spent, _ = _best(partial(tables.make, table, events))
        figures.append(f"{spent:.2f}")
    live = Transcript(records)
    shown, _ = _best(live._repr_html_)
    explained, _ = _best(lambda: explain(live, session=len(records) // 2))
    return [*figures, f"{shown * 1000:.1f}", f"{explained:.2f}"]


def _best(work: Callable[[], Any]) -> tuple[float, Any]:
    spent: list[float] = []
    result = None
    for _ in range(ROUNDS):
        started = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - started)
    return min(spent), result
