"""TLS by policy: contexts, what was negotiated, and what verification found.

Verified by default, everywhere, TLS 1.2 or newer (RFC 8996). When verification fails,
the error tells which check failed on which certificate, and how to look anyway: a
`TlsPolicy(verify="report")` completes the handshake, keeps the findings, and the
session then refuses AUTH.

Contexts are shared: making one costs as much as twenty handshakes.

`ssl` gives the chain of an unverified peer in public only from Python 3.13 on; before
that the private `_sslobj.get_unverified_chain` is called, here and nowhere else.

This module knows nothing of sockets, nor of STARTTLS.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any, Literal

from smtpnb.protocol.errors import LocalProtocolError, TlsError

Verify = Literal["require", "report"]


class TlsPolicy:
    """How TLS is done: whom to trust, and what to do when trust fails.

    Args:
        verify: "require" ends a handshake that does not verify; "report" completes it
            and tells what is wrong.
        ca: Certificates to trust instead of the system's: PEM text, or the path of a
            PEM file.
        context: A context of your own, used as it is.

    Raises:
        LocalProtocolError: `verify` is another word.
    """

    __slots__ = ("ca", "context", "verify")

    def __init__(
        self,
        verify: Verify = "require",
        *,
        ca: str = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        if verify not in ("require", "report"):
            raise LocalProtocolError(f'verify is "require" or "report", not {verify!r}')
        self.verify: Verify = verify
        self.ca = ca
        self.context = context

    def with_(self, *, verify: Verify | None, ca: str | None) -> TlsPolicy:
        """Return a policy that differs in what is given."""
        if verify is None and ca is None:
            return self
        return TlsPolicy(
            verify or self.verify,
            ca=self.ca if ca is None else ca,
            context=self.context,
        )

    def make_context(self) -> ssl.SSLContext:
        """Return the context of this policy.

        Raises:
            TlsError: The CA certificates cannot be read.
        """
        return self.context or _context(self.verify, self.ca)

    def __repr__(self) -> str:
        trust = "its own CA" if self.ca else "the system's CAs"
        return f"<TlsPolicy {self.verify}, {trust}>"


@lru_cache(maxsize=32)
def _context(verify: Verify, ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if verify == "report":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if "-----BEGIN" in ca:
            context.load_verify_locations(cadata=ca)
        elif ca:
            context.load_verify_locations(cafile=ca)
        else:
            context.load_default_certs()
    except OSError as error:  # ssl.SSLError is one
        raise TlsError(f"the CA certificates cannot be read: {error}") from None
    return context


def negotiated(tls: ssl.SSLObject, policy: TlsPolicy, host: str) -> dict[str, Any]:
    """Return what a finished handshake agreed on, as plain values for the record.

    Keys: version, cipher, alpn, server_hostname, verified, findings (a list of
    sentences), and those of `certificates.certificate_facts`.
    """
    cipher = tls.cipher()
    from smtpnb.wire.certificates import certificate_facts, findings

    chain = _chain(tls)
    verified = tls.context.verify_mode == ssl.CERT_REQUIRED
    return {
        "version": tls.version(),
        "cipher": cipher[0] if cipher else None,
        "alpn": tls.selected_alpn_protocol(),
        "server_hostname": host,
        "verified": verified,
        "findings": [] if verified else findings(chain, host, _roots(policy.ca)),
        **(certificate_facts(chain[0]) if chain else {}),
    }


def failure(tls: ssl.SSLObject, error: ssl.SSLError, host: str) -> TlsError:
    """Return the error of a failed handshake, with what can be told of it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        from smtpnb.wire.certificates import describe

        why = error.verify_message or error.reason or str(error)
        found = [why, *describe(_chain(tls))]
        result = TlsError(
            f"the certificate for {host} does not verify: {'; '.join(found)}. "
            'To look anyway, say verify="report" in this call'
        )
        result.findings = tuple(found)
        return result
    reason = (error.reason or str(error)).replace("_", " ").lower()
    hint = ""
    if "wrong version number" in reason or "record layer" in reason:
        hint = "; the peer did not speak TLS (an SMTP port without implicit TLS?)"
    elif "alert" in reason:
        hint = "; this alert came from the server"
    return TlsError(f"the TLS handshake failed: {reason}{hint}")


def _roots(ca: str) -> list[bytes]:
    return _context("require", ca).get_ca_certs(binary_form=True)


def _chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the chain as the peer sent it, leaf first, DER."""
    if hasattr(tls, "get_unverified_chain"):  # Python 3.13
        return list(tls.get_unverified_chain() or ())
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001  # see above
    pem = inner.get_unverified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(cert.public_bytes()) for cert in pem]
