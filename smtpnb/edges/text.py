"""The edges: how octets of a stranger become text that can do nothing.

A server's words travel as octets inside smtpnb. They are decoded once (`decode`) and
made harmless where they are shown, by one function for each place: `for_terminal` for
str, repr, logs and exceptions, `for_html` for notebooks, `for_cell` for spreadsheets.
No other module may invent an escape of its own.

What acts and therefore never passes: C0 and C1 controls and DEL (terminals), the
separators U+2028, U+2029, VT, FF and NEL (they forge rows), bidirectional and
zero-width characters (they reorder and hide), and markup. JupyterLab also typesets
LaTeX, which can hide and disguise as well, in all HTML but `<pre>` and what is of the
class `NO_LATEX`.

This module knows nothing of SMTP.
"""

from __future__ import annotations

import re
from typing import Final

# For an HTML element that shows text of a server outside `<pre>`: MathJax passes by.
NO_LATEX: Final = "tex2jax_ignore mathjax_ignore"

# Compiled when first used (most text is plain).
# Controls, line separators, bidirectional controls, every character that is by default
# ignorable (zero width, fillers, variation selectors, tags, the BOM), interlinear
# anchors, and lone surrogates.
_ACTIVE = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_FORMULA = tuple("=+-@|%\uff1d\uff0b\uff0d\uff20")
_ACTIVE_BUT_NEWLINE = _ACTIVE.replace("[\x00-", "[\x00-\x09\x0b-")


def decode(octets: bytes) -> str:
    r"""Decode octets of a reply: UTF-8, and what is not UTF-8 as ``\xNN``.

    RFC 6531 section 3.7.4 allows UTF-8 in replies; servers send Latin-1 and GBK as
    well. A line that is not UTF-8 as a whole is escaped as a whole: two octets of
    another charset may look like one letter of UTF-8, and would be shown as a lie.
    """
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("ascii", "backslashreplace")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def for_terminal(text: str, *, newlines: bool = False) -> str:
    r"""Return text that a terminal, a log or an exception can show safely.

    Args:
        text: Any text.
        newlines: Leave ``\n`` as it is (for views that own their lines).
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_ACTIVE_BUT_NEWLINE if newlines else _ACTIVE, _escape, text)


def one_line(text: str) -> str:
    """Return the lines of a text as one inert line."""
    return " / ".join(for_terminal(line.strip()) for line in text.split("\n"))


def cut(text: str, longest: int) -> str:
    """Return text inert, cut with "..." at a length in characters."""
    shown = for_terminal(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def for_html(text: str, *, newlines: bool = False) -> str:
    """Return text that is inert inside an HTML element or a quoted attribute."""
    from html import escape  # its table of entities is large: loaded when first used

    return escape(for_terminal(text, newlines=newlines), quote=True)


def for_cell(text: str) -> str:
    """Return text that is one line and no formula in a cell of CSV (CWE-1236).

    What a spreadsheet would calculate begins with an apostrophe, which it takes for
    "this is text". Fullwidth signs count: some spreadsheets fold them.
    """
    shown = for_terminal(text)
    acts = text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{shown}" if acts else shown
