"""PLAIN and LOGIN: the password itself, so never without TLS unless it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.sasl.mechanism import (
    NOWHERE,
    Channel,
    ClientFirst,
    Mechanism,
    name_octets,
    refuse_empty,
    refuse_nul,
)
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps


class Plain(ClientFirst):
    r"""PLAIN (RFC 4616): everything in one response.

    It leaves as it was given, in UTF-8: to prepare it is the server's part (section 2).

    Args:
        user: The authentication identity.
        password: The password, as text or Secret.
        identity: The authorization identity, if it differs.
        initial_response: Send it with AUTH, or wait for the server's 334.

    Raises:
        LocalProtocolError: One of them holds NUL or is no Unicode, or there is no user
            name or no password; nothing was sent.

    Example:
        >>> [bytes(response) for response in Plain("tim", "tanstaaftanstaaf").steps()]
        [b'\x00tim\x00tanstaaftanstaaf']
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
            name_octets("authorization identity", identity),
            name_octets("user name", user),
        )
        refuse_nul("password", password.reveal())
        for what, octets in (
            ("user name", user.encode()),
            ("password", password.reveal()),
        ):
            refuse_empty(what, octets, "RFC 4616 section 2")

    def _message(self) -> memoryview:
        return memoryview(self._names + self._password.reveal())

    def _responses(self, channel: Channel) -> Steps:
        yield self._message()

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password and the whole message."""
        return self._password.reveal(), self._message()


class Login(Mechanism):
    """LOGIN: the user name, then the password; obsolete, and everywhere.

    Its prompts are never read, nor need they be base64
    (draft-murchison-sasl-login-00).

    Args:
        user: The user name.
        password: The password, as text or Secret.
        initial_response: Send the user name with AUTH. Strict servers refuse it, as
            LOGIN is a mechanism in which the server speaks first.

    Example:
        >>> [r and bytes(r) for r in Login("tim", "tanstaaf").steps()]
        [None, b'tim', b'tanstaaf']
    """

    name = "LOGIN"
    prompts = 2

    def __init__(
        self, user: str, password: str | Secret, *, initial_response: bool = False
    ) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self.initial_response = initial_response
        self._name = name_octets("user name", user)

    def steps(self, channel: Channel = NOWHERE) -> Steps:
        """Yield the user name and then the password, whatever the prompts say."""
        if not self.initial_response:
            yield None
        yield self._name
        yield self._password.reveal()

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)
