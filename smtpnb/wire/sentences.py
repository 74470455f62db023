"""What went wrong, in a sentence a person can use.

An error says what was being done, why it ended, and what became of the message: one
sentence, without the words of this code base. This module knows only the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import Cancelled, DeadlineExceeded, RemoteProtocolError

if TYPE_CHECKING:
    from smtpnb.protocol.errors import SmtpError

_DOING: Final = {
    "resolve": "looking up the name",
    "connect": "connecting",
    "tls": "in the TLS handshake",
    "greeting": "waiting for the greeting",
    "raw": "sending raw octets",
    "reply": "waiting for a reply",
    "body": "sending the message",
    "eod": "waiting for the reply to the end of data",
    "other": "waiting for the reply to a command",
}
_BETWEEN: Final = "waiting for the next message"
_BECAME: Final = {
    "aborted": "the message was not sent: its end never left",
    "not tried": "the message was not tried: the server had said that it is closing",
    "unknown": "the outcome is unknown: the end of data left, and no reply came back",
    "accepted": "the server had already accepted the message",
    "refused": "the server had already refused the message",
}
_NO_ANSWER: Final = (
    "the outcome is unknown: the end of data left, and what came back is no answer to "
    "it"
)
_PARTLY_UNKNOWN: Final = (
    "the outcome is unknown for some recipients: the end of data left, and not all of "
    "its replies came back"
)
_SILENT_GREETING: Final = (
    "nothing at all was received: a port that expects TLS from the first octet (465) "
    "is silent like that"
)


def explain(
    error: SmtpError | Cancelled,
    phase: str,
    outcome: str | None,
    *,
    silent: bool,
    partly: bool = False,
    idle: bool = False,
) -> None:
    """Complete an error in place: its message, its phase and its outcome.

    Args:
        error: What was raised.
        phase: The step during which it was raised.
        outcome: What is known of the message under way; None if there was none.
        silent: The server never said anything, in clear.
        idle: No reply was awaited.
        partly: Some recipients have their reply to the end of data (LMTP, PRDR).
    """
    doing = _DOING.get(phase, f"waiting for the reply to {phase.upper()}")
    if idle and phase == "other":
        doing = _BETWEEN
    message = str(error.args[0]) if error.args else ""
    if isinstance(error, Cancelled):
        message = f"cancelled while {doing}"
    elif isinstance(error, DeadlineExceeded):
        message = f"{message} while {doing}"
        if silent and phase == "greeting":
            message = f"{message}; {_SILENT_GREETING}"
    if outcome is not None:
        became = _PARTLY_UNKNOWN if partly else _BECAME[outcome]
        if outcome == "unknown" and isinstance(error, RemoteProtocolError):
            became = became if partly else _NO_ANSWER
        message = f"{message}; {became}"
    error.args = (message,)
    error.phase = phase
    error.outcome = outcome
