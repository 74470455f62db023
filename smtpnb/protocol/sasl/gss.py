"""NTLM and GSSAPI by pyspnego (`pip install smtpnb[sspi]`): the system's own log-in.

What pyspnego does may ask a key server over the network, so each step of it is `Work`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.sasl.mechanism import (
    Channel,
    ClientFirst,
    Work,
    name_octets,
)
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps

_NO_LAYER: Final = 1  # RFC 4752 section 3.3: the bit of "no security layer"
_EXTRA: Final = "needs pyspnego: pip install 'smtpnb[sspi]'"


class Ntlm(ClientFirst):
    r"""NTLM (MS-SMTPNTLM), version 2, for an Exchange of one's own.

    Args:
        user: "DOMAIN\user", or "user@domain".
        password: The password, as text or Secret.
        initial_response: Send the first message with AUTH; Exchange takes it either
            way, and says "NTLM supported" where a challenge should be.

    Raises:
        LocalProtocolError: pyspnego is not installed.

    Example:
        >>> Ntlm("ann@example.net", "sesame-open")
        Ntlm(...)
    """

    name = "NTLM"

    def __init__(
        self, user: str, password: str | Secret, *, initial_response: bool = False
    ) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self.initial_response = initial_response
        name_octets("user name", user, section="MS-NLMP")
        _spnego(self.name)

    def _responses(self, channel: Channel) -> Steps:
        context = yield Work(_context, "ntlm", self.user, self._password, channel)
        # It says which flags we know; its beginning is that of the challenge, too.
        first = yield Work(_stepped, self.name, context, None)
        challenge = yield bytes(first)
        yield (yield Work(_stepped, self.name, context, challenge))

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)


class Gssapi(ClientFirst):
    """GSSAPI (RFC 4752): Kerberos, by the tickets of this machine or a password.

    Args:
        user: Whose tickets; "" for the default ones.
        password: To get a ticket with; None uses those that are there.
        identity: The authorization identity, if it differs.
        initial_response: Send the first token with AUTH; mostly it is too long.

    Raises:
        LocalProtocolError: pyspnego, or its part for Kerberos, is not installed.

    Example:
        >>> Gssapi("ann@EXAMPLE.NET")
        Gssapi(...)
    """

    name = "GSSAPI"
    mutual = True

    def __init__(
        self,
        user: str = "",
        password: str | Secret | None = None,
        *,
        identity: str = "",
        initial_response: bool = True,
    ) -> None:
        password = self._password = None if password is None else Secret(password)
        self.user = user
        self.identity = identity
        self.initial_response = initial_response
        self._identity = name_octets(
            "authorization identity", identity, section="RFC 4752 section 3.1"
        )
        _spnego(self.name)

    def _responses(self, channel: Channel) -> Steps:
        context = yield Work(_context, "kerberos", self.user, self._password, channel)
        token = yield Work(_stepped, self.name, context, None)
        while True:
            challenge = yield token or memoryview(b"")
            if challenge is None:
                raise RemoteProtocolError("GSSAPI: accepted before it was agreed")
            if context.complete:
                break
            token = yield Work(_stepped, self.name, context, challenge)
        # RFC 4752 section 3.1: the layers that the server can do; ours is TLS.
        layers = yield Work(_unwrapped, context, challenge)
        if len(layers) != 4 or not layers[0] & _NO_LAYER:
            raise RemoteProtocolError("GSSAPI: the server insists on a security layer")
        yield (yield Work(_wrapped, context, b"\1\0\0\0" + self._identity))

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password, if there is one."""
        return () if self._password is None else (self._password.reveal(),)


def _spnego(name: str) -> Any:
    try:
        import spnego
    except ImportError:
        raise LocalProtocolError(f"{name} {_EXTRA}") from None
    return spnego


def _context(
    protocol: str, user: str, password: Secret | None, channel: Channel
) -> Any:
    """Return pyspnego's side of a log-in."""
    spnego = _spnego(protocol)
    bindings = None
    if channel.can_bind():
        data = b"tls-server-end-point:" + channel.binding()
        bindings = spnego.channel_bindings.GssChannelBindings(application_data=data)
    try:
        return spnego.client(
            user or None,
            # pyspnego wants text; it does not stay in a local of ours
            None if password is None else str(password.reveal(), "utf-8"),
            hostname=channel.host,
            service="smtp",
            protocol=protocol,
            channel_bindings=bindings,
            context_req=spnego.ContextReq.mutual_auth,
        )
    except Exception as error:  # noqa: BLE001  # its frames hold the password
        words = f"{type(error).__name__}: {error}"
    raise LocalProtocolError(f"{protocol}: {words}")


def _stepped(name: str, context: Any, token: bytes | None) -> memoryview | None:
    """Return the next token; its errors hold nothing of pyspnego's frames."""
    try:
        made = context.step(token)
    except Exception as error:  # noqa: BLE001  # as above
        words = f"{type(error).__name__}: {error}"
    else:
        return None if made is None else memoryview(made)
    kind = LocalProtocolError if token is None else RemoteProtocolError
    raise kind(f"{name}: {words}")


def _unwrapped(context: Any, octets: bytes) -> bytes:
    return bytes(context.unwrap(octets).data)


def _wrapped(context: Any, octets: bytes) -> memoryview:
    return memoryview(context.wrap(octets, encrypt=False).data)
