"""TLS as a user of the client sees it: one name, one judge, on one connection."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Literal

import pytest

from smtpnb import LocalProtocolError, Plain, SmtpClient, State, TlsError, TlsPolicy
from smtpnb.protocol.names import host_name
from tests.support.certificate_cases import (
    CA,
    FAILS,
    HOST,
    LEAF,
    OTHER,
    VERIFIES,
    VERIFIES_UNREAD,
    Case,
    leaf,
)
from tests.support.certificates import server_context
from tests.support.scripted import (
    EHLO,
    GREETING,
    Hear,
    Listen,
    Say,
    ScriptedServer,
    Tls,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Verify = Literal["require", "report"]
VERIFY: tuple[Verify, ...] = ("require", "report")
GO = (Hear(), Say(b"220 Go ahead\r\n"))


def _server(context: ssl.SSLContext) -> ScriptedServer:
    """A server that serves one connection by its script, and no second one."""
    once = (GREETING, *EHLO, *GO, Tls(context), *EHLO, Hear(), Say(b"235 ok\r\n"))
    return ScriptedServer((*once, Listen()), ())


@pytest.fixture
def client() -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        yield client


def _starttls(
    client: SmtpClient, server: ScriptedServer, case: Case, verify: Verify
) -> None:
    client.connect(server.host, server.port, timeout=10)
    client.ehlo(timeout=10)
    client.starttls(
        server_hostname=case.host, ca=case.ca.pem, verify=verify, timeout=10
    )


@pytest.mark.parametrize("verify", VERIFY)
@pytest.mark.parametrize("name", [*VERIFIES, *VERIFIES_UNREAD])
def test_what_verifies_lets_auth_go(
    name: str, verify: Verify, client: SmtpClient
) -> None:
    case = (VERIFIES | VERIFIES_UNREAD)[name]
    with _server(server_context(*case.chain)) as server:
        _starttls(client, server, case, verify)
        assert client.tls is not None
        assert client.tls["verified"] is True
        assert client.tls["server_hostname"] == host_name(case.host)
        client.ehlo(timeout=10)
        assert client.auth(Plain("user", "secret"), timeout=10).code == 235
        client.disconnect()
        assert len(server.stages) == 1


@pytest.mark.parametrize("name", FAILS)
def test_what_fails_fails_and_can_be_looked_at(name: str, client: SmtpClient) -> None:
    case = FAILS[name]
    context = server_context(*case.chain, weak=True)
    with _server(context) as server, pytest.raises(TlsError) as caught:
        _starttls(client, server, case, "require")
    assert client.state is State.CLOSED
    with _server(context) as server:
        _starttls(client, server, case, "report")
        assert client.tls is not None
        assert client.tls["verified"] is False
        assert client.tls["findings"] == list(caught.value.findings)
        client.ehlo(timeout=10)
        with pytest.raises(LocalProtocolError, match="did not verify"):
            client.auth(Plain("user", "secret"))
        client.disconnect()
        assert len(server.stages) == 1
    sessions = client.transcript.sessions()
    assert sessions["tls_verified"].tolist()[-1] is False


@pytest.mark.parametrize("verify", VERIFY)
def test_tls_from_the_first_octet_is_judged_alike(
    verify: Verify, client: SmtpClient
) -> None:
    for names, verifies in (("127.0.0.1",), True), ((HOST,), False):
        context = server_context(leaf(*names))
        with ScriptedServer((Tls(context), GREETING, Listen())) as server:
            try:
                client.connect(
                    *(server.host, server.port),
                    implicit_tls=True,
                    ca=CA.pem,
                    verify=verify,
                    timeout=10,
                )
            except TlsError:
                assert verify == "require"
                assert not verifies
            else:
                assert client.tls is not None
                assert client.tls["verified"] is verifies
                client.disconnect()


@pytest.mark.parametrize(
    ("host", "sni"),
    [
        ("mx.example.org.", "mx.example.org"),
        ("straße.example", "xn--strae-oqa.example"),
        ("192.0.2.1", None),
        ("[2001:db8::1]", None),
        ("fe80::1%eth0", None),
    ],
)
def test_a_server_is_asked_for_the_one_name(
    host: str, sni: str | None, client: SmtpClient
) -> None:
    asked: list[str | None] = []
    context = server_context(LEAF)
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with _server(context) as server:
        _starttls(client, server, Case((LEAF,), host=host), "report")
        client.disconnect()
    assert asked == [sni]


@pytest.mark.parametrize("host", ["", "mx..example", "a b", "*.example.org", "x" * 64])
def test_a_name_that_is_none_is_refused_before_an_octet_leaves(
    host: str, client: SmtpClient
) -> None:
    with _server(server_context(LEAF)) as server:
        client.connect(server.host, server.port, timeout=10)
        client.ehlo(timeout=10)
        if host:
            with pytest.raises(LocalProtocolError, match="is not a host name"):
                client.starttls(server_hostname=host)
        else:  # nothing was said: it is the host of the connection
            with pytest.raises(TlsError, match=r"for 127\.0\.0\.1 does not verify"):
                client.starttls(server_hostname=host, ca=CA.pem, timeout=10)
        client.disconnect()
        if host:
            assert b"STARTTLS" not in server.heard


def test_an_own_context_without_a_name_check_lets_no_auth_go() -> None:
    own = ssl.create_default_context(cadata=CA.pem)
    own.check_hostname = False
    policy = TlsPolicy(context=own)
    with (
        SmtpClient(tls=policy, identity="client.example") as client,
        _server(server_context(leaf("other.example"))) as server,
    ):
        client.connect(server.host, server.port, timeout=10)
        client.ehlo(timeout=10)
        client.starttls(timeout=10)
        assert client.tls is not None
        assert client.tls["verified"] is False
        assert "the name was not verified" in client.tls["findings"][0]
        client.ehlo(timeout=10)
        with pytest.raises(LocalProtocolError, match="did not verify"):
            client.auth(Plain("user", "secret"))
        client.disconnect()


@pytest.mark.parametrize("implicit", [False, True])
def test_a_ca_that_cannot_be_read_is_told_before_anything_is_tried(
    implicit: bool, client: SmtpClient, tmp_path: Path
) -> None:
    ca = str(tmp_path / "no.pem")
    with _server(server_context(LEAF)) as server:
        with pytest.raises(TlsError, match="CA certificates cannot be read"):
            client.connect(server.host, server.port, ca=ca, implicit_tls=implicit)
        assert server.stages == []


def test_a_ca_that_cannot_be_read_is_told_before_starttls_leaves(
    client: SmtpClient, tmp_path: Path
) -> None:
    with _server(server_context(LEAF)) as server:
        client.connect(server.host, server.port, timeout=10)
        client.ehlo(timeout=10)
        with pytest.raises(TlsError, match="CA certificates cannot be read"):
            client.starttls(ca=str(tmp_path))
        client.disconnect()
        server.wait_until_gone()
        assert b"STARTTLS" not in server.heard


def test_a_ca_file_that_is_replaced_is_trusted_as_it_is_now(
    client: SmtpClient, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    for trusted, shown, verifies in (
        (CA, LEAF, True),
        (OTHER, leaf(issuer=OTHER), True),
        (OTHER, LEAF, False),
    ):
        path.write_text(trusted.pem)
        with _server(server_context(shown)) as server:
            client.connect(server.host, server.port, timeout=10)
            client.ehlo(timeout=10)
            client.starttls(
                server_hostname=HOST, ca=str(path), verify="report", timeout=10
            )
            assert client.tls is not None
            assert client.tls["verified"] is verifies
            client.disconnect()
