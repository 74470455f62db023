"""Connection: octets in, octets out, TLS, and the art of answering badly.

aiosmtpd gives a connection its life: streams, the idle timer, the step up to TLS with
the plaintext behind STARTTLS thrown away. Its loop over commands is not used, because
faults live in that loop, and because it has no BDAT, drops the commands that wait when
the client half-closes, and keeps a line without end in memory.

This module knows nothing of verbs; what a session says is in `session`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, TLSSetupException

from smtpnb.sandbox.content import BLOCK
from smtpnb.sandbox.faults import lines_of

if TYPE_CHECKING:
    import ssl

    from smtpnb.sandbox.faults import Fault

IDLE = 300.0  # seconds without a command, RFC 5321 section 4.5.3.2.7
_STALL = 3_600.0  # seconds until a stalled session is given up
_LINGER = 1.0  # seconds for the last reply to leave


def on_the_wire(reply: str, *, eight_bit: bool = False) -> bytes:
    r"""Return the octets of a reply.

    Args:
        reply: Code and text, lines separated by "\n".
        eight_bit: Put Latin-1 octets, which are not UTF-8, behind the text.
    """
    octets = "\r\n".join(lines_of(reply)).encode("utf-8", "backslashreplace")
    return octets + (b" caf\xe9\r\n" if eight_bit else b"\r\n")


class Connection(SMTP, ABC):
    """One connection of a sandbox, without words.

    Args:
        hostname: The name of the server.
        tls_context: For STARTTLS and implicit TLS, or None.
        connections: The open connections; this one enters and leaves the set.
    """

    # aiosmtpd makes it the limit of its stream, so it is the size of a block.
    line_length_limit = BLOCK

    def __init__(
        self,
        hostname: str,
        tls_context: ssl.SSLContext | None,
        connections: set[Connection],
    ) -> None:
        super().__init__(
            None,
            hostname=hostname,
            tls_context=tls_context,
            timeout=IDLE,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections
        self._gone = asyncio.Event()
        self._socket: asyncio.Transport | None = None
        self._held = False

    @abstractmethod
    async def converse(self) -> None:
        """Carry the session until its polite end."""

    @abstractmethod
    def note(self, reply: str) -> None:
        """Keep what is about to be said."""

    # What aiosmtpd calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on inside TLS (asyncio)."""
        super().connection_made(transport)
        if self._socket is None and isinstance(transport, asyncio.Transport):
            self._socket = transport
            self._connections.add(self)
            # asyncio does it only for sockets whose protocol has a number. Without it
            # a reply can wait 40 ms for a delayed ACK (of TLS session tickets, say).
            plain = transport.get_extra_info("socket")
            if plain.family != socket.AF_UNIX:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def eof_received(self) -> bool:
        """Note the client's last word (asyncio)."""
        # The client has said its last word; what it said before still counts.
        self._gone.set()
        asyncio.StreamReaderProtocol.eof_received(self)
        # A TLS transport cannot stay half open.
        return self._tls_protocol is None

    async def push(self, status: str | bytes) -> None:
        """Say nothing: the 220 of aiosmtpd's STARTTLS has been sent by us."""

    async def _handle_client(self) -> None:
        """Carry the session; aiosmtpd makes a task of this."""
        # An error here is the client leaving, or a fault which ends the session.
        with contextlib.suppress(
            OSError, asyncio.IncompleteReadError, TLSSetupException
        ):
            try:
                await self.converse()
                await self._close()
            finally:
                self._connections.discard(self)
                if self._timeout_handle is not None:
                    self._timeout_handle.cancel()
                if self._socket is not None:
                    self._socket.abort()

    async def _close(self) -> None:
        """Let the last reply arrive, but do not wait for who never reads it."""
        self._writer.close()
        async with asyncio.timeout(_LINGER):
            await self._writer.wait_closed()

    # What a session calls.

    @property
    def crowd(self) -> int:
        """How many connections the sandbox has, with this one."""
        return len(self._connections)

    def hold_input(self) -> None:
        """Leave in the kernel what follows, since it belongs to TLS."""
        if self._socket is not None:
            self._held = True
            self._socket.pause_reading()

    def _release_input(self) -> None:
        if self._held and self._socket is not None:
            self._held = False
            self._socket.resume_reading()

    async def begin_tls(self, fault: Fault | None) -> None:
        """Shake hands; the input is on hold.

        Raises:
            TLSSetupException: The handshake failed.
            ConnectionError: The fault ended the session.
        """
        if fault is not None:
            await self.suffer(fault)
        # The first step of the handshake comes before the next turn of the loop.
        self.loop.call_soon(self._release_input)
        await super().smtp_STARTTLS("")

    async def line(self, limit: int) -> bytes | None:
        """Read a line, of which only `limit` octets are ever kept.

        Returns:
            The line without its end, or None if it was too long.

        Raises:
            asyncio.IncompleteReadError: The stream ended.
        """
        too_long = False
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as more:
                await self._reader.readexactly(more.consumed)
                too_long = True
                continue
            self._reset_timeout()
            return None if too_long or len(line) > limit else line.rstrip(b"\r\n")

    async def suffer(self, fault: Fault) -> None:
        """Wait as long as a fault wants, and end the session if it says so.

        Raises:
            ConnectionError: The session is over.
        """
        if fault.delay is not None:
            await self._pause(fault.delay)
        if fault.stall:
            self._reset_timeout(_STALL)
            self._release_input()  # or the end of the client would not be seen
            await self._gone.wait()
        if fault.stall or (fault.drop and fault.reply is None):
            raise ConnectionAbortedError

    async def say(self, reply: str, fault: Fault | None = None) -> None:
        r"""Send a reply, the way a fault wants it.

        Args:
            reply: The usual reply, lines separated by "\n".
            fault: What is done to it.

        Raises:
            ConnectionError: The session is over.
        """
        if fault is None:
            self.note(reply)
            await self._send(on_the_wire(reply))
            return
        await self.suffer(fault)
        reply = fault.reply or reply
        self.note(reply)
        octets = on_the_wire(reply, eight_bit=fault.eight_bit)
        if fault.drip is None:
            await self._send(octets)
        else:
            for octet in octets:
                await self._send(bytes([octet]))
                await self._pause(fault.drip)
        # RFC 5321 section 3.8: 421 is the end of the session.
        if fault.drop or reply.startswith("421"):
            await self._close()
            raise ConnectionAbortedError

    async def _send(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless the client leaves; the idle timer sleeps as well."""
        self._reset_timeout(seconds + IDLE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        self._reset_timeout()
