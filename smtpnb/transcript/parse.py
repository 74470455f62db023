"""What the texts of a dialogue say: paths and parameters, queue ids, software.

This module knows nothing of events or of frames.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATH: Final = re.compile(r':[ ]*<((?:"(?:\\.|[^"\\])*"|[^">])*)>')
_BARE_PATH: Final = re.compile(r":[ ]*(\S*)")
_BODY: Final = re.compile(r" BODY=(\S+)", re.IGNORECASE)
_SMTPUTF8: Final = re.compile(r" SMTPUTF8(?= |\Z)", re.IGNORECASE)

# The first word of a greeting that matches, of those behind the host's name.
_SOFTWARE: Final[Mapping[str, str]] = {
    "postfix": "Postfix",
    "exim": "Exim",
    "sendmail": "Sendmail",
    "microsoft esmtp": "Exchange",
    "gsmtp": "Gmail",
    "opensmtpd": "OpenSMTPD",
    "haraka": "Haraka",
    "stalwart": "Stalwart",
    "kumomta": "KumoMTA",
    "dovecot": "Dovecot",
    "python smtp": "aiosmtpd",
    "chasquid": "chasquid",
    "ecelerity": "Momentum",
    "simpleemailservice": "Amazon SES",
    "mailenable": "MailEnable",
    "kerio": "Kerio Connect",
    "halon": "Halon",
    "communigate": "CommuniGate Pro",
    "mimecast": "Mimecast",
    "zimbra": "Zimbra",
    "mdaemon": "MDaemon",
    "james": "Apache James",
    "qmail": "qmail",
    "courier": "Courier",
    "powermta": "PowerMTA",
}


def path(argument: str) -> str | None:
    """Return the path in the argument of MAIL or RCPT, without its brackets."""
    match = _PATH.search(argument) or _BARE_PATH.search(argument)
    return match.group(1) if match else None


def body_type(argument: str) -> str | None:
    """Return the BODY parameter of MAIL (RFC 6152), in upper case."""
    match = _BODY.search(argument)
    return match.group(1).upper() if match else None


def smtputf8(argument: str) -> bool:
    """Tell whether MAIL said SMTPUTF8 (RFC 6531)."""
    return _SMTPUTF8.search(argument) is not None


def software(greeting: str) -> str | None:
    """Guess the server's software from its greeting.

    What the host is called says nothing of it: the first word is left out.
    """
    said = greeting.lower().partition(" ")[2]
    known = [
        (said.find(word), name) for word, name in _SOFTWARE.items() if word in said
    ]
    return min(known)[1] if known else None


def attempt_keys(*columns: tuple[Sequence[str | None], Any]) -> list[str]:
    """Return a key for each row: the same for the same sender, recipient and host.

    Args:
        columns: Of each the values, and for each row which (-1: none).
    """
    known: dict[tuple[int, ...], str] = {}
    keys = []
    for row in zip(*(which.tolist() for _, which in columns), strict=True):
        if row not in known:
            pairs = zip(columns, row, strict=True)
            parts = [values[at] if at >= 0 else None for (values, _), at in pairs]
            known[row] = _key(*parts)
        keys.append(known[row])
    return keys


def _key(*parts: str | None) -> str:
    text = "\n".join(part or "" for part in parts).lower()
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
