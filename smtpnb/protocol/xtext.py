"""Xtext: how a parameter says any text in one printable word (RFC 3461 section 4).

What is not printable ASCII, and "+" and "=", is written as "+" and two upper-case
hexadecimal digits an octet.
"""

from __future__ import annotations

import re
from typing import Final

from smtpnb.protocol.errors import LocalProtocolError

_XCHAR: Final = r"[!-*,-<>-~]"
XTEXT: Final = rf"(?:{_XCHAR}|\+[0-9A-F]{{2}})*"


class Xtext(str):
    r"""A text that is xtext already (RFC 3461 section 4), to be sent as it is.

    Example:
        >>> Rcpt("c@d", orcpt=Xtext("rfc822;a+2Bb@d")).parameters
        ('ORCPT=rfc822;a+2Bb@d',)
    """

    __slots__ = ()


def xtext(text: str) -> str:
    """Return a text as xtext: "+" and two upper-case digits for what needs it.

    Args:
        text: Any text; what is not ASCII is encoded as UTF-8. An `Xtext` stays.

    Example:
        >>> xtext("a=b c")
        'a+3Db+20c'
    """
    if isinstance(text, Xtext):
        return str(text)
    return re.sub(
        r"[^!-*,-<>-~]",
        lambda found: "".join(f"+{o:02X}" for o in octets_of(found.group())),
        text,
    )


def octets_of(text: str) -> bytes:
    """Return a text as UTF-8.

    Raises:
        LocalProtocolError: It holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        bad = f"U+{ord(text[error.start]):04X}"
        raise LocalProtocolError(f"a parameter holds {bad}; nothing was sent") from None


def plain(text: str) -> str:
    """Return what an xtext stands for.

    Example:
        >>> plain("a+3Db")
        'a=b'
    """
    octets = re.sub(
        rb"\+([0-9A-F]{2})",
        lambda found: bytes.fromhex(found[1].decode()),
        octets_of(text),
    )
    return octets.decode("utf-8", "replace")
