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

import math
import select
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple, TypeVar

from smtpnb.protocol.errors import DeadlineExceeded, LocalProtocolError

READ: Final = select.POLLIN
WRITE: Final = select.POLLOUT

now = time.monotonic

# The longest single poll, in seconds. Python runs the handler of a signal between two
# instructions of its own: one that comes in the moment before poll() sleeps is not seen
# until it wakes. (And a deadline may be at no time at all: `math.inf`.)
LONGEST_POLL: Final = 0.2


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


def checked_timeout(value: Any, name: str = "timeout") -> float | None:
    """Return a timeout as seconds; None stays None.

    Args:
        value: Seconds, 0 or more; `math.inf` is a wait without end.
        name: What the user calls it.

    Raises:
        LocalProtocolError: Not a number of seconds; nothing was sent.

    Example:
        >>> checked_timeout(5)
        5.0
    """
    if value is None:
        return None
    # float("5") would do; but text is a mistake somewhere else, and True is no second.
    if not isinstance(value, (str, bytes, bytearray, bool)):
        try:
            seconds = float(value)
        except (TypeError, ValueError, OverflowError):
            seconds = math.nan
        if seconds >= 0:
            return seconds
    raise LocalProtocolError(
        f"{name} is a number of seconds, 0 or more, not {value!r:.40}; nothing was sent"
    )


class Timeouts:
    """Seconds each phase may take, from its first octet to its last.

    Args:
        connect: Resolving the name and trying every address, together.
        tls: The TLS handshake.
        greeting: From the connection to the whole greeting.
        command: Any command not named below.
        data: DATA to its 354.
        block: Each 64 KiB of content; of a chunk (BDAT) also until its reply, but no
            longer than `eod`: they may still be on their way.
        eod: The final dot to its reply.
        quit: QUIT to its reply.
        group: At most this for all the replies to a group of commands (RFC 2920): it
            may take as long as its commands together, but no longer than this.

    Raises:
        LocalProtocolError: One of them is no number of seconds.

    Example:
        >>> patient = Timeouts(command=300.0)
        >>> SmtpClient(timeouts=patient).timeouts.command
        300.0
        >>> RFC5321.eod, INTERACTIVE.command
        (600.0, 60.0)
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
        quit: float = 5.0,  # noqa: A002  # the name of the phase
        group: float = 300.0,
    ) -> None:
        self.connect = _checked(connect, "connect")
        self.tls = _checked(tls, "tls")
        self.greeting = _checked(greeting, "greeting")
        self.command = _checked(command, "command")
        self.data = _checked(data, "data")
        self.block = _checked(block, "block")
        self.eod = _checked(eod, "eod")
        self.quit = _checked(quit, "quit")
        self.group = _checked(group, "group")

    def of(self, step: str) -> float:
        """Return the seconds for a step of the transcript's vocabulary."""
        seconds: float = getattr(self, step, self.command)
        return seconds

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name):g}" for name in self.__slots__)
        return f"Timeouts({fields})"


def _checked(value: float, phase: str) -> float:
    seconds = checked_timeout(value, phase)
    if seconds is None:
        raise LocalProtocolError(f"{phase} needs a limit in seconds; math.inf is none")
    return seconds


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
    group=math.inf,  # section 4.5.3.2 counts command by command, not groups
)
