r"""XOAUTH2 and OAUTHBEARER: a token of another service instead of a password.

A server that refuses a token says why in a challenge, as JSON: it is noted, and
answered as the mechanism wants, before the refusal comes (RFC 7628 section 3.2.3).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.sasl.mechanism import (
    Channel,
    ClientFirst,
    Note,
    Work,
    name_octets,
    refuse_empty,
)
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.protocol.sasl.mechanism import Steps

    Token = str | Secret | Callable[[], str | Secret]

# RFC 6750 section 2.1: a b64token; what real servers give is a little more.
_TOKEN: Final = rb"[\x21-\x7e]+"
_LONGEST_NOTE: Final = 500


class _Bearer(ClientFirst):
    """What the two have in common."""

    _last_answer = b""

    def __init__(
        self, user: str, token: Token, *, initial_response: bool = True
    ) -> None:
        call = token if callable(token) else None
        token = "" if call else Secret(token)  # type: ignore[arg-type]  # a text
        self.user = user
        self.initial_response = initial_response
        self._name = name_octets("user name", user, section="RFC 7628 section 3.1")
        if b"\1" in self._name:
            raise LocalProtocolError(
                "the user name holds U+0001, which ends a field (RFC 7628 section "
                "3.1); nothing was sent"
            )
        self._call = call
        self._token = None if isinstance(token, str) else _checked(token)

    def _responses(self, channel: Channel) -> Steps:
        if self._call is not None:
            self._token = yield Work(_called, self._call)
        refused = yield self._message(channel)
        if refused:
            yield Note(f"{self.name}, in the server's words: {_words(refused)}")
            yield self._last_answer

    @abstractmethod
    def _message(self, channel: Channel) -> memoryview: ...

    def _bearer(self) -> bytes:
        assert self._token is not None  # noqa: S101  # it was given, or called for
        return b"auth=Bearer %b\1\1" % bytes(self._token.reveal())

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the token, once it is known."""
        return () if self._token is None else (self._token.reveal(),)


class XOAuth2(_Bearer):
    """XOAUTH2: what Google and Microsoft take.

    Args:
        user: Whose mailbox it is.
        token: The access token: text, Secret, or a callable that returns one. It is
            called each time, in a helper thread; a cancel does not wait for it. It has
            the time of a command, or `auth(timeout=)`.
        initial_response: Send it with AUTH. A token that makes the line too long waits
            for the 334 all the same.

    Raises:
        LocalProtocolError: What must not be in a name or a token; nothing was sent.

    Example:
        >>> steps = XOAuth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3").steps()
        >>> bytes(next(steps))[:25]
        b'user=someuser@example.com'
    """

    name = "XOAUTH2"

    def __init__(
        self, user: str, token: Token, *, initial_response: bool = True
    ) -> None:
        token = token if callable(token) else Secret(token)  # no local holds its text
        super().__init__(user, token, initial_response=initial_response)
        refuse_empty("user name", self._name, "XOAUTH2")

    def _message(self, channel: Channel) -> memoryview:
        return memoryview(b"user=%b\1%b" % (self._name, self._bearer()))


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628 section 3.1).

    Args:
        user: The authorization identity; "" lets the token say who it is.
        token: As `XOAuth2`.
        initial_response: As `XOAuth2`.

    Raises:
        LocalProtocolError: As `XOAuth2`.

    Example:
        >>> steps = OAuthBearer("user@example.com", "vF9dft4qmTc2Nvb3").steps()
        >>> bytes(next(steps))[:21]
        b'n,a=user@example.com,'
    """

    name = "OAUTHBEARER"
    _last_answer = b"\1"  # RFC 7628 section 3.2.3

    def _message(self, channel: Channel) -> memoryview:
        # A saslname (RFC 5801 section 4).
        name = self._name.replace(b"=", b"=3D").replace(b",", b"=2C")
        said = b"n,%b,\1host=%b\1port=%d\1" % (
            b"a=" + name if name else b"",
            channel.host.encode("idna" if not channel.host.isascii() else "ascii"),
            channel.port,
        )
        return memoryview(said + self._bearer())


def _called(call: Callable[[], str | Secret]) -> Secret:
    token = call()
    if not isinstance(token, (str, Secret)):
        raise LocalProtocolError(
            f"the token's callable returned {type(token).__name__}, not text or Secret"
        )
    token = Secret(token)  # no local holds its text
    return _checked(token)


def _checked(token: Secret) -> Secret:
    refuse_empty("token", token.reveal(), "RFC 6750 section 2.1")
    if re.fullmatch(_TOKEN, token.reveal()) is None:
        raise LocalProtocolError(
            "the token holds a space, a line end or another character that none has "
            "(RFC 6750 section 2.1); nothing was sent"
        )
    return token


def _words(challenge: bytes) -> str:
    """Return the JSON of a refusal as words; anything else as it is."""
    import json

    try:
        told = json.loads(challenge)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        text = challenge.decode("utf-8", "backslashreplace")
    else:
        text = ", ".join(f"{name} {value}" for name, value in told.items())
    return text[:_LONGEST_NOTE]
