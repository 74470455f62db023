"""One run of a client: seconds, CPU of this process, and turns, told by the sink."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.sink import csink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Spent(NamedTuple):
    """What a run took.

    Attributes:
        seconds: By the clock.
        cpu: Of this process, in seconds.
        n: Messages, or whatever was counted.
        turns: How often the server had to wait for the client, for each of them.
    """

    seconds: float
    cpu: float
    n: int
    turns: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.n / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for each."""
        return self.cpu / self.n * 1e6


class Stopwatch:
    """Runs from when it is made until it is asked."""

    def __init__(self) -> None:
        self._cpu, self._clock = time.process_time(), time.perf_counter()

    def spent(self, n: int) -> Spent:
        """Return what it took for `n`."""
        seconds = time.perf_counter() - self._clock
        return Spent(seconds, time.process_time() - self._cpu, n)


def side_by_side(
    runs: Mapping[str, Callable[[int], Spent]],
    rounds: int,
    *options: str,
    cpus: int = 0,
) -> dict[str, list[Spent]]:
    """Run all of them in turns against one sink; the order turns with each round.

    Args:
        runs: What to run, with the port.
        rounds: How often; one more goes before, in which what loads late has loaded.
        options: Of the sink.
        cpus: On how many CPUs.
    """
    found: dict[str, list[Spent]] = {name: [] for name in runs}
    with csink(*options, cpus=cpus) as sink:
        for number in range(rounds + 1):
            names = list(runs)
            for name in names if number % 2 else reversed(names):
                gc.collect()
                before = sink.counted()
                spent = runs[name](sink.port)
                turns = sink.counted().turns - before.turns - 2  # for asking
                if number:
                    found[name].append(spent._replace(turns=turns / spent.n))
    return found
