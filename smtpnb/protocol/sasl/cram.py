"""CRAM-MD5: a keyed hash of the server's challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.sasl.mechanism import NOWHERE, Channel, Mechanism, name_octets
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps


class CramMd5(Mechanism):
    """CRAM-MD5 (RFC 2195): the password stays here, but may be guessed from the answer.

    Args:
        user: The user name.
        password: The password, as text or Secret.

    Raises:
        LocalProtocolError: NUL, or no Unicode, in the user name.

    Example:
        >>> steps = CramMd5("tim", "tanstaaftanstaaf").steps()
        >>> next(steps)
        >>> bytes(steps.send(b"<1896.697170952@postoffice.reston.mci.net>"))
        b'tim b913a602c7eda7a495b4e6e7334d3890'
    """

    name = "CRAM-MD5"

    def __init__(self, user: str, password: str | Secret) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self._name = name_octets("user name", user, section="RFC 2195")

    def steps(self, channel: Channel = NOWHERE) -> Steps:
        """Wait for the challenge, and answer with the name and the hash."""
        challenge = yield None
        if not challenge:
            raise RemoteProtocolError("CRAM-MD5: the challenge is empty (RFC 2195)")
        yield self._answer(challenge)

    def _answer(self, challenge: bytes) -> memoryview:
        import hmac

        key = self._password.reveal()
        # No local: an interrupt may come here, and a traceback show it.
        return memoryview(
            b"%b %b" % (self._name, hmac.digest(key, challenge, "md5").hex().encode())
        )

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)
