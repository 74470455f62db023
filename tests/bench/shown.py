"""Showing what became of a message to ten thousand recipients, as a cell does."""

from __future__ import annotations

import time

from tests.bench.clients import connected
from tests.bench.loads import messages
from tests.bench.sink import csink
from tests.bench.table import Goal, show

_SIZES = (100, 1000, 10_000)


def main() -> list[Goal]:
    """Print how long `delivery` takes to show."""
    rows, spent = [], 0.0
    with csink() as sink, connected(sink.port) as client:
        for n in _SIZES:
            message = messages(1, n, start=n)[0]
            started = time.perf_counter()
            delivery = client.send(message.content, message.sender, message.recipients)
            sent = time.perf_counter() - started
            started = time.perf_counter()
            shown = repr(delivery)
            as_html = getattr(delivery, "_repr_html_", str)()
            each = delivery.recipients
            spent = time.perf_counter() - started
            assert len(each) == n
            assert shown
            assert as_html is not None
            rows.append((f"{n:,}", f"{sent * 1e3:.1f}", f"{spent * 1e3:.2f}"))
    show(
        "A delivery shown: repr, HTML where there is one, and its recipients",
        ("recipients", "sending, ms", "showing, ms"),
        rows,
    )
    what = f"delivery of {_SIZES[-1]:,} recipients shown, s"
    return [Goal(what, "", [spent], 0.1, most=True)]
