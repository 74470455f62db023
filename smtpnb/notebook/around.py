"""What is around a session of `%smtp`: the sandbox, other sessions, the panel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from smtpnb.notebook.connecting import target_of, written
from smtpnb.notebook.grammar import FAULT, SANDBOX_WORDS

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions


def sandbox(sessions: Sessions, client: SmtpClient, request: Request) -> Any:
    """Start, stop, look into or disturb the sandbox."""
    what = request.words[0].text.lower() if request.words else ""
    _check_sandbox(what, request)
    if what == "stop":
        return sessions.stop_sandbox()
    if what == "inbox":
        return sessions.sandbox().inbox()
    if what == "clear":
        return sessions.sandbox().clear_faults()
    if what == "fault":
        return _fault(sessions, request)
    names = "tls", "auth", "protocol", "unix", "prdr"
    given = {name: request.options.get(f"--{name}") for name in names}
    return sessions.sandbox(**{name: value for name, value in given.items() if value})


def _fault(sessions: Sessions, request: Request) -> Any:
    if len(request.words) == 1:
        raise UsageError("sandbox fault wants a STEP, such as rcpt")
    step, *pattern = (word.text for word in request.words[1:])
    settings = {
        name: request.number(f"--{name}")
        for name in ("delay", "drip", "probability", "per")
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
            times=request.whole("--times"),
            skip=request.whole("--skip") or 0,
            each="--each" in request.options,
            **settings,  # type: ignore[arg-type]  # numbers, all of them
        )
    except ValueError as error:
        raise UsageError(_in_options(str(error))) from None


def _check_sandbox(what: str, request: Request) -> None:
    """Refuse options and words that go with another word, or with none.

    Raises:
        UsageError: There is one, or another word stands there.
    """
    if what and what not in SANDBOX_WORDS:
        raise UsageError(f"sandbox takes stop, inbox, fault or clear, not {what!r}")
    most = 3 if what == "fault" else 1
    if len(request.words) > most:
        extra = request.words[most].text
        raise UsageError(f"sandbox {what} takes no more words; {extra!r} is too much")
    for option in request.options.keys() - {"--timeout"}:  # of %config
        if what and (what != "fault" or option not in FAULT):
            raise UsageError(f"sandbox {what} has no {option}")
        if not what and option in FAULT:
            raise UsageError(f"{option} goes with a fault: %smtp sandbox fault STEP")


def _in_options(text: str) -> str:
    """Say in the words of the magics what the sandbox says of its arguments."""
    for option in FAULT:
        name = option.removeprefix("--").replace("-", "_")
        text = re.sub(rf"(?<![-\w'])(?<!a ){name}\b", option, text)
    return text.replace(" or None,", "")


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
        sessions.targets[name] = target_of(sessions, request)
    target, settings = sessions.targets.get(name, ("localhost", {}))
    if isinstance(target, str):
        target = written(target, settings)
    # A later connect may give the name to another client.
    shown = Panel(
        client,
        target,
        follow=lambda: sessions.look(name) or client,
        sandbox=sessions.sandbox,
        timeout=request.number("--timeout"),  # of %config
    )
    if isinstance(target, str):
        shown.preset(settings)
    return shown
