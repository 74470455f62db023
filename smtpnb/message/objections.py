"""What a server could not bear of a message, said before anything leaves.

Nothing is re-encoded unasked, and nothing that may be cut, garbled or refused far away
leaves in silence. Who wants to see what happens sends it all the same, with `lax`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.content import blocks, facts_of

if TYPE_CHECKING:
    from collections.abc import Container

    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.content import Facts

# A line of a header or the beginning of one: "name:", a part of a name, or folded.
_OF_HEADER: Final = rb"[!-9;-~]+(?:[ \t]*:|\Z)|[ \t]"
_ENOUGH: Final = 100  # octets of a line, to tell

_WAYS_OUT = (
    "re-encode it (send() with convert=True), or send it as it is (lax=True); nothing "
    "was sent"
)


def objection_to(
    mail: MailObject,
    offered: Container[str],
    *,
    binary: bool = False,
    declared: bool = True,
) -> str:
    """Return why a message should not leave, the rule and the ways out.

    Args:
        mail: The message. A regular file is read through if 8BITMIME is not offered;
            other files and iterators are judged while they stream (`mail.encoder`).
        offered: The keywords that the server announced.
        binary: It leaves by BDAT with BODY=BINARYMIME (RFC 3030), for which lines, NUL
            and octets over 127 are as good as any.
        declared: MAIL says SMTPUTF8, or will where a header needs it.

    Returns:
        A sentence; "" if nothing is wrong as far as can be known.

    Raises:
        LocalProtocolError: It is no content, or cannot be written.
    """
    if mail.line_ends == "raw" and not binary:
        return (
            'line_ends="raw" needs BDAT with BODY=BINARYMIME (RFC 3030 section 3), '
            "which is not used: send it as it is (lax=True), or let line ends become "
            "CRLF; nothing was sent"
        )
    facts = mail.facts if "8BITMIME" in offered else mail.look()
    if facts is None or facts.is_plain:
        return ""
    why = _header(mail, offered, declared=declared)
    return why or ("" if binary else _body(facts, offered))


class Headers:
    """Where the headers of a content end that comes in pieces.

    Attributes:
        begun: Of the line under way, what tells whether it is one of a header; None
            behind the last of them.
    """

    __slots__ = ("begun",)

    def __init__(self, begun: bytes | None = b"") -> None:
        self.begun = begun

    def cut(self, octets: bytes) -> tuple[bytes, Headers]:
        """Return what of a piece stands in headers, and where they are behind it."""
        if self.begun is None:
            return b"", self
        seen = self.begun + octets
        start = 0
        while start < len(seen):
            if not re.match(_OF_HEADER, seen[start : start + _ENOUGH]):
                return seen[:start], Headers(None)
            end = seen.find(b"\n", start) + 1
            if not end:
                return seen, Headers(seen[start : start + _ENOUGH])
            start = end
        return seen, Headers()


def objection_to_piece(
    octets: bytes,
    headers: bytes,
    offered: Container[str],
    *,
    binary: bool,
    declared: bool,
) -> str:
    """Return why a piece of a content should not leave; "" if nothing is wrong.

    Args:
        octets: The piece.
        headers: What of it stands in the headers.
        offered: The keywords that the server announced.
        binary: As for `objection_to`.
        declared: MAIL said SMTPUTF8.
    """
    if binary:
        return ""
    if not headers.isascii():
        found = "a header holds octets over 127"
        if why := _utf8(found, offered, declared=declared):
            return why
    return _body(facts_of(blocks(octets)), offered)


def _header(mail: MailObject, offered: Container[str], *, declared: bool) -> str:
    header = mail.header_in_8bit
    if header is None:
        return ""
    name, is_utf8 = header
    if not is_utf8:
        return (
            f"the header {name!r} holds octets that are not UTF-8, which no extension "
            f"allows (RFC 6532 section 3.1): {_WAYS_OUT}"
        )
    return _utf8(f"the header {name!r} holds UTF-8", offered, declared=declared)


def _utf8(found: str, offered: Container[str], *, declared: bool) -> str:
    if "SMTPUTF8" not in offered:
        return (
            f"{found}, and the server does not offer SMTPUTF8 (RFC 6531 section "
            f"3.2): {_WAYS_OUT}"
        )
    if not declared:
        return (
            f"{found}, and MAIL did not say SMTPUTF8 (RFC 6531 section 3.4): "
            f"mail_from(smtputf8=True), or {_WAYS_OUT}"
        )
    return ""


def _body(facts: Facts, offered: Container[str]) -> str:
    if facts.has_nul:
        return (
            "the content holds a NUL octet (RFC 5321 section 2.3.1): re-encode it "
            "(send() with convert=True), or send it by BDAT with BODY=BINARYMIME; "
            "nothing was sent"
        )
    if facts.is_8bit and "8BITMIME" not in offered:
        return (
            "the content holds octets over 127, and the server does not offer 8BITMIME "
            f"(RFC 6152 section 3): {_WAYS_OUT}"
        )
    if facts.long_line:
        return (
            f"line {facts.long_line} of the content has more than 998 octets (RFC 5321 "
            f"section 4.5.3.1.6): {_WAYS_OUT}"
        )
    return ""
