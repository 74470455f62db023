"""What a long `stream()` holds: memory that grows with the number of messages.

    python -m tests.bench.memory N

sends N messages, all different, in a process of its own and looks at a delivery as it
comes and lets it go. What the record of the connection holds, it is meant to hold (its
limit is `record.MAX_ENTRIES`) and is measured apart: so the growth is told beside it.
`make bench ONLY=memory` sends a hundred thousand and reckons for a million;
`ONLY=million` sends a million.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.clients import connected
from tests.bench.loads import Message, messages
from tests.bench.sink import csink
from tests.bench.table import Goal, show

if TYPE_CHECKING:
    from collections.abc import Iterator

N: Final = 100_000
MILLION: Final = 1_000_000
_WARM: Final = 25_000  # after these what loads has loaded, and no hole is left to fill
_AIM_MB: Final = 20


def main() -> list[Goal]:
    """Send a hundred thousand messages; reckon for a million."""
    return _growth(N)


def million() -> list[Goal]:
    """Send a million messages."""
    return _growth(MILLION)


def _growth(n: int) -> list[Goal]:
    rows, goals = [], []
    with csink() as sink:
        for overlap in ("default", "window"):
            program = [sys.executable, "-m", "tests.bench.memory", str(n), overlap]
            done = subprocess.run(
                [*program, str(sink.port)],
                check=True,
                capture_output=True,
                timeout=1800,
            )
            said: dict[str, Any] = json.loads(done.stdout)
            beside = said["growth"] - said["record"]
            reckoned = beside * MILLION / (n - _WARM) if n < MILLION else beside
            rows.append(
                (
                    overlap,
                    f"{said['growth']:.1f}",
                    f"{said['record']:.1f}",
                    f"{said['entries']:,}",
                    f"{beside:.1f}",
                    f"{beside * 1e6 / (n - _WARM):.1f}",
                    f"{reckoned:.1f}",
                )
            )
            what = f"a million messages through stream(), {overlap}: memory, MB"
            goals.append(Goal(what, "", [max(reckoned, 0.01)], _AIM_MB, most=True))
    show(
        f"Memory of {n:,} messages through stream(), MB (after the first {_WARM:,})",
        (
            *("", "growth", "of the record", "entries", "beside it"),
            *("octets a message", "for a million"),
        ),
        rows,
    )
    return goals


def _resident() -> float:
    """Return the megabytes that this process holds (Linux)."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def _held(value: Any, seen: set[int]) -> int:
    """Return the octets of a value and all that it holds, each counted once.

    Memory is given out in steps of 16 octets.
    """
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = (sys.getsizeof(value) + 15) & ~15
    if isinstance(value, (list, tuple)):
        size += sum(_held(each, seen) for each in value)
    if isinstance(value, dict):
        size += sum(_held(each, seen) for pair in value.items() for each in pair)
    return size


def _all(n: int) -> Iterator[Message]:
    for start in range(0, n, 100):
        yield from messages(min(100, n - start), 1, start=start)


def _measure(n: int, overlap: str, port: int) -> None:
    with connected(port) as client:
        log = client._connected().log  # there is no other way to see the entries
        before = held = 0.0
        deliveries = client.stream(
            _all(n), overlap=None if overlap == "default" else overlap
        )
        with deliveries:
            for number, delivery in enumerate(deliveries):
                assert delivery.outcome == "accepted"
                if number == _WARM:
                    before, held = _resident(), _held(log.log, set()) / 1e6
        growth = _resident() - before
        record = _held(log.log, set()) / 1e6 - held
        said = {"growth": growth, "record": record, "entries": len(log.log)}
    print(json.dumps(said))


if __name__ == "__main__":
    _measure(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
