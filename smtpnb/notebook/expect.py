"""`--expect CODE`: turn an unexpected reply into one red line, so that Run All stops.

`250` is that code, `2` and `2xx` a class, `25x` ten codes, `5.7.1` or `5.7` an enhanced
status code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from smtpnb.protocol.errors import ReplyError

if TYPE_CHECKING:
    from smtpnb.protocol.reply import Reply


def matcher(expected: str) -> str:
    """Check an expectation before anything is sent, and return it tidied.

    Raises:
        UsageError: It is neither a code, a class nor an enhanced status code.
    """
    tidy = str(expected).strip().lower()
    if re.fullmatch(r"[2-5](xx|\dx|\d\d)?|[245](\.\d{1,3}){1,2}", tidy):
        return tidy
    raise UsageError(f"--expect wants 250, 2, 25x or 5.7.1, not {expected!r}")


def matches(reply: Reply, expected: str) -> bool:
    """Tell whether a reply is what was expected."""
    if "." in expected:
        return f"{reply.enhanced or ''}.".startswith(f"{expected}.")
    return str(reply.code).startswith(expected.rstrip("x"))


def check_all(value: Any, expected: str, phase: str) -> None:
    """Check what a command returned: a reply, a list of them, or a delivery.

    Of a delivery each recipient's reply counts; a recipient without one is unexpected.

    Raises:
        ReplyError: One does not match.
    """
    if isinstance(value, list) and any(hasattr(one, "recipients") for one in value):
        for one in value:
            check_all(one, expected, phase)
        return
    if hasattr(value, "recipients"):
        replies = [row.reply for row in value.recipients]
    else:
        replies = value if isinstance(value, list) else [value]
    for reply in replies:
        if reply is None:
            raise ReplyError(f"expected {expected}, and no reply came", phase=phase)
        check(reply, expected, phase)


def check(reply: Reply, expected: str, phase: str) -> None:
    """Raise unless the reply matches.

    Raises:
        ReplyError: It does not.
    """
    if not matches(reply, expected):
        raise ReplyError(f"expected {expected}", phase=phase, reply=reply)
