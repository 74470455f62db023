"""What TLS said, in words: whose alert it was, and what came instead of TLS.

OpenSSL names its errors for those who know its source. Where a name speaks of an
alert, the peer sent it (RFC 8446 section 6); any other error was found on this side.
In TLS 1.3 the alert for a missing client certificate comes after the handshake, with
the first read: so these words are needed in the middle of a session, too.

This module knows nothing of sockets or of certificates.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN: Final = 120  # characters of what came instead of TLS

# OpenSSL's name of an alert, without what is before it: what the server means by it.
_ALERTS: Final[Mapping[str, str]] = {
    "unexpected message": "a message came that it did not expect",
    "bad record mac": "a record was damaged on the way to it",
    "decryption failed": "a record was damaged on the way to it",
    "record overflow": "a record was too long for it",
    "handshake failure": "it shares no cipher, key or signature with this side",
    "no certificate": "it wants a client certificate",
    "certificate required": "it wants a client certificate, and none was shown",
    "bad certificate": "it does not take the client certificate",
    "unsupported certificate": "it does not take a client certificate of this kind",
    "certificate revoked": "the client certificate was revoked",
    "certificate expired": "the client certificate has expired",
    "certificate unknown": "it does not take the client certificate",
    "illegal parameter": "a field of the handshake was wrong to it",
    "unknown ca": "it does not know the CA of the client certificate",
    "access denied": "it does not let this client in",
    "decode error": "it could not read a message",
    "decrypt error": "a signature or a key did not check for it",
    "protocol version": "it speaks no version of TLS that this side speaks (1.2, 1.3)",
    "insufficient security": "it wants stronger ciphers",
    "internal error": "it has a trouble of its own",
    "inappropriate fallback": "it takes this for a downgrade",
    "user cancelled": "it gave up",
    "no renegotiation": "it does not renegotiate",
    "missing extension": "it misses an extension of the handshake",
    "unsupported extension": "it got an extension that it did not ask for",
    "unrecognized name": "it does not know the name that was asked for (SNI)",
    "unknown psk identity": "it does not know the session that was resumed",
    "no application protocol": "it shares no protocol with this side (ALPN)",
}  # fmt: skip

# Errors found on this side, by OpenSSL's name; what is missing is told by that name.
_OURS: Final[Mapping[str, str]] = {
    "unsupported protocol": "the server offers no TLS of 1.2 or newer (RFC 8996)",
    "dh key too small": "the Diffie-Hellman key of the server is too small",
    "ee key too small": "the key of the certificate is too small",
    "wrong signature type": "the server signed in a way that was not offered",
    "decryption failed or bad record mac": "a record of the server came damaged",
    "unexpected eof while reading": "the connection ended without a close_notify",
    "unsafe legacy renegotiation disabled": "the server renegotiates in the old, "
    "unsafe way (RFC 5746)",
}

# By these names OpenSSL says that what came is no TLS at all.
_NO_TLS: Final = (
    "wrong version number",
    "record layer failure",
    "packet length too long",
    "http request",
    "bad record type",
    "unknown protocol",
)


def words_of(error: ssl.SSLError) -> str:
    """Say in words what an error of TLS means, and on which side it was found.

    Example:
        >>> words_of(ssl.SSLError(1, "[SSL: TLSV1_ALERT_INTERNAL_ERROR] ..."))
        'the server sent the alert "internal error": it has a trouble of its own'
    """
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return "the server began to renegotiate in the middle of it"
    name = _name(error)
    alert = _alert(name)
    if alert is not None:
        meaning = _ALERTS.get(alert)
        return f'the server sent the alert "{alert}"' + (
            f": {meaning}" if meaning else ""
        )
    if is_no_tls(error):
        return f"what came is no TLS ({name})"
    return f"{_OURS[name]} ({name})" if name in _OURS else name


def is_no_tls(error: ssl.SSLError) -> bool:
    """Tell whether OpenSSL took what came for no TLS at all."""
    return _name(error) in _NO_TLS


def clear_text_hint(octets: bytes) -> str:
    r"""Show what came where a TLS record was due; "" if it may be one.

    Args:
        octets: What was received, from the first octet that should be TLS.

    Example:
        >>> clear_text_hint(b"220 mx.example ESMTP\r\n")
        "the server spoke in clear: '220 mx.example ESMTP\\r\\n'"
    """
    # RFC 8446 section 5.1: a type of 20 to 24, and 3 as the major version.
    if not octets or (20 <= octets[0] <= 24 and octets[1:2] in (b"", b"\x03")):
        return ""
    shown = cut(repr(octets[: 2 * SHOWN])[1:], SHOWN)
    if re.match(rb"[\t\n\r -~]+\Z", octets[:4]):
        return f"the server spoke in clear: {shown}"
    return f"the server sent {len(octets)} octets that are no TLS record: {shown}"


def _name(error: ssl.SSLError) -> str:
    """OpenSSL's name of the error, such as "wrong version number"."""
    reason = getattr(error, "reason", None)
    if not reason:
        text = str(error.args[-1]) if error.args else ""
        found = re.search(r"\[[^\]:]*: ([A-Z0-9_]+)\]", text)
        reason = found.group(1) if found else text or "an error without a name"
    return reason.replace("_", " ").lower()


def _alert(name: str) -> str | None:
    """The alert in OpenSSL's name of an error; None if it is no alert.

    Most names say so ("sslv3 alert handshake failure"); those of RFC 6066 only begin
    like one ("tlsv1 unrecognized name").
    """
    match = re.fullmatch(r"(?:sslv3|tlsv13?) alert (.+)|tlsv13? (.+)", name)
    return (match.group(1) or match.group(2)) if match is not None else None
