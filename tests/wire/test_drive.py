"""The shield and the driver: where an interrupt raises, and where it waits."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from smtpnb import Cancelled
from smtpnb.wire.cancel import CancelToken
from smtpnb.wire.drive import Driver, Shield
from smtpnb.wire.wait import READ, Call, Wait, now

if TYPE_CHECKING:
    from smtpnb.wire.wait import Steps


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_until_the_shield_is_down() -> None:
    seen = []
    with closing(CancelToken()) as token:
        with pytest.raises(KeyboardInterrupt), Shield(token):  # noqa: PT012
            interrupt()
            seen.append(token.requested)
        assert seen == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("direct", [False, True], ids=["steps", "direct path"])
def test_an_interrupt_in_the_moment_before_a_poll_is_heard(direct: bool) -> None:
    """Its handler runs behind the poll, which nothing else wakes."""
    theirs, ours = socket.socketpair()
    with closing(CancelToken()) as token, theirs, ours:
        driver = Driver(token)
        if direct:
            assert driver.quiet(ours.fileno())
        later = threading.Timer(0.05, setattr, (token, "requested", True))
        later.start()
        if direct:
            assert not driver.answered(now() + 3600)
        assert driver.block(Wait(((ours.fileno(), READ),), now() + 3600)) == ()
        later.join()


def test_code_of_the_users_is_interrupted_where_it_is() -> None:
    seen: list[str] = []

    def steps() -> Steps[None]:
        try:
            yield Call(interrupt)
        except KeyboardInterrupt:
            seen.append("raised into the steps")
            raise

    with closing(CancelToken()) as token:
        with pytest.raises(KeyboardInterrupt), Shield(token) as shield:
            Driver(token).run(steps(), shield)
        assert seen == ["raised into the steps"]
        assert not token.requested


def test_steps_are_cancelled_by_an_interrupt_and_clean_up() -> None:
    seen: list[str] = []
    ours, theirs = socket.socketpair()

    def steps() -> Steps[None]:
        interrupt()
        try:
            yield Wait(((ours.fileno(), READ),), now() + 60)
        except Cancelled:
            seen.append("cancelled")
            raise

    with closing(CancelToken()) as token, ours, theirs:
        with pytest.raises(KeyboardInterrupt) as caught, Shield(token) as shield:
            Driver(token).run(steps(), shield)
        assert isinstance(caught.value.__context__, Cancelled)
    assert seen == ["cancelled"]


def test_what_the_steps_return_is_returned() -> None:
    def steps() -> Steps[int]:
        answer: int = yield Call(lambda: 6)
        return answer * 7

    with closing(CancelToken()) as token, Shield(token) as shield:
        assert Driver(token).run(steps(), shield) == 42


def test_an_ignored_interrupt_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with closing(CancelToken()) as token, Shield(token):
        interrupt()
        assert not token.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
