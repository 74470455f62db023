"""What a user may hand over as the content of a message, as pieces of octets.

Octets, text, an `EmailMessage`, a list of octets and a file in memory are *held*: what
is in them is known before anything leaves. Files, pipes and iterators are streamed.

The size of a file is believed only where it is what will be read: of a regular file,
by one of Python's own binary files, from where that stands. A `gzip` file has a
descriptor, too, but gives other octets than the disk; files in /proc have no size and
yet an end; and somebody may stand past the end.

What the user's file or iterator raises passes unchanged; what is wrong with it is a
`LocalProtocolError`. This module knows nothing of line ends or dots; the protocol room
does.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union

from smtpnb.protocol.content import check_content
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.group import BLOCK

if TYPE_CHECKING:
    from email.message import Message
    from typing import BinaryIO

Content = Union[bytes, str, "BinaryIO", "Message[Any, Any]", Iterable[bytes]]

_OCTETS: Final = (bytes, bytearray, memoryview)
_CONTAINERS: Final = (deque, dict, frozenset, set)


class RestOfFile(NamedTuple):
    """A regular file, from where it stands to its end.

    Attributes:
        fd: Its descriptor.
        offset: Where it stands.
        size: Octets from there to the end.
    """

    fd: int
    offset: int
    size: int


class LeftBehind:
    """Stands for a file or an iterator in a copy of a message, as pickling makes it.

    Attributes:
        what: How it was shown.
    """

    __slots__ = ("what",)

    def __init__(self, content: object) -> None:
        self.what = repr(content)

    def __repr__(self) -> str:
        return f"<left behind: {self.what}>"


def octets_of(content: bytes | bytearray | memoryview | str) -> bytes:
    """Return octets; text is sent as UTF-8.

    Raises:
        LocalProtocolError: Text with lone surrogates, which are no characters.
    """
    if isinstance(content, str):
        try:
            return content.encode("utf-8")
        except UnicodeEncodeError as error:
            bad = f"U+{ord(content[error.start]):04X}"
            raise LocalProtocolError(f"{bad} is no character; nothing sent") from None
    return bytes(content)


def held(content: Content) -> bytes | None:
    """Return content that is in memory as octets; None for a file or an iterable.

    Raises:
        LocalProtocolError: As `octets_of`; an `EmailMessage` cannot be written; or it
            is no content at all.
    """
    if isinstance(content, (*_OCTETS, str)):
        return octets_of(content)
    if isinstance(content, (list, tuple)):
        return b"".join(map(_piece, content))
    if type(content) is io.BytesIO:
        check_readable(content)
        return bytes(content.getbuffer()[content.tell() :])
    if hasattr(content, "as_bytes"):
        from smtpnb.message.written import written  # loaded when first used

        return written(content)
    if hasattr(content, "read"):
        check_readable(content)
    elif not isinstance(content, Iterable):
        raise LocalProtocolError(
            "a message is octets, text, an EmailMessage, a binary file or an iterable "
            f"of octets, not {type(content).__name__}; nothing was sent"
        )
    elif type(content) in _CONTAINERS:  # no code of the user's
        for piece in content:
            _piece(piece)
    return None


def check_readable(file: Any) -> None:
    """Refuse a file that cannot give octets, as far as that can be known.

    Raises:
        LocalProtocolError: It is a text file, closed, or open for writing only.
    """
    text = (io.TextIOBase, codecs.StreamReader, codecs.StreamReaderWriter)
    # A wrapper of a text file (tempfile.NamedTemporaryFile("w+")) has its encoding.
    if isinstance(file, text) or hasattr(file, "encoding"):
        raise LocalProtocolError('open the file in binary mode ("rb")')
    if getattr(file, "closed", False) is True:
        raise LocalProtocolError("the file is closed; nothing was sent")
    if isinstance(file, io.IOBase) and not file.readable():
        raise LocalProtocolError("the file is open for writing only; nothing was sent")


def rest_of_file(content: Any) -> RestOfFile | None:
    """Return what is left of a regular file, if that is what its `read` will give.

    Returns:
        None for everything else, such as pipes, compressed files and wrappers.
    """
    raw = content
    if type(content) in (io.BufferedReader, io.BufferedRandom):
        raw = content.raw
    if type(raw) is not io.FileIO or raw.closed:
        return None
    status = os.fstat(raw.fileno())
    # A file of the kernel's own (/proc, /sys) has no blocks, and any size it likes.
    if not stat.S_ISREG(status.st_mode) or not status.st_blocks:
        return None
    offset = content.tell()
    if not 0 <= offset <= status.st_size:
        return None
    return RestOfFile(raw.fileno(), offset, status.st_size - offset)


def pieces_of(content: Content) -> Iterable[bytes]:
    """Return the content as pieces; what can be checked in advance is.

    Raises:
        LocalProtocolError: The content holds NUL, or is no content at all. While
            pieces are taken: the file changes its size, or gives what is no octets.
    """
    octets = held(content)
    if octets is not None:
        check_content(octets)
        return (octets,)
    if hasattr(content, "read"):
        return Reading(content)
    # Not asked for its iterator yet: that is code of the user's, too.
    return map(_piece, chain.from_iterable((content,)))


def _piece(piece: Any) -> bytes:
    if isinstance(piece, _OCTETS):
        return bytes(piece)
    raise LocalProtocolError(
        f"a piece of the message is {type(piece).__name__}, not octets"
    )


def _size_on_disk(file: Any) -> int | None:
    """Return the size of the regular file behind a reader; None if there is none."""
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError, TypeError, ValueError):  # none, or none that is
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class Reading:
    """A file that is read to its end, in blocks.

    Its end is known only if nobody writes to it meanwhile: a file of another size than
    when this object was made is half a message, or one and a half.

    Args:
        file: Anything with `read`; it is read from where it stands.

    Attributes:
        rest: What is left of it, if it is a regular file; else None.

    Raises:
        LocalProtocolError: As `check_readable`. While it is read, and before its end:
            it changed its size, or gave what is no octets.
    """

    __slots__ = ("_file", "_size_on_disk", "rest")

    def __init__(self, file: Any) -> None:
        check_readable(file)
        self._file = file
        self._size_on_disk = _size_on_disk(file)
        self.rest = rest_of_file(file)

    def __iter__(self) -> Iterator[bytes]:
        left = None if self.rest is None else self.rest.size
        while block := self._block():
            if left is not None:
                left -= len(block)
                self._check(left >= 0)
            yield block
        self._check(not left and self._size_on_disk == _size_on_disk(self._file))

    def _block(self) -> bytes:
        block = self._file.read(BLOCK)
        if isinstance(block, _OCTETS):
            return bytes(block)
        if block is None:
            raise LocalProtocolError(
                "read() returned None: a file that does not block has no octets yet, "
                "and its end is not known"
            )
        raise LocalProtocolError(
            f"read() gave {type(block).__name__}, not octets: open the file in binary "
            'mode ("rb")'
        )

    @staticmethod
    def _check(same: bool) -> None:
        if not same:
            raise LocalProtocolError("the file changed its size while it was sent")
