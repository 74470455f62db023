"""SASL mechanisms: challenge in, response out, as generators.

A mechanism's `steps()` yields each response and is sent the next challenge; the first
yield is the initial response, or None where the client waits for the server to speak
first. Prompts are never read: "Username:" and "User Name" are both real, and neither
means anything (RFC 4954 section 4, draft-murchison-sasl-login).

Everything a mechanism yields is secret: it leaves as memoryview, which prints nothing
of its content, and `secrets` lists what a server must not be seen to echo.

This module knows nothing of the AUTH command line, of base64 lines or of replies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator


class Mechanism(ABC):
    """What `SmtpClient.auth` takes: a name, the steps, and the secrets in them."""

    name: str = ""

    @abstractmethod
    def steps(self) -> Generator[memoryview | None, bytes, None]:
        """Yield the initial response (or None), then one response a challenge."""

    @abstractmethod
    def secrets(self) -> tuple[memoryview, ...]:
        """Return what must be cut out of the server's replies."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


def _checked(what: str, octets: bytes | memoryview) -> None:
    # NUL separates the fields of PLAIN; in a name it would move the fields after it.
    if 0 in octets:
        raise LocalProtocolError(f"the {what} holds NUL (RFC 4616 forbids it)")


def _name(what: str, text: str) -> bytes:
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"the {what} is not valid Unicode") from None
    _checked(what, octets)
    return octets


class Plain(Mechanism):
    """PLAIN (RFC 4616): everything in one response.

    Args:
        user: The authentication identity.
        password: The password, as text or Secret.
        identity: The authorization identity, if it differs.
        initial_response: Send it with AUTH, or wait for the server's 334.

    Example:
        >>> Plain("ann", "sesame-open")
        Plain(...)
    """

    name = "PLAIN"

    def __init__(
        self,
        user: str,
        password: str | Secret,
        *,
        identity: str = "",
        initial_response: bool = True,
    ) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self.identity = identity
        self.initial_response = initial_response
        self._names = b"%b\0%b\0" % (
            _name("authorization identity", identity),
            _name("user name", user),
        )
        _checked("password", password.reveal())

    def _message(self) -> memoryview:
        return memoryview(self._names + self._password.reveal())

    def steps(self) -> Generator[memoryview | None, bytes, None]:
        """Yield the message: at once, or after the empty challenge."""
        if not self.initial_response:
            yield None
        yield self._message()

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password and the whole message."""
        return self._password.reveal(), self._message()


class Login(Mechanism):
    """LOGIN: the user name, then the password; obsolete, and everywhere.

    Args:
        user: The user name.
        password: The password, as text or Secret.
        initial_response: Send the user name with AUTH. Strict servers refuse it, as
            LOGIN is a mechanism in which the server speaks first.

    Example:
        >>> client.starttls().ok and client.ehlo().ok
        True
        >>> client.auth(Login("ann", "sesame-open")).code
        235
    """

    name = "LOGIN"

    def __init__(
        self, user: str, password: str | Secret, *, initial_response: bool = False
    ) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self.initial_response = initial_response
        self._name = _name("user name", user)

    def steps(self) -> Generator[memoryview | None, bytes, None]:
        """Yield the user name and then the password, whatever the prompts say."""
        if not self.initial_response:
            yield None
        yield memoryview(self._name)
        yield self._password.reveal()

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)
