"""What a server delivered, read from the maildir that it delivers into."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

# The field in which a server says for whom it stored this one: Postfix, Exim.
_FOR: Final = re.compile(rb"^(?:X-Original-To|Envelope-to): (\S+)$", re.MULTILINE)
_PATIENCE: Final = 60.0  # seconds


class Maildir:
    """A folder that a server delivers into, a file for each recipient.

    Args:
        folder: Where; it may not be there yet.
        log: What the server logged, for the error.
    """

    def __init__(self, folder: Path, log: Callable[[], str]) -> None:
        self._new = folder / "new"
        self._log = log
        self._read: dict[str, bytes] = {}

    def look(self) -> list[bytes]:
        """Return all messages that are there, as stored, in the order of their names.

        What Postfix and Exim put there is whole: it was renamed into the folder.
        """
        if self._new.is_dir():
            for file in self._new.iterdir():
                if file.name not in self._read:
                    self._read[file.name] = file.read_bytes()
        return [octets for _, octets in sorted(self._read.items())]

    def wait_for(self, n: int = 1) -> list[bytes]:
        """Wait until n messages are there; return all of them."""
        return self._wait(lambda: len(self.look()) >= n, f"{n} messages")

    def wait_for_recipients(self, wanted: Iterable[str]) -> dict[str, list[bytes]]:
        """Wait until each of these has a message; return those of all recipients."""
        missing = set(wanted)
        self._wait(lambda: missing <= set(self.by_recipient()), f"all of {missing}")
        return self.by_recipient()

    def by_recipient(self) -> dict[str, list[bytes]]:
        """Return the messages that are there, for each recipient."""
        found: dict[str, list[bytes]] = {}
        for octets in self.look():
            match = _FOR.search(octets)
            assert match, octets[:300]
            found.setdefault(match[1].decode(), []).append(octets)
        return found

    def _wait(self, done: Callable[[], bool], what: str) -> list[bytes]:
        deadline, tick = time.monotonic() + _PATIENCE, threading.Event()
        while not done():
            if time.monotonic() > deadline:
                log = self._log()[-2000:]
                raise AssertionError(
                    f"waited for {what}, have {len(self._read)}; {log}"
                )
            tick.wait(0.02)  # a maildir tells nobody
        return self.look()
