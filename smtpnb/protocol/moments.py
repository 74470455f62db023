"""Times as parameters say them: seconds, and dates of RFC 3339.

This module knows nothing of clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from datetime import datetime

# RFC 3339 section 5.6. In UTC or with an offset.
DATE_TIME: Final = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

UTC_ONLY: Final = "(?<=[Zz])"  # to stand behind it
WHOLE_SECONDS: Final = r"(?![^;]*\.)"  # to stand before it


def seconds_of(name: str, value: Any) -> str:
    """Write a number of seconds, or a timedelta.

    Raises:
        LocalProtocolError: It is neither; `name` is what the user called it.
    """
    if hasattr(value, "total_seconds"):
        value = int(value.total_seconds())
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise LocalProtocolError(
            f"{name} is a number of seconds, not {type(value).__name__}; nothing was "
            "sent"
        )
    return str(value)


def moment_of(name: str, value: Any) -> str:
    """Write a time by RFC 3339, in UTC and to the second."""
    if isinstance(value, str):
        return value
    if not hasattr(value, "utcoffset") or value.utcoffset() is None:
        raise LocalProtocolError(
            f"{name} is a datetime with its time zone, or a text of RFC 3339, not "
            f"{value!r}; nothing was sent"
        )
    from datetime import UTC  # only who says a time needs it

    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def instant_of(text: str) -> datetime:
    """Return a moment that may be compared; a leap second counts as the one before."""
    from datetime import UTC, datetime  # only who says a time needs it

    text = text.upper()
    if text[17:19] == "60":  # RFC 3339 has leap seconds, Python has none
        text = f"{text[:17]}59{text[19:]}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # the 30th of February: before everything
        return datetime.min.replace(tzinfo=UTC)


def no_such_day(text: str) -> str:
    """Return why a well-formed date is none; "" if it is one."""
    return "there is no such day" if instant_of(text).year == 1 else ""
