"""One operation at a time on a thread of its own, so that a cell can return.

A button can be heard only while no cell is busy: ipykernel 7.4 runs no callback in a
busy one. So the panel starts an operation here and is free at once; its Cancel button
cancels the client, which wakes the thread. The thread never touches a widget: it
leaves behind what somebody else may look at (`Worker.look`).

This module knows nothing of widgets.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from smtpnb.protocol.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient

ACCEPTED, REFUSED, CANCELLED, FAILED = "accepted", "refused", "cancelled", "failed"
NO_THREAD = "no thread could be started: the system has none left; nothing was sent"


class Answer(NamedTuple):
    """What an operation came to: whether they said yes, and what they said."""

    ok: bool
    text: str


class Look(NamedTuple):
    """What can be seen of a worker at one moment.

    Attributes:
        running: What runs, "" if nothing does.
        began: When it began, as `time.monotonic` counts; and when it ended.
        ended: The same; 0.0 while it runs.
        octets: How many octets of content have left since it began.
        total: How many there are; 0 if nobody knows.
        kind: What the last operation came to: "", "accepted", "refused", "cancelled"
            or "failed".
        text: The reply or the fault, in words.
        name: What the last operation was; "" for a word of the panel's own.
    """

    running: str = ""
    began: float = 0.0
    ended: float = 0.0
    octets: int = 0
    total: int = 0
    kind: str = ""
    text: str = ""
    name: str = ""

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        return (self.ended or monotonic()) - self.began if self.began else 0.0


class Worker:
    """Runs operations, one at a time.

    Args:
        changed: Called on the worker's thread when an operation began or ended.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._look = Look()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def look(self) -> Look:
        """Return what can be seen now. Any thread."""
        return self._look

    def start(
        self,
        what: str,
        client: SmtpClient,
        operation: Callable[[], Answer],
        total: int = 0,
    ) -> bool:
        """Start an operation and return at once. Any thread.

        Args:
            what: Its name.
            client: Whose operation it is.
            operation: Runs on the worker's thread.
            total: How many octets of content it sends, if that is known.

        Returns:
            False if one runs already, or no thread was to be had (`look` says so);
            then nothing was started.
        """
        with self._starting:
            if self._look.running:
                return False
            before = self._look
            self._look = Look(what, began=monotonic(), total=total, name=what)
            self._thread = threading.Thread(
                target=self._work,
                args=(client, operation),
                name="smtpnb-panel",
                daemon=True,
            )
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
                self._look = before._replace(kind=FAILED, text=NO_THREAD)
                return False
            return True

    def say(self, kind: str, text: str) -> None:
        """Leave a word of the panel's own, unless an operation runs."""
        with self._starting:
            if not self._look.running:
                self._look = Look(kind=kind, text=text)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the operation under way; tell whether it has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self._look.running

    def _work(self, client: SmtpClient, operation: Callable[[], Answer]) -> None:
        before, client.on_progress = client.on_progress, self._progress
        kind, text = FAILED, ""
        try:
            self._changed()
            answer = operation()
            kind, text = (ACCEPTED if answer.ok else REFUSED), answer.text
        except Cancelled as error:
            kind, text = CANCELLED, str(error)
        except BaseException as error:  # noqa: BLE001  # or the panel is busy for ever
            # Whatever killed this thread also ended the connection, or ends it here.
            if not isinstance(error, Exception):
                client.cancel()
            text = str(error) or type(error).__name__
        finally:
            client.on_progress = before
            self._look = self._look._replace(
                running="", ended=monotonic(), kind=kind, text=text
            )
            self._changed()

    def _progress(self, octets: int) -> None:
        self._look = self._look._replace(octets=octets)
