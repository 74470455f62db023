"""What a reply code and an enhanced status code mean, in words.

The two need not agree, and either may be unknown: an unknown code still means what its
first digit says (RFC 5321 section 4.2.1), an unknown detail what its subject says.

This module knows nothing of replies that really came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.analysis.replies.registry import (
    CATEGORIES,
    CLASSES,
    DETAILS,
    REPLY_CODES,
    SUBJECTS,
)

if TYPE_CHECKING:
    import pandas as pd

# RFC 3463 section 2: class, subject, detail; up to three digits each.
_ENHANCED = re.compile(r"([245X])\.(\d{1,3})\.(\d{1,3})")
_UNKNOWN: Final = "unknown"
_TEXTS: Final = (
    "enhanced",
    "class_name",
    "subject_name",
    "detail_name",
    "basic_codes",
    "reference",
)


class StatusMeaning(NamedTuple):
    """What a reply code and an enhanced status code say together.

    Attributes:
        code: The reply code; None: not given.
        enhanced: The enhanced status code; None: not given, or not one.
        class_name: What the first digit says: "accepted", "go on", "refused for now",
            "refused", "unknown". The reply code decides, not the enhanced one.
        subject_name: What it is about: the second number of the enhanced status code,
            or the second digit of the reply code. "unknown" if neither tells.
        detail_name: The registered name of the enhanced status code, or else of the
            reply code; "" if neither is registered.
        basic_codes: The reply codes that the registry pairs with the enhanced one.
        reference: Where the name comes from; "" without one.
    """

    code: int | None
    enhanced: str | None
    class_name: str
    subject_name: str
    detail_name: str
    basic_codes: str
    reference: str

    @property
    def contradiction(self) -> bool:
        """Whether the two codes are of different classes (RFC 2034 section 4)."""
        if self.code is None or self.enhanced is None or self.enhanced[0] == "X":
            return False
        return str(self.code)[0] != self.enhanced[0]

    def __str__(self) -> str:
        names = [self.class_name, self.detail_name]
        if not self.detail_name and self.subject_name != _UNKNOWN:
            names[1] = self.subject_name
        return ": ".join(name for name in names if name)


def status_meaning(code: int | None, enhanced: str | None = None) -> StatusMeaning:
    """Say what a reply code means, and an enhanced status code with it.

    Args:
        code: The reply code, such as 550. None: ask for an enhanced code alone.
        enhanced: Such as "5.7.26"; "X.7.26" asks for any class. What is none is
            treated as if there were none.
    """
    match = _ENHANCED.fullmatch(enhanced or "")
    if match is None:
        return _plain(code)
    digit, subject, detail = match[1], int(match[2]), int(match[3])
    first = code // 100 if code is not None else int(digit) if digit != "X" else 0
    known = DETAILS.get((subject, detail))
    if known is None or (detail == 0 and code in REPLY_CODES):
        # "Other ..." says less than the reply code does.
        plain = _plain(code)
        known_name, reference = plain.detail_name, plain.reference
    else:
        known_name, reference = known.name, known.reference
    return StatusMeaning(
        code=code,
        enhanced=match[0],
        class_name=CLASSES.get(first, _UNKNOWN),
        subject_name=SUBJECTS.get(subject, _UNKNOWN),
        detail_name=known_name,
        basic_codes=known.basic_codes if known else "",
        reference=reference,
    )


def _plain(code: int | None) -> StatusMeaning:
    digits = code or 0
    known = REPLY_CODES.get(digits)
    return StatusMeaning(
        code=code,
        enhanced=None,
        class_name=CLASSES.get(digits // 100, _UNKNOWN),
        subject_name=CATEGORIES.get(digits // 10 % 10, _UNKNOWN) if code else _UNKNOWN,
        detail_name=known.name if known else "",
        basic_codes="",
        reference=known.reference if known else "",
    )


def status_table() -> pd.DataFrame:
    """Return the registry: every reply code, then every enhanced status code.

    Returns:
        `code` (null for an enhanced status code), `enhanced` ("X.7.26": any class;
        null for a reply code), `class_name` (of a reply code), `subject_name`,
        `detail_name`, `basic_codes`, `reference`.
    """
    from smtpnb.analysis.frames import table  # loads pandas

    meanings = [status_meaning(code) for code in REPLY_CODES]
    meanings += [status_meaning(None, f"X.{s}.{d}") for s, d in DETAILS]
    return table(meanings, {"code": "Int16"} | dict.fromkeys(_TEXTS, "text"))
