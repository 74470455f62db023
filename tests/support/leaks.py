"""Whether a piece of code gives back what it took: descriptors and threads."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def descriptors() -> set[str]:
    """Return what each open descriptor is, by /proc or /dev/fd."""
    place = Path("/proc/self/fd")
    found = set()
    for entry in (place if place.is_dir() else Path("/dev/fd")).iterdir():
        # The descriptor of this very listing is gone before it can be read.
        with suppress(OSError):
            found.add(f"{entry.name} {entry.readlink()}")
    return found


@contextmanager
def no_leaks() -> Iterator[None]:
    """Fail if a descriptor or a thread is left when the block ends."""
    gc.collect()
    fds, threads = descriptors(), set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)  # it may be on its way out
    left_threads = set(threading.enumerate()) - threads
    assert not left_threads, f"threads left: {left_threads}"
    left_fds = descriptors() - fds
    assert not left_fds, f"descriptors left: {left_fds}"
