"""Messages to begin with, and what will be sent said in words.

This module knows nothing of widgets.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_HEAD: Final = "From: Ann <ann@client.example>\nTo: Bob <bob@sandbox.example>\n"


class Sample(NamedTuple):
    """A message for the box, and what of the envelope it wants.

    Attributes:
        text: Of the message.
        parameters: Of MAIL.
        sender: Who sends it.
        recipient: Who gets it.
    """

    text: str
    parameters: str = ""
    sender: str = "ann@client.example"
    recipient: str = "bob@sandbox.example"


# The large one would not fit into the box and is sent as it is.
SAMPLES: Final[dict[str, Sample]] = {
    "plain": Sample(f"{_HEAD}Subject: hello\n\nfrom the panel\n"),
    "8-bit": Sample(
        f"{_HEAD}Subject: hello\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        "Gr\u00fc\u00dfe, \u00e0 bient\u00f4t\n",
        "BODY=8BITMIME",
    ),
    "UTF-8 addresses": Sample(
        "From: J\u00fcrgen <j\u00fcrgen@client.example>\n"
        "To: \u73ab\u7470 <\u73ab\u7470@sandbox.example>\n"
        "Subject: \u00dcn\u00efcode\n\n"
        "both addresses want SMTPUTF8 (RFC 6531)\n",
        "SMTPUTF8 BODY=8BITMIME",
        "j\u00fcrgen@client.example",
        "\u73ab\u7470@sandbox.example",
    ),
    "many dots": Sample(f"{_HEAD}Subject: dots\n\n.\n..\n...\n.not the end\n"),
    "long lines": Sample(f"{_HEAD}Subject: long\n\n{'x' * 998}\n{'y' * 997}\n"),
}
SENDERS: Final = frozenset(each.sender for each in SAMPLES.values())
RECIPIENTS: Final = frozenset(each.recipient for each in SAMPLES.values())
LARGE: Final = "large (10 MB)"
LARGE_OCTETS: Final = 10_000_000


def large() -> bytes:
    """Return a message of about `LARGE_OCTETS` octets."""
    head = f"{_HEAD}Subject: large\n\n".replace("\n", "\r\n").encode()
    line = b"0123456789" * 7 + b"0123\r\n"
    return head + line * ((LARGE_OCTETS - len(head)) // len(line))


def with_crlf(text: str | bytes) -> bytes:
    """Return octets whose every line ends in CRLF."""
    octets = text.encode() if isinstance(text, str) else text
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def octets_counted(number: int) -> str:
    """Return a count of octets for people: "78 octets", "12.3 MB"."""
    if number < 10_000:
        return f"{number} octet{'s' if number != 1 else ''}"
    if number < 1_000_000:
        return f"{number / 1000:.1f} kB"
    return f"{number / 1e6:.1f} MB"


def in_words(text: str | bytes) -> str:
    """Say what DATA makes of a message, and what in it asks for an extension."""
    octets = with_crlf(text)
    lines = octets.split(b"\r\n")
    if lines[-1] == b"":
        lines.pop()
    said = [f"{octets_counted(len(octets))} in {len(lines)} lines"]
    dots = sum(line.startswith(b".") for line in lines)
    if dots:
        # RFC 5321 section 4.5.2
        said.append(f"{dots} leading dots, each of them doubled on the wire")
    longest = max(map(len, lines), default=0)
    if longest > 998:
        # RFC 5321 section 4.5.3.1.6: 1000 octets with CRLF
        said.append(f"a line of {longest} octets, and 998 is the limit: refused")
    if not octets.isascii():
        said.append("8-bit octets, which want BODY=8BITMIME (RFC 6152)")
    if b"\0" in octets:
        said.append("NUL, which DATA cannot carry")
    return "; ".join(said)
