"""The live line: what a command is waiting for, while it waits.

It appears after half a second and is painted about ten times a second: the phase, the
seconds, how long this step may still take, and of a content how many octets of how
many, how fast, and how long to go. In a kernel it is one display that is updated; in a
terminal it is one line of stderr. It never shows text of a server.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from IPython.display import display, update_display

from smtpnb.edges.text import for_html, for_terminal
from smtpnb.protocol.content import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb._connection import Waiting
    from smtpnb.client import SmtpClient
    from smtpnb.notebook.progress import Progress

AFTER_S: Final = 0.5
_LARGE: Final = 1024 * 1024  # octets of a content

_NUMBERS = count(1)
_PRESENT: ContextVar[LiveLine | None] = ContextVar("smtpnb_live_line", default=None)


class LiveLine:
    """Counts the seconds and the octets of one command.

    Args:
        what: The command.
        paint: Shows a text; "" removes it.
        clock: Gives seconds.
        waiting: Tells the phase and its deadline, if there is one.
        limit: Seconds that the command may take, if it was told.
        total: Octets of content to send, if they are known.
        hint: How to stop it.
        beat: Called with each tick.

    Attributes:
        total: The same; who makes the content may say it later.
        messages: Where there are many messages, how many were told.
    """

    def __init__(
        self,
        what: str,
        paint: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        waiting: Callable[[], Waiting | None] = lambda: None,
        limit: float | None = None,
        total: int | None = None,
        hint: str = "",
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.total = total
        self.messages: Progress | None = None
        self._limit = limit
        self._what = what
        self._paint = paint
        self._clock = clock
        self._waiting = waiting
        self._beat = beat
        self._hint = f" ({hint})" if hint else ""
        self._began = clock()
        self._first: tuple[float, int] | None = None  # when content was first seen
        self._octets = 0
        self._shown = False

    def turn(self, what: str, total: int | None = None) -> None:
        """Count from here for another command, with so many octets of content."""
        self._what, self.total = what, total
        self._began, self._first, self._octets = self._clock(), None, 0

    def tick(self) -> None:
        """Paint, if the command takes long enough to make one wonder."""
        self._beat()
        if self._clock() - self._began < AFTER_S:
            return
        self._shown = True
        self._paint(f"{self.text()}{self._hint}")

    def text(self) -> str:
        """Return what there is to say now."""
        now = self._clock()
        seconds = now - self._began
        waiting = self._waiting()
        phase = left = ""
        if waiting is not None:
            phase = f" ({waiting.phase})" if waiting.phase != self._what else ""
            left = f", at most {waiting.left:.0f} s more for this step"
        limit = "" if self._limit is None else f" of {self._limit:g}"
        many = "" if self.messages is None else f", {self.messages.words()}"
        sent = self._sent(now)
        return f"{self._what}{phase}: {seconds:.1f}{limit} s{many}{sent}{left}"

    def _sent(self, now: float) -> str:
        """Say how many octets of how many have left, how fast, and how long to go."""
        if not self._octets:
            return ""
        sent = f", {self._octets / 1e6:.1f} MB sent"
        if not self.total or self.total < self._octets:
            return sent
        percent = 100 * self._octets // self.total
        sent = f"{sent} of {self.total / 1e6:.1f} ({percent} %)"
        began, before = self._first or (now, 0)
        if now <= began or self._octets <= before:
            return sent
        rate = (self._octets - before) / (now - began)
        to_go = (self.total - self._octets) / rate
        return f"{sent}, {rate / 1e6:.1f} MB/s, {to_go:.0f} s left"

    def progress(self, octets: int) -> None:
        """Note how many octets of content have left so far."""
        if self._first is None or octets < self._octets:  # another message begins
            self._first = self._clock(), octets
        self._octets = octets

    def end(self) -> None:
        """Remove what was painted."""
        if self._shown:
            self._paint("")


def size_of(content: str | bytes) -> int:
    r"""Return how many octets leave of a content: each line ends with CRLF.

    Of more than a MiB it is taken for granted that all lines end as the first one does:
    to look at all of them takes as long as to send them.

    Example:
        >>> size_of("Subject: caf\u00e9\n")
        16
    """
    octets = content.encode("utf-8", "replace") if isinstance(content, str) else content
    first = octets.find(b"\n") if len(octets) > _LARGE else -1
    if first > 0 and octets[first - 1 : first] == b"\r":
        return len(octets)
    return len(normalised(octets)[0])


def present() -> LiveLine | None:
    """Return the live line of the command that runs in this thread, if there is one."""
    return _PRESENT.get()


def hint_of(shell: Any) -> str:
    """Say how a foreground command is stopped in this shell."""
    return "interrupt the kernel to cancel" if in_kernel(shell) else "Ctrl-C cancels"


def in_kernel(shell: Any) -> bool:
    """Tell whether a front end shows what this shell displays, and can update it."""
    return hasattr(shell, "kernel")


def painter(shell: Any) -> Callable[[str], None]:
    """Return what shows a text in this shell."""
    if not in_kernel(shell):
        return _paint_terminal
    name = display_name()
    show: Any = display

    def paint(text: str) -> None:
        nonlocal show
        show(as_page(text), raw=True, display_id=name)
        show = update_display

    return paint


def as_page(text: str) -> dict[str, str]:
    """Return a line of ours as text and as HTML."""
    html = f"<em>{for_html(text)}</em>" if text else ""
    return {"text/plain": for_terminal(text), "text/html": html}


def display_name() -> str:
    """Return a new name for a display that is updated."""
    return f"smtpnb-live-{next(_NUMBERS)}"


def _paint_terminal(text: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{text}")
    sys.stderr.flush()


@contextmanager
def live(client: SmtpClient, line: LiveLine) -> Iterator[None]:
    """Keep a live line while a command of this client runs in this thread."""
    before = client.on_tick, client.on_progress
    client.on_tick, client.on_progress = line.tick, line.progress
    token = _PRESENT.set(line)
    try:
        yield
    finally:
        _PRESENT.reset(token)
        client.on_tick, client.on_progress = before
        line.end()
