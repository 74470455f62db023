"""A bare `%%smtp` cell: the lines of a dialogue, as they stand in RFCs and tickets.

`C:` lines and lines without a prefix are sent; `S:` lines, replies and the chatter of
telnet are skipped, never asserted. The marks of swaks, of sendmail -v and of our own
transcripts mean the same: `->` and `>>>`, `<-`, `<<<` and `===`. The lines from DATA to
the lone dot are one content, which leaves only after 354 and is otherwise skipped. AUTH
is refused before anything is sent: a cell is kept in the history.

This module knows nothing of how a cell is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.protocol.reply import Reply

_REPLY: Final = re.compile(r"[2-5]\d\d([ -]|$)")
_CHATTER: Final = re.compile(
    r"(Trying |Connected to |Escape character is |Connection closed|\$ )"
)
_CLIENT: Final = re.compile(r"\s*(C:|->|~>|>>>) ?", re.IGNORECASE)
_SERVER: Final = re.compile(r"\s*(S:|<-|<~|<\*\*|<<<|===|\*\*\*)", re.IGNORECASE)
_AUTH: Final = re.compile(r"AUTH(\s|$)", re.IGNORECASE)  # its answers, too
_GO_ON: Final = re.compile(r"(S:\s*)?354([ -]|$)", re.IGNORECASE)


class Step(NamedTuple):
    """One line to send; or, with `is_content`, the content that DATA announced."""

    text: str
    is_content: bool = False


def steps(cell: str) -> list[Step]:
    """Cut a cell into what is sent.

    Raises:
        UsageError: AUTH with credentials; or a DATA without a lone dot behind it.
    """
    found: list[Step] = []
    content: list[str] | None = None
    mark = ""  # C: or the like, if the lines of this content carry it
    # Not splitlines: U+2028 and form feeds are octets of a message like any other.
    for line in cell.replace("\r\n", "\n").split("\n"):
        if content is not None:
            text = _without(mark, line)
            if text == ".":
                found.append(Step("".join(f"{one}\n" for one in content), True))
                content = None
            elif not (mark and _SERVER.match(line)) and (
                content or not _GO_ON.match(line)
            ):
                content.append(text.removeprefix("."))
            continue
        said = _said(line)
        if not said:
            continue
        if _AUTH.match(said):
            raise UsageError(
                "AUTH in a cell is refused, since IPython keeps its history: "
                "%smtp auth USER asks for the password; nothing was sent"
            )
        found.append(Step(said))
        if said.upper() == "DATA":
            marked = _CLIENT.match(line)
            content, mark = [], marked[1].upper() if marked else ""
    if content is not None:
        raise UsageError("DATA wants its lines and a lone dot; nothing was sent")
    return found


def _without(mark: str, line: str) -> str:
    match = _CLIENT.match(line)
    return line[match.end() :] if match and match[1].upper() == mark else line


def _said(line: str) -> str:
    """Return what a line sends; "" for a comment, a reply or a blank line."""
    text = line.strip()
    if text.startswith("#") or _SERVER.match(text):
        return ""
    if match := _CLIENT.match(text):
        return text[match.end() :].strip()
    return "" if _REPLY.match(text) or _CHATTER.match(text) else text


def say(client: SmtpClient, line: str, timeout: float | None) -> Reply:
    """Send one line of a dialogue as its verb, or as it stands if it has none."""
    verb, _, text = line.partition(" ")
    text = text.strip()
    match verb.upper():
        case "EHLO" | "HELO" | "LHLO" as hello:
            greet = {"EHLO": client.ehlo, "HELO": client.helo, "LHLO": client.lhlo}
            return greet[hello](text or None, timeout=timeout)
        case "STARTTLS":
            return client.starttls(timeout=timeout)
        case "DATA":
            return client.data(timeout=timeout)
        case "RSET":
            return client.rset(timeout=timeout)
        case "QUIT":
            return client.quit(timeout=timeout)
        case "MAIL" | "RCPT" as path:
            return _path(client, path, text, timeout)
    return client.command(verb, text, timeout=timeout)


def _path(client: SmtpClient, verb: str, text: str, timeout: float | None) -> Reply:
    match = re.match(r"(?:FROM|TO):\s*<(.*)>((?:\s+\S+)*)$", text, re.IGNORECASE)
    if match is None:  # wrong on purpose, perhaps: it goes as it stands
        return client.command(verb, text, timeout=timeout)
    send = client.mail_from if verb == "MAIL" else client.rcpt_to
    return send(match[1], parameters=match[2].split(), timeout=timeout)
