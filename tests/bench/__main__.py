"""Print every table, or those that are named, with the date and the machine.

make bench
make bench ONLY="window link"

At the end stands what has an aim, and whether it was reached.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.bench import (
    bulk,
    cancel,
    imports,
    link,
    memory,
    messages,
    panel,
    recording,
    sessions,
    shown,
    transcripts,
)
from tests.bench.machine import described
from tests.bench.table import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.table import Goal

PARTS: Final[dict[str, Callable[[], list[Goal] | None]]] = {
    "sessions": sessions.main,
    "noop": sessions.noop,
    "default": messages.default,
    "turn": messages.turn,
    "window": messages.window,
    "link": link.main,
    "bulk": bulk.by_data,
    "sendfile": bulk.by_bdat,
    "tls": bulk.in_tls,
    "shown": shown.main,
    "memory": memory.main,
    "cancel": cancel.main,
    "imports": imports.main,
    "recording": recording.main,
    "transcripts": transcripts.main,
    "panel": panel.main,
}
# Not among all: it takes minutes.
LONG: Final[dict[str, Callable[[], list[Goal] | None]]] = {"million": memory.million}


def main() -> None:
    """Run the parts that the command line names, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    parts = PARTS | LONG
    if unknown := set(chosen) - set(parts):
        raise SystemExit(f"no part {sorted(unknown)}; there are: {' '.join(parts)}")
    started = time.monotonic()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {described()}")
    goals: list[Goal] = []
    for name in chosen:
        goals += parts[name]() or ()
    if goals:
        header = ("work", "", "figure", "aim", "")
        show("What has an aim", header, [goal.row() for goal in goals])
    print(f"\n{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()
