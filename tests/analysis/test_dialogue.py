from __future__ import annotations

import pytest

from smtpnb import Transcript
from smtpnb.analysis import describe_dialogue, diff_dialogue, side_by_side
from tests.analysis.page import Page
from tests.transcript.logs import Log, cancelled_in_body, opened, plain, starttls


def _one(*records: object) -> Transcript:
    return Transcript(records)  # type: ignore[arg-type]


def _other_server() -> Transcript:
    """As `plain()`, by another server on another day, which refuses nobody."""
    session = Log("mail.other.test")
    session.resolve(2.0, "192.0.2.77")
    session.connect()
    session.greeting(b"220 mail.other.test ESMTP Postfix\r\n")
    ehlo = (
        b"250-mail.other.test\r\n250-SIZE 200000\r\n250-STARTTLS\r\n"
        b"250-AUTH PLAIN LOGIN\r\n250 PIPELINING\r\n"
    )
    session.say("ehlo", b"EHLO client.test\r\n", ehlo)
    session.say("mail", b"MAIL FROM:<a@client.test> SIZE=900\r\n", b"250 2.1.0 Ok\r\n")
    session.say("rcpt", b"RCPT TO:<x@other.test>\r\n", b"250 2.1.5 Ok\r\n")
    session.say("rcpt", b"RCPT TO:<y@other.test>\r\n", b"250 2.1.5 Ok\r\n")
    session.say("data", b"DATA\r\n", b"354 End data with a dot\r\n")
    session.content(500, 10)
    accepted = b"250 2.0.0 Ok: queued as 4Rz0Qd3Xz1z9sWK\r\n"
    session.reply(accepted, session.dot())
    session.say("quit", b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
    return _one(session.close())


def test_a_dialogue_differs_in_nothing_from_itself() -> None:
    frame = diff_dialogue(_one(plain()), _one(plain()))
    assert frame["same"].all()
    assert len(frame) == 16
    assert list(frame["pos"]) == list(range(16))
    assert describe_dialogue(frame) == "All 16 steps are the same."


def test_only_what_the_servers_mean_differs() -> None:
    frame = diff_dialogue(_one(plain()), _other_server())
    different = frame[~frame["same"]]
    assert list(different["step"]) == ["rcpt"]
    assert list(different["a_text"]) == ["550 5.1.1 <no@example.test>: User unknown"]
    assert list(different["b_text"]) == ["250 2.1.5 Ok"]


def test_a_step_of_one_side_stands_alone() -> None:
    frame = diff_dialogue(_one(plain()), _one(starttls()))
    only_a, only_b = frame["b_text"].isna(), frame["a_text"].isna()
    assert set(frame["step"][only_a]) == {"mail", "rcpt", "data", "body", "eod"}
    assert set(frame["step"][only_b]) == {"starttls", "tls", "ehlo", "auth"}
    assert not frame["same"][only_a | only_b].any()
    assert frame["same"].iloc[-1]  # QUIT


def test_two_sessions_of_one_transcript_can_be_compared() -> None:
    both = _one(plain(), starttls())
    frame = diff_dialogue(both, both, session_a=0, session_b=1)
    assert frame.equals(diff_dialogue(_one(plain()), _one(starttls())))
    assert frame.equals(
        diff_dialogue(both.events(), both.events(), session_a=0, session_b=1)
    )


def test_a_fault_is_a_step() -> None:
    frame = diff_dialogue(_one(plain()), _one(cancelled_in_body()))
    assert "(fault: cancelled while sending)" in set(frame["b_text"].dropna())


def test_a_dialogue_in_which_nothing_was_said_has_no_rows() -> None:
    silent = Log()
    silent.connect()
    frame = diff_dialogue(_one(silent.close()), _one(silent.close()))
    assert list(frame.columns) == ["pos", "step", "a_text", "b_text", "same"]
    assert frame.empty
    assert describe_dialogue(frame) == "Neither side said anything."
    assert "Neither" in side_by_side(frame)._repr_html_()


def test_without_a_session_there_is_nothing_to_compare() -> None:
    with pytest.raises(LookupError, match="among 0"):
        diff_dialogue(_one(), _one(plain()))


def test_markup_of_a_server_does_nothing_beside_another() -> None:
    evil = opened()
    evil.say(
        "noop",
        b"NOOP\r\n",
        b'250 <script>alert(1)</script><img src=x onerror="a">\xe2\x80\xae\r\n',
    )
    shown = side_by_side(
        diff_dialogue(_one(evil.close()), _one(plain())), "<b>a</b>", '"><script>'
    )
    page = Page(shown._repr_html_())
    assert page.attributes <= {"style", "title", "class"}
    assert page.tags == {"div", "p", "table", "tr", "th", "td", "b"}
    assert "\u202e" not in shown._repr_html_()
    assert "\u202e" not in str(shown)


def test_a_long_line_leaves_room_for_the_other_side() -> None:
    long = opened()
    long.say("noop", b"NOOP " + b"x" * 600 + b"\r\n", b"250 Ok\r\n")
    page = side_by_side(diff_dialogue(_one(long.close()), _one(plain())))._repr_html_()
    assert "table-layout:fixed;width:100%" in page
    assert page.count("overflow-wrap:anywhere") >= 2


def test_the_text_shows_both_sides_where_they_differ() -> None:
    shown = str(side_by_side(diff_dialogue(_one(plain()), _other_server())))
    assert shown.startswith("16 steps: 15 the same, 1 different (at rcpt).")
    assert "  = data: DATA" in shown
    assert "  = ehlo: 250 mx1.example.test / PIPELINING / SIZE 200000 / " in shown
    assert "  < rcpt: 550 5.1.1 <no@example.test>: User unknown\n" in shown
    assert "  > rcpt: 250 2.1.5 Ok\n" in shown


def test_a_long_dialogue_is_cut_and_says_so() -> None:
    session = opened()
    for _ in range(150):
        session.say("noop", b"NOOP\r\n", b"250 Ok\r\n")
    record = session.close()
    shown = side_by_side(diff_dialogue(_one(record), _one(record)))
    assert "103 more rows left out" in shown._repr_html_()
