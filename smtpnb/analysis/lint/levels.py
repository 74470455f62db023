"""How a rule of `lint` may end, the worst first.

FAIL: what a MUST of the RFC asks for is not so. WARN: a SHOULD is not kept, or a MUST
is kept with another code than the one named, or it cannot be told from here whose
fault it is. PASS: the question came up, and the answer is right. A rule whose question
did not come up says nothing.
"""

from __future__ import annotations

from typing import Final, Literal

Level = Literal["FAIL", "WARN", "PASS"]
LEVELS: Final[tuple[Level, ...]] = ("FAIL", "WARN", "PASS")
