"""A bare `%%smtp` cell: the lines of a dialogue, as they stand in RFCs and tickets.

The client's lines are sent; the server's, and the chatter of tools, are skipped
(`chatter`), never asserted. The lines from DATA to the lone dot are one content, which
leaves only after 354 and is otherwise skipped; the lines below a BDAT are its chunk, as
many octets as it counts. AUTH is refused before anything is sent: a cell is kept in the
history.

This module knows nothing of how a cell is sent or shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from IPython.core.error import UsageError

from smtpnb.notebook.chatter import Listener, Marks, is_go_on, marks_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTH: Final = re.compile(r"AUTH(\s|$)", re.IGNORECASE)  # its answers, too
_BDAT: Final = re.compile(r"BDAT(?:\s+(?P<octets>\d+)(?:\s+LAST)?)?\s*$", re.IGNORECASE)


class Step(NamedTuple):
    """One line to send; or, with `is_content`, the content that DATA announced.

    Attributes:
        text: The line, or the content.
        is_content: Which of both.
        chunk: Of BDAT, the octets that follow it; else None.
    """

    text: str
    is_content: bool = False
    chunk: bytes | None = None

    @property
    def verb(self) -> str:
        """The verb in upper case; "" for a content."""
        return "" if self.is_content else self.text.partition(" ")[0].upper()

    @property
    def may_end(self) -> bool:
        """Whether a message may end with it, and have many replies."""
        return self.is_content or self.chunk is not None


def steps(cell: str) -> list[Step]:
    """Cut a cell into what is sent.

    Raises:
        UsageError: AUTH with credentials; a DATA without a lone dot behind it; a BDAT
            that counts other octets than stand below it.
    """
    # Not splitlines: U+2028 and form feeds are octets of a message like any other.
    lines = cell.replace("\r\n", "\n").split("\n")
    marks = marks_in(lines)
    listener, rest = Listener(marks), iter(lines)
    found: list[Step] = []
    for line in rest:
        said = listener.said(line)
        if not said:
            continue
        if _AUTH.match(said):
            raise UsageError(
                "AUTH in a cell is refused, since IPython keeps its history: "
                "%smtp auth USER asks for the password; nothing was sent"
            )
        mark = marks.of_client(line)
        if chunk := _BDAT.match(said):
            octets = _chunk(rest, marks, mark, chunk["octets"])
            found.append(Step(said, chunk=octets))
            continue
        found.append(Step(said))
        if said.upper() == "DATA":
            found.append(Step(_content(rest, marks, mark), is_content=True))
    return found


def _content(rest: Iterator[str], marks: Marks, mark: str) -> str:
    """Return the lines up to the lone dot; a mark on DATA is the mark of all."""
    content: list[str] = []
    for line in rest:
        text = marks.without(mark, line)
        if text == ".":
            return "".join(f"{one}\n" for one in content)
        if mark and marks.is_server(line):
            continue
        if content or not is_go_on(line):
            content.append(text.removeprefix("."))
    raise UsageError("DATA wants its lines and a lone dot; nothing was sent")


def _chunk(rest: Iterator[str], marks: Marks, mark: str, counted: str | None) -> bytes:
    """Return as many octets as BDAT counts: whole lines, the last may lack its end."""
    if counted is None:
        raise UsageError("BDAT wants a number of octets; nothing was sent")
    wanted, chunk = int(counted), b""
    while len(chunk) < wanted:
        line = next(rest, None)
        if line is None or (mark and marks.is_server(line)):
            break
        octets = marks.without(mark, line).encode()
        end = b"" if len(chunk) + len(octets) == wanted else b"\r\n"
        chunk += octets + end
    if len(chunk) != wanted:
        raise UsageError(
            f"BDAT counts {wanted} octets, and below it stand {len(chunk)}, with CRLF "
            "at the end of each line; nothing was sent"
        )
    return chunk
