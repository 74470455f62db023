"""What each command of `%smtp` does: one function each, on a client and a request.

A function sends what its verb says and returns the reply. What stands around it (the
live line, `--expect`, errors in one line) is the business of `magics`.
"""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.dialogues.conformance import conformance_in_parts
from smtpnb.notebook import messages
from smtpnb.notebook.grammar import TABLES, text_of
from smtpnb.notebook.line import bracketed, host_and_port
from smtpnb.notebook.render import Shown
from smtpnb.protocol.errors import Cancelled, LocalProtocolError, SmtpError
from smtpnb.protocol.sasl import Login, Plain
from smtpnb.protocol.secret import Secret
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.sasl import Mechanism

GOODBYE_S: Final = 5.0
_TRUST: Final = {
    "--verify": "verify",
    "--ca": "ca",
    "--server-name": "server_hostname",
}


# The connection


def connect(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Connect; an old connection ends once the new one is greeted, which is said.

    Any fault or refusal before that changes nothing.
    """
    host, settings = _target(sessions, request)
    name = request.session or sessions.current
    dialled = client if client.state is State.CLOSED else sessions.second(client)
    last = (host, dict(settings))
    try:
        greeting = _dial(dialled, host, settings, request.number("--timeout"))
    except BaseException:
        if dialled is not client:
            dialled.cancel()
        raise
    if dialled is not client:
        dialled.on_tick = dialled.on_progress = None  # those of this command
        if not greeting.ok:
            dialled.disconnect()
            return greeting
        _end_old(client)
        sessions.adopt_as(name, dialled)
    sessions.targets[name] = last
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
    greeting = client.connect(host, **settings, timeout=timeout)
    if starttls and greeting.ok:
        name = settings.get("server_hostname")
        client.ehlo().raise_for_status()
        client.starttls(server_hostname=name).raise_for_status()
        client.ehlo().raise_for_status()
    return greeting


def _target(sessions: Sessions, request: Request) -> tuple[Any, dict[str, Any]]:
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
            raise UsageError(f"cannot connect to a {type(word.value).__name__}")
        return word.value, _trust(word.value, request)
    if word.text.lower() == "sandbox":
        local = sessions.sandbox()
        return local, _trust(local, request)
    text = word.text
    if len(request.words) == 2:  # as for telnet, nc and openssl
        text = f"{bracketed(text)}:{request.words[1].text}"
    host, port = host_and_port(text)
    return host, {"port": port, **_trust(host, request)}


def _trust(host: Any, request: Request) -> dict[str, Any]:
    """Return what --verify, --ca and --tls mean for `SmtpClient.connect`."""
    options = request.options
    settings = {
        argument: options[option]
        for option, argument in _TRUST.items()
        if option in options
    }
    if "--tls" in options:
        implicit = options["--tls"] == "implicit"
        if isinstance(host, str):
            settings["implicit_tls"] = implicit
        elif implicit != host.implicit_tls:
            raise UsageError(f"{host!r} says itself whether TLS is implicit")
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


def cancel(_: Sessions, client: SmtpClient, request: Request) -> None:
    """Stop what runs, and close."""
    client.cancel()


def starttls(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Begin TLS."""
    return client.starttls(
        **{name: request.options.get(option) for option, name in _TRUST.items()},
        timeout=request.number("--timeout"),
    )


# AUTH


def auth(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Authenticate; the password never stands on the line."""
    _check_before_asking(client)
    name = request.options.get("--mechanism") or _preferred(client)
    user, password = request.words[0].text, _password(request)
    mechanism: Mechanism = (
        Plain(user, password)
        if name == "plain"
        else Login(
            user,
            password,
            initial_response="--no-initial-response" not in request.options,
        )
    )
    return client.auth(
        mechanism,
        allow_cleartext_auth="--allow-cleartext-auth" in request.options,
        timeout=request.number("--timeout"),
    )


def _check_before_asking(client: SmtpClient) -> None:
    """Refuse what the client would refuse, before a password is asked for."""
    if client.state is State.CLOSED:
        raise LocalProtocolError("not connected; connect() first")
    if client.lax:
        return
    if "AUTH" not in client.allowed:
        raise LocalProtocolError(
            f"AUTH is out of order: the session is {client.state}; nothing was sent"
        )
    if "AUTH" not in client.capabilities:
        raise LocalProtocolError("the server does not offer AUTH; nothing was sent")


def _preferred(client: SmtpClient) -> str:
    """PLAIN, unless only LOGIN is offered."""
    offered = client.capabilities.mechanisms
    return "login" if "LOGIN" in offered and "PLAIN" not in offered else "plain"


def _password(request: Request) -> Secret:
    user = request.words[0].text
    if len(request.words) > 1:
        word = request.words[1]
        if not word.is_value or not isinstance(word.value, (str, Secret)):
            raise UsageError(
                "never type a password on the line: IPython keeps its history; give "
                "the USER alone and be asked, or {variable}, or --password-env NAME"
            )
        return Secret(word.value)
    if variable := request.options.get("--password-env"):
        if variable not in os.environ:
            raise UsageError(f"there is no environment variable {variable}")
        return Secret(os.environ[variable])
    if service := request.options.get("--keyring"):
        return _from_keyring(service, user)
    return Secret(getpass.getpass(f"Password of {user}: "))


def _from_keyring(service: str, user: str) -> Secret:
    try:
        import keyring
    except ImportError:
        raise UsageError("--keyring needs the package: pip install keyring") from None
    password = keyring.get_password(service, user)
    if password is None:
        raise UsageError(f"the keyring has no password of {user} for {service}")
    return Secret(password)


# The mail transaction


def mail(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send MAIL FROM."""
    path, parameters = _path(request, "FROM:")
    sessions.addresses[path] = None
    size = request.number("--size")
    options = request.options
    return client.mail_from(
        path,
        size=None if size is None else int(size),
        body=_upper(options.get("--body")),
        smtputf8="--smtputf8" in options,
        ret=_upper(options.get("--ret")),
        envid=options.get("--envid"),
        parameters=parameters,
        timeout=request.number("--timeout"),
    )


def rcpt(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send RCPT TO."""
    path, parameters = _path(request, "TO:")
    sessions.addresses[path] = None
    return client.rcpt_to(
        path,
        notify=_upper(request.options.get("--notify")),
        orcpt=request.options.get("--orcpt"),
        parameters=parameters,
        timeout=request.number("--timeout"),
    )


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()


def _path(request: Request, prefix: str) -> tuple[str, list[str]]:
    """Return the path and the parameters: FROM:<a@b>, FROM: <a@b>, <a@b> or a@b."""
    path, *parameters = (word.text for word in request.words)
    if path[: len(prefix)].upper() == prefix:
        path = path[len(prefix) :]
        if not path and parameters:
            path = parameters.pop(0)
    if path.startswith("<") and path.endswith(">"):
        path = path[1:-1]
    return path, parameters


def data(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Say DATA, and no more."""
    return client.data(timeout=request.number("--timeout"))


def end(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send the end of data."""
    return client.end_data(timeout=request.number("--timeout"))


def send_cell(client: SmtpClient, request: Request, content: str) -> Reply:
    """Send DATA and the content, or the content alone if DATA was answered 354."""
    timeout = request.number("--timeout")
    if client.state is not State.DATA:
        return client.data(content, timeout=timeout)
    early = client.send_lines(content, timeout=timeout)
    return early if early is not None else client.end_data(timeout=timeout)


# What goes to the wire as typed


def ehlo(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send EHLO."""
    return client.ehlo(request.text or None, timeout=request.number("--timeout"))


def helo(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send HELO."""
    return client.helo(request.text or None, timeout=request.number("--timeout"))


def rset(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send RSET."""
    return client.rset(timeout=request.number("--timeout"))


def quit_(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send QUIT."""
    return client.quit(timeout=request.number("--timeout"))


def noop(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send NOOP."""
    return client.noop(request.text, timeout=request.number("--timeout"))


def vrfy(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send VRFY."""
    return client.vrfy(request.text, timeout=request.number("--timeout"))


def expn(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send EXPN."""
    return client.expn(request.text, timeout=request.number("--timeout"))


def etrn(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send ETRN."""
    return client.command("ETRN", request.text, timeout=request.number("--timeout"))


def help_(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send HELP."""
    return client.help(request.text, timeout=request.number("--timeout"))


def command(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send any verb."""
    verb, *text = request.words
    return client.command(verb.text, text_of(text), timeout=request.number("--timeout"))


def raw(_: Sessions, client: SmtpClient, request: Request) -> list[Reply]:
    """Send octets, read replies."""
    octets = request.words[0].value
    if not isinstance(octets, (bytes, bytearray, memoryview)):
        raise UsageError("raw wants octets: {b'NOOP\\r\\n'}")
    timeout, wanted = request.number("--timeout"), request.number("--replies")
    client.raw(bytes(octets), timeout=timeout)
    count = 1 if wanted is None else int(wanted)
    return [client.read_reply(timeout=timeout) for _ in range(count)]


# What is beside the conversation


def sandbox(sessions: Sessions, client: SmtpClient, request: Request) -> Any:
    """Start, stop, look into or disturb the sandbox."""
    what = request.words[0].text.lower() if request.words else ""
    if what == "stop":
        return sessions.stop_sandbox()
    if what == "inbox":
        return sessions.sandbox().inbox()
    if what == "clear":
        return sessions.sandbox().clear_faults()
    if what == "fault":
        return _fault(sessions, request)
    if what:
        raise UsageError(f"sandbox takes stop, inbox, fault or clear, not {what!r}")
    given = {name: request.options.get(f"--{name}") for name in ("tls", "auth")}
    return sessions.sandbox(**{name: value for name, value in given.items() if value})


def _fault(sessions: Sessions, request: Request) -> Any:
    if len(request.words) == 1:
        raise UsageError("sandbox fault wants a STEP, such as rcpt")
    step, *pattern = (word.text for word in request.words[1:])
    times = request.number("--times")
    settings = {
        name: request.number(f"--{name}")
        for name in ("delay", "drip", "probability")
        if f"--{name}" in request.options
    }
    try:
        return sessions.sandbox().fault(
            step,
            *pattern,
            reply=request.options.get("--reply"),
            drop="--drop" in request.options,
            stall="--stall" in request.options,
            eight_bit="--eight-bit" in request.options,
            times=None if times is None else int(times),
            **settings,  # type: ignore[arg-type]  # numbers, all of them
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def transcript(_: Sessions, client: SmtpClient, request: Request) -> Any:
    """Return what happened."""
    what = request.words[0].text.lower() if request.words else ""
    if what and what not in (*TABLES, "text"):
        raise UsageError(f"transcript takes {', '.join(TABLES)} or text, not {what!r}")
    whole = "--all" in request.options
    if whole and what not in TABLES:
        raise UsageError(f"--all goes with a table: {', '.join(TABLES)}")
    if not what:
        return client.transcript
    if what == "text":
        return Shown(client.transcript.text())
    frame = getattr(client.transcript, what)()
    return _every_column(frame) if whole else frame


def _every_column(frame: Any) -> Any:
    import pandas as pd  # loaded already: there is a frame

    return pd.DataFrame(frame)  # pandas' own class hides no column


def ask_conformance(sessions: Sessions, client: SmtpClient, request: Request) -> Any:
    """Ask all parts, each on a connection like this one, and judge their sessions."""
    from smtpnb.analysis.lint.lint import lint  # loads pandas when it is used

    if "--expect" in request.options:
        raise UsageError("conformance has many replies: --expect does not go with it")
    first = next(iter(client.transcript.session())).session_id
    connect = _again_and_again(sessions, client, request.session or sessions.current)
    asked = conformance_in_parts(connect, rude="--rude" in request.options)
    events = client.transcript.events()
    names = list(dict.fromkeys(events["session_id"]))
    mine = events["session_id"].isin(names[names.index(first) :])
    found = lint(events[mine])
    found.attrs["asked"] = str(asked)
    return found


def _again_and_again(
    sessions: Sessions, client: SmtpClient, name: str
) -> Callable[[], SmtpClient]:
    """Return what gives the client as it is, and then on new connections like it."""
    host, settings = sessions.targets.get(name, (client.peer, {}))
    by_starttls = bool(client.tls) and not settings.get("implicit_tls")
    unused = [client]

    def connect() -> SmtpClient:
        if unused:
            return unused.pop()
        plain = {key: value for key, value in settings.items() if key != "starttls"}
        client.connect(host, **plain)
        if by_starttls:
            client.ehlo()
            client.starttls(server_hostname=settings.get("server_hostname"))
        return client

    return connect


def lint(_: Sessions, client: SmtpClient, request: Request) -> Any:
    """Judge all sessions of the client."""
    from smtpnb.analysis.lint.lint import lint  # loads pandas when it is used

    return lint(client.transcript)


def ask_explain(_: Sessions, client: SmtpClient, request: Request) -> Any:
    """Explain a code, a reply, a transcript, or what happened last."""
    from smtpnb.analysis.explain.explain import explain

    thing: Any = client.transcript
    if request.words:
        word = request.words[0]
        thing = word.value if word.is_value else request.text
    try:
        return explain(thing)
    except (LookupError, TypeError, ValueError) as error:
        raise UsageError(str(error)) from None


def ask_report(_: Sessions, client: SmtpClient, request: Request) -> Any:
    """Write a bug report in Markdown."""
    from smtpnb.analysis.report.report import report

    source = request.words[0].value if request.words else client.transcript
    try:
        return Shown(report(source, pseudonymise="--as-it-was" not in request.options))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(str(error)) from None


def ask_compare(sessions: Sessions, _: SmtpClient, request: Request) -> Any:
    """Tell what differs between two sessions or transcripts."""
    from smtpnb.analysis.compare.compare import compare

    sides = [
        word.value if word.is_value else sessions.client(word.text[1:]).transcript
        for word in request.words
        if word.is_value or word.text.startswith("@")
    ]
    if len(sides) != 2:
        raise UsageError("compare wants @A @B, or {a} {b}")
    try:
        return compare(*sides)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(str(error)) from None


def save(_: Sessions, client: SmtpClient, request: Request) -> Any:
    """Write the transcript to a file."""
    overwrite = "--overwrite" in request.options
    try:
        return client.transcript.save(request.words[0].unquoted, overwrite=overwrite)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from None


def load(_: Sessions, __: SmtpClient, request: Request) -> Any:
    """Read a transcript from a file."""
    from smtpnb.transcript import load

    try:
        return load(request.words[0].unquoted)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from None


def session(sessions: Sessions, client: SmtpClient, request: Request) -> SmtpClient:
    """Return the client behind the magic; with a name or a client, use that one."""
    if not request.words:
        return client
    word = request.words[0]
    if word.is_value and not isinstance(word.value, str):
        return sessions.adopt(word.value, request.session)
    name = word.text.removeprefix("@")
    return sessions.use(name) if request.command == "use" else sessions.client(name)


def list_sessions(sessions: Sessions, client: SmtpClient, request: Request) -> Any:
    """Return the table of sessions."""
    return sessions.table()


def panel(sessions: Sessions, client: SmtpClient, request: Request) -> Any:
    """Return a panel for this session."""
    from smtpnb.notebook.panel import Panel  # loads ipywidgets

    name = request.session or sessions.current
    if request.words:
        sessions.targets[name] = _target(sessions, request)
    target, settings = sessions.targets.get(name, ("localhost", {}))
    if isinstance(target, str):
        target = f"{target}:{settings.get('port', 25)}"
    # A later connect may give the name to another client.
    return Panel(client, target, follow=lambda: sessions.look(name) or client)


VERBS: Final[dict[str, Callable[[Sessions, SmtpClient, Request], Any]]] = {
    "connect": connect,
    "ehlo": ehlo,
    "helo": helo,
    "starttls": starttls,
    "auth": auth,
    "mail": mail,
    "rcpt": rcpt,
    "data": data,
    "end": end,
    "bdat": messages.bdat,
    "send": messages.send,
    "rset": rset,
    "noop": noop,
    "vrfy": vrfy,
    "expn": expn,
    "etrn": etrn,
    "help": help_,
    "quit": quit_,
    "command": command,
    "raw": raw,
    "disconnect": disconnect,
    "cancel": cancel,
    "sandbox": sandbox,
    "transcript": transcript,
    "conformance": ask_conformance,
    "lint": lint,
    "explain": ask_explain,
    "report": ask_report,
    "compare": ask_compare,
    "save": save,
    "load": load,
    "session": session,
    "use": session,
    "sessions": list_sessions,
    "panel": panel,
}
