"""A line over 512 octets leaves by no path, unless the guard of limits is lifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import LocalProtocolError, MailObject, Sandbox, SmtpClient
from smtpnb.protocol.commands import Mail

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.reply import Reply

SENDER, TO, TEXT = "a@b.example", "c@d.example", b"Subject: x\r\n\r\nx\r\n"
LONG = f"X-LONG={'x' * 1300}"  # a sandbox without extensions takes 1022 octets of MAIL

MAIL = MailObject(SENDER, [TO], TEXT, parameters=[LONG])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(tls="none") as running:
        yield running


def dialogue() -> Generator[Command, Reply, Reply]:
    return (yield Mail(SENDER, parameters=[LONG]))


def in_a_group(client: SmtpClient) -> None:
    with client.pipeline() as group:
        group.mail_from(SENDER, parameters=[LONG])
        group.rcpt_to(TO)


def in_a_stream(client: SmtpClient) -> None:
    (delivery,) = client.stream([MAIL])
    if isinstance(delivery.error, LocalProtocolError):
        raise delivery.error


PATHS: dict[str, Callable[[SmtpClient], object]] = {
    "verb": lambda c: c.mail_from(SENDER, parameters=[LONG]),
    "group": in_a_group,
    "dialogue": lambda c: c.run(dialogue()),
    "send": lambda c: c.send(TEXT, SENDER, [TO], parameters=[LONG]),
    "stream": in_a_stream,
    "stop": lambda c: c.send(TEXT, SENDER, [TO], parameters=[LONG], stop_after="MAIL"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "off", [(), ("PIPELINING", "CHUNKING")], ids=["groups", "turns"]
)
def test_a_long_line_leaves_by_no_path(
    sandbox: Sandbox, path: str, off: tuple[str, ...]
) -> None:
    with SmtpClient(disable=off) as client:
        client.connect(sandbox)
        client.ehlo()
        with pytest.raises(LocalProtocolError, match=r"4\.5\.3\.1\.4\)|PIPELINING"):
            PATHS[path](client)
        assert "X-LONG" not in client.transcript.text()
        assert client.noop().code == 250  # nothing left: the session goes on
        client.lax = {"limits", "groups", "offers"}
        PATHS[path](client)
        assert "X-LONG" in client.transcript.text()
        events = client.transcript.events()
        notes = events[events.event == "note"].text
        assert notes.str.contains("4.5.3.1.4", regex=False).any()
