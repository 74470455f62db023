"""Verb by verb: whole sessions one after another, and NOOP alone."""

from __future__ import annotations

import smtplib
import statistics
from typing import TYPE_CHECKING

from smtpnb import SmtpClient
from tests.bench import bare
from tests.bench.clients import connected
from tests.bench.loads import NAME, messages
from tests.bench.machine import pinnings, said
from tests.bench.measure import Stopwatch, side_by_side
from tests.bench.sink import HOST, server
from tests.bench.table import Goal, ratios, show, spread

if TYPE_CHECKING:
    from tests.bench.measure import Spent

ROUNDS = 9
_SESSIONS = 60
_NOOPS = 3000
_MESSAGES = messages(_SESSIONS, 1)


def by_verbs(port: int) -> Spent:
    """Sessions of smtpnb, verb by verb."""
    watch = Stopwatch()
    for sender, (to,), content in _MESSAGES:
        client = SmtpClient(identity=NAME)
        client.connect(HOST, port)
        client.ehlo()
        client.mail_from(sender)
        client.rcpt_to(to)
        client.data(content)
        client.quit()
    return watch.spent(_SESSIONS)


def by_send(port: int) -> Spent:
    """The same sessions by `send`, in the fewest turns."""
    watch = Stopwatch()
    for sender, (to,), content in _MESSAGES:
        client = SmtpClient(identity=NAME)
        client.connect(HOST, port)
        client.send(content, sender, to)
        client.quit()
    return watch.spent(_SESSIONS)


def by_smtplib(port: int) -> Spent:
    """The same sessions by smtplib, with a timeout as smtpnb has."""
    watch = Stopwatch()
    for sender, (to,), content in _MESSAGES:
        client = smtplib.SMTP(HOST, port, local_hostname=NAME, timeout=60)
        client.ehlo()
        client.mail(sender)
        client.rcpt(to)
        client.data(content)
        client.quit()
    return watch.spent(_SESSIONS)


def main() -> list[Goal]:
    """Print sessions a second, and what a session costs."""
    runs = {"smtpnb": by_verbs, "smtpnb, send()": by_send, "smtplib": by_smtplib}
    goals = []
    for cpus in pinnings():
        found = side_by_side(runs, ROUNDS, cpus=cpus)
        theirs = found["smtplib"]
        rows = [
            (
                name,
                f"{statistics.median(s.rate for s in spent):,.0f}",
                spread(ratios([s.rate for s in spent], [s.rate for s in theirs])),
                f"{statistics.median(s.cpu_us for s in spent):.0f}",
                f"{statistics.median(s.turns for s in spent):.1f}",
            )
            for name, spent in found.items()
        ]
        show(
            f"Whole sessions, one after another; {said(cpus)}; on {server()} "
            f"(median of {ROUNDS} pairs of {_SESSIONS})",
            ("", "sessions/s", "x smtplib", "CPU us", "turns"),
            rows,
        )
        share = ratios([s.rate for s in found["smtpnb"]], [s.rate for s in theirs])
        what = "whole session verb by verb, sessions/s x smtplib"
        goals.append(Goal(what, said(cpus), share, {2: 0.9, 1: 0.65}.get(cpus)))
    return goals


def noop() -> list[Goal]:
    """Print what a NOOP costs."""
    cpus = pinnings()[-1]
    runs = {"smtpnb": _noops, "smtplib": _noops_of_smtplib, "minimal": _bare_noops}
    found = side_by_side(runs, ROUNDS, cpus=cpus)
    rows = [
        (
            name,
            spread([each.cpu_us for each in spent]),
            f"{statistics.median(1e6 / each.rate for each in spent):.0f}",
        )
        for name, spent in found.items()
    ]
    show(
        f"NOOP; {said(cpus)}; on {server()} (median of {ROUNDS} rounds of {_NOOPS})",
        ("", "CPU us", "us"),
        rows,
    )
    ours = [spent.cpu_us for spent in found["smtpnb"]]
    return [Goal("NOOP, CPU us", said(cpus), ours, 15, most=True)]


def _noops(port: int) -> Spent:
    with connected(port) as client:
        watch = Stopwatch()
        for _ in range(_NOOPS):
            client.noop()
        return watch.spent(_NOOPS)


def _noops_of_smtplib(port: int) -> Spent:
    with smtplib.SMTP(HOST, port, local_hostname=NAME, timeout=60) as client:
        client.ehlo()
        watch = Stopwatch()
        for _ in range(_NOOPS):
            client.noop()
        return watch.spent(_NOOPS)


def _bare_noops(port: int) -> Spent:
    return bare.noops(port, _NOOPS)
