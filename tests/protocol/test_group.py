"""Groups: their octets and parts; and many replies at once, against one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.commands import Mail, Rcpt
from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.group import chunk, end_of_data, of_commands
from smtpnb.protocol.parser import ReplyParser
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Owed, Session, State
from smtpnb.protocol.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_a_group_is_its_lines_and_its_content_in_order() -> None:
    group = of_commands(Mail("a@b"), Rcpt("c@d"))
    assert group.wire == b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
    assert group.events == ("MAIL", "RCPT")
    assert group.parts == (
        ("mail", "MAIL", b"MAIL FROM:<a@b>\r\n", 17),
        ("rcpt", "RCPT", b"RCPT TO:<c@d>\r\n", 15),
    )
    assert group.end is None
    last = chunk(b"abc\r\n", 1, last=True)
    assert last.wire == b"BDAT 5 LAST\r\nabc\r\n"
    assert last.parts == (
        ("eod", "BDAT", b"BDAT 5 LAST\r\n", 13),
        ("body", None, None, 5, 1),
    )
    for each in (group, last, chunk(b"abc", 0, last=False), end_of_data(b"", None)):
        assert sum(part[3] for part in each.parts) == len(each.wire)


# A server needs all of the chunk, or the octet past the dot; not one octet less.
def test_a_group_knows_where_in_it_a_message_ends() -> None:
    assert chunk(b"abc", 0, last=False).end is None
    last = chunk(b"abc", 0, last=True)
    assert last.end == len(last.wire) - 1
    dot = end_of_data(b"abc\r\n", 1)
    assert dot.end is not None
    assert dot.wire[: dot.end] == b"abc\r\n."


# Replies as servers give them, and what no server should.
LINES = st.sampled_from(
    [
        b"250 2.1.0 Ok\r\n",
        b"250\r\n",
        b"250-first\r\n250 second\r\n",
        b"354 go\r\n",
        b"550 5.1.1 no\r\n",
        b"421 closing\r\n",
        b"250 a\rb\r\n",
        b"250 bare\n",
        b"2500 no\r\n",
        b"999 no\r\n",
        b"25\r\n",
        b"\r\n",
        b"250-a\r\n251 b\r\n",
    ]
)


def _one_by_one(pieces: Sequence[bytes]) -> tuple[list[bytes], str]:
    parser, replies = ReplyParser(), []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (reply := parser.next_reply()) is not None:
                replies.append(reply.octets)
    except RemoteProtocolError as error:
        return replies, str(error)
    return replies, ""


def _many_at_once(pieces: Sequence[bytes], most: int) -> tuple[list[bytes], str]:
    parser = ReplyParser()
    replies: list[bytes] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while got := parser.next_replies(most):
                assert len(got) <= most
                replies += got
    except RemoteProtocolError as error:
        return replies, str(error)
    return replies, ""


@given(st.lists(LINES, max_size=12), st.data(), st.integers(1, 20))
def test_many_replies_at_once_are_those_that_come_one_by_one(
    lines: list[bytes], data: st.DataObject, most: int
) -> None:
    octets = b"".join(lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(octets)), max_size=4)))
    pieces = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    assert _many_at_once(pieces, most) == _one_by_one(pieces)


@given(st.binary(max_size=200), st.integers(1, 5))
def test_garbage_at_once_is_the_same_as_one_by_one(octets: bytes, most: int) -> None:
    assert _many_at_once([octets], most) == _one_by_one([octets])


# Runs of a transaction as they leave together, each with its own transaction.
EVENTS = st.sampled_from(
    [
        ("MAIL", "RCPT", "DATA"),
        ("MAIL", "RCPT", "RCPT"),
        ("RSET",),
        ("DATA",),
        ("BDAT",),
        ("BDAT LAST",),
        ("MAIL", "RCPT", "BDAT LAST"),
    ]
)
REPLIES = st.sampled_from(
    [b"250 ok\r\n", b"354 go\r\n", b"550 no\r\n", b"421 bye\r\n", b"334 \r\n"]
)
GRANTED = st.just(b"250 ok\r\n")


def _state(session: Session, transactions: list[Transaction]) -> object:
    return (
        session.state,
        session.owed,
        session.follower.current is None,
        [(each.outcome, each.replies) for each in transactions],
    )


@given(
    st.lists(EVENTS, min_size=1, max_size=4),
    st.sampled_from([State.READY, State.MAIL, State.RCPT, State.DATA]),
    st.data(),
)
def test_a_run_of_replies_leads_where_each_of_them_would(
    runs: list[tuple[str, ...]], start: State, data: st.DataObject
) -> None:
    if start is State.DATA:  # only its end can be sent there
        runs = [(".",), *runs]
    ends = [n for n, run in enumerate(runs) if run[-1] == "DATA"]
    runs = runs[: ends[0] + 1] if ends else runs  # behind DATA nothing may leave
    events = [event for run in runs for event in run]
    drawn = {"DATA": st.just(b"354 go\r\n") | REPLIES}
    replies = [data.draw(drawn.get(event, GRANTED | REPLIES)) for event in events]
    replies = replies[: data.draw(st.integers(1, len(events)))]
    found = []
    for at_once in (True, False):
        session = Session()
        session.state = start
        transactions = [Transaction("a@b", ["c@d", "e@f"]) for _ in runs]
        for run, transaction in zip(runs, transactions, strict=True):
            session.owe(Owed(run, transaction))
        error = ""
        try:
            if at_once:
                session.received_all(replies)
            else:
                for octets in replies:
                    session.received(Reply(octets))
        except RemoteProtocolError as wrong:
            error = str(wrong)
        found.append((error, _state(session, transactions)))
    assert found[0] == found[1]
