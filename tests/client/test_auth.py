"""AUTH over the wire: what leaves, what is believed, and how it ends."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    Cancelled,
    CramMd5,
    DeadlineExceeded,
    LocalProtocolError,
    Login,
    Plain,
    RemoteProtocolError,
    Scram,
    SmtpClient,
    State,
    XOAuth2,
)
from smtpnb.protocol.sasl import Mechanism
from tests.support.scripted import GREETING, Action, Hear, Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.protocol.sasl import Channel

ALL = (
    "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS "
    "XOAUTH2 OAUTHBEARER"
)
CLEAR: dict[str, Any] = {"allow_cleartext_auth": True}
NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = (
    f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
).encode()
FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def ask(challenge: bytes) -> Say:
    return Say(b"334 " + base64.b64encode(challenge) + b"\r\n")


def offer(mechanisms: str) -> tuple[Action, ...]:
    return (
        GREETING,
        Hear(),
        Say(b"250-here\r\n250 AUTH " + mechanisms.encode() + b"\r\n"),
    )


@contextmanager
def greeted(
    *actions: Action, mechanisms: str = ALL, lax: bool = False
) -> Iterator[tuple[SmtpClient, ScriptedServer]]:
    """Yield a client behind EHLO, and a server that goes on with the actions."""
    with ScriptedServer((*offer(mechanisms), *actions, Listen())) as server:
        client = SmtpClient(lax=lax)
        client.connect(server.host, server.port)
        client.ehlo("client.example")
        try:
            yield client, server
        finally:
            client.cancel()


def after_ehlo(server: ScriptedServer) -> list[bytes]:
    return server.heard.split(b"\r\n")[1:-1]


YES = Say(b"235 2.7.0 Yes\r\n")
NO = Say(b"535 5.7.8 No\r\n")


@pytest.mark.parametrize("over", [0, 1])
def test_what_makes_the_line_too_long_waits_for_the_334(over: int) -> None:
    # 4 characters of base64 for 3 octets: with 372 of these the line has 511 octets,
    # and with one more 515.
    token = "t" * (372 - len("user=me\1auth=Bearer \1\1") + over)
    with greeted(Hear(), ask(b"") if over else YES, Hear(), YES) as (client, server):
        if not over:
            assert client.auth(XOAuth2("me", token), **CLEAR).code == 235
            client.cancel()
            server.wait_until_gone()
            (line,) = after_ehlo(server)
            assert len(line) + 2 == 511
            return
        assert client.auth(XOAuth2("me", token), **CLEAR).code == 235
        alone, response = after_ehlo(server)
    assert alone == b"AUTH XOAUTH2"
    assert base64.b64decode(response) == f"user=me\1auth=Bearer {token}\1\1".encode()


def test_what_no_line_may_hold_is_refused_before_anything_leaves() -> None:
    with greeted() as (client, server):
        with pytest.raises(LocalProtocolError, match=r"12288.*RFC 4954"):
            client.auth(XOAuth2("me", "t" * 9_300), **CLEAR)
        assert after_ehlo(server) == []
        assert client.state is State.READY


def _cancel_when(asked: threading.Event, client: SmtpClient) -> None:
    if asked.wait(10):
        client.cancel()


@pytest.mark.parametrize("challenges", [0, 1], ids=["before AUTH", "behind a 334"])
def test_a_token_that_does_not_come_is_cancelled_at_once(challenges: int) -> None:
    asked, never = threading.Event(), threading.Event()

    def token() -> str:
        asked.set()
        never.wait(30)
        return "late"

    mechanism = XOAuth2("me", token, initial_response=not challenges)
    with greeted(Hear(), ask(b"")) as (client, _):
        threading.Thread(target=_cancel_when, args=(asked, client)).start()
        with pytest.raises(Cancelled):
            client.auth(mechanism, **CLEAR)
        assert client.state is State.CLOSED
    never.set()


def test_a_token_that_does_not_come_in_time_ends_the_session() -> None:
    never = threading.Event()
    with greeted() as (client, _):
        with pytest.raises(DeadlineExceeded):
            client.auth(
                XOAuth2("me", lambda: str(never.wait(30))), timeout=0.05, **CLEAR
            )
        assert client.state is State.CLOSED
    never.set()


@pytest.mark.parametrize("initial", [True, False])
def test_a_token_that_cannot_be_fetched_ends_auth_only(*, initial: bool) -> None:
    def token() -> str:
        raise PermissionError("log in again")

    script = () if initial else (Hear(), ask(b""), Hear(), Say(b"501 Cancelled\r\n"))
    with greeted(*script, Hear(), Say(b"250 Ok\r\n")) as (client, server):
        with pytest.raises(PermissionError, match="log in again"):
            client.auth(XOAuth2("me", token, initial_response=initial), **CLEAR)
        assert client.noop().code == 250
        said = after_ehlo(server)
    assert said == ([b"NOOP"] if initial else [b"AUTH XOAUTH2", b"*", b"NOOP"])


@pytest.mark.parametrize("prompt", [b"334 Username:\r\n", b"334\r\n", b"334 \r\n"])
def test_prompts_of_login_are_not_read(prompt: bytes) -> None:
    script = (Hear(), Say(prompt), Hear(), Say(prompt), Hear(), YES)
    with greeted(*script) as (client, server):
        assert client.auth(Login("me", "pw"), **CLEAR).code == 235
        assert after_ehlo(server) == [b"AUTH LOGIN", b"bWU=", b"cHc="]


def test_a_challenge_that_is_read_and_is_not_base64_cancels() -> None:
    script = (Hear(), Say(b"334 <what?>\r\n"), Hear(), Say(b"501 Cancelled\r\n"))
    with greeted(*script) as (client, server):
        assert client.auth(CramMd5("me", "pw"), **CLEAR).code == 501
        assert after_ehlo(server) == [b"AUTH CRAM-MD5", b"*"]
        assert "not base64" in client.transcript.text()


def scram(password: str = "pencil") -> Scram:
    return Scram("user", password, nonce=NONCE)


def test_scram_goes_through() -> None:
    script = (Hear(), ask(FIRST), Hear(), ask(FINAL), Hear(), YES)
    with greeted(*script) as (client, server):
        assert client.auth(scram(), **CLEAR).code == 235
        assert after_ehlo(server)[-1] == b""
        assert client.state is State.READY


def test_a_challenge_is_read_as_it_came_even_if_the_password_stands_in_it() -> None:
    # Four letters of the challenge's base64: the transcript shows a cut, and the
    # mechanism must see none.
    password = base64.b64encode(FIRST).decode()[40:44]
    script = (Hear(), ask(FIRST), Hear(), NO)
    with greeted(*script) as (client, server):
        assert client.auth(scram(password), **CLEAR).code == 535
        final = base64.b64decode(after_ehlo(server)[-1])
        assert password not in client.transcript.text()
    assert final.startswith(b"c=biws,r=" + NONCE.encode())


CANCELLED = Say(b"501 5.7.0 Cancelled\r\n")


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ((ask(FIRST), Hear(), ask(b"v=AAAA"), Hear(), CANCELLED), b"*"),
        ((ask(FIRST), Hear(), ask(b"v=AAAA"), Hear(), YES), b"*"),
        ((ask(b"r=other,s=W22ZaJ0S,i=4096"), Hear(), CANCELLED), b"*"),
        ((ask(FIRST), Hear(), YES), None),
        ((YES,), None),
    ],
    ids=["wrong signature", "and * is a yes", "nonce", "no signature", "no proof"],
)
def test_a_server_that_does_not_prove_itself_is_left(
    script: tuple[Action, ...], last: bytes | None
) -> None:
    with greeted(Hear(), *script) as (client, server):
        with pytest.raises(RemoteProtocolError) as caught:
            client.auth(scram(), **CLEAR)
        assert client.state is State.CLOSED
        assert caught.value.phase == "auth"
        server.wait_until_gone()
        assert (after_ehlo(server)[-1] == b"*") == (last is not None)


@pytest.mark.parametrize("name", ["xoauth2", "oauthbearer"])
def test_why_a_token_is_refused_stands_in_the_transcript_without_the_token(
    name: str,
) -> None:
    told = b'{"status":"401","scope":"mail","you said":"hunter-token"}'
    with greeted(Hear(), ask(told), Hear(), NO) as (client, server):
        reply = client.auth(name, "me", token="hunter-token", **CLEAR)
        assert reply.code == 535
        text = client.transcript.text()
        assert after_ehlo(server)[-1] == (b"" if name == "xoauth2" else b"AQ==")
    assert "status 401, scope mail" in text
    assert "hunter" not in text
    assert "hunter" not in str(list(client.transcript))


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (ALL, b"AUTH SCRAM-SHA-256 "),
        ("PLAIN LOGIN CRAM-MD5", b"AUTH CRAM-MD5"),
        ("LOGIN PLAIN", b"AUTH PLAIN "),
        ("LOGIN", b"AUTH LOGIN"),
        ("SCRAM-SHA-256-PLUS SCRAM-SHA-1", b"AUTH SCRAM-SHA-1 "),  # nothing to bind to
    ],
)
def test_auto_takes_the_strongest_and_nothing_after_a_refusal(
    offered: str, taken: bytes
) -> None:
    with greeted(Hear(), NO, mechanisms=offered) as (client, server):
        assert client.auth("auto", "me", "hunter", **CLEAR).code == 535
        (line,) = after_ehlo(server)
        assert "auto: " in client.transcript.text()
    assert line.startswith(taken)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("auto", "me", "pw"), "the server offers XOAUTH2"),
        (("kerberos", "me", "pw"), "'kerberos' is not a mechanism; there are auto, "),
        (("xoauth2", "me"), "XOAUTH2 needs a token"),
        (("plain", "me"), "PLAIN needs a password"),
        (("plain", "me", "pw"), "AUTH PLAIN: the server offers XOAUTH2"),
    ],
)
def test_what_cannot_be_is_told_before_anything_leaves(
    call: tuple[str, ...], words: str
) -> None:
    with greeted(mechanisms="XOAUTH2") as (client, server):
        with pytest.raises(LocalProtocolError, match=words):
            client.auth(*call, **CLEAR)
        assert after_ehlo(server) == []


@pytest.mark.parametrize(
    ("name", "initial", "first"),
    [
        ("plain", True, b"AUTH PLAIN AG1lAHB3"),
        ("plain", False, b"AUTH PLAIN"),
        ("login", None, b"AUTH LOGIN"),
        ("login", True, b"AUTH LOGIN bWU="),
        ("external", None, b"AUTH EXTERNAL bWU="),
        ("anonymous", False, b"AUTH ANONYMOUS"),
    ],
)
def test_the_initial_response_is_sent_or_held_back(
    name: str, initial: bool | None, first: bytes
) -> None:
    with greeted(Hear(), NO, mechanisms=name) as (client, server):
        client.auth(name, "me", "pw", initial_response=initial, **CLEAR)
        assert after_ehlo(server) == [first]


def test_a_mechanism_that_the_server_begins_has_no_initial_response() -> None:
    with greeted() as (client, server):
        with pytest.raises(LocalProtocolError, match="the server speaks first"):
            client.auth("cram-md5", "me", "pw", initial_response=True, **CLEAR)
        assert after_ehlo(server) == []


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    with greeted(Hear(), YES, mechanisms="EXTERNAL") as (client, server):
        assert client.auth("external", **CLEAR).code == 235
        assert after_ehlo(server) == [b"AUTH EXTERNAL ="]


def test_auth_that_was_not_announced_is_said_only_when_lax() -> None:
    with greeted(Hear(), YES, mechanisms="PLAIN", lax=True) as (client, server):
        assert client.auth(CramMd5("me", "pw"), **CLEAR).code == 235
        assert after_ehlo(server) == [b"AUTH CRAM-MD5"]
        assert "AUTH CRAM-MD5: the server offers PLAIN" in client.transcript.text()


def test_a_second_auth_and_one_inside_a_transaction_are_refused() -> None:
    with greeted(Hear(), NO, Hear(), Say(b"250 Ok\r\n")) as (client, server):
        client.auth(Plain("me", "pw"), **CLEAR)
        client.mail_from("a@client.example")
        with pytest.raises(LocalProtocolError, match="out of order"):
            client.auth(Plain("me", "pw"), **CLEAR)
        assert len(after_ehlo(server)) == 2
    with greeted(Hear(), YES) as (client, server):
        client.auth(Plain("me", "pw"), **CLEAR)
        with pytest.raises(LocalProtocolError, match="RFC 4954 allows one AUTH"):
            client.auth(Plain("me", "pw"), **CLEAR)
        assert len(after_ehlo(server)) == 1


class _Interrupted(Mechanism):
    name = "PLAIN"

    def steps(self, channel: Channel | None = None) -> Any:
        yield None
        raise KeyboardInterrupt


def test_an_interrupt_in_a_mechanism_closes_the_session() -> None:
    with greeted(Hear(), ask(b"")) as (client, server):
        with pytest.raises(KeyboardInterrupt):
            client.auth(_Interrupted(), **CLEAR)
        assert client.state is State.CLOSED
        server.wait_until_gone()
        assert after_ehlo(server) == [b"AUTH PLAIN"]


def line(text: bytes) -> Say:
    return Say(b"334 " + text + b"\r\n")


HOSTILE = {
    "not base64": line(b"!!!"),
    "a pad in the middle": line(b"AAA=BBB"),
    "8 bit": line(b"\xff\xfe"),
    "nothing": line(b""),
    "no space": Say(b"334\r\n"),
    "large": line(b"A" * 12_000),
    "too large": line(b"A" * 70_000),
    "NUL": ask(b"\0\0"),
    "two lines": Say(b"334-AAAA\r\n334 BBBB\r\n"),
    "a yes": YES,
    "not its reply": Say(b"250 ok\r\n"),
}
MECHANISMS = (
    *("plain", "login", "cram-md5", "digest-md5", "scram-sha-256"),
    *("xoauth2", "oauthbearer"),
)


@pytest.mark.parametrize("challenge", HOSTILE)
@pytest.mark.parametrize("name", MECHANISMS)
def test_a_hostile_challenge_leaves_the_session_usable_or_closed(
    name: str, challenge: str
) -> None:
    given: dict[str, Any] = {"token" if "auth" in name else "password": "hunter2x"}
    # Whatever is said next is refused, "*" included.
    fine = Say(b"250 ok\r\n")
    script = (Hear(), HOSTILE[challenge], Hear(), NO, Hear(), fine)
    with greeted(*script) as (client, _):
        try:
            reply = client.auth(name, "ann", **given, **CLEAR)
        except RemoteProtocolError:
            assert client.state is State.CLOSED
        else:
            assert reply.code in {235, 535}
            assert client.state is State.READY
            assert client.noop().code in {250, 535}
        text = client.transcript.text()
    assert "hunter2x" not in text
    assert base64.b64encode(b"hunter2x").decode() not in text


def test_a_response_that_somebody_writes_as_a_command_stands_nowhere() -> None:
    response = base64.b64encode(b"hunter2xy").decode()
    script = (Hear(), ask(b"Username:"), Hear(), NO, Hear(), NO)
    with greeted(*script) as (client, server):
        assert client.command("AUTH", "LOGIN").code == 334
        for _ in range(2):  # within AUTH, and behind it
            assert client.command(response).code == 535
        assert after_ehlo(server)[1:] == [response.upper().encode()] * 2
        said = client.transcript.text()
    assert said.count("a secret is not a verb of the table") == 2
    assert response.upper() not in said.upper()


def test_scram_says_that_a_challenge_is_not_base64() -> None:
    with greeted(Hear(), line(b"!!!"), Hear(), NO) as (client, server):
        assert client.auth(scram(), **CLEAR).code == 535
        assert after_ehlo(server)[-1] == b"*"
        assert "not base64 (RFC 4954 section 4): AUTH is" in client.transcript.text()
