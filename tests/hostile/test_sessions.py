"""Any interleaving of commands, replies, faults and cancels, on real sockets."""

from __future__ import annotations

import itertools
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from smtpnb import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    RemoteProtocolError,
    Reply,
    SmtpClient,
    SmtpError,
    State,
)
from smtpnb.protocol.session import may_answer
from tests.support.scripted import (
    DOT,
    EHLO_REPLY,
    Action,
    Drip,
    Hear,
    Hold,
    Reset,
    Say,
    ScriptedServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPLIES = (b"250", b"251", b"354", b"421", b"450", b"550", b"220")
FAULTS: dict[str, tuple[tuple[Action, ...], type[SmtpError | Cancelled]]] = {
    "garbage": ((Say(b"what?\r\n"), Hold()), RemoteProtocolError),
    "half": ((Say(b"250-x\r\n25"), Hold()), DeadlineExceeded),
    "silence": ((Hold(),), DeadlineExceeded),
    "cancel": ((Hold(),), Cancelled),
    "close": ((Say(b"25"),), ConnectionLost),
    "reset": ((Reset(),), ConnectionLost),
}
VERBS: dict[str, Callable[[SmtpClient, float | None], Reply]] = {
    "EHLO": lambda c, t: c.ehlo("x", timeout=t),
    "MAIL": lambda c, t: c.mail_from("a@b", timeout=t),
    "RCPT": lambda c, t: c.rcpt_to("a@b", timeout=t),
    "DATA": lambda c, t: c.data(timeout=t),
    "end of data": lambda c, t: c.end_data(timeout=t),
    "RSET": lambda c, t: c.rset(timeout=t),
    "NOOP": lambda c, t: c.noop(timeout=t),
    "VRFY": lambda c, t: c.vrfy("a", timeout=t),
}


class Stepwise:
    """The script of one connection, given step by step."""

    def __init__(self) -> None:
        self.steps: SimpleQueue[Action | None] = SimpleQueue()

    def __iter__(self) -> Iterator[Action]:
        return iter(self.steps.get, None)  # None ends it


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.scripts = [Stepwise() for _ in range(60)]
        self.server = ScriptedServer(*self.scripts)  # type: ignore[arg-type]
        self.client = SmtpClient()
        self.n = -1
        self.ends = 0  # ends of data that were answered, or may have left
        self.connect()

    def play(self, *actions: Action) -> None:
        for action in actions:
            self.scripts[self.n].steps.put(action)

    @precondition(lambda self: self.client.state is State.CLOSED)
    @rule()
    def connect(self) -> None:
        self.n += 1
        self.ends = 0
        self.play(Say(b"220 %d\r\n" % self.n))
        reply = self.client.connect(self.server.host, self.server.port)
        assert reply.text == str(self.n)

    def heard_by(self, verb: str) -> Hear:
        return DOT if verb == "end of data" else Hear()

    def may(self, verb: str) -> bool:
        return verb in self.client.allowed

    @rule(
        verb=st.sampled_from(sorted(VERBS)),
        code=st.sampled_from(REPLIES),
        lines=st.integers(0, 3),
        drip=st.booleans(),
    )
    def exchange(self, verb: str, code: bytes, lines: int, *, drip: bool) -> None:
        if not self.may(verb):
            return
        number = b"%d" % next(self.numbers)
        octets = b"".join(b"%b-x\r\n" % code for _ in range(lines))
        octets += b"%b %b\r\n" % (code, number)
        if verb == "EHLO" and code == b"250":
            octets = EHLO_REPLY[:-2] + b" " + number + b"\r\n"
        if verb == "end of data":
            self.client.send_lines("a line\r\n")
            self.ends += 1
        say: Action = Drip(octets, 0) if drip else Say(octets)
        self.play(self.heard_by(verb), say)
        if not may_answer({"end of data": "."}.get(verb, verb), int(code)):
            with pytest.raises(RemoteProtocolError, match="was answered"):
                VERBS[verb](self.client, 10)
            assert self.client.state is State.CLOSED
            return
        reply = VERBS[verb](self.client, 10)
        # The reply shown belongs to its command.
        assert reply.octets == octets
        assert self.client.reply == reply

    @rule(verb=st.sampled_from(sorted(VERBS)), name=st.sampled_from(sorted(FAULTS)))
    def fault(self, verb: str, name: str) -> None:
        if not self.may(verb):
            return
        actions, wanted = FAULTS[name]
        if verb == "end of data":
            self.client.send_lines("a line\r\n")
            self.ends += 1
        self.play(self.heard_by(verb), *actions)
        if name == "close":
            self.scripts[self.n].steps.put(None)
        timeout = 0.05 if wanted is DeadlineExceeded else 10
        stop = threading.Timer(0.01, self.client.cancel)
        if wanted is Cancelled:
            stop.start()
        with pytest.raises(wanted) as caught:
            VERBS[verb](self.client, timeout)
        if wanted is Cancelled:
            stop.join()
        outcome = "unknown" if verb == "end of data" else None
        assert caught.value.outcome == outcome
        assert self.client.state is State.CLOSED

    @precondition(lambda self: self.client.state in {State.READY, State.MAIL})
    @rule(surplus=st.sampled_from([b"250 nobody\r\n", b"2", b"\0"]))
    def surplus(self, surplus: bytes) -> None:
        self.play(Hear(), Say(b"250 ok\r\n" + surplus), Hold())
        assert self.client.noop().ok
        with pytest.raises(RemoteProtocolError, match="nobody asked for"):
            self.client.noop(timeout=10)
        assert self.client.state is State.CLOSED

    @rule()
    def cancel(self) -> None:
        in_data = self.client.state is State.DATA
        self.client.cancel()
        self.client.cancel()
        assert self.client.state is State.CLOSED
        if in_data:
            assert self.over() == self.ends

    def over(self) -> int:
        """How many ends of data the server of this connection has heard."""
        self.play_out()
        heard = bytes(self.server.stages[self.n].heard)
        return heard.count(b"\r\n.\r\n") + heard.count(b"DATA\r\n.\r\n")

    def play_out(self) -> None:
        self.scripts[self.n].steps.put(None)
        self.server.wait_until_gone(self.n)

    @rule()
    def disconnect(self) -> None:
        self.client.disconnect()
        assert self.client.state is State.CLOSED

    @invariant()
    def the_client_says_where_it_is(self) -> None:
        assert (self.client.state is State.CLOSED) == (not self.client.allowed)

    def teardown(self) -> None:
        self.client.cancel()
        for script in self.scripts:
            script.steps.put(None)
        self.server.close()


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=25)
