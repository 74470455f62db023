"""What the server heard, and what it answered: its own book beside the inbox.

One entry a command, whoever sent it. A client's transcript tells what the client saw;
this tells the other side of the same dialogue, so that neither has to be believed
alone: the exercises of `notebooks/05-learn-smtp.ipynb` are judged by it.

No secret stands in it: of AUTH the mechanism, of the responses to it and of a verb that
is not known nothing at all (it may be a response that came too late).

This module knows nothing of sockets, asyncio or aiosmtpd.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST = 10_000  # entries; the oldest go first
UNKNOWN = "?"


@dataclass(slots=True)
class Heard:
    """One command as the server took it.

    Attributes:
        session: The number of the session, from 1.
        tls: Whether it came under TLS.
        verb: In upper case; "CONNECT" for the connection itself, "." for the end of
            data, "BODY" for a content that is answered before its end, "?" for what is
            no known verb.
        argument: What stood behind the verb.
        reply: The lines of the answer; "" if there was none (yet).
    """

    session: int
    tls: bool
    verb: str
    argument: str
    reply: str = ""

    @property
    def code(self) -> int:
        """The reply code; 0 if there was no reply."""
        return int(self.reply[:3] or 0)


_COLUMNS = {
    "session": "int64",
    "tls": "bool",
    "verb": "str",
    "argument": "str",
    "code": "int64",
    "reply": "str",
}


class Book:
    """The last entries of one sandbox, all sessions in the order of arrival."""

    def __init__(self) -> None:
        self._entries: deque[Heard] = deque(maxlen=MOST)
        self._lock = threading.Lock()
        self._sessions = 0

    def new_session(self) -> int:
        """Return the number of a session that begins."""
        with self._lock:
            self._sessions += 1
            return self._sessions

    def add(self, entry: Heard) -> None:
        """Keep an entry, whose reply may be written into it later."""
        with self._lock:
            self._entries.append(entry)

    def table(self) -> pd.DataFrame:
        """Return a DataFrame with one row per entry; see `Heard`."""
        import pandas as pd  # half a second that nobody else should pay

        from smtpnb.transcript.schema import typeset_no_frames

        typeset_no_frames()
        with self._lock:
            entries = tuple(self._entries)
        return pd.DataFrame(
            {
                name: pd.Series([getattr(e, name) for e in entries], dtype=dtype)
                for name, dtype in _COLUMNS.items()
            }
        )
