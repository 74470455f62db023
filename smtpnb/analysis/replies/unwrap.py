"""What mail, web pages and logs do to a text, undone before a reply is looked for.

Line ends, quotation marks of answers ("> "), folded lines, HTML's entities, soft line
breaks (RFC 2045 section 6.7), octets as a program prints them, qmail's underscores.
What is not wrapped comes out as it went in. Every step is linear in the text.

This module knows nothing of replies, but that a line which begins with a code is none
to be joined.
"""

from __future__ import annotations

import html
import re
from typing import Final

# What is longer than any bounce's own words is not looked through (bounded time).
MOST: Final = 65536

_INVISIBLE: Final = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad"))
_SPACES: Final = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2028": "\n", "\u2029": "\n"}
)
_TAG: Final = re.compile(
    r"</?(?:p|br|div|span|td|tr|table|li|ul|pre|tt|b|i|strong|code|font|a)"
    r"(?: [^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/li)\b[^<>]{0,40}>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")
_QUOTED: Final = re.compile(r"^(?:> ?)+", re.MULTILINE)
_FOLD: Final = re.compile(
    r"\n[ \t]{2,16}(?!at )(?=[^\s\d<>=*~-]|<(?![-*~<])|\d(?!\d\d[ -]))"
)
# Base64 ends in "=" as well; words go on in small letters.
_SOFT: Final = re.compile(r"=\n(?=[a-z])")
_QMAIL: Final = re.compile(r"_said:_(?=\d{3})")


def unwrap(text: str) -> str:
    """Return a pasted text as plain lines, parted by LF."""
    text = text[:MOST].replace("\r\n", "\n").replace("\r", "\n")
    text = text.translate(_INVISIBLE).translate(_SPACES)
    if _ENTITY.search(text) or _BREAK.search(text):
        text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
        text = text.translate(_SPACES)
    text = _SOFT.sub("", text).replace("\\r\\n", "\n")
    if _QMAIL.search(text):
        text = text.replace("_", " ").replace("./", ".\n").replace("/", "\n")
    return _unquoted(text).strip()


def unfold(text: str) -> str:
    """Join lines that are indented to the line before them."""
    return _FOLD.sub(" ", text)


def _unquoted(text: str) -> str:
    """Take off the marks of a quoted answer, if every line has them."""
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and all(line.startswith(">") for line in lines):
        return _QUOTED.sub("", text)
    return text
