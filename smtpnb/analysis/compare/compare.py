"""Two servers, or two days of one: what was added, what went, what changed.

What is compared are facts that should stay: extensions, TLS, which replies come at
which step and what they say (volatile parts settled), and how long they take. A
latency counts as changed from half as much again and a millisecond on; less is noise.

This module knows nothing of pictures, nor of the order of a dialogue (`dialogue`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.analysis.compare.volatile import Names, names_of, settle
from smtpnb.analysis.frames import plain_rows, table
from smtpnb.analysis.hosts.capabilities import AFTER, Offer, offered
from smtpnb.analysis.inputs import table_of
from smtpnb.transcript import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from smtpnb.analysis.inputs import Source
    from smtpnb.transcript.log import Event

NOISE_RATIO: Final = 1.5
NOISE_MS: Final = 1.0
NOISE_SHARE: Final = 0.05

_DTYPES: Final = {
    "by": "text",
    "item": "text",
    "a": "text",
    "b": "text",
    "change": "text",
    "delta": "float64",
}
_TLS: Final = (
    "tls_mode",
    "tls_version",
    "tls_cipher",
    "tls_verified",
    "cert_issuer",
    "cert_key",
    "cert_not_after",
)


class _Fact(NamedTuple):
    """One thing of one side: as text, and as a number if it is one."""

    text: str
    number: float | None = None


_Facts = dict[str, _Fact]


def compare(a: Source, b: Source, *, by: str = "host") -> pd.DataFrame:
    """Tell what differs between two transcripts: of two servers, or of two days.

    If each has just one `by` (say, one host) and they differ, these two are compared
    with each other.

    Args:
        a: A transcript, or a frame of its `events()`: the first, or the earlier.
        b: The other one.
        by: What to compare one by one: a column of both exchanges and sessions, such
            as "host" or "peer_ip".

    Returns:
        One row for each `by` and item, whether it changed or not: `by` ("x -> y" for
        two that were paired), `item`, `a` and `b` (as text; null: not there), `change`
        ("added", "removed", "changed", "same"), `delta` (b - a, where both are
        numbers). Items: "sessions" (how many), "software", what TLS agreed on,
        "capability X" and "capability X after TLS" (its parameters, or "yes"), "reply
        rcpt 550 5.1.1" (how many of the replies at that step; delta in shares, 0 to
        1), "text rcpt 550 5.1.1" (its words, volatile parts settled), "p50_ms rcpt"
        and "p95_ms rcpt" (latency).

    Raises:
        KeyError: There is no such column.
    """
    side_a, side_b = _side(a, by), _side(b, by)
    rows: list[tuple[object, ...]] = []
    for name, facts_a, facts_b in _pairs(side_a, side_b):
        for item in dict.fromkeys([*facts_a, *facts_b]):
            one, other = facts_a.get(item), facts_b.get(item)
            texts = (one and one.text, other and other.text)
            delta = _delta(one, other)
            rows.append((name, item, *texts, _change(item, one, other, delta), delta))
    return table(rows, _DTYPES)


def _pairs(
    side_a: dict[str, _Facts], side_b: dict[str, _Facts]
) -> Iterator[tuple[str, _Facts, _Facts]]:
    if len(side_a) == len(side_b) == 1 and side_a.keys() != side_b.keys():
        ((name_a, facts_a),) = side_a.items()
        ((name_b, facts_b),) = side_b.items()
        yield f"{name_a} -> {name_b}", facts_a, facts_b
        return
    for name in dict.fromkeys([*side_a, *side_b]):
        facts_a, facts_b = side_a.get(name, {}), side_b.get(name, {})
        if not (facts_a and facts_b):
            # Of what one side never met there is nothing to say but that.
            facts_a = {k: v for k, v in facts_a.items() if k == "sessions"}
            facts_b = {k: v for k, v in facts_b.items() if k == "sessions"}
        yield name, facts_a, facts_b


def _delta(one: _Fact | None, other: _Fact | None) -> float | None:
    if one is None or other is None or one.number is None or other.number is None:
        return None
    return round(other.number - one.number, 6)


def _change(
    item: str, one: _Fact | None, other: _Fact | None, delta: float | None
) -> str:
    if one is None:
        return "added"
    if other is None:
        return "removed"
    kind = item.partition(" ")[0]
    if kind in {"p50_ms", "p95_ms"} and delta is not None:
        low, high = sorted((one.number or 0.0, other.number or 0.0))
        changed = abs(delta) >= NOISE_MS and high >= NOISE_RATIO * low
    elif kind == "reply" and delta is not None:
        changed = abs(delta) >= NOISE_SHARE
    else:
        changed = one.text != other.text
    return "changed" if changed else "same"


def _side(source: Source, by: str) -> dict[str, _Facts]:
    events = table_of(source, "events")
    sessions = tables.make("sessions", events)
    exchanges = tables.make("exchanges", events)
    of_session: dict[str, list[Event]] = {}
    for event in tables.event_values(events):
        of_session.setdefault(event.session_id, []).append(event)
    exchanged = dict(iter(exchanges.groupby(by, observed=True, sort=False)))
    found: dict[str, _Facts] = {}
    for group, rows in sessions.groupby(by, observed=True, sort=False):
        mine = exchanged.get(group, exchanges.iloc[:0])
        said = (event for name in rows["session_id"] for event in of_session[name])
        found[str(group)] = {
            "sessions": _Fact(str(len(rows)), len(rows)),
            **_of_sessions(rows),
            **_replies(mine),
            **_texts(mine, names_of(said)),
            **_latencies(mine),
        }
    return found


def _of_sessions(sessions: pd.DataFrame) -> _Facts:
    """What the last session that knows tells: software, TLS, extensions."""
    facts: _Facts = {}
    for name in ("software", *_TLS):
        known = sessions[name].dropna()
        if len(known):
            value = known.iloc[-1]
            day = f"{value:%Y-%m-%d}" if name == "cert_not_after" else str(value)
            facts[name] = _Fact(day)
    offers: dict[str, Offer] = {}
    columns = ["tls_mode", "capabilities", "capabilities_tls"]
    for row in plain_rows(sessions[columns]):
        offers |= offered(row)
    for phase, offer in offers.items():
        where = " after TLS" if phase == AFTER else ""
        for word, parameters in sorted(offer.items()):
            number = float(parameters) if parameters.isdecimal() else None
            facts[f"capability {word}{where}"] = _Fact(parameters or "yes", number)
    return facts


def _replies(exchanges: pd.DataFrame) -> _Facts:
    counts: Counter[tuple[str, str]] = Counter()
    for step, reply in zip(exchanges["step"], _named(exchanges), strict=True):
        counts[str(step), reply] += 1
    of_step: Counter[str] = Counter()
    for (step, _), n in counts.items():
        of_step[step] += n
    return {
        f"reply {step} {reply}": _Fact(f"{n} of {of_step[step]}", n / of_step[step])
        for (step, reply), n in counts.items()
    }


def _named(exchanges: pd.DataFrame) -> Iterator[str]:
    """Yield code and enhanced status code of each exchange, or "none"."""
    codes = (tables.plain(exchanges[name]) for name in ("code", "enhanced"))
    for code, enhanced in zip(*codes, strict=True):
        more = f" {enhanced}" if enhanced else ""
        yield "none" if code is None else f"{code}{more}"


def _texts(exchanges: pd.DataFrame, names: Names) -> _Facts:
    """The words that came most often with each reply; of EHLO, see capabilities."""
    said: dict[str, Counter[str]] = {}
    settled: dict[str, str] = {}
    rows = zip(exchanges["step"], _named(exchanges), exchanges["text"], strict=True)
    for step, reply, text in rows:
        if isinstance(text, str) and step != "ehlo":
            if text not in settled:
                settled[text] = settle(text, names)
            said.setdefault(f"text {step} {reply}", Counter())[settled[text]] += 1
    return {item: _Fact(counts.most_common(1)[0][0]) for item, counts in said.items()}


def _latencies(exchanges: pd.DataFrame) -> _Facts:
    import numpy as np  # loaded only when used

    known: dict[str, list[float]] = {}
    for step, latency in zip(exchanges["step"], exchanges["latency_ms"], strict=True):
        if latency == latency:  # noqa: PLR0124  # NaN: no reply
            known.setdefault(str(step), []).append(latency)
    facts: _Facts = {}
    for step, latencies in known.items():
        middle, high = np.quantile(latencies, [0.5, 0.95]).round(3).tolist()
        facts[f"p50_ms {step}"] = _Fact(f"{middle:.3f}", middle)
        facts[f"p95_ms {step}"] = _Fact(f"{high:.3f}", high)
    return facts
