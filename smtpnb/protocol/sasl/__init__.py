"""SASL mechanisms (RFC 4422): a family a file, each a generator of responses.

What a mechanism is, stands in `mechanism`; which one is taken, in `choose`. Names load
when they are first used: a session in clear needs no hash function.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.cram import CramMd5 as CramMd5
    from smtpnb.protocol.sasl.digest import DigestMd5 as DigestMd5
    from smtpnb.protocol.sasl.gss import Gssapi as Gssapi
    from smtpnb.protocol.sasl.gss import Ntlm as Ntlm
    from smtpnb.protocol.sasl.mechanism import Channel as Channel
    from smtpnb.protocol.sasl.mechanism import Mechanism as Mechanism
    from smtpnb.protocol.sasl.mechanism import Note as Note
    from smtpnb.protocol.sasl.mechanism import Work as Work
    from smtpnb.protocol.sasl.oauth import OAuthBearer as OAuthBearer
    from smtpnb.protocol.sasl.oauth import XOAuth2 as XOAuth2
    from smtpnb.protocol.sasl.outside import Anonymous as Anonymous
    from smtpnb.protocol.sasl.outside import External as External
    from smtpnb.protocol.sasl.plain import Login as Login
    from smtpnb.protocol.sasl.plain import Plain as Plain
    from smtpnb.protocol.sasl.scram import Scram as Scram

_HOMES: Final = {
    "cram": "CramMd5",
    "digest": "DigestMd5",
    "gss": "Gssapi Ntlm",
    "mechanism": "Channel Mechanism Note Work",
    "oauth": "OAuthBearer XOAuth2",
    "outside": "Anonymous External",
    "plain": "Login Plain",
    "scram": "Scram",
}
_HOME_OF: Final = {
    name: home for home, names in _HOMES.items() for name in names.split()
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
