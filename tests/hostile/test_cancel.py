"""Cancel in every phase, in a storm, from many threads, twice, after the end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Cancelled, LocalProtocolError, Sandbox, SmtpClient, SmtpError, State
from tests.hostile.phases import PHASES, Phase, arrive
from tests.support.patience import AT_ONCE
from tests.support.scripted import Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4


@pytest.mark.parametrize("half", [b"", b"250-half\r\n25"], ids=["silent", "half"])
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_many_cancels_from_many_threads_end_a_phase_once(
    phase: Phase, half: bytes, trial: Callable[[str], Any]
) -> None:
    client = SmtpClient()
    script = (*phase.lead, Say(half), Listen())
    with trial("cancel, many threads") as account, ScriptedServer(script) as server:
        call = arrive(phase, client, server)
        waiting, barrier = threading.Event(), threading.Barrier(THREADS)
        moments: list[float] = []

        def stop() -> None:
            assert waiting.wait(10)
            barrier.wait(10)
            moments.append(time.monotonic())
            for _ in range(3):
                client.cancel()

        threads = [threading.Thread(target=stop) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        client.on_tick = waiting.set
        with pytest.raises(Cancelled) as caught:
            call(None)
        ended = time.monotonic()
        for thread in threads:
            thread.join(10)
        client.on_tick = None
        account.cancelled(max(0.0, ended - min(moments)))
        assert ended - min(moments) < AT_ONCE
        assert caught.value.phase == phase.name
        assert caught.value.outcome == ("unknown" if phase.name == "eod" else None)
        assert client.state is State.CLOSED
        assert server.wait_until_gone() == "reset"
        client.cancel()  # and after the end


def test_a_storm_of_cancels_leaves_a_client_that_works(
    trial: Callable[..., Any],
) -> None:
    """Four threads cancel without a pause while sessions begin again and again."""
    with trial("cancel, a storm", memory=False), Sandbox() as sandbox:
        client, over = SmtpClient(), threading.Event()
        slowest = 0.0

        def storm() -> None:
            while not over.wait(0.0005):
                client.cancel()

        threads = [threading.Thread(target=storm) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(300):
            began = time.monotonic()
            try:
                client.connect(sandbox)
                client.ehlo("client.example")
            except (SmtpError, Cancelled):
                pass
            slowest = max(slowest, time.monotonic() - began)
        over.set()
        for thread in threads:
            thread.join(10)
        client.cancel()
        client.connect(sandbox)
        assert client.ehlo("client.example").ok
        assert client.quit().code == 221
        assert slowest < AT_ONCE


def test_after_a_cancel_nothing_is_sent_before_connect(
    trial: Callable[[str], Any],
) -> None:
    client = SmtpClient()
    with trial("cancel, after it"), ScriptedServer((Say(b"220 hi\r\n"), Listen())) as s:
        client.connect(s.host, s.port)
        client.cancel()
        with pytest.raises(LocalProtocolError, match="not connected"):
            client.ehlo("x")
        assert s.wait_until_gone() == "reset"
        assert s.heard == b""
