"""What a certificate says, and what is wrong with it, in words.

Loaded only when there is a certificate to look at: `cryptography` is not cheap. The
verdict of a verified handshake is OpenSSL's; `findings` judges a chain that was let
through unverified, so that the person who asked to look anyway sees what is wrong.

This module knows nothing of handshakes or of contexts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification

if TYPE_CHECKING:
    from collections.abc import Iterator


def findings(chain: list[bytes], host: str, roots: list[bytes]) -> list[str]:
    """Judge an unverified chain: a sentence for each check that would have failed.

    Args:
        chain: DER, leaf first, as the server sent it.
        host: The name or IP address that was wanted.
        roots: The trusted certificates, DER.

    Source: RFC 5280 (dates, chain) and RFC 9525 (names), as implemented by
    `cryptography.x509.verification`.
    """
    if not chain:
        return ["the server showed no certificate"]
    leaf, *others = [x509.load_der_x509_certificate(der) for der in chain]
    found = _date_findings(leaf)
    store = verification.Store(list(_readable(roots)))
    try:
        builder = verification.PolicyBuilder().store(store)
        verifier = builder.build_server_verifier(_subject(host))
        verifier.verify(leaf, others)
    except (verification.VerificationError, ValueError) as error:
        found.append(f"the chain does not verify for {host}: {error}")
    return found


def _readable(roots: list[bytes]) -> Iterator[x509.Certificate]:
    """The roots that cryptography reads; systems carry some that break RFC 5280."""
    for der in roots:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            with suppress(ValueError):
                yield x509.load_der_x509_certificate(der)


def _date_findings(leaf: x509.Certificate) -> list[str]:
    today = dt.datetime.now(dt.UTC)
    if today > leaf.not_valid_after_utc:
        return [f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}"]
    if today < leaf.not_valid_before_utc:
        start = leaf.not_valid_before_utc
        return [f"the certificate is not valid before {start:%Y-%m-%d}"]
    return []


def _subject(host: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def certificate_facts(der: bytes) -> dict[str, Any]:
    """Return the facts of one certificate as plain values.

    Keys: cert_subject, cert_issuer, cert_san (list), cert_not_before and
    cert_not_after (ISO 8601), cert_sha256 (hex), cert_key (such as "EC 256").
    """
    digest = hashlib.sha256(der).hexdigest()
    try:
        cert = x509.load_der_x509_certificate(der)
        san = _names(cert)
    except ValueError:  # real certificates break the encoding rules, too
        return {"cert_sha256": digest}
    return {
        "cert_subject": cert.subject.rfc4514_string(),
        "cert_issuer": cert.issuer.rfc4514_string(),
        "cert_san": san,
        "cert_not_before": cert.not_valid_before_utc.isoformat(),
        "cert_not_after": cert.not_valid_after_utc.isoformat(),
        "cert_sha256": digest,
        "cert_key": _key(cert),
    }


def _names(cert: x509.Certificate) -> list[str]:
    try:
        extension = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in extension.value]


def _key(cert: x509.Certificate) -> str:
    key: Any = cert.public_key()
    kind = type(key).__name__.strip("_").removesuffix("PublicKey")
    names: dict[str, str] = {"EllipticCurve": "EC"}
    size = getattr(key, "key_size", "")
    return f"{names.get(kind, kind)} {size}".strip()


def describe(chain: list[bytes]) -> list[str]:
    """Say in words what the first certificate of a chain is."""
    if not chain:
        return []
    facts = certificate_facts(chain[0])
    if "cert_subject" not in facts:
        return ["its encoding is malformed"]
    names = ", ".join(facts["cert_san"]) or "no name"
    return [
        f"subject {facts['cert_subject'] or '(empty)'}",
        f"for {names}",
        f"issued by {facts['cert_issuer']}",
        f"valid {facts['cert_not_before'][:10]} to {facts['cert_not_after'][:10]}",
    ]
