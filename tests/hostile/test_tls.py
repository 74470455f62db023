"""TLS that fails, lies or was tampered with: nothing goes on in clear."""

from __future__ import annotations

import datetime as dt
import ssl
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from smtpnb import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    Plain,
    RemoteProtocolError,
    SmtpClient,
    SmtpError,
    State,
    TlsError,
)
from tests.hostile.phases import HELLO, PASSWORD, auth, connect, ehlo
from tests.support.scripted import (
    EHLO,
    Drip,
    Hear,
    Hold,
    Listen,
    Reset,
    Say,
    ScriptedServer,
    Tls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.scripted import Action

GO = (Hear(), Say(b"220 Go ahead\r\n"))
CA = trustme.CA()
CA_PEM = CA.cert_pem.bytes().decode()
_DAY = dt.timedelta(days=1)
_NOW = dt.datetime.now(dt.UTC)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


GOOD = _context(CA.issue_cert("127.0.0.1"))


def _only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = _context(CA.issue_cert("127.0.0.1"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
        context.minimum_version = version
        context.maximum_version = version
    return context


HANDSHAKES: dict[str, tuple[tuple[Action, ...], type[SmtpError]]] = {
    "another CA": ((Tls(_context(trustme.CA().issue_cert("127.0.0.1"))),), TlsError),
    "another name": ((Tls(_context(CA.issue_cert("mx.example"))),), TlsError),
    "expired": (
        (Tls(_context(CA.issue_cert("127.0.0.1", not_after=_NOW - _DAY))),),
        TlsError,
    ),
    "not valid yet": (
        (Tls(_context(CA.issue_cert("127.0.0.1", not_before=_NOW + _DAY))),),
        TlsError,
    ),
    "TLS 1.1": ((Tls(_only(ssl.TLSVersion.TLSv1_1)),), TlsError),
    "TLS 1.0": ((Tls(_only(ssl.TLSVersion.TLSv1)),), TlsError),
    "garbage": ((Hear(b"\x03"), Say(b"\x00" * 512), Hold()), TlsError),
    "plain text": ((Hear(b"\x03"), Say(b"500 what?\r\n"), Hold()), TlsError),
    "an alert": ((Hear(b"\x03"), Say(b"\x15\x03\x03\0\2\2\x28"), Hold()), TlsError),
    "closes": ((), ConnectionLost),
    # Not before the ClientHello: a reset that is quicker than the client's look at its
    # new connection is a failure to connect.
    "resets": ((Hear(b"\x03"), Reset()), ConnectionLost),
    "half a record": ((Hear(b"\x03"), Say(b"\x16\x03\x03\x40")), ConnectionLost),
    "drips a record": (
        (Hear(b"\x03"), Drip(b"\x16\x03\x03\x40\x00" + b"\0" * 999, 0.005), Hold()),
        DeadlineExceeded,
    ),
    "says nothing": ((Hold(),), DeadlineExceeded),
    "reads for ever": ((Listen(),), DeadlineExceeded),
}  # fmt: skip


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_that_fails_ends_the_session(
    name: str, trial: Callable[[str], Any]
) -> None:
    actions, wanted = HANDSHAKES[name]
    client = SmtpClient()
    with trial("TLS handshake"), ScriptedServer((*HELLO, *GO, *actions)) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        timeout = 0.3 if wanted is DeadlineExceeded else 10
        with pytest.raises(wanted, match="phase: tls"):
            client.starttls(timeout=timeout)
        assert client.state is State.CLOSED
        with pytest.raises(LocalProtocolError, match="not connected"):
            client.mail_from("a@b")


@pytest.mark.parametrize("name", HANDSHAKES)
def test_an_implicit_handshake_that_fails_ends_the_session(
    name: str, trial: Callable[[str], Any]
) -> None:
    actions, wanted = HANDSHAKES[name]
    client = SmtpClient()
    with trial("TLS handshake"), ScriptedServer(actions) as server:
        timeout = 0.3 if wanted is DeadlineExceeded else 10
        with pytest.raises(wanted, match="phase: tls"):
            connect(client, server, ca=CA_PEM, implicit_tls=True, timeout=timeout)
        assert client.state is State.CLOSED


@pytest.mark.parametrize(
    "injected",
    [b"250 injected\r\n", b"250-x\r\n", b"2", b"\0", b"\r\n", b"X" * 5000],
    ids=["reply", "line", "fragment", "NUL", "CRLF", "much"],
)
def test_what_stands_behind_the_220_is_an_injection(
    injected: bytes, trial: Callable[[str], Any]
) -> None:
    script = (*HELLO, Hear(), Say(b"220 Go ahead\r\n" + injected), Listen())
    client = SmtpClient()
    with trial("STARTTLS injection"), ScriptedServer(script) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        with pytest.raises(RemoteProtocolError, match=r"phase: (tls|starttls)"):
            client.starttls()
        assert server.wait_until_gone() == "reset"
        # Not even a ClientHello left.
        assert server.heard == b"EHLO client.example\r\nSTARTTLS\r\n"


@pytest.mark.parametrize("reply", [b"454 no\r\n", b"500 what\r\n"])
def test_a_stripped_starttls_sends_no_password(
    reply: bytes, trial: Callable[[str], Any]
) -> None:
    script = (*HELLO, Hear(), Say(reply), Listen())
    client = SmtpClient()
    with trial("STARTTLS stripping"), ScriptedServer(script) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        assert client.starttls().code == int(reply[:3])
        assert client.tls is None

        with pytest.raises(LocalProtocolError, match="AUTH in clear"):
            client.auth(Plain("user", PASSWORD))
        assert server.heard == b"EHLO client.example\r\nSTARTTLS\r\n"
        client.cancel()


def test_only_220_begins_tls(trial: Callable[[str], Any]) -> None:
    script = (*HELLO, Hear(), Say(b"250 sure\r\n"), Listen())
    client = SmtpClient()
    with trial("STARTTLS stripping"), ScriptedServer(script) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        with pytest.raises(RemoteProtocolError, match="answered 250 sure: only 220"):
            client.starttls()
        assert client.state is State.CLOSED
        assert server.heard == b"EHLO client.example\r\nSTARTTLS\r\n"


def test_what_was_offered_in_clear_is_forgotten(trial: Callable[[str], Any]) -> None:
    script = (*HELLO, *GO, Tls(GOOD), *EHLO, Listen())
    client = SmtpClient()
    with trial("STARTTLS injection"), ScriptedServer(script) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        assert client.starttls().ok
        assert not client.capabilities.known
        with pytest.raises(LocalProtocolError):
            auth(client)
        client.cancel()


def test_a_connection_cut_without_close_notify_is_a_truncation(
    trial: Callable[[str], Any],
) -> None:
    script = (*HELLO, *GO, Tls(GOOD), Hear())
    client = SmtpClient()
    with trial("TLS truncation"), ScriptedServer(script) as server:
        connect(client, server, ca=CA_PEM)
        ehlo(client)
        client.starttls()
        with pytest.raises(ConnectionLost):
            client.ehlo("x")
        assert client.state is State.CLOSED
