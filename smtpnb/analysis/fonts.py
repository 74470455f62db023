"""What the fonts of a picture can draw; the rest is written in figures.

An address may be of any script (RFC 6531), and matplotlib draws a box for a letter
that its fonts lack, and warns. Here such a letter becomes its escape, as in a terminal:
who has a font for it names it in `rcParams["font.family"]` and sees the letter.

This module knows nothing of SMTP.
"""

from __future__ import annotations

from functools import lru_cache


def drawable(text: str) -> str:
    r"""Return a text with each letter that no font at hand can draw as its escape."""
    if text.isascii():
        return text
    from matplotlib import rcParams  # loaded only when used

    generic = (*rcParams["font.sans-serif"], *rcParams["font.serif"])
    known = _letters(tuple(rcParams["font.family"]), generic)
    return "".join(
        letter if ord(letter) in known or letter == "\n" else _escaped(letter)
        for letter in text
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=8)
def _letters(families: tuple[str, ...], _: tuple[str, ...]) -> frozenset[int]:
    """Return the letters of the fonts by which a text of these families is drawn."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    letters: set[int] = set()
    for family in families:
        path = findfont(FontProperties(family=[family]))
        letters |= get_font(path).get_charmap().keys()
    return frozenset(letters)
