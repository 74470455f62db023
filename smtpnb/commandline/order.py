"""What a command line asks for: its words, read and checked.

This module knows nothing of connections.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.commandline.secured import context_of
from smtpnb.commandline.words import ASK, PROTOCOLS, parser_of_words
from smtpnb.passwords import ask_password, password_from_env, password_from_keyring
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.names import host_and_port, port_of
from smtpnb.protocol.proxy import ProxyHeader
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    import argparse
    import ssl
    from collections.abc import Sequence


# Where a session may be stopped: what swaks calls it, and our step.
_HELLO: Final = {"HELO": "hello", "EHLO": "hello", "LHLO": "hello"}
STOPS: Final = {
    "CONNECT": "greeting",
    "BANNER": "greeting",
    **{f"FIRST-{verb}": "first-hello" for verb in _HELLO},
    "STARTTLS": "tls",
    "TLS": "tls",
    "XCLIENT": "xclient",
    **_HELLO,
    "AUTH": "auth",
    "MAIL": "mail",
    "FROM": "mail",
    "RCPT": "rcpt",
    "TO": "rcpt",
}
DROPS: Final = {**STOPS, "DATA": "data", "DOT": "dot"}
_SENDS: Final = {"hello", "first-hello", "mail", "rcpt", "data", "dot"}
UNSEEN: Final = {name: step for name, step in DROPS.items() if step in _SENDS}

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class Part(NamedTuple):
    """One --attach or --attach-body."""

    octets: bytes
    kind: str  # "text/plain"
    name: str
    is_body: bool


@dataclass(frozen=True)
class Order:
    """What a command line asks for.

    Attributes:
        host: Of the server, or "unix:/path".
        stop_after: The step after whose reply QUIT is said; "" for none.
        drop_after: The step after whose reply the connection is dropped.
        drop_after_send: The step whose reply is not waited for.
        auth: The mechanisms that may be used; () for any. None: no AUTH.
        xclient: The groups of attributes, each one XCLIENT; a text is sent as it is.
        proxy: What stands in front of the session; None for nothing.
        context: How TLS is done, where the words ask for more than a CA.
        early: What is said before the greeting: a PROXY header as it was typed.
        data: Everything after DATA, or None for the template.
        headers: (name, line) that replace a header, or are added.
        hidden: Which kinds of lines are not shown: send, receive, info, error.
    """

    host: str
    port: int
    hello: str
    identity: str | None
    sender: str | None
    recipients: tuple[str, ...]
    timeout: float | None
    tls: str
    tls_optional: bool
    verify: str
    ca: str | None
    server_hostname: str | None
    pipeline: bool
    prdr: bool
    stop_after: str = ""
    drop_after: str = ""
    drop_after_send: str = ""
    auth: tuple[str, ...] | None = None
    auth_optional: str = ""  # "", "optional" or "strict"
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""), repr=False)
    cleartext_auth: bool = False
    xclient: tuple[dict[str, str] | str, ...] = ()
    xclient_optional: str = ""
    xclient_verified: bool = True
    xclient_first: bool = False
    proxy: ProxyHeader | None = None
    early: bytes = b""
    context: ssl.SSLContext | None = None
    data: bytes | None = None
    body: bytes = b"This is a test mailing"
    parts: tuple[Part, ...] = ()
    added: tuple[bytes, ...] = ()
    headers: tuple[tuple[str, bytes], ...] = ()
    fixed_up: bool = True
    keeps_from_line: bool = False
    only_shows_mail: bool = False
    hidden: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset({"send", "receive", "info"})
    shows_content: bool = True
    shows_times: bool = False
    silence: int = 0
    json: bool = False
    save: str = ""
    convert: bool = False
    lax: bool = False


def read(words: Sequence[str]) -> Order:
    """Read a command line.

    Args:
        words: The arguments, without the program's name.

    Returns:
        What they ask for.

    Raises:
        SystemExit: They cannot be read (1), or --help was among them (0).

    Example:
        >>> read(["--server", "mx.example:26", "--to", "a@b.example"]).port
        26
    """
    parser = parser_of_words()
    try:
        return _order(parser.parse_args(_with_headers(words)))
    except OSError as error:
        named = f"{error.filename}: {error.strerror}"
        parser.error(named if error.filename else str(error))
    except (ValueError, LocalProtocolError) as error:
        parser.error(str(error))


def _with_headers(words: Sequence[str]) -> list[str]:
    """Return the words with ``--h-NAME TEXT`` as ``--header 'NAME: TEXT'``."""
    read: list[str] = []
    rest = iter(words)
    for word in rest:
        named = re.fullmatch(r"--?h(?:eader)?-([^=]+)(?:=(.*))?", word, re.DOTALL)
        if named is None:
            read.append(word)
            continue
        text = next(rest, "") if named[2] is None else named[2]
        read.append(f"--header={named[1]}: {text}")
    return read


def _order(given: argparse.Namespace) -> Order:
    name = given.protocol.upper()
    if name not in PROTOCOLS:
        raise ValueError(f"--protocol is one of {', '.join(PROTOCOLS)}, not {name}")
    protocol = PROTOCOLS[name]
    tls = protocol.tls or ("starttls" if given.tls or given.tls_optional else "")
    tls = "implicit" if given.tls_on_connect else tls
    port = 465 if given.tls_on_connect and protocol.port == 25 else protocol.port
    host, port = _target(given, port)
    if given.save and not given.save.endswith((".parquet", ".jsonl")):
        raise ValueError(f"--save wants a name in .parquet or .jsonl, not {given.save}")
    steps = _steps(given)
    recipients = _asked(given.to, "To")
    needs_rcpt = _BEFORE_RCPT.isdisjoint(steps.values())
    if recipients is None and needs_rcpt and not given.dump_mail:
        raise ValueError("say to whom: --to ADDRESS")
    sender = _asked(given.sender, "From")
    return Order(
        host=host,
        port=port,
        hello=protocol.hello,
        identity=_asked(given.identity, "Helo"),
        sender="" if sender == "<>" else sender,
        recipients=tuple(filter(None, (recipients or "").split(","))),
        timeout=_seconds(given.timeout),
        tls=tls,
        tls_optional=given.tls_optional and not given.tls and not protocol.tls,
        verify="require" if given.tls_verify else "report",
        ca=given.tls_ca_path,
        context=context_of(given),
        server_hostname=given.tls_sni,
        pipeline=given.pipeline,
        prdr=given.prdr,
        json=given.json,
        save=given.save or "",
        convert=given.convert,
        lax=given.lax,
        **steps,
        **_auth(given, wanted=protocol.auth),
        **_before(given),
        **_message(given),
        **_shown(given),
    )


_BEFORE_RCPT: Final = frozenset(STOPS.values()) - {"rcpt"}


def _target(given: argparse.Namespace, port: int) -> tuple[str, int]:
    if given.socket:
        return f"unix:{given.socket}", port
    server = _asked(given.server, "Server")
    if server is None and given.dump_mail:
        server = "localhost"
    if not server:
        raise ValueError("say which server: --server HOST")
    server, port = host_and_port(server, port)
    said = _asked(given.port, "Port")
    return server, port if said is None else port_of(said)


def _steps(given: argparse.Namespace) -> dict[str, Any]:
    found = {}
    for name, option, known in (
        ("stop_after", given.quit_after, STOPS),
        ("drop_after", given.drop_after, DROPS),
        ("drop_after_send", given.drop_after_send, UNSEEN),
    ):
        if option is not None and option not in known:
            raise ValueError(f"{option} is no step; they are {', '.join(known)}")
        found[name] = known[option] if option else ""
    return found


def _seconds(text: str) -> float | None:
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if match is None:
        raise ValueError(f"--timeout is 30, 5s, 3m or 1h, not {text!r}")
    return int(match[1]) * _UNITS[match[2]] or None


def _auth(given: argparse.Namespace, *, wanted: bool) -> dict[str, Any]:
    kinds, optional = given.auth, ""
    if kinds is None and given.auth_optional_strict is not None:
        kinds, optional = given.auth_optional_strict, "strict"
    if kinds is None and given.auth_optional is not None:
        kinds, optional = given.auth_optional, "optional"
    if kinds is None and not (wanted or given.auth_user or given.auth_password):
        return {}
    user = _asked(given.auth_user, "Username") or input("Username: ")
    return {
        "auth": tuple(filter(None, (kinds or "").upper().split(","))),
        "auth_optional": optional,
        "user": "" if user == "<>" else user,
        "password": _password(given, user),
        "cleartext_auth": given.allow_cleartext_auth,
    }


def _password(given: argparse.Namespace, user: str) -> Secret:
    if given.auth_password_env is not None:
        return password_from_env(given.auth_password_env)
    if given.auth_password_keyring is not None:
        return password_from_keyring(given.auth_password_keyring, user)
    said = given.auth_password
    if said in (None, ASK):
        return ask_password()
    if not said.startswith("@"):
        raise ValueError(
            "a password on the line can be read by everybody on this machine: say -ap "
            "alone (it is asked), -ap @FILE, --auth-password-env VARIABLE or "
            "--auth-password-keyring SERVICE"
        )
    return Secret(_octets(said).decode().rstrip("\r\n"))


def _before(given: argparse.Namespace) -> dict[str, Any]:
    groups: list[dict[str, str] | str] = []
    open_group: dict[str, str] | None = None
    for attribute, value in given.xclient or ():
        if attribute == "ATTRIBUTES":
            groups.append(value)
        if attribute in ("ATTRIBUTES", "|"):
            open_group = None
            continue
        if open_group is None:
            groups.append(open_group := {})
        open_group[attribute] = value
    optional = "optional" if given.xclient_optional else ""
    return {
        "xclient": tuple(groups),
        "xclient_optional": "strict" if given.xclient_optional_strict else optional,
        "xclient_verified": not given.xclient_no_verify,
        "xclient_first": given.xclient_before_starttls,
        "proxy": _proxy(given),
        "early": b"" if given.proxy is None else b"PROXY %b\r\n" % _text(given.proxy),
    }


def _proxy(given: argparse.Namespace) -> ProxyHeader | None:
    words = ("source", "source_port", "dest", "dest_port")
    said = {word: getattr(given, f"proxy_{word}") for word in words}
    version = int(given.proxy_version)
    if given.proxy_command == "LOCAL":
        return ProxyHeader(version=2)
    if not given.proxy_family and not any(said.values()):
        return None
    missing = [word.replace("_", "-") for word in said if not said[word]]
    if missing:
        raise ValueError(f"PROXY needs --proxy-{', --proxy-'.join(missing)} as well")
    source = said["source"], int(said["source_port"])
    return ProxyHeader(source, (said["dest"], int(said["dest_port"])), version=version)


def _message(given: argparse.Namespace) -> dict[str, Any]:
    data, body = _asked(given.data, "Data"), _asked(given.body, "Body")
    if data is None and given.data_from_stdin:
        data = "-"
    found: dict[str, Any] = {
        "data": None if data is None else _text(data),
        "parts": tuple(_parts(given.parts or ())),
        "added": tuple(map(_text, given.add_header)),
        "headers": tuple(map(_header, given.header)),
        "fixed_up": not given.no_data_fixup,
        "keeps_from_line": given.no_strip_from,
        "only_shows_mail": given.dump_mail,
    }
    return found if body is None else {**found, "body": _text(body)}


def _parts(given: Sequence[tuple[str, str]]) -> list[Part]:
    parts: list[Part] = []
    kind = name = ""
    for word, value in given:
        if word == "type":
            kind = value
        elif word == "name":
            name = value
        else:
            is_body = word == "body"
            file = value[1:].rpartition("/")[2] if value.startswith("@") else ""
            default = "text/plain" if is_body else "application/octet-stream"
            part = Part(_octets(value), kind or default, name or file, is_body)
            parts.append(part)
            name = ""
    return parts


def _header(text: str) -> tuple[str, bytes]:
    name, colon, _ = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"a header is 'NAME: TEXT', not {text!r}")
    return name.strip().lower(), _text(text)


def _shown(given: argparse.Namespace) -> dict[str, Any]:
    kinds = ("send", "receive", "info")
    hidden = {kind for kind in kinds if getattr(given, f"hide_{kind}")}
    bare = {kind for kind in kinds if getattr(given, f"no_{kind}_hints")}
    bare |= {"send", "receive"} if given.no_hints else set()
    nothing = given.hide_all or given.json
    return {
        "hidden": frozenset({*kinds, "error"} if nothing else hidden),
        "hints": frozenset(kinds) - bare,
        "shows_content": not given.suppress_data,
        "shows_times": given.show_time_lapse,
        "silence": int(given.silent),
    }


# Values


def _asked(value: str | None, name: str) -> str | None:
    """Return a value; an option that stood alone is asked for."""
    return input(f"{name}: ") if value == ASK else value


def _text(value: str) -> bytes:
    r"""Return a value of --data and its kin: `\n` is a line end, @ names a file."""
    if value == "-" or value.startswith("@"):
        return _octets(value)
    return _octets(value.replace("\\n", "\n").replace("%NEWLINE%", "\n"))


def _octets(value: str) -> bytes:
    if value == "-":
        return sys.stdin.buffer.read()
    if value.startswith("@@"):
        return os.fsencode(value[1:])
    if value.startswith("@"):
        with open(value[1:], "rb") as file:  # noqa: PTH123  # a name as it was said
            return file.read()
    return os.fsencode(value)
