"""The rules of `lint`, each a small function beside its section of an RFC.

They are sorted by what they look at: `replies` (their form), `offers` (greeting and
EHLO), `commands` (what must be answered how), and `privacy` (TLS). `rule` is what a
rule is.

Nothing here knows of frames, nor follows a session: `turns` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules import commands, offers, privacy, replies

if TYPE_CHECKING:
    from smtpnb.analysis.lint.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *replies.RULES,
    *offers.RULES,
    *commands.RULES,
    *privacy.RULES,
)
