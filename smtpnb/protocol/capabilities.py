"""What a server offers: the reply to EHLO as a mapping from keyword to parameters.

Keywords are case-insensitive (RFC 5321 section 4.1.1.1). The first line is the
server's domain and greeting, never a keyword. The old form "AUTH=LOGIN" is merged
with "AUTH", as servers of the last century send both.

This module knows nothing of what a client does with a capability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from smtpnb.edges.text import for_terminal

if TYPE_CHECKING:
    from smtpnb.protocol.reply import Reply


class Capabilities(Mapping[str, tuple[str, ...]]):
    """The extensions of one EHLO reply; `"SIZE" in capabilities`, any case.

    Attributes:
        domain: The name the server gave itself in the first line; "" if none.
        known: False before any EHLO or HELO: nothing is offered because nobody asked.
    """

    __slots__ = ("_offered", "domain", "known")

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

    @classmethod
    def from_reply(cls, reply: Reply) -> Capabilities:
        """Read a positive EHLO or LHLO reply."""
        first, *rest = reply.lines
        # Inner dicts keep order, merge repeated keywords and stay linear however
        # many parameters a hostile server thinks up.
        offered: dict[str, dict[str, None]] = {}
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
            offered.setdefault(keyword, {}).update(dict.fromkeys(parameters))
        domain = first.split(" ", 1)[0]
        found = {keyword: tuple(words) for keyword, words in offered.items()}
        return cls(found, domain=domain, known=True)

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
        value = next(iter(self.get("SIZE", ())), "")
        # str.isdigit() says yes to digits that int() refuses.
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            return None
        return int(value) or None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered, upper case, in the server's order."""
        return self.get("AUTH", ())

    def __repr__(self) -> str:
        words = (" ".join([keyword, *self[keyword]]) for keyword in self)
        return f"<Capabilities {for_terminal(', '.join(words)) or 'none'}>"
