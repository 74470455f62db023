"""`%smtp send` and `%smtp bdat`: a whole message, or a chunk of one.

This module knows nothing of the line they were typed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.parser import Parser
from email.policy import default
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.message.addressees import recipients, sender
from smtpnb.message.envelope import MailObject, addressed
from smtpnb.notebook.answers import Sent
from smtpnb.notebook.line import octets
from smtpnb.notebook.live import present
from smtpnb.notebook.parameters import OF_MAIL, OF_RCPT, of_mail, of_rcpt
from smtpnb.notebook.progress import Progress
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.transfer.controlled import Control, check_slow

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.message.delivery import Delivery
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply

# What is said of one message alone.
_OF_ONE: Final = (
    *("--stop-after", "--drop-after", "--drop-after-send", "--end-of-data"),
    *("--octets", "--slow", "--own-server"),
)


def send(_: Sessions, client: SmtpClient, request: Request) -> Delivery | Sent:
    """Send a message, or many, in the fewest turns; EHLO first if it was not said."""
    message = _value(request, "a message: {message}, or {messages}")
    if _are_many(message, request):
        return _send_many(client, request, message)
    return _send(client, request, message, None, None)


def send_cell_whole(client: SmtpClient, request: Request, content: str) -> Delivery:
    """Send a cell, octet for octet, as who its headers say unless options do.

    Raises:
        UsageError: Its Bcc would be seen by everybody.
        LocalProtocolError: Its headers name no sender or no recipient.
    """
    headers = Parser(policy=default).parsestr(content, headersonly=True)
    if headers["Bcc"] is not None or headers["Resent-Bcc"] is not None:
        raise UsageError(
            "the cell goes out as it is, and everybody would see its Bcc: leave the "
            "line out and name all recipients by --to; nothing was sent"
        )
    options = request.options
    reverse_path = None if "--from" in options else sender(headers)
    forward_paths = None if "--to" in options else recipients(headers)
    return _send(client, request, content, reverse_path, forward_paths)


def _are_many(message: Any, request: Request) -> bool:
    """Tell whether it is a list or an iterator of messages that say who is meant.

    With --from or --to it is one content, in pieces.
    """
    if {"--from", "--to"} & request.options.keys() or hasattr(message, "read"):
        return False
    return isinstance(message, (list, Iterator))


def _send_many(client: SmtpClient, request: Request, messages: Any) -> Sent:
    line = present()
    own = {*OF_MAIL, *OF_RCPT, *_OF_ONE} & request.options.keys()
    if own:
        raise UsageError(
            f"{min(own)} is said of one message; of many each says what it wants: "
            "MailObject(..., ret='full'); nothing was sent"
        )
    total = len(messages) if isinstance(messages, list) else None
    bar = Progress(total=total, paint=lambda _: None)  # the live line shows it
    if line is not None:
        line.messages = bar
    return Sent(
        client.send_all(
            messages,
            on_delivery=bar,
            convert="--convert" in request.options,
            quit="--quit" in request.options,
            timeout=request.number("--timeout"),
        )
    )


def _send(
    client: SmtpClient,
    request: Request,
    message: Any,
    reverse_path: str | None,
    forward_paths: Any,
) -> Delivery:
    """Send with the paths of the options, or else with these."""
    given, to = request.options.get("--from"), request.options.get("--to")
    if given is not None:
        reverse_path = _path(str(given))
    if isinstance(to, str):
        to = [_path(path) for path in to.split(",")]
    if to is not None:
        forward_paths = to
    asked = of_mail(request) | of_rcpt(request)
    if hasattr(message, "as_bytes"):
        message = addressed(message, reverse_path, forward_paths, **asked)
    elif reverse_path is not None and forward_paths is not None:
        message = MailObject(reverse_path, forward_paths, message, **asked)
    elif asked:
        raise UsageError(
            "a MailObject says its parameters itself; without it say --from and --to"
        )
    line = present()
    if line is not None and isinstance(message, MailObject):
        line.total = message.size
    return client.send(
        message,
        convert="--convert" in request.options,
        quit="--quit" in request.options,
        timeout=request.number("--timeout"),
        control=_control(request),
    )


def _control(request: Request) -> Control | None:
    """Return how far the message goes and how it leaves, if a word is said of it."""
    options = request.options
    given: dict[str, Any] = {}
    for option in _OF_ONE[:4]:
        given[option[2:].replace("-", "_")] = options.get(option)
    if (end := given["end_of_data"]) is not None:
        wanted = r"--end-of-data wants octets, as {b'\n.\n'}"
        given["end_of_data"] = octets(end, wanted)
    given["octets"] = request.whole("--octets")
    if (slow := options.get("--slow")) is not None:
        most, _, seconds = str(slow).partition("/")
        try:
            given["slow"] = int(most), float(seconds or 1)
            check_slow(given["slow"])
        except (ValueError, LocalProtocolError):
            raise UsageError(f"--slow wants OCTETS/SECONDS, not {slow!r}") from None
    if all(value is None for value in given.values()):
        return None
    return Control(**given, own_server=str(options.get("--own-server", "")))


def bdat(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send a chunk, as it is."""
    chunk = _value(request, "octets: {b'text\\r\\n'}")
    if not isinstance(chunk, str):
        chunk = octets(chunk, "bdat wants octets")
    timeout = request.number("--timeout")
    return client.bdat(chunk, last="--last" in request.options, timeout=timeout)


def _value(request: Request, wanted: str) -> Any:
    word = request.words[0] if request.words else None
    if word is None or not word.is_value:
        raise UsageError(f"{request.command} wants {wanted}")
    return word.value


def _path(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")
