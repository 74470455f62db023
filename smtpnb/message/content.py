"""What a user may hand over as the content of a message, as pieces of octets.

This module knows nothing of line ends or dots; the protocol layer does.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Union

from smtpnb.protocol.content import BLOCK, check_content
from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from email.message import Message
    from typing import BinaryIO

Content = Union[bytes, str, "BinaryIO", "Message[Any, Any]", Iterable[bytes]]


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
        LocalProtocolError: As `octets_of`.
    """
    if isinstance(content, (bytes, bytearray, memoryview, str)):
        return octets_of(content)
    if not hasattr(content, "as_bytes"):
        return None
    message: Any = content  # an EmailMessage
    octets: bytes = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    return octets


def pieces_of(content: Content) -> Iterable[bytes]:
    """Return the content as pieces; what can be checked in advance is.

    Raises:
        LocalProtocolError: The content holds NUL, or is no content at all.
    """
    octets = held(content)
    if octets is not None:
        check_content(octets)
        return (octets,)
    if hasattr(content, "read"):
        return _blocks_of(content)
    try:
        return _checked(iter(content))
    except TypeError:
        kind = type(content).__name__
        raise LocalProtocolError(
            "a message is octets, text, an EmailMessage, a binary file or an iterable "
            f"of octets, not {kind}; nothing was sent"
        ) from None


def _blocks_of(file: Any) -> Iterator[bytes]:
    if isinstance(file, io.TextIOBase):
        raise LocalProtocolError('open the file in binary mode ("rb")')
    while block := file.read(BLOCK):
        yield block


def _checked(pieces: Iterator[Any]) -> Iterator[bytes]:
    for piece in pieces:
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            kind = type(piece).__name__
            raise LocalProtocolError(f"a piece of the message is {kind}, not octets")
        yield bytes(piece)
