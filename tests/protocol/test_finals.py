"""The end of a message that is answered more than once: LMTP, and PRDR.

One table: what was accepted, what the end was answered, how the session ended, and what
that means for each recipient. The session says how many replies it waits for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from smtpnb.protocol import guards
from smtpnb.protocol.commands import Custom, Data, Ehlo, EndOfData, Lhlo, Mail, Rcpt
from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Session, State

YES, NO, LATER, BYE = b"250 ok", b"550 no", b"452 later", b"421 bye"
GO, SEPARATE = b"354 go", b"353 one by one"
A, R, U, X = "accepted", "refused", "unknown", "aborted"


class Case(NamedTuple):
    """One ending.

    Attributes:
        manner: LMTP, PRDR, or SMTP.
        rcpts: The replies to RCPT.
        ends: The replies to the end of data.
        owed: How many replies are owed behind them.
        fates: What became of it for each recipient, if the connection ends there.
        outcome: For all of it.
    """

    manner: str
    rcpts: tuple[bytes, ...]
    ends: tuple[bytes, ...]
    owed: int
    fates: tuple[str, ...]
    outcome: str


CASES: Final = {
    "one yes": Case("LMTP", (YES,), (YES,), 0, (A,), A),
    "four, two of them": Case(
        "LMTP", (YES, YES, NO, YES), (YES, LATER, YES), 0, (A, R, R, A), A
    ),
    "nobody": Case("LMTP", (YES, YES), (NO, LATER), 0, (R, R), R),
    "no answer at all": Case("LMTP", (YES, YES), (), 1, (U, U), U),
    "two of three answered": Case("LMTP", (YES, YES, YES), (NO, YES), 1, (R, A, U), A),
    "one no of three": Case("LMTP", (YES, YES, YES), (NO,), 1, (R, U, U), U),
    "421 in the middle": Case("LMTP", (YES, YES, YES), (YES, BYE), 1, (A, R, U), A),
    "421 at once": Case("LMTP", (YES, YES), (BYE,), 1, (R, U), U),
    "the same path twice": Case("LMTP", (YES, YES), (YES, YES), 0, (A, A), A),
    "SMTP answers once": Case("SMTP", (YES, YES), (YES,), 0, (A, A), A),
    "PRDR, one reply for all": Case("PRDR", (YES, YES), (YES,), 0, (A, A), A),
    "PRDR, one no for all": Case("PRDR", (YES, YES), (NO,), 0, (R, R), R),
    "PRDR, two of four": Case(
        "PRDR", (YES, YES, NO, YES), (SEPARATE, YES, NO, YES, YES), 0, (A, R, R, A), A
    ),
    "PRDR, a no for all behind": Case(
        "PRDR", (YES, YES), (SEPARATE, YES, NO, NO), 0, (R, R), R
    ),
    "PRDR, nobody": Case("PRDR", (YES, YES), (SEPARATE, NO, NO, NO), 0, (R, R), R),
    "PRDR, the last is missing": Case(
        "PRDR", (YES, YES), (SEPARATE, YES, NO), 1, (U, R), U
    ),
    "PRDR, 353 and silence": Case("PRDR", (YES, YES), (SEPARATE,), 1, (U, U), U),
    "PRDR, nobody, and the last is missing": Case(
        "PRDR", (YES, YES), (SEPARATE, NO, NO), 1, (R, R), R
    ),
}


def session_at_the_end(case: Case) -> Session:
    """Return a session whose final dot has left."""
    session = Session(lmtp=case.manner == "LMTP")
    session.greeted(Reply(b"220 hi\r\n"))
    say(session, Lhlo("me") if session.lmtp else Ehlo("me"), b"250-hi\r\n250 PRDR")
    parameters = ("PRDR",) if case.manner == "PRDR" else ()
    say(session, Mail("a@b.example", parameters=parameters), YES)
    for n, reply in enumerate(case.rcpts):
        say(session, Rcpt(f"{n}@b.example"), reply)
    say(session, Data(), GO)
    session.sent(EndOfData())
    return session


def say(session: Session, command: object, reply: bytes) -> None:
    session.check(command)  # type: ignore[arg-type]  # a command
    session.sent(command)  # type: ignore[arg-type]  # the same
    session.received(Reply(reply + b"\r\n"))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_it_means_for_each_recipient(case: Case) -> None:
    session = session_at_the_end(case)
    transaction = session.follower.current
    assert transaction is not None
    for octets in case.ends:
        assert session.most_at_once == 1
        session.received(Reply(octets + b"\r\n"))
    assert session.owed == case.owed
    if case.owed:
        transaction.settle(left=True, turned_away=BYE in case.ends)
    elif case.ends[-1] != BYE:
        assert session.state is State.READY
    assert tuple(fate for fate, _ in transaction.of_recipients()) == case.fates
    assert transaction.outcome == case.outcome
    assert transaction.leaves_unknown is (U in case.fates)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_until_all_came_the_session_stays_where_it_is(case: Case) -> None:
    session = session_at_the_end(case)
    for octets in case.ends[:-1]:
        session.received(Reply(octets + b"\r\n"))
        at_goodbye = BYE in case.ends[: case.ends.index(octets) + 1]
        assert session.state is (State.CLOSING if at_goodbye else State.DATA)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whose_end_never_left_is_aborted(case: Case) -> None:
    if case.ends:
        return
    session = session_at_the_end(case)
    transaction = session.follower.current
    assert transaction is not None
    transaction.settle(left=False)
    assert {fate for fate, _ in transaction.of_recipients()} == {X}


def test_353_is_an_answer_to_who_said_prdr_only() -> None:
    session = session_at_the_end(CASES["SMTP answers once"])
    with pytest.raises(RemoteProtocolError, match="353"):
        session.received(Reply(SEPARATE + b"\r\n"))
    session = session_at_the_end(CASES["PRDR, 353 and silence"])
    session.received(Reply(SEPARATE + b"\r\n"))
    with pytest.raises(RemoteProtocolError, match="353"):
        session.received(Reply(SEPARATE + b"\r\n"))


@pytest.mark.parametrize(
    ("lmtp", "hello", "words"),
    [
        (True, Ehlo("me"), "EHLO is not said in LMTP, LHLO is"),
        (False, Lhlo("me"), 'protocol="lmtp"'),
    ],
)
def test_each_protocol_has_its_own_hello(
    lmtp: bool, hello: Ehlo | Lhlo, words: str
) -> None:
    session = Session(lmtp=lmtp)
    session.greeted(Reply(b"220 hi\r\n"))
    with pytest.raises(LocalProtocolError, match=words):
        session.check(hello)
    session.lax = guards.ALL
    say(session, hello, b"250 hi")
    assert session.state is State.READY
    assert session.follower.lmtp is not lmtp  # what was granted counts


@pytest.mark.parametrize(
    ("greeting", "hello", "code", "words"),
    [
        (b"220 x LMTP", "EHLO", b"500", "this is LMTP, as its greeting says"),
        (b"220 x ready", "EHLO", b"502", "EHLO is not known there: if this is LMTP"),
        (b"220 x ready", "HELO", b"500", "HELO is not known there: if this is LMTP"),
        (b"220 helmtpost", "EHLO", b"500", "if this is LMTP"),
        (b"220 x LMTP", "EHLO", b"550", ""),
        (b"220 x LMTP", "EHLO", b"250", ""),
    ],
)
def test_a_refused_hello_raises_a_suspicion(
    greeting: bytes, hello: str, code: bytes, words: str
) -> None:
    session = Session()
    session.greeted(Reply(greeting + b"\r\n"))
    say(session, Custom(hello, "me"), code + b" so")
    assert words in session.suspicion
    assert bool(words) is bool(session.suspicion)


def test_lhlo_to_an_smtp_server_says_so() -> None:
    session = Session(lmtp=True)
    session.greeted(Reply(b"220 x ESMTP\r\n"))
    say(session, Lhlo("me"), b"500 what?")
    assert "no LMTP server" in session.suspicion
