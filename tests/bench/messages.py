"""Messages of 1 KB, one after another on one connection: how many a second.

Everybody sends the same octets with the same envelope each time. In `one_recipient` and
`many_recipients` the server offers PIPELINING and not CHUNKING: the least is one turn a
message. In `window` it offers both: messages need no turn.

"bare socket" is the limit of the machine: the same octets, ready in memory, sent by a
loop that only counts the lines of the replies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.peers import Load, missing, rates
from tests.bench.sink import csink, tool
from tests.bench.table import HEADER, Aim, absent, compared, interleaved, show
from tests.servers.smtp_sink import running_sink

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDS = 15
_HEADER = ("", "messages/s", *HEADER)
_BOTH = {"smtplib": Aim(4), "smtp-source": Aim(1.5)}
_MANY = {"smtplib": Aim(25)}
_WINDOW = {"smtplib": Aim(40)}


def one_recipient() -> None:
    """Print the tables for one recipient."""
    _pipelining(1, _BOTH)


def many_recipients() -> None:
    """Print the tables for a hundred recipients."""
    _pipelining(100, _MANY)


def _pipelining(n: int, aims: Mapping[str, Aim]) -> None:
    what = f"1 KB messages, {n} recipient{'s' * (n > 1)}, one connection, PIPELINING"
    with csink("-C") as port:
        _table(f"{what}; on csink", Load.to(port, n), aims)
    command = tool("smtp-sink")
    if command is None:
        print(f"\n{what}; on smtp-sink: not installed (it comes with Postfix)")
        return
    with running_sink(command) as port:
        _table(f"{what}; on smtp-sink", Load.to(port, n), aims)


def window() -> None:
    """Print the tables for a window of messages by BDAT."""
    for n, aims in ((1, _WINDOW), (100, {})):
        with csink() as port:
            what = f"1 KB messages, {n} recipient{'s' * (n > 1)}, BDAT window of 64"
            _table(f"{what}; on csink", Load.to(port, n), aims, chunking=True)


def _table(
    title: str, load: Load, aims: Mapping[str, Aim], *, chunking: bool = False
) -> None:
    samples = interleaved(rates(load, chunking=chunking), ROUNDS)
    rows = compared(samples, "{:,.0f}".format, aims)
    rows += absent(missing(), len(_HEADER))
    show(f"{title} (median of {ROUNDS} pairs)", _HEADER, rows)
