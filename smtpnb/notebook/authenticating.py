"""How `%smtp` authenticates: the secret never stands on the line.

IPython keeps every line in its history. So a password or a token is asked for, or comes
from a variable of Python (`{token}`, which may be a callable), from a variable of the
environment, or from the keyring.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.notebook.possible import sendable, why_refused
from smtpnb.passwords import ask_password, password_from_env, password_from_keyring
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.guards import lifted
from smtpnb.protocol.sasl.choose import BY_TOKEN, named, strongest
from smtpnb.protocol.sasl.mechanism import Channel
from smtpnb.protocol.secret import Secret
from smtpnb.protocol.session import State
from smtpnb.wire.auth import check_privacy

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.line import Word
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply

# Mechanisms that may do without a secret of their own, and without a user.
_WITHOUT: Final = ("external", "anonymous", "gssapi")
_NEVER_TYPED: Final = (
    "never type a password on the line: IPython keeps its history; %smtp auth takes "
    "the USER alone and asks, or {variable}, or --password-env NAME; nothing was sent"
)
_WITH_RESPONSE: Final = re.compile(
    rb"^AUTH[ \t]+\S+[ \t]+(?!=\s*$)\S", re.IGNORECASE | re.MULTILINE
)
_STORES: Final = ("--password-env", "--keyring")
_CLEARTEXT: Final = "--allow-cleartext-auth"


def auth(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Authenticate."""
    name = (request.options.get("--mechanism") or "auto").lower()
    user = request.words[0].text if request.words else ""
    if not user and name not in _WITHOUT:
        raise UsageError(
            f"auth wants a USER; only {', '.join(_WITHOUT)} may do without, as in "
            "%smtp auth --mechanism external"
        )
    said: dict[str, Any] = {
        "identity": request.options.get("--identity") or "",
        "initial_response": _initial_response(request),
    }
    _check_typed(request)
    _check_one_secret(request)
    found = _check_before_asking(client, request, name)
    if not _is_callable(request):
        named(found, user, Secret("unasked"), **said)  # or it is told
    secret = _secret(request, name, user)
    by_token = callable(secret) or name.upper() in BY_TOKEN
    reply = client.auth(
        name,
        user,
        None if callable(secret) else secret,
        token=secret if by_token else None,
        **said,
        allow_cleartext_auth=_CLEARTEXT in request.options,
        timeout=request.number("--timeout"),
    )
    if not reply.ok:
        for told in _told(client):
            print(told)  # noqa: T201  # for the reader
    return reply


def _told(client: SmtpClient) -> list[str]:
    """Return what the server told in the challenges of the last AUTH, in words."""
    told: list[str] = []
    for event in reversed([*client.transcript]):
        if event.event == "note" and event.detail == '{"what": "auth"}':
            told.insert(0, str(event.text))
        elif event.verb == "AUTH" and event.event == "command":
            break
    return told


def _initial_response(request: Request) -> bool | None:
    send = "--initial-response" in request.options
    hold = "--no-initial-response" in request.options
    if send and hold:
        raise UsageError("--initial-response and --no-initial-response: one of them")
    return send if send or hold else None


def _check_before_asking(client: SmtpClient, request: Request, name: str) -> str:
    """Refuse what the client would refuse, before a password is asked for.

    Returns:
        The mechanism, the strongest if none was named.
    """
    if client.state is State.CLOSED:
        raise LocalProtocolError("not connected; connect() first")
    guards, offered = lifted(client.lax), client.capabilities.mechanisms
    if "AUTH" not in client.allowed and "order" not in guards:
        raise LocalProtocolError(
            f"AUTH is out of order: the session is {client.state} "
            f"({client.state.value}); allowed now: {', '.join(sendable(client))}; "
            "nothing was sent"
        )
    if refused := why_refused(client, "AUTH"):
        raise LocalProtocolError(f"{refused}; nothing was sent")
    if "offers" not in guards and name != "auto" and name.upper() not in offered:
        raise LocalProtocolError(
            f"AUTH {name.upper()}: the server offers {' '.join(offered)}; "
            "nothing was sent"
        )
    if name == "auto" and not _is_callable(request):
        name = _strongest(offered, guards)
    check_privacy(client.tls, allow_cleartext=_CLEARTEXT in request.options)
    return name


def _strongest(offered: tuple[str, ...], guards: frozenset[str]) -> str:
    if not offered and "offers" in guards:
        return "plain"
    return strongest(Channel(offered=offered, find=lambda _: b""))


def _check_typed(request: Request) -> None:
    """Refuse a password on the line before anything else is said of it.

    Raises:
        UsageError: There is one, and IPython has it in its history by now.
    """
    for word in request.words[1:]:
        is_secret = isinstance(word.value, (str, Secret)) or callable(word.value)
        if not is_secret or _is_written_out(word):
            raise UsageError(_NEVER_TYPED)


def _check_one_secret(request: Request) -> None:
    said = [option for option in _STORES if option in request.options]
    if len(said) + (len(request.words) > 1) > 1:
        raise UsageError(
            f"{{password}}, {', '.join(_STORES)}: one of them; nothing was sent"
        )


def _is_written_out(word: Word) -> bool:
    """Tell whether a secret stands in a line: s3cret, {'s3cret'}, {Secret('s')}."""
    if not word.is_value:
        return True
    body = ast.parse(word.expression, mode="eval").body
    if isinstance(body, ast.Call) and ast.unparse(body.func).endswith("Secret"):
        body = body.args[0]
    return isinstance(body, ast.Constant)


def check_response(client: SmtpClient, request: Request) -> None:
    """Refuse a response to AUTH that was typed behind `command`, likewise.

    Raises:
        UsageError: As `_check_typed`.
    """
    verb, *text = request.words
    responses = text[1:] if verb.text.upper() == "AUTH" else []  # behind the mechanism
    if client.state is State.AUTH:
        responses = request.words
    if any(word.text != "=" and _is_written_out(word) for word in responses):
        raise UsageError(_NEVER_TYPED)


def check_raw(client: SmtpClient, word: Word, said: bytes) -> None:
    """Refuse a response to AUTH among raw octets that are written out, likewise.

    Raises:
        UsageError: As `_check_typed`.
    """
    is_response = client.state is State.AUTH and said.strip() != b"*"
    if _is_written_out(word) and (is_response or _WITH_RESPONSE.search(said)):
        raise UsageError(_NEVER_TYPED)


def _is_callable(request: Request) -> bool:
    return len(request.words) > 1 and callable(request.words[1].value)


def _secret(request: Request, name: str, user: str) -> Any:
    """Return the password or the token; None where none is needed."""
    if len(request.words) > 1:
        given = request.words[1].value
        return given if callable(given) else Secret(given)
    if variable := request.options.get("--password-env"):
        return password_from_env(variable)
    if service := request.options.get("--keyring"):
        return password_from_keyring(service, user)
    if name in _WITHOUT:
        return None
    what = "Access token" if name.upper() in BY_TOKEN else "Password"
    return ask_password(f"{what} of {user}: ")
