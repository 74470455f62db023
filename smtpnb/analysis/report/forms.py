r"""A name in all the forms in which a dialogue may write it.

A recipient is told as an address, as a local part alone, quoted or not (RFC 5321
section 4.1.2), as xtext ("joe+40a.example", RFC 3461 section 4), in a URL ("joe%40a"),
as the xtext of RFC 6533 ("\x{F6}"), in base64 or hexadecimal, in other letter cases,
with other signs between its words ("Joe Bloggs" for joe.bloggs), and inside other words
("inbox_joe").

Which names may be in a text is found by four characters of each, so that thousands of
names cost no more than a few.

This module knows nothing of what stands in the place of a name.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from functools import lru_cache, partial
from typing import Final

from smtpnb.analysis.report.prose import HEADS, is_prose

_GRAM: Final = 4
_ENCODED = re.compile(
    r"%([0-9A-Fa-f]{2})|\+([0-9A-Fa-f]{2})|\\x\{([0-9A-Fa-f]{1,6})\}"
    r"|\\([\x20-\x7e])|&#(\d{1,6});|&#x([0-9A-Fa-f]{1,5});"
)
_BETWEEN = re.compile(r"[ ._-]")
# A run that may be base64 (RFC 4648), plain or for URLs.
_BASE64 = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{6,2048}={0,2}(?![\w+/=-])")
_HEX = re.compile(r"(?<!\w)(?:[0-9A-Fa-f]{2}){3,2048}(?!\w)")
# What stands around a name that could be a word as well.
_MARKED_BEFORE: Final = (
    r"(?:(?<=[<=;\"'`/])|(?<=%3C)|(?<=\()(?=[^()]{1,128}\))"
    r"|(?<=\[)(?=[^\[\]]{1,128}\])"
    r"|(?<=user )|(?<=user: )|(?<=mailbox )|(?<=mailbox: )|(?<=recipient )"
    r"|(?<=recipient: )|(?<=account )|(?<=account: )|(?<=address )|(?<=address: )"
    r"|(?<=alias )|(?<=inbox_)|(?<=inbox )|(?<=local part )|(?<=mailto:))"
)
_MARKED_BEHIND: Final = (
    r"(?=[@>\"'`]|%40|\+40|%3E|\.\.\.|_\d"
    r"| (?:unknown|not found|not known|is (?:unknown|disabled|full|over)"
    r"|does(?: not|n't) exist|over quota)\b)"
)
# "joe: no such user", but not "Ok: queued".
_COLON: Final = r"(?=:(?: |$))"


def canonical(text: str) -> str:
    """Return text in one form of Unicode: "o" and a combining accent are one letter."""
    return unicodedata.normalize("NFC", text)


class Forms:
    """Names, and the words that stand for them."""

    def __init__(self) -> None:
        self._stands: dict[str, str] = {}
        self._by_gram: dict[str, list[str]] = {}

    def add(self, name: str, stands: str) -> None:
        """Have a name replaced, unless it is known already."""
        name = canonical(name)
        if not _flat(name).strip() or name in self._stands:
            return
        self._stands[name] = stands
        gram = _flat(name)[:_GRAM]
        self._by_gram.setdefault(gram, []).append(name)

    def replace(self, text: str) -> str:
        """Return text with every name in it, in any form, replaced."""
        if not self._stands:
            return text
        text = _BASE64.sub(self._not_base64, canonical(text))
        text = _HEX.sub(self._not_hex, text)
        for name in self._found(text):
            text = _pattern(name).sub(partial(_stand_in, self._stands[name]), text)
        return text

    def _not_base64(self, run: re.Match[str]) -> str:
        """Return a run as it is, unless it is a name in base64."""
        letters = run[0].rstrip("=").replace("-", "+").replace("_", "/")
        if len(letters) % 4 == 1:
            return run[0]
        octets = base64.b64decode(letters + "=" * (-len(letters) % 4))
        return f"<base64 of {len(octets)} octets>" if self._tells(octets) else run[0]

    def _not_hex(self, run: re.Match[str]) -> str:
        """Return a run as it is, unless it is a name in hexadecimal."""
        octets = bytes.fromhex(run[0])
        return f"<hex of {len(octets)} octets>" if self._tells(octets) else run[0]

    def _tells(self, octets: bytes) -> bool:
        """Whether there is a name in octets."""
        try:
            plain = octets.decode()
        except UnicodeDecodeError:
            return False
        return any(_pattern(name).search(plain) for name in self._found(plain))

    def _found(self, text: str) -> list[str]:
        """The names that a text may hold, the longest first."""
        found: set[str] = set()
        for shown in {_flat(text), _flat(decoded(text))}:
            for length in range(1, _GRAM + 1):
                grams = {shown[at : at + length] for at in range(len(shown))}
                for gram in grams & self._by_gram.keys():
                    names = self._by_gram[gram]
                    found.update(name for name in names if _flat(name) in shown)
        return sorted(found, key=lambda name: (-len(name), name))


def _flat(text: str) -> str:
    """Small letters, and one sign between words."""
    return _BETWEEN.sub(" ", text.lower())


def decoded(text: str) -> str:
    """Return text with xtext, URL escapes and quoted pairs undone."""

    def one(match: re.Match[str]) -> str:
        if match[4] is not None:
            return match[4]
        if match[5] or match[6]:
            code = int(match[5]) if match[5] else int(match[6], 16)
            return chr(code) if code < 0x11_0000 else match[0]
        number = int(match[1] or match[2] or match[3], 16)
        return chr(number) if match[3] and number < 0x11_0000 else f"\udc00{number:02x}"

    return canonical(_octets(_ENCODED.sub(one, text)))


_RUN = re.compile(r"(?:\udc00[0-9a-f]{2})+")


def _octets(text: str) -> str:
    """Runs of marked octets as the UTF-8 that they are."""
    return _RUN.sub(
        lambda run: bytes.fromhex(run[0].replace("\udc00", "")).decode(
            errors="replace"
        ),
        text,
    )


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    """Where a name stands, in any form."""
    inside = "".join(map(_letter, name))
    flat = _flat(name)
    # A word ends where neither a letter nor a digit follows: "_" is none of them.
    whole = rf"(?<![^\W_]){inside}(?![^\W_])"
    if is_prose(flat.strip()):
        behind = _MARKED_BEHIND
        if flat.strip() not in HEADS:
            behind = f"(?:{behind}|{_COLON})"
        whole = rf"(?:{_MARKED_BEFORE}{whole}|(?<![^\W_]){inside}{behind})"
    elif len(flat) >= _GRAM:
        whole = inside
    return re.compile(whole, re.IGNORECASE)


def _stand_in(stands: str, found: re.Match[str]) -> str:
    """Return what stands for a name; in the midst of a word of prose it is none."""
    text, start, end = found.string, *found.span()
    while start and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    inner = (start, end) != found.span() and is_prose(text[start:end])
    return found[0] if inner else stands


def _letter(char: str) -> str:
    """One character as itself, or encoded in any way."""
    octets = char.encode(errors="surrogatepass")
    ways = [
        "".join(f"%{octet:02X}" for octet in octets),
        "".join(rf"\+{octet:02X}" for octet in octets),
        rf"\\x\{{0*{ord(char):X}\}}",
        rf"&#(?:0*{ord(char)}|x0*{ord(char):X});",
        rf"\\{re.escape(char)}",
        r"[ ._-]" if _BETWEEN.match(char) else re.escape(char),
    ]
    return f"(?:{'|'.join(ways)})"
