"""How `%smtp` connects, begins TLS and closes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.notebook.line import bracketed, octets, place
from smtpnb.notebook.parameters import of_connect
from smtpnb.protocol.errors import Cancelled, SmtpError
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply


GOODBYE_S: Final = 5.0
_TRUST: Final = {
    "--verify": "verify",
    "--ca": "ca",
    "--server-name": "server_hostname",
}


def connect(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Connect; an old connection ends once the new one is greeted, which is said.

    Any fault or refusal before that changes nothing.
    """
    host, settings = target_of(sessions, request)
    name = request.session or sessions.current
    dialled = client if client.state is State.CLOSED else sessions.second(client)
    last = (host, dict(settings))
    sessions.dialling[name] = dialled
    try:
        greeting = _dial(dialled, host, settings, request.number("--timeout"))
    except BaseException:
        if dialled is not client:
            dialled.cancel()
        raise
    finally:
        sessions.dialling.pop(name, None)
    if dialled is not client:
        dialled.on_tick = dialled.on_progress = None  # those of this command
        if not greeting.ok:
            dialled.disconnect()
            return greeting
        _end_old(client)
    sessions.connected(name, dialled, last)
    return greeting


def _dial(
    client: SmtpClient, host: Any, settings: dict[str, Any], timeout: float | None
) -> Reply:
    """Connect; with `starttls` in the settings also EHLO, STARTTLS, EHLO.

    Raises:
        ReplyError: One of these three was refused.
    """
    settings = dict(settings)
    starttls = settings.pop("starttls", False)
    end = None if timeout is None else time.monotonic() + timeout

    def left() -> float | None:
        return None if end is None else max(0.0, end - time.monotonic())

    greeting = client.connect(host, **settings, timeout=left())
    if starttls and greeting.ok:
        name = settings.get("server_hostname")
        greet = client.lhlo if client.protocol == "lmtp" else client.ehlo
        greet(timeout=left()).raise_for_status()
        client.starttls(server_hostname=name, timeout=left()).raise_for_status()
        greet(timeout=left()).raise_for_status()
    return greeting


def target_of(sessions: Sessions, request: Request) -> tuple[Any, dict[str, Any]]:
    """Return what to connect to, and how."""
    if not request.words:
        name = request.session or sessions.current
        if name not in sessions.targets:
            raise UsageError("connect wants HOST[:PORT], sandbox or {sandbox}")
        host, last = sessions.targets[name]
        return host, {**last, **_trust(host, request)}
    word = request.words[0]
    if word.is_value and not isinstance(word.value, str):
        if not hasattr(word.value, "implicit_tls"):
            raise UsageError(
                f"{request.command} wants HOST[:PORT], sandbox or {{sandbox}}; what "
                f"{word.text} gives is none of them"
            )
        return word.value, _trust(word.value, request)
    if word.text.lower() == "sandbox":
        local = sessions.sandbox()
        return local, _trust(local, request)
    text = word.text
    if len(request.words) == 2:  # as for telnet, nc and openssl
        text = f"{bracketed(text)}:{request.words[1].spoken}"
    host, settings = place(text)
    return host, {**settings, **_trust(host, request)}


def written(host: str, settings: dict[str, Any]) -> str:
    """Return what `place` would make host and settings of."""
    if host.startswith("unix:"):
        return host
    scheme = "lmtp://" if settings.get("protocol") == "lmtp" else ""
    return f"{scheme}{bracketed(host)}:{settings.get('port', 25)}"


def _trust(host: Any, request: Request) -> dict[str, Any]:
    """Return what the options mean for `SmtpClient.connect`."""
    options = request.options
    settings = {
        argument: options[option]
        for option, argument in _TRUST.items()
        if option in options
    } | of_connect(request)
    if "--early" in options:
        wanted = r"--early wants octets, as {b'EHLO me\r\n'}"
        settings["early"] = octets(options["--early"], wanted)
    if "--lmtp" in options:
        settings["protocol"] = "lmtp"
    if "--tls" in options:
        implicit = options["--tls"] == "implicit"
        if isinstance(host, str):
            settings["implicit_tls"] = implicit
        elif implicit != host.implicit_tls:
            is_ours = "implicit" if host.implicit_tls else "starttls"
            raise UsageError(
                f"that sandbox was started with --tls {is_ours}; %smtp sandbox stop, "
                f"then %smtp sandbox --tls {options['--tls']} makes another"
            )
        settings["starttls"] = options["--tls"] == "starttls"
    return settings


def _end_old(client: SmtpClient) -> None:
    if client.state is State.CLOSED:
        return
    lost = client.state in (State.MAIL, State.RCPT, State.DATA)
    peer = client.peer
    try:
        if State.DATA is client.state:
            client.disconnect()  # QUIT would be a line of the message
        else:
            client.quit(timeout=GOODBYE_S)
    except (SmtpError, Cancelled):  # the old one is closed either way
        client.disconnect()
    said = " in the middle of a mail transaction, which is lost" if lost else ""
    print(f"ended the session with {peer}{said}")  # noqa: T201  # for the reader


def disconnect(_: Sessions, client: SmtpClient, request: Request) -> None:
    """Close without a word."""
    client.disconnect()


def cancel(sessions: Sessions, client: SmtpClient, request: Request) -> None:
    """Stop what runs, and close; a connection that is being made beside one alone."""
    sessions.stop(request.session or sessions.current, client)


def starttls(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Begin TLS."""
    return client.starttls(
        **{name: request.options.get(option) for option, name in _TRUST.items()},
        timeout=request.number("--timeout"),
    )
