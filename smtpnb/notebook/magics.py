"""`%smtp` and `%%smtp`: one magic, a line understood, a verb run, a reply returned.

A mistake, a refusal by `--expect` and a fault are one red line, and stop Run All. An
interrupt of the kernel cancels, closes and is raised again. Nothing is retried.
"""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, CaselessStrEnum, Float, Unicode, observe

from smtpnb.client import SmtpClient
from smtpnb.notebook import expect, script
from smtpnb.notebook.answers import delivery_html, delivery_text
from smtpnb.notebook.commands import ACTIONS, CELLS
from smtpnb.notebook.completion import Answering
from smtpnb.notebook.conversation import Conversation
from smtpnb.notebook.grammar import COMMANDS, Request, parse
from smtpnb.notebook.help import Help, usage
from smtpnb.notebook.line import Word, expand
from smtpnb.notebook.render import (
    frame_html,
    in_one_line,
    status,
    use_colours,
)
from smtpnb.notebook.running import Task, check_free, run_behind, run_here
from smtpnb.notebook.sessions import Sessions
from smtpnb.notebook.showing import ShowEach
from smtpnb.protocol.errors import Cancelled, SmtpError


@magics_class
class SmtpMagics(Magics):
    """The magic and its settings (`%config SmtpMagics`)."""

    timeout = Float(
        None,
        allow_none=True,
        min=0,
        help="Seconds for each command, unless --timeout says.",
    ).tag(config=True)
    host = Unicode(
        None, allow_none=True, help="HOST[:PORT] of a first connect without a word."
    ).tag(config=True)
    identity = Unicode(
        None, allow_none=True, help="What EHLO says, unless a word says."
    ).tag(config=True)

    colours = Bool(
        True, help="Colour answers and errors; their words and signs say the same."
    ).tag(config=True)

    theme = CaselessStrEnum(
        ["light", "dark"], "light", help="What pictures look like: light or dark."
    ).tag(config=True)

    @observe("theme")
    def _theme_changed(self, change: Any) -> None:
        from smtpnb.analysis.palettes import use_theme  # loads the analyses

        use_theme(change["new"])

    @observe("colours")
    def _colours_changed(self, change: Any) -> None:
        use_colours(on=change["new"])

    @observe("identity")
    def _identity_changed(self, change: Any) -> None:
        for client in self.sessions.clients():
            if client.identity in (None, change["old"]):  # else it is the user's own
                client.identity = change["new"]

    def __init__(self, shell: Any) -> None:
        self.sessions = Sessions()
        super().__init__(shell)
        self._shell = shell
        # Where `{expr}` is looked up: of the function that the magic stands in.
        self._locals: dict[str, Any] = shell.user_ns

    def reset(self) -> None:
        """Give back what the settings changed for the whole process."""
        self.colours, self.theme = True, "light"

    @no_var_expand
    @line_cell_magic
    @needs_local_scope
    def smtp(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Talk SMTP: `%smtp connect sandbox`, `%smtp ehlo`, `%smtp --help`."""
        try:
            self._locals = self._shell.user_ns if local_ns is None else local_ns
            return self._smtp(line, cell)
        except (SmtpError, Cancelled, KeyboardInterrupt) as error:
            in_one_line(error)
            raise

    def _smtp(self, line: str, cell: str | None) -> Any:
        request = parse(line, self._evaluate)
        if "--help" in request.options:
            return Help(request.command)
        if cell is not None:
            _check_cell(request)
        elif "--expand" in request.options:
            cell_magic = f"%%smtp {request.command}".strip()
            raise UsageError(f"--expand goes with a cell: {cell_magic}")
        name = request.session or self.sessions.current
        is_first = name not in self.sessions.targets and not request.words
        if self.host and is_first and request.command in ("connect", "panel"):
            request.words.append(Word(self.host))
        client = self._client(request)
        if self.identity and client.identity is None:
            client.identity = self.identity
        if self.timeout is not None:
            request.options.setdefault("--timeout", self.timeout)
        if cell is not None and request.command == "explain":
            request.words.append(Word(self._content(request, cell).strip()))
            cell = None
        if request.command or cell is not None:
            value = self._run(client, request, cell)
        else:
            value = status(name, client, self.sessions.handles.get(name))
        if request.variable:
            self._shell.user_ns[request.variable] = value
            return None
        return None if request.silent else value

    def _client(self, request: Request) -> SmtpClient:
        if request.command == "connect":
            return self.sessions.made(request.session)
        if request.command in ("sandbox", "sessions") or (
            request.command in ("use", "session") and request.words
        ):  # its word says which, and looking makes none
            return self.sessions.look(request.session) or SmtpClient()
        return self.sessions.client(request.session)

    def _run(self, client: SmtpClient, request: Request, cell: str | None) -> Any:
        wanted = request.options.get("--expect")
        if wanted is not None:
            wanted = expect.matcher(wanted)
        if request.command and not COMMANDS[request.command].talks:
            return ACTIONS[request.command](self.sessions, client, request)
        name = request.session or self.sessions.current  # `use` may change it meanwhile
        check_free(self.sessions, name)
        request = request._replace(session=name)
        content = None if cell is None else self._content(request, cell)
        task = Task(self.sessions, client, request, content, wanted)
        if not request.command:
            todo = script.steps(content or "")  # before anything is sent
            task = task._replace(cell=Conversation(todo, wanted), content=None)
        if "--background" in request.options:
            return run_behind(task, self._shell)
        return run_here(task, self._shell)

    def _content(self, request: Request, cell: str) -> str:
        if "--expand" in request.options:
            return expand(cell, self._evaluate)
        return cell

    def _evaluate(self, expression: str) -> Any:
        return eval(expression, self._shell.user_global_ns, self._locals)  # noqa: S307  # the user's own code, in the user's own cell


def _check_cell(request: Request) -> None:
    """Refuse a cell where none is taken.

    Raises:
        UsageError: The command takes none, or its words say the same thing.
    """
    if request.command not in ("", *CELLS):
        raise UsageError(
            "only %%smtp data and %%smtp send take a cell: the message; "
            "%%smtp explain: what a server said; or %%smtp alone: a dialogue"
        )
    if request.words:
        raise UsageError(f"%%smtp {request.command} takes its cell, and no words")


SmtpMagics.smtp.__doc__ = (  # what %smtp? shows
    f"Talk SMTP: `%smtp connect sandbox`, `%smtp ehlo`, ...\n\n{usage()}"
)
# In a terminal these are their text, not the call that makes them.
_TEXTS: Final = (
    "smtpnb.transcript.transcript.Transcript",
    "smtpnb.transcript.transcript.Excerpt",
    "smtpnb.transcript.transcript.SavedTranscript",
    "smtpnb.analysis.explain.explanation.Explanation",
)
_DELIVERY: Final = "smtpnb.message.delivery.Delivery"
_FRAME: Final = "pandas.core.frame.DataFrame"
_LOADED: dict[Any, ExitStack] = {}  # by shell, what takes everything back


def load(shell: Any) -> None:
    """Register the magic, its settings, its completion and how things look; once."""
    if shell in _LOADED:
        return
    settings = deepcopy(shell.config.get("SmtpMagics"))
    magics = SmtpMagics(shell)
    undo = _LOADED[shell] = ExitStack()
    undo.callback(_configure, shell, settings)
    shell.register_magics(magics)
    undo.callback(_forget, shell)
    if magics not in shell.configurables:  # Magics may have done so itself
        shell.configurables.append(magics)
    undo.callback(shell.configurables.remove, magics)
    undo.callback(Answering(shell, magics.sessions).restore)
    shows = ShowEach(shell)
    shell.ast_transformers.append(shows)
    shows.rest_of_cell()
    undo.callback(shell.ast_transformers.remove, shows)
    html, text = _formatter(shell, "text/html"), _formatter(shell, "text/plain")
    _format(undo, html, _FRAME, frame_html)
    _format(undo, html, _DELIVERY, delivery_html)
    _format(undo, text, _DELIVERY, _delivery_pretty)
    for shown in _TEXTS:
        _format(undo, text, shown, _text_pretty)
    undo.callback(magics.reset)
    undo.callback(magics.sessions.close)


def unload(shell: Any) -> None:
    """Take all of it back; sessions are closed and the sandbox is stopped."""
    undo = _LOADED.pop(shell, None)
    if undo is not None:
        undo.close()


def _forget(shell: Any) -> None:
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("smtp", None)
    shell.magics_manager.registry.pop("SmtpMagics", None)


def _configure(shell: Any, settings: Any) -> None:
    """Give back the settings of before: `%config` writes into those of the shell."""
    shell.config.pop("SmtpMagics", None)
    if settings is not None:
        shell.config["SmtpMagics"] = settings


def _format(undo: ExitStack, formatter: Any, name: str, function: Any) -> None:
    """Let a formatter show a type so; what stood there before comes back."""
    before = formatter.pop(name, None)
    formatter.for_type(name, function)
    if before is not None:
        undo.callback(formatter.for_type, name, before)
    undo.callback(formatter.pop, name, None)  # first


def _delivery_pretty(delivery: Any, printer: Any, _: bool) -> None:  # IPython's
    printer.text(delivery_text(delivery))


def _text_pretty(shown: Any, printer: Any, _: bool) -> None:  # IPython's
    printer.text(str(shown))


def _formatter(shell: Any, kind: str) -> Any:
    return shell.display_formatter.formatters[kind]
