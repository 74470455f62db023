"""Two servers, or two days of one: what was added, what went, what changed.

What is compared are facts that should stay (`facts`): extensions, TLS, which replies
come at which step and what they say, and how long they take. Two makes of server say
the same in other codes and words, so that their replies are compared by what they mean.

What one reply more or less would change is no change: shares of few replies differ by
chance, and a latency counts as changed from half as much again and a millisecond on,
and by several replies on both sides.

This module knows nothing of pictures, nor of the order of a dialogue (`dialogue`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.hosts.endpoints import ENDPOINT, keys_of, labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from smtpnb.analysis.compare.facts import Fact, Facts, Key, Side
    from smtpnb.analysis.inputs import Source

NOISE_RATIO: Final = 1.5
NOISE_MS: Final = 1.0
NOISE_SHARE: Final = 0.05
LEAST_REPLIES: Final = 2  # on each side, for a latency to have changed

_TEXTS: Final = ("by", "item", "a", "b", "change")


class _Pair(NamedTuple):
    """Two servers to compare: their name, and their numbers on each side, or None."""

    name: str
    a: int | None
    b: int | None


def compare(
    a: Source, b: Source, *, by: str | Sequence[str] = ENDPOINT
) -> pd.DataFrame:
    """Tell what differs between two transcripts: of two servers, or of two days.

    If each has just one `by` (say, one host) and they differ, these two are compared
    with each other; so is a host that has just one port on each side, and another one.

    Args:
        a: A transcript, or a frame of its `events()`: the first, or the earlier.
        b: The other one.
        by: What to compare one by one: columns of `sessions()`, such as "host" or
            "peer_ip"; host and port, where nothing is said.

    Returns:
        One row for each `by` and item, whether it changed or not: `by` ("x -> y" for
        two that were paired), `item`, `a` and `b` (as text; null: not there), `change`
        ("added", "removed", "changed", "same"), `delta` (b - a, where both are
        numbers). Items: "sessions" (how many), "software", what TLS agreed on,
        "capability X" and "capability X after TLS" (its parameters, or "yes"), "reply
        rcpt 550 5.1.1" (how many of the replies at that step; delta in shares, 0 to
        1), "text rcpt 550 5.1.1" (its words, volatile parts settled), "p50_ms rcpt"
        and "p95_ms rcpt" (latency; "p50_ms rcpt grouped" of replies that queued). Of
        two makes of server the replies are told by their meaning, "reply rcpt
        refused: userunknown", and their words are not compared.

    Raises:
        KeyError: There is no such column.
    """
    from smtpnb.analysis.compare.facts import Side  # loads pandas

    columns = keys_of(by)
    sides = Side(a, columns), Side(b, columns)
    named = _names(sides, columns)
    pairs = list(_pairs(sides, named, columns))
    facts = _facts(sides, pairs)
    rows = [
        row
        for pair, (one, other) in zip(pairs, facts, strict=True)
        for row in _rows(pair.name, one, other)
    ]
    return _frame(rows)


def _names(sides: tuple[Side, Side], by: list[str]) -> dict[Key, str]:
    keys = list(dict.fromkeys([*sides[0].keys, *sides[1].keys]))
    if tuple(by) == ENDPOINT:
        shown = labels([(str(host), port) for host, port in keys])
    else:
        shown = [" ".join(map(str, key)) for key in keys]
    return dict(zip(keys, shown, strict=True))


def _pairs(
    sides: tuple[Side, Side], named: dict[Key, str], by: list[str]
) -> Iterator[_Pair]:
    keys_a, keys_b = (side.keys for side in sides)
    if len(keys_a) == len(keys_b) == 1 and keys_a != keys_b:
        yield _Pair(f"{named[keys_a[0]]} -> {named[keys_b[0]]}", 0, 0)
        return
    at_a, at_b = ({key: n for n, key in enumerate(side.keys)} for side in sides)
    moved = _moved(keys_a, keys_b) if by == list(ENDPOINT) else {}
    for key, name in named.items():
        if key in moved:
            yield _Pair(f"{name} -> {named[moved[key]]}", at_a[key], at_b[moved[key]])
        elif key not in moved.values():
            yield _Pair(name, at_a.get(key), at_b.get(key))


def _moved(keys_a: list[Key], keys_b: list[Key]) -> dict[Key, Key]:
    """Hosts that answer on one other port now: which, by the host and port before."""
    only = (set(keys_a) - set(keys_b), set(keys_b) - set(keys_a))
    counts = [Counter(key[0] for key in keys) for keys in only]
    now = {key[0]: key for key in only[1] if counts[1][key[0]] == 1}
    return {
        key: now[key[0]] for key in only[0] if counts[0][key[0]] == 1 and key[0] in now
    }


def _facts(
    sides: tuple[Side, Side], pairs: list[_Pair]
) -> Iterator[tuple[Facts, Facts]]:
    """The facts of both sides of each pair."""
    standing = [side.standing() for side in sides]
    latencies = [side.latencies() for side in sides]
    replies = [side.replies() for side in sides]
    unlike = {pair for pair in pairs if _other_make(*_makes(standing, replies, pair))}
    meanings = (
        sides[0].meanings([pair.a for pair in unlike if pair.a is not None]),
        sides[1].meanings([pair.b for pair in unlike if pair.b is not None]),
    )
    for pair in pairs:
        both: list[Facts] = []
        for side, server in enumerate(pair[1:]):
            if server is None:
                both.append({})
                continue
            said = meanings[side] if pair in unlike else replies[side]
            known = standing[side][server]
            both.append({**known, **said[server], **latencies[side][server]})
        if None in pair:
            # Of what one side never met there is nothing to say but that.
            both = [
                {item: fact for item, fact in facts.items() if item == "sessions"}
                for facts in both
            ]
        yield both[0], both[1]


def _makes(
    standing: list[list[Facts]], replies: list[list[Facts]], pair: _Pair
) -> list[tuple[str, str]]:
    """What is known of the make of both: a guess, and how it greets."""
    from smtpnb.analysis.compare.facts import NOTHING  # loads pandas

    made: list[tuple[str, str]] = []
    for side, server in enumerate((pair.a, pair.b)):
        known = {} if server is None else standing[side][server] | replies[side][server]
        software, greeting = (known.get(item, NOTHING).text for item in _TELLING)
        made.append((software, greeting))
    return made


_TELLING: Final = ("software", "text greeting 220")


def _other_make(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Tell whether two servers are of different makes, as far as can be told."""
    (software_a, greeting_a), (software_b, greeting_b) = one, other
    if software_a and software_b:
        return software_a != software_b
    return bool(greeting_a and greeting_b) and greeting_a != greeting_b


def _rows(name: str, one: Facts, other: Facts) -> Iterator[tuple[Any, ...]]:
    for item in dict.fromkeys([*one, *other]):
        fact_a, fact_b = one.get(item), other.get(item)
        texts = (fact_a and fact_a.text, fact_b and fact_b.text)
        yield name, item, *texts, _change(item, fact_a, fact_b), _delta(fact_a, fact_b)


def _delta(one: Fact | None, other: Fact | None) -> float | None:
    if one is None or other is None or one.number is None or other.number is None:
        return None
    return round(other.number - one.number, 6)


def _change(item: str, one: Fact | None, other: Fact | None) -> str:
    if one is None:
        return "added"
    if other is None:
        return "removed"
    delta = abs(_delta(one, other) or 0.0)
    least = min(one.n, other.n)
    kind = item.partition(" ")[0]
    if kind in {"p50_ms", "p95_ms"}:
        low, high = sorted((one.number or 0.0, other.number or 0.0))
        moved = delta >= NOISE_MS and high >= NOISE_RATIO * low
        changed = moved and least >= LEAST_REPLIES
    elif kind == "reply":
        # More than the one reply that happens to be there.
        changed = delta >= NOISE_SHARE and delta * least > 1
    else:
        changed = one.text != other.text
    return "changed" if changed else "same"


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    import numpy as np  # loaded only when used
    import pandas as pd

    from smtpnb.transcript import columns as spread

    *texts, delta = zip(*rows, strict=True) if rows else [()] * 6
    frame = {}
    for name, column in zip(_TEXTS, texts, strict=True):
        which, values = pd.factorize(np.array([*column], object))
        frame[name] = spread.text(list(values), which)
    return pd.DataFrame({**frame, "delta": np.array(delta, float)})
