"""Sequential sessions: connect, EHLO, MAIL, RCPT, DATA, QUIT, one after another."""

from __future__ import annotations

import smtplib
import time
from functools import partial
from typing import TYPE_CHECKING

from smtpnb import SmtpClient
from tests.bench.sink import csink
from tests.bench.table import HEADER, compared, interleaved, show

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE = b"Subject: bench\r\n\r\n" + b"x" * 70 + b"\r\n"
COUNT = 100
ROUNDS = 11


def ours(port: int) -> None:
    """One session of smtpnb, verb by verb, its transcript on."""
    client = SmtpClient(identity="bench.test")
    client.connect("127.0.0.1", port)
    client.ehlo()
    client.mail_from("a@bench.test")
    client.rcpt_to("b@bench.test")
    client.data(MESSAGE)
    client.quit()


def ours_by_send(port: int) -> None:
    """The same session by `send`, in the fewest turns."""
    client = SmtpClient(identity="bench.test")
    client.connect("127.0.0.1", port)
    client.send(MESSAGE, "a@bench.test", "b@bench.test")
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
    """Print sessions a second, and sessions a second of CPU."""
    for what, session in (("verb by verb", ours), ("by send", ours_by_send)):
        for clock, unit in (
            (time.perf_counter, "sessions/s"),
            (time.process_time, "sessions/s of CPU"),
        ):
            with csink() as port:
                runs = {
                    "smtpnb": partial(_rate, session, port, clock),
                    "smtplib": partial(_rate, theirs, port, clock),
                }
                samples = interleaved(runs, ROUNDS)
            show(
                f"Sequential sessions, {what} (median of {ROUNDS} pairs of {COUNT})",
                ("", unit, *HEADER),
                compared(samples, "{:,.0f}".format, {}),
            )


def _rate(
    session: Callable[[int], None], port: int, clock: Callable[[], float]
) -> float:
    started = clock()
    for _ in range(COUNT):
        session(port)
    return COUNT / (clock() - started)
