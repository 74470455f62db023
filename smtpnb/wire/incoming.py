"""What came in on one connection, until it is taken as a reply: parsed and recorded.

A reply is recorded when it is complete, with the times of its first and last octet and
the number of receives it took; secrets are cut before. What nobody asked for is
recorded as surplus.

Nothing a server said is kept in a local variable while an error may pass: a verbose
traceback prints them all, and the server may have echoed a secret.

This module knows nothing of commands, nor of sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.parser import MAX_REPLY, ReplyParser, is_plain
from smtpnb.protocol.secret import Redactor
from smtpnb.protocol.transaction import is_421
from smtpnb.wire import record
from smtpnb.wire.record import clock
from smtpnb.wire.stream import CHUNK

if TYPE_CHECKING:
    from smtpnb.wire.record import Record

# What a reply may hold, and what one receive may bring beyond it.
MOST_UNREAD: Final = MAX_REPLY + CHUNK
# Of what nobody asked for, so much is recorded.
MOST_NOTED: Final = 4096
_421: Final = b"421"


class Incoming:
    """Octets in, replies out.

    Args:
        log: Where replies are recorded.

    Attributes:
        redactor: Cuts the secrets of this connection out of what is received.
        unread: How many octets came that were not read as a reply yet.
        last: The last reply that was read, or None.
        last_replies: All of the exchange that it answers, so far.
        received_at: When the last octet came; 0 if none ever did.
        said_421: The server said that it is closing, in reply to something or not.
        replies_after_421: How many replies came behind that.
    """

    __slots__ = (
        "_first_at",
        "_last_number",
        "_log",
        "_parser",
        "_receives",
        "last",
        "last_replies",
        "received_at",
        "redactor",
        "replies_after_421",
        "said_421",
        "unread",
    )

    def __init__(self, log: Record) -> None:
        self.redactor = Redactor()
        self.unread = 0
        self.last: bytes | None = None
        self.last_replies: tuple[bytes, ...] = ()
        self.received_at = 0
        self.said_421 = False
        self.replies_after_421 = 0
        self._log = log
        self._parser = ReplyParser(self.redactor)
        self._first_at = 0  # when the first octet of what is being parsed came
        self._receives = 0
        self._last_number = 0  # the exchange that the last reply answered

    def feed(self, octets: bytes | None) -> int | None:
        """Parse octets received; return how many, None for none, 0 for the end."""
        if octets is None:
            return None
        if octets:
            self.received_at = clock()
            if not self.unread:
                self._first_at = self.received_at
            self._receives += 1
            self._parser.feed(octets)
            self.unread += len(octets)
        return len(octets)

    def at_once(self, octets: bytes | None, number: int) -> bytes | None:
        """Take a reply at once, if it is a plain one and all of it; else feed it.

        Args:
            octets: What came, and nothing was unread.
            number: The exchange number of the command that it answers.
        """
        if octets is None or self.redactor or not is_plain(octets):
            self.feed(octets)
            return None
        at = self.received_at = clock()
        self._log.add(record.REPLY, at, at, number, 1, octets)
        self.last, self.last_replies, self._last_number = octets, (octets,), number
        if self.said_421 or octets.startswith(_421):
            self._heed_421((octets,))
        return octets

    def replies(self, most: int, number: int, *, alone: bool) -> tuple[bytes, ...]:
        """Take complete replies, at most so many, and record them.

        Args:
            most: How many may be taken.
            number: The exchange number of the first command that awaits one.
            alone: It is the only one that does.
        """
        first, last = self._first_at, self.received_at
        replies = self._parser.next_replies(most)
        if not replies:
            return ()
        self.unread = len(self._parser)
        octets = replies[0] if alone else b"".join(replies)
        if alone:
            self._log.add(record.REPLY, first, last, number, self._receives, octets)
        else:
            self._log.add(record.REPLIES, first, last, number, octets)
        if self.said_421 or _421 in octets:  # the second may be a word of a text
            self._heed_421(replies)
        self._receives = 0
        self._first_at = last
        self._remember(replies, number)
        return replies

    def _remember(self, replies: tuple[bytes, ...], number: int) -> None:
        """Keep the replies to the last exchange that was answered."""
        more = len(replies) == 1 and number == self._last_number
        self.last = replies[-1]
        self.last_replies = (*self.last_replies, self.last) if more else (self.last,)
        self._last_number = number + len(replies) - 1

    def _heed_421(self, replies: tuple[bytes, ...]) -> None:
        """Note whether the server says that it is closing, and what it says then."""
        for octets in replies:
            self.replies_after_421 += self.said_421
            self.said_421 = self.said_421 or is_421(octets)

    def pending(self, most: int = MOST_NOTED) -> bytes:
        """Return what came of a reply that is not complete; secrets are cut."""
        return self._parser.pending(most)

    def surplus(self) -> tuple[bytes, bytes | None]:
        """Record what nobody asked for; return it, and the reply it begins with."""
        octets = self._parser.pending(MOST_NOTED)
        self._log.add(record.SURPLUS, self.received_at, octets)
        reply = self._parser.next_reply()
        self.unread = len(self._parser)
        if reply is None:
            return octets, None
        self._heed_421((reply.octets,))
        return octets, reply.octets

    def begin_anew(self) -> None:
        """TLS began: nothing that came in clear is left."""
        self._parser = ReplyParser(self.redactor)
        self.unread = 0
