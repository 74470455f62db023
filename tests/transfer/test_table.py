"""One table: every way to send x every command x every fault x clear and TLS.

The server keeps its own books, and they are the oracle: whatever it does at whatever
command, what the client says of each message must agree with them.
"""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import pytest
import trustme

from smtpnb import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    RemoteProtocolError,
    SmtpClient,
    SmtpError,
    TlsPolicy,
)
from smtpnb.analysis import explain
from smtpnb.protocol.transaction import worst
from smtpnb.transcript import Transcript
from smtpnb.wire.wait import Timeouts
from tests.support.faulty import MARK, FaultyServer, Plan, kept_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtpnb.message.delivery import Delivery
    from tests.support.faulty import Books, Kept

CA: Final = trustme.CA(key_type=trustme.KeyType.ECDSA)
CONTENT: Final = b"Subject: x\r\n\r\n" + MARK + b" of a small message\r\n"
# More than the socket buffers hold: a write blocks where the server does not read.
LARGE: Final = CONTENT + (b"x" * 998 + b"\r\n") * 6000
PATIENT: Final = Timeouts(
    **dict.fromkeys(("command", "data", "block", "eod", "group"), 20.0)
)
HASTY: Final = Timeouts(
    **dict.fromkeys(("command", "data", "block", "eod", "group"), 0.15)
)


class Fault(NamedTuple):
    """What the server says, what becomes of the connection, and what may be raised."""

    say: bytes
    then: str
    raises: tuple[type[BaseException] | None, ...]


_LOST = (ConnectionLost,)
_WRONG = (RemoteProtocolError,)
# After a 421 nothing is raised but where an end was under way and its fate is unknown.
_GOODBYE = (None, ConnectionLost)
FAULTS: Final = {
    "4yz": Fault(b"451 4.3.0 later\r\n", "on", (None,)),
    "5yz": Fault(b"554 5.7.1 no\r\n", "on", (None,)),
    "421 and close": Fault(b"421 4.3.2 bye\r\n", "close", _GOODBYE),
    "421 and reset": Fault(b"421 4.3.2 bye\r\n", "reset", _GOODBYE),
    "421 and on": Fault(b"421 4.3.2 bye\r\n", "on", (None,)),
    "garbage": Fault(b"hello there\r\n", "on", _WRONG),
    "bare octets": Fault(b"\x00\xff\r\n", "on", _WRONG),
    "half a yes, close": Fault(b"250 o", "close", _LOST),
    "half a no, close": Fault(b"550-n\r\n550", "close", _LOST),
    "drip": Fault(b"250-x\r\n", "drip", (DeadlineExceeded,)),
    "silence": Fault(b"", "stall", (DeadlineExceeded,)),
    "close": Fault(b"", "close", _LOST),
    "half-close": Fault(b"", "half-close", _LOST),
    "reset": Fault(b"", "reset", _LOST),
    "flood": Fault(b"250-x\r\n", "flood", _WRONG),
    "flood of replies": Fault(b"250 x\r\n", "flood", _WRONG),
}
# What each command may never be answered (RFC 5321 section 4.3.2, RFC 3030).
IMPOSSIBLE: Final = {
    "MAIL": (b"354 go", b"334 go", b"150 go"),
    "RCPT": (b"354 go", b"334 go", b"150 go"),
    "DATA": (b"250 ok", b"334 go", b"220 hi", b"150 go"),
    "end": (b"354 go", b"334 go", b"150 go"),
    "BDAT": (b"354 go", b"334 go", b"150 go"),
    "RSET": (b"354 go", b"334 go", b"150 go"),
    "body": (b"354 go", b"150 go"),
}
# Of an error that says something else than its deliveries.
OTHER: Final = "another outcome"
N_CELLS: Final = 1940
YES: Final = {"DATA": b"354 go on"}


def faults(command: str) -> dict[str, Fault]:
    """Return the faults at a command, by name."""
    found = dict(FAULTS)
    for reply in IMPOSSIBLE[command]:
        found[f"impossible {reply[:3].decode()}"] = Fault(reply + b"\r\n", "on", _WRONG)
    if command == "body":
        # It is a lie but of a chunk that is not the last one.
        found["a yes"] = Fault(b"250 ok\r\n", "on", (RemoteProtocolError, None))
        return found
    yes = YES.get(command, b"250 ok") + b"\r\n"
    found["surplus"] = Fault(yes + b"250 once more\r\n", "on", _WRONG)
    # Behind a 354 it is an early reply to the end of data.
    raises = (None,) if command == "DATA" else _WRONG
    found["surplus no"] = Fault(yes + b"550 once more\r\n", "on", raises)
    found["surplus 421"] = Fault(
        yes + b"421 bye\r\n", "on", (*_GOODBYE, RemoteProtocolError)
    )
    return found


@dataclass(frozen=True)
class Way:
    """A way to send: switches of the client, and the commands that it says."""

    name: str
    commands: tuple[str, ...]
    pipelining: bool = True
    chunking: bool = True
    overlap: Literal["turn", "window"] | None = None

    @property
    def by_data(self) -> bool:
        return "DATA" in self.commands


_DATA = ("MAIL", "RCPT", "DATA", "body", "end", "RSET")
_BDAT = ("MAIL", "RCPT", "body", "end", "RSET")
WAYS: Final = (
    Way("verbs", _DATA),
    Way("verbs with BDAT", ("MAIL", "RCPT", "BDAT", "body", "end", "RSET")),
    Way("lock-step by DATA", _DATA, pipelining=False, chunking=False),
    Way("lock-step by BDAT", _BDAT, pipelining=False),
    Way("pipelined DATA", _DATA, chunking=False),
    Way("pipelined BDAT", _BDAT),
    Way("turn", _DATA, overlap="turn", chunking=False),
    Way("window", _BDAT, overlap="window"),
)
CELLS: Final = [
    (way, command, name)
    for way in WAYS
    for command in way.commands
    for name in faults(command)
]


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


@pytest.fixture(scope="module", params=["clear", "TLS"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[FaultyServer, bool]]:
    encrypted = request.param == "TLS"
    with FaultyServer(server_context() if encrypted else None) as made:
        yield made, encrypted


class Said(NamedTuple):
    """What a client said: of each message, what it raised, and the deliveries."""

    outcomes: list[str | None]
    error: BaseException | None
    deliveries: Sequence[Delivery] = ()


def by_verbs(client: SmtpClient, way: Way, command: str) -> Said:
    """Send one message verb by verb."""
    outcome: str | None = None
    try:
        for step in verbs(client, way, command):
            if step:
                continue
            return Said(["refused"], None)
        if command != "RSET":
            outcome = "accepted"
        client.noop()
    except (SmtpError, Cancelled) as error:
        goodbye = client.reply is not None and client.reply.code == 421
        if outcome is None:
            outcome = error.outcome
        return Said([outcome], None if goodbye and outcome != "unknown" else error)
    return Said([outcome], None)


def verbs(client: SmtpClient, way: Way, command: str) -> Iterator[bool]:
    """Say the verbs of one message, as long as they are granted."""
    yield bool(client.mail_from("m1@a.example"))
    if command == "RSET":
        yield bool(client.rset())
        return
    yield bool(client.rcpt_to("r1@b.example"))
    if way.by_data:
        yield bool(client.data(LARGE if command == "body" else CONTENT))
        return
    yield bool(client.bdat(LARGE if command == "body" else CONTENT))
    yield bool(client.bdat(CONTENT, last=True))


def as_messages(client: SmtpClient, way: Way, command: str) -> Said:
    """Send three messages; where RSET is meant, the second has no good recipient."""
    paths = ["r1@b.example", "r2@b.example", "r3@b.example"]
    if command == "RSET":
        paths[1] = "no-one@b.example"
    mails = [
        (f"m{n}@a.example", [path], CONTENT) for n, path in enumerate(paths, start=1)
    ]
    if command == "body":
        mails[1] = *mails[1][:2], LARGE
    told: list[Delivery] = []
    stream = client.stream(mails, overlap=way.overlap)
    try:
        told.extend(stream)
    except (SmtpError, Cancelled) as error:
        told.extend(error.deliveries)
        outcomes: list[str | None] = [delivery.outcome for delivery in told]
        if error.outcome != worst(d.outcome for d in error.deliveries):
            outcomes.append(OTHER)
        return Said(outcomes, error, told)
    return Said([delivery.outcome for delivery in told], None, told)


def disagreements(
    way: Way, fault: Fault, said: Said, books: Books, *, is_large: bool
) -> str:
    """Compare what the client said with the books; return what is wrong, or ''."""
    strict = way.overlap is None
    # Some chunks of a large content may be under way when the first is refused.
    ahead = way.overlap == "window" or (way.name == "pipelined BDAT" and is_large)
    kind = None if said.error is None else type(said.error)
    n_sent = 1 if way.name.startswith("verbs") else 3
    wrong = {
        "the fault was never reached": not books.reached,
        f"raised {said.error!r}": kind not in fault.raises,
        "content came too early": books.too_early and not ahead,
        "octets stood behind an end of data": books.n_behind and strict,
        "deliveries are missing": kind is None and len(said.outcomes) != n_sent,
    }
    found = [words for words, is_so in wrong.items() if is_so]
    senders = [f"m{n}@a.example" for n in range(1, len(said.outcomes) + 1)]
    kept = kept_in_order(books, senders)
    for n, (outcome, of_server) in enumerate(zip(said.outcomes, kept, strict=True), 1):
        found += [
            f"message {n}: {outcome}, and the server {words}"
            for words in lies(outcome, of_server, strict=strict)
        ]
    return "; ".join(found)


# In the words of `transactions()`. Verb by verb an error tells of a message only when
# its content has begun; one that was never begun has no row.
IN_TABLE: Final[dict[str | None, set[object]]] = {
    "accepted": {"delivered"},
    "refused": {"rejected", "deferred"},
    "not tried": {None, "not tried"},
    None: {None, "aborted", "delivered", "deferred"},
}


def other_voices(client: SmtpClient, said: Said) -> list[str]:
    """Return where `transactions()` and `explain` say something else of a message."""
    table = Transcript([client._records[-1]]).transactions()
    rows = dict(zip(table["mail_from"], table["outcome"], strict=True))
    found = []
    for n, outcome in enumerate(said.outcomes, 1):
        row = rows.get(f"m{n}@a.example")
        if outcome != OTHER and row not in IN_TABLE.get(outcome, {outcome}):
            found.append(f"message {n}: {outcome}, and transactions() says {row}")
    for n, delivery in enumerate(said.deliveries, 1):
        found += [f"message {n}: {w}" for w in misread(delivery, delivery.outcome)]
    if said.error is not None:
        found += misread(said.error, getattr(said.error, "outcome", None))
    return found


def misread(thing: object, outcome: str | None) -> list[str]:
    """Return what `explain` makes of a delivery or an error, if it is wrong."""
    explained = explain(thing)
    words, is_open = explained.headline, explained.permanence.startswith("Not known")
    wrong = {
        "does not say that nobody knows": (outcome == "unknown") is not is_open,
        "does not say accepted": outcome == "accepted" and "accepted" not in words,
        "says accepted": outcome != "accepted" and "accepted" in words,
        "says that it goes on": "goes on" in words,
    }
    return [
        f"{outcome}, and explain {what}: {words}"
        for what, is_so in wrong.items()
        if is_so
    ]


def lies(outcome: str | None, kept: Kept, *, strict: bool) -> list[str]:
    """Return what the server knows better about one message."""
    taken = kept.ended and kept.said_yes
    right_octets = kept.content.replace(LARGE, CONTENT) in (CONTENT, CONTENT + CONTENT)
    wrong = {
        "has a different error beside it": outcome == OTHER,
        "did not take it": outcome == "accepted" and not taken,
        "took it": outcome not in ("accepted", "unknown") and taken,
        "saw its end": outcome == "aborted" and kept.ended,
        "never said no": outcome == "refused" and not kept.said_no,
        "never saw its end": outcome == "unknown" and strict and not kept.ended,
        f"has {kept.content[:200]!r}": taken and not right_octets,
    }
    return [words for words, is_so in wrong.items() if is_so]


def run_cell(
    place: tuple[FaultyServer, bool],
    client: SmtpClient,
    way: Way,
    command: str,
    fault: Fault,
) -> str:
    """Run one cell over a new connection; return what is wrong, or ''."""
    server, encrypted = place
    single = way.name.startswith("verbs")
    number = 1 if single else 2
    buffer = 65536 if command == "body" else 0
    plan = Plan(command, number, fault.say, fault.then, receive_buffer=buffer)
    books = server.follow(plan)
    client.connect(server.host, server.port, implicit_tls=encrypted)
    client.ehlo()
    client.pipelining, client.chunking = way.pipelining, way.chunking
    said = (by_verbs if single else as_messages)(client, way, command)
    client.disconnect()
    server.wait_until_served()
    large = command == "body"
    wrong = [disagreements(way, fault, said, books, is_large=large)]
    if not (command == "RSET" and single):  # of that verb no message was refused
        wrong += other_voices(client, said)
    return "; ".join(filter(None, wrong))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_what_is_said_of_a_message_is_in_the_servers_books(
    way: Way, server: tuple[FaultyServer, bool]
) -> None:
    _, encrypted = server
    policy = TlsPolicy(ca=CA.cert_pem.bytes().decode()) if encrypted else None
    wrong, n = [], 0
    for timeouts in (PATIENT, HASTY):
        # One client for many cells: after each it must be able to connect again.
        client = SmtpClient(tls=policy, timeouts=timeouts)
        for command in way.commands:
            for name, fault in faults(command).items():
                if (fault.raises == (DeadlineExceeded,)) is not (timeouts is HASTY):
                    continue
                n += 1
                said = run_cell(server, client, way, command, fault)
                if said:
                    wrong.append(f"{command}, {name}: {said}")
    assert n == sum(each is way for each, _, _ in CELLS)
    assert not wrong, "\n".join(wrong)


def test_the_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    n = 2 * len(CELLS)  # in clear and under TLS
    with capsys.disabled():
        sys.stdout.write(f"\ntests/transfer/test_table.py: {n} cells\n")
    assert n == N_CELLS
