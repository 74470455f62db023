"""A server that is one process: started on a free port, and stopped by its id."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as finder:
        return int(finder.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[None]:
    """Run a program in the foreground from when it listens until the block ends.

    Args:
        command: The program and its arguments.
        port: Where it will listen.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_until_it_listens(process, port)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline, tick = time.monotonic() + 10, threading.Event()
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said, _ = process.communicate()
            raise AssertionError(f"{process.args!r} ended: {said.decode()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        tick.wait(0.02)  # a listening socket tells nobody
    raise AssertionError(f"nobody listens at port {port}")
