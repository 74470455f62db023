"""Where the time of one session went: a bar for each thing that took time.

Rows and not fixed columns, because STARTTLS puts a handshake in the middle of the
dialogue, and a message may have any number of recipients. A bar has two parts, sending
and waiting, since the one is our network and the other is their server.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.frames import plain_rows, table
from smtpnb.analysis.one_session import events_of_one
from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from smtpnb.analysis.inputs import Source
    from smtpnb.transcript.log import Event

SETUP: Final = {"dns": "DNS", "connect": "connect", "tls": "TLS handshake"}
_DTYPES: Final = {
    "label": "text",
    "step": "text",
    "start_ms": "float64",
    "send_ms": "float64",
    "wait_ms": "float64",
    "dt_ms": "float64",
    "code": "Int16",
    "text": "text",
}


class Bar(NamedTuple):
    """One row of `waterfall`."""

    label: str
    step: str
    start_ms: float
    send_ms: float
    wait_ms: float
    dt_ms: float
    code: int | None
    text: str | None


def waterfall(source: Source, *, session: int | str = -1) -> pd.DataFrame:
    """Return one row for each resolution, connection, handshake and exchange.

    Args:
        source: A transcript, or a frame of its `events()`.
        session: Which session: its number in order, -1 the last, or its session_id.

    Returns:
        In order of time: `label` (for people), `step`, `start_ms` (since the session
        began), `send_ms` and `wait_ms` (its two parts; what is not an exchange only
        waits), `dt_ms` (their sum), `code` (null: none came), `text` (of the reply
        or the fault).

    Raises:
        LookupError: There is no such session.
    """
    return table(bars(source, session), _DTYPES)


def bars(source: Source, session: int | str = -1) -> list[Bar]:
    """Return the rows of `waterfall` as plain values.

    Args:
        source: As for `waterfall`, or a frame that it made.
        session: As for `waterfall`.

    Raises:
        LookupError: There is no such session.
    """
    import pandas as pd  # loaded only when used

    if isinstance(source, pd.DataFrame) and {*Bar._fields} <= {*source.columns}:
        return [Bar(**row) for row in plain_rows(source[list(Bar._fields)])]
    events = events_of_one(source, session)
    found = [*_setup(events), *_exchanges(events)]
    return sorted(found, key=lambda bar: bar.start_ms)


def _setup(events: list[Event]) -> Iterator[Bar]:
    for event in events:
        if event.event in SETUP and event.dt_ms is not None:
            label, took = SETUP[event.event], event.dt_ms
            start = event.since_ms
            yield Bar(
                label, event.step, start, 0.0, took, took, code=None, text=event.text
            )


def _exchanges(events: list[Event]) -> Iterator[Bar]:
    faults = {e.exchange_no: e for e in events if e.event == "error"}
    for row in rows("exchanges", events):
        code, text, wait = row.get("code"), row.get("text"), row["latency_ms"] or 0.0
        fault = faults.get(row["exchange_no"])
        if code is None and fault is not None:
            wait, text = fault.dt_ms or 0.0, fault.text
        send = row["send_ms"] or 0.0
        took = round(send + wait, 3)
        step, start = row["step"], row["t_ms"]
        yield Bar(label(row), step, start, send, wait, took, code, text)


def label(row: Mapping[str, Any]) -> str:
    """Return what was said in an exchange, for people.

    Args:
        row: A row of `exchanges()` by column, None for null.
    """
    if row.get("verb") == ".":
        return "message and dot"
    words = (row.get("verb"), row.get("argument"))
    said = " ".join(word for word in words if word)
    return said or {"body": "message"}.get(row["step"], str(row["step"]))
