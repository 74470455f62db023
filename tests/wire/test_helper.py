"""Blocking calls in threads: they queue, end, are abandoned, and leave nothing behind.

The steps are driven by hand: a call that has ended makes its descriptor readable.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.protocol.errors import ConnectError, DeadlineExceeded, SmtpError
from smtpnb.wire import helper
from smtpnb.wire.wait import READ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.wire.wait import Steps

LATER = time.monotonic() + 3600


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A pool of our own, of two threads; all of them must have gone at the end."""
    pool = helper._Pool()
    monkeypatch.setattr(helper, "_pool", pool)
    monkeypatch.setattr(helper, "MAX_THREADS", 2)
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    yield pool
    for thread in threading.enumerate():
        if thread.name == "smtpnb-helper":
            thread.join(10)
    assert pool._threads == 0
    assert not pool._queue
    # No more: what somebody else left behind may have been collected meanwhile.
    assert len(os.listdir("/dev/fd")) <= before  # noqa: PTH208


def _fd(steps: Steps[Any]) -> int:
    """Begin; return what the steps wait for."""
    wait = next(steps)
    fd: int
    ((fd, mask),) = wait.fds
    assert mask == READ
    assert wait.deadline == LATER
    return fd


def _end(steps: Steps[Any], fd: int) -> Any:
    """Wait until the call has ended, and return what it returned."""
    assert select.select([fd], [], [], 10)[0], "it does not end"
    with pytest.raises(StopIteration) as stop:
        steps.send((fd,))
    return stop.value.value


class Gates:
    """Calls that last until a test lets them go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self._open: dict[int, threading.Event] = {}

    def call(self, number: int) -> Steps[int]:
        self._open[number] = threading.Event()
        return helper.call(self._hang, number, deadline=LATER)

    def let_go(self, *numbers: int) -> None:
        for number in numbers:
            self._open[number].set()

    def _hang(self, number: int) -> int:
        self.begun.append(number)
        assert self._open[number].wait(10)
        return number * 10


def test_a_call_returns_what_the_function_returns() -> None:
    steps = helper.call(max, 3, 7, deadline=LATER)
    assert _end(steps, _fd(steps)) == 7


@pytest.mark.parametrize("error", [OSError("no"), SystemExit(1), KeyboardInterrupt()])
def test_a_call_raises_what_the_function_raises(error: BaseException) -> None:
    def function() -> None:
        raise error

    steps = helper.call(function, deadline=LATER)
    fd = _fd(steps)
    assert select.select([fd], [], [], 10)[0]
    with pytest.raises(type(error)) as caught:
        steps.send((fd,))
    assert caught.value is error


def test_calls_beyond_the_places_queue_and_all_are_made() -> None:
    gates = Gates()
    calls = {number: gates.call(number) for number in range(7)}
    fds = {number: _fd(steps) for number, steps in calls.items()}
    gates.let_go(*calls)
    assert [_end(calls[number], fds[number]) for number in calls] == [
        number * 10 for number in calls
    ]


def test_a_queued_call_begins_when_another_ends() -> None:
    gates = Gates()
    calls = [gates.call(number) for number in range(3)]
    fds = [_fd(steps) for steps in calls]
    gates.let_go(1)
    _end(calls[1], fds[1])
    gates.let_go(2)  # though the first still hangs
    assert _end(calls[2], fds[2]) == 20
    gates.let_go(0)
    assert _end(calls[0], fds[0]) == 0


def test_a_call_abandoned_in_the_queue_is_never_made(pool: Any) -> None:
    gates = Gates()
    calls = [gates.call(number) for number in range(4)]
    fds = [_fd(steps) for steps in calls]
    calls[2].close()
    assert len(pool._queue) == 1
    gates.let_go(0, 1, 3)
    for number in (0, 1, 3):
        _end(calls[number], fds[number])
    assert sorted(gates.begun) == [0, 1, 3]


def test_an_abandoned_call_gives_its_place_back_when_it_ends(pool: Any) -> None:
    gates = Gates()
    calls = [gates.call(number) for number in range(3)]
    fds = [_fd(steps) for steps in calls]
    calls[0].close()
    calls[1].close()
    assert pool._threads == 2  # nobody can stop them
    gates.let_go(2, 1)
    assert _end(calls[2], fds[2]) == 20
    gates.let_go(0)


def test_the_deadline_abandons_a_call_and_says_whether_it_began() -> None:
    gates = Gates()
    calls = [gates.call(number) for number in range(3)]
    for steps in calls:
        next(steps)
    with pytest.raises(DeadlineExceeded, match="2 other calls of this kind did not"):
        calls[2].send(())
    with pytest.raises(DeadlineExceeded, match="the time is up"):
        calls[0].send(())
    calls[1].close()
    gates.let_go(0, 1)
    assert 2 not in gates.begun


def test_no_descriptor_left_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", pipe)
        for _ in range(5):
            with pytest.raises(ConnectError, match="no descriptor is left"):
                next(helper.call(max, 1, 2, deadline=LATER))
    steps = helper.call(max, 1, 2, deadline=LATER)
    assert _end(steps, _fd(steps)) == 2


def test_no_thread_left_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        for _ in range(5):
            with pytest.raises(SmtpError, match="no thread is left for it: can't"):
                next(helper.call(max, 1, 2, deadline=LATER))
    steps = helper.call(max, 1, 2, deadline=LATER)
    assert _end(steps, _fd(steps)) == 2


def _forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_fork_that_holds_the_pipe_keeps_nobody_waiting() -> None:
    gates = Gates()
    steps = gates.call(1)
    fd = _fd(steps)
    child = _forked(signal.pause)
    try:
        gates.let_go(1)
        assert _end(steps, fd) == 10
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_fork_has_places_of_its_own() -> None:
    gates = Gates()
    calls = [gates.call(number) for number in range(3)]
    fds = [_fd(steps) for steps in calls]

    def ask() -> None:
        steps = helper.call(max, 1, 2, deadline=LATER)
        assert _end(steps, _fd(steps)) == 2

    child = _forked(ask)
    _, status = os.waitpid(child, 0)
    gates.let_go(0, 1, 2)
    for steps, fd in zip(calls, fds, strict=True):
        _end(steps, fd)
    assert status == 0


def test_many_calls_at_once_from_many_threads_are_all_made() -> None:
    made: list[int] = []

    def ask(number: int) -> None:
        for count in range(20):
            steps = helper.call(max, number, count, deadline=LATER)
            made.append(_end(steps, _fd(steps)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 160
