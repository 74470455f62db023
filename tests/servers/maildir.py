"""What a server delivered, read from the maildir that it delivers into."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The field in which a server says for whom it stored this one: Postfix, Exim.
_FOR = re.compile(rb"^(?:X-Original-To|Envelope-to): (\S+)$", re.MULTILINE)


def wait_for(maildir: Path, n: int, log: Callable[[], str]) -> list[bytes]:
    """Wait until n messages are in a maildir; return all of them as stored.

    Args:
        maildir: The folder; it may not be there yet.
        n: How many.
        log: What the server logged, for the error.
    """
    new, files = maildir / "new", list[object]()
    deadline, tick = time.monotonic() + 60, threading.Event()
    while time.monotonic() < deadline:
        files = sorted(new.iterdir()) if new.is_dir() else []
        if len(files) >= n:
            return [file.read_bytes() for file in sorted(new.iterdir())]
        tick.wait(0.02)  # a maildir tells nobody
    raise AssertionError(f"{len(files)} messages, not {n}; {log()}")


def by_recipient(stored: list[bytes]) -> dict[str, list[bytes]]:
    """Return the messages of each recipient."""
    found: dict[str, list[bytes]] = {}
    for octets in stored:
        match = _FOR.search(octets)
        assert match, octets[:300]
        found.setdefault(match[1].decode(), []).append(octets)
    return found
