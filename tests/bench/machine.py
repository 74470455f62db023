"""The machine that is measured on: what it is, and which of its CPUs take part.

On two idle CPUs a turn costs ten times what it costs on one, where client and server
hand over to each other. So whatever waits for a server is measured both ways, and told
both ways. Where a system cannot pin a process, it is told once, as it falls.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CAN_PIN: Final = hasattr(os, "sched_setaffinity")
_VERSIONS: Final = ("numpy", "pandas", "ipython")


def described() -> str:
    """Return the processor, and the versions that matter."""
    versions = [f"Python {platform.python_version()}", ssl.OPENSSL_VERSION]
    for name in _VERSIONS:
        versions.append(f"{name} {importlib.metadata.version(name)}")  # noqa: PERF401
    system = f"{platform.system()} {platform.release()}"
    return (
        f"{os.cpu_count()} CPUs, {_processor()}; {system}\n"
        f"{', '.join(versions)}; loopback, transcript on, default settings"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def pinnings() -> Sequence[int]:
    """Return on how many CPUs client and server can be put: (2, 1), (1,) or (0,).

    0: this system decides.
    """
    if not _CAN_PIN:
        return (0,)
    return (2, 1) if len(os.sched_getaffinity(0)) > 1 else (1,)


def said(cpus: int) -> str:
    """Return a pinning in words."""
    return {0: "not pinned", 1: "one CPU", 2: "two CPUs"}[cpus]


@contextmanager
def server_apart(cpus: int) -> Iterator[Callable[[], None]]:
    """Pin what is started from now on, and this process once the result is called.

    Args:
        cpus: As `pinnings`.
    """
    if not _CAN_PIN or not cpus:
        yield lambda: None
        return
    before = os.sched_getaffinity(0)
    first, *_, last = (*sorted(before), max(before))
    os.sched_setaffinity(0, {last if cpus > 1 else first})
    try:
        yield lambda: os.sched_setaffinity(0, {first})
    finally:
        os.sched_setaffinity(0, before)
