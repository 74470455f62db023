"""Starts csink, the benchmark-only C server, compiled when first needed.

It listens on loopback only and is stopped by its process id.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("csink.c")


@contextmanager
def csink() -> Iterator[int]:
    """Run csink; yield its port."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("the benchmark's server is C: install a C compiler")
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "csink"
        build = [compiler, "-O2", "-o", str(binary), str(SOURCE)]
        subprocess.run([*build, "-lssl", "-lcrypto", "-lpthread"], check=True)
        port = _free_port()
        process = subprocess.Popen([str(binary), "-p", str(port)])
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise SystemExit("csink does not answer")
