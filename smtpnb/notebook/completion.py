"""Completion behind `%smtp`: commands, options, their choices, session names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import SimpleCompletion, context_matcher

from smtpnb.notebook.grammar import COMMANDS, known_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smtpnb.notebook.sessions import Sessions

_LINE: Final = re.compile(r"^\s*(?:\w+\s*=\s*)?%{1,2}smtp\s+(?P<rest>.*)$")


def candidates(before: str, names: Iterable[str]) -> list[str] | None:
    """Return what may stand at the end of a line, or None if it is no `%smtp` line.

    Args:
        before: The line up to the cursor.
        names: The sessions.
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
    if not head:
        offered = [f"@{name}" for name in names] if last[:1] == "@" else [*COMMANDS]
    else:
        offered = _behind(head, last, names)
    return [word for word in offered if word.startswith(last)]


def _behind(head: list[str], last: str, names: Iterable[str]) -> list[str]:
    command = COMMANDS.get(head[0].lower())
    if command is None:
        return []
    options = known_options(head[0].lower())
    if head[-1] in options and options[head[-1]].metavar:
        return [*options[head[-1]].choices]
    if last.startswith("-"):
        return [*options]
    if head[0].lower() in ("use", "session"):
        return [*names]
    return [*command.choices] if len(head) == 1 else []


def matcher_for(sessions: Sessions) -> Callable[[Any], Any]:
    """Return a matcher for `Completer.custom_matchers`."""

    def smtp_matcher(context: Any) -> Any:
        before = context.line_with_cursor[: context.cursor_position]
        found = candidates(before, sessions)
        if found is None:
            return {"completions": []}
        # IPython replaces its own token, which may be the end of ours ("--timeout").
        last = context.text_until_cursor.rpartition(" ")[2]
        cut = max(len(last) - len(context.token), 0)
        completions = [SimpleCompletion(text[cut:]) for text in found]
        return {"completions": completions, "suppress": True}

    matcher: Any = context_matcher(identifier="smtpnb.smtp")(smtp_matcher)
    return matcher  # type: ignore[no-any-return]
