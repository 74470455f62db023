"""Sequential sessions: connect, EHLO, MAIL, RCPT, DATA, QUIT, one after another."""

from __future__ import annotations

import smtplib
import time
from typing import TYPE_CHECKING

from smtpnb import SmtpClient
from tests.bench.sink import csink
from tests.bench.table import paired, show

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE = b"Subject: bench\r\n\r\n" + b"x" * 70 + b"\r\n"
COUNT = 150
PAIRS = 9


def ours(port: int) -> None:
    """One session of smtpnb, its transcript on."""
    client = SmtpClient(identity="bench.test")
    client.connect("127.0.0.1", port)
    client.ehlo()
    client.mail_from("a@bench.test")
    client.rcpt_to("b@bench.test")
    client.data(MESSAGE)
    client.quit()


def theirs(port: int) -> None:
    """The same session by smtplib."""
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="bench.test")
    client.ehlo()
    client.mail("a@bench.test")
    client.rcpt("b@bench.test")
    client.data(MESSAGE)
    client.quit()


def main() -> None:
    """Print sessions a second and CPU a session."""
    with csink() as port:
        rates = paired(lambda: _rate(ours, port), lambda: _rate(theirs, port), PAIRS)
        cpu = paired(lambda: _cpu(ours, port), lambda: _cpu(theirs, port), PAIRS)
    show(
        f"Sequential sessions, transcript on (median of {PAIRS} pairs of {COUNT})",
        ("", "smtpnb", "smtplib", "ratio"),
        [
            ("sessions/s", f"{rates[0]:.0f}", f"{rates[1]:.0f}", f"{rates[2]:.2f}"),
            ("CPU us/session", f"{cpu[0]:.0f}", f"{cpu[1]:.0f}", f"{cpu[2]:.2f}"),
        ],
    )


def _rate(session: Callable[[int], None], port: int) -> float:
    started = time.perf_counter()
    for _ in range(COUNT):
        session(port)
    return COUNT / (time.perf_counter() - started)


def _cpu(session: Callable[[int], None], port: int) -> float:
    started = time.process_time()
    for _ in range(COUNT):
        session(port)
    return (time.process_time() - started) / COUNT * 1e6
