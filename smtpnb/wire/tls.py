"""TLS by policy: how it is done, what was negotiated, and why a handshake failed.

There is one judge: OpenSSL, with the context that verifies. "require" lets it end the
handshake; "report" completes the handshake with a context that does not verify, and
asks the same judge afterwards, with the same context, about the chain that was shown
(`verdict`). So the two cannot disagree. Nothing here judges a certificate again.

`ssl` gives the chain of an unverified peer in public only from Python 3.13 on; before
that the private `_sslobj.get_unverified_chain` is called, here and nowhere else.

This module knows nothing of sockets, nor of STARTTLS.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, Literal

from smtpnb.protocol.errors import LocalProtocolError, TlsError
from smtpnb.wire.alerts import clear_text_hint, is_no_tls, words_of
from smtpnb.wire.trust import looking, trusting, trusting_the_system, trusts_nothing
from smtpnb.wire.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.wire.certificates import Description

Verify = Literal["require", "report"]


class TlsPolicy:
    """How TLS is done: whom to trust, and what to do when trust fails.

    Args:
        verify: "require" ends a handshake that does not verify; "report" completes it
            and tells what is wrong, by the same verdict; AUTH is then refused.
        ca: Certificates to trust instead of the system's: PEM text, or the path of a
            file (PEM or DER) or of a folder (its .pem, .crt, .cer and hashed files).
            Read whenever TLS begins: a file that was replaced is trusted as it is now.
        context: A context of your own, used as it is: it has its own trust, in which
            `ca` has no part, and its own rules, which "report" cannot judge by.

    Raises:
        LocalProtocolError: Another word for `verify`, or what does not go together.

    Example:
        >>> TlsPolicy(ca="/etc/ssl/our-ca.pem")
        <TlsPolicy require, its own CA>
    """

    __slots__ = ("ca", "context", "verify")

    def __init__(
        self,
        verify: Verify = "require",
        *,
        ca: str | os.PathLike[str] = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        if verify not in ("require", "report"):
            raise LocalProtocolError(f'verify is "require" or "report", not {verify!r}')
        if not isinstance(ca, (str, os.PathLike)):
            raise LocalProtocolError("ca is PEM text, or the path of a file or folder")
        if context is not None:
            _check_own(context, verify)
        self.verify: Verify = verify
        self.ca = ca
        self.context = context

    def with_(
        self, *, verify: Verify | None, ca: str | os.PathLike[str] | None
    ) -> TlsPolicy:
        """Return a policy that differs in what is given.

        Raises:
            LocalProtocolError: As in the class.
        """
        if verify is None and ca is None:
            return self
        return TlsPolicy(
            verify or self.verify,
            ca=self.ca if ca is None else ca,
            context=self.context,
        )

    def check(self) -> None:
        """Read the CAs that were given, before an octet leaves.

        Those of the system are not looked at: a session in clear never needs them.

        Raises:
            TlsError: They cannot be read.
        """
        if self.ca and self.context is None:
            self.verifying_context()

    def handshake_context(self) -> ssl.SSLContext:
        """Return the context of the handshake: one that only looks, for "report".

        Raises:
            TlsError: The CA certificates cannot be read.
        """
        return looking() if self.verify == "report" else self.verifying_context()

    def verifying_context(self) -> ssl.SSLContext:
        """Return the context that gives the verdict: the user's own, or ours.

        Raises:
            TlsError: The CA certificates cannot be read.
        """
        if self.context is not None:
            return self.context
        return trusting(os.fsdecode(self.ca)) if self.ca else trusting_the_system()

    def __repr__(self) -> str:
        trust = "its own CA" if self.ca else "the system's CAs"
        if self.context is not None:
            trust = "its own context"
        return f"<TlsPolicy {self.verify}, {trust}>"


def _check_own(context: ssl.SSLContext, verify: Verify) -> None:
    if not isinstance(context, ssl.SSLContext):
        raise LocalProtocolError(f"context is an ssl.SSLContext, not {type(context)!r}")
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise LocalProtocolError("this context is a server's: PROTOCOL_TLS_CLIENT")
    if verify == "report":
        raise LocalProtocolError(
            'verify="report" judges by smtpnb\'s own context: leave out yours, or set '
            "what yours verifies (verify_mode, check_hostname) yourself"
        )


# Verdicts


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
