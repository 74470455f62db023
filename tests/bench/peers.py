"""How each client sends messages on one connection: smtpnb and its peers.

Those in Python time what lies between EHLO and QUIT. curl and smtp-source are programs:
the least that a run with one message takes is taken off, so that what is left is the
messages.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import smtplib
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb import SmtpClient
from tests.bench import bare
from tests.bench.sink import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HOST = "127.0.0.1"
NAME = "bench.test"
FROM = "a@bench.test"
TO = "b@bench.test"
_LINE = b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstu\r\n"
MESSAGE = (b"Subject: bench\r\n\r\n" + 14 * _LINE)[:1022] + b"\r\n"
_SECONDS = 0.07  # that a run should take
_MOST = 20_000  # messages of a run


class Load(NamedTuple):
    """What is to be sent, and whereto."""

    port: int
    recipients: tuple[str, ...]

    @classmethod
    def to(cls, port: int, n: int) -> Load:
        """Return a load for `n` recipients."""
        return cls(port, tuple(f"r{number}@bench.test" for number in range(n)))


@contextmanager
def connected(port: int, *, chunking: bool) -> Iterator[SmtpClient]:
    """Connect smtpnb, its transcript on, and say EHLO."""
    client = SmtpClient(identity=NAME)
    client.chunking = chunking
    client.connect(HOST, port)
    client.ehlo()
    yield client
    client.quit()


def smtpnb(load: Load, n: int, *, chunking: bool = False) -> float:
    """Return the seconds of `n` messages by `SmtpClient.stream`."""
    to = load.recipients
    with connected(load.port, chunking=chunking) as client:
        started = time.perf_counter()
        deliveries = client.send_all((FROM, to, MESSAGE) for _ in range(n))
        spent = time.perf_counter() - started
        assert all(delivery.outcome == "accepted" for delivery in deliveries)
    return spent


def by_smtplib(load: Load, n: int) -> float:
    """Return the seconds of `n` messages by `smtplib.SMTP.sendmail`."""
    with smtplib.SMTP(HOST, load.port, local_hostname=NAME) as client:
        client.ehlo()
        started = time.perf_counter()
        for _ in range(n):
            client.sendmail(FROM, load.recipients, MESSAGE)
        return time.perf_counter() - started


def by_aiosmtplib(load: Load, n: int) -> float:
    """Return the seconds of `n` messages by `aiosmtplib.SMTP.sendmail`."""

    async def send() -> float:
        async with aiosmtplib_client(load.port) as client:
            await client.ehlo()
            started = time.perf_counter()
            for _ in range(n):
                await client.sendmail(FROM, list(load.recipients), MESSAGE)
            return time.perf_counter() - started

    return asyncio.run(send())


def aiosmtplib_client(port: int) -> Any:
    """Return a client of aiosmtplib, which is no part of this project's tests."""
    aiosmtplib = importlib.import_module("aiosmtplib")
    return aiosmtplib.SMTP(
        hostname=HOST, port=port, local_hostname=NAME, start_tls=False
    )


def by_curl(load: Load, n: int) -> float:
    """Return the seconds of one curl that sends `n` messages on one connection."""
    with TemporaryDirectory() as folder:
        message, config = Path(folder, "message"), Path(folder, "config")
        message.write_bytes(MESSAGE)
        lines = [f'mail-rcpt = "{path}"' for path in load.recipients]
        transfer = [
            f'url = "smtp://{HOST}:{load.port}/{NAME}"',
            f'upload-file = "{message}"',
        ]
        lines += transfer * n
        config.write_text("\n".join([f'mail-from = "{FROM}"', *lines]))
        return _run(["curl", "--silent", "--show-error", "--config", str(config)])


def curl_once(port: int, recipients: Iterable[str], path: Path) -> float:
    """Send a file by curl; return the seconds it tells, its start not among them."""
    to = [word for each in recipients for word in ("--mail-rcpt", each)]
    command = ["curl", "--silent", "--show-error", "--write-out", "%{time_total}"]
    command += ["--mail-from", FROM, *to, "--upload-file", str(path)]
    said = subprocess.run(
        [*command, f"smtp://{HOST}:{port}/{NAME}"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return float(said.stdout)


def by_smtp_source(load: Load, n: int) -> float:
    """Return the seconds of one smtp-source that sends `n` messages on one connection.

    Its 1,024 octets do not count the header that it adds.
    """
    program = str(tool("smtp-source"))
    command = [program, "-d", "-s", "1", "-m", str(n), "-l", str(len(MESSAGE))]
    command += ["-r", str(len(load.recipients)), "-M", NAME, "-f", FROM]
    return _run([*command, "-t", "r@bench.test", f"inet:{HOST}:{load.port}"])


def by_hand(load: Load, n: int, *, chunking: bool = False) -> float:
    """Return the seconds of `n` messages whose octets are ready: the limit."""
    to = load.recipients
    if chunking:
        opening = bare.envelope(FROM, to, f"BDAT {len(MESSAGE)} LAST")
        return bare.window(load.port, n, opening + MESSAGE, len(to) + 2)
    opening = bare.envelope(FROM, to, "DATA")
    return bare.turns(load.port, n, opening, MESSAGE + b".\r\n")


def _run(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return time.perf_counter() - started


_IN_PYTHON = {"smtplib": by_smtplib, "aiosmtplib": by_aiosmtplib}
_PROGRAMS = {"curl": by_curl, "smtp-source": by_smtp_source}


def missing() -> dict[str, str]:
    """Return the peers that are not installed, and how to install them."""
    found = {}
    if importlib.util.find_spec("aiosmtplib") is None:
        found["aiosmtplib"] = "not installed (pip install 'smtpnb[bench]')"
    for name, package in (("curl", "curl"), ("smtp-source", "Postfix")):
        if tool(name) is None:
            found[name] = f"not installed (it comes with {package})"
    return found


def rates(load: Load, *, chunking: bool = False) -> dict[str, Callable[[], float]]:
    """Return, for smtpnb and each peer that is here, what measures messages a second.

    How many messages a run has is settled here, by a first one, so that all runs take
    about as long.
    """
    absent = missing()
    ours = partial(smtpnb, load, chunking=chunking)
    limit = partial(by_hand, load, chunking=chunking)
    runs = {"smtpnb": _rate(ours, 0.0), "bare socket": _rate(limit, 0.0)}
    for name, send in _IN_PYTHON.items():
        if name not in absent:
            runs[name] = _rate(partial(send, load), 0.0)
    for name, send in _PROGRAMS.items():
        if name not in absent:
            start = min(send(load, 1) for _ in range(7))
            runs[name] = _rate(partial(send, load), start)
    return runs


def _rate(send: Callable[[int], float], start: float) -> Callable[[], float]:
    """Return what measures messages a second, with so many that it takes its time.

    Args:
        send: Sends so many and returns the seconds.
        start: The seconds in it that are not for messages; a run with one has them.
    """
    n, extra = 10, 1 if start else 0
    while n < _MOST and send(n + extra) - start < _SECONDS / 1.5:
        n *= 2
    return lambda: n / max(send(n + extra) - start, 1e-9)
