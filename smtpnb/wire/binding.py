"""Channel bindings: what ties a login to the TLS that carries it (RFC 5056).

`tls-server-end-point` (RFC 5929 section 4) is a hash of the server's certificate, and
is had with every TLS. `tls-unique` is the first Finished message; TLS 1.3 does not
define it. `tls-exporter` (RFC 9266) would be right for TLS 1.3, but Python's ssl has no
exporter (cpython issue 82133).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    import ssl

_WEAK: Final = ("md5", "sha1")  # SHA-256 is taken in their place (RFC 5929 4.1)


def binding(tls: ssl.SSLObject | None, kind: str) -> bytes:
    """Return the channel binding of a type.

    Args:
        tls: The TLS of the connection, after the handshake.
        kind: "tls-server-end-point" or "tls-unique".

    Raises:
        LocalProtocolError: It is not had; the sentence says why.
    """
    if tls is None:
        raise LocalProtocolError(f"{kind}: there is no TLS to bind to")
    if kind == "tls-server-end-point":
        return end_point(tls.getpeercert(binary_form=True) or b"")
    if kind == "tls-unique":
        found = None if tls.version() == "TLSv1.3" else tls.get_channel_binding(kind)
        if found is None:
            raise LocalProtocolError(
                "tls-unique: TLS 1.3 does not define it (RFC 9266)"
            )
        return found
    why = (
        "Python's ssl has no exporter" if kind == "tls-exporter" else "nobody knows it"
    )
    raise LocalProtocolError(f"{kind} (RFC 9266) is not had: {why}")


def end_point(certificate: bytes) -> bytes:
    """Return tls-server-end-point of a certificate (RFC 5929 section 4.1).

    Args:
        certificate: The server's, DER.

    Raises:
        LocalProtocolError: None was shown, or its signature has not one hash (Ed25519).
    """
    import hashlib

    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        found = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if found is None:
        raise LocalProtocolError(
            "tls-server-end-point: the certificate's signature has not one hash "
            "function (RFC 5929 section 4.1)"
        )
    name = "sha256" if found.name in _WEAK else found.name.replace("-", "_")
    return hashlib.new(name, certificate).digest()
