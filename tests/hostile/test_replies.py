"""Replies that are malformed, endless, slow, cut off or too many, in every phase."""

from __future__ import annotations

import select
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    Cancelled,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    RemoteProtocolError,
    SmtpClient,
    SmtpError,
    State,
)
from tests.hostile.phases import HELLO, PHASES, Phase, arrive, connect, ehlo, run
from tests.support.patience import AT_ONCE
from tests.support.scripted import (
    Action,
    Await,
    Drip,
    Flood,
    HalfClose,
    Hear,
    Hold,
    Listen,
    Reset,
    Say,
    ScriptedServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MALFORMED = {
    "no code": b"hello\r\n",
    "two digits": b"25\r\n",
    "four digits": b"2500 Ok\r\n",
    "a sign": b"+25 Ok\r\n",
    "a space before": b" 250 Ok\r\n",
    "class 1": b"100 go on\r\n",
    "class 6": b"600 what\r\n",
    "class 9": b"999 what\r\n",
    "arabic digits": "\u0662\u0665\u0660 Ok\r\n".encode(),
    "fullwidth digits": "\uff12\uff15\uff10 Ok\r\n".encode(),
    "no separator": b"250Ok\r\n",
    "a tab": b"250\tOk\r\n",
    "an empty line": b"\r\n",
    "a bare LF first": b"\n250 Ok\r\n",
    "NUL in the code": b"2\x0050 Ok\r\n",
    "two codes": b"250-one\r\n251 two\r\n",
    "no code in between": b"250-one\r\ntwo\r\n250 three\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS alert": b"\x15\x03\x03\x00\x02\x02\x28\n",
}
OVERSIZE: dict[str, Action] = {
    "a line of 17 KiB": Say(b"250 " + b"x" * 17 * 1024 + b"\r\n"),
    "a reply of 70 KiB": Say((b"250-" + b"x" * 1000 + b"\r\n") * 70 + b"250 Ok\r\n"),
    "513 lines": Say(b"250-x\r\n" * 512 + b"250 x\r\n"),
    "a line without end": Flood(b"250-" + b"x" * 65536),
    "lines without end": Flood(b"250-x\r\n" * 8192),
    "NULs without end": Flood(b"\0" * 65536),
}
CUT: dict[str, tuple[Action, ...]] = {
    "closes": (),
    "resets": (Reset(),),
    "half-closes": (HalfClose(), Hold()),
    "closes in a code": (Say(b"25"),),
    "closes in a line": (Say(b"250 hal"),),
    "closes between lines": (Say(b"250-one\r\n"),),
    "closes before the LF": (Say(b"250 Ok\r"),),
    "resets in a line": (Say(b"250 hal"), Reset()),
}
DEADLINE_S = 0.25


def _names(phase: Phase) -> str:
    return phase.name


def _fails(
    phase: Phase,
    actions: tuple[Action, ...],
    wanted: type[SmtpError],
    timeout: float | None = 10,
) -> SmtpError:
    """Run a phase against a server that misbehaves in it; return the error."""
    client = SmtpClient()
    with ScriptedServer((*phase.lead, *actions)) as server:
        with pytest.raises(wanted) as caught:
            run(phase, client, server, timeout)
        assert client.state is State.CLOSED
        error = caught.value
        assert error.phase == phase.name
        assert error.peer == f"{server.host}:{server.port}"
        assert str(error).isprintable()
        said = client.transcript.text()
        assert type(error).__name__ in said
        assert all(line.isprintable() for line in said.splitlines())
        outcome = "unknown" if phase.name == "eod" else None
        assert error.outcome == outcome
    return error


@pytest.mark.parametrize("phase", PHASES, ids=_names)
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_reply_ends_the_session(
    phase: Phase, name: str, trial: Callable[[str], Any]
) -> None:
    with trial("malformed reply"):
        _fails(phase, (Say(MALFORMED[name]), Hold()), RemoteProtocolError)


@pytest.mark.parametrize("phase", PHASES, ids=_names)
@pytest.mark.parametrize("name", OVERSIZE)
def test_an_oversized_reply_ends_the_session(
    phase: Phase, name: str, trial: Callable[[str], Any]
) -> None:
    with trial("oversized reply"):
        _fails(phase, (OVERSIZE[name], Hold()), RemoteProtocolError)


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        pytest.param(phase, name, id=f"{phase.name}-{name}")
        for phase in PHASES
        for name in CUT
        if phase.name != "greeting" or "resets" not in name  # the next test
    ],
)
def test_a_reply_that_is_cut_off_ends_the_session(
    phase: Phase, name: str, trial: Callable[[str], Any]
) -> None:
    with trial("drop, reset, half-close"):
        _fails(phase, CUT[name], ConnectionLost)


@pytest.mark.parametrize("name", [name for name in CUT if "resets" in name])
def test_a_reset_before_the_greeting_is_told(
    name: str, trial: Callable[[str], Any]
) -> None:
    with trial("drop, reset, half-close"), ScriptedServer(CUT[name]) as server:
        client = SmtpClient()
        # Which of the two: whether the client looks at its socket before the reset.
        with pytest.raises((ConnectError, ConnectionLost), match="reset"):
            connect(client, server)
        assert client.state is State.CLOSED


@pytest.mark.parametrize("phase", PHASES, ids=_names)
@pytest.mark.parametrize(
    "dripped", [b"250-x\r\n", b"250 endless "], ids=["lines", "line"]
)
def test_no_drip_outlives_the_deadline(
    phase: Phase, dripped: bytes, trial: Callable[[str], Any]
) -> None:
    with trial("dripping reply"):
        began = time.monotonic()
        drip = Drip(dripped, 0.005, times=1000)
        _fails(phase, (drip,), DeadlineExceeded, DEADLINE_S)
        assert time.monotonic() - began < DEADLINE_S + AT_ONCE


@pytest.mark.parametrize("phase", PHASES, ids=_names)
def test_cancel_ends_a_drip(phase: Phase, trial: Callable[[str], Any]) -> None:
    with trial("dripping reply") as account:
        client = SmtpClient()
        stopped: list[float] = []

        def stop() -> None:
            stopped.append(time.monotonic())
            client.cancel()

        drip = Drip(b"250-x\r\n", 0.005, times=1000)
        with ScriptedServer((*phase.lead, drip)) as server:
            call = arrive(phase, client, server)
            client.on_tick = stop
            with pytest.raises(Cancelled):
                call(None)
            account.cancelled(time.monotonic() - stopped[0])
        client.on_tick = None
        assert client.state is State.CLOSED


# After QUIT there is no next command; a greeting with more behind it is a case below.
@pytest.mark.parametrize(
    "phase", [p for p in PHASES if p.name not in {"quit", "greeting"}], ids=_names
)
@pytest.mark.parametrize("surplus", [b"250 for nobody\r\n", b"25", b"\0"], ids=repr)
def test_what_nobody_asked_for_is_never_taken_for_the_next_reply(
    phase: Phase, surplus: bytes, trial: Callable[[str], Any]
) -> None:
    with trial("surplus"):
        client = SmtpClient()
        script = (*phase.lead, Say(phase.good + surplus), Listen())
        with ScriptedServer(script) as server:
            run(phase, client, server, 10)
            heard = server.heard
            with pytest.raises(RemoteProtocolError, match="nobody asked for"):
                client.command("NOOP")
            assert client.state is State.CLOSED
            assert server.wait_until_gone() == "reset"
            assert server.heard == heard


@pytest.mark.parametrize("surplus", [b"250 for nobody\r\n", b"2"], ids=repr)
def test_what_stands_behind_the_greeting_is_surplus(
    surplus: bytes, trial: Callable[[str], Any]
) -> None:
    with trial("surplus"):
        client = SmtpClient()
        with ScriptedServer((Say(b"220 hi\r\n" + surplus), Listen())) as server:
            connect(client, server)
            with pytest.raises(RemoteProtocolError, match="nobody asked for"):
                client.ehlo("x")
            assert client.state is State.CLOSED


@pytest.mark.parametrize(
    "phase", [p for p in PHASES if p.name not in {"quit", "greeting"}], ids=_names
)
def test_an_unsolicited_421_is_shown_as_such(
    phase: Phase, trial: Callable[[str], Any]
) -> None:
    with trial("unsolicited 421"):
        client = SmtpClient()
        farewell = b"421 4.3.2 shutting down\r\n"
        with ScriptedServer((*phase.lead, Say(phase.good + farewell))) as server:
            run(phase, client, server, 10)
            with pytest.raises(ConnectionLost, match="ended the session") as caught:
                client.command("NOOP")
            assert caught.value.reply is not None
            assert caught.value.reply.code == 421
            assert "421 4.3.2 shutting down" in client.transcript.text()


# The surplus leaves after the reply was read: only the socket holds it.
def test_surplus_that_comes_late_is_caught_too(
    trial: Callable[[str], Any],
) -> None:
    with trial("surplus"):
        client, read = SmtpClient(), threading.Event()
        late = (Await(read), Say(b"250 late\r\n"), Listen())
        script = (*HELLO, Hear(), Say(b"250 Ok\r\n"), *late)
        with ScriptedServer(script) as server:
            connect(client, server)
            ehlo(client)
            client.noop()
            read.set()
            fd = client._connected().exchange.connection._fd
            assert select.select([fd], [], [], 10)[0]
            heard = server.heard
            with pytest.raises(RemoteProtocolError, match="nobody asked for"):
                client.rset()
            assert server.wait_until_gone() == "reset"
            assert server.heard == heard


@pytest.mark.parametrize(
    ("late", "wanted", "words"),
    [
        (b"421 4.4.2 idle too long\r\n", ConnectionLost, "421 4.4.2 idle too long"),
        (b"250 for nobody\r\n", RemoteProtocolError, "nobody asked for"),
        (b"\r\n", RemoteProtocolError, "not a reply"),
    ],
    ids=["421", "250", "CRLF"],
)
def test_what_is_said_while_a_person_thinks_is_shown_with_the_next_error(
    late: bytes, wanted: type[SmtpError], words: str, trial: Callable[[str], Any]
) -> None:
    with trial("surplus"):
        client, thinking = SmtpClient(), threading.Event()
        script = (*HELLO, Await(thinking), Say(late), Listen())
        with ScriptedServer(script) as server:
            connect(client, server)
            ehlo(client)
            thinking.set()
            assert select.select(
                [client._connected().exchange.connection._fd], [], [], 10
            )[0]
            heard = server.heard
            with pytest.raises(wanted, match=words) as caught:
                client.mail_from("a@b")
            assert server.heard == heard
            if late.startswith(b"421"):
                assert caught.value.reply is not None
                assert caught.value.reply.code == 421
            assert client.state is State.CLOSED
