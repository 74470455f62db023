"""One message over a link of 100 ms, in round trips, from SYN on.

The least that SMTP allows until the message is accepted: with PIPELINING 5 (TCP,
greeting, EHLO, envelope, text), with CHUNKING 4, where the text leaves before anybody
is known to want it (`overlap="window"`), else 6 and one for each recipient.
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
from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb import SmtpClient
from tests.bench.clients import aiosmtplib_client, curl_once, missing
from tests.bench.loads import NAME, Message, messages
from tests.bench.sink import HOST, csink, slow_link
from tests.bench.table import absent, at_most, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUND_TRIP = 0.1
RECIPIENTS = (1, 10, 100)
ROUNDS = 3
_AIM = 0.3  # above the least
_HEADER = ("", "recipients", "accepted", "closed", "least", "aim, accepted", "")


class Load(NamedTuple):
    """What is to be sent, and whereto."""

    port: int
    message: Message


Times = tuple[float, float]  # seconds until accepted, and until closed


def _smtpnb(load: Load, overlap: str | None) -> Times:
    sender, to, content = load.message
    client: Any = SmtpClient(identity=NAME)
    started = time.perf_counter()
    client.connect(HOST, load.port)
    assert client.send(content, sender, to, overlap=overlap).ok
    accepted = time.perf_counter()
    client.quit()
    return accepted - started, time.perf_counter() - started


def _smtplib(load: Load) -> Times:
    sender, to, content = load.message
    started = time.perf_counter()
    client = smtplib.SMTP(HOST, load.port, local_hostname=NAME)
    client.sendmail(sender, to, content)
    accepted = time.perf_counter()
    client.quit()
    return accepted - started, time.perf_counter() - started


def _aiosmtplib(load: Load) -> Times:
    sender, to, content = load.message

    async def send() -> Times:
        started = time.perf_counter()
        client = aiosmtplib_client(load.port)
        await client.connect()
        await client.sendmail(sender, list(to), content)
        accepted = time.perf_counter()
        await client.quit()
        return accepted - started, time.perf_counter() - started

    return asyncio.run(send())


def _curl(load: Load) -> Times:
    """Time as curl does, without its start; closing with its start."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        message = Path(folder, "message")
        message.write_bytes(load.message.content)
        accepted = curl_once(load.port, load.message.recipients, message)
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
    with csink() as sink, slow_link(sink.port, ROUND_TRIP) as slow:
        loads = [Load(slow, messages(1, n)[0]) for n in RECIPIENTS]
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
    for name, overlap, least in (("default", None, 5), ("window", "window", 4)):
        for load in loads:
            send = partial(_smtpnb, load, overlap)
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
        (
            *_row(
                name, load, first / ROUND_TRIP, last, 6 + len(load.message.recipients)
            ),
            "",
            "",
        )
        for (name, load), (first, last) in zip(todo, times, strict=True)
    ]


def _row(
    name: str, load: Load, trips: float, closed: float, least: int
) -> tuple[str, ...]:
    last = closed / ROUND_TRIP
    recipients = str(len(load.message.recipients))
    return name, recipients, f"{trips:.2f}", f"{last:.2f}", f"{least}, {least + 1}"
