"""From addresses to one connected socket: happy eyeballs (RFC 8305).

Addresses are tried in order; the next one starts when the one before failed, or after
a short head start, and the first that connects wins. All of them share one deadline.
Every attempt becomes an entry of the record, the losers as well. A single address runs
no race.

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
# How many addresses an error names for each reason: a name can have thousands.
NAMED: Final = 8

_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR)
# What fails for every address alike, since it is we who have nothing left.
_SCARCE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def connect(
    log: Record, addresses: list[Address], deadline: float
) -> Steps[socket.socket]:
    """Return a connected, non-blocking socket to the first address that answers.

    Raises:
        ConnectError: Every address refused, with the reasons; or no socket could be
            made at all.
        DeadlineExceeded: None connected in time.
    """
    if len(addresses) == 1:
        return _connect_one(log, addresses[0], deadline)
    return _connect_first(log, addresses, deadline)


def _connect_one(
    log: Record, address: Address, deadline: float
) -> Steps[socket.socket]:
    attempt = _Attempt(log, address)
    try:
        while attempt.pending:
            if not (yield Wait(((attempt.fileno(), WRITE),), deadline)):
                raise DeadlineExceeded("the address did not answer in time")
            attempt.settle()
        if attempt.failure is not None:
            raise _refusal([(address, attempt.failure)])
        return attempt.hand_over()
    finally:
        attempt.abandon()


def _connect_first(
    log: Record, addresses: list[Address], deadline: float
) -> Steps[socket.socket]:
    waiting = list(reversed(addresses))
    live: list[_Attempt] = []
    failed: list[tuple[Address, str]] = []
    try:
        while waiting or live:
            if waiting:
                live.append(_Attempt(log, waiting.pop()))
            # What failed at once is not waited for, but a cancel is seen meanwhile.
            wait = Wait((), 0)
            if all(attempt.pending for attempt in live):
                head_start = now() + HEAD_START if waiting else deadline
                fds = tuple((attempt.fileno(), WRITE) for attempt in live)
                wait = Wait(fds, min(head_start, deadline))
            ready = yield wait
            if not ready and now() >= deadline:
                raise DeadlineExceeded("no address answered in time")
            for attempt in list(live):
                if attempt.pending and attempt.fileno() in ready:
                    attempt.settle()
                if attempt.failure is not None:
                    failed.append((attempt.address, attempt.failure))
                    live.remove(attempt)
                elif not attempt.pending:
                    return attempt.hand_over()
        raise _refusal(failed)
    finally:
        for attempt in live:
            attempt.abandon()


def _refusal(failed: list[tuple[Address, str]]) -> ConnectError:
    """Say why every address failed: each reason once, with a few of the addresses."""
    reasons: dict[str, list[str]] = {}
    for address, reason in failed:
        reasons.setdefault(reason, []).append(str(address))
    parts = []
    for reason, addresses in reasons.items():
        more = len(addresses) - NAMED
        rest = f" and {more} more" if more > 0 else ""
        parts.append(f"{', '.join(addresses[:NAMED])}{rest}: {reason}")
    return ConnectError(f"no address accepted: {'; '.join(parts)}")


class _Attempt:
    """One attempt at one address; its socket is handed over or closed.

    Attributes:
        address: Where to.
        pending: It is not known yet whether it succeeds.
        failure: Why it failed; None while it is pending, and when it succeeded.

    Raises:
        ConnectError: No socket can be made, for this address or any other.
    """

    __slots__ = ("_log", "_sock", "_started", "address", "failure", "pending")

    def __init__(self, log: Record, address: Address) -> None:
        self._log = log
        self._started = clock()
        self._sock: socket.socket | None = None
        self.address = address
        self.pending = False
        self.failure: str | None = None
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(error.errno)
            if error.errno in _SCARCE:
                raise ConnectError(f"no socket can be made: {self.failure}") from None
            return
        self._sock = sock
        try:
            sock.setblocking(False)
            code = sock.connect_ex(address.sockaddr)
        except OSError as error:
            code = error.errno or errno.EINVAL
        self.pending = code in _UNDER_WAY
        if not self.pending:
            self._over(code)

    def fileno(self) -> int:
        """Return what becomes writable when the attempt is over."""
        assert self._sock is not None  # noqa: S101  # only pending attempts are asked
        return self._sock.fileno()

    def settle(self) -> None:
        """Learn how it ended."""
        assert self._sock is not None  # noqa: S101  # as above
        self.pending = False
        self._over(self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def hand_over(self) -> socket.socket:
        """Return the connected socket; it is the caller's from now on."""
        sock, self._sock = self._sock, None
        assert sock is not None  # noqa: S101  # only winners are asked
        return sock

    def abandon(self) -> None:
        """Close what was not handed over."""
        if self._sock is not None:
            self._sock.close()
            self._note(None, "abandoned")

    def _over(self, code: int) -> None:
        sock = self._sock
        assert sock is not None  # noqa: S101  # as above
        try:
            if not code:
                # Else the small last write (".") can wait 40 ms for a delayed ACK.
                local = None
                if not self.address.is_unix:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    local = str(sock.getsockname()[0])
                self._note(local, None)
                return
        except OSError as error:  # some systems refuse options of a reset connection
            code = error.errno or errno.EINVAL
        sock.close()
        self._sock = None
        self._failed(code)

    def _failed(self, code: int | None) -> None:
        self.failure = os.strerror(code or errno.EINVAL)
        self._note(None, self.failure)

    def _note(self, local: str | None, error: str | None) -> None:
        host, port = self.address.host, self.address.port
        self._log.add(record.CONNECT, self._started, clock(), host, port, local, error)
