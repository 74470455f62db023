"""Faults: what the server does wrong on purpose, and when.

A `Fault` is a value: a step, a pattern, and what happens to the reply. A `FaultBook`
holds the active ones, counts their uses and throws the dice. Both may be used from any
thread: a notebook adds a fault while the server answers.

One rule explains every combination: *a fault acts on the reply*. The command does its
work as usual, unless the fault refuses it (a 4yz or 5yz `reply`); then the reply is
delayed, replaced, spoilt, dripped, or never comes. So a dropped `eod` leaves the
message in the inbox and the client in doubt, which is the case worth testing.

This module knows nothing of sockets, asyncio or aiosmtpd.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from dataclasses import KW_ONLY, dataclass, fields
from fnmatch import fnmatchcase

STEPS = (
    *("greeting", "ehlo", "helo", "lhlo", "starttls", "tls"),
    *("auth", "challenge", "signature"),
    *("mail", "rcpt", "data", "body", "bdat", "eod"),
    *("rset", "noop", "vrfy", "expn", "help", "quit"),
)
_ALIASES = {"connect": "greeting"}
# Not replies, but moments: "*" leaves them alone.
_MOMENTS = ("tls", "body")
# RFC 5321 section 4.2: Reply-code = %x32-35 %x30-35 %x30-39.
_REPLY = re.compile(r"([2-5][0-5][0-9])(?:[ -]([^\r]*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    r"""One way to misbehave.

    The actions combine, in this order: the delay, then silence (`stall`), or the reply
    (`reply`, `eight_bit`, `drip`), then the end of the connection (`drop`).

    Args:
        step: The verb in lower case, or one of "greeting" (also "connect"), "tls" (the
            handshake), "body" (after the first octets of a message or chunk), "eod"
            (the reply to the final dot or to BDAT LAST), "challenge" (each 334 of
            AUTH), "signature" (the 334 by which the server proves itself, in SCRAM and
            DIGEST-MD5), or "*": every step with a reply.
        pattern: A shell pattern (`fnmatch`, case ignored) on the argument: the address
            for mail and rcpt, the mechanism for auth and its challenges, and for data,
            body and eod the
            reverse-path or any of the recipients.
        reply: The reply in place of the usual one, such as "550 5.1.1 No such user";
            further lines after "\n". A 4yz or 5yz leaves the command without effect;
            a 421 also closes the connection (RFC 5321 section 3.8). At "auth" a 334
            asks again and again, until the client cancels. At "body" it is
            sent in mid content, and none follows the end of data.
        delay: Seconds before the reply. Other sessions go on.
        drop: Close the connection in place of the reply, or after it if `reply` is
            given too.
        drip: Seconds between the octets of the reply, which leave one at a time.
        eight_bit: Put Latin-1 octets into the reply text.
        stall: Never reply, and keep the connection open. At "tls" the handshake never
            goes on; at "body" the server stops reading.
        times: The fault is spent after so many uses; None is for ever.
        probability: Of acting each time it applies, above 0 and up to 1.
        skip: Let so many go by before it acts.
        per: Seconds after which `skip` begins anew: so many go by in that time, and
            the rest meet the fault.
        each: Count `times` and `skip` for each argument by itself. With `times=1` that
            is greylisting: each address is refused once.

    Raises:
        ValueError: An argument is out of range, or the fault would do nothing.

    Example:
        >>> with Sandbox(faults=[Fault("greeting", reply="554 No service")]) as closed:
        ...     SmtpClient().connect(closed).code
        554
        >>> Fault("rcpt", reply="450 4.7.1 Greylisted", times=1, each=True)
        Fault('rcpt', reply='450 4.7.1 Greylisted', times=1, each=True)
        >>> Fault("mail", reply="421 4.7.0 Too fast", skip=10, per=60)
        Fault('mail', reply='421 4.7.0 Too fast', skip=10, per=60)
    """

    step: str
    pattern: str = "*"
    _: KW_ONLY
    reply: str | None = None
    delay: float | None = None
    drop: bool = False
    drip: float | None = None
    eight_bit: bool = False
    stall: bool = False
    times: int | None = None
    probability: float = 1.0
    skip: int = 0
    per: float | None = None
    each: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", _ALIASES.get(self.step, self.step))
        if self.step != "*" and self.step not in STEPS:
            raise ValueError(
                f"{self.step!r} is not a step; allowed are: "
                f"{', '.join([*STEPS, *_ALIASES, '*'])}."
            )
        self._check_reply()
        self._check_numbers()
        self._check_sense()

    def _check_reply(self) -> None:
        if self.reply is not None and not _REPLY.fullmatch(self.reply):
            raise ValueError(
                f"{self.reply!r} is not a reply; it begins with a code from 200 to "
                "559, then a space and the text, with a line feed between lines."
            )

    def _check_numbers(self) -> None:
        for name in ("delay", "drip"):
            seconds = getattr(self, name)
            if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name} is in seconds, 0 or more, not {seconds!r}.")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is 1 or more, or None, not {self.times!r}.")
        if self.skip < 0:
            raise ValueError(f"skip is 0 or more, not {self.skip!r}.")
        if self.per is not None and not (
            self.skip and math.isfinite(self.per) and self.per > 0
        ):
            raise ValueError(
                f"per is in seconds, above 0, and goes with skip, not {self.per!r}."
            )
        if not 0 < self.probability <= 1:
            raise ValueError(
                f"probability is above 0 and up to 1, not {self.probability!r}."
            )

    def _check_sense(self) -> None:
        speaks = self.eight_bit or self.drip is not None
        if not (
            self.drop
            or self.stall
            or speaks
            or self.delay is not None
            or self.reply is not None
        ):
            raise ValueError(
                "The fault would do nothing; give at least one of reply, delay, drop, "
                "drip, eight_bit, stall."
            )
        if self.each and self.times is None and not self.skip:
            raise ValueError("each counts times or skip; give one of them.")
        if self.stall and (self.drop or speaks or self.reply is not None):
            raise ValueError(
                "stall never replies; it goes with delay, but not with reply, drop, "
                "drip or eight_bit."
            )
        if self.step == "tls" and (self.reply is not None or speaks):
            raise ValueError(
                "The TLS handshake is never answered; tls takes delay, drop, stall."
            )
        if self.step == "body" and speaks and self.reply is None:
            raise ValueError(
                "In mid content nothing is answered unless reply says what; without it "
                "body takes delay, drop, stall."
            )

    def __repr__(self) -> str:
        shown = [repr(self.step)]
        if self.pattern != "*":
            shown.append(repr(self.pattern))
        shown += [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)[2:]
            if getattr(self, field.name) != field.default
        ]
        return f"Fault({', '.join(shown)})"

    @property
    def refuses(self) -> bool:
        """Whether the command has no effect: its reply is a 4yz or 5yz."""
        return self.reply is not None and self.reply[0] in "45"

    def applies(self, step: str, subjects: tuple[str, ...]) -> str | None:
        """Return the argument that this fault is meant for, in lower case, or None.

        Args:
            step: The step that the session has come to.
            subjects: The argument, or the addresses of which any one may match.
        """
        if self.step != step and (self.step != "*" or step in _MOMENTS):
            return None
        pattern = self.pattern.lower()
        lower = map(str.lower, subjects)
        return next((each for each in lower if fnmatchcase(each, pattern)), None)


def lines_of(reply: str) -> list[str]:
    r"""Return the lines of a reply as they stand on the wire, without CRLF.

    Args:
        reply: A code and text, further lines after "\n" with or without the code.
    """
    code = reply[:3]
    texts = [
        line[4:] if line[:3] == code and line[3:4] in ("", " ", "-") else line
        for line in reply.split("\n")
    ]
    # RFC 5321 section 4.2.1: every line but the last has a hyphen behind the code.
    return [f"{code}-{text}" for text in texts[:-1]] + [f"{code} {texts[-1]}".rstrip()]


class _Count:
    """How often a fault applied: to anything, or to one argument."""

    __slots__ = ("begun", "seen", "used")

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.seen = self.used = 0

    def lets_by(self, fault: Fault) -> bool:
        """Whether this time is among those that go by."""
        if fault.per is not None and time.monotonic() - self.begun >= fault.per:
            self.begun, self.seen = time.monotonic(), 0
        self.seen += 1
        return self.seen <= fault.skip

    def is_spent(self, fault: Fault) -> bool:
        """Whether it has acted as often as it was to."""
        return fault.times is not None and self.used >= fault.times


class FaultBook:
    """The active faults of one sandbox, in the order in which they were added.

    Args:
        faults: The faults at the start.
        seed: Of the dice behind `Fault.probability`; the same conversation with the
            same seed meets the same faults.
    """

    def __init__(self, faults: tuple[Fault, ...] = (), seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._counts: list[tuple[Fault, dict[str, _Count]]] = []
        for fault in faults:
            self.add(fault)

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that are not spent."""
        with self._lock:
            return tuple(fault for fault, _ in self._counts)

    def add(self, fault: Fault) -> None:
        """Put a fault behind those that are there."""
        with self._lock:
            self._counts.append((fault, {}))

    def clear(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._counts.clear()

    def pick(self, step: str, *subjects: str) -> Fault | None:
        """Return the first fault that applies and acts, and count its use.

        Args:
            step: One of `STEPS`, or an unknown verb in lower case.
            subjects: See `Fault.applies`.
        """
        with self._lock:
            for index, (fault, counts) in enumerate(self._counts):
                subject = fault.applies(step, subjects or ("",))
                if subject is None:
                    continue
                if fault.probability < 1 and self._dice.random() >= fault.probability:
                    continue
                count = counts.setdefault(subject if fault.each else "", _Count())
                if count.is_spent(fault) or count.lets_by(fault):
                    continue
                count.used += 1
                if count.is_spent(fault) and not fault.each:
                    del self._counts[index]
                return fault
        return None
