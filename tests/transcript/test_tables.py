"""The four tables, from records made by hand whose every millisecond is known."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.transcript import events, schema, tables
from tests.transcript import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.record import Record

RECORDS: dict[str, Callable[[], Record]] = {
    name: getattr(logs, name)
    for name in (
        "plain",
        "starttls",
        "cancelled_in_body",
        "unknown",
        "refused_at_connect",
        "pipelined",
        "stream",
        "chunked",
    )
}
MAKERS: dict[str, Callable[[Any], pd.DataFrame]] = {
    "events": tables.events_frame,
    "exchanges": partial(tables.make, "exchanges"),
    "transactions": partial(tables.make, "transactions"),
    "sessions": partial(tables.make, "sessions"),
}


def _row(frame: pd.DataFrame, *names: str) -> list[Any]:
    """The first row's values, None for null."""
    row = frame[list(names)].astype(object).iloc[0]
    return [None if pd.isna(value) else value for value in row]


@pytest.mark.parametrize("table", MAKERS)
@pytest.mark.parametrize("record", [None, *RECORDS])
def test_every_table_has_its_columns_and_types_whatever_happened(
    table: str, record: str | None
) -> None:
    found = events(RECORDS[record]()) if record else []
    frame = MAKERS[table](found)
    empty = MAKERS[table]([])
    assert list(frame.columns) == [column.name for column in schema.TABLES[table]]
    kinds = [str(dtype).split("[")[0] for dtype in frame.dtypes]
    assert kinds == [str(dtype).split("[")[0] for dtype in empty.dtypes]
    lists = {column.name for column in schema.TABLES[table] if column.dtype == "list"}
    assert {name for name in frame if str(frame[name].dtype) == "object"} == lists


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("table", ["exchanges", "transactions", "sessions"])
def test_a_stored_events_frame_gives_the_same_tables(record: str, table: str) -> None:
    found = events(RECORDS[record]())
    stored = tables.events_frame(found)
    pd.testing.assert_frame_equal(MAKERS[table](stored), MAKERS[table](found))


@pytest.mark.parametrize("table", MAKERS)
def test_a_frame_can_be_changed_and_nothing_else_changes(table: str) -> None:
    records = [logs.plain(), logs.starttls(), logs.pipelined()]
    for number, record in enumerate(records):
        record.host = f"mx{number}.example.test"
    transcript = Transcript(records)
    events, before = transcript.events(), getattr(transcript, table)()
    frame: Any = events if table == "events" else MAKERS[table](events)
    columns = [name for name in frame if str(frame[name].dtype)[:4] != "list"]
    for name in columns:
        others = [other for other in columns if other != name]
        kept = frame[others].copy()
        frame.at[0, name] = frame.at[1, name]  # noqa: PD008  # it may hold a tuple
        pd.testing.assert_frame_equal(frame[others], kept)
    pd.testing.assert_frame_equal(getattr(transcript, table)(), before)
    if table != "events":
        pd.testing.assert_frame_equal(MAKERS[table](events), before)


@pytest.mark.parametrize("record", RECORDS)
def test_the_phases_add_up_to_the_whole_session(record: str) -> None:
    row = tables.make("sessions", events(RECORDS[record]())).iloc[0]
    names = [column.name for column in schema.PHASES]
    phases = row[names].astype("float64").fillna(0.0)
    assert phases.sum() == pytest.approx(row["total_ms"], abs=1e-6)
    assert (phases >= 0).all()


def test_an_exchange_is_a_command_with_its_reply() -> None:
    frame = tables.make("exchanges", events(logs.plain()))
    assert list(frame["step"]) == [
        *("greeting", "ehlo", "mail", "rcpt", "rcpt", "data", "eod", "quit")
    ]
    refused = frame[frame["code"] == 550]
    names = ("argument", "enhanced", "enhanced_class", "code_class", "latency_ms")
    assert _row(refused, *names) == ["TO:<no@example.test>", "5.1.1", 5, 5, 1.0]


def test_the_content_and_its_dot_are_one_exchange() -> None:
    frame = tables.make("exchanges", events(logs.plain()))
    eod = frame[frame["step"] == "eod"]
    assert _row(eod, "bytes_sent", "wait_ms") == [65_536 + 1_234 + 3, 9.0]


def test_thinking_is_nobody_s_latency() -> None:
    row = tables.make("sessions", events(logs.plain()))
    assert _row(row, "other_ms") == [pytest.approx(700.0, abs=0.01)]
    assert tables.make("exchanges", events(logs.plain()))["latency_ms"].max() < 10


def test_each_recipient_has_its_own_verdict() -> None:
    frame = tables.make("transactions", events(logs.plain()))
    assert list(frame["rcpt_to"]) == ["ok@example.test", "no@example.test"]
    assert list(frame["outcome"]) == ["delivered", "rejected"]
    assert list(frame["final_code"]) == [250, 550]
    assert frame["queue_id"].iloc[0] == "E056A284323"


@pytest.mark.parametrize(
    ("record", "outcome", "reason"),
    [
        ("cancelled_in_body", "aborted", "Cancelled"),
        ("unknown", "unknown", "DeadlineExceeded"),
    ],
)
def test_a_message_that_was_cut_short_says_what_is_known(
    record: str, outcome: str, reason: str
) -> None:
    frame = tables.make("transactions", events(RECORDS[record]()))
    assert _row(frame, "outcome", "reason") == [outcome, reason]


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ("plain", "success"),
        ("cancelled_in_body", "cancelled"),
        ("unknown", "io-timeout"),
        ("refused_at_connect", "connection-refused"),
    ],
)
def test_a_session_has_an_outcome(record: str, outcome: str) -> None:
    frame = tables.make("sessions", events(RECORDS[record]()))
    assert list(frame["outcome"]) == [outcome]


def test_a_session_that_goes_on_has_no_outcome_yet() -> None:
    frame = tables.make("sessions", events(logs.opened().record))
    assert frame["outcome"].isna().all()


def test_tls_stands_in_the_row_of_its_session() -> None:
    frame = tables.make("sessions", events(logs.starttls()))
    names = ("tls_mode", "tls_version", "tls_verified", "tls_ms", "starttls_ms")
    assert _row(frame, *names) == ["starttls", "TLSv1.3", True, 12.0, 1.02]
    assert str(frame["cert_not_after"].iloc[0]) == "2027-01-01 00:00:00+00:00"


def test_a_secret_stands_nowhere_and_the_rows_say_so() -> None:
    frame = tables.events_frame(events(logs.starttls()))
    cut = frame[frame["redacted"]]
    assert list(cut["step"]) == ["auth", "auth"]
    assert list(cut["event"]) == ["command", "reply"]


def test_replies_to_a_group_find_their_commands() -> None:
    frame = tables.make("exchanges", events(logs.pipelined()))
    group = frame[frame["pipelined"]]
    assert list(group["verb"]) == ["MAIL", "RCPT", "RCPT", "DATA", ".", "QUIT"]
    assert list(group["code"]) == [250, 250, 450, 354, 250, 221]


def test_since_gives_only_what_is_new() -> None:
    session = logs.opened()
    transcript = Transcript([session.record])
    first = transcript.since(0)
    assert len(first) == len(transcript)
    assert len(transcript.since(first.cursor)) == 0
    session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
    second = transcript.since(first.cursor)
    assert [event.event for event in second] == ["command", "reply"]
    assert second.cursor == transcript.cursor


def test_since_goes_on_over_the_next_connection() -> None:
    records = [logs.plain()]
    transcript = Transcript(records)
    cursor = transcript.since(0).cursor
    records.append(logs.starttls())
    new = transcript.since(cursor)
    assert {event.session_id for event in new} == {records[1].session_id}
    assert [*transcript] == [*events(records[0]), *events(records[1])]


def test_a_transcript_can_be_pickled() -> None:
    transcript = Transcript([logs.plain()])
    assert list(pickle.loads(pickle.dumps(transcript))) == list(transcript)


def test_every_column_is_described() -> None:
    described = schema.dictionary()
    assert described["meaning"].str.len().min() > 0
    assert list(described["table"].unique()) == [*schema.TABLES]
