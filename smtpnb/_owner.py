"""Whose turn it is on a client: one verb at a time, one cancel from anywhere.

A verb holds the client for its duration; a second thread is told so at once. `cancel`
sets the token and then *tries* the lock that a running verb holds: if a verb runs, its
thread wakes and aborts; if none does, the connection is aborted here. Neither ever
waits for the other.

While a verb runs on the main thread, SIGINT sets the token instead of raising (see
`wire.drive.Shield`), and taking and giving back the lock stands inside that shield: no
interrupt, wherever it falls, leaves a client locked.

A stream of messages reserves the client between its messages: nobody may say anything
in the middle of it.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from smtpnb.protocol.commands import EndOfData
from smtpnb.protocol.errors import LocalProtocolError, SmtpError
from smtpnb.wire.cancel import CancelToken
from smtpnb.wire.drive import Driver, Shield

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.group import Group
    from smtpnb.protocol.reply import Reply
    from smtpnb.transfer.body import Body
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")
_END: Final = EndOfData()


class Reservation(Protocol):
    """What holds a client between its own steps."""

    guest: int | None
    """The thread that may say verbs all the same (it connects again)."""

    latest: float | None
    """When whatever that thread says must be done; absolute."""

    @property
    def stopped(self) -> bool:
        """Whether somebody cancelled: no new connection may begin."""

    def cancelled(self) -> None:
        """Somebody cancelled while nothing ran; the client is held meanwhile."""


class Owner:
    """Holds the engine of a client, and lets one thread at a time use it.

    Attributes:
        engine: The present or last connection; None before the first.
        token: What cancels it.
        reservation: What holds the client between its steps, or None.
        on_tick: See `Driver`.
    """

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.token: CancelToken | None = None
        self.reservation: Reservation | None = None
        self.on_tick: Callable[[], None] | None = None
        self._driver: Driver | None = None
        self._busy = threading.Lock()
        self._verb = ""

    def run(
        self, verb: str, work: Callable[[Shield], _T], by: Reservation | None = None
    ) -> _T:
        """Do something while nobody else may.

        Args:
            verb: What to call it when somebody else comes.
            work: What to do; it gets the shield that is up meanwhile.
            by: The reservation that asks; None for a verb.

        Raises:
            LocalProtocolError: Another thread is in a verb, or a stream is under way.
        """
        with Shield(self.token) as shield:
            self._acquire(verb, by)
            try:
                return work(shield)
            finally:
                self._release()

    def drive(self, steps: Steps[_T], shield: Shield) -> _T:
        """Run steps to their end, for `work` of `run`."""
        return self.driver(shield).run(steps, shield)

    def driver(self, shield: Shield) -> Driver:
        """Return the driver of the present connection."""
        driver = self._driver
        if driver is None:
            if self.token is None:
                self.token = CancelToken()
            driver = self._driver = Driver(self.token)
        shield.token = driver.token
        driver.on_tick = self.on_tick
        held = self.reservation
        driver.latest = None if held is None else held.latest
        return driver

    @property
    def waiting(self) -> tuple[str, float] | None:
        """The verb that waits, and its present deadline; None if none does."""
        driver = self._driver
        if driver is None or driver.deadline is None or not self._busy.locked():
            return None
        return self._verb, driver.deadline

    def begin(self, shield: Shield) -> None:
        """A new connection begins: a new token, before anything takes time."""
        self.token = shield.token = CancelToken()
        self._driver = None
        if self.reservation is not None and self.reservation.stopped:
            self.token.cancel()

    def opened(self, engine: Engine) -> None:
        """Take the engine of a new connection."""
        self.engine = engine

    # What leaves at once, and its reply

    def say(self, engine: Engine, command: Command, limit: float | None) -> Reply:
        """Send one command and return its reply."""
        with Shield(self.token) as shield:
            self._acquire(command.verb, None)
            try:
                return self.converse(engine, command, limit, shield)
            finally:
                self._release()

    def converse(
        self, engine: Engine, command: Command, limit: float | None, shield: Shield
    ) -> Reply:
        """As `say`, for `work` of `run`.

        The usual case - octets out, a reply back, in clear, nothing unusual - takes a
        direct path through the same checks, records and rules; whatever is unusual
        goes on by steps from where it is.
        """
        octets = engine.prepared(command)
        if not self._may_be_direct(engine, shield):
            return self.drive(engine.converse(command, octets, limit), shield)
        leave = partial(engine.exchange.say_now, command, octets, limit)
        go_on = partial(engine.rest, command)
        return self._directly(engine, command, leave, go_on, shield)

    def finish(
        self, body: Body, group: Group, limit: float | None, shield: Shield
    ) -> Reply:
        """Send all of a content with its end, likewise; return the final reply."""
        if not self._may_be_direct(body.engine, shield):
            return self.drive(body.end(limit, group), shield)
        leave = partial(body.leave_now, group, limit)
        return self._directly(body.engine, _END, leave, body.rest, shield)

    def _may_be_direct(self, engine: Engine, shield: Shield) -> bool:
        """Whether nothing is unusual so far: nobody cancelled, nothing came unasked."""
        fd, driver = engine.quiet_fd, self.driver(shield)
        return fd >= 0 and driver.is_plain and driver.quiet(fd)

    def _directly(
        self,
        engine: Engine,
        command: Command,
        leave: Callable[[], Steps[None] | None],
        go_on: Callable[[Steps[None] | None], Steps[Reply]],
        shield: Shield,
    ) -> Reply:
        driver = self._driver
        assert driver is not None  # noqa: S101  # it `may_be_direct`
        try:
            rest = leave()
            if rest is None and driver.answered(engine.session.queue[0].deadline):
                reply = engine.hear_now(command)
                if reply is not None:
                    return reply
        except SmtpError as error:
            engine.failed(command.step, error)
            raise
        return driver.run(go_on(rest), shield)

    # Whose turn

    def _acquire(self, verb: str, by: Reservation | None) -> None:
        if self.token is not None and not self.token.is_ours:
            raise LocalProtocolError(
                "this client belongs to the process that forked; make a new one"
            )
        if not self._busy.acquire(blocking=False):
            raise LocalProtocolError(
                f"another thread is in {self._verb or 'a verb'}, or that called this "
                "code; one verb at a time (cancel() may come from any thread, and from "
                "a callback); nothing was sent"
            )
        if self.reservation is None or self._may_speak(self.reservation, by):
            self._verb = verb
            return
        self._busy.release()
        raise LocalProtocolError(
            "a stream of messages is under way: exhaust it, close() it or cancel() "
            "first; nothing was sent"
        )

    def _may_speak(self, held: Reservation, by: Reservation | None) -> bool:
        if held is by:
            return held.guest is None  # else its connection is still being made
        return held.guest == threading.get_ident()

    def _release(self) -> None:
        if self._driver is not None:
            self._driver.deadline = None
        self._give_back()
        self._busy.release()
        # A cancel that found the verb running left the abort to us; if the verb ended
        # just before it could see the token, nobody has aborted yet.
        if self.token is not None and self.token.requested:
            self._abort_if_idle()

    def _give_back(self) -> None:
        """Keep no descriptor once the connection has ended."""
        ended = self.engine is None or not self.engine.connected
        if ended and self.token is not None:
            self._driver = None
            self.token.close()

    # Cancel

    def cancel(self) -> None:
        """End whatever runs, and the connection. Any thread, any number of times."""
        token = self.token
        if token is not None and token.is_ours:
            token.cancel()
            self._abort_if_idle()

    def _abort_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                if self.reservation is not None:
                    self.reservation.cancelled()
                if self.engine is not None:
                    self.engine.cancel()
                self._give_back()
            finally:
                self._busy.release()
