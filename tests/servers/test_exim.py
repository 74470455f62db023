"""Sessions against a real Exim, and what lands in its maildir."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import SmtpClient, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.exim import Exim

pytestmark = pytest.mark.servers

_BODIES = {
    "dots": b".\r\n..\r\n.leading\r\nin . the middle\r\n.\r\n",
    "blank": b"\r\n\r\n\r\ntrailing   \r\n",
    "eight": "grüße 你好\r\n".encode(),
    "long": b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n",
}


@pytest.fixture
def client(exim: Exim) -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        client.connect(exim.host, exim.port, ca=exim.ca)
        client.ehlo()
        yield client


def test_it_offers_what_the_tests_want(client: SmtpClient) -> None:
    wanted = {"PIPELINING", "CHUNKING", "STARTTLS", "8BITMIME", "SMTPUTF8", "PRDR"}
    assert wanted <= set(client.capabilities)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
@pytest.mark.parametrize("name", _BODIES)
def test_content_arrives_octet_for_octet(
    exim: Exim, client: SmtpClient, name: str, tls: bool
) -> None:
    if tls:
        assert client.starttls().code == 220
        client.ehlo()
    to = f"ok-{name}-{tls}@example.test"
    head = b"Subject: octet for octet\r\n\r\n"
    assert client.mail_from("ann@client.example", body="8BITMIME").ok
    assert client.rcpt_to(to).ok
    assert client.data(head + _BODIES[name]).ok
    assert client.quit().code == 221
    (stored,) = exim.mail.wait_for_recipients([to])[to]
    # It stores LF, and adds fields at the top and nothing else.
    assert stored.endswith((head + _BODIES[name]).replace(b"\r\n", b"\n"))


@pytest.mark.parametrize(
    ("to", "code", "enhanced"),
    [
        ("ok-1@example.test", 250, ""),
        ("no-1@example.test", 550, "5.1.1"),
        ("later-1@example.test", 450, "4.2.0"),
        ("ok-1@elsewhere.example", 550, ""),
    ],
)
def test_recipients_are_answered_by_their_names(
    client: SmtpClient, to: str, code: int, enhanced: str
) -> None:
    client.mail_from("ann@client.example")
    reply = client.rcpt_to(to)
    assert (reply.code, reply.enhanced or "") == (code, enhanced)


def test_after_too_many_commands_that_are_no_mail_it_has_had_enough(
    client: SmtpClient,
) -> None:
    codes = [client.noop().code for _ in range(10)]
    assert set(codes) == {250}
    assert client.noop().code == 554  # and it closes
    client.disconnect()
    assert client.state is State.CLOSED
