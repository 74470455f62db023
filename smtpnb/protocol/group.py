"""A group: what leaves together (RFC 2920), as one run of octets.

A group holds the commands of at most one mail transaction, and may hold its content,
too: before the final dot that ends it, or behind the BDAT line that announces it (RFC
3030). Beside the octets stand its parts, which the record keeps, the events whose
replies it will bring, and where in it the end of a message stands.

Parts are plain tuples, in the order on the wire, and the same tuple may stand in many
groups: a stream of messages repeats them.

This module knows nothing of what may stand where in a group: `Session.check_group`
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.transaction import ENDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.secret import Octets

CONTENT: Final = "body"
# Of a content, so many octets at once; each block has a deadline of its own.
BLOCK: Final = 64 * 1024
# Of a command: step, verb, shown octets, octets on the wire. Of content: CONTENT, None,
# None, octets, lines. "Optional" is read when the module loads, on Python 3.11.
CommandPart = tuple[str, str, bytes, int]
ContentPart = tuple[str, None, None, int, int | None]
Part = CommandPart | ContentPart

DOT: Final = b".\r\n"
DOT_PART: Final[CommandPart] = ("eod", ".", DOT, 3)


class Group:
    """What leaves together. An immutable value.

    Args:
        wire: All of it, as it leaves.
        parts: What it is made of, in order.
        events: What replies will answer, in the words of the session table.
        end: Of how many octets a server must have more to take the message that ends
            in it; None if none does.
    """

    __slots__ = ("end", "events", "parts", "wire")

    def __init__(
        self,
        wire: bytes,
        parts: tuple[Part, ...],
        events: tuple[str, ...],
        end: int | None = None,
    ) -> None:
        self.wire = wire
        self.parts = parts
        self.events = events
        self.end = end

    def __repr__(self) -> str:
        return f"<Group of {len(self.events)} commands, {len(self.wire)} octets>"


def of_commands(*commands: Command, lax: bool = False) -> Group:
    """Return commands as a group.

    Raises:
        LocalProtocolError: A command must not be sent, or holds a secret: AUTH stands
            alone (RFC 4954 section 4), and no secret lives in plain octets.
    """
    return of_lines([(command, command.octets(lax=lax)) for command in commands])


def of_lines(lines: Sequence[tuple[Command, Octets]]) -> Group:
    """Return commands as a group, each with its line.

    Raises:
        LocalProtocolError: As `of_commands`.
    """
    for command, octets in lines:
        if octets.redacted:
            raise LocalProtocolError(
                f"{command.verb} holds a secret, and cannot leave in a group; nothing "
                "was sent"
            )
    wire = b"".join([octets.wire for _, octets in lines])
    last = lines[-1][0]
    return Group(
        wire,
        tuple(
            (command.step, command.verb, octets.shown, len(octets))
            for command, octets in lines
        ),
        tuple(command.event for command, _ in lines),
        len(wire) - 1 + last.n_behind if last.event in ENDS else None,
    )


def end_of_data(octets: bytes, n_lines: int | None) -> Group:
    """Return the end of a message by DATA: the rest of its content, and the dot.

    Args:
        octets: Stuffed, with CRLF at its end; b"" for none.
        n_lines: How many lines that is; None if nobody counted.
    """
    content: tuple[Part, ...] = (
        ((CONTENT, None, None, len(octets), n_lines),) if octets else ()
    )
    # With the octet past the dot, a server may have taken the message.
    return Group(octets + DOT, (*content, DOT_PART), (".",), len(octets) + 1)


def chunk(octets: bytes | bytearray, n_lines: int | None, *, last: bool) -> Group:
    """Return BDAT and its chunk (RFC 3030 section 2).

    Args:
        octets: The chunk, as it leaves.
        n_lines: How many lines that is; None if nobody counted.
        last: Whether the message ends with it.
    """
    return announced(len(octets), last=last, octets=octets, n_lines=n_lines)


def announced(
    size: int,
    *,
    last: bool,
    octets: bytes | bytearray = b"",
    n_lines: int | None = None,
) -> Group:
    """Return a BDAT line, and as much of its chunk as is here.

    Args:
        size: Octets of the whole chunk.
        last: Whether the message ends with it.
        octets: What of it leaves in this group.
        n_lines: How many lines that is; None if nobody counted.
    """
    line = b"BDAT %d LAST\r\n" % size if last else b"BDAT %d\r\n" % size
    step, event = ("eod", "BDAT LAST") if last else ("body", "BDAT")
    parts: tuple[Part, ...] = ((step, "BDAT", line, len(line)),)
    if octets:
        parts = (*parts, (CONTENT, None, None, len(octets), n_lines))
    # The last octet of the last chunk completes the message.
    end = len(line) + size - 1 if last else None
    return Group(line + octets, parts, (event,), end)
