"""Which extensions each host offers on each port, before TLS and after it.

The two are different promises: AUTH may appear only after STARTTLS, STARTTLS itself
disappears then, and what a server said before TLS counts for nothing after it (RFC
3207 section 4.2). So each host and port has a row for each of the two.

This module knows nothing of what the extensions mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.frames import table
from smtpnb.analysis.hosts.endpoints import ENDPOINT, rows_by_endpoint
from smtpnb.analysis.inputs import table_of

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

BEFORE: Final = "before TLS"
AFTER: Final = "after TLS"
PHASES: Final = (BEFORE, AFTER)
_COLUMNS: Final = {"capabilities": BEFORE, "capabilities_tls": AFTER}
FACTS: Final = {"size_limit": "Int64", "auth_mechs": "text"}

Offer = dict[str, str]
"""Keywords in upper case, and their parameters."""


def capabilities(source: Source) -> pd.DataFrame:
    """Return who offers what, as each host last answered EHLO on each port.

    Args:
        source: A transcript, or a frame with the columns of `sessions()`.

    Returns:
        Index `host`, `port` and `phase` ("before TLS", "after TLS"), two rows for each
        host and port in order of appearance. One boolean column for each keyword, in
        order of their alphabet (null: there was no answer to EHLO in that phase), then
        `size_limit` (octets; null: no SIZE, or a SIZE without a limit, RFC 1870) and
        `auth_mechs` (the SASL mechanisms; null: no AUTH).
    """
    sessions = table_of(source, "sessions")
    offers: dict[tuple[str, int | None, str], Offer | None] = {}
    for end, rows in rows_by_endpoint(sessions, ("tls_mode", *_COLUMNS)).items():
        offers |= dict.fromkeys((*end, phase) for phase in PHASES)
        for row in rows:
            offers |= {(*end, phase): offer for phase, offer in offered(row).items()}
    words = sorted({word for offer in offers.values() if offer for word in offer})
    dtypes = {"host": "text", "port": "Int32", "phase": "text"}
    dtypes |= dict.fromkeys(words, "boolean")
    found = [_row(key, offer, words) for key, offer in offers.items()]
    return table(found, dtypes | FACTS).set_index([*ENDPOINT, "phase"])


def offered(row: dict[str, Any]) -> dict[str, Offer]:
    """Return what one session was offered, by phase; no key: no answer to EHLO.

    Args:
        row: Of `sessions()`, with None for null.
    """
    found = {}
    for column, phase in _COLUMNS.items():
        lines = row[column]
        if lines is None:
            continue
        if row["tls_mode"] == "implicit":
            phase = AFTER  # noqa: PLW2901  # all that was said, was said inside TLS
        pairs = (str(line).partition(" ") for line in lines)
        found[phase] = {word.upper(): parameters for word, _, parameters in pairs}
    return found


def _row(
    key: tuple[str, int | None, str], offer: Offer | None, words: list[str]
) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip((*ENDPOINT, "phase"), key, strict=True))
    if offer is None:
        return row
    # RFC 1870 section 3: 0 is no fixed limit.
    size = offer.get("SIZE", "")
    limit = int(size) if size.isdecimal() and len(size) < 19 else 0
    row |= {word: word in offer for word in words}
    return row | {"size_limit": limit or None, "auth_mechs": offer.get("AUTH")}
