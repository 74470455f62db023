"""Completion behind `%smtp`: what may come now, and never anything else.

IPython asks many matchers and mixes what they say: names of Python, of files, of other
magics. A matcher can silence the others only while it has something to offer. So the
two public methods of the shell's completer (`completions`, which kernels and terminals
ask, and `complete`, the older one) are answered here for a line of `%smtp`, and passed
on for any other. This is the same in IPython 7, 8 and 9.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from IPython.core.completer import Completion, provisionalcompleter

from smtpnb.notebook.grammar import BARE, COMMANDS, known_options
from smtpnb.notebook.possible import sendable
from smtpnb.protocol.session import LMTP_TABLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smtpnb.notebook.grammar import Option
    from smtpnb.notebook.sessions import Sessions

_LINE: Final = re.compile(r"^\s*(?:\w+\s*=\s*)?%{1,2}smtp\s+(?P<rest>.*)$")
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


class Known(NamedTuple):
    """What a session knows: names, what may be sent, what was used and announced.

    Attributes:
        names: The sessions.
        allowed: The verbs in order now; None: anything may come.
        hosts: Where a session connected to.
        addresses: What stood in MAIL and RCPT.
        offered: The keywords of the last EHLO, with their parameters.
    """

    names: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()


def candidates(before: str, known: Known) -> list[str] | None:
    """Return what may stand at the end of a line, or None if it is no `%smtp` line.

    Args:
        before: The line up to the cursor.
        known: What the session knows.
    """
    match = _LINE.match(before)
    if match is None:
        return None
    words = match["rest"].split(" ")
    head, last = [word for word in words[:-1] if word], words[-1]
    if head[1:2] == ["<<"]:
        head = head[2:]
    if head and head[0].startswith("@"):
        head = head[1:]
    if head:
        offered = _behind(head, last, known)
    elif last[:1] == "@":
        offered = [f"@{name}" for name in known.names]
    elif last[:1] == "-":
        is_cell = before.lstrip().startswith("%%")
        offered = [*known_options(BARE)] if is_cell else ["--help"]
    else:
        offered = [name for name in COMMANDS if _may_come(name, known)]
    typed = last.lower()
    found = [word for word in offered if word.lower().startswith(typed)]
    upper = last.isupper() and not head and last[:1] != "@"
    return [word.upper() for word in found] if upper else found


def _may_come(command: str, known: Known) -> bool:
    if command not in _VERBS or known.allowed is None:
        return True
    return _VERB_OF.get(command, command.upper()) in known.allowed


def _behind(head: list[str], last: str, known: Known) -> list[str]:
    name = head[0].lower()
    command = COMMANDS.get(name)
    if command is None:
        return []
    options = known_options(name)
    if head[-1] in options and options[head[-1]].metavar:
        return _values(head[-1], options[head[-1]], known)
    option, equals, _ = last.partition("=")
    if equals and option in options:
        return [f"{option}={one}" for one in _values(option, options[option], known)]
    if last.startswith("-"):
        return [option for option in options if option not in head]
    words = _without_options(head[1:], options)
    if name in _PATHS:
        return _paths(name, words, last, known)
    if name in _NAMES:
        at = _NAMES[name]
        named = [f"{at}{one}" for one in known.names if f"{at}{one}" not in words]
        return named if at or not words else []
    if words:
        return _second(name, words)
    hosts = known.hosts if name in ("connect", "panel") else ()
    return [*command.choices, *(host for host in hosts if host not in command.choices)]


def _without_options(typed: list[str], options: Mapping[str, Option]) -> list[str]:
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
    return []


def _values(name: str, option: Option, known: Known) -> list[str]:
    if name == "--mechanism":
        offered = {m.lower() for m in dict(known.offered).get("AUTH", ())}
        offered |= {"auto"} if offered else set()
        return [one for one in option.choices if not offered or one in offered]
    if name in ("--from", "--to"):
        return [*known.addresses]
    return [*option.choices]


def _paths(name: str, words: list[str], last: str, known: Known) -> list[str]:
    """Offer `from:<` and the addresses used before; then the parameters offered."""
    prefix = _PATHS[name]
    if not words:
        typed = last[: len(prefix)]
        begun = typed if typed.lower() == prefix else prefix
        return [prefix, *(f"{begun}{address}>" for address in known.addresses)]
    offered = {keyword for keyword, _ in known.offered}
    rows = {
        "mail": {
            "SIZE=": "SIZE",
            "BODY=8BITMIME": "8BITMIME",
            "BODY=7BIT": "8BITMIME",
            "SMTPUTF8": "SMTPUTF8",
            "RET=HDRS": "DSN",
            "RET=FULL": "DSN",
            "ENVID=": "DSN",
        },
        "rcpt": {"NOTIFY=": "DSN", "ORCPT=rfc822;": "DSN"},
    }
    given = {word.partition("=")[0].upper() for word in words}
    return [
        parameter
        for parameter, keyword in rows[name].items()
        if keyword in offered and parameter.partition("=")[0] not in given
    ]


def known_to(sessions: Sessions, before: str) -> Known:
    """Return what the session of a line knows."""
    match = re.search(r"@(\S+)\s", before)
    client = sessions.look(match[1] if match else "")
    hosts = tuple(
        dict.fromkeys(
            f"{host}:{settings.get('port', 25)}"
            for host, settings in sessions.targets.values()
            if isinstance(host, str)
        )
    )
    allowed: tuple[str, ...] = ()
    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()
    if client is not None:
        allowed = sendable(client)
        offered = tuple(client.capabilities.items())
    addresses = tuple(sessions.addresses)
    return Known(tuple(sessions), allowed, hosts, addresses, offered)


class Answering:
    """Answers the completer of a shell for the lines of `%smtp`.

    Args:
        completer: Of the shell; `restore` gives it back as it was.
        sessions: What is known.
    """

    def __init__(self, completer: Any, sessions: Sessions) -> None:
        self._completer = completer
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
        found = candidates(line, known_to(self._sessions, line))
        return None if found is None else (line.rpartition(" ")[2], found)
