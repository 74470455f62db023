"""What a rule is, and what it says.

FAIL: what a MUST of the RFC asks for is not so. WARN: a SHOULD is not kept, or a MUST
is kept with another code than the one named, or it cannot be told from here whose
fault it is. PASS: the question came up, and the answer is right. A rule whose question
did not come up says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from smtpnb.analysis.lint.rules.talk import Talk, Turn

Level = Literal["FAIL", "WARN", "PASS"]
LEVELS: Final[tuple[Level, ...]] = ("FAIL", "WARN", "PASS")


class Verdict(NamedTuple):
    """One verdict.

    Attributes:
        level: FAIL, WARN or PASS.
        what: A sentence; "" for PASS, whose sentence is the rule's.
        turn: The exchange that shows it; None if it was none.
        shown: What shows it where there is no turn.
    """

    level: Level
    what: str
    turn: Turn | None
    shown: str = ""


Verdicts: TypeAlias = Iterator[Verdict]


class Rule(NamedTuple):
    """One rule.

    Attributes:
        name: A short name that does not change.
        rfc: The section that asks for it.
        promise: What is so where the rule passes, as a sentence.
        check: From one session to verdicts.
    """

    name: str
    rfc: str
    promise: str
    check: Callable[[Talk], Verdicts]


def passed(turn: Turn | None, shown: str = "") -> Verdict:
    """Say that it is so."""
    return Verdict("PASS", "", turn, shown)


def warned(turn: Turn | None, what: str, shown: str = "") -> Verdict:
    """Say that it is not quite so, and what is."""
    return Verdict("WARN", what, turn, shown)


def failed(turn: Turn | None, what: str, shown: str = "") -> Verdict:
    """Say that it is not so, and what is."""
    return Verdict("FAIL", what, turn, shown)
