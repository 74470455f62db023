"""The direct path of a line and its reply says and records what the steps do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import SmtpClient, SmtpError, Timeouts
from tests.support.scripted import EHLO, GREETING, Hear, Hold, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

REPLIES = {
    "a yes": b"250 ok\r\n",
    "a no": b"550 5.1.1 no\r\n",
    "two lines": b"250-ok\r\n250 ok\r\n",
    "421": b"421 bye\r\n",
    "impossible": b"354 go\r\n",
    "garbage": b"hello\r\n",
    "bare LF": b"250 ok\n",
    "surplus": b"250 ok\r\n250 more\r\n",
    "too long": b"250 " + b"x" * 2000 + b"\r\n",
    "half": b"250 o",
}


OK = Say(b"250 ok\r\n")
GO_ON = Say(b"354 go on\r\n")
# All but times, names and ports.
SEEN = [
    *("seq", "event", "direction", "step", "verb", "code", "text", "n_bytes"),
    *("exchange_no", "transaction_no", "pipelined", "detail"),
]
# What is said, and whether the server hears DATA and says 354 before its reply.
VERBS: dict[str, tuple[Callable[[SmtpClient], Any], bool]] = {
    "mail": (lambda client: client.mail_from("a@example.org"), False),
    "ehlo": (lambda client: client.ehlo(), False),
    "quit": (lambda client: client.quit(), False),
    "data": (lambda client: client.data(b"Subject: x\r\n\r\n.y\r\n"), True),
}


def said(verb: str, reply: bytes, *, by_steps: bool) -> tuple[Any, ...]:
    """Say something; return all that a user can see of it."""
    seen: list[Any] = []
    say, by_data = VERBS[verb]
    ending = () if reply.endswith(b"\n") else (_Close(),)
    envelope = (Hear(), OK, Hear(), OK, Hear(), GO_ON) if by_data else ()
    hear = Hear(b"\r\n.\r\n") if by_data else Hear()
    script = (GREETING, *EHLO, *envelope, hear, Say(reply), *ending, Hear(), Hold())
    client = SmtpClient(timeouts=Timeouts(command=20.0))
    with ScriptedServer(script) as server:
        client.connect(server.host, server.port)
        client.ehlo()
        if by_data:
            client.mail_from("a@example.org")
            client.rcpt_to("b@example.org")
        if by_steps:  # whoever wants a tick takes the steps
            client.on_tick = lambda: None
        try:
            seen.append(say(client).octets)
        except SmtpError as error:
            seen += [type(error), error.args, error.phase, error.outcome]
            seen.append(error.half_said)
        seen += [client.state, client.allowed]
        events = client.transcript.events()
        shown = events.loc[events["event"] != "connect", SEEN]  # which has the port
        seen.append(shown.astype(str).to_dict("records"))
        client.disconnect()
    return tuple(seen)


class _Close:
    def do(self, _stage: object) -> None:
        raise EOFError


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("verb", VERBS)
def test_both_say_the_same(verb: str, name: str) -> None:
    reply = REPLIES[name]
    assert said(verb, reply, by_steps=False) == said(verb, reply, by_steps=True)
