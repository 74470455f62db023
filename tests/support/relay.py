"""Somebody in the middle: a relay that may change each line that the server says."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def relay(
    host: str, port: int, change: Callable[[bytes], bytes]
) -> Iterator[tuple[str, int]]:
    """Carry one connection to a server, and yield the address where it is taken.

    Args:
        host: The server.
        port: Its port.
        change: Is given each line of the server's, and returns what is passed on.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection((host, port)) as server,
    ):
        thread = threading.Thread(target=_carry, args=(listener, server, change))
        thread.start()
        try:
            yield "127.0.0.1", int(listener.getsockname()[1])
        finally:
            for end in (listener, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()


def _carry(
    listener: socket.socket, server: socket.socket, change: Callable[[bytes], bytes]
) -> None:
    with suppress(OSError):
        client, _ = listener.accept()
        with client:
            there = threading.Thread(target=_there, args=(client, server))
            there.start()
            with server.makefile("rb") as lines:
                for line in lines:
                    client.sendall(change(line))
            client.shutdown(socket.SHUT_RDWR)
            there.join(10)


def _there(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while octets := client.recv(65536):
            server.sendall(octets)
        server.shutdown(socket.SHUT_WR)
