"""Who sends to whom, as the headers of an `EmailMessage` say.

The envelope is of Sender or else From, and of To, Cc and Bcc. A message that was sent
on (resent) is not for those it was first sent to: then the newest block of Resent-
headers counts, and nothing else (RFC 5322 section 3.6.6).

No recipient is lost in silence. The parser of the `email` package never says no: it
skips what it does not understand ("a@example.org; b@example.org") and writes down a
defect. A defect that may have cost or changed an address is refused here, and the
header named.
"""

from __future__ import annotations

import re
from email.errors import HeaderDefect, InvalidHeaderDefect
from email.header import Header
from email.policy import SMTP
from email.utils import parsedate_to_datetime
from typing import Any, Final

from smtpnb.protocol.errors import LocalProtocolError

_SENDERS: Final = ("Sender", "From")
_RECIPIENTS: Final = ("To", "Cc", "Bcc")
_RESENT: Final = "Resent-"
ADDRESS_HEADERS: Final = frozenset(
    prefix + name.lower()
    for name in (*_SENDERS, *_RECIPIENTS, "Reply-To")
    for prefix in ("", "resent-")
)
# The fields of a block (RFC 5322 section 3.6.6; Resent-Reply-To: section 4.5.6).
_OF_A_BLOCK: Final = frozenset(
    f"resent-{name}"
    for name in ("date", "from", "sender", "to", "cc", "bcc", "message-id", "reply-to")
)

# An encoded word is a display name, or text; never a part of an address.
_ENCODED_ADDRESS: Final = re.compile(r"""\?="?[^\s<>,;:"()]*@|@[^\s<>,;:"()]*=\?""")

# What nearly every header holds is read without the parser, which takes 100 us.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_SPEC: Final = rf"({_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
_WORDS: Final = r"[A-Za-z0-9-]+(?: [A-Za-z0-9-]+)*"
_PLAIN: Final = re.compile(rf"[ \t]*(?:{_SPEC}|(?:{_WORDS} )?<{_SPEC}>)[ \t]*")

Field = tuple[str, Any]


def sender(message: Any) -> str:
    """Return the address of who sends the message: of Sender, or else of From.

    Raises:
        LocalProtocolError: There is none or more than one; or a header is no list of
            addresses.
    """
    prefix, fields = _fields(message)
    for name in _SENDERS:
        found = _addresses(fields, prefix + name)
        if found:
            break
    else:
        found = []
    if len(found) != 1:
        of = f" in its {prefix} headers" if prefix else ""
        raise LocalProtocolError(
            f"the message names {len(found)} senders{of}: say which is the "
            "reverse-path; nothing was sent"
        )
    return found[0]


def recipients(message: Any) -> tuple[str, ...]:
    """Return the addresses of To, Cc and Bcc, each once.

    Raises:
        LocalProtocolError: There is none; or a header is no list of addresses.
    """
    prefix, fields = _fields(message)
    found = [path for name in _RECIPIENTS for path in _addresses(fields, prefix + name)]
    if not found:
        named = ", ".join(prefix + name for name in _RECIPIENTS)
        raise LocalProtocolError(
            f"a message needs a recipient, and {named} name none; nothing was sent"
        )
    return tuple(dict.fromkeys(found))


def _addresses(fields: list[Field], name: str) -> list[str]:
    return [
        path
        for field, value in fields
        if field.lower() == name.lower()
        for path in addresses_in(field, value)
    ]


def addresses_in(name: str, value: Any, *, strict: bool = True) -> list[str]:
    """Return the addresses of a header, as they stand in it.

    Args:
        name: Of the header.
        value: As the message holds it (`Message.raw_items`).
        strict: Refuse a header in which an address may have been lost.

    Raises:
        LocalProtocolError: It cannot be read as a list of addresses.
    """
    # A header that the program set, of the newer policy, was parsed then.
    text = "" if hasattr(value, "addresses") else _in_one_line(name, value)
    plain = [_PLAIN.fullmatch(part) for part in text.split(",")]
    if all(plain):
        return [one[1] or one[2] for one in plain if one]
    try:
        header = value if not text else SMTP.header_factory("To", text)
        found = [one.addr_spec for one in getattr(header, "addresses", ())]
        harm = [*filter(None, map(_harm, getattr(header, "defects", ())))]
    except Exception as error:  # whatever the parser stumbles over
        kind = type(error).__name__
        raise _no_list(name, f"its parser gives up: {kind}") from error
    if _ENCODED_ADDRESS.search(text):
        harm.append("an encoded word stands in an address (RFC 2047 section 5)")
    if any("\ud800" <= char <= "\udfff" for path in found for char in path):
        harm.append("an address holds octets that are not UTF-8 (RFC 6532 section 3.1)")
    if strict and harm:
        raise _no_list(name, harm[-1])
    return found


def _no_list(name: str, why: str) -> LocalProtocolError:
    return LocalProtocolError(
        f"the header {name!r} cannot be read as addresses ({why}): mend it, or say "
        "reverse_path and forward_paths; nothing was sent"
    )


def _in_one_line(name: str, value: Any) -> str:
    """Return the text of a header in one line; octets that are UTF-8, as such."""
    try:
        text = value.encode(maxlinelen=0) if isinstance(value, Header) else str(value)
    except Exception as error:  # a charset that nobody knows, or a line end in it
        raise _no_list(name, f"{type(error).__name__}: {error}") from error
    if re.search(r"[\r\n](?![ \t\r\n])", text):
        raise _no_list(name, "a line end in it is followed by no white space")
    text = re.sub(r"[\r\n]", "", text)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:  # of another charset: no address may hold it
        return text


def _harm(defect: HeaderDefect) -> str:
    """Return what a defect may have done to an address; "" for nothing.

    Obsolete syntax is to be read (RFC 5322 section 4), and what is wrong with the
    encoded words of a display name touches no address.
    """
    said = str(defect)
    harmless = not isinstance(defect, InvalidHeaderDefect) or "encoded" in said
    return "" if harmless else said


def _fields(message: Any) -> tuple[str, list[Field]]:
    """Return the prefix and the fields that count: of the newest block, or all."""
    fields: list[Field] = list(message.raw_items())
    places = [n for n, (name, _) in enumerate(fields) if name.lower() in _OF_A_BLOCK]
    if not any(fields[n][0].lower() in ADDRESS_HEADERS for n in places):
        return "", fields
    blocks: list[list[Field]] = []
    before = -2
    for n in places:
        names = {name.lower() for name, _ in blocks[-1]} if blocks else set()
        if n != before + 1 or fields[n][0].lower() in names:
            blocks.append([])
        blocks[-1].append(fields[n])
        before = n
    return _RESENT, _newest(blocks)


def _newest(blocks: list[list[Field]]) -> list[Field]:
    """Return the newest block of Resent- headers, which stands first.

    Raises:
        LocalProtocolError: It cannot be told which that is: a recipient might be lost,
            or the message go to those who had it before.
    """
    names = [name.lower() for block in blocks for name, _ in block]
    if len(set(names)) == len(names):  # one block, with other headers between
        return [field for block in blocks for field in block]
    for block in blocks:
        if not {"resent-from", "resent-date"} & {name.lower() for name, _ in block}:
            raise LocalProtocolError(
                f"it cannot be told to which Resent- block the header {block[0][0]!r} "
                "belongs (RFC 5322 section 3.6.6): say reverse_path and "
                "forward_paths; nothing was sent"
            )
    dates = [date for block in blocks if (date := _date(block)) is not None]
    if dates and dates[0] < max(dates):
        raise LocalProtocolError(
            "the first block of Resent- headers is not the newest one (RFC 5322 "
            "section 3.6.6): say reverse_path and forward_paths; nothing was sent"
        )
    return blocks[0]


def _date(block: list[Field]) -> float | None:
    for name, value in block:
        if name.lower() == "resent-date":
            try:
                return parsedate_to_datetime(str(value)).timestamp()
            except (ValueError, TypeError, OverflowError):
                return None
    return None
