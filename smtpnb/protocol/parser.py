"""Replies: octets in, `Reply` values out, whole or not at all.

`ReplyParser` is fed whatever the network delivers, in whatever pieces, and gives
complete replies. Every split of the same octets gives the same replies; what is
malformed, too long or too much raises `RemoteProtocolError`, after which the octets
that follow mean nothing and the connection must be closed.

What is strict and what is not, and why:

* The code is three digits, 200 to 599 by class, followed by SP, "-" or the end of the
  line (RFC 5321 section 4.2). Codes nobody listed ("422") are legal: act on the first
  digit (section 4.3.2).
* The text may be missing: "250<CRLF>" is legal. Its octets may be anything.
* All lines of one reply carry the same code (section 4.2.1). Two codes in one reply
  are two replies run together, and nobody can say to which command each belongs.
* A line may end in a bare LF: such servers exist, and nothing is guessed by reading
  them. `Reply.anomalies` says so.

This module knows nothing of commands, and does no I/O.
"""

from __future__ import annotations

from typing import Final

from smtpnb.edges.text import decode, for_terminal
from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.secret import Redactor

# RFC 5321 section 4.5.3.1.5 says 512 octets a line; real servers exceed it. These
# bounds are what no honest server reaches; Postfix and curl stop at similar ones.
MAX_LINE: Final = 16 * 1024
MAX_REPLY: Final = 64 * 1024
MAX_LINES: Final = 512

_SHOWN_OF_A_BAD_LINE: Final = 200


def is_one_line(line: bytes) -> bool:
    """Tell whether a line that ends in CRLF, and nowhere else, is a whole reply."""
    return (
        b"200" <= line < b"600"
        and line[:3].isdigit()
        and line[3:4] == b" "
        and line.endswith(b"\r\n")
        and len(line) <= MAX_LINE
    )


def is_plain(octets: bytes) -> bool:
    """Tell whether octets are one whole reply, as nearly all are; no is no verdict.

    Every line ends in CRLF, and nowhere else; all of it is shorter than a line may be.
    """
    if octets.count(b"\n") == 1:  # as nearly all have
        return octets.count(b"\r") == 1 and is_one_line(octets)
    lines = octets.splitlines(keepends=True)
    # A bare CR or LF would make another line.
    if not 0 < len(lines) <= MAX_LINES or octets.count(b"\r\n") != len(lines):
        return False
    last = lines.pop()
    if len(octets) > MAX_LINE or not is_one_line(last):
        return False
    return not lines or {line[:4] for line in lines} == {last[:3] + b"-"}


class ReplyParser:
    """Turns received octets into replies, within bounds.

    Args:
        redactor: Cuts an echoed secret out of octets before they become a `Reply` or
            part of an error. False while it knows none.
    """

    __slots__ = ("_buffer", "_code", "_fault", "_line", "_lines", "_redactor", "_scan")

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._buffer = bytearray()
        self._line = 0  # where the current line starts
        self._scan = 0  # how far LF was looked for: trickling stays linear
        self._lines = 0
        self._code = b""
        self._fault: tuple[str, int, int] | None = None  # what, and the line it is in
        self._redactor = Redactor() if redactor is None else redactor

    def pending(self, most: int) -> bytes:
        """Return the first octets received that are no part of a reply given out.

        Args:
            most: How many. What stands behind them is looked at, too, so that a secret
                is cut that only begins in them.
        """
        return self._redactor.cut(bytes(self._buffer[: most + MAX_LINE]))[:most]

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        """Take octets as they came."""
        self._buffer += octets

    def next_reply(self) -> Reply | None:
        """Return the next complete reply, or None when octets are missing.

        Raises:
            RemoteProtocolError: Malformed, two codes in one reply, or over a bound.
        """
        # Raised here, where no local variable holds what the server said: a verbose
        # traceback prints them all, and it may have echoed a secret.
        end = self._find_end() if self._fault is None else 0
        if self._fault is not None:
            raise self._error(*self._fault)
        if not end:
            return None
        octets = self._redactor.cut(bytes(self._buffer[:end]))
        del self._buffer[:end]
        self._line = self._scan = self._lines = 0
        return Reply(octets)

    def next_replies(self, most: int) -> tuple[bytes, ...]:
        """Return the octets of the complete replies that are here, at most `most`.

        Raises:
            RemoteProtocolError: As `next_reply`, unless complete replies came first:
                those are returned, and the next call raises.
        """
        replies = self._one_line_each(most)
        while len(replies) < most:
            try:
                reply = self.next_reply()
            except RemoteProtocolError:
                if replies:
                    break  # what the server said before it broke the rules counts
                raise
            if reply is None:
                break
            replies.append(reply.octets)
        return tuple(replies)

    def _one_line_each(self, most: int) -> list[bytes]:
        """Return all replies that are here if each is one plain line, else nothing.

        In a pipelined group nearly all are. Looking at all of them at once takes a
        tenth of the time of one after the other.
        """
        buffer = self._buffer
        n = buffer.count(b"\r\n")
        if self._lines or not n or n > most or self._redactor:
            return []
        end = buffer.rfind(b"\n") + 1
        lines = bytes(buffer[:end]).splitlines(keepends=True)
        # A bare CR or LF would make another line. Most lines of a run are the same.
        if len(lines) != n or not all(map(is_one_line, set(lines))):
            return []
        del buffer[:end]
        self._scan = 0
        return lines

    def _find_end(self) -> int:
        """Return where the first reply ends, 0 if it is not complete."""
        buffer = self._buffer
        while True:
            end = buffer.find(b"\n", self._scan) + 1
            if not end:
                self._scan = len(buffer)
                self._check_bounds(self._scan)
                return 0
            self._lines += 1
            last = self._check_bounds(end) and self._check_line(end)
            self._line = self._scan = end
            if last or self._fault is not None:
                return end

    def _check_line(self, end: int) -> bool:
        """Check the line that ends at `end`; tell whether it is the last one."""
        line = bytes(self._buffer[self._line : end])
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        start, stop = self._line, self._line + len(line)
        code, separator = line[:3], line[3:4]
        if not (
            len(code) == 3
            and code.isdigit()
            and b"200" <= code < b"600"
            and separator in (b" ", b"-", b"")
        ):
            self._fault = "this line is not a reply", start, stop
        elif self._lines == 1:
            self._code = code
        elif code != self._code:
            was = self._code.decode()
            self._fault = f"one reply carries two codes, {was} and then", start, stop
        return separator != b"-"

    def _check_bounds(self, end: int) -> bool:
        # The bound that is met first, whatever came in the same piece beyond it.
        longest = self._line + MAX_LINE
        if end > longest and longest <= MAX_REPLY:
            end, what = longest, f"a reply line is longer than {MAX_LINE} octets"
        elif end > MAX_REPLY:
            end, what = MAX_REPLY, f"a reply is longer than {MAX_REPLY} octets"
        elif self._lines > MAX_LINES:
            what = f"a reply has more than {MAX_LINES} lines"
        else:
            return True
        self._fault = what, self._line, end
        return False

    def _error(self, what: str, start: int, end: int) -> RemoteProtocolError:
        # Redact before cutting to length: a cut secret would not be recognised.
        shown = self._redactor.cut(bytes(self._buffer[start:end]))
        more = " ..." if len(shown) > _SHOWN_OF_A_BAD_LINE else ""
        text = for_terminal(decode(shown[:_SHOWN_OF_A_BAD_LINE]))
        return RemoteProtocolError(f'{what}: "{text}{more}"')
