"""A storm of SIGINT between and inside the verbs of a loop.

300 of them here; SMTPNB_INTERRUPTS=20000 for as many as one likes.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from smtpnb import Cancelled, SmtpClient, SmtpError, State
from tests.support.leaks import no_leaks
from tests.support.twins import Habits, Twin

if TYPE_CHECKING:
    from collections.abc import Callable

N_INTERRUPTS: Final = int(os.environ.get("SMTPNB_INTERRUPTS", "300"))
MAIL: Final = ("a@example.org", ["b@example.net"], b"Subject: x\r\n\r\nx\r\n")


def streams(client: SmtpClient) -> None:
    """Take two deliveries of a stream, and close it."""
    with client.stream([MAIL, MAIL]) as stream:
        for _ in stream:
            pass


WORK: Final[dict[str, Callable[[SmtpClient], object]]] = {
    "noop": SmtpClient.noop,
    "send": lambda client: client.send(MAIL[2], *MAIL[:2]),
    "stream": streams,
    "connect": SmtpClient.disconnect,
}


class Storm:
    """Sends SIGINT to the main thread, one after the other was taken.

    Attributes:
        n_taken: How many KeyboardInterrupts were raised.
    """

    def __init__(self) -> None:
        self.n_sent = self.n_taken = 0
        self._over = False
        self._ready = threading.Semaphore(0)
        self._main = threading.main_thread().ident
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        state = 1
        while True:
            self._ready.acquire()
            if self._over:
                return
            # Some microseconds later each time: everywhere in a verb, in the end.
            state = state * 48271 % 2147483647
            for _ in range(state % 4000):
                pass
            self.n_sent += 1
            assert self._main is not None
            signal.pthread_kill(self._main, signal.SIGINT)

    def next(self) -> None:
        """Let one more come soon."""
        self._ready.release()

    def close(self) -> None:
        self._over = True
        self._ready.release()
        self._thread.join()


def loop(work: Callable[[SmtpClient], object], client: SmtpClient, twin: Twin) -> None:
    """Work until an interrupt comes; whatever else comes must be of smtpnb."""
    while True:
        if client.state is State.CLOSED:
            client.connect(twin.host, twin.port)
            client.ehlo()
        work(client)


@pytest.mark.parametrize("name", WORK)
def test_no_interrupt_loses_a_client(name: str) -> None:
    ours, theirs = socket.socketpair()  # a stranger's: nobody may close it
    with no_leaks(), ours, theirs, Twin(Habits()) as twin, closing(Storm()) as storm:
        client = SmtpClient()
        for _ in range(N_INTERRUPTS // len(WORK)):
            try:
                storm.next()
                loop(WORK[name], client, twin)
            except KeyboardInterrupt:
                storm.n_taken += 1
            except (SmtpError, Cancelled) as error:  # the interrupt must be raised
                pytest.fail(f"{type(error).__name__}: {error}")
            if client.state is not State.CLOSED:
                assert client.noop().code in (250, 503)
        assert storm.n_taken == storm.n_sent == N_INTERRUPTS // len(WORK)
        client.disconnect()
        client.connect(twin.host, twin.port)
        client.ehlo()
        assert client.send(MAIL[2], *MAIL[:2]).ok
        client.quit()
        ours.send(b"x")
        assert theirs.recv(1) == b"x"
