"""The drivers: the only code in smtpnb that can block.

A driver advances a generator of steps, waits for what it yields, and throws `Cancelled`
into it when the token says so. Because nothing else waits, everything that waits can
be cancelled, at once, and that is true by construction rather than by care.

Kernel interrupt: while `run` is on the main thread, SIGINT sets the token instead of
raising somewhere in the middle of our own bookkeeping. The steps abort in order, and
then the handler that stood there before is called, which raises KeyboardInterrupt, so
that "Run All" stops.

This module knows nothing of SMTP.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # has no stub
import select
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from smtpnb.protocol.errors import Cancelled
from smtpnb.wire.wait import LONGEST_PAUSE, Ready, Steps, Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.cancel import CancelToken

_T = TypeVar("_T")

TICK: Final = 0.1

# What signal.signal wraps. The wrapper turns handlers into enums and back, which costs
# 4 us for each verb: as much as all else a driver does.
_set_handler: Final = _signal.signal
_SIGINT: Final = int(signal.SIGINT)


def run(
    steps: Steps[_T],
    token: CancelToken,
    *,
    on_tick: Callable[[], None] | None = None,
) -> _T:
    """Run steps to their end on this thread.

    Args:
        steps: What to do.
        token: What cancels it.
        on_tick: Called about ten times a second while waiting (a live line in a
            notebook); it must not block.

    Raises:
        Cancelled: The token was set, and the steps did not end before they saw it.
        KeyboardInterrupt: SIGINT came meanwhile; the steps have ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return _run(steps, token, on_tick)
    interrupt = _Interrupt(token)
    previous = _set_handler(_SIGINT, interrupt)
    if not callable(previous):  # SIG_IGN, SIG_DFL or a handler of C: leave it be
        _set_handler(_SIGINT, previous)
        return _run(steps, token, on_tick)
    try:
        return _run(steps, token, on_tick)
    finally:
        _set_handler(_SIGINT, previous)
        if interrupt.frame is not None:
            previous(_SIGINT, interrupt.frame)


class _Interrupt:
    """A SIGINT handler that sets the token and remembers that it was called."""

    __slots__ = ("frame", "token")

    def __init__(self, token: CancelToken) -> None:
        self.token = token
        self.frame: Any = None

    def __call__(self, signum: int, frame: Any) -> None:
        self.frame = frame
        self.token.cancel()


def _run(
    steps: Steps[_T], token: CancelToken, on_tick: Callable[[], None] | None
) -> _T:
    tick = None if on_tick is None else _Ticker(on_tick)
    try:
        wait = next(steps)
        waiter = _Waiter(token)
        while True:
            ready = waiter.block(wait, tick)
            if token.requested:
                wait = steps.throw(Cancelled("cancelled"))
            else:
                wait = steps.send(ready)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    finally:
        steps.close()


class _Ticker:
    """Calls a function about ten times a second, however often it is asked to."""

    __slots__ = ("_due", "_function")

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._due = now() + TICK

    def left(self) -> float:
        """Return the seconds until the next call is due; call if it is."""
        left = self._due - now()
        if left > 0:
            return left
        self._function()
        self._due = now() + TICK
        return TICK


class _Waiter:
    """Waits for the descriptors of one wait after the other, and for the token.

    Most waits of a session are for the same descriptor as the last one; what stays
    registered is not registered again.
    """

    __slots__ = ("_fds", "_poll", "_token", "_wake")

    def __init__(self, token: CancelToken) -> None:
        self._token = token
        self._wake = token.fileno()
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        self._fds: tuple[tuple[int, int], ...] = ()

    def block(self, wait: Wait, tick: _Ticker | None) -> Ready:
        """Wait until a descriptor is ready, the token is set or the deadline passes."""
        if wait.fds != self._fds:
            for fd, _ in self._fds:
                self._poll.unregister(fd)
            for fd, mask in wait.fds:
                self._poll.register(fd, mask)
            self._fds = wait.fds
        while True:
            # A peer that trickles octets must not keep the tick from coming.
            pause = min(max(wait.deadline - now(), 0.0), LONGEST_PAUSE)
            if tick is not None:
                pause = min(pause, tick.left())
            # poll() counts whole milliseconds: round up, or it spins at the end.
            events = self._poll.poll(int(pause * 1000) + 1 if pause else 0)
            if events or self._token.requested:
                return tuple([fd for fd, _ in events if fd != self._wake])
            if wait.deadline <= now():
                return ()
