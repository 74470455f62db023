"""What a certificate says in words, whatever it holds."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.wire.certificates import described, reasons
from tests.support.certificates import ec_key, make, rsa_key

LEAF = make("mx.example", "192.0.2.1", cn="server")


def test_a_certificate_becomes_plain_values() -> None:
    facts, digest, unreadable = described(LEAF.der)
    assert list(facts) == [
        "cert_sha256",
        "cert_subject",
        "cert_issuer",
        "cert_san",
        "cert_not_before",
        "cert_not_after",
        "cert_key",
    ]
    assert facts["cert_subject"] == facts["cert_issuer"] == "CN=server"
    assert facts["cert_san"] == ["mx.example", "192.0.2.1"]
    assert facts["cert_not_before"] < facts["cert_not_after"]
    assert facts["cert_key"] == "EC 256"
    assert digest == "sha256"
    assert unreadable == []


def test_what_is_empty_is_said() -> None:
    sentences = described(make(key=rsa_key(2048)).der).sentences()
    assert sentences[:3] == ["subject (no name)", "for no name", "issued by (no name)"]
    assert sentences[-1] == "key RSA 2048"


@given(st.data())
def test_whatever_a_server_shows_is_described(data: st.DataObject) -> None:
    der = bytearray(LEAF.der)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    octets = bytes(der[: data.draw(st.integers(0, len(der)))])
    facts, _, unreadable = described(octets)
    assert len(facts["cert_sha256"]) == 64
    # What is not there is said to be unreadable: nothing is left out silently.
    assert len(facts) == 7 or unreadable


class PanicException(BaseException):
    """What cryptography raises where Rust panics: no Exception."""


@pytest.mark.parametrize(
    "error", [PanicException("index"), ValueError(), MemoryError()]
)
def test_whatever_cryptography_raises_is_a_finding(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_der: bytes) -> x509.Certificate:
        raise error

    monkeypatch.setattr(x509, "load_der_x509_certificate", load)
    facts, _, unreadable = described(LEAF.der)
    assert list(facts) == ["cert_sha256"]
    kind = type(error).__name__
    assert unreadable[0].startswith(f"the certificate cannot be read: {kind}: ")


def test_an_interrupt_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_der: bytes) -> x509.Certificate:
        raise KeyboardInterrupt

    monkeypatch.setattr(x509, "load_der_x509_certificate", load)
    with pytest.raises(KeyboardInterrupt):
        described(LEAF.der)


def test_a_certificate_of_a_thousand_names_is_told_briefly() -> None:
    names = [f"{'n' * 50}{number}.example" for number in range(1000)]
    sentences = described(make(*names, cn="x" * 60).der).sentences()
    told = next(said for said in sentences if said.startswith("for "))
    assert told.endswith("and 992 more")
    assert len(told) < 1000


def test_names_of_strangers_are_inert() -> None:
    sentences = described(make("mx.example", cn="\x1b]0;owned\x07").der).sentences()
    assert all(said.isprintable() for said in sentences)


def test_what_openssl_says_of_a_chain_unseen_needs_no_reason() -> None:
    chain = [described(LEAF.der)]
    assert reasons(1, chain, "mx.example") == []
    assert reasons(20, [], "mx.example") == []
    # Every link is there: why OpenSSL misses one is not for us to guess.
    assert reasons(20, chain * 2, "mx.example") == []
    assert reasons(10, chain, "mx.example") == []
    unread = [described(b"")]
    for code in (2, 9, 10, 19, 20, 21, 62, 64, 66, 67, 68):
        assert all(isinstance(said, str) for said in reasons(code, unread, "a.example"))


def test_a_missing_issuer_is_looked_for_up_the_chain() -> None:
    root = make(cn="Root", ca=True)
    upper = make(cn="Upper", ca=True, issuer=root)
    lower = make(cn="Lower", ca=True, issuer=upper)
    leaf = make("mx.example", cn="server", issuer=lower, key=ec_key())
    chain = [described(each.der) for each in (leaf, lower, upper)]
    assert "its issuer, CN=Root, is neither" in reasons(20, chain, "mx.example")[0]
    assert "its issuer, CN=Upper, is neither" in reasons(20, chain[:2], "x")[0]
    assert "its issuer, CN=Lower, is neither" in reasons(20, chain[:1], "x")[0]
