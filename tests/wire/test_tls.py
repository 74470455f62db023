"""Certificates x {require, report}: one verdict, and OpenSSL's own words for it.

The handshakes are real, in memory, and `_judged` does with them what a client does.
"""

from __future__ import annotations

import os
import pickle
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.errors import LocalProtocolError, TlsError
from smtpnb.protocol.names import host_name
from smtpnb.wire import trust
from smtpnb.wire.tls import TlsPolicy, failure, negotiated
from smtpnb.wire.verdict import verdict
from tests.support.certificates import (
    CLIENTS,
    DAY,
    NOW,
    Certificate,
    altered,
    ec_key,
    handshake,
    make,
    patched,
    rsa_key,
    server_context,
    signed_with_sha1,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
VERIFY: tuple[Literal["require", "report"], ...] = ("require", "report")
KEYS: dict[str, Callable[[], Any]] = {
    "RSA 2048": lambda: rsa_key(2048),
    "P-256": ec_key,
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}
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


def _judged(
    policy: TlsPolicy, server: ssl.SSLContext, host: str
) -> dict[str, Any] | TlsError:
    name = host_name(host)
    tls, error = handshake(policy.handshake_context(), server, name)
    if error is None:
        return negotiated(tls, name, policy)
    return failure(tls, error, name, policy)


@pytest.mark.parametrize("verify", VERIFY)
@pytest.mark.parametrize("name", [*VERIFIES, *VERIFIES_UNREAD])
def test_what_verifies_verifies_by_either_word(
    name: str, verify: Literal["require", "report"]
) -> None:
    case = (VERIFIES | VERIFIES_UNREAD)[name]
    server = server_context(*case.chain)
    facts = _judged(TlsPolicy(verify, ca=case.ca.pem), server, case.host)
    assert isinstance(facts, dict), facts
    assert facts["verified"] is True
    assert len(facts["findings"]) == len(case.wrong)
    for pattern, finding in zip(case.wrong, facts["findings"], strict=True):
        assert re.search(pattern, finding)
    assert facts["server_hostname"] == host_name(case.host)
    assert len(facts["cert_sha256"]) == 64
    assert facts["version"] == "TLSv1.3"


@pytest.mark.parametrize("name", FAILS)
def test_what_fails_fails_by_either_word_for_the_same_reason(name: str) -> None:
    case = FAILS[name]
    server = server_context(*case.chain, weak=True)
    refused = _judged(TlsPolicy(ca=case.ca.pem), server, case.host)
    assert isinstance(refused, TlsError), "it verified"
    facts = _judged(TlsPolicy("report", ca=case.ca.pem), server, case.host)
    assert isinstance(facts, dict)
    assert facts["verified"] is False
    assert facts["findings"] == list(refused.findings)
    for pattern in case.wrong:
        assert any(re.search(pattern, found) for found in refused.findings), pattern
    # OpenSSL's words come first, and all of it stands in the error.
    assert re.search(case.wrong[0], refused.findings[0])
    assert all(found in str(refused) for found in refused.findings)
    assert 'verify="report"' in str(refused)
    assert refused.certificate is not None
    assert refused.certificate["cert_sha256"] == facts["cert_sha256"]
    assert pickle.loads(pickle.dumps(refused)).findings == refused.findings


@pytest.mark.parametrize("kind", [*KEYS])
def test_keys_of_every_kind_are_judged(kind: str) -> None:
    for names, verifies in ((HOST,), True), (("a.example",), False):
        shown = leaf(*names, key=KEYS[kind]())
        for verify in VERIFY:
            policy = TlsPolicy(verify, ca=CA.pem)
            judged = _judged(policy, server_context(shown), HOST)
            verified = isinstance(judged, dict) and judged["verified"]
            assert verified is verifies, (verify, judged)


def test_a_long_chain_is_judged_whole() -> None:
    names = [f"{number}.{'n' * 50}.example" for number in range(500)]
    shown = leaf(*names, issuer=INTER)
    assert len(shown.der) > 16 * 1024  # more than a record
    for verify in VERIFY:
        policy = TlsPolicy(verify, ca=CA.pem)
        facts = _judged(policy, server_context(shown, INTER), names[-1])
        assert isinstance(facts, dict)
        assert facts["verified"] is True


def test_what_openssl_cannot_judge_is_not_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = TlsPolicy("report", ca=CA.pem)
    tls, error = handshake(policy.handshake_context(), server_context(LEAF), HOST)
    assert error is None
    assert negotiated(tls, HOST, policy)["verified"] is True
    # A library without the suites that the question is asked by:
    monkeypatch.setattr("smtpnb.wire.verdict._SUITES", (b"\0\x01", b"\0\x02"))
    facts = negotiated(tls, HOST, policy)
    assert facts["verified"] is False
    assert facts["findings"][0].startswith("OpenSSL could not judge the certificate")
    monkeypatch.setattr("smtpnb.wire.tls._chain", lambda _tls: [])
    facts = negotiated(tls, HOST, policy)
    assert facts["verified"] is False
    assert facts["findings"] == ["the server showed no certificate"]


@given(der=st.binary(max_size=2000), more=st.lists(st.binary(max_size=300), max_size=3))
def test_no_octets_are_ever_judged_good(der: bytes, more: list[bytes]) -> None:
    context = TlsPolicy(ca=CA.pem).verifying_context()
    assert verdict(context, [der, *more], HOST) is not None


# The policy


def test_a_context_of_ones_own_is_used_as_it_is() -> None:
    own = ssl.create_default_context(cadata=CA.pem)
    policy = TlsPolicy(context=own)
    assert policy.verifying_context() is own
    facts = _judged(policy, server_context(LEAF), HOST)
    assert isinstance(facts, dict)
    assert facts["verified"] is True
    refused = _judged(policy, server_context(leaf("other.example")), HOST)
    assert isinstance(refused, TlsError)
    assert "report" not in str(refused)  # it would not be taken


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ({"check_hostname": False}, "the name was not verified"),
        (
            {"check_hostname": False, "verify_mode": ssl.CERT_NONE},
            "the certificate was not verified",
        ),
        ({"verify_mode": ssl.CERT_OPTIONAL}, "the certificate was not verified"),
    ],
)
def test_what_an_own_context_leaves_out_is_not_verified(
    checks: dict[str, Any], told: str
) -> None:
    own = ssl.create_default_context(cadata=CA.pem)
    for name, value in checks.items():
        setattr(own, name, value)
    facts = _judged(TlsPolicy(context=own), server_context(LEAF), HOST)
    assert isinstance(facts, dict)
    assert facts["verified"] is False
    assert facts["findings"][0].startswith(told)


def test_what_does_not_go_together_is_refused() -> None:
    own = ssl.create_default_context()
    with pytest.raises(LocalProtocolError, match="judges by smtpnb's own context"):
        TlsPolicy("report", context=own)
    with pytest.raises(LocalProtocolError, match="judges by smtpnb's own context"):
        TlsPolicy(context=own).with_(verify="report", ca=None)
    with pytest.raises(LocalProtocolError, match="load the CA into it"):
        TlsPolicy(context=own, ca=CA.pem)
    with pytest.raises(LocalProtocolError, match="load the CA into it"):
        TlsPolicy(context=own).with_(verify=None, ca=CA.pem)
    with pytest.raises(LocalProtocolError, match="a server's"):
        TlsPolicy(context=server_context(LEAF))
    with pytest.raises(LocalProtocolError, match=r"ssl\.SSLContext"):
        TlsPolicy(context="default")  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="PEM text, or the path"):
        TlsPolicy(ca=CA.der)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match='"require" or "report"'):
        TlsPolicy("never")  # type: ignore[arg-type]


def test_a_policy_tells_its_trust_and_no_more() -> None:
    assert repr(TlsPolicy()) == "<TlsPolicy require, the system's CAs>"
    assert repr(TlsPolicy("report", ca=CA.pem)) == "<TlsPolicy report, its own CA>"
    own = ssl.create_default_context()
    assert repr(TlsPolicy(context=own)) == "<TlsPolicy require, its own context>"


# Where the CAs come from


def _trusts(ca: str | Path, shown: Certificate) -> bool:
    judged = _judged(TlsPolicy(ca=ca), server_context(shown), HOST)
    return isinstance(judged, dict) and judged["verified"]


def test_a_file_is_trusted_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(CA.pem)
    before = path.stat()
    assert _trusts(path, LEAF)
    assert not _trusts(path, leaf(issuer=OTHER))
    path.write_text(OTHER.pem)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p would
    assert not _trusts(path, LEAF)
    assert _trusts(str(path), leaf(issuer=OTHER))
    path.write_text(CA.pem + OTHER.pem)
    assert _trusts(path, LEAF)
    assert _trusts(path, leaf(issuer=OTHER))


def test_a_context_is_made_once_for_the_same_content(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(CA.pem)
    context = TlsPolicy(ca=path).verifying_context()
    path.write_text(f"# our CA, für alle\n{CA.pem}\n")
    assert TlsPolicy(ca=str(path)).verifying_context() is context
    assert TlsPolicy(ca=f"{CA.pem}").verifying_context() is context


def test_a_folder_and_der_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_text(CA.pem)
    (tmp_path / "0a1b2c3d.0").write_text(OTHER.pem)
    (tmp_path / "0a1b2c3d.1").symlink_to(tmp_path / "nowhere")
    (tmp_path / "README").write_text(ALONE.pem)
    (tmp_path / "sub.pem").mkdir()
    assert _trusts(tmp_path, LEAF)
    assert _trusts(tmp_path, leaf(issuer=OTHER))
    assert not _trusts(tmp_path, ALONE)
    (tmp_path / "one.pem").unlink()
    assert not _trusts(tmp_path, LEAF)
    (tmp_path / "ca.der").write_bytes(CA.der)
    assert _trusts(tmp_path / "ca.der", LEAF)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"", "no certificate in it"),
        (b"hello\n", "no certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "."),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no cert"),
        (CA.der[:50], "."),
    ],
)
def test_what_is_no_ca_is_told_by_check(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    unreadable = rf"CA certificates cannot be read: .*{why}"
    with pytest.raises(TlsError, match=unreadable):
        TlsPolicy(ca=path).check()
    if content and b"BEGIN" in content:
        with pytest.raises(TlsError, match="CA certificates cannot be read"):
            TlsPolicy(ca=content.decode()).check()


def test_a_folder_without_certificates_is_told(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="no certificate in it"):
        TlsPolicy(ca=tmp_path).check()


def test_text_that_is_neither_is_told_and_cut() -> None:
    with pytest.raises(TlsError) as caught:
        TlsPolicy(ca="x" * 100_000).check()
    assert len(str(caught.value)) < 200
    with pytest.raises(TlsError):
        TlsPolicy(ca="\0").check()


def test_check_leaves_the_system_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> ssl.SSLContext:
        raise AssertionError("34 ms of a session in clear")

    monkeypatch.setattr(trust, "trusting_the_system", read)
    monkeypatch.setattr("smtpnb.wire.tls.trusting_the_system", read)
    TlsPolicy().check()
    TlsPolicy("report").check()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's root store: a file that a test writes."""
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "folder"))
    return tmp_path / "cert.pem"


def test_the_store_of_the_system_is_read_again_when_it_changes(store: Path) -> None:
    store.write_text(CA.pem)
    assert _trusts("", LEAF)
    store.write_text(OTHER.pem)
    os.utime(store, (1, 1))  # a clock too coarse for a test sees no change
    assert not _trusts("", LEAF)
    assert _trusts("", leaf(issuer=OTHER))


@pytest.mark.parametrize("content", [None, ""])
def test_a_machine_without_a_store_trusts_nobody_and_says_so(
    content: str | None, store: Path
) -> None:
    if content is not None:
        store.write_text(content)
    refused = _judged(TlsPolicy(), server_context(LEAF), HOST)
    assert isinstance(refused, TlsError)
    assert any("no CA is trusted here" in found for found in refused.findings)
    facts = _judged(TlsPolicy("report"), server_context(LEAF), HOST)
    assert isinstance(facts, dict)
    assert facts["findings"] == list(refused.findings)
    assert isinstance(_judged(TlsPolicy(ca=CA.pem), server_context(LEAF), HOST), dict)


def test_a_store_that_is_only_a_folder_is_a_store(store: Path) -> None:
    (store.parent / "folder" / "0a1b2c3d.0").write_text(OTHER.pem)
    refused = _judged(TlsPolicy(), server_context(LEAF), HOST)
    assert isinstance(refused, TlsError)
    assert not any("no CA is trusted" in found for found in refused.findings)
