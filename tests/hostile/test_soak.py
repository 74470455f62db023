"""Many times over: cancels at random moments, and sessions one after another."""

from __future__ import annotations

import gc
import random
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from smtpnb import Cancelled, LocalProtocolError, Sandbox, SmtpClient
from tests.support.leaks import descriptors
from tests.support.patience import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

CANCELS = 1000
# Anywhere, in a large content, in what comes before one.
WITHIN = (0.5, 0.05, 0.006, 0.006)
CYCLES = 500


def _send(client: SmtpClient, sandbox: Sandbox, number: int) -> str:
    """Send a message; return what was said of it: "accepted", an outcome, or ""."""
    said = ""
    try:
        client.connect(sandbox)
        client.ehlo("client.example")
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@sandbox.example")
        # A small content leaves at once with its dot; in a large one a cancel finds it.
        n_lines = 400_000 if number % 4 == 1 else 2000
        client.data(f"Subject: {number}\n\n" + "line\n" * n_lines)
        said = "accepted"
        client.quit()
    except Cancelled as error:
        return said or error.outcome or ""
    except LocalProtocolError:  # cancelled between two verbs: not connected
        return said
    return said


def test_no_message_is_accepted_that_was_reported_cancelled(
    trial: Callable[..., Any],
) -> None:
    dice = random.Random(1)
    said: dict[int, str] = {}
    late: list[float] = []
    with trial("random cancels", memory=False) as account, Sandbox() as sandbox:
        for number in range(CANCELS):
            client = SmtpClient()
            go = threading.Event()
            moment = dice.uniform(0, WITHIN[number % 4])

            cancelled: list[float] = []

            def stop(
                client: SmtpClient,
                go: threading.Event,
                moment: float,
                cancelled: list[float],
            ) -> None:
                if not go.wait(moment):
                    cancelled.append(time.monotonic())
                began = time.monotonic()
                client.cancel()
                late.append(time.monotonic() - began)

            job = (client, go, moment, cancelled)
            thread = threading.Thread(target=stop, args=job)
            thread.start()
            said[number] = _send(client, sandbox, number)
            ended = time.monotonic()
            go.set()
            thread.join()
            if cancelled:
                account.cancelled(max(0.0, ended - cancelled[0]))
            client.cancel()
        arrived = {int(subject) for subject in sandbox.inbox()["subject"]}
    assert len(said) == CANCELS
    for number, outcome in said.items():
        if outcome == "accepted":
            assert number in arrived
        elif outcome in ("", "aborted", "refused"):
            assert number not in arrived, outcome
    assert {"aborted", "accepted", ""} <= set(said.values())
    assert max(late) < AT_ONCE


def test_many_sessions_leave_nothing_behind(figure: Callable[[str], None]) -> None:
    with Sandbox() as sandbox:
        sizes = []
        counts = []
        tracemalloc.start()
        try:
            for number in range(CYCLES):
                assert _send(SmtpClient(), sandbox, number) == "accepted"
                # The server's books, which are bounded, grow up to their bounds.
                sandbox._setup.inbox._messages.clear()
                sandbox._setup.heard._entries.clear()
                if number % 100 == 99:
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
                    counts.append((len(descriptors()), threading.active_count()))
        finally:
            tracemalloc.stop()
    fds, threads = zip(*counts, strict=True)
    assert max(fds) <= fds[1] + 1  # one that the server is about to close
    assert set(threads[1:]) == {threads[1]}
    growth = (sizes[-1] - sizes[1]) / (CYCLES - 200)
    figure(
        f"{CYCLES} sessions: descriptors {min(fds)} to {max(fds)}, threads "
        f"{min(threads)} to {max(threads)}, memory {growth:+.0f} octets a session"
    )
    assert growth < 1000  # once everything has been loaded
