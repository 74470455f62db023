"""`--background`: a command that goes on while its cell has returned.

Its handle is a line of its own, with a Cancel button, and can be joined or awaited. The
session is reserved meanwhile. The thread is the only one that paints the line, ten
times a second, and it leaves there what became of the command: the answer, or the
error in red, where it belongs. A line says when it was painted: one that a dead kernel
left behind is no news.

This module knows nothing of what the command is.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.display import display, update_display

from smtpnb.edges.colours import RED
from smtpnb.edges.text import for_html
from smtpnb.notebook.live import LiveLine, as_page, display_name, in_kernel
from smtpnb.notebook.render import error_line, words_in
from smtpnb.protocol.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

BEAT_S: Final = 0.1  # how soon an interrupt is noticed while one waits


class Handle:
    """A command that runs in the background.

    Its names are those of `concurrent.futures.Future`; `await handle` works as well.

    Args:
        what: The command.
        session: The name of its session.
        stop: Cancels it; any thread.
        shell: Where its line is shown.
    """

    def __init__(
        self, what: str, session: str, stop: Callable[[], None], shell: Any
    ) -> None:
        self.what = what
        self.session = session
        self.line: LiveLine | None = None
        self._stop = stop
        self._shell = shell
        self._future: Future[Any] = Future()
        self._name = display_name()
        self._button: Any = None
        self._display = threading.Lock()  # the last picture is the last
        self._displayed = False
        self.stopping = False
        self.so_far: Callable[[], str] = str  # what to show before an error
        self._awaited_by = 0  # who waits is told the end anyway

    def start(self, work: Callable[[], Any]) -> None:
        """Begin.

        Raises:
            UsageError: No thread could be had; nothing was sent.
        """
        context = contextvars.copy_context()  # what it prints belongs to this cell
        thread = threading.Thread(
            target=context.run,
            args=(self._run, work),
            name="smtpnb-background",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            raise UsageError(
                "no thread could be started: the system has none left; nothing was sent"
            ) from None

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            value = self._unless_stopped(work)
        except BaseException as error:  # noqa: BLE001  # told by result()
            self._future.set_exception(error)
        else:
            self._future.set_result(value)
        self._show_end()

    def _unless_stopped(self, work: Callable[[], Any]) -> Any:
        if self.stopping:
            raise Cancelled(f"cancelled before {self.what}; nothing was sent")
        return work()

    # What one may ask

    def done(self) -> bool:
        """Tell whether it has ended, however."""
        return self._future.done()

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        return self.done() and isinstance(self._future.exception(), Cancelled)

    def cancel(self) -> bool:
        """Cancel it and close its connection, at once; False if it has ended."""
        if self.done():
            return False
        self.stopping = True
        self._stop()
        return True

    def beat(self) -> None:
        """Cancel once more, if that came before there was anything to cancel."""
        if self.stopping:
            self._stop()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for it, and return its answer.

        An interrupt ends the waiting, not the command.

        Args:
            timeout: Seconds.

        Raises:
            TimeoutError: It still runs.
            Exception: What the command raised.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self._awaited_by += 1
        try:
            while not self.done():
                left = BEAT_S if end is None else end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self.what} still runs")
                wait([self._future], min(BEAT_S, left))
        finally:
            self._awaited_by -= 1
        return self._future.result()

    def join(self, timeout: float | None = None) -> Any:
        """Wait for it, and return its answer: another word for `result`."""
        return self.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for it, and return what it raised, or None."""
        try:
            self.result(timeout)
        except BaseException:
            if not self.done():
                raise  # the time is up, or an interrupt of the waiting
        return self._future.exception()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        # A kernel's interrupt is seen only when the loop wakes up.
        waited = asyncio.wrap_future(self._future)
        self._awaited_by += 1
        try:
            while not waited.done():
                await asyncio.wait([waited], timeout=BEAT_S)
        finally:
            self._awaited_by -= 1
        return waited.result()

    # How it is shown

    def __repr__(self) -> str:
        return f"<Handle {self._said()}>"

    def _said(self) -> str:
        where = f"{self.what} in the background, session {self.session}: "
        if not self.done():
            return where + (self.line.text() if self.line is not None else "begins")
        error = self._future.exception()
        return where + ("done" if error is None else error_line(error))

    def paint(self, text: str) -> None:
        """Show a text in the line; for the thread. "" changes nothing."""
        if text and in_kernel(self._shell):
            now = time.strftime("%H:%M:%S")
            self._update(as_page(f"{text} (session {self.session}, at {now})"))

    def _update(self, page: dict[str, Any]) -> None:
        with self._display:
            if self._displayed:
                _update(page, self._name)

    def _ipython_display_(self) -> None:
        """Show the line and its button; both belong to this output from now on."""
        if not in_kernel(self._shell):
            print(self)  # noqa: T201  # a terminal's answer
            return
        shows: Any = display
        with self._display:
            first = not self._displayed
            self._displayed = True
            page = self._page()
            shows(page, raw=True, display_id=self._name if first else display_name())
        if first and not self.done():
            shows(self._cancel_button(), display_id=f"{self._name}-cancel")
            if self.done():  # it ended in this very moment
                self._take_button_away()

    def _page(self) -> dict[str, Any]:
        if not self.done():
            return as_page(self._said())
        error = self._future.exception()
        if error is None:
            page, _ = self._shell.display_formatter.format(self._future.result())
            return page or as_page(self._said())
        said, before = self._said(), self.so_far()
        html = f'<span style="{words_in(RED)}">{for_html(said)}</span>'
        if before:
            page, _ = self._shell.display_formatter.format(before)
            html = f"{page.get('text/html', '')}{html}"
        plain = "\n".join(filter(None, (before, said)))
        return {"text/plain": plain, "text/html": html}

    def _cancel_button(self) -> Any:
        from ipywidgets import Button  # in a kernel only

        button = self._button = Button(
            description="Cancel", tooltip=f"cancel {self.what} and close its connection"
        )
        button.on_click(lambda _: self.cancel())
        return button

    def _take_button_away(self) -> None:
        if self._button is not None:
            self._button.close()
            # No dead button in the saved notebook.
            _update(as_page(""), f"{self._name}-cancel")

    def _show_end(self) -> None:
        if in_kernel(self._shell):
            self._update(self._page())
            self._take_button_away()
        elif not self._awaited_by:
            failed = self._future.exception() is not None
            before = self.so_far() if failed else ""
            print("\n".join(filter(None, (before, self._said()))))  # noqa: T201  # as a shell tells of its jobs


def _update(page: dict[str, Any], name: str) -> None:
    """Update a display, as the cell that runs now.

    A thread that speaks for the cell that began it is heard by JupyterLab, which knows
    displays by name, but not by nbclient and papermill, once that cell has ended.
    """
    contextvars.Context().run(update_display, page, raw=True, display_id=name)
