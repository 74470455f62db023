"""The servers of the benchmarks, and a slow link before them.

csink is C and there for benchmarks only: it is compiled when first needed. smtp-sink
is Postfix's. All listen on loopback and are stopped by their process id.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.servers.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE = Path(__file__).with_name("csink.c")
_PROXY = Path(__file__).with_name("delay.py")
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def tool(name: str) -> str | None:
    """Return the path of a program, or None."""
    return shutil.which(name, path=_PLACES)


@contextmanager
def csink(*options: str) -> Iterator[int]:
    """Run csink; yield its port.

    Args:
        options: "-C" to offer no CHUNKING, "-P" to offer no PIPELINING.
    """
    compiler = tool("cc") or tool("gcc")
    if compiler is None:
        raise SystemExit("the benchmark's server is C: install a C compiler")
    with TemporaryDirectory() as folder:
        binary = Path(folder) / "csink"
        build = [compiler, "-O2", "-o", str(binary), str(_SOURCE)]
        subprocess.run([*build, "-lssl", "-lcrypto", "-lpthread"], check=True)
        port = free_port()
        with running([str(binary), "-p", str(port), *options], port):
            yield port


@contextmanager
def slow_link(target: int, round_trip: float) -> Iterator[int]:
    """Delay a server on loopback; yield the port to connect to.

    Args:
        target: The port of the server.
        round_trip: Seconds.
    """
    port = free_port()
    command = [sys.executable, str(_PROXY), str(port), str(target), str(round_trip)]
    with running(command, port):
        yield port
