"""Content: the octets of a message as they come from the stream, in blocks.

`Dotted` reads what follows DATA, `Chunk` what follows BDAT. `Kept` is where the blocks
go, up to the limit; beyond it they are counted and forgotten, so that a content which
is too big never fills the memory.

This module knows nothing of replies, faults or envelopes.
"""

from __future__ import annotations

import asyncio

BLOCK = 65_536
_TERMINATOR = b"\r\n.\r\n"


def unread(reader: asyncio.StreamReader, octets: bytes) -> None:
    """Put octets back in front of a stream."""
    reader._buffer[:0] = octets  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio has no public way


async def arrival(reader: asyncio.StreamReader) -> None:
    """Wait until there is an octet to read, and leave it there.

    Raises:
        asyncio.IncompleteReadError: The stream ended.
    """
    unread(reader, await reader.readexactly(1))


class Dotted:
    """What follows DATA, up to the lone dot (RFC 5321 section 4.1.1.4).

    Only CRLF ends a line here: a dot between bare LFs is content, never an end.

    Args:
        reader: The stream, right behind the CRLF of the DATA command.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._begun = self._ended = False
        self._held = b""

    async def block(self) -> bytes:
        """Return the next octets without the stuffed dots, b"" at the end.

        Raises:
            asyncio.IncompleteReadError: The stream ended.
        """
        if self._ended:
            return b""
        lead = 0
        if not self._begun:
            # The CRLF of DATA also begins the terminator of an empty message. Back in
            # front of the content, it lets one search find every end.
            unread(self._reader, b"\r\n")
            self._begun, lead = True, 2
        try:
            octets = await self._reader.readuntil(_TERMINATOR)
        except asyncio.LimitOverrunError as more:
            octets = await self._reader.read(more.consumed)
        else:
            self._ended = True
            octets = octets[:-3]
        return self._unstuff(octets)[lead:]

    def _unstuff(self, octets: bytes) -> bytes:
        """Remove the dots that the client added (RFC 5321 section 4.5.2)."""
        octets = self._held + octets
        self._held = b""
        if not self._ended:
            # A dot may follow in the next block.
            self._held = next((e for e in (b"\r\n", b"\r") if octets.endswith(e)), b"")
            octets = octets[: len(octets) - len(self._held)]
        return octets.replace(b"\r\n.", b"\r\n")


class Chunk:
    """What follows BDAT: a counted number of octets (RFC 3030 section 2).

    Args:
        reader: The stream, right behind the CRLF of the BDAT command.
        octets: How many octets belong to the chunk.
    """

    def __init__(self, reader: asyncio.StreamReader, octets: int) -> None:
        self._reader = reader
        self._left = octets

    async def block(self) -> bytes:
        """Return the next octets, b"" at the end of the chunk.

        Raises:
            asyncio.IncompleteReadError: The stream ended.
        """
        octets = await self._reader.read(min(self._left, BLOCK))
        if self._left and not octets:
            raise asyncio.IncompleteReadError(octets, self._left)
        self._left -= len(octets)
        return octets


class Kept:
    """The content of one transaction, as far as it is kept.

    Args:
        limit: The most octets a message may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._blocks: list[bytes] = []

    def add(self, block: bytes) -> None:
        """Keep a block, or forget everything once the limit is passed."""
        self._size += len(block)
        if self.too_big:
            self._blocks.clear()
        else:
            self._blocks.append(block)

    @property
    def too_big(self) -> bool:
        """Whether the content went over the limit."""
        return self._size > self._limit

    def octets(self) -> bytes:
        """Return the whole content; b"" when it was too big."""
        return b"".join(self._blocks)
