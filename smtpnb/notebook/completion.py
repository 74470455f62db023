"""Completion behind `%smtp`: what may come now, and never anything else.

IPython asks many matchers and mixes what they say: names of Python, of files, of other
magics. A matcher can silence the others only while it has something to offer. So the
two public methods of the shell's completer (`completions`, which kernels and terminals
ask, and `complete`, the older one) are answered here for a line of `%smtp`, and passed
on for any other. This is the same in IPython 7, 8 and 9.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from IPython.core.completer import Completion, provisionalcompleter

from smtpnb.notebook.commands import CELLS
from smtpnb.notebook.connecting import written
from smtpnb.notebook.grammar import BARE, COMMANDS, FAULT, known_options
from smtpnb.notebook.possible import sendable
from smtpnb.protocol.guards import GUARDS
from smtpnb.protocol.names import SERVICES
from smtpnb.protocol.session import LMTP_TABLE, TABLE, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from smtpnb.notebook.grammar import Option
    from smtpnb.notebook.sessions import Sessions

# `%smtp` at the head of a line, behind an assignment, or behind a magic such as %time.
_LINE: Final = re.compile(
    r"^\s*(?:[^%=]*[^%=!<>]=\s*|%\w+\s+(?:-\S+\s+)*)?%{1,2}smtp\s+(?P<rest>.*)$"
)
# A name that is being written within braces.
_VARIABLE: Final = re.compile(r"(?:^|[^{])(?:\{\{)*\{(?P<name>\w*)$")
_CELL: Final = re.compile(r"^\s*%%smtp(\s|$)")
_PATHS: Final = {"mail": "from:<", "rcpt": "to:<"}
# Commands whose words are sessions, and what stands before each.
_NAMES: Final = {"use": "", "session": "", "compare": "@"}
# Commands that are a verb of SMTP under another name, or a part of one.
_VERB_OF: Final = {"end": "end of data"}
_IN_ORDER: Final = {
    verb for table in (TABLE, LMTP_TABLE) for row in table.values() for verb in row
}
_VERBS: Final = frozenset(
    name for name in COMMANDS if name in _VERB_OF or name.upper() in _IN_ORDER
)
_OPEN: Final = frozenset(State) - {State.CLOSED}
_BETWEEN: Final = frozenset({State.CONNECTED, State.READY})  # mail transactions
# Where other commands that talk may come.
_WHERE: Final[Mapping[str, frozenset[State]]] = {
    "send": _BETWEEN,
    "conformance": _BETWEEN,
    "command": _OPEN - {State.DATA},
    "raw": _OPEN,
    "disconnect": _OPEN,
    "cancel": _OPEN,
}
_SUFFIXES: Final = (".jsonl", ".parquet", ".pem", ".crt")
# What may stand behind a path: the parameters, and the keyword that announces them.
_PARAMETERS: Final[Mapping[str, Mapping[str, str]]] = {
    "mail": {
        "SIZE=": "SIZE",
        "BODY=8BITMIME": "8BITMIME",
        "BODY=7BIT": "8BITMIME",
        "BODY=BINARYMIME": "BINARYMIME",
        "SMTPUTF8": "SMTPUTF8",
        "RET=HDRS": "DSN",
        "RET=FULL": "DSN",
        "ENVID=": "DSN",
        "AUTH=<>": "AUTH",
        "BY=": "DELIVERBY",
        "HOLDFOR=": "FUTURERELEASE",
        "HOLDUNTIL=": "FUTURERELEASE",
        "MT-PRIORITY=": "MT-PRIORITY",
        "REQUIRETLS": "REQUIRETLS",
        "PRDR": "PRDR",
    },
    "rcpt": {
        "NOTIFY=NEVER": "DSN",
        "NOTIFY=SUCCESS,FAILURE,DELAY": "DSN",
        "ORCPT=rfc822;": "DSN",
        "RRVS=": "RRVS",
    },
}


class Known(NamedTuple):
    """What a session knows: names, what may be sent, what was used and announced.

    Attributes:
        names: The sessions.
        allowed: The verbs in order now; None: anything may come.
        hosts: Where a session connected to.
        addresses: What stood in MAIL and RCPT.
        offered: The keywords of the last EHLO, with their parameters.
        state: Of the session; None: any.
        variables: What may stand in `{}`.
    """

    names: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()
    state: State | None = None
    variables: tuple[str, ...] = ()


def candidates(before: str, known: Known) -> list[str] | None:
    """Return what may stand at the end of a line, or None if it is no `%smtp` line.

    Args:
        before: The line up to the cursor.
        known: What the session knows.
    """
    match = _LINE.match(before)
    if match is None:
        return None
    is_cell = before.lstrip().startswith("%%smtp")
    head, last = _head(match["rest"])
    if inner := _VARIABLE.search(last):
        before_it = last[: inner.start("name")]
        names = [one for one in known.variables if one.startswith(inner["name"])]
        return [f"{before_it}{one}" for one in names]
    if head:
        offered = _behind(head, last, known, is_cell=is_cell)
    elif last[:1] == "@":
        offered = [f"@{name}" for name in known.names]
    elif last[:1] == "-":
        offered = [*known_options(BARE)] if is_cell else ["--help"]
    else:
        commands: Iterable[str] = CELLS if is_cell else COMMANDS
        offered = [name for name in commands if _may_come(name, known, is_cell=is_cell)]
    typed = last.lower()
    found = [word for word in offered if word.lower().startswith(typed)]
    upper = last.isupper() and not head and last[:1] != "@"
    return [word.upper() for word in found] if upper else found


def _head(rest: str) -> tuple[list[str], str]:
    """Return the words before the one that is written, without VAR << and @NAME."""
    words = re.split(r"\s", rest)
    head, last = [word for word in words[:-1] if word], words[-1]
    if head[1:2] == ["<<"]:
        head = head[2:]
    if head and head[0].startswith("@"):
        head = head[1:]
    return head, last


def _may_come(command: str, known: Known, *, is_cell: bool) -> bool:
    if is_cell and command == "data" and known.state is State.DATA:
        return True  # the content that a bare data announced
    if known.state is not None and command in _WHERE:
        return known.state in _WHERE[command]
    if known.allowed is None:
        return True
    if command == "burl":  # a part of a message, as a chunk is
        return "BDAT" in known.allowed and "BURL" in dict(known.offered)
    if command not in _VERBS:
        return True
    return _VERB_OF.get(command, command.upper()) in known.allowed


def _behind(
    head: Sequence[str], last: str, known: Known, *, is_cell: bool
) -> Sequence[str]:
    name = head[0].lower()
    if name not in COMMANDS:
        return []
    options = known_options(name)
    before = head[-1].lower()
    if before in options and options[before].metavar:
        return _values(before, options[before], last, known)
    option, equals, value = last.partition("=")
    if equals and option.lower() in options:
        values = _values(option.lower(), options[option.lower()], value, known)
        return [f"{option}={one}" for one in values]
    if last.startswith("-"):
        given = {word.partition("=")[0] for word in head}
        here = _options_here(name, head, options, is_cell=is_cell)
        return [option for option in here if option not in given]
    words = _without_options(head[1:], options)
    if name in _PATHS:
        return _paths(name, words, last, known)
    if name in _NAMES:
        at = _NAMES[name]
        named = [f"{at}{one}" for one in known.names if f"{at}{one}" not in words]
        return named if at or not words else []
    return _second(name, words) if words else _first(name, last, known)


def _first(name: str, last: str, known: Known) -> list[str]:
    command = COMMANDS[name]
    if command.arguments == "FILE":
        return _files(last)
    hosts = known.hosts if name in ("connect", "panel") else ()
    return [*command.choices, *(host for host in hosts if host not in command.choices)]


def _options_here(
    name: str, head: Sequence[str], options: Mapping[str, Option], *, is_cell: bool
) -> list[str]:
    """Leave out what goes with a cell where there is none, and with another word."""
    here = [one for one in options if is_cell or one != "--expand"]
    if name == "sandbox":
        what = next(iter(_without_options(head[1:], options)), "").lower()
        ours = {"fault": FAULT, "": {*options} - {*FAULT}}.get(what, ())
        here = [one for one in here if one in ours or one == "--help"]
    return here


def _without_options(typed: Sequence[str], options: Mapping[str, Option]) -> list[str]:
    """Leave out options and their values: `mail --size 9 ` still wants its path."""
    words, rest = [], iter(typed)
    for word in rest:
        if not word.startswith("--"):
            words.append(word)
        elif word in options and options[word].metavar:
            next(rest, None)
    return words


def _second(name: str, words: list[str]) -> list[str]:
    if name == "sandbox" and [word.lower() for word in words] == ["fault"]:
        from smtpnb.sandbox.faults import STEPS  # the sandbox loads when it is used

        return [*STEPS]
    if name == "connect" and len(words) == 1 and words[0].lower() != "sandbox":
        return [*SERVICES]  # as for telnet: HOST PORT
    return []


def _values(name: str, option: Option, typed: str, known: Known) -> list[str]:
    if name == "--mechanism":
        offered = {m.lower() for m in dict(known.offered).get("AUTH", ())}
        offered |= {"auto"} if offered else set()
        return [one for one in option.choices if not offered or one in offered]
    if name in ("--from", "--to"):
        return _in_list(typed, known.addresses)
    if name == "--lift":
        return _in_list(typed, [*GUARDS])
    if name == "--disable":
        return _in_list(typed, [keyword for keyword, _ in known.offered])
    if option.metavar == "FILE":
        return _files(typed)
    return [*option.choices]


def _in_list(typed: str, each: Sequence[str]) -> list[str]:
    """Offer what may stand behind the last comma."""
    before, comma, _ = typed.rpartition(",")
    given = before.lower().split(",")
    return [f"{before}{comma}{one}" for one in each if one.lower() not in given]


def _files(typed: str) -> list[str]:
    """Offer folders and files; one with spaces in its name would need quotes."""
    folder, slash, name = typed.rpartition("/")
    try:
        here = sorted(Path(f"{folder}{slash}" or ".").iterdir())
    except OSError:
        return []
    found = [
        f"{folder}{slash}{one.name}{'/' if one.is_dir() else ''}"
        for one in here
        if one.is_dir() or one.suffix in _SUFFIXES
    ]
    hidden = () if name.startswith(".") else "."
    return [
        one
        for one in found
        if " " not in one and not one[len(folder + slash) :].startswith(hidden)
    ]


def _paths(name: str, words: list[str], last: str, known: Known) -> list[str]:
    """Offer `from:<` and the addresses used before; then the parameters offered."""
    prefix = _PATHS[name]
    if not words or [word.lower() for word in words] == [prefix[:-1]]:
        if last[:1] == "<":
            return [f"<{address}>" for address in known.addresses]
        typed = last[: len(prefix)]
        begun = typed if typed.lower() == prefix else prefix
        bare = known.addresses if last else ()  # what one may type, too
        return [prefix, *(f"{begun}{address}>" for address in known.addresses), *bare]
    offered = {keyword for keyword, _ in known.offered}
    given = {word.partition("=")[0].upper() for word in words}
    return [
        parameter
        for parameter, keyword in _PARAMETERS[name].items()
        if keyword in offered and parameter.partition("=")[0] not in given
    ]


def known_to(sessions: Sessions, before: str, names: Iterable[str] = ()) -> Known:
    """Return what the session of a line knows."""
    match = re.search(r"%smtp\s+(?:\w+\s+<<\s+)?@(\S+)\s", before)
    client = sessions.look(match[1] if match else "")
    hosts = tuple(
        dict.fromkeys(
            written(host, settings)
            for host, settings in sessions.targets.values()
            if isinstance(host, str)
        )
    )
    state = State.CLOSED
    allowed: tuple[str, ...] = ()
    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()
    if client is not None:
        allowed, state = sendable(client), client.state
        offered = tuple(client.capabilities.items())
    addresses = tuple(sessions.addresses)
    return Known(
        tuple(sessions), allowed, hosts, addresses, offered, state, tuple(names)
    )


class Answering:
    """Answers the completer of a shell for the lines of `%smtp`.

    Args:
        shell: Whose completer answers; `restore` gives it back as it was.
        sessions: What is known.
    """

    def __init__(self, shell: Any, sessions: Sessions) -> None:
        self._shell, self._completer = shell, shell.Completer
        completer = shell.Completer
        self._sessions = sessions
        self._completions = completer.completions
        self._complete = completer.complete
        completer.completions = self.completions
        completer.complete = self.complete

    def restore(self) -> None:
        """Take the two methods back."""
        del self._completer.completions, self._completer.complete

    def completions(self, text: str, offset: int) -> Iterator[Completion]:
        """Answer as `IPCompleter.completions` does."""
        found = self._found(text[:offset])
        if found is None:
            return iter(self._completions(text, offset))
        typed, words = found
        with provisionalcompleter():
            made = [Completion(offset - len(typed), offset, word) for word in words]
        return iter(made)

    def complete(
        self,
        text: str | None = None,
        line_buffer: str | None = None,
        cursor_pos: int | None = None,
    ) -> tuple[str, Iterable[str]]:
        """Answer as `IPCompleter.complete` does."""
        line = (text or "") if line_buffer is None else line_buffer
        found = self._found(line if cursor_pos is None else line[:cursor_pos])
        if found is not None:
            return found
        both: tuple[str, Iterable[str]] = self._complete(text, line_buffer, cursor_pos)
        return both

    def _found(self, before: str) -> tuple[str, list[str]] | None:
        """Return what is typed and what may stand for it; None: no line of ours."""
        line = before.rpartition("\n")[2]
        if "\n" in before and _CELL.match(before):
            return "", []  # the body of a cell is a message, not Python
        if not _LINE.match(line):
            return None
        hidden = self._shell.user_ns_hidden
        names = [
            name
            for name in self._shell.user_ns
            if name not in hidden and not name.startswith("_")
        ]
        found = candidates(line, known_to(self._sessions, line, sorted(names)))
        return None if found is None else (re.split(r"\s", line)[-1], found)
