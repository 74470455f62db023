"""Events folded into exchanges: a command, what was sent with it, and its reply.

One row for each reply; a command without a reply has one row as well, which carries
the fault that ended it. Plain dictionaries, keyed by `schema.EXCHANGES`, for the few
events of one session; `fold` makes the frame, of any number. This module knows nothing
of pandas.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.derive import Event

Row = dict[str, Any]


def detail(event: Event) -> dict[str, Any]:
    """Return the detail of an event as a dictionary, perhaps an empty one."""
    return json.loads(event.detail) if event.detail else {}


def since_ms(event: Event) -> float:
    """Return when an event began, in ms since its session began."""
    return round(event.t_ms - (event.dt_ms or 0.0), 3)


def fold(events: Iterable[Event]) -> list[Row]:
    """Return the exchanges of events, in the order in which they began.

    Args:
        events: In order; sessions may be mixed. A part of a session is enough: what
            its events do not tell is null.
    """
    rows: list[Row] = []
    current: dict[tuple[str, int], Row] = {}
    for event in events:
        if event.exchange_no is None:
            continue
        key = event.session_id, event.exchange_no
        row = current.get(key)
        if row is None or (event.event == "reply" and row.get("code") is not None):
            row = current[key] = _begin(event)
            rows.append(row)
        if event.event == "reply":
            _take_reply(row, event)
        elif event.event == "error":
            kind = detail(event).get("kind")
            row["error_type"] = kind
            row["timed_out"] = kind == "DeadlineExceeded"
        elif event.event in {"command", "data"}:
            _take_sent(row, event)
    return rows


def _begin(event: Event) -> Row:
    began = since_ms(event)
    return {
        "run_id": event.run_id,
        "session_id": event.session_id,
        "exchange_no": event.exchange_no,
        "transaction_no": event.transaction_no,
        "host": event.host,
        "peer_ip": event.peer_ip,
        "step": event.step,
        "verb": event.verb,
        "ts": event.ts - round((event.t_ms - began) * 1000),
        "t_ms": began,
        "tls": event.tls,
        "pipelined": event.pipelined,
        "timed_out": False,
    }


def _take_sent(row: Row, event: Event) -> None:
    # Parts of one group left in the same interval, which counts once.
    began = max(since_ms(event), row.get("sent_ms", since_ms(event)))
    row["send_ms"] = round(row.get("send_ms", 0.0) + max(event.t_ms - began, 0.0), 3)
    row["sent_ms"] = event.t_ms
    row["bytes_sent"] = row.get("bytes_sent", 0) + (event.n_bytes or 0)
    if event.event == "data":
        row["content_bytes"] = row.get("content_bytes", 0) + (event.n_bytes or 0)
        return
    # A command says more than the content that began its exchange.
    row["step"], row["verb"], row["pipelined"] = event.step, event.verb, event.pipelined
    verb, text = event.verb or "", event.text or ""
    row["argument"] = text[len(verb) :].lstrip(" ") or None


def _take_reply(row: Row, event: Event) -> None:
    facts = detail(event)
    receive = facts.get("receive_ms", 0.0)
    latency = event.dt_ms or 0.0
    row |= {
        "wait_ms": round(max(latency - receive, 0.0), 3),
        "receive_ms": receive,
        "latency_ms": latency,
        "bytes_received": event.n_bytes,
        "n_lines": (event.text or "").count("\n") + 1,
        "code": event.code,
        "code_class": None if event.code is None else event.code // 100,
        "enhanced": event.enhanced,
        "text": event.text,
        "end_ms": event.t_ms,
    }
    if event.enhanced:
        names = ("enhanced_class", "enhanced_subject", "enhanced_detail")
        row |= zip(names, map(int, event.enhanced.split(".")), strict=True)
