"""The token that stops a connection: one-shot, sticky, safe from anywhere.

`cancel()` may come from another thread, from a signal handler that interrupted the
very thread that waits, or from a widget's callback. So it takes no lock at all, and it
is never undone: a new connection gets a new token.

A token is a flag, and costs nothing. The wake-up is a pipe whose read end stands in
every wait; it is made when a driver first asks for it (`fileno`), is written and never
drained, so that no wake-up can be lost: a canceller sets the flag and then looks for a
pipe, the driver makes the pipe and then looks at the flag.

Closing must not race with a write, nor happen twice: the descriptor could already
belong to somebody else. So nobody closes a number. Whoever writes holds the pipe while
it does, and the descriptors go with the last who held it.

This module knows nothing of what is being cancelled.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NoReturn

from smtpnb.protocol.errors import ConnectError


class CancelToken:
    """A flag that wakes a waiting driver. One for each connection.

    Attributes:
        requested: Whether somebody asked to cancel.
    """

    __slots__ = ("_closed", "_pipe", "_process", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._closed = False
        self._pipe: _Pipe | None = None
        self._process = os.getpid()

    @property
    def is_ours(self) -> bool:
        """False in a child of `fork`: the connection is the parent's."""
        return self._process == os.getpid()

    def cancel(self) -> None:
        """Ask to stop. Any thread, any number of times; returns at once."""
        self.requested = True
        pipe = self._pipe
        if pipe is not None:
            pipe.wake()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable; -1 after `close`.

        One thread at a time may ask: the one that drives the connection.

        Raises:
            ConnectError: This process, or the machine, may open no more files.
        """
        pipe = self._pipe
        if pipe is None:
            if self._closed:
                return -1
            pipe = self._pipe = _Pipe()
            if self.requested:
                pipe.wake()
        return pipe.read

    def close(self) -> None:
        """Give the descriptors back; `requested` stays as it is. Never waits."""
        self._closed = True
        self._pipe = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a CancelToken belongs to one connection in one process")

    def __repr__(self) -> str:
        return f"<CancelToken {'requested' if self.requested else 'quiet'}>"


class _Pipe:
    """Two descriptors that are closed once: when nobody holds them any more."""

    __slots__ = ("_write", "read")

    def __init__(self) -> None:
        self.read = self._write = -1
        try:
            self.read, self._write = os.pipe()
        except OSError as error:
            raise ConnectError(
                f"nothing was tried, since it could not be cancelled: {error.strerror}"
            ) from None
        os.set_blocking(self._write, False)

    def wake(self) -> None:
        """Make the read end readable."""
        with suppress(BlockingIOError):  # 64 KiB of cancels wait there already
            os.write(self._write, b"!")

    def __del__(self) -> None:
        for fd in (self.read, self._write):
            if fd >= 0:
                os.close(fd)
