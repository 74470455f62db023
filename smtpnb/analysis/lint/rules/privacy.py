"""Rules about TLS: what was negotiated, and the certificate that was shown.

A certificate is judged as of the time of the session, so that an old transcript keeps
its verdicts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.lint.rules.verdict import Rule, Verdicts, failed, passed, warned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.analysis.lint.rules.talk import Talk
    from smtpnb.transcript.log import Event

_OLD: Final = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})


def _handshakes(talk: Talk) -> Iterator[tuple[Event, dict[str, Any]]]:
    for event in talk.events:
        if event.event == "tls":
            yield event, event.facts


def _completed(talk: Talk) -> Iterator[tuple[Event, dict[str, Any]]]:
    return (pair for pair in _handshakes(talk) if not pair[1].get("error"))


def _handshake(talk: Talk) -> Verdicts:
    for _, facts in _handshakes(talk):
        if facts.get("error"):
            # Ours or theirs: the alert does not say who was right.
            yield warned(None, "the TLS handshake failed", str(facts["error"]))
        else:
            yield passed(None, f"{facts.get('version')} {facts.get('cipher')}")


def _version(talk: Talk) -> Verdicts:
    for _, facts in _completed(talk):
        version = str(facts.get("version"))
        if version in _OLD:
            yield failed(None, f"{version} was negotiated", version)
        else:
            yield passed(None, version)


def _verified(talk: Talk) -> Verdicts:
    for _, facts in _completed(talk):
        subject = str(facts.get("cert_subject"))
        if facts.get("verified") is False:
            found = "; ".join(map(str, facts.get("findings") or ()))
            yield warned(None, "the certificate does not verify", found or subject)
        elif facts.get("verified"):
            yield passed(None, subject)


def _dates(talk: Talk) -> Verdicts:
    for event, facts in _completed(talk):
        first, last = facts.get("cert_not_before"), facts.get("cert_not_after")
        now = datetime.fromtimestamp(event.ts / 1_000_000, UTC)
        if last and now > datetime.fromisoformat(last):
            yield failed(None, "the certificate has expired", f"valid to {last}")
        elif first and now < datetime.fromisoformat(first):
            yield failed(None, "the certificate is not valid yet", f"from {first}")
        elif last:
            yield passed(None, f"valid to {last}")


RULES: Final = (
    Rule("tls-handshake", "RFC 3207 4.1", "the TLS handshake succeeded", _handshake),
    Rule("tls-version", "RFC 8996 4, 5", "TLS is of version 1.2 or later", _version),
    Rule("tls-verified", "RFC 7817 3", "the certificate verifies", _verified),
    Rule("tls-dates", "RFC 5280 4.1.2.5", "the certificate is valid by date", _dates),
)
