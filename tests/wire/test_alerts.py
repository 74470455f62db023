"""What TLS says when it fails, in words, and whose word it is."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.wire.alerts import clear_text_hint, is_no_tls, words_of
from smtpnb.wire.tls import failure
from smtpnb.wire.tls_policy import TlsPolicy
from tests.support.certificates import make, server_context

if TYPE_CHECKING:
    from collections.abc import Callable

CA = make(cn="Test CA", ca=True)
LEAF = make("mx.example", cn="server", issuer=CA)
POLICY = TlsPolicy(ca=CA.pem)


class _Peer:
    """Our side of a session in memory, with a server that a test steers."""

    def __init__(self, server: ssl.SSLContext) -> None:
        self.incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = POLICY.verifying_context()
        self.ours = context.wrap_bio(
            self.incoming, self._outgoing, server_hostname="mx.example"
        )
        self.theirs = server.wrap_bio(self._outgoing, self.incoming, server_side=True)

    def shake(self) -> None:
        """Take the handshake to the point where our side is done."""
        steps: tuple[Callable[[], Any], ...] = (
            *(self.ours.do_handshake, self.theirs.do_handshake),
            self.ours.do_handshake,
        )
        for step in steps:
            try:
                step()
            except ssl.SSLWantReadError:
                continue


def _own_error(step: Callable[[], Any]) -> ssl.SSLError:
    with pytest.raises(ssl.SSLError) as caught:
        step()
    return caught.value


def test_a_client_certificate_that_is_wanted_shows_at_the_first_read() -> None:
    server = server_context(LEAF)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=CA.pem)
    peer = _Peer(server)
    peer.shake()  # under TLS 1.3 our side finds nothing wrong
    _own_error(peer.theirs.do_handshake)
    words = words_of(_own_error(lambda: peer.ours.read(100)))
    assert words == (
        'the server sent the alert "certificate required": it wants a client '
        "certificate, and none was shown"
    )


def test_clear_text_in_the_middle_of_a_session_is_no_tls() -> None:
    peer = _Peer(server_context(LEAF))
    peer.shake()
    peer.theirs.do_handshake()
    peer.incoming.read()  # tickets
    peer.incoming.write(b"421 closing\r\n")
    error = _own_error(lambda: peer.ours.read(100))
    assert is_no_tls(error)
    assert words_of(error).startswith("what came is no TLS (")


def test_a_damaged_record_is_told() -> None:
    peer = _Peer(server_context(LEAF))
    peer.shake()
    peer.theirs.do_handshake()
    peer.incoming.read()
    peer.theirs.write(b"250 ok\r\n")
    record = bytearray(peer.incoming.read())
    record[-1] ^= 1
    peer.incoming.write(record)
    words = words_of(_own_error(lambda: peer.ours.read(100)))
    assert words.startswith("a record of the server came damaged")


def test_an_end_without_close_notify_is_told() -> None:
    peer = _Peer(server_context(LEAF))
    peer.shake()
    peer.theirs.do_handshake()
    peer.incoming.read()
    peer.incoming.write_eof()
    words = words_of(_own_error(lambda: peer.ours.read(100)))
    assert "without a close_notify" in words


# RFC 8446 section 6.2 and those before it: every alert that a server may send.
ALERTS = {
    10: "unexpected message",
    20: "bad record mac",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown ca",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    116: "certificate required",
}


@pytest.mark.parametrize("number", ALERTS)
def test_an_alert_in_the_handshake_is_the_server_s_and_has_a_meaning(
    number: int,
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = POLICY.verifying_context().wrap_bio(
        incoming, outgoing, server_hostname="mx.example"
    )
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    alert = bytes([21, 3, 3, 0, 2, 2, number])
    incoming.write(alert)
    error = failure(
        tls, _own_error(tls.do_handshake), "mx.example", POLICY, received=alert
    )
    told = rf'^the TLS handshake failed: the server sent the alert "{ALERTS[number]}": '
    assert re.match(told, str(error))
    assert error.findings == ()
    assert error.certificate is None


@pytest.mark.parametrize("number", [1, 99, 255])
def test_an_alert_that_nobody_knows_is_still_told(number: int) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = POLICY.verifying_context().wrap_bio(
        incoming, outgoing, server_hostname="mx.example"
    )
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    incoming.write(bytes([21, 3, 3, 0, 2, 2, number]))
    assert len(words_of(_own_error(tls.do_handshake))) > 10


def test_every_name_of_openssl_becomes_words() -> None:
    names = sorted(set(ssl._ssl.err_codes_to_names.values()))  # type: ignore[attr-defined]
    assert len(names) > 1000
    for name in names:
        error = ssl.SSLError(1, f"[SSL: {name}] {name.lower()} (_ssl.c:1)")
        words = words_of(error)
        assert words
        assert not re.search("[A-Z]_[A-Z]", words)
        alert = name.startswith("TLSV1") or "V3_ALERT" in name
        assert words.startswith("the server sent the alert") == alert, name


@pytest.mark.parametrize(
    "error",
    [ssl.SSLWantReadError(2, "The operation did not complete (read)"),
     ssl.SSLWantWriteError(3, "The operation did not complete (write)")],
)  # fmt: skip
def test_a_renegotiation_in_a_write_is_told(error: ssl.SSLError) -> None:
    assert "renegotiate" in words_of(error)


def test_an_error_without_a_name_is_told_as_it_is() -> None:
    assert words_of(ssl.SSLError("something odd")) == "something odd"
    assert words_of(ssl.SSLError()) == "an error without a name"


@pytest.mark.parametrize(
    ("octets", "hint"),
    [
        (b"", ""),
        (b"\x16", ""),
        (b"\x16\x03\x03\x00\x7a\x02", ""),
        (b"\x15\x03\x01\x00\x02\x02\x28", ""),
        (
            b"220 mx.example ESMTP\r\n",
            r"the server spoke in clear: '220 mx.example ESMTP\r\n'",
        ),
        (b"HTTP/1.1 400 Bad", "the server spoke in clear: 'HTTP/1.1 400 Bad'"),
        (b"\0\0\0", r"the server sent 3 octets that are no TLS record: '\x00\x00\x00'"),
        (
            b"\x16\x02\x00",
            r"the server sent 3 octets that are no TLS record: '\x16\x02\x00'",
        ),
        (b"\x1b]0;x\x07", r"the server sent 6 octets that are no TLS record: '\x1b]0;"),
    ],
)
def test_what_came_instead_of_tls_is_shown(octets: bytes, hint: str) -> None:
    shown = clear_text_hint(octets)
    assert shown.startswith(hint) if hint else shown == ""
    assert shown.isprintable()


def test_what_came_instead_of_tls_is_cut() -> None:
    assert len(clear_text_hint(b"220 " + b"x" * 10_000_000)) < 200


@pytest.mark.parametrize("verify", ["require", "report"])
def test_clear_text_instead_of_a_handshake_is_shown(verify: Any) -> None:
    policy = TlsPolicy(verify, ca=CA.pem)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = policy.verifying_context().wrap_bio(
        incoming, outgoing, server_hostname="mx.example"
    )
    incoming.write(b"454 4.7.0 TLS not available due to local problem\r\n")
    raised = _own_error(tls.do_handshake)
    error = failure(
        tls, raised, "mx.example", policy, received=b"454 4.7.0 TLS not\r\n"
    )
    assert r"the server spoke in clear: '454 4.7.0 TLS not\r\n'" in str(error)
    assert error.findings == ()
    blind = failure(tls, raised, "mx.example", policy)
    assert "did not speak TLS" in str(blind)
