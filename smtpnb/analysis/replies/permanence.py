"""How permanent a refusal is: what the reply code says, and what the cause says.

The first digit tells a queue what to do (RFC 5321 section 4.2.1); the cause tells
whether the same would pass another day. The two may differ: a full mailbox refused by
552 is returned to its sender, and may have room tomorrow; a missing PTR record refused
by 421 is tried again for days, and will not pass. Hence four words and not two, which
`classify` gives and by which `explain` speaks, so that they cannot contradict.

This module knows nothing of texts.
"""

from __future__ import annotations

from typing import Final

FOR_NOW: Final = "for now"
UNTIL_MENDED: Final = "until mended"
FOR_THIS_MESSAGE: Final = "for this message"
FOR_GOOD: Final = "for good"
PERMANENCES: Final = (FOR_NOW, UNTIL_MENDED, FOR_THIS_MESSAGE, FOR_GOOD)

# Causes that pass without the sender's doing (in Sisimai's words, as `classify`).
_PASSING: Final = frozenset(
    {
        "exceedlimit",
        "expired",
        "greylisted",
        "mailboxfull",
        "networkerror",
        "speeding",
        "systemerror",
        "systemfull",
        "toomanyconn",
    }
)
# The rules that say otherwise: a loop stays, and a server that has no TLS just now will
# have it again (RFC 3207 section 4, of 454).
LOOP: Final = "network(loop)"
LOOP_CODE: Final = "network(loop code)"
NO_TLS_NOW: Final = "tls(not available)"


def permanence(code: int | None, reason: str | None, evidence: str = "") -> str | None:
    """Say how permanent a refusal is; None: nothing was refused, or nothing is known.

    Args:
        code: The reply code.
        reason: As `classify` gives it.
        evidence: The rule, as `classify` gives it.
    """
    digit = (code or 0) // 100
    if digit not in {4, 5}:
        return None
    rule = evidence.partition(",")[0]
    passes = (reason in _PASSING or rule == NO_TLS_NOW) and rule not in {
        LOOP,
        LOOP_CODE,
    }
    if digit == 4:
        return FOR_NOW if passes or reason == "undefined" else UNTIL_MENDED
    return FOR_THIS_MESSAGE if passes else FOR_GOOD
