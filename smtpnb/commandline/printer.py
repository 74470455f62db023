"""What is shown of a session while it runs, in swaks's hints.

A thread looks ten times a second at what the transcript got, so that a slow server can
be watched. Of the content as much is shown as has left.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import decode, for_terminal
from smtpnb.transcript.text import lines

if TYPE_CHECKING:
    from typing import Self, TextIO

    from smtpnb.client import SmtpClient
    from smtpnb.commandline.order import Order
    from smtpnb.transcript.log import Event

_LOOKS_EVERY: Final = 0.1  # seconds
# Messages of the client that speak Python, and what they mean here.
_OURS: Final = {
    "send() with convert=True": "--convert",
    "lax=True": "--lax",
    "lax sends": "--lax sends",
    "allow_cleartext_auth=True in this call": "--allow-cleartext-auth",
    'say verify="report" in this call': "leave out --tls-verify",
    'connect(..., protocol="lmtp")': "--protocol LMTP",
}
_KINDS: Final = {"=": "info", "*": "error", "<": "receive"}


def in_our_words(text: str) -> str:
    """Return a message of the client in the words of the command line."""
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours)
    return text


class Printer:
    """Shows what happens; a context manager.

    Args:
        client: Whose transcript is shown.
        order: What of it is shown, and how.
        output: Where to.

    Attributes:
        content: The content as it leaves, dots doubled, once it is known.
    """

    def __init__(
        self, client: SmtpClient, order: Order, output: TextIO | None = None
    ) -> None:
        self.content = b""
        self._client = client
        self._order = order
        self._output = output or sys.stdout
        self._cursor = 0
        self._n_shown = 0  # octets of the content
        self._n_left = 0
        self._asked_at = 0.0
        self._kept: list[str] = []  # with --silent 1, until something goes wrong
        self._failed = False
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self.look()

    def _watch(self) -> None:
        while not self._ends.wait(_LOOKS_EVERY):
            self.look()

    def look(self) -> None:
        """Show what is new."""
        with self._lock:
            transcript = self._client.transcript
            new = transcript.since(self._cursor)
            self._cursor = new.cursor
            for event in new:
                self._event(event)
            self._output.flush()

    def say(self, sentence: str) -> None:
        """Show a sentence of ours."""
        with self._lock:
            self._line("*** ", sentence)

    def _event(self, event: Event) -> None:
        if event.event == "data" and self._order.shows_content:
            self._content(event)
            return
        for line in lines([event]):
            self._line(line.sign, line.text)
        if event.event == "command":
            self._asked_at = event.t_ms
        elif event.event == "reply" and self._order.shows_times:
            seconds = (event.t_ms - self._asked_at) / 1000
            self._line("=== ", f"response in {seconds:.3f} s")

    def _content(self, event: Event) -> None:
        """Show the lines of the content that are complete now."""
        self._n_left += event.n_bytes or 0
        sign = " ~> " if event.tls else " -> "
        end = self.content.rfind(b"\r\n", self._n_shown, self._n_left)
        if end < 0:
            return
        for line in self.content[self._n_shown : end].split(b"\r\n"):
            self._line(sign, decode(line))
        self._n_shown = end + 2

    def _line(self, sign: str, text: str) -> None:
        kind, order = _KINDS.get(sign[0], "send"), self._order
        is_error = "*" in sign
        hidden = kind in order.hidden or order.silence == 3
        if hidden or (order.silence == 2 and not is_error):
            return
        if kind in ("info", "error"):
            text = in_our_words(text)
        bare = kind in ("send", "receive", "info") and kind not in order.hints
        self._kept.append(f"{'' if bare else sign}{for_terminal(text)}".rstrip() + "\n")
        if is_error or order.silence != 1 or self._failed:
            self._failed = is_error or self._failed
            self._output.writelines(self._kept)
            self._kept.clear()
