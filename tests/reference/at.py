"""What a row of the reference is tried with: a client at some point, and its words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from smtpnb import Sandbox, SmtpClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def at(ready: str, **settings: Any) -> Iterator[tuple[SmtpClient, Sandbox]]:
    """Give a client that has come so far, and print what it says from then on."""
    ways = ["new", "connected", "hello", "mail", "rcpt", "data"]
    with Sandbox(**settings) as sandbox, SmtpClient() as client:
        steps = [
            lambda: client.connect(sandbox),
            lambda: client.ehlo("client.example"),
            lambda: client.mail_from("a@b.example"),
            lambda: client.rcpt_to("c@d.example"),
            client.data,
        ]
        for step in steps[: ways.index(ready)]:
            step()
        before = client.transcript.cursor if ready != "new" else 0
        yield client, sandbox
        for line in str(client.transcript.since(before)).splitlines():
            if line.startswith((" -> ", " ~> ")):
                print(line[4:])
