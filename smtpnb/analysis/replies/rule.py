"""A rule: what a refusal may look like, and what it then is.

This module knows nothing of any rule.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

REFUSALS: Final = frozenset({4, 5})
FOR_NOW: Final = frozenset({4})
FOR_GOOD: Final = frozenset({5})


# Python's own cache of patterns is small, and forgets the oldest.
_pattern = lru_cache(maxsize=1024)(re.compile)


class Rule(NamedTuple):
    """What a refusal may look like, and what it then is.

    A rule applies if the code, the enhanced status code *or* the text is as it says;
    with `every` set, only if all that it names are.

    Attributes:
        name: The evidence.
        retry_class: The class; "" is transient for 4yz and permanent for 5yz.
        reason: In one word.
        text: A pattern somewhere in the text, in lower case without accents and
            contractions ("isn't" is "is not"), addresses and numbers of more than one
            digit replaced by 0.
        enhanced: A pattern for the enhanced status code, from its start.
        codes: Reply codes.
        only: Reply codes, or their first digits, outside of which it never applies.
        every: Whether all that is named must be so.

    Example:
        >>> Rule("ours", "rate_limited", "speeding", text=r"come back on monday")
        Rule(name='ours', retry_class='rate_limited', ...)
    """

    name: str
    retry_class: str
    reason: str
    text: str = ""
    enhanced: str = ""
    codes: frozenset[int] = frozenset()
    only: frozenset[int] = REFUSALS
    every: bool = False

    def applies(self, code: int, enhanced: str, text: str) -> bool:
        """Return whether a refusal is what this rule is about."""
        if code not in self.only and code // 100 not in self.only:
            return False
        found = [
            bool(_pattern(self.text).search(text)) if self.text else None,
            bool(_pattern(self.enhanced).match(enhanced)) if self.enhanced else None,
            code in self.codes if self.codes else None,
        ]
        known = [one for one in found if one is not None]
        return all(known) if self.every else any(known)


def words(*patterns: str) -> str:
    """Return one pattern that is found where any of several is."""
    return "|".join(patterns)
