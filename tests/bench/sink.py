"""The servers of the benchmarks, and a slow link before them.

csink is C and there for benchmarks only: it is compiled when first needed. Without a
compiler the sink of the tests takes its place for messages, and says so; it is Python,
and slower than what is measured. All listen on loopback and are stopped by process id.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import trustme

from tests.bench.machine import server_apart
from tests.servers.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE: Final = Path(__file__).with_name("csink.c")
_PROXY: Final = Path(__file__).with_name("delay.py")
_PLACES: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
HOST: Final = "127.0.0.1"


def tool(name: str) -> str | None:
    """Return the path of a program, or None."""
    return shutil.which(name, path=_PLACES)


@lru_cache
def _folder() -> Path:
    """Return a folder that is there until this process ends."""
    folder = tempfile.mkdtemp(prefix="smtpnb-bench-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


@lru_cache
def _compiled() -> str | None:
    """Return csink, compiled; None without a compiler."""
    compiler = tool("cc") or tool("gcc")
    if compiler is None:
        return None
    binary = str(_folder() / "csink")
    build = [compiler, "-O2", "-o", binary, str(_SOURCE)]
    subprocess.run([*build, "-lssl", "-lcrypto", "-lpthread"], check=True)
    return binary


def server() -> str:
    """Return the name of the sink that messages go to here."""
    return "csink (C)" if _compiled() else "the Python sink (no C compiler: slower)"


class Counted(NamedTuple):
    """What a sink counted."""

    messages: int
    recipients: int
    turns: int


class Sink(NamedTuple):
    """A running sink.

    Attributes:
        port: Where it listens.
        ca: PEM text of the CA of its certificate; "" without STARTTLS.
    """

    port: int
    ca: str = ""

    def counted(self) -> Counted:
        """Return what it has counted so far, over all its connections."""
        asking = socket.create_connection((HOST, self.port))
        with asking, asking.makefile("rwb") as file:
            file.readline()
            file.write(b"XSTAT\r\n")
            file.flush()
            words = file.readline().split()
        _, _, messages, recipients, _, turns = map(int, words)
        return Counted(messages, recipients, turns - 1)  # its own greeting


@contextmanager
def csink(*options: str, cpus: int = 0, tls: bool = False) -> Iterator[Sink]:
    """Run a sink, and pin it and this process.

    Args:
        options: "-C" to offer no CHUNKING, "-P" to offer no PIPELINING.
        cpus: On how many CPUs; see `machine.pinnings`.
        tls: Offer STARTTLS.
    """
    port, ca = free_port(), ""
    binary = _compiled()
    command = [binary] if binary else [sys.executable, "-m", "tests.bench.python_sink"]
    if tls:
        authority = trustme.CA()
        ca = authority.cert_pem.bytes().decode()
        chain = _folder() / "chain.pem"
        issued = authority.issue_cert("localhost", HOST)
        chain.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        options = (*options, "-c", str(chain), "-k", str(chain))
    if tls and binary is None:
        raise SystemExit("a sink with STARTTLS is C: install a C compiler")
    start = [*command, "-p", str(port), *options]
    with server_apart(cpus) as pin_this, running(start, port):
        pin_this()
        yield Sink(port, ca)


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
