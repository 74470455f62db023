"""Measures side by side, and prints what came of it.

Figures of one machine and one hour are worth little, ratios more: whatever is compared
runs in turns, and each round gives a ratio of its own. Told are the median of those
and their range, and beside it the aim.
"""

from __future__ import annotations

import gc
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Samples = dict[str, list[float]]


class Aim(NamedTuple):
    """What is to be reached.

    Attributes:
        least: The smallest ratio that is good enough.
        words: How it is said; "" to say the figure.
    """

    least: float
    words: str = ""

    def cells(self, ratio: float) -> tuple[str, str]:
        """Return the aim, and whether a ratio reaches it."""
        return self.words or f"at least {self.least:g}", _judged(ratio / self.least)


class Goal(NamedTuple):
    """A figure that has an aim.

    Attributes:
        work: What was done, and in what unit it is told.
        where: On how many CPUs; "" where it does not matter.
        values: What was measured, once or several times.
        aim: What to reach; None for a figure without an aim.
        most: The aim is the most that it may be, not the least.
    """

    work: str
    where: str
    values: Sequence[float]
    aim: float | None
    most: bool = False

    def row(self) -> tuple[str, ...]:
        """Return the cells of its row: work, where, figure, aim, verdict."""
        value = statistics.median(self.values)
        cells = (self.work, self.where, f"{value:.3g}")
        if self.aim is None:
            return (*cells, "", "")
        share = self.aim / value if self.most else value / self.aim
        words = f"{'at most' if self.most else 'at least'} {self.aim:g}"
        return (*cells, words, _judged(share))


def spread(values: Sequence[float]) -> str:
    """Return the median of values and their range."""
    middle = statistics.median(values)
    return f"{middle:.2f} ({min(values):.2f} .. {max(values):.2f})"


def at_most(value: float, most: float, unit: str) -> tuple[str, str]:
    """Return an aim for a figure that should be small, and whether it is reached."""
    return f"at most {most:g} {unit}".rstrip(), _judged(most / value if value else 1.0)


def _judged(share: float) -> str:
    return "reached" if share >= 1 else f"MISSED by {1 - share:.0%}"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table."""
    print(f"\n{title}")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(w) for cell, w in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip(), flush=True)


def interleaved(runs: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """Run all of them in turns; the order turns around with each round.

    So a drift of the machine cancels out.
    """
    samples: Samples = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs)
        for name in names if number % 2 else reversed(names):
            gc.collect()
            samples[name].append(runs[name]())
    return samples


HEADER = ("x smtplib", "smtpnb / it (of the pairs)", "aim", "")


def compared(
    samples: Samples, unit: Callable[[float], str], aims: Mapping[str, Aim]
) -> list[tuple[str, ...]]:
    """Return a row for each: name, median, and the columns of `HEADER`.

    Args:
        samples: Of smtpnb and its peers, larger is better.
        unit: Writes a figure.
        aims: How smtpnb should compare with some of them.
    """
    rows = []
    for name, values in samples.items():
        row = [name, unit(statistics.median(values)), "-"]
        if "smtplib" in samples:
            row[2] = f"{statistics.median(ratios(values, samples['smtplib'])):.2f}"
        if name == "smtpnb":
            rows.append((*row, "", "", ""))
            continue
        against = ratios(samples["smtpnb"], values)
        middle = statistics.median(against)
        row.append(f"{middle:.2f} ({min(against):.2f} .. {max(against):.2f})")
        rows.append((*row, *(aims[name].cells(middle) if name in aims else ("", ""))))
    return rows


def absent(missing: Mapping[str, str], width: int) -> list[tuple[str, ...]]:
    """Return a row for each peer that could not run, and why.

    Args:
        missing: The reason, by name.
        width: The number of columns.
    """
    return [(name, why, *("",) * (width - 2)) for name, why in missing.items()]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each pair."""
    return [x / y for x, y in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
