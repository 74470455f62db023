"""One command of `%smtp` from the first octet to its answer, here or in the background.

What stands around every command that talks: the live line, `--lax`, `--expect`, and
the answer with what it means.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.notebook import expect
from smtpnb.notebook.answers import Answer, after_content, each_recipient, finals_of
from smtpnb.notebook.background import Handle
from smtpnb.notebook.commands import ACTIONS, OF_CELLS
from smtpnb.notebook.live import LiveLine, hint_of, live, painter, size_of
from smtpnb.notebook.parameters import guards
from smtpnb.notebook.render import in_one_line, in_words_of_magics
from smtpnb.notebook.showing import show
from smtpnb.protocol.errors import Cancelled, LocalProtocolError
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.conversation import Conversation
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions


# What may end a message: its replies can be many.
_ENDS: Final = ("data", "end", "bdat")


class Task(NamedTuple):
    """A command that is about to run.

    Attributes:
        sessions: All sessions.
        client: The one that is meant.
        request: The line; its session is named.
        content: The cell; None for a line.
        wanted: What `--expect` said, checked.
        cell: A dialogue, if the cell is one.
    """

    sessions: Sessions
    client: SmtpClient
    request: Request
    content: str | None
    wanted: str | None
    cell: Conversation | None = None

    @property
    def what(self) -> str:
        """What it is called."""
        return self.request.command or "dialogue"


def check_free(sessions: Sessions, name: str) -> None:
    """Refuse while a command runs in the background of this session.

    Raises:
        LocalProtocolError: One does; nothing was sent.
    """
    handle = sessions.handles.get(name)
    if handle is not None and not handle.done():
        raise LocalProtocolError(
            f"{handle.what} runs in the background of session {name}: wait for its "
            f"handle, or %smtp @{name} cancel; nothing was sent"
        )


def run_here(task: Task, shell: Any) -> Any:
    """Run a command while the cell waits; return its answer.

    If a dialogue stops before its end, what was said so far is shown first.
    """
    try:
        return _perform(task, _line(task, painter(shell), hint_of(shell)))
    except BaseException:
        if task.cell is not None and task.cell.told:
            show(task.cell.so_far())
        raise


def run_behind(task: Task, shell: Any) -> Handle:
    """Begin a command, and return its handle.

    Raises:
        UsageError: No thread could be had; nothing was sent.
    """
    sessions, name = task.sessions, task.request.session
    handle = Handle(task.what, name, lambda: sessions.stop(name, task.client), shell)
    if task.cell is not None:
        handle.so_far = task.cell.so_far
    handle.line = _line(task, handle.paint, "", handle.beat)

    def work() -> Any:
        try:
            return _perform(task, handle.line)
        except LocalProtocolError as error:
            if handle.stopping:  # the connection went before the command could leave
                raise Cancelled(f"cancelled; {error}") from None
            in_one_line(error)
            raise
        except BaseException as error:
            in_one_line(error)  # wherever it is raised again
            raise

    before, sessions.handles[name] = sessions.handles.get(name), handle
    try:
        handle.start(work)
    except BaseException:
        sessions.handles.pop(name)
        if before is not None:
            sessions.handles[name] = before
        raise
    return handle


def _line(
    task: Task,
    paint: Callable[[str], None],
    hint: str,
    beat: Callable[[], None] = lambda: None,
) -> LiveLine:
    sessions, client, name = task.sessions, task.client, task.request.session
    return LiveLine(
        task.what,
        paint,
        waiting=lambda: sessions.dialling.get(name, client).waiting,
        limit=task.request.number("--timeout"),
        total=None if task.content is None else size_of(task.content),
        hint=hint,
        beat=beat,
    )


def _perform(task: Task, line: LiveLine | None) -> Any:
    sessions, client, request, content, wanted, cell = task
    assert line is not None  # noqa: S101  # for mypy
    lax, tls, began = client.lax, client.tls, time.monotonic()
    client.lax = guards(request, lax)
    try:
        with live(client, line):
            if cell is not None:
                return cell.run(client, request, line)
            if content is None:
                value = ACTIONS[request.command](sessions, client, request)
            else:
                value = OF_CELLS[request.command](client, request, content)
    finally:
        client.lax = lax
        now = sessions.look(request.session) or client  # connect made it anew
        now.lax = lax
    finals = finals_of(now) if request.command in _ENDS else []
    ended = len(finals) > 1
    if wanted is not None:
        expect.check_all(finals if ended else value, wanted, request.command)
    if not isinstance(value, Reply):
        return value
    facts = now.tls if now.tls is not tls else None
    seconds = time.monotonic() - began
    note = _note(request.command, value, in_cell=content is not None)
    if request.command in ("ehlo", "helo", "lhlo"):
        note = in_words_of_magics(now.suspicion)
    if ended:  # LMTP, PRDR: the last reply is not all
        note = each_recipient(now.recipients)
    return Answer(value.octets, request.command, seconds, facts, note)


def _note(command: str, reply: Reply, *, in_cell: bool) -> str:
    """Say what an answer means for the message, and the way on."""
    if reply.code == 354 and command == "data":
        return "now the message: %%smtp data in a cell; %smtp end sends the final dot"
    if command == "end" or (command == "data" and in_cell):
        return after_content(reply)
    return ""
