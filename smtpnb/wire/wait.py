"""Waiting as a value, and how long each phase may take.

A step that would block yields `Wait(fds, deadline)` and is sent back the descriptors
that are ready: an empty tuple means that the deadline passed. There is no other kind
of waiting: helper threads complete through a descriptor, too.

Code of the user's (an iterator, a file, a callback) may take as long as it likes, so no
step runs it: it yields `Call(function, *args)`, and the driver calls it, with the
user's own signal handler in place, and sends back what it returned.

Two presets of timeouts. `RFC5321` holds the minimums of section 4.5.3.2. `INTERACTIVE`
shortens what is safe to shorten for a person who watches, and never manufactures an
unknown outcome: the reply to the end of data keeps its ten minutes, since giving up
earlier makes duplicates (RFC 1047).

This module knows nothing of sockets; it only names descriptors.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple, TypeVar

from smtpnb.protocol.errors import DeadlineExceeded

READ: Final = select.POLLIN
WRITE: Final = select.POLLOUT

now = time.monotonic


class Wait(NamedTuple):
    """What a step waits for.

    Attributes:
        fds: Pairs of descriptor and mask (READ, WRITE or both).
        deadline: Absolute, in seconds of the monotonic clock.
    """

    fds: tuple[tuple[int, int], ...]
    deadline: float


class Call:
    """Code of the user's, for the driver to run.

    Args:
        function: What to call.
        args: With what.
    """

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = function
        self.args = args


Ready = tuple[int, ...]
_T = TypeVar("_T")
# Yielded: a Wait, a Call, or something that the steps hand out on their way. Sent back:
# the descriptors that are ready, what the function returned, or nothing.
Steps = Generator[Any, Any, _T]


def until_ready(fd: int, mask: int, deadline: float) -> Steps[None]:
    """Wait for one descriptor.

    Raises:
        DeadlineExceeded: The deadline passed first.
    """
    if not (yield Wait(((fd, mask),), deadline)):
        raise DeadlineExceeded("the time is up")


class Timeouts:
    """Seconds each phase may take, from its first octet to its last.

    Args:
        connect: Resolving the name and trying every address, together.
        tls: The TLS handshake.
        greeting: From the connection to the whole greeting.
        command: Any command not named below.
        data: DATA to its 354.
        block: Each 64 KiB of content.
        eod: The final dot to its reply.
        group: Commands that left together, until the last of their replies: at most
            this, and at most the sum of what each may take (RFC 2920 lets a server
            hold all its replies until it has read all of the group).
        quit: QUIT to its reply.
    """

    __slots__ = (
        "block",
        "command",
        "connect",
        "data",
        "eod",
        "greeting",
        "group",
        "quit",
        "tls",
    )

    def __init__(
        self,
        *,
        connect: float = 30.0,
        tls: float = 30.0,
        greeting: float = 60.0,
        command: float = 60.0,
        data: float = 60.0,
        block: float = 60.0,
        eod: float = 600.0,
        group: float = 300.0,
        quit: float = 5.0,  # noqa: A002  # the name of the phase
    ) -> None:
        self.connect = connect
        self.tls = tls
        self.greeting = greeting
        self.command = command
        self.data = data
        self.block = block
        self.eod = eod
        self.group = group
        self.quit = quit

    def of(self, step: str) -> float:
        """Return the seconds for a step of the transcript's vocabulary."""
        return float(getattr(self, step, self.command))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name):g}" for name in self.__slots__)
        return f"Timeouts({fields})"


INTERACTIVE: Final = Timeouts()
RFC5321: Final = Timeouts(
    connect=300,
    tls=300,
    greeting=300,
    command=300,
    data=120,
    block=180,
    eod=600,
    quit=300,
)
