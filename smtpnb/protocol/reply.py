"""A reply is data: its code, its octets, and what they say.

`Reply` is a plain value that stands below everything: errors hold replies, and the
parser makes them. The octets are kept as received, an echoed secret cut out; text is
made when somebody asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import decode, for_html, for_terminal

if TYPE_CHECKING:
    from typing import Self

_ENHANCED: Final = rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |\Z)"


class EnhancedStatus(str):
    """An enhanced status code (RFC 3463) such as "5.7.26"; it is its own text."""

    __slots__ = ()

    @property
    def status_class(self) -> int:
        """2 success, 4 persistent transient failure, 5 permanent failure."""
        return int(self[0])

    @property
    def subject(self) -> int:
        """The second number: addressing, mailbox, mail system, security ..."""
        return int(self.split(".")[1])

    @property
    def detail(self) -> int:
        """The third number."""
        return int(self.split(".")[2])


class Reply:
    r"""One complete reply of a server. Immutable, and a plain value.

    Attributes:
        code: The reply code, 200 to 599.
        octets: The reply as received, line ends included; an echoed secret is cut.

    Example:
        >>> reply = Reply(b"550 5.1.1 No such user\r\n")
        >>> reply.code, str(reply.enhanced), reply.text, reply.ok
        (550, '5.1.1', '5.1.1 No such user', False)
    """

    __slots__ = ("code", "octets")
    code: int
    octets: bytes

    def __init__(self, octets: bytes) -> None:
        object.__setattr__(self, "code", int(octets[:3]))
        object.__setattr__(self, "octets", octets)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Reply does not change ({name})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Reply does not change ({name})")

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self.octets,)

    @property
    def _raw_lines(self) -> list[bytes]:
        lines = self.octets.removesuffix(b"\n").split(b"\n")
        return [line.removesuffix(b"\r")[4:] for line in lines]

    @property
    def lines(self) -> tuple[str, ...]:
        """The text of each line, without code and separator."""
        return tuple(decode(line) for line in self._raw_lines)

    @property
    def text(self) -> str:
        """The text of all lines, joined by newlines."""
        return "\n".join(self.lines)

    @property
    def enhanced(self) -> EnhancedStatus | None:
        """The enhanced status code, or None (RFC 2034 section 4)."""
        match = re.match(_ENHANCED, self._raw_lines[-1])
        return EnhancedStatus(match.group().decode()) if match else None

    @property
    def reply_class(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    @property
    def ok(self) -> bool:
        """Whether the server did it (2yz) or wants the rest (3yz)."""
        return self.code < 400

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What was tolerated while reading: "bare_lf", or nothing."""
        found = self.octets.count(b"\n") != self.octets.count(b"\r\n")
        return ("bare_lf",) if found else ()

    def raise_for_status(self) -> Self:
        """Return the reply itself if it is positive.

        Raises:
            TransientReplyError: The code is 4yz.
            PermanentReplyError: The code is 5yz.
        """
        # The errors hold replies: they stand above this module.
        from smtpnb.protocol.errors import PermanentReplyError, TransientReplyError

        if self.ok:
            return self
        kind = TransientReplyError if self.code < 500 else PermanentReplyError
        raise kind("the server refused", reply=self)

    def __bool__(self) -> bool:
        return self.ok

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and other.octets == self.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __str__(self) -> str:
        shown = " | ".join(for_terminal(line) for line in self.lines)
        return f"{self.code} {shown}" if shown else str(self.code)

    def __repr__(self) -> str:
        return f"<Reply {self}>"

    def _repr_html_(self) -> str:
        from smtpnb.edges.colours import (  # loaded only when used
            AMBER,
            BLUE,
            GREEN,
            RED,
            of_words,
        )

        colour = {2: GREEN, 3: BLUE, 4: AMBER, 5: RED}
        style = of_words(colour[self.reply_class])
        body = "\n".join(for_html(line) for line in self.lines)
        return (
            '<pre class="smtpnb-reply" style="margin:0">'
            f'<b style="{style}">{self.code}</b> {body}</pre>'
        )
