"""What recording costs: nanoseconds an event, clock reads included.

Lock-step, as a NOOP and its reply are written: an entry each. Pipelined, as a group of
100 commands and their replies are: two entries for 200 events, the parts built anew.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING

from smtpnb.wire import record
from smtpnb.wire.record import Record, clock
from tests.bench.table import at_most, show

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 100_000
GROUP = 100
ROUNDS = 7
_AIM = 150  # ns, pipelined


def main() -> None:
    """Print the cost of one event."""
    rows = []
    for name, one in (("lock-step", _alone), (f"groups of {GROUP}", _groups)):
        spent = statistics.median(_round(one) for _ in range(ROUNDS))
        aim = at_most(spent, _AIM, "ns") if one is _groups else ("", "")
        rows.append((name, f"{spent:.0f}", *aim))
    header = ("", "ns an event", "aim", "")
    show(f"Recording (median of {ROUNDS} rounds of {COUNT:,})", header, rows)


def _round(one: Callable[[Record], None]) -> float:
    log = Record("bench.test", 25)
    gc.collect()
    started = time.perf_counter()
    one(log)
    return (time.perf_counter() - started) / COUNT * 1e9


def _alone(log: Record) -> None:
    sent, octets = b"NOOP\r\n", b"250 2.0.0 Ok\r\n"
    for number in range(COUNT // 2):
        t0 = clock()
        log.add(record.SEND, t0, clock(), number, "noop", "NOOP", sent, 6)
        t0 = clock()
        log.add(record.REPLY, t0, t0, number, 1, octets)


def _groups(log: Record) -> None:
    sent, octets = b"NOOP\r\n", b"250 2.0.0 Ok\r\n" * GROUP
    for number in range(0, COUNT // 2, GROUP):
        t0 = clock()
        parts = tuple([("noop", "NOOP", sent, 6) for _ in range(GROUP)])
        log.add(record.GROUP, t0, clock(), number, parts)
        t0 = clock()
        log.add(record.REPLIES, t0, t0, number, octets)
