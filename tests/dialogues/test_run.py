"""`client.run`: dialogues against a server that does what it is told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    Cancelled,
    ConnectionLost,
    LocalProtocolError,
    Plain,
    Sandbox,
    SmtpClient,
    State,
    conformance,
)
from smtpnb.dialogues.conformance import conformance_in_parts
from smtpnb.protocol.commands import (
    Auth,
    Bdat,
    Data,
    Ehlo,
    EndOfData,
    Mail,
    Noop,
    Quit,
    Rcpt,
    StartTls,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.dialogues.converse import Dialogue


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient() as client:
        client.connect(sandbox)
        yield client


def test_replies_come_back_and_the_return_value_is_returned(client: SmtpClient) -> None:
    def dialogue() -> Dialogue[list[int]]:
        first = yield Ehlo("client.example")
        second = yield Noop()
        return [first.code, second.code]

    assert client.run(dialogue()) == [250, 250]
    assert client.state is State.READY
    assert "PIPELINING" in client.capabilities


def test_a_dialogue_that_says_nothing_returns_at_once(client: SmtpClient) -> None:
    def dialogue(*commands: Noop) -> Dialogue[str]:
        if commands:
            yield commands[0]
        return "nothing"

    assert client.run(dialogue()) == "nothing"


def test_tls_auth_a_message_and_quit_in_one_dialogue() -> None:
    def dialogue() -> Dialogue[str]:
        yield Ehlo("client.example")
        yield StartTls()
        yield Ehlo("client.example")
        yield Plain("ann", "secret of ann")
        yield Mail("ann@client.example")
        yield Rcpt("bob@sandbox.example")
        yield Data()
        reply = yield EndOfData()
        yield Quit()
        return str(reply.code)

    with Sandbox(auth={"ann": "secret of ann"}) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        assert client.run(dialogue()) == "250"
        assert client.state is State.CLOSED
        assert client.tls is not None
        outcome = client.transcript.transactions()["outcome"]
        assert list(outcome) == ["delivered"]
        assert len(sandbox.inbox()) == 1


def test_auth_in_clear_is_refused_in_a_dialogue_too(client: SmtpClient) -> None:
    def dialogue() -> Dialogue[str]:
        yield Ehlo("client.example")
        with pytest.raises(LocalProtocolError, match="clear"):
            yield Plain("ann", "secret")
        with pytest.raises(LocalProtocolError, match="mechanism"):
            yield Auth("PLAIN", memoryview(b"\0ann\0secret"))
        return (yield Noop()).text

    client.run(dialogue())
    assert "AUTH" not in str(client.transcript).replace("AUTH BDAT", "")


def test_a_refusal_of_ours_is_thrown_in_and_can_be_survived(client: SmtpClient) -> None:
    def dialogue() -> Dialogue[int]:
        try:
            yield Mail("a@client.example")  # before EHLO
        except LocalProtocolError:
            return (yield Noop()).code
        return 0

    assert client.run(dialogue()) == 250


def test_a_chunk_is_refused_in_a_dialogue(client: SmtpClient) -> None:
    def dialogue() -> Dialogue[str]:
        yield Ehlo("client.example")
        with pytest.raises(LocalProtocolError, match="a dialogue sends no chunks"):
            yield Bdat(5, last=True)
        return (yield Noop()).text

    assert client.run(dialogue())


def test_a_fault_is_thrown_in_and_comes_out(
    sandbox: Sandbox, client: SmtpClient
) -> None:
    cleaned = []

    def dialogue() -> Dialogue[None]:
        try:
            yield Ehlo("client.example")
            yield Noop()
        finally:
            cleaned.append("up")

    sandbox.fault("noop", drop=True)
    with pytest.raises(ConnectionLost, match="phase: noop"):
        client.run(dialogue())
    assert cleaned == ["up"]
    assert client.state is State.CLOSED


def test_a_cancelled_dialogue_cleans_up_and_is_closed(
    sandbox: Sandbox, client: SmtpClient
) -> None:
    heard: list[type[BaseException]] = []

    def dialogue() -> Dialogue[None]:
        while True:
            try:
                yield Noop()
            except Cancelled as error:
                heard.append(type(error))

    sandbox.fault("noop", stall=True)
    client.on_tick = client.cancel
    with pytest.raises(Cancelled, match="phase: noop"):
        client.run(dialogue())
    assert heard == [Cancelled]
    assert client.state is State.CLOSED


def test_an_error_of_the_dialogue_leaves_the_connection_usable(
    client: SmtpClient,
) -> None:
    def dialogue() -> Dialogue[None]:
        yield Ehlo("client.example")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.run(dialogue())
    assert client.noop().ok


def test_the_whole_dialogue_is_one_verb(client: SmtpClient) -> None:
    between = threading.Event()
    refused: list[str] = []

    def dialogue() -> Dialogue[None]:
        yield Ehlo("client.example")
        thread = threading.Thread(target=other)
        thread.start()
        assert between.wait(5)
        thread.join()
        yield Noop()

    def other() -> None:
        try:
            client.noop()
        except LocalProtocolError as error:
            refused.append(str(error))
        between.set()

    client.run(dialogue())
    assert "run" in refused[0]


def test_conformance_of_the_sandbox(client: SmtpClient, sandbox: Sandbox) -> None:
    client.disconnect()

    def connect() -> SmtpClient:
        client.connect(sandbox)
        return client

    answers = conformance_in_parts(connect, rude=True)
    assert str(answers) == "asked 19 of 19"
    codes = {answer.question: answer.reply.code for answer in answers}
    assert codes["RCPT without MAIL"] == 503
    assert codes["postmaster without a domain"] == 250
    assert codes["a command that does not exist"] == 500
    assert codes["goodbye"] == 221
    assert client.state is State.CLOSED
    assert len(sandbox.inbox()) == 0


def test_conformance_survives_a_server_that_hangs_up(
    sandbox: Sandbox, client: SmtpClient
) -> None:
    sandbox.fault("help", drop=True)
    answers = client.run(conformance())
    assert [answer.command for answer in answers] == ["EHLO client.invalid", "NOOP"]
    assert answers.ended_by.startswith("ConnectionLost: ")
    assert client.state is State.CLOSED


def test_conformance_asks_nothing_where_a_message_is_due(
    sandbox: Sandbox, client: SmtpClient
) -> None:
    client.ehlo("client.example")
    client.mail_from("a@client.example")
    client.rcpt_to("b@sandbox.example")
    assert client.data().code == 354
    with pytest.raises(LocalProtocolError, match="content is due"):
        client.run(conformance())
    client.disconnect()
    assert len(sandbox.inbox()) == 0
