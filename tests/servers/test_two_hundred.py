"""Two hundred messages to real servers and to twins of real ones: who has which?

The oracle is what the server did: the files that Postfix and Exim delivered, what
Dovecot handed on, the books of a twin. Of each message the client says what became of
it, and the two must agree: what was accepted is there, octet for octet and for these
recipients; what was refused, aborted or not tried is not. Where a server bears what is
asked of it, each message must besides have become what is right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from smtpnb import Plain, SmtpClient, SmtpError, State, Timeouts
from tests.servers.dovecot import PASSWORD, running_dovecot
from tests.support.messages import SENDER, code_of, two_hundred
from tests.support.sink import Sink
from tests.support.tools import require_tool
from tests.support.twins import TWINS, Habits, Twin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smtpnb import Delivery
    from tests.servers.dovecot import Dovecot
    from tests.servers.exim import Exim
    from tests.servers.postfix import Postfix
    from tests.support.messages import Mail
    from tests.support.twins import Books

_TAGS: Final = count(1)


class Outcome(NamedTuple):
    """What the client says of one message; what it says of each recipient."""

    of_all: str
    of_each: tuple[str, ...]
    code: int | None


# The ways to send.


def _told(delivery: Delivery) -> Outcome:
    each = tuple(recipient.outcome for recipient in delivery.recipients)
    code = None if delivery.reply is None else delivery.reply.code
    return Outcome(delivery.outcome, each, code)


def _one_by_one(client: Any, mails: Sequence[Mail]) -> list[Outcome]:
    """`send` each; stop at the first error, which says what became of that one."""
    told: list[Outcome] = []
    for mail in mails:
        error: Any = None
        try:
            told.append(_told(client.send(mail.content, SENDER, mail.recipients)))
        except SmtpError as raised:
            error = raised
        if error is not None:
            deliveries = getattr(error, "deliveries", ())
            assert [each.outcome for each in deliveries] in ([], [error.outcome])
            return told + [_told(delivery) for delivery in deliveries]
    return told


def _all_at_once(overlap: str | None) -> Callable[[Any, Sequence[Mail]], list[Outcome]]:
    def send(client: Any, mails: Sequence[Mail]) -> list[Outcome]:
        given = (mail.given for mail in mails)
        try:
            deliveries = client.send_all(given, overlap=overlap)
        except SmtpError as error:
            deliveries = getattr(error, "deliveries", ())
        return [_told(delivery) for delivery in deliveries]

    return send


def _as_they_come(client: Any, mails: Sequence[Mail]) -> list[Outcome]:
    """Iterate over `stream`; an error has the deliveries that were not yielded."""
    told: list[Outcome] = []
    try:
        with client.stream(mail.given for mail in mails) as deliveries:
            for delivery in deliveries:
                told.append(_told(delivery))  # noqa: PERF401  # an error keeps them
    except SmtpError as error:
        told += [_told(delivery) for delivery in getattr(error, "deliveries", ())]
    return told


def _in_lock_step(client: Any, mails: Sequence[Mail]) -> list[Outcome]:
    client.pipelining = False
    return _all_at_once(None)(client, mails)


WAYS: Final[dict[str, Callable[[Any, Sequence[Mail]], list[Outcome]]]] = {
    "send": _one_by_one,
    "stream": _as_they_come,
    "send_all": _all_at_once(None),
    "lock-step": _in_lock_step,
    "turn": _all_at_once("turn"),
    "window": _all_at_once("window"),
}
_SAFE: Final = ("send", "stream", "send_all", "lock-step")


def _check_right(mails: Sequence[Mail], told: Sequence[Outcome]) -> None:
    """Each message became what is right, and so did each of its recipients."""
    assert len(told) == len(mails)
    for number, (mail, said) in enumerate(zip(mails, told, strict=True)):
        each = tuple(
            "accepted" if code_of(to) == 250 else "refused" for to in mail.recipients
        )
        code = 250 if mail.wanted else code_of(mail.recipients[0])
        assert said == Outcome(mail.outcome, each, code), number


# Real servers.


def _connected(server: Any, account: Plain | None = None) -> SmtpClient:
    client = SmtpClient(identity="client.example")
    client.connect("localhost", server.port, ca=server.ca)
    client.ehlo()
    if account is not None:
        client.starttls()
        client.ehlo()
        assert client.auth(account).ok
    return client


def _check_stored(mails: Sequence[Mail], server: Postfix | Exim, run: str) -> None:
    wanted = {to: mail for mail in mails for to in mail.wanted}
    stored = server.mail.wait_for_recipients(wanted)
    ours = {to for to in stored if run in to}
    assert ours == set(wanted)
    assert not any("evil" in to for to in stored)
    for to, mail in wanted.items():
        (octets,) = stored[to]
        # They store LF, and add trace fields at the top and nothing else.
        sent = mail.on_the_wire.replace(b"\r\n", b"\n")
        assert octets.endswith(sent), to
        added = octets[: len(octets) - len(sent)].rstrip(b"\n").split(b"\n")
        names = {line.split(b":")[0] for line in added if line[:1] not in b"\t "}
        assert names <= _TRACE, to


_TRACE: Final = {
    *(b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received", b"Envelope-to"),
}


def _tag() -> str:
    return f"run{next(_TAGS)}x"


@pytest.mark.servers
@pytest.mark.parametrize("way", WAYS)
def test_two_hundred_messages_to_postfix(postfix: Postfix, way: str) -> None:
    mails = two_hundred(tag := _tag(), slow=2)
    with _connected(postfix) as client:
        _check_right(mails, WAYS[way](client, mails))
        assert client.quit().code == 221
    _check_stored(mails, postfix, tag)


@pytest.mark.servers
@pytest.mark.parametrize("way", WAYS)
def test_two_hundred_messages_to_exim(patient_exim: Exim, way: str) -> None:
    mails = two_hundred(tag := _tag(), slow=2)
    with _connected(patient_exim) as client:
        _check_right(mails, WAYS[way](client, mails))
        assert client.quit().code == 221
    _check_stored(mails, patient_exim, tag)


# As it comes, Exim bears ten RSETs that no message followed, and then says 554.
@pytest.mark.servers
@pytest.mark.parametrize("way", _SAFE)
def test_an_exim_that_has_had_enough_has_all_from_before(exim: Exim, way: str) -> None:
    mails = two_hundred(tag := _tag(), slow=0, n=400)
    with _connected(exim) as client:
        told = WAYS[way](client, mails)
    done = [said for said in told if said.of_all in {"accepted", "refused"}]
    assert 50 < len(done) < 400
    assert told[: len(done)] == done
    _check_right(mails[: len(done)], done)
    assert {said.of_all for said in told[len(done) :]} <= {"not tried", "aborted"}
    _check_stored(mails[: len(done)], exim, tag)


@pytest.fixture(scope="module")
def relay() -> Iterator[Sink]:
    refuse = {
        b"RCPT TO:<no-": b"550 5.1.1 User unknown",
        b"RCPT TO:<later-": b"450 4.2.0 Mailbox busy",
    }
    with Sink(refuse=refuse) as sink:
        yield sink


@pytest.fixture(scope="module")
def relaying(relay: Sink) -> Iterator[Dovecot]:
    with running_dovecot(require_tool("dovecot"), relay.port) as server:
        yield server


# Not "turn": by DATA this Dovecot dies of a MAIL behind the final dot.
@pytest.mark.servers
@pytest.mark.parametrize("way", [*_SAFE, "window"])
def test_two_hundred_messages_to_dovecot(
    relaying: Dovecot, relay: Sink, way: str
) -> None:
    mails = two_hundred(_tag(), slow=0)
    before = len(relay.accepted)
    with _connected(relaying, Plain("ann", PASSWORD)) as client:
        _check_right(mails, WAYS[way](client, mails))
        assert client.quit().code == 221
    handed_on = relay.accepted[before:]
    wanted = [mail for mail in mails if mail.wanted]
    assert len(handed_on) == len(wanted)
    for mail, accepted in zip(wanted, handed_on, strict=True):
        assert accepted.reverse_path.decode() == SENDER
        assert tuple(to.decode() for to in accepted.forward_paths) == mail.wanted
        assert accepted.content.endswith(mail.on_the_wire)


# Twins. What a twin does not bear, it is not asked to do right; but whatever happens,
# what the client says and what the twin did must agree.

_LIMITED: Final = {name for name, habits in TWINS.items() if habits.enough is not None}
_CANNOT: Final = {
    "Haraka 3.3.4": {"turn", "window"},
    "chasquid 1.11": {"turn", "window"},
    "Dovecot 2.3.19": {"turn", "window"},
    "go-smtp 0.24": {"window"},
    "buggregator": set(WAYS),
    "buggregator, late": set(WAYS),
    **{name: set(WAYS) for name in _LIMITED},
}
_BEARS: Final = [
    (name, way) for name in TWINS for way in WAYS if way not in _CANNOT.get(name, ())
]
_BEARS_NOT: Final = [(name, way) for name in _CANNOT for way in sorted(_CANNOT[name])]
# Enough for a busy machine, and less than the throttling twins take for a group: its
# limit is the sum of those of its commands.
_LIMITS: Final = Timeouts(command=3.0)
# A twin that threw octets away never answers.
_SHORT: Final = Timeouts(command=0.7, data=0.7, eod=1.5)


def _check_agree(
    mails: Sequence[Mail], told: Sequence[Outcome], books: Books, *, smuggled: bool
) -> None:
    """What the client says of each message is what the twin did."""
    number_of = {to: n for n, mail in enumerate(mails) for to in mail.recipients}
    ours = [each for each in books.taken if each.reverse_path == SENDER]
    if not smuggled:
        assert ours == books.taken
    taken = Counter(number_of[each.forward_paths[0]] for each in ours)
    assert set(taken.values()) <= {1}, "the twin has a message twice"
    for transaction in ours:
        mail = mails[number_of[transaction.forward_paths[0]]]
        assert tuple(transaction.forward_paths) == mail.wanted
        assert transaction.content == mail.on_the_wire
    for number, (mail, said) in enumerate(zip(mails, told, strict=False)):
        if said.of_all == "accepted":
            assert number in taken, f"{number} is said to be accepted, and is not there"
            wanted = [
                to
                for to, is_ in zip(mail.recipients, said.of_each, strict=True)
                if is_ == "accepted"
            ]
            assert tuple(wanted) == mail.wanted
        elif said.of_all != "unknown":
            assert number not in taken, f"{number} is there, and is said {said.of_all}"
    assert set(taken) <= set(range(len(told))), "the twin has what nobody tells of"


@pytest.mark.parametrize(("name", "way"), _BEARS)
def test_two_hundred_messages_to_a_twin(name: str, way: str) -> None:
    mails = two_hundred(_tag(), slow=100 if TWINS[name].pause else 0)
    with Twin(TWINS[name]) as twin:
        with SmtpClient(identity="client.example", timeouts=_LIMITS) as client:
            client.connect(twin.host, twin.port)
            client.ehlo()
            told = WAYS[way](client, mails)
            assert client.quit().code == 221
        books = twin.books
    _check_right(mails, told)
    _check_agree(mails, told, books, smuggled=False)
    assert len(books.taken) == sum(bool(mail.wanted) for mail in mails)
    if way in _SAFE:
        assert books.octets_behind == 0


@pytest.mark.parametrize(("name", "way"), _BEARS_NOT)
def test_what_a_twin_does_not_bear_is_told_as_it_was(name: str, way: str) -> None:
    mails = two_hundred(_tag(), slow=0)
    with Twin(TWINS[name]) as twin:
        with SmtpClient(identity="client.example", timeouts=_SHORT) as client:
            client.connect(twin.host, twin.port)
            client.ehlo()
            told = WAYS[way](client, mails)
        twin.wait_until_gone()
        books = twin.books
    _check_agree(mails, told, books, smuggled=name.startswith("go-smtp"))
    unknown = [said for said in told if said.of_all == "unknown"]
    assert len(unknown) <= (64 if way == "window" else 1)
    if way in _SAFE:
        assert books.octets_behind == 0


@pytest.mark.parametrize("way", _SAFE)
@pytest.mark.parametrize("name", sorted(_LIMITED))
def test_a_server_that_has_had_enough_has_all_from_before(name: str, way: str) -> None:
    enough = TWINS[name].enough
    assert enough is not None
    mails = two_hundred(_tag(), slow=0)
    with Twin(TWINS[name]) as twin:
        with SmtpClient(identity="client.example", timeouts=_SHORT) as client:
            client.connect(twin.host, twin.port)
            client.ehlo()
            told = WAYS[way](client, mails)
            assert client.state is State.CLOSED
        twin.wait_until_gone()
        n_mails = twin.books.verbs().count("MAIL")
    _check_right(mails[: enough - 1], told[: enough - 1])
    # Nothing of the one that met the limit was taken; and after a 421 no more is sent.
    assert told[enough - 1].of_all in {"refused", "aborted", "not tried"}
    assert {said.of_all for said in told[enough:]} <= {"not tried"}
    assert n_mails == enough


@pytest.mark.parametrize("way", WAYS)
def test_a_flood_in_mid_message_ends_it(way: str) -> None:
    small, large = two_hundred(_tag(), slow=0, n=1)[0], 8 * 1024 * 1024
    mail = replace(small, content=small.content + b"x\r\n" * large)
    habits = Habits(offers=("PIPELINING", "8BITMIME"), flood=b"250 and on\r\n" * 100)
    with Twin(habits) as twin:
        with SmtpClient(identity="client.example") as client:
            client.connect(twin.host, twin.port)
            client.ehlo()
            (said,) = WAYS[way](client, [mail])
            assert client.state is State.CLOSED
        twin.wait_until_gone()
        (transaction,) = twin.books.transactions
    assert said.of_all == "aborted"
    assert not transaction.ended
    assert list(client.transcript.sessions()["error_type"]) == ["RemoteProtocolError"]
