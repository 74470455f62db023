"""Two hundred messages, and what is right to become of each.

A recipient says by its name how a server of the tests answers it: ok-, slow-, no- (550)
or later- (450). No two messages have a recipient in common, so that what arrives tells
which message it is, even when it is empty.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

SENDER: Final = "ann@client.example"
N_MANY: Final = 120

_HEAD: Final = b"From: Ann <ann@client.example>\r\nSubject: octet for octet\r\n\r\n"
# What goes wrong when a dot, a line end, an eighth bit or an end is not understood.
BODIES: Final[dict[str, bytes]] = {
    "plain": b"one line\r\n",
    "dots": b".\r\n..\r\n...\r\n.leading\r\nin . the middle.\r\n.\r\n",
    "no last line end": b"the end",
    "line ends of LF": b"one\ntwo\n.\nthree\n",
    "eight bits": "gr\u00fc\u00dfe \u4f60\u597d \U0001f600\r\n".encode(),
    "long lines": b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n",
    # Content that a server which took it for commands would obey.
    "commands": b"RSET\r\nMAIL FROM:<evil@client.example>\r\n"
    b"RCPT TO:<ok-evil@example.test>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\nQUIT\r\n",
    "blank": b"\r\n\r\n\r\ntrailing   \r\n\r\n",
}
_LARGE: Final = b"0123456789abcdef" * 4 + b"\r\n.\r\n.dot\r\n"


@dataclass(frozen=True)
class Mail:
    """One message, and what is right to become of it.

    Attributes:
        recipients: To whom.
        content: As handed to the client.
    """

    recipients: tuple[str, ...]
    content: bytes

    @property
    def given(self) -> tuple[str, tuple[str, ...], bytes]:
        """What a client is given."""
        return SENDER, self.recipients, self.content

    @property
    def wanted(self) -> tuple[str, ...]:
        """The recipients that a server accepts."""
        return tuple(each for each in self.recipients if code_of(each) == 250)

    @property
    def outcome(self) -> str:
        """What `Delivery.outcome` must say."""
        return "accepted" if self.wanted else "refused"

    @property
    def on_the_wire(self) -> bytes:
        """The content as it must arrive: line ends of CRLF, one at the end."""
        content = self.content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        lacks = bool(content) and not content.endswith(b"\r\n")
        return content + b"\r\n" * lacks


def code_of(recipient: str) -> int:
    """Return the code by which a server of the tests answers a recipient."""
    return {"no": 550, "later": 450}.get(recipient.partition("-")[0], 250)


def two_hundred(tag: str, *, slow: int, n: int = 200) -> list[Mail]:
    """Return the messages.

    Args:
        tag: Part of every recipient's name: what sets this run apart.
        slow: How many of the 120 recipients of one message are answered slowly.
        n: How many messages.
    """
    dice = random.Random(5321)
    bodies = list(BODIES.values())
    mails = []
    for number in range(n):
        kind = _KINDS[number % len(_KINDS)]
        if number == n // 2:
            kind = ["slow"] * slow + ["ok"] * (N_MANY - 4 - slow) + ["no", "later"] * 2
            dice.shuffle(kind)
        to = tuple(
            f"{word}-{tag}-{number}-{place}@example.test"
            for place, word in enumerate(kind)
        )
        content = _HEAD + bodies[number % len(bodies)]
        if number % 50 == 20:
            content = b""
        if number % 50 == 30:  # larger than what leaves in one piece
            content = _HEAD + _LARGE * (3000 + number)
        mails.append(Mail(to, content))
    return mails


# Each kind before each: after a refusal in particular, the next must go.
_KINDS: Final = (
    ["ok"],
    ["no"],
    ["ok"],
    ["ok", "no"],
    ["no", "ok", "later"],
    ["no", "later"],
    ["later"],
    ["ok", "ok", "ok"],
    ["ok"],
    ["later", "no", "ok", "ok"],
    ["ok"],
)
