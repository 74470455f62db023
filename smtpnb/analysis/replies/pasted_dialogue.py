"""A dialogue that somebody pasted: swaks, telnet, curl, nodemailer, smtplib's debug.

All of them write the replies as they came and the commands as they left, each with a
sign of its own before the line, or none. Commands and replies are paired first-in
first-out (RFC 2920), and the reply that decided is given back with its step: the first
refusal of a sender, a recipient, a message or a login; else the first of any; else the
last reply before QUIT.

This module knows nothing of what a reply means.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

_STAMP: Final = (
    r"(?:\[?\d{2,4}[-:/]\d\d[-:/]\d\d[\d:.,T+Z -]{0,24}\]?[ \t]{1,4})?"
    r"(?:[A-Z]{4,6} )?(?:\[\w{1,32}\] )?"
)
_THEIRS: Final = r"(?:<\*\*|<-{1,2}|<~\*?|<{1,2}|S:|SERVER:|reply:|[0-9a-f]{4}:)"
_OURS: Final = r"(?:-{0,2}>{1,2}|~>|C:|CLIENT:|send:|[0-9a-f]{4}:)"
_REPLY: Final = re.compile(
    rf"^ ?{_STAMP}({_THEIRS}[ \t]{{0,4}})?(?:b?['\"])?([2-5]\d\d)([ -]|$)(.*)$"
)
_COMMAND: Final = re.compile(
    rf"^ ?{_STAMP}(?:{_OURS}[ \t]{{0,4}})?(?:b?['\"])?"
    r"(?:(EHLO|HELO|LHLO|VRFY|EXPN|BDAT)[ ][\w\[]|(AUTH)[ ][A-Z\d-]{2,20}(?:[ '\"\\]|$)"
    r"|(MAIL[ ]FROM|RCPT[ ]TO):[ ]?<([^<>]{0,320})>"
    r"|(DATA|RSET|NOOP|HELP|STARTTLS|QUIT)[ \t]*(?:['\"\\]|$))",
    re.IGNORECASE,
)
_DOT: Final = re.compile(
    rf"^ ?{_STAMP}(?:{_OURS}[ \t]{{0,4}})?(?:b?['\"])?\.(?:\\r|['\"]|$)"
)
_HOST: Final = re.compile(r"\bConnected to ([\w.-]{1,255}?)\.?(?: |\n|$)")
_END_OF_QUOTE: Final = re.compile(r"(?:\\r)?(?:\\n)?['\"]$")

_STEP_OF: Final = {
    "": "greeting",
    ".": "eod",
    "BDAT": "eod",
    "EHLO": "ehlo",
    "HELO": "ehlo",
    "LHLO": "ehlo",
    "MAIL FROM": "mail",
    "RCPT TO": "rcpt",
}
_DECISIVE: Final = ("mail", "rcpt", "data", "eod", "auth")


class Said(NamedTuple):
    """A reply in a dialogue.

    Attributes:
        code: Its code.
        lines: Its lines, without the code.
        step: At which step, as in the tables.
        path: The address that the command named.
    """

    code: int
    lines: list[str]
    step: str
    path: str | None


def decisive_reply(text: str) -> tuple[Said, str | None] | None:
    """Return the reply that decided a dialogue, and the host; None: it is none."""
    said, commands = _paired(text.split("\n"))
    if len(said) < 2 or not commands:
        return None
    host = _HOST.search(text)
    refused = [one for one in said if one.code >= 400]
    before_quit = [one for one in said if one.step != "quit"] or said
    decided = next((one for one in refused if one.step in _DECISIVE), None)
    chosen = decided or (refused[0] if refused else before_quit[-1])
    return chosen, host[1] if host else None


def _paired(lines: list[str]) -> tuple[list[Said], int]:
    """Return the replies with their commands, and how many commands there were."""
    said: list[Said] = []
    waiting: list[tuple[str, str | None]] = [("", None)]  # the greeting
    open_lines: list[str] = []
    commands = 0
    in_content = False
    for before, line in pairwise(["", *lines]):
        reply = _REPLY.match(line)
        if in_content:
            in_content = not _ends_content(line, reply, before)
            if not in_content:
                waiting.append((".", None))
            if in_content or reply is None:
                continue
        if reply is None:
            command = _COMMAND.match(line)
            if command is not None:
                if not said and not commands and not open_lines:
                    waiting.clear()  # the greeting was not pasted
                commands += 1
                verb = next(word for word in command.group(1, 2, 3, 5) if word)
                waiting.append((verb.upper(), command[4]))
            continue
        open_lines.append(_END_OF_QUOTE.sub("", reply[4].rstrip()))
        if reply[3] == "-":
            continue
        verb, path = waiting.pop(0) if waiting else ("?", None)
        step = _STEP_OF.get(verb, verb.lower())
        said.append(Said(int(reply[2]), open_lines, step, path))
        open_lines = []
        in_content = reply[2] == "354"
        if reply[2] == "334":  # AUTH goes on; its answers are no commands
            waiting.insert(0, (verb, path))
    return said, commands


def _ends_content(line: str, reply: re.Match[str] | None, before: str) -> bool:
    """Whether the content ends here: by its dot, or because they speak again."""
    if _DOT.match(line):
        return True
    if reply is None or reply[1] is None:
        return False
    return not reply[1][0].isalnum() or reply[1][0] in "Sr" or "<=" in before
