"""What differs between two honest answers: queue ids, dates, addresses, names.

Two dialogues are compared by what their servers mean, so whatever changes from one
message, connection or machine to the next is replaced by a word for it: "queued as
E056A284323" becomes "queued as {queue id}". The tables hold what Postfix, Exim,
Dovecot, Sendmail, Exchange, Gmail, qmail, Amazon SES, Stalwart, KumoMTA and go-smtp
write; whatever `queue_ids` finds in their texts is settled here.

Names of hosts are replaced only if the dialogue itself says whose they are (`Names`):
"blocked using zen.example" names a list, and that difference is what one looks for.

Every pattern is bounded, since a reply may be 64 KiB of anything. This module knows
nothing of alignment or of frames.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.log import Event

_START = r"(?<!\S)"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? {1,2})"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE = r"(?: (?:[+-]\d{4}|UT|UTC|GMT|[A-Z]{3,4}\b))?(?: \([A-Z]{1,5}\))?"
_V6 = r"(?:IPv6:)?(?=[0-9A-Fa-f:.]{0,40}:[0-9A-Fa-f:.]{0,40}:)[0-9A-Fa-f:.]{2,45}"


class Volatile(NamedTuple):
    """One thing that changes, and the word that stands for it.

    Attributes:
        written_by: The server that writes it so; "" for many.
        pattern: What is looked for.
        stands: What is put in its place; may refer to the pattern's groups.
    """

    written_by: str
    pattern: re.Pattern[str]
    stands: str


def _v(written_by: str, pattern: str, stands: str) -> Volatile:
    return Volatile(written_by, re.compile(pattern, re.IGNORECASE), stands)


# In this order: the special ones first, which the general ones would cut to pieces.
VOLATILE: Final = (
    _v(
        "Exchange",
        r"\[[\w.-]{1,255} \d{4}-\d\d-\d\dT[\d:.]{8,18}Z [0-9A-F]{16}\]",
        "[{session id}]",
    ),
    _v("Exchange", r"\bInternalId=\d{1,20}", "InternalId={queue id}"),
    _v("Exchange", r"\bHostname=[\w.-]{1,255}", "Hostname={host}"),
    _v(
        "Exchange",
        r"\b\d{1,12} bytes in [\d.,]{1,12}, [\d.,]{1,12} KB/sec",
        "{octets and rate}",
    ),
    _v("Exchange", r"(2\.6\.0) <[^<>\s]{1,500}>", r"\1 {message id}"),
    _v(
        "Gmail",
        _START + r"\d{10} [\w-]{1,80}\.\d{1,5} - gsmtp",
        "{date} {session id} - gsmtp",
    ),
    _v("Gmail", _START + r"[\w-]{1,80}\.\d{1,5} - gsmtp", "{session id} - gsmtp"),
    _v(
        "Postfix",
        r"\bqueued (on \S{1,255} )?as <?[\w.-]{1,80}>?",
        r"queued \1as {queue id}",
    ),
    _v("Stalwart", r"\bqueued with id \w{1,80}", "queued with id {queue id}"),
    _v("KumoMTA", r"\bids=\w{32}\b", "ids={queue id}"),
    _v("go-smtp", r"\bOK: queued [A-Z2-7]{20,64}\Z", "OK: queued {queue id}"),
    _v("Exim", r"\bid=\w{6}-\w{6,11}-\w{2,4}\b", "id={queue id}"),
    _v(
        "Sendmail",
        _START + r"\w{6,32} (Message accepted for delivery)",
        r"{queue id} \1",
    ),
    _v("Dovecot", _START + r"[\w+/-]{16,32}(:\w{1,6})? (Saved)\b", r"{session id} \2"),
    _v("qmail", r"\bok \d{9,11} qp \d{1,10}", "ok {date} qp {pid}"),
    _v("Amazon SES", r"\bOk [0-9a-f]{16}(?:-[0-9a-f]{1,12}){5,6}", "Ok {message id}"),
    _v("", r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.\d{1,3})?", "{id}"),
    _v(
        "",
        rf"{_DAY}?\b\d{{1,2}} {_MONTH} \d{{4}} {{1,2}}\d\d:\d\d(?::\d\d)?{_ZONE}",
        "{date}",
    ),
    _v("", rf"{_DAY}{_MONTH} {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d(?: \d{{4}})?", "{date}"),
    _v(
        "",
        r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?",
        "{date}",
    ),
    _v("", r"\b(pid|process)([ =:#]{1,2})\d{1,10}\b", r"\1\2{pid}"),
    _v("", r"\[(\d{1,3}\.){3}\d{1,3}\](:\d{1,5})?", "[{ip}]"),
    _v("", rf"\[{_V6}\](:\d{{1,5}})?", "[{ip}]"),
    _v("", r"<[^<>@\s]{1,256}@[^<>@\s]{1,256}>", "<{address}>"),
    _v(
        "",
        r"(?<![\w.+=-])[\w.+=-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}",
        "{address}",
    ),
    _v("", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)", "{ip}"),
)

_GREETED = re.compile(r"([\w-]{1,63}(?:\.[\w-]{1,63}){0,30})(?= |\n|\Z)")
# A word that may be the name of a host; other names are looked for one by one.
_HOST = re.compile(r"(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,30}(?![\w-]|\.\w)")
_NAME = r"(?<![\w.-])(?:%s)(?![\w-]|\.\w)"


class Names(NamedTuple):
    """The names by which one dialogue calls its two ends."""

    hosts: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()


def word_of(text: str) -> str:
    """Return the first word of a greeting or an answer to EHLO, if a name may be so."""
    match = _GREETED.match(text)
    return match[1] if match else ""


def is_name(word: str, greeting: str) -> bool:
    """Tell a name from a word: some greet with theirs, and some with "Welcome"."""
    follows = greeting[len(word) :].lstrip().partition(" ")[0].upper()
    return "." in word or follows in {"ESMTP", "SMTP", "LMTP"}


def names_of(events: Iterable[Event]) -> Names:
    """Return the names that the events of a dialogue give its ends.

    The host: as the user named it, and as it names itself in its greeting (RFC 5321
    section 4.2) and its answer to EHLO (section 4.1.1.1). The client: as it said EHLO.
    """
    hosts, clients = set(), set()
    for event in events:
        hosts.add(event.host)
        text = event.text or ""
        if event.event == "reply" and event.step in {"greeting", "ehlo"}:
            word = word_of(text)
            if word and (event.step == "ehlo" or is_name(word, text)):
                hosts.add(word)
        elif event.event == "command" and event.step == "ehlo":
            clients.add(text.partition(" ")[2].strip("[]"))
    both = {"", "localhost"}
    return Names(frozenset(hosts - both), frozenset(clients - both - hosts))


def settle(text: str, names: Names = Names()) -> str:  # noqa: B008  # immutable
    """Return text with all that is volatile replaced by words in braces.

    Args:
        text: A command or the text of a reply, of any number of lines.
        names: Whose names are "{host}" and "{client}".
    """
    text = _settled(text)
    for stands, known in (("{host}", names.hosts), ("{client}", names.clients)):
        if known:
            text = _without(text, known, stands)
    return text


@lru_cache(maxsize=65_536)
def _settled(text: str) -> str:
    """Replace what is volatile; the usual texts come again and again."""
    for volatile in VOLATILE:
        text = volatile.pattern.sub(volatile.stands, text)
    return text


def _without(text: str, names: frozenset[str], stands: str) -> str:
    """Put a word in the place of names, in any case of letters."""
    lower, said = {name.lower() for name in names}, text.lower()
    if not any(name in said for name in lower):
        return text
    text = _HOST.sub(lambda m: stands if m[0].lower() in lower else m[0], text)
    for name in sorted(names, key=lambda name: (-len(name), name)):
        if not _HOST.fullmatch(name):
            pattern = _NAME % re.escape(name)
            text = re.sub(pattern, lambda _: stands, text, flags=re.IGNORECASE)
    return text
