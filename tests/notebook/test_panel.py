"""The panel without a browser: its buttons, its worker, and what it paints."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Sandbox, SmtpClient, State
from smtpnb.notebook.panel import Panel
from smtpnb.notebook.worker import Worker
from tests.support.leaks import no_leaks
from tests.support.patience import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def panel(sandbox: Sandbox) -> Iterator[Panel]:
    panel = Panel(target=sandbox)
    yield panel
    panel.client.cancel()
    _settle(panel)
    panel.close()


def _settle(panel: Panel) -> None:
    """Wait until the operation has ended and the flusher has painted its end."""
    assert panel.worker.join(10)
    flusher = panel._flusher
    if flusher is not None:
        flusher.join(10)
        assert not flusher.is_alive()


def _press(panel: Panel, *names: str) -> None:
    for name in names:
        button = panel.connect_button if name == "Connect" else panel.verbs[name]
        assert not button.disabled, f"{name} cannot be pressed"
        button.click()
        _settle(panel)


def _enabled(panel: Panel) -> set[str]:
    return {verb for verb, button in panel.verbs.items() if not button.disabled}


def test_it_begins_with_nothing_but_connect(panel: Panel, sandbox: Sandbox) -> None:
    assert panel.address.value == f"{sandbox.host}:{sandbox.port}"
    assert _enabled(panel) == set()
    assert not panel.connect_button.disabled
    assert panel.cancel_button.disabled


def test_a_session_step_by_step_delivers_the_message(
    panel: Panel, sandbox: Sandbox
) -> None:
    _press(panel, "Connect")
    assert _enabled(panel) == {"EHLO", "NOOP", "RSET", "QUIT"}
    _press(panel, "EHLO", "STARTTLS", "EHLO", "MAIL")
    assert "DATA" not in _enabled(panel)
    _press(panel, "RCPT")
    panel.message.value = "Subject: x\n\nfrom the box\n"
    _press(panel, "DATA")
    message = sandbox.wait_for(1)
    assert message.octets == b"Subject: x\r\n\r\nfrom the box\r\n"
    assert (message.mail_from, message.tls) == ("ann@client.example", True)
    assert panel.progress.value == 1.0
    assert "accepted" in panel.status.value
    _press(panel, "QUIT")
    assert "CLOSED" in panel.status.value
    assert not panel.connect_button.disabled


def test_a_refusal_is_an_answer(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("mail", reply="451 4.3.0 <b>Not now</b>")
    _press(panel, "Connect", "EHLO", "MAIL")
    assert "refused" in panel.status.value
    assert "451 4.3.0 &lt;b&gt;Not now&lt;/b&gt;" in panel.status.value
    assert "MAIL" in _enabled(panel)


def test_cancel_ends_a_stalled_command(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", stall=True)
    _press(panel, "Connect", "EHLO")
    panel.verbs["NOOP"].click()
    assert not panel.cancel_button.disabled
    began = time.monotonic()
    panel.cancel_button.click()
    _settle(panel)
    assert time.monotonic() - began < AT_ONCE
    assert "cancelled" in panel.status.value
    assert panel.client.state is State.CLOSED
    assert not panel.connect_button.disabled
    _press(panel, "Connect")


def test_cancel_says_what_became_of_the_message(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("body", stall=True)
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT")
    panel.content = b"x\r\n" * 10_000_000
    panel.verbs["DATA"].click()
    while not panel.worker.look().octets:
        assert not panel.worker.join(0.01)
    panel.cancel_button.click()
    _settle(panel)
    assert "the message was not sent" in panel.status.value
    assert 0 < panel.progress.value < 1
    assert sandbox.inbox().empty


def test_cancel_ends_an_idle_connection(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    panel.cancel_button.click()
    _settle(panel)
    assert panel.client.state is State.CLOSED
    assert _enabled(panel) == set()


def test_a_button_pressed_twice_acts_once(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", delay=0.2)
    _press(panel, "Connect", "EHLO")
    for _ in range(5):
        panel.verbs["NOOP"].click()
    _settle(panel)
    assert panel.transcript.value.count("NOOP") == 1


def test_callbacks_may_come_from_any_thread(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    threads = [
        threading.Thread(target=button.click)
        for button in (panel.verbs["NOOP"], panel.cancel_button) * 8
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _settle(panel)
    assert panel.client.state is State.CLOSED
    assert not panel.connect_button.disabled


def test_a_wrong_address_is_told_and_nothing_hangs(panel: Panel) -> None:
    panel.address.value = "host:smtp"
    panel.connect_button.click()
    _settle(panel)
    assert "failed" in panel.status.value
    assert "is not a port" in panel.status.value
    assert not panel.connect_button.disabled


def test_a_lost_connection_is_told(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", drop=True)
    _press(panel, "Connect", "EHLO", "NOOP")
    assert "ConnectionLost" in panel.status.value
    assert _enabled(panel) == set()


def test_text_of_a_server_enters_as_text(panel: Panel, sandbox: Sandbox) -> None:
    evil = '<img src=x onerror="alert(1)">'
    sandbox.fault("noop", reply=f"250 {evil}")
    _press(panel, "Connect", "EHLO", "NOOP")
    assert evil not in panel.status.value + panel.transcript.value
    assert "&lt;img src=x" in panel.transcript.value


def test_the_magic_and_the_panel_share_one_client(
    run: Callable[[str], Any], sandbox: Sandbox, shell: Any
) -> None:
    shell.user_ns["box"] = sandbox
    run("%smtp connect {box}")
    panel = run("%smtp panel")
    assert isinstance(panel, Panel)
    assert panel.client is run("%smtp session")
    assert "EHLO" in _enabled(panel)
    _press(panel, "EHLO")
    assert run("%smtp noop").code == 250
    panel.close()


def test_the_magic_makes_a_panel_for_an_address(run: Callable[[str], Any]) -> None:
    panel = run("%smtp panel mx.example:2525")
    assert panel.address.value == "mx.example:2525"
    panel.close()


def test_nothing_is_left_behind(sandbox: Sandbox) -> None:
    with no_leaks():
        panel = Panel(target=sandbox)
        _press(panel, "Connect", "EHLO", "QUIT")
        panel.close()


def test_a_worker_refuses_a_second_operation() -> None:
    go = threading.Event()

    def wait() -> None:
        assert go.wait(5)

    worker = Worker(SmtpClient(), lambda: None)
    assert worker.start("first", wait)
    assert not worker.start("second", lambda: None)
    assert worker.look().running == "first"
    go.set()
    assert worker.join(5)
    assert worker.start("third", lambda: None)
    assert worker.join(5)
