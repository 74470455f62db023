"""One operation at a time on a thread of its own, so that a cell can return.

A button can be heard only while no cell is busy: ipykernel 7.4 runs no callback in a
busy one. So the panel starts an operation here and is free at once; its Cancel button
calls `Worker.cancel`, which signals the thread. The thread never touches a widget: it
leaves behind what somebody else may look at (`Worker.look`).

This module knows nothing of widgets.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from smtpnb.protocol.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient
    from smtpnb.protocol.reply import Reply


class Look(NamedTuple):
    """What can be seen of a worker at one moment.

    Attributes:
        running: What runs, "" if nothing does.
        octets: How many octets of content have left since it began.
        kind: What the last operation came to: "", "accepted", "refused", "cancelled"
            or "failed".
        text: The reply or the fault, in words.
    """

    running: str = ""
    octets: int = 0
    kind: str = ""
    text: str = ""


class Worker:
    """Runs operations on a client, one at a time.

    Args:
        client: Whose operations; `cancel` cancels it.
        changed: Called on the worker's thread when an operation began or ended.
    """

    def __init__(self, client: SmtpClient, changed: Callable[[], None]) -> None:
        self._client = client
        self._changed = changed
        self._look = Look()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def look(self) -> Look:
        """Return what can be seen now. Any thread."""
        return self._look

    def start(self, what: str, operation: Callable[[], Reply | None]) -> bool:
        """Start an operation and return at once. Any thread.

        Returns:
            False if one runs already, and then nothing was started.
        """
        with self._starting:
            if self._look.running:
                return False
            self._look = Look(running=what)
            self._thread = threading.Thread(
                target=self._work, args=(operation,), name="smtpnb-panel", daemon=True
            )
            self._thread.start()
            return True

    def cancel(self) -> None:
        """Signal the worker thread: end at once, close. Any thread, any number."""
        self._client.cancel()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the operation under way; tell whether it has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self._look.running

    def _work(self, operation: Callable[[], Reply | None]) -> None:
        self._client.on_progress = self._progress
        self._changed()
        try:
            kind, text = _outcome(operation())
        except Cancelled as error:
            kind, text = "cancelled", str(error)
        except BaseException as error:  # noqa: BLE001  # or the panel is busy for ever
            # Whatever killed this thread also ended the connection, or ends it here.
            if not isinstance(error, Exception):
                self._client.cancel()
            kind, text = "failed", f"{type(error).__name__}: {error}"
        finally:
            self._client.on_progress = None
        self._look = Look("", self._look.octets, kind, text)
        self._changed()

    def _progress(self, octets: int) -> None:
        self._look = self._look._replace(octets=octets)


def _outcome(reply: Reply | None) -> tuple[str, str]:
    if reply is None:
        return "accepted", "done"
    return ("accepted" if reply.ok else "refused"), str(reply)
