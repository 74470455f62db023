"""What a certificate says, in words.

OpenSSL judges; `cryptography` only describes, so that whoever reads a verdict sees what
was judged. What it cannot read is a finding like any other: servers show certificates
that are broken in every way, and no verdict may be lost to one.

Loaded only when there is a certificate to look at: `cryptography` is not cheap.

This module knows nothing of handshakes or of contexts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from smtpnb.edges.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Certificate = x509.Certificate
LONGEST: Final = 200  # characters that a name may take in a sentence
NAMED: Final = 8  # names that a sentence lists


class Description(NamedTuple):
    """One certificate described.

    Attributes:
        facts: Plain values for the record: cert_subject, cert_issuer, cert_san (list),
            cert_not_before and cert_not_after (ISO 8601), cert_sha256 (hex), cert_key
            (such as "EC 256"). What cannot be read is missing.
        digest: The digest it is signed with, such as "sha256"; "" if there is none, or
            if it cannot be read.
        unreadable: A sentence for each thing that cannot be read.
    """

    facts: dict[str, Any]
    digest: str
    unreadable: list[str]

    def sentences(self) -> list[str]:
        """Say what the certificate is."""
        facts = self.facts
        said = []
        if "cert_subject" in facts:
            said.append(f"subject {_shown(facts['cert_subject'])}")
        if "cert_san" in facts:
            said.append(f"for {_listed(facts['cert_san'])}")
        if "cert_issuer" in facts:
            said.append(f"issued by {_shown(facts['cert_issuer'])}")
        if "cert_not_before" in facts and "cert_not_after" in facts:
            first, last = facts["cert_not_before"][:10], facts["cert_not_after"][:10]
            said.append(f"valid {first} to {last}")
        if "cert_key" in facts:
            said.append(f"key {facts['cert_key']}")
        return [*said, *self.unreadable]


def described(der: bytes) -> Description:
    """Describe a certificate, however broken it is. Never raises."""
    facts = {"cert_sha256": hashlib.sha256(der).hexdigest()}
    unreadable: list[str] = []

    def read(what: str, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        except BaseException as error:
            # Rust panics are no Exception; what interrupts us is none either.
            kind = type(error).__name__
            if not isinstance(error, Exception) and kind != "PanicException":
                raise
            why = cut(str(error), LONGEST) or "it gives no reason"
            unreadable.append(f"{what} cannot be read: {kind}: {why}")
        return None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        certificate = read("the certificate", x509.load_der_x509_certificate, der)
        if certificate is None:
            return Description(facts, "", unreadable)
        for name, (what, function) in _READERS.items():
            value = read(f"its {what}", function, certificate)
            if value is not None:
                facts[name] = value
        digest = read("its signature algorithm", _digest, certificate)
    return Description(facts, digest or "", unreadable)


def reasons(code: int, chain: list[Description], host: str) -> list[str]:
    """Say of what a verdict of OpenSSL speaks, as far as the chain shows it.

    Args:
        code: OpenSSL's number of the verdict (X509_V_ERR_...).
        chain: As the server sent it, leaf first.
        host: The name that the certificate should carry.
    """
    if code in _MEANINGS:
        return [_MEANINGS[code]]
    explain = _REASONS.get(code)
    return explain(chain, host) if explain is not None and chain else []


# Reading


def _names(certificate: Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in extension.value]


def _key(certificate: Certificate) -> str:
    key: Any = certificate.public_key()
    kind = type(key).__name__.strip("_").removesuffix("PublicKey")
    names: dict[str, str] = {"EllipticCurve": "EC"}
    size = getattr(key, "key_size", "")
    return f"{names.get(kind, kind)} {size}".strip()


def _digest(certificate: Certificate) -> str:
    algorithm = certificate.signature_hash_algorithm
    return algorithm.name if algorithm is not None else ""


_READERS: Final[Mapping[str, tuple[str, Callable[[Certificate], Any]]]] = {
    "cert_subject": ("subject", lambda c: c.subject.rfc4514_string()),
    "cert_issuer": ("issuer", lambda c: c.issuer.rfc4514_string()),
    "cert_san": ("names", _names),
    "cert_not_before": ("first date", lambda c: c.not_valid_before_utc.isoformat()),
    "cert_not_after": ("last date", lambda c: c.not_valid_after_utc.isoformat()),
    "cert_key": ("key", _key),
}


# Reasons


def _expired(chain: list[Description], _host: str) -> list[str]:
    today = dt.datetime.now(dt.UTC)
    return [
        f"{_which(chain, position)} expired on {last:%Y-%m-%d}"
        for position in range(len(chain))
        if (last := _date(chain[position], "cert_not_after")) and last < today
    ]


def _not_yet(chain: list[Description], _host: str) -> list[str]:
    today = dt.datetime.now(dt.UTC)
    return [
        f"{_which(chain, position)} is not valid before {first:%Y-%m-%d}"
        for position in range(len(chain))
        if (first := _date(chain[position], "cert_not_before")) and first > today
    ]


def _unknown_root(chain: list[Description], _host: str) -> list[str]:
    root = _shown(chain[-1].facts.get("cert_subject", ""))
    return [f"the chain ends in {root}, which is not trusted here"]


def _issuer_missing(chain: list[Description], _host: str) -> list[str]:
    shown = {each.facts.get("cert_subject"): each for each in chain[1:]}
    each = chain[0]
    for _ in chain:
        issuer = each.facts.get("cert_issuer")
        if issuer is None:
            return []
        if issuer not in shown:
            where = "neither among the certificates shown nor among those trusted here"
            return [f"its issuer, {_shown(issuer)}, is {where}"]
        each = shown[issuer]
    return []


def _other_name(chain: list[Description], host: str) -> list[str]:
    facts = chain[0].facts
    if "cert_san" not in facts:
        return []
    names = facts["cert_san"]
    if not names:
        return ["it names no host; a common name (CN) is none (RFC 9525 section 2)"]
    return [said for name in names if (said := _near_miss(name, host))][:1]


def _near_miss(name: str, host: str) -> str:
    """Say why a wildcard that looks right does not cover a host."""
    if not name.startswith("*."):
        return ""
    if host.lower() == name[2:].lower():
        return f"{_shown(name)} does not cover {host} itself"
    label, dot, rest = host.partition(".")
    if rest.lower() == name[2:].lower() and "_" in label:
        return f"OpenSSL lets {_shown(name)} stand for letters, digits and hyphens only"
    if host.lower().endswith(name[1:].lower()) and dot:
        return f"{_shown(name)} covers one label only (RFC 9525 section 6.3)"
    return ""


def _weak_key(chain: list[Description], _host: str) -> list[str]:
    key = chain[0].facts.get("cert_key")
    return [f"its key is {key}"] if key else []


def _weak_key_above(chain: list[Description], _host: str) -> list[str]:
    found = [
        f"{_which(chain, position)} has the key {chain[position].facts['cert_key']}"
        for position in range(1, len(chain))
        if "cert_key" in chain[position].facts
    ]
    issuer = _shown(chain[-1].facts.get("cert_issuer", ""))
    return found or [f"it is the key of {issuer}, which is trusted here"]


def _digests(chain: list[Description], _host: str) -> list[str]:
    return [
        f"{_which(chain, position)} is signed with {each.digest}"
        for position, each in enumerate(chain)
        if each.digest
    ]


# By X509_V_ERR_..., from OpenSSL's x509_vfy.h: what is true of any chain, and what the
# chain itself must be asked.
_MALFORMED_DATES: Final = "its dates are not written as RFC 5280 section 4.1.2.5 wants"
_MEANINGS: Final[Mapping[int, str]] = {
    7: "it was altered after it was signed, or another key signed it",
    13: _MALFORMED_DATES,
    14: _MALFORMED_DATES,
    18: "it is signed by itself, and it is not one of those trusted here",
}
_REASONS: Final[Mapping[int, Callable[[list[Description], str], list[str]]]] = {
    2: _issuer_missing,  # UNABLE_TO_GET_ISSUER_CERT
    9: _not_yet,  # CERT_NOT_YET_VALID
    10: _expired,  # CERT_HAS_EXPIRED
    19: _unknown_root,  # SELF_SIGNED_CERT_IN_CHAIN
    20: _issuer_missing,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: _issuer_missing,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    62: _other_name,  # HOSTNAME_MISMATCH
    64: _other_name,  # IP_ADDRESS_MISMATCH
    66: _weak_key,  # EE_KEY_TOO_SMALL
    67: _weak_key_above,  # CA_KEY_TOO_SMALL
    68: _digests,  # CA_MD_TOO_WEAK
}


def _which(chain: list[Description], position: int) -> str:
    if not position:
        return "the certificate"
    subject = chain[position].facts.get("cert_subject", "")
    return f"the certificate of {_shown(subject)}"


def _date(description: Description, name: str) -> dt.datetime | None:
    text = description.facts.get(name)
    return None if text is None else dt.datetime.fromisoformat(text)


def _shown(name: str) -> str:
    return cut(name, LONGEST) or "(no name)"


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"{', '.join(map(_shown, names[:NAMED]))}{rest}" if names else "no name"
