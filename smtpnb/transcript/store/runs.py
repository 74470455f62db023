"""A directory a run: parts that are complete, and what is going on now.

    runs/<run_id>/manifest.json            what it is, and of which schema
    runs/<run_id>/events/part-00000.parquet    complete, never changed again
    runs/<run_id>/live.jsonl               added to while it happens

A part appears whole or not at all, under the next number that is free, so that several
writers need no lock. `seal` makes a part of what is live. If a crash falls between its
two steps the events stand in both places, and `scan` (see there) counts them once.

This module knows nothing of records or of sockets.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smtpnb.edges import files
from smtpnb.transcript import schema
from smtpnb.transcript.store import files as store
from smtpnb.wire.record import RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

MANIFEST: Final = "manifest.json"
LIVE: Final = "live.jsonl"
EVENTS: Final = "events"


def create(runs: str | Path, *, run_id: str = RUN_ID, **about: Any) -> Path:
    """Make the directory of a run, for its owner only, and return its path.

    Args:
        runs: The directory of runs; it must exist.
        run_id: Its name; by default that of this process.
        about: What else the manifest shall say: plain values.

    Raises:
        FileExistsError: There is such a run.
        ValueError: A name that is none of one directory.
    """
    if Path(run_id).name != run_id or run_id[:1] in {"", "."}:
        raise ValueError(f"{run_id!r} is not the name of a directory")
    run = files.folder(Path(runs, run_id))
    files.folder(run / EVENTS)
    began = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    facts = {"v": schema.VERSION, "run_id": run_id, "created": began, **about}
    with files.create(run / MANIFEST) as file:
        file.write(json.dumps(facts, indent=2).encode() + b"\n")
    return run


def add(run: str | Path, events: pd.DataFrame) -> Path:
    """Write an events frame as the next part of a run, and return its path.

    Raises:
        FileNotFoundError: There is no such run.
        ValueError: Not an events frame.
    """
    folder = Path(run, EVENTS)
    taken = [int(path.stem[5:]) for path in folder.glob("part-*[0-9].parquet")]
    number = max(taken, default=-1) + 1
    while True:
        try:
            return store.save(events, folder / f"part-{number:05}.parquet")
        except FileExistsError:  # another writer was faster
            number += 1


def live(run: str | Path, events: pd.DataFrame) -> Path:
    """Add an events frame to what is going on in a run, and return the file's path."""
    return store.append(events, Path(run, LIVE))


def seal(run: str | Path) -> Path:
    """Make a part of what is live, and return its path."""
    going_on = Path(run, LIVE)
    with store.explained(going_on):
        table = store.read(going_on, whole=False)
        part = add(run, schema.from_arrow(schema.EVENTS, table))
    going_on.unlink()
    return part


def holds_runs(place: Path) -> bool:
    """Tell whether a directory is a run, or one of runs."""
    return _is_run(place) or any(map(_is_run, place.iterdir()))


def paths(place: Path) -> Iterator[Path]:
    """Yield the files of events in a run or a directory of runs, in order."""
    runs = [place] if _is_run(place) else sorted(filter(_is_run, place.iterdir()))
    for run in runs:
        yield from sorted(Path(run, EVENTS).rglob("part-*.parquet"))
        if Path(run, LIVE).exists():
            yield Path(run, LIVE)


def _is_run(path: Path) -> bool:
    return Path(path, MANIFEST).is_file()
