"""The live line: what a foreground magic is waiting for, while it waits.

It appears after half a second, is painted about ten times a second, and disappears.
In a kernel it is one display that is updated; in a terminal it is one line of stderr.
It never shows text of a server.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from IPython.display import display, update_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.client import SmtpClient

AFTER_S: Final = 0.5

_NUMBERS = count(1)


class LiveLine:
    """Counts the seconds and the octets of one command.

    Args:
        what: The command.
        paint: Shows a text; "" removes it.
        clock: Gives seconds.
        limit: Seconds that the command may take, if it was told.
        total: Octets of content to send, if they are known.
    """

    def __init__(
        self,
        what: str,
        paint: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        limit: float | None = None,
        total: int | None = None,
    ) -> None:
        self._limit = limit
        self._total = total
        self._what = what
        self._paint = paint
        self._clock = clock
        self._began = clock()
        self._octets = 0
        self._shown = False

    def tick(self) -> None:
        """Paint, if the command takes long enough to make one wonder."""
        seconds = self._clock() - self._began
        if seconds < AFTER_S:
            return
        left = "" if self._limit is None else f" of {self._limit:g}"
        self._shown = True
        self._paint(
            f"{self._what}: {seconds:.1f}{left} s{self._sent(seconds)} "
            "(interrupt the kernel to cancel)"
        )

    def _sent(self, seconds: float) -> str:
        """Say how many octets of how many have left, how fast, and how long to go."""
        if not self._octets:
            return ""
        sent = f", {self._octets / 1e6:.1f} MB sent"
        if not self._total or self._total < self._octets:
            return sent
        rate = self._octets / seconds
        to_go = (self._total - self._octets) / rate
        percent = 100 * self._octets // self._total
        return (
            f"{sent} of {self._total / 1e6:.1f} ({percent} %), "
            f"{rate / 1e6:.1f} MB/s, {to_go:.0f} s left"
        )

    def progress(self, octets: int) -> None:
        """Note how many octets of content have left so far."""
        self._octets = octets

    def end(self) -> None:
        """Remove what was painted."""
        if self._shown:
            self._paint("")


def painter(shell: Any) -> Callable[[str], None]:
    """Return what shows a text in this shell."""
    if not hasattr(shell, "kernel"):
        return _paint_terminal
    name = f"smtpnb-live-{next(_NUMBERS)}"
    show: Any = display

    def paint(text: str) -> None:
        nonlocal show
        both = {"text/plain": text, "text/html": f"<em>{text}</em>" if text else ""}
        show(both, raw=True, display_id=name)
        show = update_display

    return paint


def _paint_terminal(text: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{text}")
    sys.stderr.flush()


@contextmanager
def live(
    client: SmtpClient,
    what: str,
    shell: Any,
    *,
    limit: float | None = None,
    total: int | None = None,
) -> Iterator[None]:
    """Show the live line while a command of this client runs."""
    line = LiveLine(what, painter(shell), limit=limit, total=total)
    before = client.on_tick, client.on_progress
    client.on_tick, client.on_progress = line.tick, line.progress
    try:
        yield
    finally:
        client.on_tick, client.on_progress = before
        line.end()
