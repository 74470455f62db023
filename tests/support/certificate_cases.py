"""Kinds of certificates: what a server shows, whom a client trusts, what is wrong.

The wrong is named by patterns for the findings; the first is for OpenSSL's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.certificates import (
    CLIENTS,
    DAY,
    NOW,
    Certificate,
    altered,
    make,
    patched,
    rsa_key,
    signed_with_sha1,
)

HOST = "mx.example.org"
CA = make(cn="Test CA", ca=True)
OTHER = make(cn="Other CA", ca=True)
INTER = make(cn="Inter CA", ca=True, issuer=CA)
STALE = make(cn="Stale CA", ca=True, issuer=CA, days=(-30, -2))
WEAK = make(cn="Weak CA", ca=True, key=rsa_key(1024))
RSA = make(cn="RSA CA", ca=True, key=rsa_key(2048))
NO_CA = make("x", cn="Not a CA", issuer=CA)
SHORT = make(cn="Short CA", ca=True, issuer=CA, path_length=0)
BELOW = make(cn="Below CA", ca=True, issuer=SHORT)
ALONE = make(HOST, cn="alone")
BARE = make(HOST, cn="bare", extensions=False)


def leaf(*names: str, issuer: Certificate = CA, **options: Any) -> Certificate:
    return make(*(names or (HOST,)), issuer=issuer, **{"cn": "server", **options})


LEAF = leaf()
VERSION = bytes.fromhex("a0030201")  # [0] { INTEGER ...


def _version(number: int) -> Certificate:
    was, becomes = VERSION + b"\x02", VERSION + bytes([number])
    return patched(LEAF, CA, was, becomes)


def _date(days: int, becomes: str = "") -> Certificate:
    """Write month 13, or something else, where the first or the last date stands."""
    date = f"{NOW + days * DAY:%y%m%d%H%M%SZ}"
    wrong = becomes or f"{date[:2]}13{date[4:]}"
    return patched(LEAF, CA, date.encode(), wrong.encode())


@dataclass(frozen=True)
class Case:
    """What a server shows, whom the client trusts, and what becomes of it.

    Attributes:
        chain: Leaf first.
        ca: The certificate that is trusted.
        host: As the user gives it.
        wrong: A pattern for each finding that must be there; empty: it verifies.
    """

    chain: tuple[Certificate, ...]
    ca: Certificate = CA
    host: str = HOST
    wrong: tuple[str, ...] = ()


VERIFIES = {
    "a name": Case((LEAF,)),
    "a dot at its end": Case((LEAF,), host=f"{HOST}."),
    "capitals": Case((LEAF,), host="MX.Example.ORG"),
    "an IPv4 address": Case((leaf("192.0.2.1"),), host="192.0.2.1"),
    "one mapped into IPv6": Case((leaf("192.0.2.1"),), host="::ffff:192.0.2.1"),
    "an IPv6 address": Case((leaf("2001:db8::1"),), host="[2001:db8:0::1]"),
    "one with a zone": Case((leaf("fe80::1"),), host="fe80::1%eth0"),
    "an A-label": Case((leaf("xn--strae-oqa.example"),), host="straße.example"),
    "a wildcard": Case((leaf("*.example.org"),)),
    "an underscore": Case((leaf("mx_1.example.org"),), host="mx_1.example.org"),
    "an intermediate": Case((leaf(issuer=INTER), INTER)),
    "a self-signed one as CA": Case((ALONE,), ca=ALONE),
    "a self-signed one without extensions as CA": Case((BARE,), ca=BARE),
    "an intermediate as CA": Case((leaf(issuer=INTER),), ca=INTER),
    "the certificate itself as CA": Case((LEAF,), ca=LEAF),
}
UNREADABLE = r"certificate cannot be read: \w+: .+"
# OpenSSL lets these pass: what cryptography cannot read is told, and no verdict.
VERIFIES_UNREAD = {
    "X.509 version 4": Case((_version(3),), wrong=(UNREADABLE,)),
    "X.509 version 6": Case((_version(5),), wrong=(UNREADABLE,)),
    "version 1 with extensions": Case((_version(0),), wrong=(UNREADABLE,)),
}
FAILS = {
    "expired": Case(
        (leaf(days=(-9, -2)),),
        wrong=("certificate has expired", r"expired on \d{4}-\d\d-\d\d"),
    ),
    "an expired intermediate": Case(
        (leaf(issuer=STALE), STALE),
        wrong=("certificate has expired", "CN=Stale CA expired on"),
    ),
    "not valid yet": Case(
        (leaf(days=(2, 9)),),
        wrong=("not yet valid", r"not valid before \d{4}-\d\d-\d\d"),
    ),
    "self-signed": Case((ALONE,), wrong=("self.signed certificate", "by itself")),
    "another root, sent along": Case(
        (leaf(issuer=OTHER), OTHER),
        wrong=("self.signed certificate in", "ends in CN=Other CA, which is not"),
    ),
    "another root": Case(
        (leaf(issuer=OTHER),),
        wrong=("unable to get local issuer", "its issuer, CN=Other CA, is neither"),
    ),
    "an intermediate that is not sent": Case(
        (leaf(issuer=INTER),),
        wrong=("unable to get local issuer", "its issuer, CN=Inter CA, is neither"),
    ),
    "another name": Case(
        (leaf("a.example", "b.example"),),
        wrong=(f"not valid for '{HOST}'", "for a.example, b.example"),
    ),
    "the name by IDNA 2003": Case(  # another registrant's
        (leaf("strasse.example"),),
        host="straße.example",
        wrong=("not valid for 'xn--strae-oqa.example'", "for strasse.example"),
    ),
    "the name as common name only": Case(
        (make(cn=HOST, issuer=CA),),
        wrong=(f"not valid for '{HOST}'", "it names no host; .*RFC 9525"),
    ),
    "no name at all": Case(
        (make(cn="server", issuer=CA),), wrong=("not valid for", "names no host")
    ),
    "names for an address": Case(
        (LEAF,), host="192.0.2.1", wrong=("not valid for '192.0.2.1'", f"for {HOST}")
    ),
    "an address for a name": Case(
        (leaf("192.0.2.1"),), wrong=(f"not valid for '{HOST}'", "for 192.0.2.1")
    ),
    "a wildcard for two labels": Case(
        (leaf("*.org"),), wrong=("not valid for", r"\*\.org covers one label only")
    ),
    "a wildcard for itself": Case(
        (leaf(f"*.{HOST}"),), wrong=("not valid for", f"does not cover {HOST} itself")
    ),
    "a wildcard for an underscore": Case(
        (leaf("*.example.org"),),
        host="mx_1.example.org",
        wrong=("not valid for", "letters, digits and hyphens only"),
    ),
    "a weak key": Case(
        (leaf(key=rsa_key(1024)),),
        wrong=("EE certificate key too weak", "its key is RSA 1024"),
    ),
    "a weak key above": Case(
        (leaf(issuer=WEAK),),
        ca=WEAK,
        wrong=("CA certificate key too weak", "of CN=Weak CA, which is trusted here"),
    ),
    "a weak key in the chain": Case(
        (leaf(issuer=WEAK), WEAK),
        ca=WEAK,
        wrong=("CA certificate key too weak", "of CN=Weak CA has the key RSA 1024"),
    ),
    "a weak digest": Case(
        (signed_with_sha1(leaf(issuer=RSA), RSA),),
        ca=RSA,
        wrong=("digest algorithm too weak", "signed with sha1"),
    ),
    "a client's certificate": Case(
        (leaf(usage=CLIENTS),), wrong=("unsuitable certificate purpose",)
    ),
    "signed by no CA": Case(
        (leaf(issuer=NO_CA), NO_CA), wrong=("invalid CA certificate",)
    ),
    "a CA too deep": Case(
        (leaf(issuer=BELOW), BELOW, SHORT), wrong=("path length constraint exceeded",)
    ),
    "altered": Case((altered(LEAF),), wrong=("signature failure", "was altered")),
    "altered, X.509 version 4": Case(
        (altered(_version(3)),), wrong=("signature failure", UNREADABLE)
    ),
    "month 13 at the end": Case(
        (_date(30),),
        wrong=("notAfter field", "RFC 5280", UNREADABLE),
    ),
    "month 13 at the start": Case(
        (_date(-1),),
        wrong=("notBefore field", "RFC 5280", UNREADABLE),
    ),
    "no UTCTime": Case(
        (_date(30, "x" * 13),), wrong=("notAfter field", "RFC 5280", UNREADABLE)
    ),
    "a name that is no ASCII": Case(
        (patched(LEAF, CA, HOST.encode(), b"mx.ex\xffmple.org"),),
        wrong=("not valid for", "its names cannot be read: "),
    ),
    "an address that is none": Case(
        (patched(LEAF, CA, b"\x82\x0e" + HOST.encode(), b"\x87\x0e" + b"4" * 14),),
        wrong=("not valid for", "its names cannot be read: "),
    ),
}  # fmt: skip
