"""One message over a link of 100 ms, in round trips, from SYN on.

The least that SMTP allows until the message is accepted: with PIPELINING 5 (TCP,
greeting, EHLO, envelope, text), with CHUNKING 4, else 6 and one for each recipient.
Closing in order takes one more, since QUIT is not sent together with the text.
"""

from __future__ import annotations

import asyncio
import smtplib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from smtpnb import SmtpClient
from tests.bench.peers import (
    FROM,
    HOST,
    MESSAGE,
    NAME,
    Load,
    aiosmtplib_client,
    curl_once,
    missing,
)
from tests.bench.sink import csink, slow_link
from tests.bench.table import absent, at_most, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUND_TRIP = 0.1
RECIPIENTS = (1, 10, 100)
ROUNDS = 3
_AIM = 0.3  # above the least
_HEADER = ("", "recipients", "accepted", "closed", "least", "aim, accepted", "")

Times = tuple[float, float]  # seconds until accepted, and until closed


def _smtpnb(load: Load, *, chunking: bool) -> Times:
    client = SmtpClient(identity=NAME)
    client.chunking = chunking
    started = time.perf_counter()
    client.connect(HOST, load.port)
    assert client.send(MESSAGE, FROM, load.recipients).ok
    accepted = time.perf_counter()
    client.quit()
    return accepted - started, time.perf_counter() - started


def _smtplib(load: Load) -> Times:
    started = time.perf_counter()
    client = smtplib.SMTP(HOST, load.port, local_hostname=NAME)
    client.sendmail(FROM, load.recipients, MESSAGE)
    accepted = time.perf_counter()
    client.quit()
    return accepted - started, time.perf_counter() - started


def _aiosmtplib(load: Load) -> Times:
    async def send() -> Times:
        started = time.perf_counter()
        client = aiosmtplib_client(load.port)
        await client.connect()
        await client.sendmail(FROM, list(load.recipients), MESSAGE)
        accepted = time.perf_counter()
        await client.quit()
        return accepted - started, time.perf_counter() - started

    return asyncio.run(send())


def _curl(load: Load) -> Times:
    """Time as curl does, without its start; closing with its start."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        message = Path(folder, "message")
        message.write_bytes(MESSAGE)
        accepted = curl_once(load.port, load.recipients, message)
    return accepted, time.perf_counter() - started


_PEERS: dict[str, Callable[[Load], Times]] = {
    "smtplib": _smtplib,
    "aiosmtplib": _aiosmtplib,
    "curl": _curl,
}


def main() -> None:
    """Print the round trips of smtpnb, then those of the peers."""
    gone = missing()
    peers = {name: send for name, send in _PEERS.items() if name not in gone}
    with csink() as port, slow_link(port, ROUND_TRIP) as slow:
        loads = [Load.to(slow, n) for n in RECIPIENTS]
        rows = _ours(loads) + _theirs(peers, loads)
    rows += absent({n: gone[n] for n in _PEERS if n in gone}, len(_HEADER))
    show(
        f"One message, {ROUND_TRIP * 1e3:.0f} ms link, round trips from SYN on "
        f"(smtpnb: median of {ROUNDS}; peers: once, at the same time)",
        _HEADER,
        rows,
    )


def _ours(loads: Iterable[Load]) -> list[tuple[str, ...]]:
    rows = []
    for name, chunking, least in (("CHUNKING", True, 4), ("PIPELINING", False, 5)):
        for load in loads:
            send = partial(_smtpnb, load, chunking=chunking)
            send()  # what loads late has loaded
            accepted, closed = zip(*(send() for _ in range(ROUNDS)), strict=True)
            trips = statistics.median(accepted) / ROUND_TRIP
            aim = at_most(trips, least + _AIM, "")
            last = statistics.median(closed)
            rows.append((*_row(f"smtpnb, {name}", load, trips, last, least), *aim))
    return rows


def _theirs(
    peers: dict[str, Callable[[Load], Times]], loads: Iterable[Load]
) -> list[tuple[str, ...]]:
    todo = [(name, load) for name in peers for load in loads]
    with ThreadPoolExecutor(len(todo) or 1) as pool:
        times = list(pool.map(lambda job: peers[job[0]](job[1]), todo))
    return [
        (*_row(name, load, first / ROUND_TRIP, last, 6 + len(load.recipients)), "", "")
        for (name, load), (first, last) in zip(todo, times, strict=True)
    ]


def _row(
    name: str, load: Load, trips: float, closed: float, least: int
) -> tuple[str, ...]:
    last = closed / ROUND_TRIP
    recipients = str(len(load.recipients))
    return name, recipients, f"{trips:.2f}", f"{last:.2f}", f"{least}, {least + 1}"
