"""What a server offers: the reply to EHLO as a mapping from keyword to parameters.

Keywords are case-insensitive (RFC 5321 section 4.1.1.1). The first line is the
server's domain and greeting, never a keyword. The old form "AUTH=LOGIN" is merged
with "AUTH", as servers of the last century send both. Where a keyword is announced
twice and the two do not agree, the safe one counts, and `remarks` says so.

This module knows nothing of what a client does with a capability.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import for_terminal
from smtpnb.protocol.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smtpnb.protocol.reply import Reply

# Of what a keyword says by its place, which of two is safe: the smaller size (0 is
# none), the shorter hold, the longer time that a delivery must be given.
_SAFE: Final[Mapping[str, Callable[[Iterable[str]], str]]] = {
    "SIZE": lambda words: min(words, key=lambda word: _number(word) or sys.maxsize),
    "FUTURERELEASE": lambda words: min(words, key=_order),
    "DELIVERBY": lambda words: max(words, key=_order),
}


class Capabilities(Mapping[str, tuple[str, ...]]):
    """The extensions of one EHLO reply; `"SIZE" in capabilities`, any case.

    Attributes:
        domain: The name the server gave itself in the first line; "" if none.
        known: False before any EHLO or HELO: nothing is offered because nobody asked.
        disabled: What was announced and is switched off; it is not in the mapping.
        remarks: What was announced twice, and which of the two counts.
    """

    __slots__ = ("_offered", "disabled", "domain", "known", "remarks")

    def __init__(
        self,
        offered: Mapping[str, tuple[str, ...]] | None = None,
        *,
        domain: str = "",
        known: bool = False,
    ) -> None:
        self._offered = dict(offered or {})
        self.domain = domain
        self.known = known
        self.disabled: tuple[str, ...] = ()
        self.remarks: tuple[str, ...] = ()

    @classmethod
    @lru_cache(maxsize=64)  # most connections are to a server that was seen before
    def from_reply(
        cls, reply: Reply, *, without: frozenset[str] = frozenset()
    ) -> Capabilities:
        """Read a positive EHLO or LHLO reply.

        Args:
            reply: The reply.
            without: Keywords to leave out, in upper case.
        """
        first, *rest = reply.lines
        # Inner dicts keep order, merge repeated keywords and stay linear however
        # many parameters a hostile server thinks up.
        offered: dict[str, dict[str, None]] = {}
        twice: dict[str, list[list[str]]] = {}  # each time that it was announced
        for line in rest:
            words = line.split()
            if not words:  # some servers end with an empty "250 "
                continue
            keyword, *parameters = words
            keyword = keyword.upper()
            if keyword.startswith("AUTH="):
                parameters = [keyword.removeprefix("AUTH="), *parameters]
                keyword = "AUTH"
            if keyword == "AUTH":
                parameters = [word.upper() for word in parameters if word]
            if keyword in _SAFE or keyword == "LIMITS":
                twice.setdefault(keyword, []).append(parameters)
            offered.setdefault(keyword, {}).update(dict.fromkeys(parameters))
        domain = first.split(" ", 1)[0]
        found = {keyword: tuple(words) for keyword, words in offered.items()}
        made = cls(found, domain=domain, known=True)
        made._settle(twice)
        made.disabled = tuple(key for key in made._offered if key in without)
        for keyword in made.disabled:
            del made._offered[keyword]
        return made

    def _settle(self, announced: Mapping[str, list[list[str]]]) -> None:
        """Let the safe one count of what was announced more than once."""
        for keyword, times in announced.items():
            if all(words == times[0] for words in times):
                continue
            if keyword == "LIMITS":
                safe = self._safe_limits()
            else:
                places = range(max(map(len, times)))
                safe = tuple(
                    _SAFE[keyword](words[n] for words in times if len(words) > n)
                    for n in places
                )
            self._offered[keyword] = safe
            said = " and as ".join(" ".join(words) or "nothing" for words in times[:4])
            self.remarks += (
                f"{keyword} was announced as {said}: {' '.join(safe)} counts",
            )

    def _safe_limits(self) -> tuple[str, ...]:
        limits = self.limits._asdict()
        known = tuple(f"{k.upper()}={n}" for k, n in limits.items() if n)
        others = (
            w for w in self["LIMITS"] if w.partition("=")[0].lower() not in limits
        )
        return (*known, *others)

    def __getitem__(self, keyword: str) -> tuple[str, ...]:
        return self._offered[keyword.upper()]

    def __contains__(self, keyword: object) -> bool:
        return isinstance(keyword, str) and keyword.upper() in self._offered

    def __iter__(self) -> Iterator[str]:
        return iter(self._offered)

    def __len__(self) -> int:
        return len(self._offered)

    @property
    def size_limit(self) -> int | None:
        """The SIZE limit in octets (RFC 1870); None if none or 0 is declared."""
        return self.number("SIZE") or None

    def number(self, keyword: str) -> int | None:
        """The first parameter of a keyword as a number; None if it is none."""
        return _number(next(iter(self.get(keyword, ())), ""))

    @property
    def limits(self) -> Limits:
        """What LIMITS announces (RFC 9422)."""
        return Limits.of_words(self.get("LIMITS", ()))

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered, upper case, in the server's order."""
        return self.get("AUTH", ())

    def __repr__(self) -> str:
        words = (" ".join([keyword, *self[keyword]]) for keyword in self)
        return f"<Capabilities {for_terminal(', '.join(words)) or 'none'}>"


def _number(word: str) -> int | None:
    # str.isdigit() says yes to digits that int() refuses.
    if not (word.isascii() and word.isdigit() and len(word) <= 20):
        return None
    return int(word)


def _order(word: str) -> tuple[int, str]:
    return (_number(word) or 0, word)
