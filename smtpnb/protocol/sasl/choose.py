"""Which mechanism: by its name, or the strongest that is offered.

The strongest is taken once. After a refusal nothing weaker is tried: whoever can make a
server refuse could else make us show the password (RFC 4954 section 4, RFC 4422 6.1.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.sasl.cram import CramMd5
from smtpnb.protocol.sasl.digest import DigestMd5
from smtpnb.protocol.sasl.gss import Gssapi, Ntlm
from smtpnb.protocol.sasl.mechanism import ClientFirst, Mechanism
from smtpnb.protocol.sasl.oauth import OAuthBearer, XOAuth2
from smtpnb.protocol.sasl.outside import Anonymous, External
from smtpnb.protocol.sasl.plain import Login, Plain
from smtpnb.protocol.sasl.scram import HASHES, Scram

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.protocol.sasl.mechanism import Channel
    from smtpnb.protocol.sasl.oauth import Token
    from smtpnb.protocol.secret import Secret

_HASHES: Final = ("SHA-512", "SHA-256", "SHA-1")
# Strongest first: bound to the channel; both sides prove; a guess costs; a guess is
# cheap; the password itself.
BY_PASSWORD: Final = (
    *(f"SCRAM-{name}-PLUS" for name in _HASHES),
    *(f"SCRAM-{name}" for name in _HASHES),
    *("DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"),
)
BY_TOKEN: Final = ("OAUTHBEARER", "XOAUTH2")
NAMES: Final = (
    *BY_TOKEN,
    *BY_PASSWORD,
    *("NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS"),
)
_WITHOUT_PASSWORD: Final = ("GSSAPI", "EXTERNAL", "ANONYMOUS")


def strongest(channel: Channel, *, by_token: bool = False) -> str:
    """Return the name of the strongest mechanism that the server offers.

    Args:
        channel: Who offers what; -PLUS counts where the channel can be bound.
        by_token: There is a token; else there is a password.

    Raises:
        LocalProtocolError: None of those offered.

    Example:
        >>> from smtpnb.protocol.sasl import Channel
        >>> strongest(Channel(offered=("PLAIN", "LOGIN", "SCRAM-SHA-256")))
        'SCRAM-SHA-256'
    """
    ours = BY_TOKEN if by_token else BY_PASSWORD
    for name in ours:
        if name in channel.offered and (
            not name.endswith("-PLUS") or channel.can_bind()
        ):
            return name
    what = "a token" if by_token else "a password"
    raise LocalProtocolError(
        f"AUTH: with {what} there is {', '.join(ours)}; the server offers "
        f"{' '.join(channel.offered) or 'none'}; nothing was sent"
    )


def named(
    name: str,
    user: str = "",
    password: str | Secret | None = None,
    *,
    token: Token | None = None,
    identity: str = "",
    initial_response: bool | None = None,
) -> Mechanism:
    """Return a mechanism by its name, in any case.

    Args:
        name: As AUTH says it.
        user: The user name; for ANONYMOUS the trace.
        password: For all but the tokens' mechanisms, EXTERNAL and ANONYMOUS.
        token: For XOAUTH2 and OAUTHBEARER; a `password` serves as well.
        identity: The authorization identity.
        initial_response: Send the first response with AUTH, or wait for the 334; None
            for what the mechanism does by itself.

    Raises:
        LocalProtocolError: Unknown; or it needs what was not given, or the reverse.

    Example:
        >>> named("scram-sha-256", "user", "pencil").name
        'SCRAM-SHA-256'
    """
    known = name.upper()
    if known not in NAMES and known.removesuffix("-PLUS") not in _scrams():
        raise LocalProtocolError(
            f"{_shown(name)} is not a mechanism; there are auto, {', '.join(NAMES)}"
        )
    secret = token if token is not None and known in BY_TOKEN else password
    if secret is None and known not in _WITHOUT_PASSWORD:
        what = "token" if known in BY_TOKEN else "password"
        raise LocalProtocolError(f"{known} needs a {what}; nothing was sent")
    made = _maker(known, user, secret, identity)()
    if initial_response is not None:
        if not isinstance(made, (ClientFirst, Login)):
            raise LocalProtocolError(
                f"{known}: the server speaks first (RFC 4954 section 4), so there is "
                "no initial response to send or to hold back"
            )
        made.initial_response = initial_response
    return made


def _scrams() -> list[str]:
    return [f"SCRAM-{name}" for name in HASHES]


def _maker(
    name: str, user: str, secret: Token | None, identity: str
) -> Callable[[], Mechanism]:
    more = {"identity": identity} if identity else {}
    scram, plus = name.removeprefix("SCRAM-"), name.endswith("-PLUS")
    makers: dict[str, Callable[..., Mechanism]] = {
        "PLAIN": Plain,
        "LOGIN": Login,
        "CRAM-MD5": CramMd5,
        "DIGEST-MD5": DigestMd5,
        "XOAUTH2": XOAuth2,
        "OAUTHBEARER": OAuthBearer,
        "NTLM": Ntlm,
        "GSSAPI": Gssapi,
    }
    if name == "EXTERNAL":
        return lambda: External(identity or user)
    if name == "ANONYMOUS":
        return lambda: Anonymous(user)
    if identity and name not in {"PLAIN", "DIGEST-MD5", "GSSAPI"} | set(
        BY_PASSWORD[:6]
    ):
        raise LocalProtocolError(
            f"{name} carries no authorization identity of its own; nothing was sent"
        )
    if scram != name:
        hash_name = scram.removesuffix("-PLUS")
        return lambda: Scram(user, secret, hash_name, plus=plus, **more)  # type: ignore[arg-type]
    return lambda: makers[name](user, secret, **more)


def _shown(name: str) -> str:
    """Return a name as an error shows it; what cannot be one may be a secret.

    RFC 4422 section 3.1: 20 letters, digits, hyphens and underscores at most.
    """
    word = name.replace("-", "").replace("_", "")
    return repr(name) if word.isalnum() and len(name) <= 20 else "this"
