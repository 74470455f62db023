"""The direct path of a line and its reply says and records what the steps do."""

from __future__ import annotations

from typing import Any

import pytest

from smtpnb import SmtpClient, SmtpError, Timeouts
from tests.support.scripted import EHLO, GREETING, Hear, Hold, Say, ScriptedServer

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


def said(reply: bytes, *, by_steps: bool) -> tuple[Any, ...]:
    """Say MAIL and NOOP; return all that a user can see of it."""
    seen: list[Any] = []
    ending = () if reply.endswith(b"\n") else (_Close(),)
    script = (GREETING, *EHLO, Hear(), Say(reply), *ending, Hear(), Hold())
    client = SmtpClient(timeouts=Timeouts(command=20.0))
    with ScriptedServer(script) as server:
        client.connect(server.host, server.port)
        client.ehlo()
        if by_steps:  # whoever wants a tick takes the steps
            client.on_tick = lambda: None
        try:
            seen.append(client.mail_from("a@example.org").octets)
        except SmtpError as error:
            seen += [type(error), error.args, error.phase, error.half_said]
        seen += [client.state, client.allowed]
        seen.append([entry[0] for entry in client._engine.log.log])  # type: ignore[union-attr]
        client.disconnect()
    return tuple(seen)


class _Close:
    def do(self, _stage: object) -> None:
        raise EOFError


@pytest.mark.parametrize("name", REPLIES)
def test_both_say_the_same(name: str) -> None:
    reply = REPLIES[name]
    assert said(reply, by_steps=False) == said(reply, by_steps=True)
