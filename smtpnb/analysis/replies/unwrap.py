"""What mail, web pages and logs do to a text, undone before a reply is looked for.

Line ends, quotation marks of answers ("> "), folded lines, HTML's entities, transfer
encodings (RFC 2045 section 6), colours of terminals, octets as a program prints them,
typographers' quotes, qmail's underscores. What is not wrapped comes out as it went in.
Every step is linear in the text.

This module knows nothing of replies, but that a line which begins with a code is none
to be joined.
"""

from __future__ import annotations

import binascii
import html
import quopri
import re
from typing import Final

# What is longer than any bounce's own words is not looked through (bounded time).
MOST: Final = 65536

_INVISIBLE: Final = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad"))
_TYPED: Final = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u202f\u2009\u3000", " "),
        **dict.fromkeys("\u2028\u2029\u0085", "\n"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u2039\u203a", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    }
)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]|\x1b\][^\x07\x1b]{0,300}\x07")
_TAG: Final = re.compile(
    r"</?(?:html|head|body|title|h[1-6]|p|br|hr|div|span|t[dhr]|table|thead|tbody|[uod]l"
    r"|li|d[dt]|pre|tt|samp|kbd|b|i|u|em|strong|small|code|font|a|img|center|section"
    r"|blockquote|meta|link)(?: [^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_BREAK: Final = re.compile(
    r"<(?:br|/?h[1-6]|/p|/div|/tr|/li|/title)\b[^<>]{0,40}>", re.IGNORECASE
)
_UNSEEN: Final = re.compile(r"<(/?)(?:script|style)\b", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")
_QUOTED: Final = re.compile(r"^(?:> ?)+", re.MULTILINE)
_TWO_QUOTED: Final = re.compile(r"^> [^\n]*\n> ", re.MULTILINE)
_FOLD: Final = re.compile(
    r"\n[ \t]{2,16}(?!at )(?=[^\s\d<>=*~-]|<(?![-*~<])|\d(?!\d\d[ -]))"
)
# Base64 ends in "=" as well; words go on in small letters.
_SOFT: Final = re.compile(r"=\n(?=[a-z])")
_QMAIL: Final = re.compile(r"_said:_(?=\d{3})")
# IIS writes blanks as "+".
_PLUSES: Final = re.compile(r"(?<= )[245]\d\d\+[^\s+]{1,200}(?:\+[^\s+]{1,200}){1,99}")
_ENCODING: Final = re.compile(
    r"^Content-Transfer-Encoding:[ \t]{0,8}(base64|quoted-printable)\b",
    re.IGNORECASE | re.MULTILINE,
)


def unwrap(text: str) -> str:
    """Return a pasted text as plain lines, parted by LF."""
    text = text[:MOST].replace("\r\n", "\n").replace("\r", "\n")
    text = _decoded(_COLOUR.sub("", text))
    text = text.translate(_INVISIBLE).translate(_TYPED)
    if _ENTITY.search(text) or _BREAK.search(text):
        text = html.unescape(_TAG.sub("", _BREAK.sub("\n", _seen(text))))
        text = text.translate(_TYPED)
    text = _SOFT.sub("", text).replace("\\r\\n", "\n")
    text = _PLUSES.sub(lambda run: run[0].replace("+", " "), text)
    if _QMAIL.search(text):
        text = text.replace("_", " ").replace("./", ".\n").replace("/", "\n")
    return _unquoted(text).strip()


def unfold(text: str) -> str:
    """Join lines that are indented to the line before them."""
    return _FOLD.sub(" ", text)


def _decoded(text: str) -> str:
    """Take the transfer encodings off the parts of a message (RFC 2045 section 6)."""
    told: list[str] = []
    at = 0
    while (field := _ENCODING.search(text, at)) is not None:
        start = text.find("\n\n", field.end())
        if start < 0:
            break
        end = text.find("\n--", start)
        end = len(text) if end < 0 else end
        told += text[at:start], "\n\n", _octets(field[1].lower(), text[start:end])
        at = end
    return "".join((*told, text[at:]))


def _octets(encoding: str, body: str) -> str:
    """Decode a body; what is none of its encoding stays as it is."""
    raw = body.encode("utf-8", "surrogateescape")
    if encoding == "quoted-printable":
        octets = quopri.decodestring(raw)
    else:
        letters = b"".join(raw.split())
        try:
            octets = binascii.a2b_base64(letters[: len(letters) // 4 * 4])
        except binascii.Error:
            return body
    return octets.decode("utf-8", "replace").replace("\r\n", "\n")


def _seen(text: str) -> str:
    """Drop what a browser does not show: scripts and styles."""
    kept: list[str] = []
    at = 0
    hidden = False
    for tag in _UNSEEN.finditer(text):
        if not hidden:
            kept.append(text[at : tag.start()])
        hidden, at = not tag[1], tag.start()
    return "".join((*kept, "" if hidden else text[at:]))


def _unquoted(text: str) -> str:
    """Take off the marks of a quoted answer: all lines have them, or two in a row."""
    lines = [line for line in text.split("\n") if line.strip()]
    if "\n>" in text and _TWO_QUOTED.search(text):
        return _QUOTED.sub("", text)
    if lines and all(line.startswith(">") for line in lines):
        return _QUOTED.sub("", text)
    return text
