"""What may be sent now: in order by the session's table, offered, and not said before.

The magics' status and Tab and the panel's buttons ask here; what is sent is judged by
the client again.

This module knows nothing of how it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.guards import lifted

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient

# What these verbs of the table want to be offered.
WANTED: Final = {
    "STARTTLS": "STARTTLS",
    "AUTH": "AUTH",
    "BDAT": "CHUNKING",
    "BDAT LAST": "CHUNKING",
    "ETRN": "ETRN",
    "XCLIENT": "XCLIENT",
    "XFORWARD": "XFORWARD",
}


def why_refused(client: SmtpClient, verb: str) -> str:
    """Return why a verb that is in order would be refused all the same, or "".

    STARTTLS comes once, AUTH too, and both want to be offered, as BDAT does.
    """
    guards = lifted(client.lax)
    if verb == "STARTTLS" and client.tls is not None and "order" not in guards:
        return "STARTTLS: the session is inside TLS already"
    if verb == "AUTH" and client.authenticated and "order" not in guards:
        return "AUTH: already authenticated (RFC 4954 allows one AUTH a session)"
    wanted = WANTED.get(verb, "")
    offered = client.capabilities
    if not wanted or wanted in offered or "offers" in guards:
        return ""
    if not offered.known:
        hello = "LHLO" if client.protocol == "lmtp" else "EHLO"
        return f"{verb}: nobody knows whether {wanted} is offered; {hello} first"
    return f"{verb}: the server does not offer {wanted}"


def sendable(client: SmtpClient) -> tuple[str, ...]:
    """Return what is in order now and would not be refused for another reason."""
    return tuple(verb for verb in client.allowed if not why_refused(client, verb))
