"""8-bit content: where it is, and the same message in 7 bits.

A server without 8BITMIME takes no octet over 127 (RFC 6152 section 3), one without
SMTPUTF8 no header with UTF-8 in it, at any depth (RFC 6531 section 3.2).
`in_seven_bits` says the same in ASCII: parts become quoted-printable or base64 (RFC
2045 section 6), headers encoded words (RFC 2047) or parameters (RFC 2231). Lines over
998 octets and NUL go the same way. What need not be changed leaves as it was.
"""

from __future__ import annotations

import binascii
import re
from email import message_from_bytes
from email.message import Message
from email.policy import SMTP, compat32
from typing import Final

from smtpnb.message.addressees import ADDRESS_HEADERS, addresses_in
from smtpnb.message.written import unfolded, written
from smtpnb.protocol.content import MAX_LINE, facts_of, normalised
from smtpnb.protocol.errors import LocalProtocolError

_EMPTY_LINE: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_NESTS: Final = re.compile(rb"multipart/|message/", re.IGNORECASE)
_LONG_LINE: Final = re.compile(rb"[^\r\n]{%d}" % (MAX_LINE + 1))
# To look into the parts of a message takes some 30 ms for each MiB.
_PARSED: Final = 1024 * 1024
_AS_IT_IS: Final = frozenset(("", "7bit", "8bit", "binary"))


def header_in_8bit(octets: bytes) -> tuple[str, bool] | None:
    """Return the first header that holds octets over 127, and whether they are UTF-8.

    Args:
        octets: A whole message. Headers of its parts are looked at up to 1 MiB.
    """
    if octets.isascii():
        return None
    end = _EMPTY_LINE.search(octets)
    head = octets[: end.start() if end else len(octets)]
    if head.isascii() and (len(octets) > _PARSED or not _NESTS.search(head)):
        return None
    message = message_from_bytes(octets if head.isascii() else head, policy=compat32)
    for part in message.walk():
        for name, value in part.raw_items():
            if not str(value).isascii():
                return name, _utf8(str(value)) is not None
    return None


def in_seven_bits(octets: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a message re-encoded to 7 bits, and what that costs.

    Raises:
        LocalProtocolError: An address is not ASCII; or a signed part is not (RFC 1847),
            or a part is in an encoding that nobody here knows.
    """
    message = message_from_bytes(normalised(octets)[0], policy=compat32)
    _convert(message)
    leaves = written(message, hide_bcc=False)
    facts = facts_of([leaves])
    if not facts.is_plain:
        raise LocalProtocolError(
            "the message cannot be re-encoded to 7 bits: it is not made of headers and "
            "MIME parts (RFC 2045); nothing was sent"
        )
    remarks: tuple[str, ...] = ("the content was re-encoded to 7 bits",)
    if "DKIM-Signature" in message:
        remarks += ("its DKIM signature no longer holds (RFC 6376 section 5.3)",)
    return leaves, remarks


def _convert(part: Message) -> None:
    """Re-encode a part and all within it, in place."""
    kind = part.get_content_type()
    parts = part.get_payload()
    if isinstance(parts, list):
        if kind == "multipart/signed" and not _is_fit(_octets(part)):
            raise LocalProtocolError(
                "a signed part is not in 7 bits, and re-encoding it would break its "
                "signature (RFC 1847 section 2.1); nothing was sent"
            )
        for inner in parts:
            if isinstance(inner, Message):
                _convert(inner)
        if _encoding(part) in {"8bit", "binary"}:
            part.replace_header("Content-Transfer-Encoding", "7bit")
    else:
        _convert_body(part)
    _convert_headers(part)


def _convert_body(part: Message) -> None:
    """Re-encode the body of a part that has no parts."""
    stands = str(part.get_payload() or "").encode("utf-8", "surrogateescape")
    if _is_fit(stands):
        return
    encoding = _encoding(part)
    if encoding not in _AS_IT_IS | {"quoted-printable", "base64"}:
        raise LocalProtocolError(
            f"a part in the encoding {encoding!r} cannot be re-encoded; nothing was "
            "sent"
        )
    body = part.get_payload(decode=True)
    octets = body if isinstance(body, bytes) else stands
    if "Content-Type" not in part:
        charset = "utf-8" if _utf8(octets) is not None else "unknown-8bit"
        part["Content-Type"] = f'text/plain; charset="{charset}"'
        if "MIME-Version" not in part:
            part["MIME-Version"] = "1.0"
    encoding, encoded = _encoded(octets, text=part.get_content_maintype() == "text")
    part.set_payload(encoded)
    if "Content-Transfer-Encoding" in part:
        part.replace_header("Content-Transfer-Encoding", encoding)
    else:
        part["Content-Transfer-Encoding"] = encoding


def _encoded(octets: bytes, *, text: bool) -> tuple[str, str]:
    """Return name and result of the shorter encoding; base64 for all but text."""
    if text:
        quoted = binascii.b2a_qp(octets, istext=True)
        if len(quoted) <= len(octets) * 1.4 + 76 and binascii.a2b_qp(quoted) == octets:
            return "quoted-printable", quoted.decode("ascii")
    lines = (octets[at : at + 57] for at in range(0, len(octets), 57))
    return "base64", "".join(
        binascii.b2a_base64(line, newline=False).decode("ascii") + "\r\n"
        for line in lines
    )


def _convert_headers(part: Message) -> None:
    items = list(part.raw_items())
    if all(str(value).isascii() for _, value in items):
        return
    for name in {name for name, _ in items}:
        del part[name]
    for name, value in items:
        part.set_raw(name, _ascii_header(name, str(value)))


def _ascii_header(name: str, value: str) -> str:
    if value.isascii():
        return value
    text = unfolded(value)
    text = _utf8(text) or text  # octets of another charset: "unknown-8bit" (RFC 1428)
    if name.lower() in ADDRESS_HEADERS:
        for path in addresses_in(name, text, strict=False):
            if not path.isascii():
                raise LocalProtocolError(
                    f"the header {name!r} holds an address that is not ASCII, which "
                    "cannot be re-encoded (RFC 6531 section 3.2); nothing was sent"
                )
    header = SMTP.header_factory(name, text)
    folded: str = header.fold(policy=SMTP.clone(cte_type="7bit"))
    return folded.partition(":")[2].lstrip(" ").removesuffix("\r\n")


def _encoding(part: Message) -> str:
    return str(part.get("Content-Transfer-Encoding", "")).strip().lower()


def _octets(part: Message) -> bytes:
    return part.as_bytes(policy=compat32.clone(linesep="\r\n"))


def _is_fit(octets: bytes) -> bool:
    """Tell whether octets may leave by any server, as they are."""
    return octets.isascii() and b"\0" not in octets and not _LONG_LINE.search(octets)


def _utf8(octets: bytes | str) -> str | None:
    """Return octets as text if they are UTF-8; else None."""
    if isinstance(octets, str):
        octets = octets.encode("utf-8", "surrogateescape")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
