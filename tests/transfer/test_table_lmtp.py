"""The table of LMTP: every way to send x what the end is answered x every fault.

Three recipients a message, each with a verdict of its own (RFC 2033 section 4.2). The
server's books are the oracle, recipient by recipient.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from smtpnb import Cancelled, DeadlineExceeded, SmtpClient, SmtpError
from smtpnb.protocol.session import State
from smtpnb.protocol.transaction import worst
from tests.support.faulty import FaultyServer, Plan, kept_in_order
from tests.transfer.test_table import (
    CONTENT,
    FAULTS,
    HASTY,
    IMPOSSIBLE,
    OTHER,
    PATIENT,
    Fault,
    Way,
    faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.message.delivery import Delivery
    from tests.support.faulty import Kept

_COMMANDS: Final = ("RCPT", "end", "final")
WAYS: Final = (
    Way("verbs", _COMMANDS),
    Way("verbs with BDAT", (*_COMMANDS, "BDAT")),
    Way("lock-step by DATA", ("DATA", *_COMMANDS), pipelining=False, chunking=False),
    Way("lock-step by BDAT", _COMMANDS, pipelining=False),
    Way("pipelined DATA", ("DATA", *_COMMANDS), chunking=False),
    Way("pipelined BDAT", _COMMANDS),
    Way("turn", ("DATA", *_COMMANDS), overlap="turn", chunking=False),
    Way("window", _COMMANDS, overlap="window"),
)
N_CELLS: Final = 615
N_RECIPIENTS: Final = 3


def at(command: str, way: Way) -> dict[str, Fault]:
    """Return the faults at a command; "final" is a reply to the end like the first."""
    found = faults("end" if command == "final" else command)
    if way.overlap == "turn":
        # After a 421 nobody reads on, where what stands behind would tell that it was
        # one reply too many.
        del found["surplus 421"]
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as made:
        yield made


def paths(n: int) -> list[str]:
    """Return the recipients of message n."""
    return [f"r{n}-{k}@b.example" for k in range(1, N_RECIPIENTS + 1)]


class Said(NamedTuple):
    """What a client said: of each message for each recipient, and what it raised."""

    outcomes: list[list[str]]
    error: BaseException | None


def by_verbs(client: SmtpClient, way: Way) -> Said:
    """Send one message verb by verb; the transcript says what became of it."""
    error: BaseException | None = None
    try:
        client.mail_from("m1@a.example")
        accepted = [client.rcpt_to(path).ok for path in paths(1)]
        if any(accepted) and way.name == "verbs":
            client.data(CONTENT)
        elif any(accepted) and client.bdat(CONTENT):
            client.bdat(CONTENT, last=True)
        if client.state is State.READY:
            client.noop()
    except (SmtpError, Cancelled) as raised:
        goodbye = client.reply is not None and client.reply.code == 421
        error = None if goodbye and raised.outcome != "unknown" else raised
    words = {"delivered": "accepted", "deferred": "refused", "rejected": "refused"}
    told = client.transcript.transactions()
    mine = told[told["session_id"] == told["session_id"].iloc[-1]]
    return Said([[words.get(str(each), str(each)) for each in mine["outcome"]]], error)


def as_messages(client: SmtpClient, way: Way) -> Said:
    """Send three messages."""
    mails = [(f"m{n}@a.example", paths(n), CONTENT) for n in (1, 2, 3)]
    told: list[list[str]] = []
    try:
        # Looked at when it is handed out: nothing may change it any more.
        told.extend(map(of_each, client.stream(mails, overlap=way.overlap)))
    except (SmtpError, Cancelled) as error:
        fates = [of_each(delivery) for delivery in error.deliveries]
        if error.outcome != worst(fate for each in fates for fate in each):
            fates.append([OTHER])
        return Said([*told, *fates], error)
    return Said(told, None)


def of_each(delivery: Delivery) -> list[str]:
    return [recipient.outcome for recipient in delivery.recipients]


def lies(n: int, said: list[str], kept: Kept, *, strict: bool) -> list[str]:
    """Return what the server knows better about one message."""
    if said == [OTHER]:
        return ["the error has another outcome than its worst recipient"]
    found = []
    for path, outcome in zip(paths(n), said, strict=False):
        taken = kept.taken.get(path.encode())
        wrong = {
            "was not taken": outcome == "accepted" and not taken,
            "was taken": outcome not in ("accepted", "unknown") and taken,
            "was not refused": outcome == "refused" and not kept.said_no,
            "is known to have no end": strict
            and outcome == "unknown"
            and not kept.ended,
            "had its end": outcome == "aborted" and kept.ended,
        }
        found += [f"{path}: {outcome}, and {what}" for what, so in wrong.items() if so]
    return found


def run_cell(
    server: FaultyServer, client: SmtpClient, way: Way, command: str, fault: Fault
) -> str:
    """Run one cell; return what is wrong, or ''."""
    single = way.name.startswith("verbs")
    books = server.follow(Plan(command, 1 if single else 2, fault.say, fault.then))
    client.connect(server.host, server.port, protocol="lmtp")
    client.lhlo()
    client.pipelining, client.chunking = way.pipelining, way.chunking
    said = (by_verbs if single else as_messages)(client, way)
    client.disconnect()
    server.wait_until_served()
    found = [] if books.reached else ["the fault was never reached"]
    kind = None if said.error is None else type(said.error)
    if kind not in fault.raises:
        found.append(f"raised {said.error!r}")
    if books.n_behind and way.overlap is None:
        found.append("octets stood behind an end of data")
    all_kept = kept_in_order(books, [f"m{n}@a.example" for n in (1, 2, 3)])
    told = said.outcomes
    if kind is None and len(told) != (1 if single else 3):
        found.append(f"{len(told)} messages are told")
    for n, outcomes in enumerate(told, 1):
        kept = all_kept[min(n, 3) - 1]
        found += lies(n, outcomes, kept, strict=way.overlap is None)
    return "; ".join(found)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_what_is_said_of_each_recipient_is_in_the_servers_books(
    way: Way, server: FaultyServer
) -> None:
    wrong = []
    for timeouts in (PATIENT, HASTY):
        client = SmtpClient(timeouts=timeouts)
        for command in way.commands:
            for name, fault in at(command, way).items():
                if (fault.raises == (DeadlineExceeded,)) is not (timeouts is HASTY):
                    continue
                said = run_cell(server, client, way, command, fault)
                if said:
                    wrong.append(f"{command}, {name}: {said}")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    n = sum(len(at(command, way)) for way in WAYS for command in way.commands)
    with capsys.disabled():
        sys.stdout.write(f"\ntests/transfer/test_table_lmtp.py: {n} cells\n")
    assert n == N_CELLS
    assert len(FAULTS) + len(IMPOSSIBLE["end"]) + 3 == len(at("final", WAYS[0]))
