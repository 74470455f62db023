"""The inbox: every accepted message with its envelope, shown as a table.

The server's thread adds, any other thread reads. pandas is loaded when somebody asks
for the table, not before.

This module knows nothing of sockets, asyncio or aiosmtpd.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from email.errors import MessageError
from email.parser import BytesHeaderParser
from email.policy import default
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

_HEADER_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the server took it.

    Attributes:
        n: Its number, from 1.
        received: The moment its end of data was read, in UTC.
        identity: The argument of EHLO or HELO.
        mail_from: The reverse-path, "" for the null one.
        rcpt_to: The accepted recipients, in order.
        user: The authenticated user, "" if none.
        tls: Whether it came under TLS.
        verb: "DATA" or "BDAT".
        smtputf8: Whether MAIL had SMTPUTF8.
        body_type: "7BIT", "8BITMIME" or "BINARYMIME".
        octets: The content, dots un-stuffed, nothing else changed.
        parameters: What stood behind MAIL, as it stood there; None for no value.
        rcpt_parameters: The same of each accepted RCPT.
        peer: What was said of the client: XCLIENT, XFORWARD, the PROXY protocol.
    """

    n: int
    received: datetime
    identity: str
    mail_from: str
    rcpt_to: list[str]
    user: str
    tls: bool
    verb: str
    smtputf8: bool
    body_type: str
    octets: bytes = field(repr=False)
    parameters: dict[str, str | None] = field(default_factory=dict)
    rcpt_parameters: list[dict[str, str | None]] = field(default_factory=list)
    peer: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The length of the content in octets."""
        return len(self.octets)

    @property
    def subject(self) -> str:
        """The decoded Subject, "" if there is none or it cannot be read."""
        head = self.octets[:_HEADER_LIMIT].partition(b"\r\n\r\n")[0]
        try:
            subject = BytesHeaderParser(policy=default).parsebytes(head)["subject"]
            text = "" if subject is None else str(subject)
        # A stranger's header meets many corners of the email package.
        except (MessageError, ValueError, LookupError, AttributeError, TypeError):
            return ""
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


# What the column of an attribute holds, in the order of the table.
_COLUMNS = {
    "n": "int64",
    "received": "datetime64[us, UTC]",
    "identity": "str",
    "mail_from": "str",
    "rcpt_to": "object",
    "user": "str",
    "tls": "bool",
    "verb": "str",
    "smtputf8": "bool",
    "body_type": "str",
    "size": "int64",
    "subject": "str",
    "octets": "object",
    "parameters": "object",
    "rcpt_parameters": "object",
    "peer": "object",
}


class Inbox:
    """The messages of one sandbox."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Keep a message and wake who waits for it."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def wait_for(self, n: int) -> Message:
        """Block until message n (from 1) has come, and return it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._messages) >= n)
            return self._messages[n - 1]

    def table(self) -> pd.DataFrame:
        """Return a DataFrame with one row per message; see `Message`."""
        import pandas as pd  # half a second that nobody else should pay

        from smtpnb.transcript.schema import typeset_no_frames

        typeset_no_frames()
        with self._changed:
            messages = tuple(self._messages)
        return pd.DataFrame(
            {
                name: pd.Series([getattr(m, name) for m in messages], dtype=dtype)
                for name, dtype in _COLUMNS.items()
            }
        )
