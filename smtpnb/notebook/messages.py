"""`%smtp send` and `%smtp bdat`: a whole message, or a chunk of one, from a variable.

This module knows nothing of the line they were typed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.message.delivery import Delivery
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply


def send(_: Sessions, client: SmtpClient, request: Request) -> Delivery:
    """Send a message in the fewest turns; EHLO first if it was not said."""
    message = _value(request, "a message: {message}")
    sender, to = request.options.get("--from"), request.options.get("--to")
    if sender is not None:
        sender = _path(str(sender))
    if isinstance(to, str):
        to = [_path(path) for path in to.split(",")]
    return client.send(
        message,
        sender,
        to,
        quit="--quit" in request.options,
        timeout=request.number("--timeout"),
    )


def bdat(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send a chunk, as it is."""
    octets = _value(request, "octets: {b'text\\r\\n'}")
    if not isinstance(octets, (bytes, str)):
        raise UsageError(f"bdat wants octets, not {type(octets).__name__}")
    timeout = request.number("--timeout")
    return client.bdat(octets, last="--last" in request.options, timeout=timeout)


def _value(request: Request, wanted: str) -> Any:
    word = request.words[0]
    if not word.is_value:
        raise UsageError(f"{request.command} wants {wanted}")
    return word.value


def _path(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")
