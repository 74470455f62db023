"""Each phase in which a client reads: how to get there, and the call that reads.

A phase is data. `lead` is what the server does until the reply is due, `tail` what it
does after a good one; `before` and `call` are the client's side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smtpnb import Plain
from tests.support.scripted import DATA, DOT, EHLO, GREETING, OK, Hear

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb import SmtpClient
    from tests.support.scripted import Action, ScriptedServer

PASSWORD = "correct horse battery staple"
HELLO = (GREETING, *EHLO)
ENVELOPE = (*HELLO, *OK, *OK)
MESSAGE = "Subject: x\n\nhello\n"


@dataclass(frozen=True)
class Phase:
    """One phase."""

    name: str
    lead: tuple[Action, ...]
    call: Callable[[SmtpClient, float | None], Any]
    before: Callable[[SmtpClient], Any] = field(default=lambda _: None)
    good: bytes = b"250 Ok\r\n"


def connect(client: SmtpClient, server: ScriptedServer, **more: Any) -> None:
    """Connect to a scripted server."""
    client.connect(server.host, server.port, **more)


def ehlo(client: SmtpClient) -> None:
    """Up to EHLO."""
    assert client.ehlo("client.example").ok


def mail(client: SmtpClient) -> None:
    """Up to MAIL."""
    ehlo(client)
    assert client.mail_from("a@client.example").ok


def rcpt(client: SmtpClient) -> None:
    """Up to RCPT."""
    mail(client)
    assert client.rcpt_to("b@server.example").ok


def auth(client: SmtpClient, timeout: float | None = None) -> Any:
    """AUTH PLAIN with the password, in clear on purpose."""
    account = Plain("user", PASSWORD)
    return client.auth(account, allow_cleartext_auth=True, timeout=timeout)


def _never(_client: SmtpClient, _timeout: float | None) -> None:
    raise AssertionError("the greeting is read by connect")


PHASES = (
    Phase("greeting", (), _never, good=b"220 scripted\r\n"),
    Phase("ehlo", (GREETING, Hear()), lambda c, t: c.ehlo("x", timeout=t)),
    Phase(
        "starttls",
        (*HELLO, Hear()),
        lambda c, t: c.starttls(timeout=t),
        ehlo,
        b"454 not now\r\n",
    ),
    Phase("auth", (*HELLO, Hear()), auth, ehlo, b"535 no\r\n"),
    Phase("mail", (*HELLO, Hear()), lambda c, t: c.mail_from("a@b", timeout=t), ehlo),
    Phase(
        "rcpt", (*HELLO, *OK, Hear()), lambda c, t: c.rcpt_to("a@b", timeout=t), mail
    ),
    Phase(
        "data",
        (*ENVELOPE, Hear()),
        lambda c, t: c.data(timeout=t),
        rcpt,
        b"554 no\r\n",
    ),
    Phase(
        "eod",
        (*ENVELOPE, *DATA, DOT),
        lambda c, t: c.data(MESSAGE, timeout=t),
        rcpt,
    ),
    Phase("rset", (*HELLO, Hear()), lambda c, t: c.rset(timeout=t), ehlo),
    Phase("noop", (*HELLO, Hear()), lambda c, t: c.noop(timeout=t), ehlo),
    Phase("vrfy", (*HELLO, Hear()), lambda c, t: c.vrfy("a", timeout=t), ehlo),
    Phase("quit", (*HELLO, Hear()), lambda c, t: c.quit(timeout=t), ehlo),
)


def run(
    phase: Phase, client: SmtpClient, server: ScriptedServer, timeout: float | None
) -> Any:
    """Go to the phase and make its call; return what it returned."""
    return arrive(phase, client, server)(timeout)


def arrive(
    phase: Phase, client: SmtpClient, server: ScriptedServer
) -> Callable[[float | None], Any]:
    """Go to the phase; return its call, which takes the timeout."""
    if phase.name == "greeting":
        return lambda timeout: client.connect(server.host, server.port, timeout=timeout)
    connect(client, server)
    phase.before(client)
    return lambda timeout: phase.call(client, timeout)
