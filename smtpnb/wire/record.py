"""The record of one connection: a flat log written where the octets pass.

Writing is one tuple append, so that recording may always be on. Nothing is parsed
here: events, exchanges and frames are derived from the log when somebody asks
(smtpnb.transcript). What stands in it is what a later parse could not recover: the
clock beside each send and receive, the shown form of each command (secrets never
enter), counts for content, and each thing that happened beside the dialogue.

The entries, all times in nanoseconds of one monotonic clock (`clock`)::

    (RESOLVE, t0, t1, name, (address, ...), error)
    (CONNECT, t0, t1, address, port, local_address, error)
    (TLS,     t0, t1, facts, error)         facts: a dict of plain values
    (SEND,    t0, t1, exchange, step, verb, shown octets, octets on the wire)
                                            t1: its last octet was handed over
    (GROUP,   t0, t1, exchange, parts)      what left together (RFC 2920), see below
    (CONTENT, t0, t1, exchange, n_octets, n_lines)
    (REPLY,   t0, t1, exchange, receives, octets)   first and last octet's time
    (REPLIES, t0, t1, exchange, octets)     replies that were read together
    (SURPLUS, t, octets)                    application data nobody asked for
    (NOTE,    t, what, detail)              "lax", "cancel", "unread" ...
    (ERROR,   t, step, kind, text, outcome) the fault that ended a step
    (CLOSE,   t, how)                       "quit", "disconnect", "abort", "lost"

The parts of a GROUP, in the order on the wire, are commands and content::

    (step, verb, shown octets, octets on the wire)
    ("body", None, None, n_octets, n_lines)         n_lines: None if nobody counted

Each command takes the next exchange number, from the entry's own on. Content belongs to
the command before it if that is BDAT (RFC 3030; step "eod" with LAST, else "body"),
otherwise to the final dot that follows it. A stream of messages repeats its parts, so
they may be shared between groups.

The octets of REPLIES are one or more complete replies, to the exchanges from the
entry's own on, first in first out. t0 is the first octet of the first of them, t1 the
last octet of the last; of the replies between nobody knows more than t1.

Where the kernel took everything at once, t1 of SEND and GROUP is t0: the clock is not
read after the call. When it returns, this thread may first have to wait for the
interpreter, and a server in the same process (the sandbox) does its work meanwhile:
that time is the server's, not the network's.

An entry for each group and each receive is what keeps recording cheap: the events that
an entry makes are bounded by what one send or one receive holds. `error` is text or
None. The user's think time is the gap between a reply and the next send; it needs no
entry. From the first TLS entry without an error on, the octets were encrypted.

This module knows nothing of sockets or of SMTP beyond the names of steps.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

clock = time.perf_counter_ns

RESOLVE: Final = "resolve"
CONNECT: Final = "connect"
TLS: Final = "tls"
SEND: Final = "send"
GROUP: Final = "group"
CONTENT: Final = "content"
REPLY: Final = "reply"
REPLIES: Final = "replies"
SURPLUS: Final = "surplus"
NOTE: Final = "note"
ERROR: Final = "error"
CLOSE: Final = "close"

Entry = tuple[Any, ...]

# A dripping server or an endless loop of NOOPs may not eat the machine: beyond this
# many entries the record keeps counting but not writing, and says so in its last one.
MAX_ENTRIES: Final = 1_000_000
# So many before, a note says that it is near.
LEFT_AT_WARNING: Final = 100_000

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(wall_ns: int, random: bytes) -> str:
    """Write a ULID.

    Args:
        wall_ns: Its time, in nanoseconds since the epoch.
        random: Ten octets.
    """
    number = (wall_ns // 1_000_000) << 80 | int.from_bytes(random)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


RUN_ID: Final = ulid(time.time_ns(), os.urandom(10))


class Record:
    """The log of one connection and the two clocks that anchor it.

    Attributes:
        run_id: The same for all connections of one process.
        host: The host as the user named it.
        port: The port.
        wall_ns: Wall clock at the start, nanoseconds since the epoch.
        start_ns: The monotonic clock at the same moment.
        log: The entries, in order.
        dropped: Entries that were not kept, for the limit.
    """

    __slots__ = (
        "_random",
        "_session_id",
        "dropped",
        "host",
        "log",
        "port",
        "run_id",
        "start_ns",
        "wall_ns",
    )

    def __init__(self, host: str, port: int) -> None:
        self.run_id = RUN_ID
        self._random = os.urandom(10)
        self._session_id = ""  # few ask for it
        self.host = host
        self.port = port
        self.wall_ns = time.time_ns()
        self.start_ns = clock()
        self.log: list[Entry] = []
        self.dropped = 0

    @property
    def session_id(self) -> str:
        """A ULID: 26 characters that sort by time, made without coordination."""
        if not self._session_id:
            self._session_id = ulid(self.wall_ns, self._random)
        return self._session_id

    def add(self, *entry: Any) -> None:
        """Append one entry of a kind above."""
        left = MAX_ENTRIES - 1 - len(self.log)
        if left > LEFT_AT_WARNING:
            self.log.append(entry)
        elif left > 0:
            self.log.append(entry)
            if left == LEFT_AT_WARNING:
                self._warn()
        else:
            self._drop()

    def _warn(self) -> None:
        said = (
            f"the record is nearly full: some {LEFT_AT_WARNING:,} more entries are "
            "kept, the rest is only counted; a new connection has a new record"
        )
        self.log.append((NOTE, clock(), "nearly full", said))

    def _drop(self) -> None:
        if not self.dropped:
            said = "the record is full: what follows is counted, not kept"
            self.log.append((NOTE, clock(), "full", said))
        self.dropped += 1

    def note(self, what: str, detail: str = "") -> None:
        """Append a NOTE with the present time."""
        self.add(NOTE, clock(), what, detail)
