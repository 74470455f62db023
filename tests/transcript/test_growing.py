"""What grows costs by what is new; what is shown is its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpnb import SavedTranscript, Transcript
from smtpnb.transcript.tables import exchanges
from tests.transcript import logs
from tests.transcript.books import Dialogue

if TYPE_CHECKING:
    from smtpnb.wire.record import Record


def _copy(record: Record) -> Record:
    log = logs.Log(record.host)
    log.record._session_id, log.record.run_id = record.session_id, record.run_id
    return log.record


@given(st.lists(st.integers(0, 999), min_size=1, max_size=3), st.data())
@settings(max_examples=8, deadline=None)
def test_a_table_that_grew_is_the_table_of_the_whole(
    seeds: list[int], data: st.DataObject
) -> None:
    records: list[Record] = []
    transcript = Transcript(records)
    for seed in seeds:
        whole, _ = Dialogue(seed).run()
        records.append(_copy(whole))
        while len(records[-1].log) < len(whole.log):
            more = data.draw(st.integers(1, 40))
            records[-1].log += whole.log[len(records[-1].log) :][:more]
            before = transcript.exchanges()
            copy = before.copy(deep=True)
            anew = Transcript(list(records)).exchanges()
            pd.testing.assert_frame_equal(before, anew)
            transcript.exchanges()
            pd.testing.assert_frame_equal(before, copy)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many exchanges were made, by each time that some were."""
    made: list[int] = []
    real: Any = exchanges.frame

    def counted(events: pd.DataFrame) -> pd.DataFrame:
        frame: pd.DataFrame = real(events)
        made.append(len(frame))
        return frame

    monkeypatch.setattr(exchanges, "frame", counted)
    return made


def test_only_what_is_new_is_made_anew(made: list[int]) -> None:
    session = logs.opened()
    transcript = Transcript([logs.plain(), session.record])
    for _ in range(300):
        session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
    n_rows = len(transcript.exchanges())
    assert sum(made) == n_rows
    for _ in range(20):
        made.clear()
        session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
        n_rows += 1
        assert len(transcript.exchanges()) == n_rows
        # The new one, and the one before it: content could still have belonged to it.
        assert sum(made) == 2


def test_what_waits_all_the_time_keeps_nothing_from_being_settled(
    made: list[int],
) -> None:
    session = logs.opened()
    transcript = Transcript([session.record])
    waiting = session.send(("noop", "NOOP", b"NOOP\r\n"))
    n_rows = len(transcript.exchanges())
    for _ in range(40):
        made.clear()
        # As in a stream with overlap: the next leaves before the reply to the last.
        waiting += session.send(("noop", "NOOP", b"NOOP\r\n"))
        session.reply(b"250 Ok\r\n", waiting.pop(0))
        n_rows += 1
        assert len(transcript.exchanges()) == n_rows
        # The one before the reply, the one with it, the one that waits.
        assert sum(made) <= 3


def test_a_reply_that_comes_too_late_is_in_the_table_all_the_same() -> None:
    session = logs.opened()
    transcript = Transcript([session.record])
    for _ in range(5):
        session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
        transcript.exchanges()
    session.reply(b"421 Bye\r\n", 2)
    anew = Transcript([session.record]).exchanges()
    pd.testing.assert_frame_equal(transcript.exchanges(), anew)


def test_replies_to_one_message_stand_together_whenever_the_table_is_asked_for() -> (
    None
):
    """LMTP (RFC 2033 section 4.2): QUIT left with the end of the message."""
    session = logs.opened()
    transcript = Transcript([session.record])
    session.group(logs.MAIL, logs.OK_TO, logs.OK_TO, logs.DATA)
    session.replies(b"250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n", 2)
    dot = session.group(("body", None, None, 500, 10), logs.DOT, logs.QUIT)
    for number in (dot, dot, dot + 1):
        session.reply(b"250 Ok\r\n", number)
        grown = transcript.exchanges()
        anew = Transcript([session.record]).exchanges()
        pd.testing.assert_frame_equal(grown, anew)
    session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
    for table in (transcript.exchanges(), Transcript([session.record]).exchanges()):
        last = table["verb"].astype("str").tolist()[-4:]
        assert last == [".", ".", "QUIT", "NOOP"]


def _long(n: int) -> Transcript:
    session = logs.opened()
    for number in range(n):
        session.say("noop", b"NOOP %d\r\n" % number, b"250 Ok\r\n")
    return Transcript([logs.plain(), session.record])


@pytest.mark.parametrize("saved", [False, True])
def test_only_the_end_of_a_transcript_is_drawn(
    saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript: Any = _long(1000)
    n_events = len(transcript)
    if saved:
        transcript = SavedTranscript(transcript.events())

    def never() -> None:
        raise AssertionError("all events were made")

    monkeypatch.setattr(transcript, "_events", never)
    for shown in (transcript._repr_html_(), str(transcript)):
        assert f"{n_events - 400:,}".replace(",", " ") + " earlier events" in shown
        assert "NOOP 999" in shown
        assert "NOOP 700" not in shown
    monkeypatch.undo()
    assert "NOOP 0\n" in transcript.text()


def test_the_end_of_a_transcript_may_be_of_several_sessions() -> None:
    transcript = Transcript([logs.plain(), logs.starttls()])
    assert "left out" not in transcript._repr_html_()
    last, before = transcript._last(30)
    assert [*last] == [*transcript][-30:]
    assert before == len(transcript) - 30


@pytest.mark.parametrize("which", [0, 1, -1, -2])
def test_a_session_is_had_without_the_others(which: int) -> None:
    records = [logs.plain(), logs.starttls()]
    found = Transcript(records).session(which)
    assert {event.session_id for event in found} == {records[which].session_id}
    assert [*Transcript(records).session(records[which].session_id)] == [*found]


@pytest.mark.parametrize("which", [2, -3, "nobody"])
def test_there_is_no_such_session(which: int | str) -> None:
    with pytest.raises(LookupError, match="among 2"):
        Transcript([logs.plain(), logs.starttls()]).session(which)
