"""A new connection for messages that were not tried, no weaker than the one before.

The user says how: a function that connects and authenticates, or True to do once more
what `connect`, EHLO and `starttls` did. What the first connection had - TLS, a verified
certificate, authentication - the next one must have, before a message leaves over it.

How often it is tried, and how long one waits in between, is the stream's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smtpnb.protocol.errors import LocalProtocolError, SmtpError, TlsError
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb._connection import Connection
    from smtpnb.protocol.session import Session


class Standing(NamedTuple):
    """What protects a connection.

    Attributes:
        encrypted: It speaks TLS.
        verified: The certificate was verified.
        authenticated: AUTH was granted.
        posed: XCLIENT was granted. Without it messages would be another client's.
    """

    encrypted: bool
    verified: bool
    authenticated: bool
    posed: bool

    @classmethod
    def of(cls, session: Session) -> Standing:
        """Return that of an open connection."""
        return cls(
            session.encrypted, session.verified, session.authenticated, session.posed
        )


def check_how(how: object, before: Standing, per_connection: object = None) -> None:
    """Refuse what is no way to connect again.

    Args:
        how: A function that connects, True, or None for none.
        before: What protects the connection: neither the secret of AUTH was kept, nor
            what XCLIENT said.
        per_connection: After how many messages it is wanted; None for a 421 only.

    Raises:
        LocalProtocolError: It is neither, or does not suffice.
    """
    number = type(per_connection) is int and per_connection > 0
    if not (per_connection is None or number):
        raise LocalProtocolError(
            f"per_connection is 1 or more, not {per_connection!r:.40}; nothing was sent"
        )
    known = how is None or isinstance(how, bool) or callable(how)
    more = before.authenticated or before.posed
    if not known or (how is True and more) or (number and not how):
        raise LocalProtocolError(
            "say how to connect again: reconnect= is a function that connects and "
            "authenticates, or True where neither AUTH nor XCLIENT was used; nothing "
            "was sent"
        )


def connect_again(
    client: Connection, how: Callable[[], object] | bool, before: Standing
) -> bool:
    """Connect, authenticate, and see that the connection is as safe as the last one.

    Args:
        client: Which connects.
        how: As the user said.
        before: What protected the last connection.

    Returns:
        Whether messages can be sent over it; False if the server took the connection
        and no more (a greeting or an EHLO answered 421, 4yz or 5yz).

    Raises:
        LocalProtocolError: The function did not connect, or left a transaction open,
            or did not authenticate where the last connection was authenticated.
        TlsError: The connection is in clear, or not verified, and the last one was.
        SmtpError, Cancelled: As `connect` and `starttls`.
        Exception: What the function raised.
    """
    old = client._engine  # noqa: SLF001  # these are one
    check_how(how, before)
    if callable(how):
        how()
    else:
        client._connect_again()  # noqa: SLF001
    engine = client._connected()  # noqa: SLF001
    if engine is old:
        raise LocalProtocolError(
            "reconnect= returned and had not connected; nothing was sent"
        )
    if not engine.connected or engine.session.state is State.CLOSING:
        client.disconnect()
        return False
    try:
        _check_not_weaker(before, Standing.of(engine.session))
    except SmtpError:
        client.disconnect()
        raise
    if engine.session.state is not State.CONNECTED:
        engine.require_ready()
    return True


def _check_not_weaker(before: Standing, after: Standing) -> None:
    if before.encrypted and not after.encrypted:
        why = "it is in clear"
    elif before.verified and not after.verified:
        why = "its certificate did not verify"
    elif before.authenticated and not after.authenticated:
        raise LocalProtocolError(
            "the new connection is not authenticated, and the one before was; nothing "
            "was sent over it"
        )
    elif before.posed and not after.posed:
        raise LocalProtocolError(
            "XCLIENT was granted on the connection before, and not on the new one; "
            "nothing was sent over it"
        )
    else:
        return
    raise TlsError(
        f"the new connection is not as safe as the one before: {why}; nothing was sent "
        "over it"
    )
