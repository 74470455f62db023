"""The one thread that paints: while something runs, and while the panel is displayed.

Widgets have one writer. Whoever changes something calls `wake`, from any thread, and
the painter paints at once; while the panel is displayed it also looks ten times a
second whether anybody else (a magic, Python, a second panel) changed the client. So no
verb has to tell a panel anything.

If no thread is to be had, `wake` paints on the thread that called it.

This module knows nothing of widgets.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_S: Final = 0.1


class Painter:
    """Calls `paint` when it should be called, never twice at a time.

    Args:
        paint: Paints everything; it must not raise.
        changed: Whether something changed since `paint` was called last.
        busy: Whether an operation runs.
    """

    def __init__(
        self,
        paint: Callable[[], None],
        changed: Callable[[], bool],
        busy: Callable[[], bool],
    ) -> None:
        self._paint, self._changed, self._busy = paint, changed, busy
        self._painting = threading.Lock()
        self._threading = threading.Lock()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._watching = False

    def paint(self) -> None:
        """Paint now, on this thread."""
        with self._painting:
            self._paint()

    def wake(self) -> None:
        """Have it painted soon. Any thread; returns at once."""
        self._awake.set()
        with self._threading:
            if self._thread is not None:
                return
            thread = threading.Thread(
                target=self._work, name="smtpnb-painter", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no thread to be had
                self._awake.clear()
            else:
                self._thread = thread
                return
        self.paint()

    def watch(self) -> None:
        """Look for changes from now on, until `stop`."""
        self._watching = True
        self.wake()

    def stop(self) -> None:
        """Look no longer; what runs is still painted to its end."""
        self._watching = False
        self._awake.set()

    def join(self, timeout: float) -> bool:
        """Wait until nothing is left to paint; tell whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _work(self) -> None:
        while True:
            asked = self._awake.wait(PAUSE_S)
            self._awake.clear()
            busy = self._busy()  # before painting: its end is painted as well
            if asked or busy or self._changed():
                self.paint()
            with self._threading:
                if not (busy or self._watching or self._awake.is_set()):
                    self._thread = None  # whoever wakes after this starts a new one
                    return
