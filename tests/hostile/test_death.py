"""A worker that dies in any state is shown as dead, and leaves nothing behind."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import SmtpClient, State
from smtpnb.notebook.panel import Panel, actions
from tests.hostile.phases import PHASES, Phase
from tests.support.scripted import DATA, Hold, Listen, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

# The states of a panel with something running: by the button that was pressed.
BUTTONS = ("EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
STATES = [p for p in PHASES if p.name.upper() in {*BUTTONS, "GREETING", "EOD"}]
BODY = Phase("body", (*PHASES[6].lead, *DATA[1:]), PHASES[6].call, PHASES[6].before)
DEATHS: dict[str, type[BaseException]] = {
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "MemoryError": MemoryError,
    "an error nobody knows": type("Strange", (BaseException,), {}),
}


def _kill(thread: threading.Thread, death: type[BaseException]) -> None:
    """Raise an exception in another thread, wherever it is."""
    assert thread.ident is not None
    ident, error = ctypes.c_ulong(thread.ident), ctypes.py_object(death)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, error) == 1


def _settle(panel: Panel) -> None:
    thread = panel.worker._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    assert panel.painter.join(10)


CASES = [(phase, "SystemExit") for phase in (*STATES, BODY)]
CASES += [(PHASES[9], death) for death in DEATHS if death != "SystemExit"]


@pytest.mark.parametrize(
    ("phase", "death"), CASES, ids=lambda it: getattr(it, "name", it)
)
def test_a_worker_that_dies_is_shown_as_dead(
    phase: Phase, death: str, trial: Callable[..., Any]
) -> None:
    with (
        trial("a worker dies", memory=False),
        ScriptedServer((*phase.lead, Hold() if phase is BODY else Listen())) as server,
    ):
        client = SmtpClient()
        panel = Panel(client, f"{server.host}:{server.port}")
        panel.content = b"x\r\n" * 5_000_000 if phase is BODY else None
        button = panel.connect_button
        if phase.name != "greeting":
            client.connect(server.host, server.port)
            phase.before(client)
            panel.flush()
            verb = "DATA" if phase.name in {"body", "eod"} else phase.name.upper()
            button = panel.verbs[verb]
        waiting = threading.Event()
        client.on_tick = waiting.set
        button.click()
        assert waiting.wait(10)
        thread = panel.worker._thread
        assert thread is not None
        _kill(thread, DEATHS[death])
        _settle(panel)
        look = panel.worker.look()
        assert (look.running, look.kind) == ("", "failed")
        assert "failed" in panel.status.value
        assert client.state is State.CLOSED
        assert not actions.why_not(client, "Connect")
        panel.close()
        if phase is BODY:
            server.close()  # it did not read
        else:
            assert server.wait_until_gone() == "reset"
        assert b"\r\n.\r\n" not in server.heard or phase.name == "eod"
