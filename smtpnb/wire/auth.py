"""AUTH: a mechanism's steps carried over the wire (RFC 4954 section 4).

AUTH goes out with its initial response, or alone where the line would be too long for
it; each 334 gets one answer; a mechanism that has nothing more to say answers "*". In
clear it is refused, on loopback as well, unless the caller allows it in that very call;
over TLS that did not verify it is refused always.

A server that breaks the mechanism's rules - above all one that cannot prove itself - is
told "*", and the connection is closed: it may be an impostor. Whatever else a mechanism
raises (a token that cannot be fetched) ends AUTH only.

This module knows nothing of any mechanism.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from smtpnb.edges.text import decode, for_terminal
from smtpnb.protocol.commands import Auth, AuthCancel, AuthResponse, Command
from smtpnb.protocol.errors import (
    Cancelled,
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.lengths import COMMAND_LINE, RESPONSE_LINE
from smtpnb.protocol.sasl.mechanism import Channel, Note, Work
from smtpnb.protocol.session import State
from smtpnb.wire import helper
from smtpnb.wire.binding import binding
from smtpnb.wire.wait import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.sasl.mechanism import Mechanism
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# No mechanism we know takes more than a handful.
MAX_CHALLENGES: Final = 16


def channel_of(engine: Engine) -> Channel:
    """Return what a mechanism may know of a connection."""
    stream = engine.exchange.stream
    return Channel(
        host=engine.log.host,
        port=engine.log.port,
        encrypted=engine.session.encrypted,
        offered=engine.session.capabilities.mechanisms,
        find=partial(binding, None if stream is None else stream.tls),
    )


def check_privacy(
    facts: Mapping[str, Any] | None, *, allow_cleartext: bool = False
) -> None:
    """Refuse a login that somebody else could read, or that goes to somebody else.

    Args:
        facts: What TLS negotiated; None for a connection in clear.
        allow_cleartext: Go on without TLS.

    Raises:
        LocalProtocolError: In clear, or the certificate did not verify.
    """
    if facts is None and not allow_cleartext:
        raise LocalProtocolError(
            "AUTH in clear is refused: STARTTLS first, or say "
            "allow_cleartext_auth=True in this call; nothing was sent"
        )
    if facts is not None and not facts["verified"]:
        raise LocalProtocolError(
            "AUTH is refused: the certificate of this session did not verify; "
            "nothing was sent"
        )


def by_name(engine: Engine, name: str, *args: Any, **options: Any) -> Mechanism:
    """Return the mechanism of a name; for "auto", the strongest that is offered.

    Args:
        engine: The connection.
        name: As AUTH says it, in any case, or "auto".
        args: User and password, and so on, as `choose.named`.
        options: As `choose.named`; of a token "auto" takes note.

    Raises:
        LocalProtocolError: Unknown, not offered, or it needs what was not given.
    """
    from smtpnb.protocol.sasl.choose import named, strongest

    if name.lower() == "auto":
        offered = engine.session.capabilities.mechanisms
        by_token = options.get("token") is not None
        if not offered and "offers" in engine.session.lax:
            name = "XOAUTH2" if by_token else "PLAIN"
        else:
            name = strongest(channel_of(engine), by_token=by_token)
        told = " ".join(offered) or "none"
        engine.log.note("auth", f"auto: {name}; the server offers {told}")
    return named(name, *args, **options)


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
        RemoteProtocolError: The server asks without end, or breaks the mechanism (its
            signature is wrong, say); the connection is closed.
        Exception: What the mechanism raised; "*" was sent, and the session goes on.
    """
    engine.exchange.require_connection()
    check_privacy(engine.facts, allow_cleartext=allow_cleartext)
    engine.session.check(Auth(mechanism.name))  # before a token is fetched for nothing
    talk = _Talk(engine, mechanism, limit)
    initial = yield from talk.answer(next, talk.steps)
    said = None if initial is None else memoryview(initial)
    command: Command = Auth(mechanism.name, said)
    # It waits for a 334 where it would make AUTH too long (RFC 4954 section 4).
    held = said is not None and not command.fits(COMMAND_LINE)
    if held:
        command = Auth(mechanism.name)
    reply = yield from engine.execute(command, limit)
    # An initial response that left is the answer to the first prompt.
    answered = 0 if said is None or held else 1
    for number in range(MAX_CHALLENGES):
        if engine.session.state is not State.AUTH:
            return (yield from talk.over(reply))
        challenge = talk.challenge(reply, number + answered)
        command = AuthCancel()
        if challenge is not None:
            answer = initial if held else (yield from talk.reply_to(challenge))
            if answer is not None:
                command = AuthResponse(memoryview(answer))
        held = False
        reply = yield from engine.execute(command, limit)
    engine.give_up(
        "auth",
        RemoteProtocolError(f"the server sent more than {MAX_CHALLENGES} challenges"),
    )


class _Talk:
    """One run of a mechanism's steps.

    Args:
        engine: The connection.
        mechanism: What is run.
        limit: Absolute, for the whole exchange.
    """

    def __init__(
        self, engine: Engine, mechanism: Mechanism, limit: float | None
    ) -> None:
        self._engine = engine
        self._mechanism = mechanism
        self._limit = limit
        self._redactor = engine.exchange.incoming.redactor
        self.steps = mechanism.steps(channel_of(engine))

    def answer(self, resume: Any, *args: Any) -> Steps[memoryview | bytes | None]:
        """Run the steps up to their next response; None if there is none.

        Args:
            resume: How they go on: `next`, or their own `send` or `throw`.
            args: With what.

        Raises:
            Cancelled, DeadlineExceeded: The connection is closed.
            Exception: What the mechanism raised.
        """
        try:
            asked = yield from self._run(resume, *args)
        except Exception as error:
            if isinstance(error, (Cancelled, DeadlineExceeded)):
                self._engine.give_up("auth", error)
            raise
        except BaseException as interrupt:  # noqa: BLE001  # raised again
            self._engine.give_up("auth", interrupt)
        for secret in self._mechanism.secrets():
            self._redactor.learn(secret)
        if isinstance(asked, memoryview):
            self._redactor.learn_response(asked)
        if asked is not None:
            answer = AuthResponse(memoryview(asked))
            if not answer.fits(RESPONSE_LINE):
                raise LocalProtocolError(
                    f"{self._mechanism.name}: a response of {len(asked)} octets makes "
                    f"a line over {RESPONSE_LINE} (RFC 4954 section 4); it was not sent"
                )
        return asked  # type: ignore[no-any-return]  # what the mechanism yields

    def _run(self, resume: Any, *args: Any) -> Steps[Any]:
        """Resume the steps until they yield a response.

        Code of the user's runs where the driver lets it be interrupted; what may take
        long, in a helper thread, which a cancel does not wait for.
        """
        asked = yield Call(_resumed, resume, *args)
        while isinstance(asked, (Work, Note)):
            how, value = self.steps.send, None
            if isinstance(asked, Note):
                self._note(asked.text)
            else:
                deadline = self._engine.exchange.deadline("auth", self._limit)
                try:
                    value = yield from helper.call(
                        asked.function, *asked.args, deadline=deadline
                    )
                except (Cancelled, DeadlineExceeded):
                    raise
                except Exception as error:  # noqa: BLE001  # the steps may know better
                    how, value = self.steps.throw, error
            asked = yield Call(_resumed, how, value)
        return asked

    def reply_to(self, challenge: bytes) -> Steps[memoryview | bytes | None]:
        """Return the mechanism's answer to a challenge; None if it has none.

        Raises:
            RemoteProtocolError: The mechanism cannot go on with this server: "*" was
                sent, and the connection is closed.
            Exception: What else it raised; "*" was sent.
        """
        engine = self._engine
        try:
            answer = yield from self.answer(self.steps.send, challenge)
        except (Cancelled, DeadlineExceeded):
            raise
        except Exception as error:
            reply = yield from engine.execute(AuthCancel(), self._limit)
            if isinstance(error, RemoteProtocolError):
                engine.give_up("auth", error)
            if engine.session.authenticated:
                engine.give_up(
                    "auth",
                    RemoteProtocolError(f'"*" was answered {reply}: not cancelled'),
                )
            raise
        return answer

    def over(self, reply: Reply) -> Steps[Reply]:
        """Tell the steps that the server says yes; return its reply.

        Raises:
            RemoteProtocolError: It had to prove itself first, and did not; the
                connection is closed.
        """
        if self._mechanism.mutual and self._engine.session.authenticated:
            try:
                yield from self.answer(self.steps.send, None)
            except RemoteProtocolError as error:
                self._engine.give_up("auth", error)
        yield Call(self.steps.close)
        return reply

    def challenge(self, reply: Reply, number: int) -> bytes | None:
        """Decode the text of a 334; None if it is not base64, and somebody reads it."""
        octets = self._redactor.as_it_came(reply.octets)
        text = b"".join(line[4:] for line in octets.splitlines())
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
        prompt = number < self._mechanism.prompts
        self._note(
            "a challenge is not base64 (RFC 4954 section 4): "
            + ("a prompt that nobody reads" if prompt else "AUTH is cancelled")
        )
        return b"" if prompt else None

    def _note(self, text: str) -> None:
        shown = decode(self._redactor.cut(text.encode("utf-8", "backslashreplace")))
        self._engine.log.note("auth", for_terminal(shown))


def _resumed(resume: Any, *args: Any) -> Any:
    """Return what the steps yield; None if they have ended."""
    try:
        return resume(*args)
    except StopIteration:
        return None
