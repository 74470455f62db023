"""The rules of `lint`, each a small function beside its section of an RFC.

`talk` reads a transcript once and knows what stood when each command was said;
`verdict` is what a rule says. The rules are sorted by what they look at: `replies`
(their form), `offers` (greeting and EHLO), `commands` (what must be answered how), and
`privacy` (TLS).

Nothing here knows of frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules import commands, offers, privacy, replies

if TYPE_CHECKING:
    from smtpnb.analysis.lint.rules.verdict import Rule

RULES: Final[tuple[Rule, ...]] = (
    *replies.RULES,
    *offers.RULES,
    *commands.RULES,
    *privacy.RULES,
)
