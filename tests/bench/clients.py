"""How each client sends the same messages on one connection, and what that takes.

Timed is what lies between EHLO and QUIT.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import smtplib
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from smtpnb import SmtpClient
from tests.bench.loads import NAME
from tests.bench.measure import Stopwatch
from tests.bench.sink import HOST, tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tests.bench.loads import Message
    from tests.bench.measure import Spent

Overlap = Literal["turn", "window"] | None


@contextmanager
def connected(port: int, *, ca: str = "", chunking: bool = True) -> Iterator[Any]:
    """Connect smtpnb, its transcript on, and say EHLO; STARTTLS where a CA is given."""
    client = SmtpClient(identity=NAME)
    client.chunking = chunking
    client.connect(HOST, port)
    client.ehlo()
    if ca:
        client.starttls(ca=ca)
        client.ehlo()
    yield client
    client.quit()


def smtpnb(port: int, messages: Sequence[Message], overlap: Overlap = None) -> Spent:
    """Send them by `SmtpClient.send_all`."""
    with connected(port) as client:
        watch = Stopwatch()
        deliveries = client.send_all(messages, overlap=overlap)
        spent = watch.spent(len(messages))
        assert all(delivery.outcome == "accepted" for delivery in deliveries)
    return spent


def smtpnb_one_by_one(port: int, messages: Sequence[Message]) -> Spent:
    """Send them by `SmtpClient.send`."""
    with connected(port) as client:
        watch = Stopwatch()
        for sender, to, content in messages:
            assert client.send(content, sender, to).outcome == "accepted"
        return watch.spent(len(messages))


def by_smtplib(port: int, messages: Sequence[Message]) -> Spent:
    """Send them by `smtplib.SMTP.sendmail`, with a timeout as smtpnb has."""
    with smtplib.SMTP(HOST, port, local_hostname=NAME, timeout=60) as client:
        client.ehlo()
        watch = Stopwatch()
        for sender, to, content in messages:
            client.sendmail(sender, to, content)
        return watch.spent(len(messages))


def by_aiosmtplib(port: int, messages: Sequence[Message]) -> Spent:
    """Send them by `aiosmtplib.SMTP.sendmail`."""

    async def send() -> Spent:
        async with aiosmtplib_client(port) as client:
            await client.ehlo()
            watch = Stopwatch()
            for sender, to, content in messages:
                await client.sendmail(sender, list(to), content)
            return watch.spent(len(messages))

    return asyncio.run(send())


def aiosmtplib_client(port: int) -> Any:
    """Return a client of aiosmtplib, which is no part of this project's tests."""
    aiosmtplib = importlib.import_module("aiosmtplib")
    return aiosmtplib.SMTP(
        hostname=HOST, port=port, local_hostname=NAME, start_tls=False
    )


def curl_once(port: int, recipients: Iterable[str], path: Path) -> float:
    """Send a file by curl; return the seconds it tells, its start not among them."""
    to = [word for each in recipients for word in ("--mail-rcpt", each)]
    command = ["curl", "--silent", "--show-error", "--write-out", "%{time_total}"]
    command += ["--mail-from", f"a@{NAME}", *to, "--upload-file", str(path)]
    said = subprocess.run(
        [*command, f"smtp://{HOST}:{port}/{NAME}"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return float(said.stdout)


def missing() -> dict[str, str]:
    """Return the peers that are not installed, and how to install them."""
    found = {}
    if importlib.util.find_spec("aiosmtplib") is None:
        found["aiosmtplib"] = "not installed (pip install 'smtpnb[bench]')"
    if tool("curl") is None:
        found["curl"] = "not installed"
    return found
