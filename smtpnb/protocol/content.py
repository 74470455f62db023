"""The content on its way out: line ends, dot-stuffing, the end of data.

`Encoder` takes the content in any pieces and gives octets for the wire, in
constant memory. Only CRLF leaves as a line end (RFC 5321 section 2.3.8): what some
servers take for an end of data (<LF>.<LF>, <CR>.<CR> ...) is how messages are smuggled
into other people's mail. The first dot of every line is doubled (section 4.5.2), the
first line included, and the CRLF before the final dot is added only when the message
does not end with one (section 4.1.1.4).

What a server may do harm to is found here, too: NUL, octets over 127, lines that are
too long. `facts_of` says it of a content in memory, before anything leaves; an
`Encoder` that was told to refuses the piece that holds it, before that piece leaves.

Most content is right as it is, and the work is to see that fast. What CPython does
fast was measured (octets of a block of 64 KiB, in us): to find one octet 1, to delete
one wherever it stands 10, to look for kinds of line ends 24; to count or to find a
pair 55; any regular expression 400. A process that has loaded numpy, as every notebook
has, looks at a block as an array instead.

This module knows nothing of files, sockets or who wrote the message.
"""

from __future__ import annotations

import sys
from io import IncrementalNewlineDecoder
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.group import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LineEnds = Literal["normalise", "strict", "raw"]

END_OF_DATA: Final = b".\r\n"
# Octets of a line, its CRLF left out (RFC 5321 section 4.5.3.1.6; RFC 5322, 2.1.1).
MAX_LINE: Final = 998
_WORTH_AN_ARRAY: Final = 4096
_NUL: Final = (
    "the message holds a NUL octet (RFC 5321 section 2.3.1): encode that part "
    "(base64), or send it by raw()"
)


class Facts(NamedTuple):
    """What is known of a whole content.

    Attributes:
        size: Its octets as they leave, with CRLF line ends and one at its end; stuffed
            dots and the end of data are not counted (RFC 1870 section 5).
        n_lines: Its lines.
        crlf: Whether CRLF is its only line end as it stands.
        has_nul: Whether there is a NUL octet in it.
        is_8bit: Whether there is an octet over 127 in it.
        long_line: The number of its first line over 998 octets; 0 if there is none.
    """

    size: int
    n_lines: int
    crlf: bool
    has_nul: bool
    is_8bit: bool
    long_line: int

    @property
    def is_plain(self) -> bool:
        """Whether every server can bear it."""
        return not (self.has_nul or self.is_8bit or self.long_line)


def facts_of(pieces: Iterable[bytes]) -> Facts:
    """Return what is known of a whole content, after one look at its pieces."""
    encoder = Encoder(stuff=False)
    size, has_nul, is_8bit, long_line, begun = 0, False, False, 0, 0
    for piece in pieces:
        size += len(piece)
        has_nul = has_nul or b"\0" in piece
        is_8bit = is_8bit or not piece.isascii()
        n_lines = encoder.n_lines
        octets = encoder.encode(piece)
        if not long_line:
            start, begun = _past_lines(octets, begun)
            long_line = 0 if start < 0 else n_lines + _count(octets[:start]) + 1
    # Each bare CR or LF makes a content one octet longer.
    crlf = encoder.n_octets == size and not encoder.holds_cr
    encoder.finish()
    return Facts(encoder.n_octets, encoder.n_lines, crlf, has_nul, is_8bit, long_line)


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces until they make a block: a line a write is slow."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def blocks(piece: bytes) -> Iterator[bytes]:
    """Cut a piece into blocks, so that each has a deadline and lets a cancel in."""
    if len(piece) <= BLOCK:
        yield piece
        return
    for start in range(0, len(piece), BLOCK):
        yield piece[start : start + BLOCK]


def check_content(octets: bytes) -> None:
    """Refuse content that cannot be sent by DATA.

    Raises:
        LocalProtocolError: The content holds a NUL octet (RFC 5321 section 2.3.1).
    """
    if b"\0" in octets:
        raise LocalProtocolError(_NUL)


def whole(octets: bytes) -> tuple[bytes, int]:
    """Return a whole message with CRLF line ends only, and at its end; and its lines.

    Raises:
        LocalProtocolError: As `check_content`.
    """
    check_content(octets)
    octets, n_lines = normalised(octets)
    if octets and not octets.endswith(b"\r\n"):
        return octets + b"\r\n", n_lines + 1
    return octets, n_lines


def normalised(octets: bytes) -> tuple[bytes, int]:
    """Return octets in which every CR, LF and CRLF became CRLF; and how many there are.

    What has only CRLF is returned as it is: the very same object.
    """
    if b"\r" not in octets:
        out = octets.replace(b"\n", b"\r\n")
        return (octets, 0) if len(out) == len(octets) else (out, len(out) - len(octets))
    if only_crlf(octets):
        return octets, _count(octets)
    # A bare CR is a line end too: left alone, it could end the data elsewhere.
    octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    out = octets.replace(b"\n", b"\r\n")
    return out, len(out) - len(octets)


def only_crlf(octets: bytes) -> bool:
    """Tell whether CRLF is the one line end in octets, which hold at least a CR."""
    decoder = IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(octets.decode("latin-1"), final=True)
    return decoder.newlines == "\r\n"


def _count(octets: bytes) -> int:
    """Count line feeds: to leave them out takes half the time of `bytes.count`."""
    return len(octets) - len(octets.replace(b"\n", b""))


def stuffed(octets: bytes, *, at_line_start: bool = True) -> bytes:
    """Return octets with the first dot of each line doubled; only CRLF ends a line."""
    if b"." not in octets:
        return octets
    if at_line_start and octets.startswith(b"."):
        octets = b"." + octets
    return octets.replace(b"\r\n.", b"\r\n..")


def bare_line_end(octets: bytes) -> tuple[str, int] | None:
    """Return the first CR or LF that is no part of a CRLF, and where it is."""
    marked = octets.replace(b"\r\n", b"..")
    found = [
        (at, name)
        for name, end in (("CR", b"\r"), ("LF", b"\n"))
        if (at := marked.find(end)) >= 0
    ]
    if not found:
        return None
    at, name = min(found)
    return name, at


def _past_lines(octets: bytes, begun: int) -> tuple[int, int]:
    """Walk over lines of at most 998 octets, many at a time.

    Args:
        octets: With CRLF line ends.
        begun: Octets of the first line that came before.

    Returns:
        A place in the first longer line, or -1; and how much of the last line has come.
    """
    end, start, stop = len(octets), 0, MAX_LINE + 2 - begun
    while stop < end:  # so many octets hold a line end, or the line is long
        at = octets.rfind(b"\n", start, stop)
        if at < 0:
            return start, 0
        start, stop = at + 1, at + MAX_LINE + 3
    at = octets.rfind(b"\n", start)
    begun = begun + end if at < 0 and not start else end - max(at + 1, start)
    return (end if begun > MAX_LINE else -1), begun


def long_line(octets: bytes) -> int:
    """Return the number of the first line over 998 octets; 0 if there is none.

    Args:
        octets: With CRLF line ends.
    """
    start, _ = _past_lines(octets, 0) if len(octets) > MAX_LINE else (-1, 0)
    return 0 if start < 0 else _count(octets[:start]) + 1


class Encoder:
    r"""Content, piece by piece: `feed` as often as needed, `finish` once.

    Any splitting of the content gives the same octets.

    Args:
        stuff: Double the first dot of each line, as DATA needs and BDAT does not.
        line_ends: "normalise": each CR, LF and CRLF leaves as CRLF. "strict": a bare CR
            or LF is refused. "raw": the content leaves as it is, NUL and all, which no
            server but one with BINARYMIME need bear (RFC 3030); only DATA adds the CRLF
            before its final dot.
        seven_bit: Refuse octets over 127 (RFC 6152 section 3).
        short_lines: Refuse lines over 998 octets (RFC 5321 section 4.5.3.1.6).
        clean: The content was looked at before (`facts_of`): CRLF is its only line end,
            and there is nothing in it to refuse. Only its dots are looked for.

    Attributes:
        n_octets: How many octets of content were encoded, the end of data left out.
        n_lines: How many of their lines are complete.
        holds_cr: Whether a CR waits to see if a LF comes next.

    Example:
        >>> encoder = Encoder()
        >>> encoder.feed(b".a\n") + encoder.feed(b"b") + encoder.finish()
        b'..a\r\nb\r\n'
    """

    __slots__ = (
        "_at_line_start",
        "_begun",
        "_clean",
        "_line_ends",
        "_seven_bit",
        "_short_lines",
        "_stuffs",
        "holds_cr",
        "n_lines",
        "n_octets",
    )

    def __init__(
        self,
        *,
        stuff: bool = True,
        line_ends: LineEnds = "normalise",
        seven_bit: bool = False,
        short_lines: bool = False,
        clean: bool = False,
    ) -> None:
        self._stuffs = stuff
        self._line_ends = line_ends
        self._seven_bit = seven_bit
        self._short_lines = short_lines
        self._clean = clean
        self._at_line_start = True
        self._begun = 0  # octets of the line under way, where lines are measured
        self.holds_cr = False
        self.n_octets = 0
        self.n_lines = 0

    def feed(self, octets: bytes) -> bytes:
        """Encode the next piece; return what may leave now.

        Raises:
            LocalProtocolError: The piece holds NUL, at which real software cuts a
                message in two, or what was to be refused; nothing of the piece was
                encoded, and nothing of it may leave.
        """
        if not self._clean and self._line_ends != "raw":
            check_content(octets)
        if self._seven_bit and not octets.isascii():
            raise LocalProtocolError(
                "the message holds an octet over 127, and the server does not offer "
                "8BITMIME (RFC 6152 section 3): the rest was not sent"
            )
        return self.encode(octets)

    def encode(self, octets: bytes) -> bytes:
        """Encode the next piece as `feed` does, whatever octets it holds."""
        lines, dotted = self._look(octets)
        held_cr = self.holds_cr
        if lines is None:
            octets = self._without_last_cr(octets)
            try:
                octets, lines = self._ended_right(octets)
            except LocalProtocolError:
                self.holds_cr = held_cr
                raise
        if octets:
            if self._short_lines:
                self._measure(octets)
            if dotted:
                octets = stuffed(octets, at_line_start=self._at_line_start)
            self._at_line_start = octets.endswith(b"\r\n")
        self.n_octets += len(octets)
        self.n_lines += lines
        return octets

    def _look(self, octets: bytes) -> tuple[int | None, bool]:
        """Look at a block as an array, where numpy is at hand.

        Most blocks need nothing done, and to see that in an array takes a third of the
        time. Without numpy nothing is lost but that.

        Returns:
            How many lines there are, all ending in CRLF, or None if that is not
            certain; whether a dot may have to be doubled.
        """
        numpy = sys.modules.get("numpy")
        if self._clean or numpy is None or len(octets) < _WORTH_AN_ARRAY:
            return None, self._stuffs
        if self.holds_cr:
            return None, self._stuffs
        found = numpy.frombuffer(octets, numpy.uint8)
        lf, cr = found == ord("\n"), found == ord("\r")
        if lf[0] or cr[-1] or not numpy.array_equal(cr[:-1], lf[1:]):
            return None, self._stuffs
        dotted = (
            self._stuffs
            and b"." in octets
            and (octets[0] == ord(".") or (lf[:-1] & (found[1:] == ord("."))).any())
        )
        return int(numpy.count_nonzero(lf)), bool(dotted)

    def _ended_right(self, octets: bytes) -> tuple[bytes, int]:
        """Return octets with the line ends they shall have, and how many."""
        if self._clean:
            return octets, _count(octets)
        if self._line_ends == "normalise":
            return normalised(octets)
        if self._line_ends == "strict" and (bare := bare_line_end(octets)):
            raise self._bare(*bare)
        return octets, octets.count(b"\r\n")

    def _bare(self, name: str, at: int) -> LocalProtocolError:
        return LocalProtocolError(
            f"octet {self.n_octets + at} of the message is a bare {name}: only CRLF "
            "ends a line (RFC 5321 section 2.3.8)"
        )

    def _measure(self, octets: bytes) -> None:
        start, begun = _past_lines(octets, self._begun)
        if start >= 0:
            number = self.n_lines + _count(octets[:start]) + 1
            raise LocalProtocolError(
                f"line {number} of the message has more than {MAX_LINE} octets "
                "(RFC 5321 section 4.5.3.1.6): it was not sent"
            )
        self._begun = begun

    def finish(self) -> bytes:
        """Return what the end of the content lacks: a CRLF, or nothing.

        Raises:
            LocalProtocolError: The content ended with a CR, which was to be refused.
        """
        tail = b"" if self._at_line_start and not self.holds_cr else b"\r\n"
        if self.holds_cr and self._line_ends == "strict":
            raise self._bare("CR", 0)
        if self._line_ends == "raw":
            tail = b"\r" * self.holds_cr + tail * self._stuffs
        self.holds_cr = False
        self._at_line_start = True
        self._begun = 0
        self.n_octets += len(tail)
        self.n_lines += tail.count(b"\r\n")
        return tail

    def _without_last_cr(self, octets: bytes) -> bytes:
        """Take back the CR that waited for its LF; hold one at the end back."""
        if self.holds_cr and octets:
            self.holds_cr = False
            octets = b"\r" + octets
        if octets.endswith(b"\r"):
            self.holds_cr = True
            octets = octets[:-1]
        return octets
