"""A group: commands that leave together (RFC 2920), as one run of octets.

A group may hold the content of messages, too: before the final dot that ends it, or
behind the BDAT line that announces it (RFC 3030). Beside the octets stand its parts,
which the record keeps: what each command was, and how many octets it took.

Parts are plain tuples, in the order on the wire, and the same tuple may stand in many
groups: a stream of messages repeats them.

This module knows nothing of what may stand where in a group: `Session.check_group`
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from smtpnb.protocol.commands import Command

CONTENT: Final = "body"
# Of a command: step, verb, shown octets, octets on the wire. Of content: CONTENT, None,
# None, octets, lines. "Optional" is read when the module loads, on Python 3.11.
CommandPart = tuple[str, str, bytes, int]
ContentPart = tuple[str, None, None, int, int | None]
Part = CommandPart | ContentPart


class Group:
    """Commands and content that leave together. An immutable value.

    Attributes:
        commands: The commands, in order.
        wire: All of it, as it leaves.
        parts: What it is made of, in order.
    """

    __slots__ = ("commands", "parts", "wire")

    def __init__(
        self, commands: tuple[Command, ...], wire: bytes, parts: tuple[Part, ...]
    ) -> None:
        self.commands = commands
        self.wire = wire
        self.parts = parts

    def __repr__(self) -> str:
        return f"<Group of {len(self.commands)} commands, {len(self.wire)} octets>"


def of_commands(*commands: Command, lax: bool = False) -> Group:
    """Return commands as a group.

    Raises:
        LocalProtocolError: A command must not be sent, or holds a secret: AUTH stands
            alone (RFC 4954 section 4), and no secret lives in plain octets.
    """
    lines = [command.octets(lax=lax) for command in commands]
    if any(octets.redacted for octets in lines):
        raise LocalProtocolError("AUTH cannot leave in a group; nothing was sent")
    return Group(
        commands,
        b"".join([octets.wire for octets in lines]),
        tuple(
            (command.step, command.verb, octets.shown, len(octets))
            for command, octets in zip(commands, lines, strict=True)
        ),
    )


class Draft:
    """A group in the making: other groups and content, in the order on the wire.

    Attributes:
        size: Octets so far.
    """

    __slots__ = ("_commands", "_made", "_parts", "_wire", "size")

    def __init__(self, *groups: Group) -> None:
        self._commands: list[Command] = []
        self._wire: list[bytes] = []
        self._parts: list[Part] = []
        self._made: Group | None = None
        self.size = 0
        for group in groups:
            self.add(group)

    def add(self, group: Group) -> None:
        """Add a group."""
        self._commands += group.commands
        self._wire.append(group.wire)
        self._parts += group.parts
        self._made = None
        self.size += len(group.wire)

    def add_content(self, octets: bytes, n_lines: int) -> None:
        """Add content, as it leaves, and how many lines it has."""
        self._wire.append(octets)
        self._parts.append((CONTENT, None, None, len(octets), n_lines))
        self._made = None
        self.size += len(octets)

    def group(self) -> Group:
        """Return what was added as one group; it is made once."""
        if self._made is None:
            wire = b"".join(self._wire)
            self._made = Group(tuple(self._commands), wire, tuple(self._parts))
        return self._made
