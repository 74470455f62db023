"""Each verb against the sandbox: what was sent, what came back, where it leads."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    ConnectionLost,
    LocalProtocolError,
    Login,
    Plain,
    Sandbox,
    SmtpClient,
    State,
    TlsError,
    TlsPolicy,
)
from tests.support.scripted import (
    DATA,
    EHLO,
    GREETING,
    OK,
    Hear,
    Listen,
    Say,
    ScriptedServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.protocol.sasl import Mechanism
    from tests.support.scripted import Action

MESSAGE = "From: a@client.example\nSubject: x\n\nhello\n.dot\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(auth={"ann": "a pass word"}) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        client.connect(sandbox)
        client.ehlo()
        yield client


def _envelope(client: SmtpClient) -> None:
    assert client.mail_from("ann@client.example").code == 250
    assert client.rcpt_to("bob@sandbox.example").code == 250


def test_the_last_reply_stands_on_the_client(client: SmtpClient) -> None:
    reply = client.noop()
    assert (client.reply_code, client.reply) == (250, reply)
    assert client.reply_text == reply.text
    assert client.replies == (reply,)


def test_the_offer_of_ehlo_is_read(client: SmtpClient) -> None:
    assert "PIPELINING" in client.capabilities
    assert client.capabilities.size_limit == 33_554_432
    assert client.state is State.READY


def test_helo_offers_nothing(sandbox: Sandbox) -> None:
    with SmtpClient() as client:
        client.connect(sandbox)
        assert client.helo("client.example").code == 250
        assert "PIPELINING" not in client.capabilities
        with pytest.raises(LocalProtocolError, match="does not offer STARTTLS"):
            client.starttls()


def test_the_default_identity_is_the_local_address(sandbox: Sandbox) -> None:
    with SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        assert " -> EHLO [127.0.0.1]" in client.transcript.text()


@pytest.mark.parametrize(
    "make", [Plain, Login], ids=lambda mechanism: mechanism.__name__
)
@pytest.mark.parametrize("initial", [True, False])
def test_authentication_by_each_mechanism_with_and_without_initial_response(
    client: SmtpClient,
    make: Callable[..., Mechanism],
    *,
    initial: bool,
) -> None:
    client.starttls()
    client.ehlo()
    assert "AUTH" in client.capabilities
    reply = client.auth(make("ann", "a pass word", initial_response=initial))
    assert reply.code == 235
    assert "a pass word" not in repr(list(client.transcript))


def test_a_wrong_password_is_an_answer(client: SmtpClient) -> None:
    client.starttls()
    client.ehlo()
    assert client.auth(Plain("ann", "wrong")).code == 535
    assert client.state is State.READY


def test_a_password_is_not_sent_in_clear(client: SmtpClient) -> None:
    with pytest.raises(LocalProtocolError, match="TLS"):
        client.auth(Plain("ann", "a pass word"))
    assert client.noop().ok


@pytest.mark.parametrize(
    "content",
    [
        MESSAGE,
        MESSAGE.encode(),
        MESSAGE.replace("\n", "\r\n").encode(),
        BytesIO(MESSAGE.encode()),
        [line.encode() for line in MESSAGE.splitlines(keepends=True)],
    ],
    ids=["text", "octets", "crlf", "file", "lines"],
)
def test_a_message_arrives_octet_for_octet(
    client: SmtpClient, sandbox: Sandbox, content: object
) -> None:
    _envelope(client)
    reply = client.data(content)  # type: ignore[arg-type]  # each of them is one
    assert reply.code == 250
    assert sandbox.wait_for(1).octets == MESSAGE.replace("\n", "\r\n").encode()


def test_data_may_be_said_in_three_calls(client: SmtpClient, sandbox: Sandbox) -> None:
    _envelope(client)
    assert client.data().code == 354
    client.send_lines(b"Subject: x\n\n")
    client.send_lines(b"one\n..two\n")
    assert client.end_data().code == 250
    assert sandbox.wait_for(1).octets == b"Subject: x\r\n\r\none\r\n..two\r\n"


def test_nothing_but_content_can_be_sent_in_the_middle_of_it(
    client: SmtpClient,
) -> None:
    _envelope(client)
    client.data()
    with pytest.raises(LocalProtocolError, match="out of order"):
        client.noop()
    assert client.end_data().ok


def test_rset_forgets_the_transaction(client: SmtpClient) -> None:
    _envelope(client)
    assert client.rset().code == 250
    with pytest.raises(LocalProtocolError, match="RCPT is out of order"):
        client.rcpt_to("bob@sandbox.example")


def test_the_small_verbs_answer(client: SmtpClient) -> None:
    assert client.vrfy("bob").code == 252
    assert client.expn("list").code in (252, 502)
    assert client.help().code == 214
    assert client.noop("with text").code == 250


def test_any_verb_can_be_sent(client: SmtpClient) -> None:
    assert client.command("XYZZY", "plugh").code == 500
    assert client.command("rcpt", "to:<b@c>").code == 503
    assert client.state is State.READY


def test_raw_octets_are_sent_as_they_are(client: SmtpClient) -> None:
    client.raw(b"NOOP\r\nNOOP one\r\n")
    assert client.read_reply().code == 250
    assert client.read_reply().code == 250
    assert client.noop().code == 250


def test_after_raw_octets_a_reply_must_be_read_first(client: SmtpClient) -> None:
    client.raw(b"NOOP\r\n")
    with pytest.raises(LocalProtocolError, match="read_reply"):
        client.noop()
    assert client.read_reply().code == 250
    assert client.noop().code == 250


def test_quit_closes(client: SmtpClient) -> None:
    assert client.quit().code == 221
    assert client.state is State.CLOSED
    with pytest.raises(LocalProtocolError, match="not connected"):
        client.noop()


def test_a_client_connects_again_after_quit(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    client.quit()
    client.connect(sandbox)
    assert client.noop().ok
    assert client.transcript.sessions()["outcome"].iloc[0] == "success"


def test_connecting_twice_is_refused(client: SmtpClient, sandbox: Sandbox) -> None:
    with pytest.raises(LocalProtocolError, match="already connected"):
        client.connect(sandbox)
    assert client.noop().ok


def test_nothing_is_sent_when_an_argument_would_break_the_line(
    client: SmtpClient,
) -> None:
    for text in ("a\r\nQUIT", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x85b", "a\x1bb"):
        with pytest.raises(LocalProtocolError, match="nothing was sent"):
            client.noop(text)
        with pytest.raises(LocalProtocolError, match="nothing was sent"):
            client.mail_from(f"{text}@client.example")
    assert client.noop().ok
    assert "QUIT" not in client.transcript.text()


def test_implicit_tls_begins_with_the_first_octet() -> None:
    with Sandbox(tls="implicit") as sandbox, SmtpClient() as client:
        assert client.connect(sandbox).code == 220
        assert client.tls is not None
        assert client.tls["verified"] is True
        assert client.transcript.sessions()["tls_mode"].iloc[0] == "implicit"


def test_a_stranger_s_certificate_is_refused_and_can_be_looked_at(
    sandbox: Sandbox,
) -> None:
    client = SmtpClient(identity="client.example")
    client.connect(sandbox.host, sandbox.port)
    client.ehlo()
    with pytest.raises(TlsError, match="verify") as caught:
        client.starttls()
    assert caught.value.findings
    client.connect(sandbox.host, sandbox.port, verify="report")
    client.ehlo()
    assert client.starttls().code == 220
    assert client.tls is not None
    assert client.tls["verified"] is False
    client.ehlo()
    with pytest.raises(LocalProtocolError, match="verif"):
        client.auth(Plain("ann", "a pass word"))
    client.disconnect()


def test_a_policy_can_trust_the_sandbox_for_all_connections(sandbox: Sandbox) -> None:
    with SmtpClient(tls=TlsPolicy(ca=sandbox.ca), identity="client.example") as client:
        client.connect(sandbox.host, sandbox.port)
        client.ehlo()
        assert client.starttls().code == 220


def test_a_refused_greeting_is_an_answer() -> None:
    with ScriptedServer((Say(b"554 go away\r\n"), Hear())) as server:
        client = SmtpClient()
        assert client.connect(server.host, server.port).code == 554
        assert client.allowed == ("QUIT",)
        client.disconnect()


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param((*DATA, Say(b"552 5.3.4 Too big\r\n"), Hear()), id="in one piece"),
        pytest.param(
            (*DATA, Hear(), Say(b"552 5.3.4 Too big\r\n"), Listen()), id="later"
        ),
        pytest.param((*DATA, Hear(), Say(b"552 5.3.4 Too big\r\n")), id="and hangs up"),
    ],
)
def test_an_early_refusal_is_the_reply_and_ends_the_message(
    refusal: tuple[Action, ...],
) -> None:
    with ScriptedServer((GREETING, *EHLO, *OK, *OK, *refusal)) as server:
        client = SmtpClient(identity="client.example")
        client.connect(server.host, server.port)
        client.ehlo()
        _envelope(client)
        reply = client.data((b"y" * 70 + b"\n") * 280_000)
        assert reply.code == 552
        assert client.state is State.CLOSED
        server.close()
        assert not server.heard.endswith(b".\r\n")


def test_a_421_ends_the_session() -> None:
    script = (GREETING, Hear(), Say(b"421 4.3.2 closing\r\n"), Hear())
    with ScriptedServer(script) as server:
        client = SmtpClient(identity="client.example")
        client.connect(server.host, server.port)
        assert client.ehlo().code == 421
        assert client.allowed == ("QUIT",)
        client.disconnect()


def test_a_server_that_closes_without_a_word_is_a_fault() -> None:
    with ScriptedServer((GREETING, Hear())) as server:
        client = SmtpClient(identity="client.example")
        client.connect(server.host, server.port)
        with pytest.raises(ConnectionLost, match="phase: ehlo") as caught:
            client.ehlo()
        assert caught.value.peer == f"{server.host}:{server.port}"
        assert caught.value.reply is not None
        assert caught.value.reply.code == 220
        assert caught.value.transcript is client.transcript


def test_the_repr_says_where_a_client_is(client: SmtpClient, sandbox: Sandbox) -> None:
    place = f"{sandbox.host}:{sandbox.port}"
    assert repr(client) == f"<SmtpClient {place} READY>"
    client.starttls()
    assert repr(client) == f"<SmtpClient {place} CONNECTED TLSv1.3>"
    client.disconnect()
    assert repr(client) == f"<SmtpClient {place} CLOSED>"


def test_handing_over_a_command_takes_no_time_of_the_servers(
    client: SmtpClient,
) -> None:
    # The sandbox runs in this process: after `send` has returned, this thread may wait
    # for the interpreter while the server already answers.
    for _ in range(20):
        client.noop()
    noops = client.transcript.exchanges().query("verb == 'NOOP'")
    assert (noops["send_ms"] == 0).all()
    assert (noops["wait_ms"] > 0).all()
