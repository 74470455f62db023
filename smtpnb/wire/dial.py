"""From addresses to one connected socket: happy eyeballs (RFC 8305).

Addresses are tried in order; the next one starts when the one before failed, or after
a short head start, and the first that connects wins. All of them share one deadline.
Every attempt becomes an entry of the record, the losers as well.

This module knows nothing of TLS or of SMTP.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import ConnectError, DeadlineExceeded
from smtpnb.wire import record
from smtpnb.wire.record import clock
from smtpnb.wire.wait import WRITE, Wait, now

if TYPE_CHECKING:
    from smtpnb.wire.record import Record
    from smtpnb.wire.resolve import Address
    from smtpnb.wire.wait import Steps

# RFC 8305 section 8: the recommended delay before the next attempt, in seconds.
HEAD_START: Final = 0.25


def connect(
    log: Record, addresses: list[Address], deadline: float
) -> Steps[socket.socket]:
    """Return a connected, non-blocking socket to the first address that answers.

    Raises:
        ConnectError: Every address refused; the text tells each reason.
        DeadlineExceeded: None connected in time.
    """
    race = _Race(log, addresses)
    try:
        while True:
            race.start_next()
            if race.winner is None and not race.running:
                if race.waiting:
                    continue
                raise ConnectError(f"no address accepted: {'; '.join(race.failures)}")
            if race.winner is None:
                head_start = now() + HEAD_START if race.waiting else deadline
                fds = tuple((fd, WRITE) for fd in race.running)
                ready = yield Wait(fds, min(head_start, deadline))
                if not ready and now() >= deadline:
                    raise DeadlineExceeded("no address answered in time")
                race.settle(ready)
            if race.winner is not None:
                return race.winner
    finally:
        race.close_losers()


class _Race:
    """The attempts under way. Every socket made here is returned or closed."""

    def __init__(self, log: Record, addresses: list[Address]) -> None:
        self.log = log
        self.waiting = list(reversed(addresses))
        self.running: dict[int, tuple[socket.socket, Address, int]] = {}
        self.failures: list[str] = []
        self.winner: socket.socket | None = None

    def start_next(self) -> None:
        """Start one more attempt, if an address is left."""
        if not self.waiting:
            return
        address = self.waiting.pop()
        started = clock()
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(address, started, error.errno or 0)
            return
        sock.setblocking(False)
        code = sock.connect_ex(address.sockaddr)
        self.running[sock.fileno()] = (sock, address, started)
        if code not in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
            self._finish(sock.fileno(), code)

    def settle(self, ready: tuple[int, ...]) -> None:
        """Look at the sockets that are ready; the first good one wins."""
        for fd in ready:
            if self.winner is None:
                sock = self.running[fd][0]
                self._finish(fd, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def close_losers(self) -> None:
        """Close whatever still runs."""
        for sock, address, started in self.running.values():
            sock.close()
            self._note(address, started, None, "abandoned")
        self.running.clear()

    def _finish(self, fd: int, code: int) -> None:
        sock, address, started = self.running.pop(fd)
        if code:
            sock.close()
            self._failed(address, started, code)
            return
        # Without it the small last write (".") can wait 40 ms for a delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._note(address, started, str(sock.getsockname()[0]), None)
        self.winner = sock

    def _failed(self, address: Address, started: int, code: int) -> None:
        self.failures.append(f"{address}: {os.strerror(code)}")
        self._note(address, started, None, os.strerror(code))

    def _note(
        self, address: Address, started: int, local: str | None, error: str | None
    ) -> None:
        port = address.sockaddr[1]
        self.log.add(record.CONNECT, started, clock(), str(address), port, local, error)
