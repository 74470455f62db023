"""What left in one group, and replies that were read together, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Transcript
from smtpnb.transcript import Event, events
from smtpnb.wire import record as log
from tests.transcript import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.record import Record
    from tests.transcript.logs import Part

RECORDS = [logs.pipelined, logs.stream, logs.chunked]


def _one_by_one(record: Record) -> Record:
    """The same session, written as if each command and reply had gone alone."""
    alone = logs.Log().record
    for kind, *rest in record.log:
        if kind == log.GROUP:
            t0, t1, exchange, parts = rest
            verb = ""
            for part in parts:
                if part[0] == "body" and part[1] is None:
                    number = exchange - 1 if verb == "BDAT" else exchange
                    alone.add(log.CONTENT, t0, t1, number, *part[3:])
                else:
                    alone.add(log.SEND, t0, t1, exchange, *part)
                    verb, exchange = part[1], exchange + 1
        elif kind == log.REPLIES:
            t0, t1, exchange, octets = rest
            reply = b""
            for line in octets.splitlines(keepends=True):
                reply += line
                if line[3:4] == b" ":
                    alone.add(log.REPLY, t0, t1, exchange, 1, reply)
                    t0, exchange, reply = t1, exchange + 1, b""
        else:
            alone.add(kind, *rest)
    return alone


def _comparable(event: Event) -> Event:
    detail = (event.detail or "").replace(', "receives": 1', "")
    return event._replace(session_id="", pipelined=False, detail=detail)


@pytest.mark.parametrize("make", RECORDS)
def test_a_group_reads_like_its_commands_sent_alone(
    make: Callable[[], Record],
) -> None:
    record = make()
    together, alone = events(record), events(_one_by_one(record))
    assert [*map(_comparable, together)] == [*map(_comparable, alone)]
    assert [e.text for e in together if e.pipelined] != []
    assert not any(event.pipelined for event in alone)


def test_the_events_of_a_group_are_pipelined_and_no_others() -> None:
    found = events(logs.pipelined())
    assert {e.step for e in found if e.pipelined} == {
        *("mail", "rcpt", "data", "body", "eod", "quit")
    }
    assert {e.step for e in found if not e.pipelined} >= {"greeting", "ehlo", "close"}


def test_replies_read_together_go_to_their_commands_first_in_first_out() -> None:
    frame = Transcript([logs.pipelined()]).exchanges()
    group = frame[frame["pipelined"]]
    assert list(group["verb"]) == ["MAIL", "RCPT", "RCPT", "DATA", ".", "QUIT"]
    assert list(group["code"]) == [250, 250, 450, 354, 250, 221]
    assert list(group["receive_ms"]) == [0.0, 0.0, 0.5, 0.0, 0.0, 0.0]
    assert list(group["wait_ms"]) == [2.0, 2.0, 4.0, 4.5, 3.0, 3.1]


def test_a_reply_of_several_lines_among_others_stays_whole() -> None:
    frame = Transcript([logs.stream()]).exchanges()
    ends = frame[frame["step"] == "eod"]
    assert list(ends["text"]) == [
        "2.0.0 Ok:\n2.0.0 queued as A1",
        "2.0.0 Ok: queued as A2",
    ]
    assert list(ends["n_lines"]) == [2, 1]


def test_the_content_of_bdat_belongs_to_the_command_before_it() -> None:
    found = [e for e in events(logs.chunked()) if e.transaction_no is not None]
    sent = [(e.event, e.verb, e.exchange_no) for e in found if e.direction == "C"]
    assert sent[2:6] == [
        ("command", "BDAT", 4),
        ("data", None, 4),
        ("command", "BDAT", 5),
        ("data", None, 5),
    ]
    assert [e.transaction_no for e in found if e.event == "data"] == [1, 1, 2, 2]


def test_a_bare_cr_in_a_reply_does_not_end_it() -> None:
    session = logs.opened()
    first = session.group(logs.MAIL, logs.OK_TO)
    session.replies(b"250 a\r250-b\r\n250\n", first)
    assert [e.text for e in events(session.record)][-2:] == ["a\r250-b", ""]


def test_a_fault_in_the_content_of_bdat_is_that_of_its_exchange() -> None:
    session = logs.opened()
    first = session.group(logs.MAIL, logs.OK_TO, logs.LAST)
    session.replies(b"250 Ok\r\n250 Ok\r\n", first)
    session.record.add(log.CONTENT, session.now, session.wait(1), first + 2, 300, 6)
    session.error("body", "ConnectionLost", "gone", "aborted")
    fault = events(session.close("lost"))[-2]
    assert (fault.event, fault.exchange_no, fault.transaction_no) == ("error", 4, 1)


def test_lines_that_nobody_counted_are_not_told() -> None:
    said = Transcript([logs.stream()]).text()
    assert " -> (content: 500 octets)" in said
    assert (
        " -> (content: 1 000 octets, 20 lines)" in Transcript([logs.chunked()]).text()
    )


def test_a_cursor_passes_a_group_as_one_entry() -> None:
    session = logs.opened()
    transcript = Transcript([session.record])
    cursor = transcript.since(0).cursor
    session.group(logs.MAIL, logs.OK_TO, logs.DATA)
    new = transcript.since(cursor)
    assert [event.verb for event in new] == ["MAIL", "RCPT", "DATA"]
    assert new.cursor == cursor + 1


def test_beyond_the_limit_entries_are_counted_and_the_last_one_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "MAX_ENTRIES", 7)
    session = logs.opened()
    kept = len(session.record.log)
    for _ in range(9):
        session.group(logs.MAIL, logs.OK_TO, logs.DATA)
    assert len(session.record.log) == 7
    assert session.record.dropped == 9 - (6 - kept)
    assert events(session.record)[-1].detail == '{"what": "full"}'


def test_before_the_limit_a_note_says_that_it_is_near(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "MAX_ENTRIES", 20)
    monkeypatch.setattr(log, "LEFT_AT_WARNING", 5)
    session = logs.opened()
    for _ in range(30):
        session.group(logs.MAIL, logs.OK_TO, logs.DATA)
    kept = session.record.log
    (near,) = [at for at, entry in enumerate(kept) if "nearly full" in entry]
    assert len(kept) == 20
    assert len(kept) - near - 1 == 4  # the last of which says that it is full
    details = [event.detail for event in events(session.record)]
    assert details.count('{"what": "nearly full"}') == 1


def test_each_message_of_a_stream_has_its_fate() -> None:
    frame = Transcript([logs.stream()]).transactions()
    assert list(frame["transaction_no"]) == [1, 2]
    assert list(frame["outcome"]) == ["delivered", "delivered"]
    assert list(frame["queue_id"]) == ["A1", "A2"]
    assert list(frame["size"]) == [500, 500]


def test_all_chunks_are_the_message_and_the_first_refusal_decides() -> None:
    frame = Transcript([logs.chunked()]).transactions()
    assert list(frame["outcome"]) == ["delivered", "rejected"]
    assert list(frame["final_code"]) == [250, 552]
    assert list(frame["final_step"]) == ["eod", "eod"]
    assert list(frame["queue_id"].fillna("")) == ["B1", ""]
    assert list(frame["size"]) == [1500, 1500]


def test_messages_that_a_drop_cut_off_are_unknown_and_say_why() -> None:
    session = logs.opened()
    last: Part = ("body", None, None, 500, 10)
    message = (logs.MAIL, logs.OK_TO, logs.LAST, last)
    first = session.group(*message, *message, logs.MAIL)
    good = b"250 Ok\r\n250 Ok\r\n250 Ok\r\n"
    session.replies(good, first)
    transcript = Transcript([session.record])
    open_yet = transcript.transactions()["outcome"]
    assert list(open_yet.astype(object).fillna("open")) == ["delivered", "open", "open"]
    session.error("mail", "ConnectionLost", "gone", None)
    session.close("lost")
    frame = transcript.transactions()
    assert list(frame["outcome"]) == ["delivered", "unknown", "aborted"]
    assert list(frame["reason"].astype(object).fillna("")) == [
        *("", "ConnectionLost", "ConnectionLost")
    ]


def test_octets_that_left_in_one_group_are_sent_once() -> None:
    frame = Transcript([logs.pipelined()]).exchanges()
    eod = frame[frame["step"] == "eod"].iloc[0]
    assert (eod["send_ms"], eod["bytes_sent"]) == (0.02, 503)
