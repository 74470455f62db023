"""OpenSSL's own verdict on a chain that was let through.

Python gives no verify callback: a context either ends the handshake or verifies
nothing. So a session that only looks has a chain and no verdict. OpenSSL is asked for
it afterwards, in memory: a client with the verifying context is shown the beginning of
a TLS 1.2 handshake with that very chain (RFC 5246 section 7.4: ServerHello and
Certificate). It judges the chain there as it would have on the wire - same context,
same name, same code - and either fails with its reason, or waits for the next message,
which never comes.

Nothing is proved by that about the key: the real handshake has done so already, since
its signature is checked whether the chain is verified or not.

This module knows nothing of connections or of what a certificate says.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_VERSION: Final = b"\x03\x03"  # TLS 1.2
_RECORD: Final = 16 * 1024  # RFC 5246 section 6.2.1
# OpenSSL looks at the kind of key once the chain has verified. Which kind it is need
# not be known here: by the wrong suite a good chain only gets another error.
_SUITES: Final = (
    b"\xc0\x2f",  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    b"\xc0\x2b",  # TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (and Ed25519)
)
_SECURE_RENEGOTIATION: Final = b"\xff\x01\x00\x01\x00"  # RFC 5746: or OpenSSL refuses


def verdict(
    context: ssl.SSLContext, chain: Sequence[bytes], host: str
) -> ssl.SSLError | None:
    """Return what is wrong with a chain; None if nothing is.

    Args:
        context: A context that verifies.
        chain: DER, as the server sent it, leaf first.
        host: The name that the leaf must carry.

    Returns:
        None, and the chain verifies; an `ssl.SSLCertVerificationError`, and it does
        not; or another error, and OpenSSL could not judge it.
    """
    error: ssl.SSLError | None = None
    for suite in _SUITES:
        error = _judged(context, b"".join(_flight(suite, chain)), host)
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            return error
    return error


def _judged(context: ssl.SSLContext, flight: bytes, host: str) -> ssl.SSLError | None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        incoming.write(flight)  # behind the ClientHello
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return None
    except ssl.SSLError as error:
        return error
    raise AssertionError("a handshake ended that had not begun")


def _flight(suite: bytes, chain: Sequence[bytes]) -> Iterator[bytes]:
    """The records of ServerHello and Certificate."""
    extensions = _with_length(_SECURE_RENEGOTIATION, 2)
    # A random of zeros, no session id, no compression.
    yield from _handshake(2, _VERSION + bytes(32) + b"\0" + suite + b"\0" + extensions)
    listed = b"".join(_with_length(der, 3) for der in chain)
    yield from _handshake(11, _with_length(listed, 3))


def _handshake(kind: int, body: bytes) -> Iterator[bytes]:
    message = bytes([kind]) + _with_length(body, 3)
    for start in range(0, len(message), _RECORD):
        piece = message[start : start + _RECORD]
        yield b"\x16" + _VERSION + _with_length(piece, 2)


def _with_length(octets: bytes, size: int) -> bytes:
    return len(octets).to_bytes(size) + octets
