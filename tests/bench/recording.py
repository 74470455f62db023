"""What recording costs: nanoseconds an entry, as a NOOP with one reply writes them."""

from __future__ import annotations

import gc
import statistics
import time

from smtpnb.wire import record
from smtpnb.wire.record import Record, clock
from tests.bench.table import show

COUNT = 100_000
ROUNDS = 7


def main() -> None:
    """Print the cost of one entry, clock reads included."""
    rows = [(f"{kind}", f"{_cost(kind):.0f}") for kind in ("send", "reply")]
    show(
        f"Recording (median of {ROUNDS} rounds of {COUNT})", ("entry", "ns each"), rows
    )


def _cost(kind: str) -> float:
    return statistics.median(_round(kind) for _ in range(ROUNDS))


def _round(kind: str) -> float:
    log = Record("bench.test", 25)
    octets = b"250 2.0.0 Ok\r\n"
    gc.collect()
    started = time.perf_counter()
    if kind == "send":
        for number in range(COUNT):
            t0 = clock()
            log.add(
                record.SEND, t0, clock(), number, "noop", "NOOP", b"NOOP\r\n", 6, False
            )
    else:
        for number in range(COUNT):
            t0 = clock()
            log.add(record.REPLY, t0, t0, number, 1, octets)
    return (time.perf_counter() - started) / COUNT * 1e9
