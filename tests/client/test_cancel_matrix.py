"""Every phase, ended by cancel(), by a deadline and by the interrupt of a kernel."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    Cancelled,
    DeadlineExceeded,
    LocalProtocolError,
    Plain,
    SmtpClient,
    State,
)
from tests.support.leaks import no_leaks
from tests.support.patience import AT_ONCE
from tests.support.scripted import (
    DATA,
    DOT,
    EHLO,
    GREETING,
    OK,
    QUIT,
    Hear,
    Hold,
    Say,
    ScriptedServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.scripted import Action

BODY = (
    b"Subject: big\r\n\r\n" + (b"y" * 76 + b"\r\n") * 400_000
)  # more than any socket buffer holds


def _connect(client: SmtpClient, server: ScriptedServer, **more: Any) -> None:
    client.connect(server.host, server.port, **more)


def _ehlo(client: SmtpClient) -> None:
    client.ehlo("client.example")


def _mail(client: SmtpClient) -> None:
    _ehlo(client)
    client.mail_from("a@client.example")


def _rcpt(client: SmtpClient) -> None:
    _mail(client)
    client.rcpt_to("b@server.example")


def _plain(client: SmtpClient, timeout: float | None) -> None:
    account = Plain("user", "a password nobody has")
    client.auth(account, allow_cleartext_auth=True, timeout=timeout)


def _data_verb(client: SmtpClient) -> None:
    _rcpt(client)
    client.data()


HELLO = (GREETING, *EHLO)
ENVELOPE = (*HELLO, *OK, *OK)


@dataclass(frozen=True)
class Phase:
    """What leads to a phase, and the call that hangs in it."""

    name: str
    script: tuple[Action, ...]
    call: Callable[[SmtpClient, float | None], Any]
    before: Callable[[SmtpClient], Any] = field(default=lambda _: None)
    outcome: str | None = None
    says: str = ""


PHASES = [
    Phase("ehlo", (GREETING, Hear(), Hold()), lambda c, t: c.ehlo("x", timeout=t)),
    Phase("ehlo", (GREETING, Hear(), Say(b"250-half a reply\r\n250"), Hold()),
          lambda c, t: c.ehlo("x", timeout=t), says="half"),
    Phase("starttls", (*HELLO, Hear(), Hold()),
          lambda c, t: c.starttls(timeout=t), _ehlo),
    Phase("tls", (*HELLO, Hear(), Say(b"220 Go ahead\r\n"), Hold()),
          lambda c, t: c.starttls(timeout=t), _ehlo),
    Phase("auth", (*HELLO, Hear(), Hold()), _plain, _ehlo),
    Phase("mail", (*HELLO, Hear(), Hold()),
          lambda c, t: c.mail_from("a@b.example", timeout=t), _ehlo),
    Phase("rcpt", (*HELLO, *OK, Hear(), Hold()),
          lambda c, t: c.rcpt_to("a@b.example", timeout=t), _mail),
    Phase("data", (*ENVELOPE, Hear(), Hold()), lambda c, t: c.data(timeout=t), _rcpt),
    Phase("body", (*ENVELOPE, *DATA, Hold()), lambda c, t: c.data(BODY, timeout=t),
          _rcpt, outcome="aborted"),
    Phase("body", (*ENVELOPE, *DATA, Hold()),
          lambda c, t: c.send_lines(BODY, timeout=t),
          _data_verb, outcome="aborted", says="lines"),
    Phase("eod", (*ENVELOPE, *DATA, DOT, Hold()),
          lambda c, t: c.data("hi\n", timeout=t), _rcpt, outcome="unknown"),
    Phase("rset", (*HELLO, Hear(), Hold()), lambda c, t: c.rset(timeout=t), _ehlo),
    Phase("noop", (*HELLO, Hear(), Hold()), lambda c, t: c.noop(timeout=t), _ehlo),
    Phase("vrfy", (*HELLO, Hear(), Hold()), lambda c, t: c.vrfy("a", timeout=t), _ehlo),
    Phase("reply", (*HELLO, Hold()), lambda c, t: c.read_reply(timeout=t), _ehlo),
    Phase("quit", (*HELLO, Hear(), Hold()), lambda c, t: c.quit(timeout=t), _ehlo),
]  # fmt: skip


def _id(phase: Phase) -> str:
    return f"{phase.name}-{phase.says}" if phase.says else phase.name


class Trigger:
    """Stops a call from another thread as soon as the call is seen waiting.

    Args:
        client: Whose call it is.
        way: How to stop it.
        content: It waits for something else until its content is due.
    """

    def __init__(self, client: SmtpClient, way: str, *, content: bool = False) -> None:
        self.at = 0.0
        self._waiting = threading.Event()
        self._stop = {"cancel": client.cancel, "interrupt": _interrupt}.get(way)

        def waits() -> None:
            if not content or client.state is State.DATA:
                self._waiting.set()

        client.on_tick = waits
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        assert self._waiting.wait(10)
        self.at = time.monotonic()
        if self._stop is not None:
            self._stop()

    def join(self) -> None:
        self._waiting.set()
        self._thread.join()


def _interrupt() -> None:
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


WAYS: dict[str, type[BaseException]] = {
    "cancel": Cancelled,
    "deadline": DeadlineExceeded,
    "interrupt": KeyboardInterrupt,
}
DEADLINE_S = 0.25


def _stopped(
    client: SmtpClient,
    way: str,
    call: Callable[[SmtpClient, float | None], Any],
    *,
    content: bool = False,
) -> BaseException:
    """Run a call that hangs, stop it, and check that it ended promptly."""
    trigger = Trigger(client, way, content=content)
    began = time.monotonic()
    try:
        with pytest.raises(WAYS[way]) as caught:
            call(client, DEADLINE_S if way == "deadline" else None)
        ended = time.monotonic()
    finally:
        trigger.join()
        client.on_tick = None
    if way == "deadline":
        assert DEADLINE_S <= ended - began < DEADLINE_S + AT_ONCE
    else:
        assert ended - trigger.at < AT_ONCE
    return caught.value


def _check_end(client: SmtpClient, way: str, outcome: str | None) -> None:
    assert client.state is State.CLOSED
    error = client.transcript.events().query("event == 'error'").iloc[-1]
    kind = {"interrupt": "Cancelled"}.get(way, WAYS[way].__name__)
    assert error["detail"].startswith(f'{{"kind": "{kind}", "outcome": ')
    assert (f'"{outcome}"' if outcome else "null") in error["detail"]


def _works_again(client: SmtpClient) -> None:
    with ScriptedServer((*HELLO, *QUIT)) as server:
        _connect(client, server)
        _ehlo(client)
        assert client.quit().code == 221


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", PHASES, ids=_id)
def test_a_call_is_stopped_and_the_client_can_connect_again(
    phase: Phase, way: str
) -> None:
    with no_leaks():
        client = SmtpClient()
        with ScriptedServer(phase.script) as server:
            _connect(client, server)
            phase.before(client)
            content = phase.outcome is not None
            error = _stopped(client, way, phase.call, content=content)
            _check_end(client, way, phase.outcome)
            assert f"phase: {phase.name}" in str(error)
            assert getattr(error, "outcome", None) == phase.outcome
            if phase.outcome == "aborted":
                server.close()
                assert b"\r\n.\r\n" not in server.heard
        _works_again(client)


@contextmanager
def _greets_never() -> Iterator[dict[str, Any]]:
    with ScriptedServer((Hold(),)) as server:
        yield {"host": server.host, "port": server.port}


@contextmanager
def _handshakes_never() -> Iterator[dict[str, Any]]:
    with _greets_never() as where:
        yield where | {"implicit_tls": True}


@contextmanager
def _accepts_never() -> Iterator[dict[str, Any]]:
    """A listener whose queue is full: Linux lets further SYNs wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        where = listener.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(where)
        try:
            yield {"host": where[0], "port": where[1]}
        finally:
            for filler in fillers:
                filler.close()


@contextmanager
def _resolves_never() -> Iterator[dict[str, Any]]:
    over = threading.Event()

    def hang(*_: object, flags: int = 0, **__: object) -> list[Any]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        over.wait(30)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", hang)
        try:
            yield {"host": "nowhere.example", "port": 25}
        finally:
            over.set()


CONNECTING = {
    "resolve": _resolves_never,
    "connect": _accepts_never,
    "tls": _handshakes_never,
    "greeting": _greets_never,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", CONNECTING)
def test_connecting_is_stopped_in_each_of_its_phases(phase: str, way: str) -> None:
    with no_leaks():
        client = SmtpClient()
        with CONNECTING[phase]() as where:
            error = _stopped(client, way, lambda c, t: c.connect(**where, timeout=t))
        assert client.state is State.CLOSED
        assert f"phase: {phase}" in str(error)
        _works_again(client)


def test_an_idle_connection_is_cancelled_at_once() -> None:
    with no_leaks():
        client = SmtpClient()
        with ScriptedServer((*HELLO, Hear())) as server:
            _connect(client, server)
            _ehlo(client)
            client.cancel()
            assert client.state is State.CLOSED
            assert server.wait_until_gone() == "reset"
        _works_again(client)


def test_a_client_that_never_connected_can_be_cancelled() -> None:
    client = SmtpClient()
    client.cancel()
    _works_again(client)


def test_cancelling_twice_and_after_the_end_does_nothing_more() -> None:
    client = SmtpClient()
    with ScriptedServer((*HELLO, *QUIT)) as server:
        _connect(client, server)
        _ehlo(client)
        client.quit()
        client.cancel()
        client.cancel()
        assert server.wait_until_gone() == "eof"
    _works_again(client)


def test_many_threads_may_cancel_at_the_same_moment() -> None:
    with no_leaks():
        client = SmtpClient()
        with ScriptedServer((*HELLO, Hear(), Hold())) as server:
            _connect(client, server)
            _ehlo(client)
            waiting = threading.Event()
            client.on_tick = waiting.set
            barrier = threading.Barrier(8)

            def cancel() -> None:
                waiting.wait(10)
                barrier.wait(10)
                client.cancel()

            threads = [threading.Thread(target=cancel) for _ in range(8)]
            for thread in threads:
                thread.start()
            with pytest.raises(Cancelled):
                client.noop()
            for thread in threads:
                thread.join()
        client.on_tick = None
        _works_again(client)


def test_a_callback_of_the_waiting_thread_itself_may_cancel() -> None:
    client = SmtpClient()
    with ScriptedServer((*HELLO, Hear(), Hold())) as server:
        _connect(client, server)
        _ehlo(client)
        client.on_tick = client.cancel
        with pytest.raises(Cancelled):
            client.noop()
    client.on_tick = None
    _works_again(client)


def test_a_reply_that_is_already_there_tells_the_outcome_of_a_cancelled_message() -> (
    None
):
    client = SmtpClient()
    with ScriptedServer(
        (*ENVELOPE, *DATA, DOT, Say(b"250-2.0.0 taken\r\n25"), Hold())
    ) as server:
        _connect(client, server)
        _rcpt(client)
        error = _stopped(client, "cancel", lambda c, _: c.data("Subject: x\n\nx\n"))
        assert getattr(error, "outcome", None) == "unknown"


def test_a_second_thread_is_refused_while_a_verb_runs() -> None:
    client = SmtpClient()
    with ScriptedServer((*HELLO, Hear(), Hold())) as server:
        _connect(client, server)
        _ehlo(client)
        refused: list[str] = []

        def second() -> None:
            try:
                client.rset()
            except LocalProtocolError as error:
                refused.append(str(error))
            client.cancel()

        threads: list[threading.Thread] = []

        def once() -> None:
            if not threads:
                threads.append(threading.Thread(target=second))
                threads[0].start()

        client.on_tick = once
        with pytest.raises(Cancelled):
            client.noop()
        threads[0].join()
        assert "another thread is in NOOP" in refused[0]
        server.close()
        assert b"RSET" not in server.heard
