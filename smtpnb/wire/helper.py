"""Blocking calls of others, made abandonable.

getaddrinfo cannot be stopped. So such a call runs in a daemon thread, and the step
waits for a pipe to which that thread writes at its end. A cancelled step walks away;
the thread ends when its call does and touches nothing of ours.

How many threads may be out there is capped, so that a resolver that hangs cannot eat
the machine. Calls beyond that queue: a thread that has ended its call takes the next.
A call that is abandoned in the queue is never made.

This module is the one exemption from "only `drive` may block". It knows nothing of
what it calls.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from smtpnb.protocol.errors import ConnectError, DeadlineExceeded
from smtpnb.wire.wait import READ, until_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")

MAX_THREADS: Final = 64


def call(function: Callable[..., _T], *args: Any, deadline: float) -> Steps[_T]:
    """Call a blocking function and wait for it as for any descriptor.

    Raises:
        DeadlineExceeded: The deadline passed; the call is abandoned.
        ConnectError: This process gets no thread or no descriptor for it.
        Exception: Whatever the function raised.
    """
    try:
        read, write = os.pipe()
    except OSError as error:
        raise ConnectError(f"no descriptor is left for it: {error.strerror}") from None
    job = _Job(function, args, write)
    try:
        _pool.take(job)
        yield from until_ready(read, READ, deadline)
    except DeadlineExceeded:
        if _pool.abandon(job):
            raise DeadlineExceeded(
                f"{MAX_THREADS} other calls of this kind did not end in time"
            ) from None
        raise
    finally:
        _pool.abandon(job)
        os.close(read)
    value, raised = job.outcome[0]
    if raised is not None:
        raise raised
    return value  # type: ignore[no-any-return]  # what the function returned


class _Job:
    """One call: what to do, where to say that it is done, and what came of it."""

    __slots__ = ("_args", "_function", "_write", "outcome")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], write: int
    ) -> None:
        self._function = function
        self._args = args
        self._write = write
        self.outcome: list[tuple[Any, BaseException | None]] = []

    def run(self) -> None:
        """Make the call, in a thread of the pool."""
        try:
            self.outcome.append((self._function(*self._args), None))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self.outcome.append((None, error))
        finally:
            # An octet as well as the end: a child of fork may hold the pipe open, too.
            with suppress(OSError):  # nobody reads any more
                os.write(self._write, b"!")
            self.drop()

    def drop(self) -> None:
        """Give back the end of the pipe that is the job's."""
        os.close(self._write)


class _Pool:
    """The threads that are out there, and the jobs that wait for one of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Job] = deque()
        self._threads = 0

    def take(self, job: _Job) -> None:
        """Start a job, or queue it.

        Raises:
            ConnectError: No thread can be started; the job is dropped.
        """
        with self._lock:
            if self._threads >= MAX_THREADS:
                self._queue.append(job)
                return
            self._threads += 1
        thread = threading.Thread(
            target=self._work, args=(job,), name="smtpnb-helper", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            with self._lock:
                self._threads -= 1
            job.drop()
            raise ConnectError(f"no thread is left for it: {error}") from None

    def abandon(self, job: _Job) -> bool:
        """Take a job out of the queue; False if it began, or has gone already."""
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
        job.drop()
        return True

    def _work(self, job: _Job) -> None:
        while True:
            job.run()
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                job = self._queue.popleft()


_pool = _Pool()


def _new_pool() -> None:
    """In a child of fork there are no threads, and the lock may be held for ever."""
    global _pool  # noqa: PLW0603  # one pool a process
    _pool = _Pool()


os.register_at_fork(after_in_child=_new_pool)
