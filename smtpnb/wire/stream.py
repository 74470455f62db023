"""One connected byte stream, non-blocking, as steps: in clear.

`sent` counts the octets that the kernel has taken, which is what tells whether a final
dot may have left. `tls_stream` is the same stream under TLS.

This module knows nothing of replies or commands.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
)
from smtpnb.wire.drive import Look
from smtpnb.wire.wait import READ, WRITE, Wait, until_ready

if TYPE_CHECKING:
    import ssl

    from smtpnb.wire.wait import Steps

# More than 64 KiB a call crosses malloc's mmap threshold and costs 25 us (measured).
CHUNK: Final = 64 * 1024
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Stream:
    """A connected socket that reads and writes in steps.

    Attributes:
        sock: The socket; octets pass here and nowhere else.
        sent: Octets of ours (plaintext under TLS) that the kernel has taken.
        tls: The TLS object, or None in clear.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._fd = sock.fileno()
        self._readable = ((self._fd, READ),)  # what most waits are for
        self._has_come = Look(self._fd)
        self.sent = 0
        self.tls: ssl.SSLObject | None = None

    @property
    def fd(self) -> int:
        """The descriptor, to wait for."""
        return self._fd

    @property
    def local_host(self) -> str:
        """The local address in use; "" over a unix socket, which has none."""
        name = self.sock.getsockname()
        return "" if isinstance(name, (str, bytes)) else str(name[0])

    # Reading

    def read(self, deadline: float) -> Steps[bytes]:
        """Return the next octets; b"" when the peer closed in order.

        Raises:
            ConnectionLost: Reset, or TLS truncated.
            TlsError: The records cannot be read.
            DeadlineExceeded: Nothing came in time.
        """
        octets = None  # nothing is pending: waiting first saves a call
        while octets is None:
            if not (yield Wait(self._readable, deadline)):
                raise DeadlineExceeded("the time is up")
            octets = self.take()
        return octets

    def take(self) -> bytes | None:
        """Return octets that are here already; None for none, b"" at the end.

        Never waits.
        """
        return self._receive()

    def look(self) -> bytes | None:
        """As `take`, where mostly nothing has come."""
        return self.take() if self._has_come() else None

    def _receive(self) -> bytes | None:
        try:
            return self.sock.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionLost(_words(error)) from None

    # Writing

    def send_now(self, view: memoryview) -> int:
        """Send what the kernel takes at once; return how much of `view` that was.

        Until all of it is sent, the next call must be given the rest of the same view:
        under TLS a part of it may be encrypted already.

        Raises:
            ConnectionLost: The peer is gone. What it said last can still be read.
        """
        taken = self._send(view)
        self.sent += taken
        return taken

    def send_file_now(self, fd: int, offset: int, count: int) -> int:
        """Let the kernel send the rest of a file, as much as it takes at once.

        Only in clear: under TLS the octets must pass through us.

        Raises:
            ConnectionLost: The peer is gone, or the file cannot be read.
            LocalProtocolError: The file does not end there any more, or was closed.
        """
        try:
            size = os.fstat(fd).st_size
        except OSError:
            raise LocalProtocolError("the file was closed while it was sent") from None
        if size != offset + count:
            raise LocalProtocolError("the file changed its size while it was sent")
        try:
            taken = os.sendfile(self._fd, fd, offset, count)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost(_words(error)) from None
        if not taken:
            raise LocalProtocolError("the file changed its size while it was sent")
        self.sent += taken
        return taken

    def _send(self, view: memoryview) -> int:
        try:
            return self.sock.send(view)
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

    # The end

    def abort(self) -> None:
        """Reset the connection: nothing more leaves, no close_notify, no FIN."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.sock.close()

    def close(self) -> None:
        """Close in order, by FIN. Never waits."""
        self.sock.close()


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionResetError):
        return "the server reset the connection"
    if isinstance(error, BrokenPipeError):
        return "the server closed the connection"
    return error.strerror or str(error)
