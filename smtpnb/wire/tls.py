"""What was negotiated by TLS, and why a handshake failed.

There is one judge: OpenSSL, with the context that verifies. "require" lets it end the
handshake; "report" completes the handshake with a context that does not verify, and
asks the same judge afterwards, with the same context, about the chain that was shown
(`verdict`). So the two cannot disagree. Nothing here judges a certificate again.

`ssl` gives the chain of an unverified peer in public only from Python 3.13 on; before
that the private `_sslobj.get_unverified_chain` is called, here and nowhere else.

This module knows nothing of sockets, nor of STARTTLS.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from smtpnb.protocol.errors import TlsError
from smtpnb.wire.alerts import clear_text_hint, is_no_tls, words_of
from smtpnb.wire.trust import trusts_nothing
from smtpnb.wire.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.wire.certificates import Description
    from smtpnb.wire.tls_policy import TlsPolicy


def negotiated(tls: ssl.SSLObject, host: str, policy: TlsPolicy) -> dict[str, Any]:
    """Return what a finished handshake agreed on, as plain values for the record.

    Keys: version, cipher, alpn, server_hostname, verified, findings (a list of
    sentences), and the facts of `certificates.Description`. `verified` is True only
    where both the chain and the name were judged good. Then, too, there may be
    findings: what cannot be read of a certificate that OpenSSL lets pass.

    Args:
        tls: After the handshake.
        host: The name that the certificate should carry (`names.host_name`).
        policy: By which it was made.

    Raises:
        TlsError: For "report", the CA certificates cannot be read.
    """
    from smtpnb.wire.certificates import described

    chain = _chain(tls)
    shown = [described(der) for der in chain]
    if not chain:
        found = ["the server showed no certificate"]
    elif policy.verify == "report":
        judge = policy.verifying_context()
        error = verdict(judge, chain, host)
        found = [] if error is None else _findings(error, shown, host)
        found += _no_trust(judge) if found else []
    else:
        found = list(_unchecked(tls.context))
    verified = not found
    if shown and (verified or policy.verify == "require"):
        found += shown[0].unreadable
    cipher = tls.cipher()
    return {
        "version": tls.version(),
        "cipher": cipher[0] if cipher else None,
        "alpn": tls.selected_alpn_protocol(),
        "server_hostname": host,
        "verified": verified,
        "findings": found,
        **(shown[0].facts if shown else {}),
    }


def failure(
    tls: ssl.SSLObject,
    error: ssl.SSLError,
    host: str,
    policy: TlsPolicy,
    *,
    received: bytes = b"",
) -> TlsError:
    """Return the error of a failed handshake, with what can be told of it.

    Where the certificate did not verify, `findings` begins with OpenSSL's own words,
    and `certificate` holds the facts of what the server showed.

    Args:
        tls: The handshake.
        error: What it raised.
        host: The name that the certificate should carry.
        policy: By which it was made.
        received: The first octets that came, to be shown if they are no TLS.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        hint = clear_text_hint(received)
        if not hint and is_no_tls(error):
            hint = "the peer did not speak TLS (an SMTP port without implicit TLS?)"
        words = "; ".join(filter(None, (words_of(error), hint)))
        return TlsError(f"the TLS handshake failed: {words}")
    from smtpnb.wire.certificates import described

    chain = [described(der) for der in _chain(tls)]
    found = _findings(error, chain, host)
    hint = ""
    if policy.context is None:
        found += _no_trust(tls.context)
        hint = '. To look anyway, say verify="report" in this call'
    text = f"the certificate for {host} does not verify: {'; '.join(found)}{hint}"
    result = TlsError(text)
    result.findings = tuple(found)
    result.certificate = chain[0].facts if chain else {}
    return result


def _findings(error: ssl.SSLError, chain: list[Description], host: str) -> list[str]:
    """Say what the verdict is, what it speaks of, and what was judged."""
    from smtpnb.wire.certificates import reasons

    if isinstance(error, ssl.SSLCertVerificationError):
        words = error.verify_message or error.reason or str(error)
        found = [words.removesuffix("."), *reasons(error.verify_code, chain, host)]
    else:
        found = [f"OpenSSL could not judge the certificate: {words_of(error)}"]
    return found + (chain[0].sentences() if chain else [])


def _no_trust(context: ssl.SSLContext) -> list[str]:
    return ["no CA is trusted on this machine"] if trusts_nothing(context) else []


def _unchecked(context: ssl.SSLContext) -> Iterator[str]:
    """Say what a context of the user's own leaves out."""
    if context.verify_mode != ssl.CERT_REQUIRED:
        yield "the certificate was not verified: the context does not ask for it"
    elif not context.check_hostname:
        yield "the name was not verified: the context does not check it"


def _chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the chain as the peer sent it, leaf first, DER."""
    if hasattr(tls, "get_unverified_chain"):  # Python 3.13
        return list(tls.get_unverified_chain() or ())
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001  # see above
    pem = inner.get_unverified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(cert.public_bytes()) for cert in pem]
