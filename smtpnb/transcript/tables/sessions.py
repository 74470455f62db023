"""Events folded into sessions: one row for each connection.

The phases divide the session's time: an instant belongs to the first event, in order,
that covers it, and what no event covers is `other_ms`, the user's think time. So the
phases add up to `total_ms` by construction, in pipelined sessions as well, where
several replies are awaited at once.

The outcomes are zgrab2's words, since scans will be compared with its files, and one
of our own: "cancelled". This module knows nothing of records.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from smtpnb.edges.text import for_terminal
from smtpnb.transcript import columns as col
from smtpnb.transcript import schema
from smtpnb.transcript.parse import software
from smtpnb.transcript.schema import PHASES, SESSIONS, VERSION
from smtpnb.transcript.tables.exchanges import Exchanges, us

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


def frame(events: pd.DataFrame, made: Exchanges | None = None) -> pd.DataFrame:
    """Return the sessions of an events frame (`schema.SESSIONS`), in order.

    Args:
        events: The frame.
        made: The exchanges of these events, if somebody has them.
    """
    which, names = pd.factorize(events["session_id"])
    exchanges = Exchanges(events) if made is None else made
    columns = _begun(events, which, len(names)) | _sums(events, exchanges, names)
    columns |= phases(events, which, len(names)) | _told(events, which, len(names))
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


def _sums(events: pd.DataFrame, exchanges: Exchanges, names: Any) -> dict[str, Any]:
    """What the exchanges of each session add up to."""
    rows, n = exchanges.frame, len(names)
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


def _told(events: pd.DataFrame, which: Any, n: int) -> dict[str, Any]:
    """What single events say of their session: the last of each kind that says it."""
    said = _Said(events, which, n)
    columns = _connected(said) | _secured(said) | _greeted(said) | _offered(said)
    error, closed = said.last("error"), said.last("close") >= 0
    columns |= {
        "error_type": col.words(said.facts(error, "kind"), np.arange(n)),
        "error_text": said.take("text", error),
    }
    steps = said.take("step", error)
    return columns | {"outcome": _outcomes(columns, steps, closed)}


class _Said:
    """The events of sessions, and for each session where the last of a kind stands."""

    def __init__(self, events: pd.DataFrame, which: Any, n: int) -> None:
        self.events, self.which, self.n = events, which, n
        self._kind = events["event"].array
        self._details = events["detail"].array
        self._parsed: dict[int, dict[str, Any]] = {-1: {}}

    def at(self, kind: str, step: str = "") -> Any:
        """The places of the events of a kind, and of a step."""
        chosen = self._kind == kind
        if step:
            chosen &= self.events["step"].array == step
        return np.flatnonzero(np.asarray(chosen, bool))

    def last(self, kind: str, step: str = "") -> Any:
        return self.last_of(self.at(kind, step))

    def last_of(self, places: Any) -> Any:
        """For each session the last of some events, -1 without one."""
        found = np.full(self.n, -1)
        found[self.which[places]] = places
        return found

    def take(self, name: str, places: Any) -> Any:
        column = self.events[name].array.take(places, allow_fill=True)
        if isinstance(column, pd.Categorical):
            return column.remove_unused_categories()
        return column

    def detail(self, places: Any) -> list[dict[str, Any]]:
        """The details of events; each text is read once."""
        codes = np.where(places < 0, -1, self._details.codes[places])
        new = [code for code in np.unique(codes).tolist() if code not in self._parsed]
        texts = self._details.categories.take(new).tolist() if new else []
        for code, text in zip(new, texts, strict=True):
            self._parsed[code] = json.loads(text)
        return [self._parsed[code] for code in codes.tolist()]

    def facts(self, places: Any, name: str) -> list[Any]:
        """One fact of the details of events."""
        return [known.get(name) for known in self.detail(places)]


def _connected(said: _Said) -> dict[str, Any]:
    places = said.at("connect")
    failed = np.array([bool(error) for error in said.facts(places, "error")], bool)
    there = said.events["peer_ip"].notna().to_numpy()[places]
    last = said.last_of(places[there & ~failed])
    peer = said.take("peer_ip", last)
    # A path is that of a unix socket.
    versions = [
        None if word.startswith("/") else 6 if ":" in word else 4
        for word in peer.categories
    ]
    return {
        "peer_ip": peer,
        "ip_version": col.numbers(versions, peer.codes, np.int8),
        "local_ip": col.words(said.facts(last, "local"), np.arange(said.n)),
    }


def _secured(said: _Said) -> dict[str, Any]:
    """What TLS came to: the last attempt; the mode is of the last that succeeded."""
    places = said.at("tls")
    known = said.detail(places)
    rows: list[Row] = [{"tls_mode": "none"} for _ in range(said.n)]
    for session, facts in zip(said.which[places].tolist(), known, strict=True):
        row = rows[session]
        if not facts.get("error"):
            row["tls_mode"] = "implicit" if facts.get("implicit") else "starttls"
        for name, fact in _TLS_FACTS.items():
            value = facts.get(fact)
            row[name] = _us(value) if name.startswith("cert_not_") else value
    columns = [c for c in SESSIONS if c.name == "tls_mode" or c.name in _TLS_FACTS]
    made = schema.build(columns, rows)
    return {str(name): made[name] for name in made}


def _greeted(said: _Said) -> dict[str, Any]:
    last = said.last("reply", "greeting")
    text = said.take("text", last)
    code = pd.array(said.take("code", last), dtype="Int16")
    which, texts = pd.factorize(text)
    makes = [software(each) for each in texts.tolist()]
    # A greeting without a word is a greeting all the same.
    empty = (last >= 0) & np.asarray(text.isna(), bool)
    if empty.any():
        text = pd.Series(text).mask(empty, "").array
    return {
        "greeting": text,
        "greeting_code": code,
        "software": col.words(makes, which),
    }


def _offered(said: _Said) -> dict[str, Any]:
    """What EHLO offered: before STARTTLS, behind it, and as it was said last."""
    places = said.at("reply", "ehlo")
    known = said.detail(places)
    tells = np.array(["capabilities" in facts for facts in known], bool)
    places = places[tells]
    since = np.full(said.n, len(said.events))
    tls = said.at("tls")
    done = [
        not (facts.get("error") or facts.get("implicit")) for facts in said.detail(tls)
    ]
    tls = tls[np.array(done, bool)]
    np.minimum.at(since, said.which[tls], tls)
    later = places > since[said.which[places]]
    before, behind, last = (
        said.last_of(some) for some in (places[~later], places[later], places)
    )
    return {
        "capabilities": _lists(said.facts(before, "capabilities")),
        "capabilities_tls": _lists(said.facts(behind, "capabilities")),
        "auth_mechs": _lists(said.facts(last, "auth_mechs")),
        "size_limit": col.numbers(
            said.facts(last, "size_limit"), np.arange(said.n), np.int64
        ),
    }


def _lists(values: list[list[str] | None]) -> Any:
    """A column of tuples; what is the same is one tuple."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    column = np.empty(len(values), object)
    for place, value in enumerate(values):
        if value is not None:
            words = tuple(value)
            if words not in known:
                known[words] = tuple(map(for_terminal, words))
            column[place] = known[words]
    return pd.Series(column, dtype=object)


def _outcomes(columns: dict[str, Any], steps: Any, closed: Any) -> Any:
    """How each session went; null if it goes on."""
    refused = (columns["greeting_code"] >= 400).fillna(value=False).to_numpy(bool)
    words: Any = np.where(refused, "application-error", "success").astype(object)
    words[~closed] = None
    kinds = columns["error_type"]
    faults = np.flatnonzero(kinds.codes >= 0)
    texts = columns["error_text"].take(faults).fillna("").astype(object)
    for at, kind, step, text in zip(
        faults, kinds[faults], steps[faults], texts, strict=True
    ):
        words[at] = _outcome(str(kind), str(step), str(text).lower())
    which, known = pd.factorize(words)
    return col.words(list(known), which)


def _outcome(kind: str, step: str, text: str) -> str:
    if kind == "DeadlineExceeded" and step == "connect":
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
