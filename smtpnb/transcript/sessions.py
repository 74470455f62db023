"""Events folded into sessions: one row for each connection.

The phases divide the session's time: an instant belongs to the first event, in order,
that covers it, and what no event covers is `other_ms`, the user's think time. So the
phases add up to `total_ms` by construction, in pipelined sessions as well, where
several replies are awaited at once.

The outcomes are zgrab2's words, since scans will be compared with its files, and one
of our own: "cancelled". This module knows nothing of pandas.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from smtpnb.transcript.exchanges import detail, fold, since_ms
from smtpnb.transcript.schema import PHASES, SESSIONS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smtpnb.transcript.derive import Event
    from smtpnb.transcript.exchanges import Row

_PHASE_NAMES: Final = frozenset(column.name for column in PHASES)
# What TLS negotiated, by column: the record's names need no "tls_".
_TLS_FACTS: Final[Mapping[str, str]] = {
    "tls_version": "version",
    "tls_cipher": "cipher",
    "tls_alpn": "alpn",
    "tls_verified": "verified",
    **{c.name: c.name for c in SESSIONS if c.name.startswith("cert_")},
}

# The first word of a greeting that matches; the order matters ("ESMTP" comes last).
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
}

_OUTCOMES: Final[Mapping[str, str]] = {
    "Cancelled": "cancelled",
    "ConnectionLost": "connection-closed",
    "DeadlineExceeded": "io-timeout",
    "RemoteProtocolError": "protocol-error",
    "TlsError": "protocol-error",
}


def rows(events: Iterable[Event]) -> list[Row]:
    """Return one row for each session that has an event, in order of appearance."""
    by_session: dict[str, list[Event]] = {}
    for event in events:
        by_session.setdefault(event.session_id, []).append(event)
    return [_row(session) for session in by_session.values()]


def phases(events: Iterable[Event]) -> dict[str, float]:
    """Return the phases of one session and their sum, in ms; no key: did not happen.

    Args:
        events: All events of the session, in order.
    """
    totals: dict[str, int] = {}
    covered = end = 0  # microseconds, so that nothing is lost in adding
    after_starttls = greeted = False
    for event in events:
        end = max(end, round(event.t_ms * 1000))
        if event.dt_ms is not None:
            name = f"{event.step}_ms"
            if name == "ehlo_ms" and after_starttls:
                name = "ehlo_tls_ms"
            elif name not in _PHASE_NAMES:
                name = "other_ms"
            start = max(round(since_ms(event) * 1000), covered)
            stop = max(round(event.t_ms * 1000), start)
            totals[name] = totals.get(name, 0) + stop - start
            covered = max(covered, stop)
        greeted |= event.event == "reply"
        after_starttls |= greeted and event.event == "tls" and event.tls
    others = sum(us for name, us in totals.items() if name != "other_ms")
    totals["other_ms"] = end - others
    return {name: us / 1000 for name, us in totals.items()} | {"total_ms": end / 1000}


def _row(events: list[Event]) -> Row:
    first = events[0]
    exchanges = fold(events)
    row: Row = {
        "run_id": first.run_id,
        "session_id": first.session_id,
        "ts": first.ts - round(first.t_ms * 1000),
        "target": first.host,
        "host": first.host,
        "port": first.port,
        "tls_mode": "none",
        "n_exchanges": len(exchanges),
        "n_transactions": len({e.transaction_no for e in events} - {None}),
        "bytes_sent": sum(x.get("bytes_sent") or 0 for x in exchanges),
        "bytes_received": sum(x.get("bytes_received") or 0 for x in exchanges),
        "schema": VERSION,
    }
    for event in events:
        _take(row, event)
    if row.get("closed") or row.get("error_type"):
        row["outcome"] = _outcome(row)
    return row | phases(events)


def _take(row: Row, event: Event) -> None:
    """Let one event say what it knows of its session."""
    facts = detail(event)
    match event.event:
        case "connect" if not facts.get("error"):
            row["peer_ip"] = event.peer_ip
            row["ip_version"] = 6 if ":" in (event.peer_ip or "") else 4
            row["local_ip"] = facts.get("local")
        case "tls":
            _take_tls(row, facts)
        case "reply":
            _take_reply(row, event, facts)
        case "error":
            row["error_type"], row["error_text"] = facts.get("kind"), event.text
            row["error_step"] = event.step
        case "close":
            row["closed"] = True


def _take_tls(row: Row, facts: Mapping[str, Any]) -> None:
    if not facts.get("error"):
        row["tls_mode"] = "implicit" if facts.get("implicit") else "starttls"
    for name, fact in _TLS_FACTS.items():
        value = facts.get(fact)
        row[name] = _us(value) if name.startswith("cert_not_") else value


def _take_reply(row: Row, event: Event, facts: Mapping[str, Any]) -> None:
    if event.step == "greeting":
        text = event.text or ""
        row["greeting"], row["greeting_code"] = text, event.code
        known = (name for word, name in _SOFTWARE.items() if word in text.lower())
        row["software"] = next(known, None)
    if "capabilities" in facts:
        later = row["tls_mode"] == "starttls"
        row["capabilities_tls" if later else "capabilities"] = facts["capabilities"]
        row["size_limit"] = facts["size_limit"]
        row["auth_mechs"] = facts["auth_mechs"]


def _outcome(row: Row) -> str:
    kind, text = row.get("error_type"), (row.get("error_text") or "").lower()
    if kind is None:
        refused = (row.get("greeting_code") or 0) >= 400
        return "application-error" if refused else "success"
    if kind == "DeadlineExceeded" and row["error_step"] == "connect":
        return "connection-timeout"
    if kind == "ConnectError" and "refused" in text:
        return "connection-refused"
    if kind == "ConnectError" and "timed out" in text:
        return "connection-timeout"
    return _OUTCOMES.get(kind, "unknown-error")


def _us(value: str | None) -> int | None:
    """An ISO 8601 time as microseconds since the epoch."""
    if value is None:
        return None
    return round(datetime.fromisoformat(value).timestamp() * 1_000_000)
