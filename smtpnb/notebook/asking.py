"""What `%smtp` tells of a session: its transcript, and questions about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from smtpnb.dialogues.conformance import conformance_in_parts
from smtpnb.notebook.grammar import TABLES
from smtpnb.notebook.render import Shown
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions


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

    if client.state is State.CLOSED:
        raise LocalProtocolError("not connected; connect() first")
    first = next(iter(client.transcript.session())).session_id
    connect = _again_and_again(sessions, client, request.session or sessions.current)
    asked = conformance_in_parts(
        connect, rude="--rude" in request.options, protocol=client.protocol
    )
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
            greet = client.lhlo if client.protocol == "lmtp" else client.ehlo
            greet()
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
    if not request.words and not len(client.transcript):
        raise UsageError("nothing was recorded: there is nothing to report")
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
    file = Path(request.words[0].unquoted)
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {str(file.parent)!r}")
    try:
        return client.transcript.save(file, overwrite=overwrite)
    except (OSError, ValueError) as error:
        raise UsageError(_of_file(file, error)) from None


def load(_: Sessions, __: SmtpClient, request: Request) -> Any:
    """Read a transcript from a file."""
    from smtpnb.transcript import load

    file = Path(request.words[0].unquoted)
    try:
        return load(file)
    except (OSError, ValueError) as error:
        raise UsageError(_of_file(file, error)) from None


def _of_file(file: Path, error: Exception) -> str:
    """Say what is wrong with a file; the number of an error is the system's own."""
    said = error.strerror if isinstance(error, OSError) else None
    return f"{file}: {said}" if said else str(error)
