"""The last events of a client, read by what is new: however long the log, one price.

A panel looks ten times a second. It compares a cursor first, which is a sum of lengths,
and then reads the entries behind it, never more than it can show.

This module knows nothing of widgets.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient
    from smtpnb.transcript.transcript import Event

KEPT: Final = 400


class Feed:
    """The last `KEPT` events of one client.

    Args:
        client: Whose transcript is read.

    Attributes:
        client: The same.
        events: The last events, the oldest first.
        left_out: How many events came before them.
    """

    def __init__(self, client: SmtpClient) -> None:
        self.client = client
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.left_out = 0
        self._cursor = 0

    @property
    def cursor(self) -> int:
        """How many entries the log has now; it grows with whatever happens."""
        return self.client.transcript.cursor

    def read(self) -> None:
        """Take in what is new."""
        transcript = self.client.transcript
        start = max(self._cursor, transcript.cursor - KEPT)
        if start > self._cursor:
            self.events.clear()  # between them and what comes now is a gap
        excerpt = transcript.since(start)
        self.events.extend(excerpt)
        self._cursor = excerpt.cursor
        self.left_out = len(transcript) - len(self.events)
