"""The drivers: the only code in smtpnb that can block.

A driver advances a generator of steps, waits for what it yields, and throws `Cancelled`
into it when the token says so. Because nothing else waits, everything that waits can
be cancelled, at once, and that is true by construction rather than by care.

Kernel interrupt: inside a `Shield`, SIGINT sets the token instead of raising somewhere
in the middle of our own bookkeeping. The steps abort in order, and when the shield goes
down the handler that stood there before is called, which raises KeyboardInterrupt, so
that "Run All" stops. While code of the user's runs (`Call`), that handler is back at
once: what hangs there is interrupted there.

This module knows nothing of SMTP.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # has no stub
import select
import signal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from smtpnb.protocol.errors import Cancelled, DeadlineExceeded, SmtpError
from smtpnb.wire.wait import LONGEST_POLL, READ, Call, Ready, Steps, Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from smtpnb.wire.cancel import CancelToken

_T = TypeVar("_T")

TICK: Final = 0.1
# What signal.signal wraps. The wrapper turns handlers into enums and back, which costs
# 4 us for each verb: as much as all else a driver does.
_set_handler: Final = _signal.signal
_SIGINT: Final = int(signal.SIGINT)
# What an error tells, for the KeyboardInterrupt that takes its place.
_CONTEXT: Final = (
    *("deliveries", "half_said", "outcome", "peer", "phase", "replies", "reply"),
    "transcript",
)


class Shield:
    """While it is up, SIGINT sets a token and is remembered; nothing raises.

    On other threads than the main one, where no signal arrives, it does nothing.

    Args:
        token: What SIGINT sets; None for nothing.
    """

    __slots__ = ("_frame", "_previous", "token")

    def __init__(self, token: CancelToken | None) -> None:
        self.token = token
        self._frame: Any = None
        self._previous: Any = None

    def __call__(self, signum: int, frame: Any) -> None:
        """Take the signal."""
        self._frame = frame
        if self.token is not None:
            self.token.cancel()

    def __enter__(self) -> Self:
        try:
            previous = _set_handler(_SIGINT, self)
        except ValueError:  # not the main thread
            return self
        if callable(previous):
            self._previous = previous
        else:  # SIG_IGN, SIG_DFL or a handler of C: leave it be
            _set_handler(_SIGINT, previous)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._previous is None:
            return
        _set_handler(_SIGINT, self._previous)
        if self._frame is None:
            return
        try:
            self._previous(_SIGINT, self._frame)
        except BaseException as interrupt:
            for name in _CONTEXT:
                if hasattr(error, name):
                    setattr(interrupt, name, getattr(error, name))
            if isinstance(error, (Cancelled, SmtpError)) and not interrupt.args:
                interrupt.args = (str(error),)
            raise

    def outside(self, call: Call) -> Any:
        """Run code of the user's as if there were no shield."""
        if self._previous is None:
            return call.function(*call.args)
        _set_handler(_SIGINT, self._previous)
        try:
            return call.function(*call.args)
        finally:
            self._up_again()

    def take(self, interrupt: KeyboardInterrupt) -> None:
        """Take an interrupt that came outside, as the signal that it was.

        Raises:
            KeyboardInterrupt: There is no shield: it was no signal.
        """
        if self._previous is None or interrupt.__traceback__ is None:
            raise interrupt
        self(_SIGINT, interrupt.__traceback__.tb_frame)

    def _up_again(self) -> None:
        interrupt: BaseException | None = None
        while True:
            try:
                _set_handler(_SIGINT, self)
            except BaseException as error:  # noqa: BLE001  # raised below
                interrupt = error  # it came in this very moment
            else:
                break
        if interrupt is not None:
            raise interrupt


class Driver:
    """Runs the steps of one connection on the thread that asks.

    Most waits of a session are for the same descriptor as the last one; what stays
    registered is not registered again, from verb to verb.

    Args:
        token: What cancels the connection.

    Attributes:
        on_tick: Called about ten times a second while waiting (a live line in a
            notebook); it must not block.
        latest: When whatever runs must be done, whatever it waits for; or None.
        deadline: Of the present or last wait, for who looks on; None before it.
    """

    __slots__ = ("_fds", "_poll", "_wake", "deadline", "latest", "on_tick", "token")

    def __init__(self, token: CancelToken) -> None:
        self.token = token
        self.on_tick: Callable[[], None] | None = None
        self.latest: float | None = None
        self.deadline: float | None = None
        self._wake = token.fileno()
        self._poll = select.poll()
        if self._wake >= 0:  # else it is closed, and so is the connection
            self._poll.register(self._wake, select.POLLIN)
        self._fds: tuple[tuple[int, int], ...] = ()

    def run(self, steps: Steps[_T], shield: Shield) -> _T:
        """Run steps to their end.

        Raises:
            Cancelled: The token was set, and the steps did not end before they saw it.
        """
        try:
            self.advance(steps, shield)
        except StopIteration as stop:
            result: _T = stop.value
            return result
        finally:
            steps.close()
        raise AssertionError("these steps hand something out")

    def advance(self, steps: Steps[Any], shield: Shield) -> Any:
        """Run steps until they hand something out, and return it.

        Raises:
            StopIteration: They have ended; its value is what they returned.
            Cancelled: As `run`.
        """
        tick = None if self.on_tick is None else _Ticker(self.on_tick, shield)
        asked = next(steps)
        while True:
            try:
                if type(asked) is Wait:
                    answer: Any = self.block(asked, tick)
                elif type(asked) is Call:
                    answer = shield.outside(asked)
                else:
                    return asked
            except BaseException as error:  # noqa: BLE001  # the steps clean up
                asked = steps.throw(error)
                continue
            if self.token.requested:
                asked = steps.throw(Cancelled("cancelled"))
            elif self.latest is not None and self.latest <= now():
                asked = steps.throw(DeadlineExceeded("the time is up"))
            else:
                asked = steps.send(answer)

    def block(self, wait: Wait, tick: _Ticker | None = None) -> Ready:
        """Wait until a descriptor is ready, the token is set or a deadline passes."""
        if wait.fds != self._fds:
            self._watch(wait.fds)
        deadline = wait.deadline
        if self.latest is not None:
            deadline = min(deadline, self.latest)
        self.deadline = deadline
        while True:
            # A peer that trickles octets must not keep the tick from coming.
            pause = min(max(deadline - now(), 0.0), LONGEST_POLL)
            if tick is not None:
                pause = min(pause, tick.left())
            # poll() counts whole milliseconds: round up, or it spins at the end.
            events = self._poll.poll(int(pause * 1000) + 1 if pause else 0)
            if events or self.token.requested:
                return tuple([fd for fd, _ in events if fd != self._wake])
            if deadline <= now():
                return ()

    def _watch(self, fds: tuple[tuple[int, int], ...]) -> None:
        for fd, _ in self._fds:
            self._poll.unregister(fd)
        for fd, mask in fds:
            self._poll.register(fd, mask)
        self._fds = fds

    # What leaves at once, and its reply, without steps (see `_owner.Owner.converse`)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the reply, its deadline and a cancel is waited for."""
        return self.on_tick is None and self.latest is None

    def quiet(self, fd: int) -> bool:
        """Tell whether nothing has come in, and nobody has cancelled."""
        fds = ((fd, READ),)
        if self._fds != fds:
            self._watch(fds)
        return not self._poll.poll(0)

    def answered(self, deadline: float) -> bool:
        """Wait a moment until something came in; False if anything else ended the wait.

        The driver `is_plain`, and was asked before whether all is `quiet`.
        """
        self.deadline = deadline
        pause = min(deadline - now(), LONGEST_POLL)
        if pause <= 0:
            return False
        events = self._poll.poll(int(pause * 1000) + 1)
        if len(events) != 1 or self.token.requested:
            return False
        return events[0][0] == self._fds[0][0]


class Look:
    """Tells whether something has come in on a descriptor; never waits.

    A receive in vain tells the same, by an exception: that takes four times as long.
    """

    __slots__ = ("_poll",)

    def __init__(self, fd: int) -> None:
        self._poll = select.poll()
        self._poll.register(fd, READ)

    def __call__(self) -> bool:
        """Look once."""
        return bool(self._poll.poll(0))


class _Ticker:
    """Calls a function about ten times a second, however often it is asked to.

    It is code of the user's, like any other: it can be interrupted. That interrupts
    the verb, as in any other moment of its wait, and it is told what became of it.
    """

    __slots__ = ("_call", "_due", "_shield")

    def __init__(self, function: Callable[[], None], shield: Shield) -> None:
        self._call = Call(function)
        self._shield = shield
        self._due = now() + TICK

    def left(self) -> float:
        """Return the seconds until the next call is due; call if it is."""
        left = self._due - now()
        if left > 0:
            return left
        try:
            self._shield.outside(self._call)
        except KeyboardInterrupt as interrupt:
            self._shield.take(interrupt)
        self._due = now() + TICK
        return TICK
