"""Events folded into sessions: one row for each connection.

The phases divide the session's time: an instant belongs to the first event, in order,
that covers it, and what no event covers is `other_ms`, the user's think time. So the
phases add up to `total_ms` by construction, in pipelined sessions as well, where
several replies are awaited at once.

The outcomes are zgrab2's words, since scans will be compared with its files, and one
of our own: "cancelled". This module knows nothing of records.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from smtpnb.transcript import columns as col
from smtpnb.transcript import schema
from smtpnb.transcript.parse import software
from smtpnb.transcript.schema import PHASES, SESSIONS, VERSION
from smtpnb.transcript.tables.exchanges import Exchanges, facts, us

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = dict[str, Any]

_PHASE_NAMES: Final = tuple(column.name for column in PHASES)
_N_PHASES: Final = len(PHASES)
_OTHER: Final = _PHASE_NAMES.index("other_ms")
# What TLS negotiated, by column: the record's names need no "tls_".
_TLS_FACTS: Final[Mapping[str, str]] = {
    "tls_version": "version",
    "tls_cipher": "cipher",
    "tls_alpn": "alpn",
    "tls_verified": "verified",
    **{c.name: c.name for c in SESSIONS if c.name.startswith("cert_")},
}

_OUTCOMES: Final[Mapping[str, str]] = {
    "Cancelled": "cancelled",
    "ConnectionLost": "connection-closed",
    "DeadlineExceeded": "io-timeout",
    "RemoteProtocolError": "protocol-error",
    "TlsError": "protocol-error",
}


def frame(events: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions of an events frame (`schema.SESSIONS`), in order."""
    which, names = pd.factorize(events["session_id"])
    rows = _told(events, which, len(names))
    columns = _begun(events, which, len(names)) | _sums(events, names)
    columns |= phases(events, which, len(names))
    told = [column for column in SESSIONS if column.name not in columns]
    whole = schema.build(told, rows)
    columns |= {str(name): whole[name] for name in whole}
    columns["session_id"] = col.text([*names], np.arange(len(names)))
    return schema.complete(SESSIONS, columns, len(names))


def phases(events: pd.DataFrame, which: Any, n: int) -> dict[str, Any]:
    """Return the phases of sessions and their sums, in ms; NaN: did not happen.

    Args:
        events: All events of the sessions, in order.
        which: For each event the number of its session.
        n: How many sessions there are.
    """
    order = np.argsort(which, kind="stable")
    which, events = which[order], events.take(order)
    took = events["dt_ms"].notna().to_numpy()
    end, dt = us(events["t_ms"]), us(events["dt_ms"].fillna(0.0))
    total = np.zeros(n, np.int64)
    np.maximum.at(total, which, end)
    which, end, start = which[took], end[took], (end - dt)[took]
    # An instant belongs to the first event that covers it: what the events before have
    # covered, in the same session, is taken from its front.
    lift = which * (end.max(initial=0) + 1)
    covered = np.zeros(len(end), np.int64)
    covered[1:] = np.maximum.accumulate(end + lift)[:-1] - lift[1:]
    spent = np.maximum(end - np.maximum(np.maximum(start, covered), 0), 0)
    phase = _phase(events)[took]
    cell, cells = which * _N_PHASES + phase, n * _N_PHASES
    sums = np.bincount(cell, spent, cells).astype(float).reshape(n, _N_PHASES)
    happened = np.bincount(cell, minlength=cells).reshape(n, _N_PHASES) > 0
    sums[:, _OTHER] += total - sums.sum(axis=1)
    happened[:, _OTHER] = True
    sums[~happened] = np.nan
    columns = {name: sums[:, at] / 1000 for at, name in enumerate(_PHASE_NAMES)}
    return columns | {"total_ms": total / 1000}


def _phase(events: pd.DataFrame) -> Any:
    """For each event the number of its phase."""
    steps = events["step"].array
    number = {name.removesuffix("_ms"): at for at, name in enumerate(_PHASE_NAMES)}
    phase = np.array([number.get(step, _OTHER) for step in steps.categories], np.int64)
    phase = phase[steps.codes]
    is_ehlo = phase == number["ehlo"]
    phase[is_ehlo & _after_starttls(events)] = number["ehlo_tls"]
    return phase


def _after_starttls(events: pd.DataFrame) -> Any:
    """For each event, sessions together, whether STARTTLS succeeded before it."""
    kind = events["event"]
    session, _ = pd.factorize(events["session_id"])
    place = np.arange(len(events))
    never = len(events)
    replied = np.full(session.max(initial=-1) + 1, never)
    np.minimum.at(replied, *_where(session, place, (kind == "reply").to_numpy()))
    tls = ((kind == "tls") & events["tls"].fillna(False)).to_numpy(bool)
    since = np.full(len(replied), never)
    np.minimum.at(since, *_where(session, place, tls & (place > replied[session])))
    return place > since[session]


def _where(session: Any, place: Any, chosen: Any) -> tuple[Any, Any]:
    return session[chosen], place[chosen]


def _begun(events: pd.DataFrame, which: Any, n: int) -> dict[str, Any]:
    """What the first event of each session says."""
    first = np.full(n, len(which))
    np.minimum.at(first, which, np.arange(len(which)))
    begun = events.take(first)
    wall = begun["ts"].dt.as_unit("us").astype("int64").to_numpy()
    host = begun["host"].array.remove_unused_categories()
    return {
        "run_id": begun["run_id"].array.remove_unused_categories(),
        "ts": col.moments(wall - us(begun["t_ms"])),
        "host": host,
        "port": begun["port"].array,
        "schema": pd.array([VERSION] * n, dtype="Int16"),
    }


def _sums(events: pd.DataFrame, names: Any) -> dict[str, Any]:
    """What the exchanges of each session add up to."""
    rows, n = Exchanges(events).frame, len(names)
    mine = pd.Index(names).get_indexer(rows["session_id"])
    inside = events[["session_id", "transaction_no"]].dropna().drop_duplicates()
    begun = pd.Index(names).get_indexer(inside["session_id"])
    none = np.zeros(n, bool)

    def column(counts: Any, kind: Any) -> Any:
        return col.some_numbers(counts, none, kind)

    columns = {
        name: column(np.bincount(mine, rows[name].fillna(0).to_numpy(float), n), "i8")
        for name in ("bytes_sent", "bytes_received")
    }
    columns["n_exchanges"] = column(np.bincount(mine, minlength=n), "i4")
    columns["n_transactions"] = column(np.bincount(begun, minlength=n), "i4")
    return columns


def _told(events: pd.DataFrame, which: Any, n: int) -> list[Row]:
    """What single events say of their session, those that say anything."""
    telling = (
        events["event"].isin(["connect", "tls", "error", "close"])
        | ((events["event"] == "reply") & events["step"].isin(["greeting", "ehlo"]))
    ).to_numpy()
    said = events[telling]
    details = said["detail"].array
    known = [*facts(details.categories, dict), {}]
    rows: list[Row] = [{"tls_mode": "none"} for _ in range(n)]
    columns = [said[name].astype(object) for name in ("event", "step", "text")]
    columns += [said["peer_ip"].astype(object), said["code"].fillna(0)]
    for session, detail, *event in zip(
        which[telling].tolist(), details.codes.tolist(), *columns, strict=True
    ):
        _take(rows[session], known[detail], *event)
    for row in rows:
        if row.get("closed") or row.get("error_type"):
            row["outcome"] = _outcome(row)
    return rows


def _take(row: Row, facts: Row, event: str, step: str, text: Any, *rest: Any) -> None:
    """Let one event say what it knows of its session."""
    peer_ip, code = rest
    text = text if isinstance(text, str) else None
    match event:
        case "connect" if not facts.get("error") and isinstance(peer_ip, str):
            row["peer_ip"] = peer_ip
            if not peer_ip.startswith("/"):  # the path of a unix socket
                row["ip_version"] = 6 if ":" in peer_ip else 4
            row["local_ip"] = facts.get("local")
        case "tls":
            _take_tls(row, facts)
        case "reply":
            _take_reply(row, step, text or "", code, facts)
        case "error":
            row["error_type"], row["error_text"] = facts.get("kind"), text
            row["error_step"] = step
        case "close":
            row["closed"] = True


def _take_tls(row: Row, facts: Mapping[str, Any]) -> None:
    if not facts.get("error"):
        row["tls_mode"] = "implicit" if facts.get("implicit") else "starttls"
    for name, fact in _TLS_FACTS.items():
        value = facts.get(fact)
        row[name] = _us(value) if name.startswith("cert_not_") else value


def _take_reply(row: Row, step: str, text: str, code: int, facts: Row) -> None:
    if step == "greeting":
        row["greeting"], row["greeting_code"] = text, code
        row["software"] = software(text)
    if "capabilities" in facts:
        later = row["tls_mode"] == "starttls"
        row["capabilities_tls" if later else "capabilities"] = facts["capabilities"]
        row["size_limit"] = facts.get("size_limit")
        row["auth_mechs"] = facts.get("auth_mechs")


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
