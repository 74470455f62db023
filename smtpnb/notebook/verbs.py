"""The verbs of SMTP as commands of `%smtp`: one function each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from IPython.core.error import UsageError

from smtpnb.notebook.authenticating import check_raw, check_response
from smtpnb.notebook.grammar import text_of
from smtpnb.notebook.line import octets
from smtpnb.notebook.parameters import attributes, of_mail, of_rcpt
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions
    from smtpnb.protocol.reply import Reply

_PREFIX: Final = re.compile(r"[A-Za-z]+:(?=\s*<)|(FROM|TO):", re.IGNORECASE)


def mail(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send MAIL FROM."""
    path, parameters = _path(request, "FROM:")
    sessions.addresses[path] = None
    request.number("--size")  # or it is told
    return client.mail_from(
        path,
        **of_mail(request),
        parameters=parameters,
        timeout=request.number("--timeout"),
    )


def rcpt(sessions: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send RCPT TO."""
    path, parameters = _path(request, "TO:")
    sessions.addresses[path] = None
    return client.rcpt_to(
        path,
        **of_rcpt(request),
        parameters=parameters,
        timeout=request.number("--timeout"),
    )


def _path(request: Request, prefix: str) -> tuple[str, list[str]]:
    """Return the path and the parameters: FROM:<a@b>, FROM: <a@b>, <a@b> or a@b.

    Raises:
        UsageError: Behind FROM: or TO: stands nothing, which is not the null path.
    """
    path, *parameters = (word.spoken for word in request.words)
    _check_prefix(path, parameters, request, prefix)
    if path[: len(prefix)].upper() == prefix:
        path = path[len(prefix) :]
        if not path and parameters:
            path = parameters.pop(0)
        if not path:
            null = "; FROM:<> is the null reverse-path" if prefix == "FROM:" else ""
            raise UsageError(f"{request.command} wants {prefix}<PATH>{null}")
    if path.startswith("<") and path.endswith(">"):
        path = path[1:-1]
    return path, parameters


def _check_prefix(path: str, rest: list[str], request: Request, prefix: str) -> None:
    """Refuse what was meant for FROM: or TO: and is not, unless it is on purpose.

    Raises:
        UsageError: As form:<a@b>, or FROM without its colon.
    """
    typo = _PREFIX.match(path)
    said = typo[0] if typo and typo[0].upper() != prefix else ""
    if rest and f"{path.upper()}:" == prefix:
        said = path
    if said and "--lax" not in request.options and "--lift" not in request.options:
        raise UsageError(
            f"{request.command} wants {prefix}<PATH>, not {said!r}; --lax sends it"
        )


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


def lhlo(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send LHLO."""
    return client.lhlo(request.text or None, timeout=request.number("--timeout"))


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
    return client.etrn(request.text, timeout=request.number("--timeout"))


def xclient(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send XCLIENT; after its 220 EHLO comes next."""
    said = attributes(request)
    return client.xclient(**said, timeout=request.number("--timeout"))


def xforward(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send XFORWARD."""
    said = attributes(request)
    return client.xforward(**said, timeout=request.number("--timeout"))


def burl(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send BURL."""
    last, timeout = "--last" in request.options, request.number("--timeout")
    return client.burl(request.text, last=last, timeout=timeout)


def help_(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send HELP."""
    return client.help(request.text, timeout=request.number("--timeout"))


def command(_: Sessions, client: SmtpClient, request: Request) -> Reply:
    """Send any verb."""
    check_response(client, request)
    verb, *text = request.words
    return client.command(
        verb.spoken, text_of(text), timeout=request.number("--timeout")
    )


def raw(_: Sessions, client: SmtpClient, request: Request) -> list[Reply]:
    """Send octets, read replies."""
    said = octets(request.words[0].value, r"raw wants octets, as {b'NOOP\r\n'}")
    check_raw(client, request.words[0], said)
    timeout, wanted = request.number("--timeout"), request.whole("--replies")
    client.raw(said, timeout=timeout)
    count = 1 if wanted is None else wanted
    return [client.read_reply(timeout=timeout) for _ in range(count)]
