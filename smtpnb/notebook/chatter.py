"""What stands in a pasted dialogue and is no line of the client.

Dialogues are copied from RFCs, tickets and terminals. A mark before a line says who
spoke: `C:` and `S:`; `->`, `<-` and `===` of swaks and of our own transcripts; `>>>`
and `<<<` of RFC 3461 and sendmail -v; `>` and `<` of curl. RFC 821 and RFC 3030 call
the sender `S:` and the receiver `R:`. Without a mark, what telnet, nc, openssl s_client
and gnutls-cli say of themselves is chatter, and a reply is the server's.

This module knows nothing of what is sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.protocol.session import LMTP_TABLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPLY: Final = re.compile(r"[2-5]\d\d([ -]|$)")
_GO_ON: Final = re.compile(r"(S:\s*)?354([ -]|$)", re.IGNORECASE)
_SENDER: Final = re.compile(r"\s*(C:|->|~>|>>>|SMTP>>|>(?=\s)) ?", re.IGNORECASE)
_SERVER: Final = re.compile(
    r"\s*(C:?\s*&\s*S:|S:|<-|<~|<\*\*|<<<|SMTP<<|<(?=\s*[2-5]\d\d[ -])|===|\*\*\*|\* )",
    re.IGNORECASE,
)
# As RFC 821 and RFC 3030 write it.
_S_SENDS: Final = re.compile(r"\s*(S:) ?", re.IGNORECASE)
_R_ANSWERS: Final = re.compile(r"\s*(R:|S:?\s*&\s*R:)", re.IGNORECASE)

_CHATTER: Final = re.compile(
    r"""
    Trying\ |Connected\ to\ |Connection\ |Escape\ character\ is\ |\^\]|telnet[:>]
    |Ncat:\ |(DONE|closed|RENEGOTIATING)$|read:errno|(depth=\d|verify\ (return|error))
    |-\ |Processed\ \d+\ CA|Resolving\ |Connecting\ to\        # gnutls-cli
    |[$%]\ |\S*[@:~\\][^<>]*[$\#>]\ +\w                        # a shell's prompt
    |<[^<>@]+>$|\(?\[?(\.\ ?){3,}\]?\)?$                       # <waits>, ...
    |.*\[Page\ \d+\]$|RFC\ \d+\ .*\b\d{4}$                     # between pages
    """,
    re.VERBOSE,
)
# openssl s_client tells of the certificates, and later of session tickets.
_BLOCK: Final = re.compile(r"CONNECTED\(|---$")
_END_OF_BLOCK: Final = re.compile(r"read R BLOCK$")
_VERBS: Final = frozenset(
    verb.partition(" ")[0]
    for table in (TABLE, LMTP_TABLE)
    for row in table.values()
    for verb in row
    if verb.isupper()
)


class Marks(NamedTuple):
    """Which marks are the client's in one cell, and which the server's."""

    client: re.Pattern[str]
    server: re.Pattern[str]

    def of_client(self, line: str) -> str:
        """Return the client's mark before a line; "" if there is none."""
        match = self.client.match(line)
        return match[1].upper() if match else ""

    def is_server(self, line: str) -> bool:
        """Tell whether a line carries the server's mark."""
        return self.server.match(line) is not None

    def without(self, mark: str, line: str) -> str:
        """Return a line without this mark; without another it stays as it is."""
        match = self.client.match(line)
        return line[match.end() :] if match and match[1].upper() == mark else line


def marks_in(lines: Sequence[str]) -> Marks:
    """Return who is meant by the marks of a cell."""
    if any(_R_ANSWERS.match(line) for line in lines) and not any(
        line.strip().upper().startswith("C:") for line in lines
    ):
        return Marks(_S_SENDS, _R_ANSWERS)
    return Marks(_SENDER, _SERVER)


class Listener:
    """Reads a dialogue line by line, but for the contents.

    Args:
        marks: Of the cell.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._in_block = False

    def said(self, line: str) -> str:
        """Return what a line sends; "" for a comment, a reply, chatter or nothing."""
        text = line.strip()
        if text.startswith("#") or self._marks.is_server(text):
            return ""
        if mark := self._marks.of_client(text):
            text = self._marks.without(mark, text).strip()
            return "" if _CHATTER.match(text) else text
        return "" if self._is_chatter(text) else text

    def _is_chatter(self, text: str) -> bool:
        if _BLOCK.match(text):
            self._in_block = True
            return True
        is_reply = _REPLY.match(text) is not None
        if self._in_block:
            is_verb = text.partition(" ")[0].upper() in _VERBS
            ends = _END_OF_BLOCK.match(text) is not None
            self._in_block = not (is_reply or is_verb or ends)
            return not is_verb
        return is_reply or _CHATTER.match(text) is not None


def is_go_on(line: str) -> bool:
    """Tell whether a line is the 354 that may stand before a content."""
    return _GO_ON.match(line) is not None
