"""AUTH: a mechanism's steps carried over the wire (RFC 4954 section 4).

AUTH goes out with its initial response, or alone; each 334 gets one answer; a
mechanism that has nothing more to say answers "*". In clear it is refused, on
loopback as well, unless the caller allows it in that very call; over TLS that did not
verify it is refused always.

This module knows nothing of any mechanism.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.commands import Auth, AuthCancel, AuthResponse, Command
from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.session import State
from smtpnb.wire.wait import Call

if TYPE_CHECKING:
    from collections.abc import Generator

    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.sasl import Mechanism
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# No mechanism we know takes more than a handful.
MAX_CHALLENGES: Final = 16


def authenticate(
    engine: Engine,
    mechanism: Mechanism,
    *,
    allow_cleartext: bool = False,
    limit: float | None = None,
) -> Steps[Reply]:
    """Authenticate, and return the last reply.

    Args:
        engine: The connection.
        mechanism: What to say.
        allow_cleartext: Go on without TLS.
        limit: Absolute, for the whole exchange; None for those of each command.

    Raises:
        LocalProtocolError: Refused for privacy, order or offer; nothing left.
        RemoteProtocolError: The server asks without end; the connection is closed.
        Exception: What the mechanism raised (a server that cannot prove itself, say);
            "*" was sent, and the session goes on.
    """
    engine.exchange.require_connection()
    _check_privacy(engine, allow_cleartext=allow_cleartext)
    for secret in mechanism.secrets():
        engine.exchange.redactor.learn(secret)
    steps = mechanism.steps()
    initial = yield Call(next, steps)
    reply = yield from engine.execute(Auth(mechanism.name, initial), limit)
    for _ in range(MAX_CHALLENGES):
        if engine.session.state is not State.AUTH:
            return reply
        command: Command = AuthCancel()
        challenge = _challenge(reply)
        if challenge is not None:
            try:
                answer = yield Call(_answer, steps, challenge)
            except Exception:
                yield from engine.execute(command, limit)
                raise
            if answer is not None:
                command = AuthResponse(answer)
        reply = yield from engine.execute(command, limit)
    engine.give_up(
        "auth",
        RemoteProtocolError(f"the server sent more than {MAX_CHALLENGES} challenges"),
    )


def _answer(
    steps: Generator[memoryview | None, bytes, None], challenge: bytes
) -> memoryview | None:
    """Return the mechanism's answer to a challenge; None if it has none."""
    try:
        return steps.send(challenge) or memoryview(b"")
    except StopIteration:
        return None


def _check_privacy(engine: Engine, *, allow_cleartext: bool) -> None:
    if engine.facts is not None and not engine.facts["verified"]:
        raise LocalProtocolError(
            "AUTH is refused: the certificate of this session did not verify; "
            "nothing was sent"
        )
    if not engine.session.encrypted and not allow_cleartext:
        raise LocalProtocolError(
            "AUTH in clear is refused: STARTTLS first, or say "
            "allow_cleartext_auth=True in this call; nothing was sent"
        )


def _challenge(reply: Reply) -> bytes | None:
    """Decode the text of a 334; None if it is not base64."""
    try:
        return base64.b64decode(reply.text.encode(), validate=True)
    except (binascii.Error, ValueError):
        return None
