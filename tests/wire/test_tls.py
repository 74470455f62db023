"""Certificates x {require, report}: one verdict, and OpenSSL's own words for it.

The handshakes are real, in memory, and `_judged` does with them what a client does.
"""

from __future__ import annotations

import os
import pickle
import re
import ssl
from typing import TYPE_CHECKING, Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.errors import LocalProtocolError, TlsError
from smtpnb.protocol.names import host_name
from smtpnb.wire import trust
from smtpnb.wire.tls import failure, negotiated
from smtpnb.wire.tls_policy import TlsPolicy
from smtpnb.wire.verdict import verdict
from tests.support.certificate_cases import (
    ALONE,
    CA,
    FAILS,
    HOST,
    INTER,
    LEAF,
    OTHER,
    VERIFIES,
    VERIFIES_UNREAD,
    leaf,
)
from tests.support.certificates import (
    Certificate,
    ec_key,
    handshake,
    rsa_key,
    server_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERIFY: tuple[Literal["require", "report"], ...] = ("require", "report")
KEYS: dict[str, Callable[[], Any]] = {
    "RSA 2048": lambda: rsa_key(2048),
    "P-256": ec_key,
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


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
    # A sandbox tells its CA to whoever connects: the context stays as it is.
    told = policy.with_(verify=None, ca=OTHER.pem)
    assert told.verifying_context() is own
    told.with_(verify=None, ca="nowhere").check()
    assert isinstance(_judged(told, server_context(leaf(issuer=OTHER)), HOST), TlsError)


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
    assert TlsPolicy(ca=str(path)).verifying_context() is context
    assert TlsPolicy(ca=f"{CA.pem}").verifying_context() is context
    path.write_text(f"# our CA, für alle\n{CA.pem}\n")
    assert _trusts(path, LEAF)


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
    ids=["no file", "empty", "text", "no PEM", "a key", "half"],
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


def test_what_would_hang_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.pem")
    with pytest.raises(TlsError, match="neither a file nor a folder"):
        TlsPolicy(ca=tmp_path / "fifo.pem").check()
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
    assert any(
        "no CA is trusted on this machine" in found for found in refused.findings
    )
    facts = _judged(TlsPolicy("report"), server_context(LEAF), HOST)
    assert isinstance(facts, dict)
    assert facts["findings"] == list(refused.findings)
    assert isinstance(_judged(TlsPolicy(ca=CA.pem), server_context(LEAF), HOST), dict)


def test_a_store_that_is_only_a_folder_is_a_store(store: Path) -> None:
    (store.parent / "folder" / "0a1b2c3d.0").write_text(OTHER.pem)
    refused = _judged(TlsPolicy(), server_context(LEAF), HOST)
    assert isinstance(refused, TlsError)
    assert not any("no CA is trusted" in found for found in refused.findings)
