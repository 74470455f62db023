"""Messages of 1 KB, each different, one after another on one connection.

Three ways: by default nothing leaves behind the end of a message (two turns each);
`overlap="turn"` puts the next envelope there (one); `overlap="window"` sends by BDAT
and needs none. "minimal" is the least program that sends in the same way.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import bare
from tests.bench.clients import (
    by_aiosmtplib,
    by_smtplib,
    missing,
    smtpnb,
    smtpnb_one_by_one,
)
from tests.bench.loads import messages
from tests.bench.machine import pinnings, said
from tests.bench.measure import side_by_side
from tests.bench.sink import server
from tests.bench.table import Goal, absent, ratios, show, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.bench.loads import Message
    from tests.bench.measure import Spent

ROUNDS = 9
_SECONDS = 0.15  # that a run should take, about
_FAST = {"smtpnb": 3, "smtpnb, send()": 2, "minimal": 6}


def default() -> list[Goal]:
    """The default way, to 1 recipient and to 100."""
    sends = {"smtpnb": smtpnb, "smtpnb, send()": smtpnb_one_by_one}
    goals = []
    for n in (1, 100):
        for cpus in pinnings():
            found = _table("default", n, cpus, sends, bare.two_turns)
            if n == 1 and cpus == 1:
                share = _ratio(found, "cpu_us", "smtpnb", "smtplib")
                what = "default stream, 1 recipient, CPU a message x smtplib's"
                goals.append(Goal(what, f"{said(cpus)}", share, 1.3, most=True))
            if n == 100:
                share = _ratio(found, "rate", "smtpnb", "smtplib")
                what = "default stream, 100 recipients, messages/s x smtplib"
                goals.append(Goal(what, said(cpus), share, 20))
    return goals


def turn() -> list[Goal]:
    """`overlap="turn"` beside a minimal program that does the same."""
    sends = {"smtpnb": partial(smtpnb, overlap="turn")}
    goals = []
    for cpus in pinnings():
        found = _table('overlap="turn"', 1, cpus, sends, bare.one_turn, "-C")
        share = _ratio(found, "rate", "smtpnb", "minimal")
        aim = 0.9 if cpus == 2 else None
        what = 'overlap="turn", messages/s x a minimal program'
        goals.append(Goal(what, said(cpus), share, aim))
    return goals


def window() -> list[Goal]:
    """`overlap="window"` beside smtplib and a minimal program."""
    sends = {"smtpnb": partial(smtpnb, overlap="window")}
    goals = []
    for n in (1, 100):
        for cpus in pinnings():
            found = _table('overlap="window"', n, cpus, sends, bare.window)
            share = _ratio(found, "rate", "smtpnb", "smtplib")
            to = "1 recipient" if n == 1 else f"{n} recipients"
            what = f'overlap="window", {to}, messages/s x smtplib'
            aim = 25 if cpus == 2 and n == 1 else None
            goals.append(Goal(what, said(cpus), share, aim))
    return goals


def _table(
    what: str,
    n: int,
    cpus: int,
    sends: Mapping[str, Callable[..., Spent]],
    minimal: Callable[[int, Sequence[Message]], Spent],
    *options: str,
) -> dict[str, list[Spent]]:
    """Measure, print a table, and return what was measured."""
    all_of_them = {**sends, "minimal": minimal, "smtplib": by_smtplib}
    gone = {name: why for name, why in missing().items() if name == "aiosmtplib"}
    if n == 1 and not gone:
        all_of_them["aiosmtplib"] = by_aiosmtplib
    fast = _FAST | ({"smtpnb": 10, "minimal": 60} if minimal is bare.window else {})
    runs = {
        name: _enough(send, n, fast.get(name, 1)) for name, send in all_of_them.items()
    }
    found = side_by_side(runs, ROUNDS, *options, cpus=cpus)
    rows = []
    for name, spent in found.items():
        against = ratios([s.rate for s in spent], [s.rate for s in found["smtplib"]])
        cpu = ratios([s.cpu_us for s in spent], [s.cpu_us for s in found["smtplib"]])
        rows.append(
            (
                name,
                f"{statistics.median(s.rate for s in spent):,.0f}",
                spread(against),
                f"{statistics.median(s.cpu_us for s in spent):.0f}",
                spread(cpu),
                f"{statistics.median(s.turns for s in spent):.2f}",
            )
        )
    header = ("", "messages/s", "x smtplib", "CPU us", "x smtplib's", "turns")
    recipients = "1 recipient" if n == 1 else f"{n} recipients"
    show(
        f"1 KB messages, all different, {recipients}, {what}; {said(cpus)}; "
        f"on {server()} (median of {ROUNDS} pairs, and their range)",
        header,
        [*rows, *absent(gone, len(header))],
    )
    return found


def _enough(send: Callable[..., Spent], n: int, fast: int) -> Callable[[int], Spent]:
    """Return what sends so many messages that it takes its time, each time others.

    Args:
        send: Sends them.
        n: How many recipients each has.
        fast: How many times as fast as smtplib it may be.
    """
    count = max(int(fast * 2000 * _SECONDS / (1 + n * 0.25)), 8)
    started = [0]

    def run(port: int) -> Spent:
        started[0] += count
        return send(port, messages(count, n, start=started[0]))

    return run


def _ratio(
    found: dict[str, list[Spent]], what: str, ours: str, theirs: str
) -> list[float]:
    return ratios(
        [getattr(spent, what) for spent in found[ours]],
        [getattr(spent, what) for spent in found[theirs]],
    )
