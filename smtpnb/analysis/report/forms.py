r"""A name in all the forms in which a dialogue may write it.

A recipient is told as an address, as a local part alone, quoted or not (RFC 5321
section 4.1.2), as xtext ("joe+40a.example", RFC 3461 section 4), in a URL ("joe%40a"),
as the xtext of RFC 6533 ("\x{F6}"), in other letter cases, with other signs between its
words ("Joe Bloggs" for joe.bloggs), and inside other words ("inbox_joe").

Which names may be in a text is found by four characters of each, so that thousands of
names cost no more than a few.

This module knows nothing of what stands in the place of a name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_GRAM: Final = 4
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})|\+([0-9A-Fa-f]{2})|\\x\{([0-9A-Fa-f]{1,6})\}"
                      r"|\\([\x20-\x7e])")  # fmt: skip
_BETWEEN = re.compile(r"[ ._-]")
# Names that stand in these stand in the prose of every server: they are looked for as
# words, and not inside others.
_PROSE: Final = (
    "accept accepted access account action address administrator allowed already "
    "answer authenticated authentication because before blocked bytes cannot "
    "certificate channel check client closing command commands completed connection "
    "contact content data date delivered delivery denied deferred disabled disconnect "
    "does domain email error errors exceeded exist expected failed failure filter "
    "found from full greylisted greylisting hello help host implemented invalid "
    "known later limit line list listed local mail mailbox maximum message messages "
    "method missing must name network octets order permanent permitted please policy "
    "poor postmaster queued quota rate received recipient recipients refused reject "
    "rejected relay relaying remote reply reputation required resources return route "
    "secure security sender server service session size spam start started status "
    "storage suspicious syntax system table temporarily temporary there timeout too "
    "transaction transmission try unable unavailable unknown unrecognized user users "
    "valid verify version welcome with your"
)


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
        text = canonical(text)
        for name in self._found(text):
            stands = self._stands[name]
            text = _pattern(name).sub(lambda _, stands=stands: stands, text)  # type: ignore[misc]
        return text

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
    whole = len(flat) < _GRAM or flat.strip() in _PROSE
    # A word ends where neither a letter nor a digit follows: "_" is none of them.
    bounded = rf"(?<![^\W_]){inside}(?![^\W_])" if whole else inside
    return re.compile(bounded, re.IGNORECASE)


def _letter(char: str) -> str:
    """One character as itself, or encoded in any way."""
    octets = char.encode(errors="surrogatepass")
    ways = [
        "".join(f"%{octet:02X}" for octet in octets),
        "".join(rf"\+{octet:02X}" for octet in octets),
        rf"\\x\{{0*{ord(char):X}\}}",
        rf"\\{re.escape(char)}",
        r"[ ._-]" if _BETWEEN.match(char) else re.escape(char),
    ]
    return f"(?:{'|'.join(ways)})"
