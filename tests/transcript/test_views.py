"""The transcript as text and as HTML: swaks' hints, and nothing that acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Transcript
from tests.transcript import logs

if TYPE_CHECKING:
    from smtpnb.wire.record import Record


def _text(record: Record) -> str:
    return Transcript([record]).text()


def test_the_hints_tell_who_spoke_and_how() -> None:
    said = _text(logs.starttls()).splitlines()
    assert said[0] == "=== Session with mx1.example.test port 25"
    assert "=== Connected to 192.0.2.1 port 25" in said
    assert "<-  220 mx1 ESMTP Postfix" in said
    assert " -> EHLO client.test" in said
    assert "=== TLS started TLSv1.3 TLS_AES_256_GCM_SHA384" in said
    assert " ~> EHLO client.test" in said
    assert "<~  250 STARTTLS" in said
    assert "<~* 535 5.7.8 no <secret 24 bytes>" in said
    assert said[-1] == "=== Connection closed (quit)"


def test_one_session_can_be_taken_by_number_or_by_name() -> None:
    records = [logs.plain(), logs.starttls(), logs.unknown()]
    transcript = Transcript(records)
    assert transcript.session().text() == _text(records[2])
    assert transcript.session(0).text() == _text(records[0])
    second = transcript.session(records[1].session_id)
    assert second.text() == _text(records[1])
    assert repr(second) == f"<Excerpt: {len(second)} events>"
    for missing in (3, -4, "no such id"):
        with pytest.raises(LookupError, match="among 3"):
            transcript.session(missing)


def test_content_is_one_line() -> None:
    assert " -> (content: 66 770 octets, 930 lines)" in _text(logs.plain())


def test_a_fault_says_what_became_of_the_message() -> None:
    said = _text(logs.unknown())
    assert "*** DeadlineExceeded during eod: no reply in 0.6 s" in said
    assert "(message: unknown)" in said


def test_times_can_stand_before_the_lines() -> None:
    said = Transcript([logs.plain()]).text(times=True).splitlines()
    assert said[0].split()[0] == "0.000"
    assert float(said[-1].split()[0]) > 700


def _hostile() -> Transcript:
    session = logs.opened()
    text = b"250 <script>alert(1)</script> \x1b[2J \xe2\x80\xae\xe2\x80\xa8 &amp;\r\n"
    session.say("noop", b"NOOP <b>\r\n", text)
    return Transcript([session.close()])


def test_nothing_of_a_server_acts_in_a_terminal() -> None:
    said = _hostile().text()
    assert r"\x1b[2J \u202e\u2028" in said
    assert all(line.isprintable() for line in said.splitlines())


def test_nothing_of_a_server_acts_in_a_page() -> None:
    html = _hostile()._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "&amp;amp;" in html
    assert "\x1b" not in html


def test_a_long_transcript_shows_its_end() -> None:
    session = logs.opened()
    for _ in range(300):
        session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
    html = Transcript([session.close()])._repr_html_()
    assert "earlier lines left out" in html
    assert html.count("<span") == 200
