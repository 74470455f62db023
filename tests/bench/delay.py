"""A proxy on loopback that makes a link long: what it reads leaves half a trip later.

As on a real link a connection costs one round trip and the greeting comes after the
second: the server is connected to one and a half trips after the client came.
Bandwidth, loss and slow start are not modelled. The server must speak first.

    python delay.py LISTEN_PORT TARGET_PORT ROUND_TRIP_SECONDS
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque
from typing import cast

_LIFE = 600.0  # nobody forgets it for ever


class Side(asyncio.Protocol):
    """One of the two connections: what it hears, the other says later."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._heard: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        # A queue of its own: timers of the same moment have no order.
        self._heard.append(data)
        self._loop.call_later(self._delay, self._pass_on)

    def _pass_on(self) -> None:
        said = self._heard.popleft()
        to = self.other and self.other.transport
        if to and said:
            to.write(said)
        elif to:
            to.close()

    def eof_received(self) -> bool:
        self.data_received(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.other and self.other.transport:
            self.other.transport.abort()


class Client(Side):
    """The side of the client, which makes that of the server."""

    def __init__(self, round_trip: float, target: int) -> None:
        super().__init__(round_trip / 2)
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._loop.call_later(3 * self._delay, self._begin)

    def _begin(self) -> None:
        self._tasks.add(self._loop.create_task(self._connect()))

    async def _connect(self) -> None:
        server = self.other = Side(self._delay)
        server.other = self
        await self._loop.create_connection(lambda: server, "127.0.0.1", self._target)


async def main(port: int, target: int, round_trip: float) -> None:
    """Serve until stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Client(round_trip, target), "127.0.0.1", port, backlog=100
    )
    async with server:
        await asyncio.sleep(_LIFE)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
