"""Queue ids: the server's own name for a message, by which its postmaster finds it.

Servers write it into the reply that accepts the message, each in its own way; one table
has the usual ones. A text that none of them wrote has no queue id, as far as is known.

This module knows nothing of transactions.
"""

from __future__ import annotations

import re
from typing import Final

# RFC 2034: a status code before the text is no name.
_ENHANCED: Final = r"\A[245]\.[0-9]{1,3}\.[0-9]{1,3}(?:\s+|\Z)"

# A full stop behind it ends the sentence.
_NAME: Final = r"\w(?:[\w.-]*\w)?"

_QUEUE_IDS: Final = (
    # Postfix and many others; Yandex names its host before it
    re.compile(rf"\bqueued (?:on \S{{1,255}} )?as <?({_NAME})", re.IGNORECASE),
    re.compile(r"\bMessage Queued \((\w[\w.-]+)\)"),  # Haraka
    re.compile(r"\A<[^>]{1,256}> (\S{1,80}) Saved\b"),  # Dovecot's LMTP
    re.compile(rf"\bqueued with id ({_NAME})", re.IGNORECASE),  # Stalwart
    re.compile(rf"\bids?=({_NAME})"),  # Exim, KumoMTA
    re.compile(r"\[InternalId=(\d+)"),  # Exchange
    re.compile(  # Sendmail; bounded, as a reply may be 64 KiB without a space
        r"(?<!\S)(\S{1,80}) Message accepted for delivery", re.IGNORECASE
    ),
    re.compile(r"\bok \d+ qp (\d+)", re.IGNORECASE),  # qmail
    re.compile(r"\bOK +\d+ (\S+) - gsmtp"),  # Gmail
    # What stands alone behind "ok" is an id where it is too long to be a word: go-smtp
    # (base 32), KumoMTA (a UUID without hyphens), SES (hexadecimal, a UUID in it)
    re.compile(r"\bOK:? (?:queued )?([0-9A-Za-z-]{20,64})\Z", re.IGNORECASE),
)


def queue_id(text: str | None) -> str | None:
    """Return the server's name for a message, from the reply that accepted it.

    >>> queue_id("2.0.0 Ok: queued as 4dXyZ12345")
    '4dXyZ12345'
    """
    bare = re.sub(_ENHANCED, "", text or "")
    for pattern in _QUEUE_IDS:
        match = pattern.search(bare)
        if match:
            return match.group(1)
    return None
