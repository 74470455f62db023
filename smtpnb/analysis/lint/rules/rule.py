"""What a rule is, and what it says.

A rule looks at all exchanges of all sessions at once (`Turns`), and says of which of
them what is so: a verdict is a sentence and the exchanges that show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from smtpnb.analysis.lint.levels import Level
    from smtpnb.analysis.lint.turns import Beside, Mask, Turns


class Verdict(NamedTuple):
    """One verdict on any number of exchanges.

    Attributes:
        level: FAIL, WARN or PASS.
        what: A sentence, in which "{code}" stands for a column of `Turns` or for one
            of `words`; "" for PASS, whose sentence is the rule's.
        positions: Where the exchanges stand that show it; -1: none does.
        sessions: The number of the session of each.
        shown: What shows it in place of the reply, for each; None: the reply.
        words: More that the sentence names, for each.
    """

    level: Level
    what: str
    positions: Any
    sessions: Any = None
    shown: Sequence[str] | None = None
    words: dict[str, Sequence[object]] = {}  # noqa: RUF012  # nobody changes it


Verdicts: TypeAlias = Iterator[Verdict]


class Rule(NamedTuple):
    """One rule.

    Attributes:
        name: A short name that does not change.
        rfc: The section that asks for it.
        promise: What is so where the rule passes, as a sentence.
        check: From all exchanges to verdicts.
    """

    name: str
    rfc: str
    promise: str
    check: Callable[[Turns], Verdicts]


def passed(where: Mask) -> Verdict:
    """Say of some exchanges that it is so."""
    return Verdict("PASS", "", np.flatnonzero(where))


def warned(where: Mask, what: str, **words: Sequence[object]) -> Verdict:
    """Say of some exchanges that it is not quite so, and what is."""
    return Verdict("WARN", what, np.flatnonzero(where), words=words)


def failed(where: Mask, what: str, **words: Sequence[object]) -> Verdict:
    """Say of some exchanges that it is not so, and what is."""
    return Verdict("FAIL", what, np.flatnonzero(where), words=words)


def beside(
    level: Level, what: str, shown: Sequence[tuple[Beside, str]], **words: Any
) -> Verdict:
    """Say something that no exchange shows, but what happened beside them.

    Args:
        level: FAIL, WARN or PASS.
        what: The sentence.
        shown: What happened, each with the words that show it.
        words: As for `Verdict`.
    """
    events = [event for event, _ in shown]
    at = np.array([event.at for event in events], np.int64)
    sessions = np.array([event.session for event in events], np.int64)
    return Verdict(level, what, at, sessions, [text for _, text in shown], words)
