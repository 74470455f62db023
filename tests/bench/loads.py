"""What the benchmarks send: every message and every recipient different.

One object to one list flatters whoever remembers what he made last. Here each message
has a sender, recipients, a length and words of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

NAME: Final = "bench.test"
_WORDS: Final = (
    b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstu\r\n"
)


class Message(NamedTuple):
    """One message, ready to be handed to any client."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


def messages(n: int, recipients: int, *, start: int = 0) -> list[Message]:
    """Return `n` messages of about 1 KB.

    Args:
        n: How many.
        recipients: How many each.
        start: The number of the first.
    """
    return [_message(number, recipients) for number in range(start, start + n)]


def _message(number: int, recipients: int) -> Message:
    to = tuple(f"r{number}.{place}@{NAME}" for place in range(recipients))
    head = b"Subject: message %d\r\n\r\n" % number
    content = head + _WORDS * (10 + number % 8) + b"%d\r\n" % number
    return Message(f"s{number}@{NAME}", to, content)
