"""A server in the foreground: started on a free port, and stopped with its children."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def free_port() -> int:
    """Return a port of the loopback address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as finder:
        return int(finder.getsockname()[1])


@contextmanager
def open_home(*folders: str) -> Iterator[Path]:
    """Make a folder for a server, and remove it with all that the server left in it.

    Not pytest's tmp_path: the processes of a server run as others, who must be able to
    enter.

    Args:
        folders: What is in it from the start.
    """
    home = Path(tempfile.mkdtemp(prefix="smtpnb-server-"))
    try:
        home.chmod(0o755)
        for name in folders:
            (home / name).mkdir(mode=0o755, parents=True)
        yield home
    finally:
        shutil.rmtree(home)


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a program in the foreground from when it listens until the block ends.

    Args:
        command: The program and its arguments.
        port: Where it will listen.
        user: Who runs it, with that user's group; None for who runs the tests.
        env: Its environment; None for that of the tests.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, which ends with it
        )
        try:
            _wait_until_it_listens(process, port, said)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_until_it_listens(
    process: subprocess.Popen[bytes], port: int, said: IO[bytes]
) -> None:
    deadline, tick = time.monotonic() + 30, threading.Event()
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            raise AssertionError(f"{process.args!r} ended: {said.read().decode()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        tick.wait(0.02)  # a listening socket tells nobody
    raise AssertionError(f"nobody listens at port {port}")
