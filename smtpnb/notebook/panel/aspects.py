"""The other views of a session: where its time went, its replies, its TLS.

Each is HTML made of the events that the panel has at hand, so it costs the same however
long the session. What came before them is not in it, and that is said.

This module knows nothing of widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.times.waterfall import label as said
from smtpnb.edges.text import NO_LATEX, cut, for_html
from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smtpnb.transcript.transcript import Event

_TEXT: Final = 300
_ROWS: Final = 100
_SETUP: Final = {"dns": "look-up", "connect": "connect", "tls": "TLS handshake"}


def _cell(value: object) -> str:
    return for_html(cut("" if value is None else str(value), _TEXT))


def _table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are inert HTML already."""
    top = "".join(f'<th scope="col">{for_html(head)}</th>' for head in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows
    )
    if not body:
        return "<i>nothing yet</i>"
    return (
        f'<table class="{NO_LATEX}" aria-label="{name}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _of_last_session(events: Sequence[Event]) -> list[Event]:
    last = events[-1].session_id if events else ""
    return [event for event in events if event.session_id == last]


def replies(events: Sequence[Event]) -> str:
    """Return the replies of the last session: to what, code, status, time, text."""
    cells = []
    for row in list(rows("exchanges", _of_last_session(events)))[-_ROWS:]:
        code = row.get("code")
        if code is None:
            continue
        kind = "bad" if code >= 400 else "good"
        waited = row.get("latency_ms")
        cells.append(
            (
                _cell(said(row)),
                f'<b class="smtpnb-{kind}">{code}</b>',
                _cell(row.get("enhanced")),
                "" if waited is None else f"{waited:.1f} ms",
                _cell((row.get("text") or "").replace("\n", " / ")),
            )
        )
    return _table("replies", ("to", "code", "status", "after", "text"), cells)


def waterfall(events: Sequence[Event]) -> str:
    """Return where the time of the last session went, a bar for each step."""
    events = _of_last_session(events)
    bars = [
        (event.t_ms - event.dt_ms, event.dt_ms, _SETUP[event.event])
        for event in events
        if event.event in _SETUP and event.dt_ms is not None
    ]
    for row in rows("exchanges", events):
        took = (row.get("send_ms") or 0.0) + (row.get("latency_ms") or 0.0)
        bars.append((row["t_ms"], took, said(row)))
    bars = sorted(bars)[-_ROWS:]
    if not bars:
        return "<i>nothing yet</i>"
    # Pauses between the steps are the person's own; they are left out.
    total = sum(took for _, took, _ in bars) or 1.0
    cells, passed = [], 0.0
    for _, took, label in bars:
        left, width = 100 * passed / total, max(100 * took / total, 0.3)
        bar = (
            f'<span class="smtpnb-bar" style="margin-left:{left * 1.6:.1f}px;'
            f'width:{width * 1.6:.1f}px"></span>'
        )
        cells.append((_cell(label), f"{took:.1f} ms", bar))
        passed += took
    return _table("waterfall", ("step", "took", "pauses left out"), cells)


def tls(facts: dict[str, Any] | None) -> str:
    """Return what TLS negotiated, and what did not verify."""
    if facts is None:
        return "<i>no TLS: what is said can be read on the way</i>"
    verified = facts.get("verified")
    word, kind = ("verified", "good") if verified else ("NOT verified", "bad")
    rows = [("certificate", f'<b class="smtpnb-{kind}">{word}</b>')]
    rows += [
        ("finding", f'<span class="smtpnb-bad">{_cell(finding)}</span>')
        for finding in facts.get("findings") or ()
    ]
    for name, value in facts.items():
        if name not in {"verified", "findings"} and value is not None:
            shown = (
                ", ".join(map(str, value))
                if isinstance(value, (tuple, list))
                else value
            )
            rows.append((_cell(name.replace("_", " ")), _cell(shown)))
    return _table("TLS", ("what", "is"), rows)
