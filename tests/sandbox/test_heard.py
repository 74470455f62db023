"""The server's own book: who said what, and what was answered."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from smtpnb import ConnectionLost, Plain, Sandbox, SmtpClient
from smtpnb.sandbox.heard import MOST, Book, Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = {"ann": "sesame-open"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(auth=ACCOUNTS) as sandbox:
        yield sandbox


def _rows(sandbox: Sandbox) -> list[tuple[int, bool, str, str, int]]:
    table = sandbox.heard()[["session", "tls", "verb", "argument", "code"]]
    return [tuple(row) for row in table.itertuples(index=False)]


def test_a_session_stands_in_it_command_by_command(sandbox: Sandbox) -> None:
    with SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo("me.example")
        client.starttls()
        client.ehlo("me.example")
        client.auth(Plain("ann", ACCOUNTS["ann"]))
        client.mail_from("a@me.example")
        client.rcpt_to("b@x.example")
        client.data("Subject: x\n\n.\n")
        client.quit()
    assert _rows(sandbox) == [
        (1, False, "CONNECT", "", 220),
        (1, False, "EHLO", "me.example", 250),
        (1, False, "STARTTLS", "", 220),
        (1, True, "EHLO", "me.example", 250),
        (1, True, "AUTH", "PLAIN", 235),
        (1, True, "MAIL", "FROM:<a@me.example>", 250),
        (1, True, "RCPT", "TO:<b@x.example>", 250),
        (1, True, "DATA", "", 354),
        (1, True, ".", "", 250),
        (1, True, "QUIT", "", 221),
    ]


def test_a_reply_that_was_never_sent_is_none(sandbox: Sandbox) -> None:
    sandbox.fault("noop", drop=True)
    client = SmtpClient()
    client.connect(sandbox)
    with pytest.raises(ConnectionLost):
        client.noop()
    assert _rows(sandbox)[-1] == (1, False, "NOOP", "", 0)


def test_a_reply_in_mid_content_stands_by_itself(sandbox: Sandbox) -> None:
    sandbox.fault("body", reply="552 5.3.4 Too big")
    with SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo("me.example")
        client.mail_from("a@me.example")
        client.rcpt_to("b@x.example")
        client.data("Subject: x\n\n" + "x\n" * 50_000)
    (body,) = (row for row in _rows(sandbox) if row[2] == "BODY")
    assert body[-1] == 552


@pytest.mark.parametrize("line", ["AUTH PLAIN AGFubgBz", "AGFubgBz", "LOGIN AGFubgBz"])
def test_no_secret_stands_in_it(sandbox: Sandbox, line: str) -> None:
    with socket.create_connection((sandbox.host, sandbox.port)) as stranger:
        stranger.recv(999)
        stranger.sendall(line.encode() + b"\r\n")
        stranger.recv(999)
    assert "AGFubgBz" not in sandbox.heard().to_csv()


def test_it_keeps_the_newest() -> None:
    book = Book()
    for number in range(MOST + 5):
        book.add(Heard(number, tls=False, verb="NOOP", argument=""))
    assert list(book.table()["session"]) == list(range(5, MOST + 5))
