"""One connected byte stream: non-blocking, in clear or under TLS, as steps.

TLS runs over two memory BIOs, so that the same few waits carry plain octets, a
handshake and ciphertext, and cancel reaches all of them. What to know about it:

* A readable socket says nothing about SMTP: tickets, key updates and close_notify are
  records, too. Octets are read into the BIO until the kernel has no more, then the
  TLS object is asked; and it is asked before any wait, since plaintext may be pending.
* After a failed handshake the outgoing BIO is flushed: the alert is the diagnosis.
* An end without close_notify is a truncation, and an error.

`sent` counts the octets that the kernel has taken, which is what tells whether a final
dot may have left. Under TLS, plaintext counts when all of its ciphertext was taken.

This module knows nothing of replies or commands.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    TlsError,
)
from smtpnb.wire.alerts import words_of
from smtpnb.wire.drive import Look
from smtpnb.wire.tls import failure, negotiated
from smtpnb.wire.wait import READ, WRITE, Wait, now, until_ready

if TYPE_CHECKING:
    from smtpnb.wire.tls import TlsPolicy
    from smtpnb.wire.wait import Steps

# More than 64 KiB a call crosses malloc's mmap threshold and costs 25 us (measured).
CHUNK: Final = 64 * 1024
# The plaintext of one TLS record (RFC 8446 section 5.1). A peer reads a record whole or
# not at all, so counting records tells exactly what it can have read.
RECORD: Final = 16 * 1024
# So often is the kernel asked in one go: a flood of records without a word in them may
# not keep deadline and cancel out.
MAX_RECEIVES: Final = 64
# Of what came in place of a TLS record, for the error.
_SHOWN: Final = 200
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Stream:
    """A connected socket that reads and writes in steps.

    Attributes:
        sent: Octets of ours (plaintext under TLS) that the kernel has taken.
        tls: The TLS object, or None in clear.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self._readable = ((self._fd, READ),)  # what most waits are for
        self._has_come = Look(self._fd)
        self.sent = 0
        self.tls: ssl.SSLObject | None = None
        self._incoming: ssl.MemoryBIO | None = None
        self._outgoing: ssl.MemoryBIO | None = None
        self._ciphertext = memoryview(b"")
        self._encrypted = 0  # plaintext of ours in it, or in the TLS object's output
        self._unclaimed = 0  # plaintext that left, and `send_now` has not told so yet

    @property
    def fd(self) -> int:
        """The descriptor, to wait for."""
        return self._fd

    @property
    def local_host(self) -> str:
        """The local address in use; "" over a unix socket, which has none."""
        name = self._sock.getsockname()
        return "" if isinstance(name, (str, bytes)) else str(name[0])

    # Reading

    def read(self, deadline: float) -> Steps[bytes]:
        """Return the next octets; b"" when the peer closed in order.

        Raises:
            ConnectionLost: Reset, or TLS truncated.
            TlsError: The records cannot be read.
            DeadlineExceeded: Nothing came in time.
        """
        # In clear nothing is pending: waiting first saves a call.
        octets = self.take() if self.tls is not None else None
        while octets is None:
            # Records that hold no octets of the peer's must not renew the deadline.
            ready = yield Wait(self._readable, deadline)
            if not ready or (self.tls is not None and now() >= deadline):
                raise DeadlineExceeded("the time is up")
            octets = self.take()
        return octets

    def take(self) -> bytes | None:
        """Return octets that are here already; None for none, b"" at the end.

        Never waits.
        """
        return self._receive() if self.tls is None else self._receive_tls(self.tls)

    def look(self) -> bytes | None:
        """As `take`, where mostly nothing has come."""
        if self.tls is None and not self._has_come():
            return None
        return self.take()

    def _receive(self) -> bytes | None:
        try:
            return self._sock.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionLost(_words(error)) from None

    def _receive_tls(self, tls: ssl.SSLObject) -> bytes | None:
        assert self._incoming is not None  # noqa: S101  # made together with tls
        for _ in range(MAX_RECEIVES):
            try:
                octets = tls.read(CHUNK)
            except ssl.SSLWantReadError:
                # A key update wants an answer. Who hung up may have said why before.
                with contextlib.suppress(ConnectionLost):
                    self._flush_now()
                octets_in = self._receive()
                if octets_in is None:
                    return None
                if octets_in:
                    self._incoming.write(octets_in)
                else:
                    self._incoming.write_eof()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                raise ConnectionLost(
                    "the connection ended without a TLS close_notify (truncated)"
                ) from None
            except ssl.SSLError as error:
                raise TlsError(f"TLS failed: {words_of(error)}") from None
            else:
                return octets
        return None

    # Writing

    def send_now(self, view: memoryview) -> int:
        """Send what the kernel takes at once; return how much of `view` that was.

        Until all of it is sent, the next call must be given the rest of the same view:
        under TLS a part of it may be encrypted already.

        Raises:
            ConnectionLost: The peer is gone. What it said last can still be read.
        """
        if self.tls is None:
            taken = self._send(view)
            self.sent += taken
            return taken
        claimed = 0
        while True:
            if not self._encrypted and not self._unclaimed and claimed < len(view):
                piece = view[claimed : claimed + RECORD]
                self._encrypted = self._encrypt(self.tls, piece)
            gone = self._flush_now()
            claimed += self._unclaimed
            self._unclaimed = 0
            if not gone or claimed >= len(view):
                return claimed

    def send_file_now(self, fd: int, offset: int, count: int) -> int:
        """Let the kernel send octets of a file, as many as it takes at once.

        Only in clear: under TLS the octets must pass through us.

        Raises:
            ConnectionLost: The peer is gone, or the file cannot be read.
            LocalProtocolError: The file ends before that.
        """
        try:
            taken = os.sendfile(self._fd, fd, offset, count)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost(_words(error)) from None
        if not taken:
            raise LocalProtocolError("the file became shorter while it was sent")
        self.sent += taken
        return taken

    @staticmethod
    def _encrypt(tls: ssl.SSLObject, piece: memoryview) -> int:
        try:
            return tls.write(piece)
        except ssl.SSLError as error:
            raise ConnectionLost(f"TLS failed: {words_of(error)}") from None

    def _flush(self, deadline: float) -> Steps[None]:
        """Send what the TLS object wrote in the handshake."""
        while not self._flush_now():
            yield from until_ready(self._fd, WRITE, deadline)

    def _flush_now(self) -> bool:
        """Send what the kernel takes at once; True when nothing is left.

        Records leave in the order in which they were made: what a full buffer kept
        back goes first, always. Whoever flushes - a write, or a read that answers a key
        update - may push out what a write left behind: so what has left is counted
        here, where the kernel took it.
        """
        while self._outgoing is not None:
            if not self._ciphertext:
                self._ciphertext = memoryview(self._outgoing.read())
            if not self._ciphertext:
                break
            taken = self._send(self._ciphertext)
            if not taken:
                return False
            self._ciphertext = self._ciphertext[taken:]
        self.sent += self._encrypted
        self._unclaimed += self._encrypted
        self._encrypted = 0
        return True

    def _send(self, view: memoryview) -> int:
        try:
            return self._sock.send(view)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost(_words(error)) from None

    def either(self, deadline: float) -> Steps[None]:
        """Wait until reading or writing may be possible.

        Raises:
            DeadlineExceeded: Neither was in time.
        """
        yield from until_ready(self._fd, READ | WRITE, deadline)

    # TLS and the end

    def start_tls(
        self, policy: TlsPolicy, host: str, deadline: float
    ) -> Steps[dict[str, Any]]:
        """Do the handshake; from then on everything is under TLS.

        Args:
            policy: Whom to trust.
            host: The name that the certificate must carry.
            deadline: Absolute.

        Returns:
            What was negotiated (`tls.negotiated`).

        Raises:
            TlsError: The handshake or the verification failed; the alert was sent.
            ConnectionLost: The peer closed in the middle of it.
            DeadlineExceeded: It took too long.
        """
        incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming = incoming
        context = policy.handshake_context()
        first = b""
        tls = context.wrap_bio(incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                with contextlib.suppress(ConnectionLost):
                    self._flush_now()
                raise failure(tls, error, host, policy, received=first) from None
            else:
                yield from self._flush(deadline)
                self.tls = tls
                return negotiated(tls, host, policy)
            yield from self._flush(deadline)
            yield from until_ready(self._fd, READ, deadline)
            octets = self._receive()
            if octets == b"":
                raise ConnectionLost(
                    "the server closed the connection during the TLS handshake"
                )
            first = first or (octets or b"")[:_SHOWN]
            incoming.write(octets or b"")

    def abort(self) -> None:
        """Reset the connection: nothing more leaves, no close_notify, no FIN."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._sock.close()

    def close(self) -> None:
        """Close in order: close_notify where there is TLS, then FIN. Never waits."""
        if self.tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            with contextlib.suppress(ConnectionLost):
                self._flush_now()
        self._sock.close()


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionResetError):
        return "the server reset the connection"
    if isinstance(error, BrokenPipeError):
        return "the server closed the connection"
    return error.strerror or str(error)
