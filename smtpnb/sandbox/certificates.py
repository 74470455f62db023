"""Certificates: a throw-away authority and one server certificate, made at start.

trustme makes both in memory. Nobody's trust store is changed: a client that wants to
verify the sandbox is given the authority's PEM text, and no file stays behind.

This module knows nothing of SMTP.
"""

from __future__ import annotations

import ssl

import trustme


def issue(hostname: str) -> tuple[ssl.SSLContext, str, bytes]:
    """Return a server context with a fresh certificate, its CA as PEM, itself as DER.

    Args:
        hostname: A name for the certificate beside localhost, 127.0.0.1 and ::1.
    """
    authority = trustme.CA(organization_name="smtpnb sandbox")
    certificate = authority.issue_cert("localhost", "127.0.0.1", "::1", hostname)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # ssl reads a chain from files only; trustme removes its own at once.
    certificate.configure_cert(context)
    leaf = certificate.cert_chain_pems[0].bytes().decode("ascii")
    return (
        context,
        authority.cert_pem.bytes().decode("ascii"),
        ssl.PEM_cert_to_DER_cert(leaf),
    )
