"""Each SASL mechanism against servers that others wrote.

What came of each is a table, printed at the end (`pytest -s` shows it): for each
mechanism and server the reply to the right password, to a wrong one, to AUTH where the
server does not offer it, and what became of a proof that was tampered with.
"""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from smtpnb import RemoteProtocolError, SmtpClient, State, TlsPolicy
from smtpnb.sandbox import Sandbox
from tests.servers import dovecot_sasl
from tests.support.relay import relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.dovecot_sasl import DovecotSasl
    from tests.servers.exim import Exim
    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

PASSWORD = dovecot_sasl.PASSWORD
SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
BY_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", *SCRAMS, "NTLM")
PLUS = tuple(f"{name}-PLUS" for name in SCRAMS)
BY_TOKEN = ("XOAUTH2", "OAUTHBEARER")
MECHANISMS = (*BY_PASSWORD, *PLUS, *BY_TOKEN)
SERVERS = ("Postfix", "Exim", "Dovecot", "sandbox")
QUESTIONS = ("right", "wrong", "not offered", "tampered")


class Server(NamedTuple):
    """A server as a client meets it."""

    host: str
    port: int
    ca: str
    user: str
    token: Callable[[], str]


@pytest.fixture(scope="module")
def servers(
    cyrus: Postfix, exim_of_mechanisms: Exim, dovecot_of_mechanisms: DovecotSasl
) -> Iterator[dict[str, Server]]:
    dovecot, exim = dovecot_of_mechanisms, exim_of_mechanisms
    accounts = {"ann": PASSWORD}
    with Sandbox(auth=accounts, auth_without_tls=True) as sandbox:
        yield {
            "Postfix": Server(
                "localhost", cyrus.port, cyrus.ca, "ann", lambda: "a-token"
            ),
            "Exim": Server("localhost", exim.port, exim.ca, "ann", lambda: "a-token"),
            "Dovecot": Server(
                "localhost",
                dovecot.port,
                dovecot.ca,
                dovecot_sasl.USER,
                dovecot.token,
            ),
            "sandbox": Server(
                "localhost", sandbox.port, sandbox.ca, "ann", lambda: PASSWORD
            ),
        }


@pytest.fixture(scope="module")
def table() -> Iterator[dict[tuple[str, str, str], str]]:
    """What was found; printed when all is done."""
    found: dict[tuple[str, str, str], str] = {}
    yield found
    lines = [
        f"| mechanism | {' | '.join(SERVERS)} |",
        "|---" * (1 + len(SERVERS)) + "|",
    ]
    for name in MECHANISMS:
        cells = [
            " / ".join(found.get((name, server, asked), "-") for asked in QUESTIONS)
            for server in SERVERS
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    print("\n" + "\n".join(lines))  # noqa: T201  # the table


@contextmanager
def inside_tls(server: Server, **options: Any) -> Iterator[SmtpClient]:
    with SmtpClient(**options) as client:
        client.connect(server.host, server.port, ca=server.ca)
        client.ehlo("client.example")
        client.starttls()
        client.ehlo("client.example")
        yield client


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", MECHANISMS)
def test_right_wrong_and_not_offered(
    servers: dict[str, Server],
    table: dict[tuple[str, str, str], str],
    name: str,
    server: str,
) -> None:
    there = servers[server]
    right = there.token() if name in BY_TOKEN else PASSWORD
    with inside_tls(there, lax={"offers"}) as client:
        if name not in client.capabilities.mechanisms:
            reply = client.auth(name, there.user, right)
            table[name, server, "not offered"] = str(reply.code)
            assert reply.reply_class == 5
            assert client.noop().ok
            return
        wrong = client.auth(name, there.user, "the-wrong-one")
        table[name, server, "wrong"] = str(wrong.code)
        assert wrong.code == 535
        good = client.auth(name, there.user, right)
        table[name, server, "right"] = str(good.code)
        assert good.code == 235
        assert client.noop().ok
        text = client.transcript.text()
        assert right not in text
        assert "the-wrong-one" not in text


def _tampered(line: bytes) -> bytes:
    """Change one octet of a server's proof."""
    if not line.startswith(b"334 "):
        return line
    said = base64.b64decode(line[4:])
    if not said.startswith((b"v=", b"rspauth=")):
        return line
    at = said.index(b"=") + 1
    other = b"A" if said[at : at + 1] != b"A" else b"B"
    return b"334 " + base64.b64encode(said[:at] + other + said[at + 1 :]) + b"\r\n"


# Exim's and Dovecot's lists are shorter: who does not offer it proves nothing.
_PROVES = {
    "Postfix": ("DIGEST-MD5", *SCRAMS),
    "Dovecot": ("DIGEST-MD5", *SCRAMS[:2]),
    "sandbox": ("DIGEST-MD5", *SCRAMS),
}


@pytest.mark.parametrize(
    ("server", "name"), [(one, name) for one in _PROVES for name in _PROVES[one]]
)
def test_a_proof_that_was_tampered_with_ends_the_session(
    servers: dict[str, Server],
    table: dict[tuple[str, str, str], str],
    server: str,
    name: str,
) -> None:
    there = servers[server]
    with relay("127.0.0.1", there.port, _tampered) as address:
        client = SmtpClient()
        client.connect(*address)
        client.ehlo("client.example")
        with pytest.raises(RemoteProtocolError, match="impostor"):
            client.auth(name, there.user, PASSWORD, allow_cleartext_auth=True)
        assert client.state is State.CLOSED
        assert " -> *" in client.transcript.text()
        table[name, server, "tampered"] = "closed"


@pytest.mark.parametrize("server", SERVERS)
def test_auto_takes_what_is_strongest_there(
    servers: dict[str, Server], server: str
) -> None:
    taken = {
        "Postfix": "SCRAM-SHA-512",
        "Exim": "CRAM-MD5",
        "Dovecot": "SCRAM-SHA-256",
        "sandbox": "SCRAM-SHA-512-PLUS",
    }
    with inside_tls(servers[server]) as client:
        assert client.auth("auto", servers[server].user, PASSWORD).code == 235
        said = re.findall(r"> AUTH (\S+)", client.transcript.text())
        assert said == [taken[server]]


@pytest.mark.parametrize("name", BY_TOKEN)
def test_a_token_that_is_over_is_refused_in_the_servers_words(
    dovecot_of_mechanisms: DovecotSasl, servers: dict[str, Server], name: str
) -> None:
    with inside_tls(servers["Dovecot"]) as client:
        over = dovecot_of_mechanisms.token(seconds=-60)
        assert client.auth(name, dovecot_sasl.USER, token=over).code == 535
        assert "in the server's words: status " in client.transcript.text()
        fresh = dovecot_of_mechanisms.token
        assert client.auth(name, dovecot_sasl.USER, token=fresh).code == 235


@pytest.mark.parametrize("identity", ["", dovecot_sasl.USER])
def test_a_client_certificate_is_who_we_are(
    dovecot_of_mechanisms: DovecotSasl, identity: str
) -> None:
    context = dovecot_of_mechanisms.context_of(dovecot_sasl.USER)
    there = Server("localhost", dovecot_of_mechanisms.port, "", "", str)
    with SmtpClient(tls=TlsPolicy(context=context)) as client:
        client.connect(there.host, there.port)
        client.ehlo("client.example")
        client.starttls()
        client.ehlo("client.example")
        assert client.auth("external", identity=identity).code == 235
