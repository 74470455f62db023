"""The frame built in columns is the frame of the events, whatever was logged."""

from __future__ import annotations

import gc
from collections.abc import Callable  # noqa: TC003  # hypothesis reads annotations
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpnb import Transcript
from smtpnb.protocol.reply import Reply
from smtpnb.transcript import Event, events, schema, tables
from smtpnb.transcript.intern import NOBODY, Shapes
from smtpnb.transcript.log import Derivation
from tests.transcript import logs
from tests.transcript.logs import Log, Part, part

if TYPE_CHECKING:
    from smtpnb.wire.record import Record

TEXTS = (
    b"250 2.1.0 Ok\r\n",
    b"250 2.1.0 Ok\r\n",
    b"250-2.0.0 one\r\n250 2.0.0 two\r\n",
    b"550 5.7.26 no\r\n",
    b"421\n",
    b"354 \x1b[31m\xe2\x80\xae <secret 24 bytes>\r\n",
    b"250 \\x1b[31m\r\n",
    logs.EHLO,
)
LINES = (
    ("ehlo", b"EHLO a.test\r\n"),
    ("ehlo", b"HELO a.test\r\n"),
    ("mail", b"MAIL FROM:<a@a.test>\r\n"),
    ("rcpt", b"RCPT TO:<b@b.test>\r\n"),
    ("data", b"DATA\r\n"),
    ("eod", b".\r\n"),
    ("rset", b"RSET\r\n"),
    ("starttls", b"STARTTLS\r\n"),
    ("auth", b"<secret 24 bytes>\r\n"),
    ("quit", b"QUIT\r\n"),
    ("body", b"BDAT 9\r\n"),
    ("eod", b"BDAT 9 LAST\r\n"),
)
PARTS: tuple[Part, ...] = (
    *(part(*line) for line in LINES),
    ("body", None, None, 9, None),
    ("body", None, None, 9, 1),
)
STEPS = ("", "connect", "greeting", "mail", "body", "data", "eod", "other")

_ms = st.floats(0, 50)
_back = st.integers(0, 4)
_reply = st.sampled_from(TEXTS)


def _send(log: Log, line: tuple[str, bytes], ms: float) -> None:
    log.send((line[0], line[1].split()[0].decode(), line[1]), ms=ms)


def _reply_to(log: Log, octets: bytes, back: int, wait: float, receive: float) -> None:
    log.reply(octets, max(log.exchange - back, 0), wait, receive)


def _replies_to(log: Log, octets: list[bytes], back: int, ms: float) -> None:
    log.replies(b"".join(octets), max(log.exchange - back, 0), 1.0, ms)


Arguments = st.SearchStrategy[tuple[Any, ...]]
ACTIONS: dict[Callable[..., object], Arguments] = {
    Log.resolve: st.tuples(_ms),
    Log.connect: st.tuples(_ms, st.sampled_from([None, "refused"])),
    Log.tls: st.tuples(_ms, st.sampled_from([None, "no"])),
    Log.group: st.lists(st.sampled_from(PARTS)).map(tuple),
    Log.content: st.tuples(st.integers(0, 9), st.integers(0, 9)),
    Log.error: st.tuples(st.sampled_from(STEPS), st.just("Lost"), st.just("x")),
    Log.note: st.tuples(st.sampled_from(["cancel", "lax"])),
    Log.close: st.tuples(st.sampled_from(["quit", "lost"])),
    _send: st.tuples(st.sampled_from(LINES), _ms),
    _reply_to: st.tuples(_reply, _back, _ms, st.sampled_from([0.0, 0.25])),
    _replies_to: st.tuples(st.lists(_reply, min_size=1), _back, _ms),
}


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any log at all, sensible or not."""
    log = Log(draw(st.sampled_from(["a.test", "b.test"])))
    for act in draw(st.lists(st.sampled_from([*ACTIONS]), max_size=25)):
        act(log, *draw(ACTIONS[act]))
    return log.record


def _of_events(found: list[Record]) -> pd.DataFrame:
    return tables.events_frame([event for each in found for event in events(each)])


@given(st.lists(records(), max_size=3))
@settings(max_examples=80)
def test_columns_and_events_give_the_same_frame(found: list[Record]) -> None:
    pd.testing.assert_frame_equal(Transcript(found).events(), _of_events(found))


def _early(event: Event) -> Event:
    return event._replace(transaction_no=None)


@given(records(), st.data())
@settings(max_examples=30)
def test_reading_a_log_bit_by_bit_changes_nothing(
    record: Record, data: st.DataObject
) -> None:
    whole = record.log
    record.log = []
    transcript, seen, cursor = Transcript([record]), [], 0
    while record.log != whole:
        more = data.draw(st.integers(1, len(whole) - len(record.log)))
        record.log = whole[: len(record.log) + more]
        excerpt = transcript.since(cursor)
        seen += list(excerpt)
        cursor = excerpt.cursor
    # To which transaction a command belongs is known when it was answered.
    now = list(transcript)
    assert now == events(record)
    assert [_early(event) for event in seen] == [_early(event) for event in now]
    assert len(transcript) == len(seen)
    pd.testing.assert_frame_equal(transcript.events(), _of_events([record]))


@given(st.lists(records(), min_size=1, max_size=3))
@settings(max_examples=30)
def test_the_phases_of_any_session_add_up(found: list[Record]) -> None:
    frame = Transcript(found).sessions()
    names = [column.name for column in schema.PHASES]
    sums = frame[names].astype("float64").sum(axis=1)
    assert ((sums - frame["total_ms"]).abs() <= 0.01).all()
    assert not (frame[names] < 0).any(axis=None)


@given(st.lists(records(), min_size=1, max_size=3))
@settings(max_examples=30)
def test_no_event_and_no_exchange_is_without_a_step(found: list[Record]) -> None:
    transcript = Transcript(found)
    assert transcript.events()["step"].notna().all()
    assert transcript.exchanges()["step"].notna().all()


LINE = st.binary(max_size=20).map(lambda text: text.replace(b"\n", b""))


@given(st.sampled_from([b"250", b"550"]), LINE, st.sampled_from([b"\r\n", b"\n"]))
def test_a_plain_reply_is_read_as_reply_reads_it(
    code: bytes, text: bytes, end: bytes
) -> None:
    octets = code + b" " + text + end
    shapes, reply = Shapes(), Reply(octets)
    shape = shapes.shapes[shapes.reply(NOBODY, octets)]
    assert (shape.code, shape.enhanced, shape.text) == (
        *(reply.code, reply.enhanced, reply.text),
    )


def test_the_same_reply_to_many_recipients_is_kept_once() -> None:
    session, shapes = logs.opened(), Shapes()
    for number in range(50):
        line = b"RCPT TO:<%d@b.test>\r\n" % number
        session.say("rcpt", line, b"250 2.1.5 Ok\r\n")
    Derivation(session.record, shapes).advance()
    steps = [(shape.event, shape.step) for shape in shapes.shapes]
    assert steps.count(("command", "rcpt")) == 50
    assert steps.count(("reply", "rcpt")) == 1


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_left_as_it_was(on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        Transcript([logs.plain()]).events()
        assert gc.isenabled() is on
    finally:
        (gc.enable if before else gc.disable)()
