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
    RemoteProtocolError,
    TlsError,
)
from smtpnb.protocol.parser import MAX_REPLY
from smtpnb.wire.tls import failure, negotiated
from smtpnb.wire.wait import READ, WRITE, Wait, until_ready

if TYPE_CHECKING:
    from smtpnb.wire.tls import TlsPolicy
    from smtpnb.wire.wait import Steps

# More than 64 KiB a call crosses malloc's mmap threshold and costs 25 us (measured).
CHUNK: Final = 64 * 1024
# The plaintext of one TLS record (RFC 8446 section 5.1). A peer reads a record whole or
# not at all, so counting records tells exactly what it can have read.
RECORD: Final = 16 * 1024
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
        self.sent = 0
        self.tls: ssl.SSLObject | None = None
        self._incoming: ssl.MemoryBIO | None = None
        self._outgoing: ssl.MemoryBIO | None = None
        self._ciphertext = memoryview(b"")
        self._encrypted = 0  # plaintext in it
        self._early = bytearray()

    @property
    def local_host(self) -> str:
        """The local address in use."""
        return str(self._sock.getsockname()[0])

    # Reading

    def read(self, deadline: float) -> Steps[bytes]:
        """Return the next octets; b"" when the peer closed in order.

        Raises:
            ConnectionLost: Reset, or TLS truncated.
            TlsError: The records cannot be read.
            DeadlineExceeded: Nothing came in time.
        """
        # In clear nothing is pending but what came early: waiting first saves a call.
        octets = self.take() if self.tls is not None or self._early else None
        while octets is None:
            if not (yield Wait(((self._fd, READ),), deadline)):
                raise DeadlineExceeded("the time is up")
            octets = self.take()
        return octets

    def take(self) -> bytes | None:
        """Return octets that are here already; None for none, b"" at the end.

        Never waits.
        """
        if self._early:
            octets = bytes(self._early)
            self._early.clear()
            return octets
        return self._take_new()

    def _take_new(self) -> bytes | None:
        return self._receive() if self.tls is None else self._receive_tls(self.tls)

    def _receive(self) -> bytes | None:
        try:
            return self._sock.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionLost(_words(error)) from None

    def _receive_tls(self, tls: ssl.SSLObject) -> bytes | None:
        assert self._incoming is not None  # noqa: S101  # made together with tls
        while True:
            try:
                octets = tls.read(CHUNK)
            except ssl.SSLWantReadError:
                self._flush_now()  # a key update wants an answer
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
                reason = error.reason or str(error)
                raise TlsError(f"TLS failed: {reason}") from None
            else:
                return octets

    # Writing

    def write(
        self, octets: memoryview, deadline: float, *, listen: bool = False
    ) -> Steps[bool]:
        """Write octets.

        Args:
            octets: What to write.
            deadline: Absolute.
            listen: Stop when application data comes in meanwhile. What was written
                is then unfinished, and cannot be taken up again.

        Returns:
            True when the kernel took all of them; False when stopped.

        Raises:
            ConnectionLost: The peer is gone. What it said last can still be read.
            DeadlineExceeded: The peer did not take them in time.
            RemoteProtocolError: The peer keeps talking and does not listen.
        """
        view = octets
        while view:
            taken = self.send_now(view)
            view = view[taken:]
            if not taken and (yield from self._blocked(deadline, listen)):
                return False
        return True

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
        if not self._encrypted:
            self._encrypted = self._encrypt(self.tls, view[:RECORD])
        if not self._flush_now():
            return 0
        taken, self._encrypted = self._encrypted, 0
        self.sent += taken
        return taken

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
            raise ConnectionLost(f"TLS failed: {error.reason or error}") from None

    def _flush(self, deadline: float) -> Steps[None]:
        """Send what the TLS object wrote in the handshake."""
        while not self._flush_now():
            yield from until_ready(self._fd, WRITE, deadline)

    def _flush_now(self) -> bool:
        """Send what the kernel takes at once; True when nothing is left.

        Records leave in the order in which they were made: what a full buffer kept
        back goes first, always.
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
        return True

    def _send(self, view: memoryview) -> int:
        try:
            return self._sock.send(view)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost(_words(error)) from None

    def _blocked(self, deadline: float, listen: bool) -> Steps[bool]:
        """Wait until reading or writing is possible; True when that is the end."""
        yield from self.either(deadline)
        return self.peek() and listen

    def either(self, deadline: float) -> Steps[None]:
        """Wait until reading or writing may be possible.

        Raises:
            DeadlineExceeded: Neither was in time.
        """
        yield from until_ready(self._fd, READ | WRITE, deadline)

    def peek(self) -> bool:
        """Tell whether application data is here; it stays for the next `take`.

        Raises:
            ConnectionLost: The peer closed.
            RemoteProtocolError: More came than any reply may hold.
        """
        if not self._take_early() and not self._early:
            raise ConnectionLost("the server closed the connection")
        if len(self._early) > MAX_REPLY + CHUNK:
            raise RemoteProtocolError("the server keeps talking and does not listen")
        return bool(self._early)

    def _take_early(self) -> bool:
        """Put what is here beside what is waiting; False at the end."""
        octets = self._take_new()
        self._early += octets or b""
        return octets != b""

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
        tls = context.wrap_bio(incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                with contextlib.suppress(ConnectionLost):
                    self._flush_now()
                raise failure(tls, error, host, policy) from None
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
