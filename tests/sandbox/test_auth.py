"""Every SASL mechanism against the sandbox, and the sandbox against each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    LocalProtocolError,
    OAuthBearer,
    Plain,
    RemoteProtocolError,
    Sandbox,
    Scram,
    SmtpClient,
    State,
)
from smtpnb.sandbox.mechanisms import MECHANISMS, USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "ann,=ä", "sesame öpen"
PLAIN_USER, TOKEN = "ann", "sesame-open"
ACCOUNTS = {USER: PASSWORD, PLAIN_USER: TOKEN, "bob": "another"}
WITHOUT_PASSWORD = {"EXTERNAL", "ANONYMOUS"}
BY_TOKEN = {"XOAUTH2", "OAUTHBEARER"}
MUTUAL = [name for name in USUAL if name.startswith(("SCRAM", "DIGEST"))]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(auth=ACCOUNTS, mechanisms=MECHANISMS) as started:
        yield started


@contextmanager
def inside_tls(sandbox: Sandbox, **options: Any) -> Iterator[SmtpClient]:
    with SmtpClient(**options) as client:
        client.connect(sandbox)
        client.ehlo("client.example")
        client.starttls()
        client.ehlo("client.example")
        yield client


def login(client: SmtpClient, name: str, password: str = "") -> int:
    user = PLAIN_USER if name in BY_TOKEN | WITHOUT_PASSWORD else USER
    right = TOKEN if name in BY_TOKEN else PASSWORD
    return client.auth(name, user, password or right).code


@pytest.mark.parametrize("name", MECHANISMS)
def test_each_mechanism_logs_in(sandbox: Sandbox, name: str) -> None:
    with inside_tls(sandbox) as client:
        assert name in client.capabilities.mechanisms
        assert login(client, name) == 235
        text = client.transcript.text()
    assert PASSWORD not in text
    assert TOKEN not in text


@pytest.mark.parametrize("name", [n for n in MECHANISMS if n not in WITHOUT_PASSWORD])
def test_each_mechanism_refuses_a_wrong_password_and_the_session_goes_on(
    sandbox: Sandbox, name: str
) -> None:
    with inside_tls(sandbox) as client:
        assert login(client, name, "wrong-password") == 535
        assert client.state is State.READY
        assert client.noop().ok
        assert login(client, name) == 235


@pytest.mark.parametrize("name", ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-256-PLUS"])
@pytest.mark.parametrize(("identity", "code"), [("bob", 235), ("nobody", 535)])
def test_who_is_spoken_for_is_the_servers_decision(
    sandbox: Sandbox, name: str, identity: str, code: int
) -> None:
    with inside_tls(sandbox) as client:
        assert client.auth(name, USER, PASSWORD, identity=identity).code == code


def test_who_sent_a_message_stands_in_the_inbox() -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox) as client:
        client.auth("auto", USER, PASSWORD)
        client.send("Subject: x\n\nhello\n", "ann@a.example", ["bob@b.example"])
        assert sandbox.inbox()["user"].tolist() == [USER]


def test_auto_binds_to_the_channel_where_it_can(sandbox: Sandbox) -> None:
    with inside_tls(sandbox) as client:
        assert client.auth("auto", USER, PASSWORD).code == 235
        assert "AUTH SCRAM-SHA-512-PLUS" in client.transcript.text()
    with Sandbox(auth=ACCOUNTS, tls="none", auth_without_tls=True) as other:
        client.connect(other)
        client.ehlo()
        assert not any(n.endswith("PLUS") for n in client.capabilities.mechanisms)
        assert (
            client.auth("auto", USER, PASSWORD, allow_cleartext_auth=True).code == 235
        )
        assert "AUTH SCRAM-SHA-512 " in client.transcript.text()
        client.quit()


def test_plus_cut_out_of_the_offer_is_found_out() -> None:
    offer = "250-here\n250 AUTH SCRAM-SHA-256"
    with Sandbox(auth=ACCOUNTS) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        sandbox.fault("ehlo", reply=offer)
        client.ehlo()
        assert client.auth("auto", USER, PASSWORD).code == 535
        assert "cut it out of the EHLO reply" in client.transcript.text()


@pytest.mark.parametrize("binding", ["tls-exporter", "tls-unique", "tls-nonsense"])
def test_a_binding_that_python_has_not_is_refused_with_the_reason(
    sandbox: Sandbox, binding: str
) -> None:
    with inside_tls(sandbox) as client:
        before = len(client.transcript)
        with pytest.raises(LocalProtocolError, match=r"RFC 9266|nobody knows"):
            client.auth(Scram(USER, PASSWORD, plus=True, binding=binding))
        assert len(client.transcript) == before
        assert client.state is State.READY


# Faults


@pytest.mark.parametrize("name", MUTUAL)
def test_a_wrong_signature_ends_the_session(name: str) -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox) as client:
        sandbox.fault("signature", name, reply="334 dj1BQUFB")
        with pytest.raises(RemoteProtocolError, match="impostor"):
            login(client, name)
        assert client.state is State.CLOSED
        assert client.transcript.text().count(" ~> *") == 1


@pytest.mark.parametrize(
    "reply",
    [
        "535 5.7.8 Credentials not valid",
        "454 4.7.0 Temporary failure",
        "432 4.7.12 A password transition is needed",
        "534 5.7.9 Mechanism too weak",
        "504 5.5.4 Mechanism not known",
        "500 5.5.6 Line too long",
    ],
)
@pytest.mark.parametrize("step", ["auth", "challenge"])
def test_a_refusal_is_an_answer_and_nothing_else_is_tried(
    reply: str, step: str
) -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox) as client:
        sandbox.fault(step, reply=reply)
        assert str(client.auth("auto", USER, PASSWORD)) == reply
        assert client.state is State.READY
        assert client.transcript.text().count(" ~> AUTH") == 1


def test_a_421_in_the_middle_of_auth_closes() -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox) as client:
        sandbox.fault("challenge", reply="421 4.7.0 Too many attempts")
        assert client.auth("auto", USER, PASSWORD).code == 421
        assert client.state is State.CLOSING


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("reply", ["334 {garbage}", "334 =", "334 AAAA", "334 "])
def test_challenges_that_are_none_end_in_an_answer_or_a_closed_session(
    name: str, reply: str
) -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox) as client:
        sandbox.fault("auth", reply=reply)
        try:
            assert login(client, name) == 501
            assert client.noop().ok
        except RemoteProtocolError:
            assert client.state is State.CLOSED
        assert client.transcript.text().count(" ~> *") == 1


def test_a_token_that_is_refused_is_explained(sandbox: Sandbox) -> None:
    with inside_tls(sandbox) as client:
        assert client.auth(OAuthBearer(PLAIN_USER, "old-token")).code == 535
        assert "status invalid_token, scope smtp" in client.transcript.text()


def test_an_initial_response_to_a_server_that_begins_is_refused(
    sandbox: Sandbox,
) -> None:
    with inside_tls(sandbox, lax=True) as client:
        assert client.command("AUTH", "CRAM-MD5 AAAA").code == 501
        assert client.command("AUTH", "NTLM").code == 504


def test_only_mechanisms_that_are_spoken_can_be_asked_for() -> None:
    with pytest.raises(ValueError, match="'NTLM' is not spoken; there are PLAIN, "):
        Sandbox(mechanisms=["ntlm"])


def test_anonymous_needs_no_account() -> None:
    with Sandbox(mechanisms=["anonymous"]) as sandbox, inside_tls(sandbox) as client:
        assert client.capabilities.mechanisms == ("ANONYMOUS",)
        assert client.auth("anonymous", "trace@a.example").code == 235


def test_a_second_auth_is_refused_by_the_server_too() -> None:
    with Sandbox(auth=ACCOUNTS) as sandbox, inside_tls(sandbox, lax=True) as client:
        assert client.auth(Plain(USER, PASSWORD)).code == 235
        assert client.auth(Plain(USER, PASSWORD)).code == 503


@pytest.mark.parametrize("wrong", ["ann", 5, {"ann": 5}, {1: "x"}, ["ann"]])
def test_accounts_are_users_and_passwords(wrong: Any) -> None:
    with pytest.raises(ValueError, match="auth is a dict of users and their passwords"):
        Sandbox(auth=wrong)
