"""The same stream under TLS, over two memory BIOs.

So the same few waits carry plain octets, a handshake and ciphertext, and cancel reaches
all of them. What to know about it:

* A readable socket says nothing about SMTP: tickets, key updates and close_notify are
  records, too. Octets are read into the BIO until the kernel has no more, then the
  TLS object is asked; and it is asked before any wait, since plaintext may be pending.
* After a failed handshake the outgoing BIO is flushed: the alert is the diagnosis.
* An end without close_notify is a truncation, and an error.
* `sent` counts plaintext when all of its ciphertext was taken.

It is loaded when TLS begins: a session in clear never needs OpenSSL.

This module knows nothing of replies or commands.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import ConnectionLost, DeadlineExceeded, TlsError
from smtpnb.wire.alerts import words_of
from smtpnb.wire.stream import CHUNK, Stream
from smtpnb.wire.tls import failure, negotiated
from smtpnb.wire.wait import READ, WRITE, Wait, now, until_ready

if TYPE_CHECKING:
    from smtpnb.wire.tls_policy import TlsPolicy
    from smtpnb.wire.wait import Steps

# The plaintext of one TLS record (RFC 8446 section 5.1). A peer reads a record whole or
# not at all, so counting records tells exactly what it can have read.
RECORD: Final = 16 * 1024
# So often is the kernel asked in one go: a flood of records without a word in them may
# not keep deadline and cancel out.
MAX_RECEIVES: Final = 64
# Of what came in place of a TLS record, for the error.
_SHOWN: Final = 200


class TlsStream(Stream):
    """A connected socket on which TLS begins: in clear until the `handshake` is over.

    Args:
        clear: The stream so far, whose place it takes.
    """

    def __init__(self, clear: Stream) -> None:
        super().__init__(clear.sock)
        self.sent = clear.sent
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ciphertext = memoryview(b"")
        self._encrypted = 0  # plaintext of ours in it, or in the TLS object's output
        self._unclaimed = 0  # plaintext that left, and `send_now` has not told so yet

    def handshake(
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
        incoming = self._incoming
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

    # Reading

    def read(self, deadline: float) -> Steps[bytes]:
        """Return the next octets, as in clear."""
        octets = self.take()
        while octets is None:
            ready = yield Wait(self._readable, deadline)
            # Records that hold no octets of the peer's must not renew the deadline.
            if not ready or now() >= deadline:
                raise DeadlineExceeded("the time is up")
            octets = self.take()
        return octets

    def take(self) -> bytes | None:
        """Return octets that are here already, as in clear."""
        return self._receive() if self.tls is None else self._receive_tls(self.tls)

    def look(self) -> bytes | None:
        """As `take`: whether something has come tells nothing."""
        return self.take()

    def _receive_tls(self, tls: ssl.SSLObject) -> bytes | None:
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
        """Send what the kernel takes at once, as in clear."""
        tls = self.tls
        assert tls is not None  # noqa: S101  # nothing is said in a handshake
        claimed = 0
        while True:
            if not self._encrypted and not self._unclaimed and claimed < len(view):
                piece = view[claimed : claimed + RECORD]
                self._encrypted = self._encrypt(tls, piece)
            gone = self._flush_now()
            claimed += self._unclaimed
            self._unclaimed = 0
            if not gone or claimed >= len(view):
                return claimed

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
        while True:
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

    # The end

    def close(self) -> None:
        """Close in order: close_notify, then FIN. Never waits."""
        if self.tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            with contextlib.suppress(ConnectionLost):
                self._flush_now()
        super().close()
