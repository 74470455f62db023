"""The token that stops a connection: one-shot, sticky, safe from anywhere.

`cancel()` may come from another thread, from a signal handler that interrupted the
very thread that waits, or from a widget's callback. So it takes no lock it could wait
for, and it is never undone: a new connection gets a new token.

The wake-up is a pipe whose read end stands in every wait. It is written once and
never drained, so no wake-up can be lost. Closing it must not race with a write (the
descriptor could already belong to somebody else); a lock that both only *try* settles
that: if the try fails, either another canceller is writing the same octet, or the
connection is being closed, and both are what was wanted.

This module knows nothing of what is being cancelled.
"""

from __future__ import annotations

import os
import threading
from typing import NoReturn


class CancelToken:
    """A flag that wakes a waiting driver. One for each connection.

    Attributes:
        requested: Whether somebody asked to cancel.
    """

    __slots__ = ("_lock", "_process", "_read", "_write", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    @property
    def is_ours(self) -> bool:
        """False in a child of `fork`: the connection is the parent's."""
        return self._process == os.getpid()

    def cancel(self) -> None:
        """Ask to stop. Any thread, any number of times; returns at once."""
        self.requested = True
        if self._lock.acquire(blocking=False):
            try:
                if self._write >= 0:
                    os.write(self._write, b"!")
            except BlockingIOError:
                pass  # 64 KiB of cancels wait there already
            finally:
                self._lock.release()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable; -1 after `close`."""
        return self._read

    def close(self) -> None:
        """Give the descriptors back; `requested` stays as it is.

        Never waits: if somebody is writing this moment (perhaps the code that a
        signal handler interrupted to come here), they go when the token does.
        """
        if self._lock.acquire(blocking=False):
            try:
                for fd in (self._read, self._write):
                    if fd >= 0:
                        os.close(fd)
                self._read = self._write = -1
            finally:
                self._lock.release()

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a CancelToken belongs to one connection in one process")

    def __repr__(self) -> str:
        return f"<CancelToken {'requested' if self.requested else 'quiet'}>"
