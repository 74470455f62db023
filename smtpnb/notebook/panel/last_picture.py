"""A dated last picture, for a notebook that is opened without its kernel.

A panel lives with its kernel; what a saved notebook keeps of it is an empty place. So
beside the panel stands an output of its own: the state and the dialogue as they were,
with the date, and the word that nothing in it can be pressed. The style of a living
panel hides it (`look`).

This module knows nothing of sessions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_S: Final = 1.0  # a notebook is not rewritten more often than this


class LastPicture:
    """The output beside a panel.

    Args:
        draw: Returns inert HTML of the panel as it is.
    """

    def __init__(self, draw: Callable[[], str]) -> None:
        self._draw = draw
        self._name = ""
        self._shown = ""

    def display(self) -> None:
        """Make the output, in a notebook; elsewhere nothing can be rewritten."""
        if not hasattr(get_ipython(), "kernel"):
            return
        self._name = self._name or f"smtpnb-{uuid4().hex}"
        self._publish(update=False)

    def update(self) -> None:
        """Make it of now, if it was displayed and something changed."""
        if self._name and self._draw() != self._shown:
            self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        self._shown = self._draw()
        picture: dict[str, Any] = {
            "text/html": dated(self._shown),
            "text/plain": "the last picture of a panel",
        }
        publish_display_data(  # type: ignore[no-untyped-call]
            picture, transient={"display_id": self._name}, update=update
        )


def dated(drawn: str) -> str:
    """Return a picture as HTML that says when it was taken, and that it is one."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        '<div class="smtpnb-last-picture" style="border:1px dashed #7c7c7c;'
        'padding:6px 10px;margin:4px 0">'
        f"<p><b>Last picture of the panel, taken {now}.</b> It is a picture: nothing "
        "in it can be pressed. Run the cell for a panel that works.</p>"
        f"{drawn}</div>"
    )
