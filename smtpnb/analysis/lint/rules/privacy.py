"""Rules about TLS: what was negotiated, and the certificate that was shown.

A certificate is judged as of the time of the session, so that an old transcript keeps
its verdicts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from smtpnb.analysis.lint.rules.rule import Rule, Verdicts, beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.analysis.lint.turns import Beside, Turns

_OLD: Final = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})
# What OpenSSL says when what comes is no record of TLS.
_NO_RECORD: Final = ("wrong_version_number", "wrong version number", "clear text")


def _handshakes(turns: Turns) -> Iterator[Beside]:
    return (event for event in turns.beside if event.event == "tls")


def _completed(turns: Turns) -> Iterator[Beside]:
    return (event for event in _handshakes(turns) if not event.facts.get("error"))


def _handshake(turns: Turns) -> Verdicts:
    # Ours or theirs: the alert does not say who was right.
    failures = [
        (event, str(event.facts["error"]))
        for event in _handshakes(turns)
        if event.facts.get("error")
    ]
    yield beside("WARN", "the TLS handshake failed", failures)
    good = (
        (event, f"{event.facts.get('version')} {event.facts.get('cipher')}")
        for event in _completed(turns)
    )
    yield beside("PASS", "", list(good))


def _stays_inside(turns: Turns) -> Verdicts:
    began = {event.session: event for event in _completed(turns)}
    broken = [
        (event, event.text)
        for event in turns.beside
        if event.event == "error"
        and event.session in began
        and event.ts >= began[event.session].ts
        and any(words in event.text.lower() for words in _NO_RECORD)
    ]
    yield beside("FAIL", "it sent octets outside TLS after the handshake", broken)
    inside = turns.answered & turns.tls
    sessions = set(turns.session[inside].tolist())
    kept = [(event, "") for number, event in began.items() if number in sessions]
    yield beside("PASS", "", kept)


def _version(turns: Turns) -> Verdicts:
    versions = [(e, str(e.facts.get("version"))) for e in _completed(turns)]
    old = [pair for pair in versions if pair[1] in _OLD]
    what = "{version} was negotiated"
    yield beside("FAIL", what, old, version=[version for _, version in old])
    yield beside("PASS", "", [pair for pair in versions if pair[1] not in _OLD])


def _verified(turns: Turns) -> Verdicts:
    bad, good = [], []
    for event in _completed(turns):
        subject = str(event.facts.get("cert_subject"))
        if event.facts.get("verified") is False:
            found = "; ".join(map(str, event.facts.get("findings") or ()))
            bad.append((event, found or subject))
        elif event.facts.get("verified"):
            good.append((event, subject))
    yield beside("WARN", "the certificate does not verify", bad)
    yield beside("PASS", "", good)


def _dates(turns: Turns) -> Verdicts:
    late, early, good = [], [], []
    for event in _completed(turns):
        first, last = (event.facts.get(f"cert_not_{end}") for end in _ENDS)
        now = datetime.fromtimestamp(event.ts / 1_000_000, UTC)
        if last and now > datetime.fromisoformat(last):
            late.append((event, f"valid to {last}"))
        elif first and now < datetime.fromisoformat(first):
            early.append((event, f"from {first}"))
        elif last:
            good.append((event, f"valid to {last}"))
    yield beside("FAIL", "the certificate has expired", late)
    yield beside("FAIL", "the certificate is not valid yet", early)
    yield beside("PASS", "", good)


_ENDS: Final = ("before", "after")

RULES: Final = (
    Rule("tls-handshake", "RFC 3207 4.1", "the TLS handshake succeeded", _handshake),
    Rule("tls-stays", "RFC 8446 5", "after the handshake all is TLS", _stays_inside),
    Rule("tls-version", "RFC 8996 4, 5", "TLS is of version 1.2 or later", _version),
    Rule("tls-verified", "RFC 5280 6", "the certificate verifies", _verified),
    Rule("tls-dates", "RFC 5280 4.1.2.5", "the certificate is valid by date", _dates),
)
