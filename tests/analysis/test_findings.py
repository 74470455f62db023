"""The report of `lint`: words, one line for what passed, nothing that acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import pytest
from matplotlib.text import Text

from smtpnb.analysis import describe_lint, lint, plot_lint
from smtpnb.analysis.lint.findings import Findings, summary
from smtpnb.transcript import Transcript
from tests.analysis.page import Page
from tests.transcript.logs import Log

if TYPE_CHECKING:
    from smtpnb.wire.record import Record

HOSTILE: Final = b"<script>alert(1)</script>\x1b]52;c;eA==\x07\xe2\x80\xae"


def transcript(reply: bytes = b"Ok") -> Transcript:
    return Transcript([_log(reply)])


def _log(reply: bytes = b"Ok") -> Record:
    talk = Log()
    talk.connect()
    talk.greeting(b"220 mx.example.test ESMTP\r\n")
    talk.say("rcpt", b"RCPT TO:<b@c.test>\r\n", b"250 " + reply + b"\r\n")
    talk.say("help", b"HELP\r\n", b"502 " + reply + b"\r\n")
    talk.say("quit", b"QUIT\r\n", b"221 Bye\r\n")
    return talk.close()


@pytest.fixture
def findings() -> Findings:
    return lint(transcript())


def test_the_text_says_verdict_sentence_rule_section_and_evidence(
    findings: Findings,
) -> None:
    lines = str(findings).splitlines()
    assert lines[0].startswith("Findings of mx1.example.test:25: 1 FAIL, 1 WARN,")
    assert (
        lines[1] == "FAIL  RCPT was accepted without MAIL  [mail-first, RFC 5321 3.3]"
    )
    assert lines[2] == "      exchange 1: RCPT TO:<b@c.test> -> 250 Ok"
    assert lines[3].startswith("WARN  HELP is not supported")
    assert lines[-1].startswith("PASS  code-in-range, ")
    assert repr(findings) == str(findings)


def test_the_html_says_the_same_in_words(findings: Findings) -> None:
    said = Page(findings._repr_html_()).words
    for words in (
        "FAIL",
        "RCPT was accepted without MAIL",
        "RFC 5321 3.3",
        "mail-first",
    ):
        assert words in said


def test_text_of_a_server_is_inert_in_every_view() -> None:
    found = lint(transcript(HOSTILE))
    page = Page(found._repr_html_())
    assert page.tags <= {"div", "p", "table", "tr", "td", "b", "code", "br"}
    for view in (str(found), found._repr_html_(), "".join(found["reply"])):
        assert "\x1b" not in view
        assert "\x07" not in view
        assert "\u202e" not in view


def test_a_long_line_is_cut_in_the_view_and_whole_in_the_frame() -> None:
    found = lint(transcript(b"x" * 300))
    assert "x" * 161 not in str(found)
    assert "x" * 300 in found["reply"].iloc[0]


def test_a_part_of_the_findings_is_a_report_too(findings: Findings) -> None:
    wrong = findings[findings["verdict"] == "FAIL"]
    assert isinstance(wrong, Findings)
    assert str(wrong).splitlines()[0].endswith("1 FAIL, 0 WARN, 0 PASS")
    assert "PASS  " not in str(wrong)


def test_columns_that_make_no_report_are_shown_as_a_frame(findings: Findings) -> None:
    part = findings[["rule", "verdict"]]
    assert str(part) == str(pd.DataFrame(part))
    assert part._repr_html_() == pd.DataFrame(part)._repr_html_()  # type: ignore[operator]


def test_findings_of_several_servers_are_counted_together(findings: Findings) -> None:
    both = pd.concat([findings, findings.assign(server="mx2.example.test:25")])
    assert summary(both).startswith("Findings of 2 servers: 2 FAIL, 2 WARN")


def test_an_unfinished_conformance_never_looks_clean() -> None:
    frame = lint(transcript())
    frame = frame[frame["verdict"] == "PASS"]
    frame.attrs["asked"] = "asked 10 of 17; ended by 421 Too many errors"
    said = "0 FAIL, 0 WARN"
    for shown in (str(frame), frame._repr_html_(), describe_lint(frame)):
        assert "asked 10 of 17; ended by 421 Too many errors" in shown
    assert said in str(frame)
    words = plot_lint(frame).findobj(Text)
    assert any("asked 10 of 17" in text.get_text() for text in words)


def test_what_several_sessions_show_alike_is_told_once() -> None:
    five = Transcript([_log() for _ in range(5)])
    found = lint(five)
    lines = str(found).splitlines()
    assert lines[0] == lines[0].replace("5 FAIL", "1 FAIL")
    assert lines[1].startswith("FAIL  RCPT was accepted without MAIL (5 times, 5 ses")
    assert sum(line.startswith("WARN  HELP") for line in lines) == 1
    assert len(found[found["verdict"] == "FAIL"]) == 5  # the frame has them all


def test_a_rule_that_was_broken_once_is_not_told_as_kept() -> None:
    broken, kept = Log(), Log()
    for talk, reply in ((broken, b"250 Ok\r\n"), (kept, b"503 MAIL first\r\n")):
        talk.connect()
        talk.greeting(b"220 mx.example.test ESMTP\r\n")
        talk.say("rcpt", b"RCPT TO:<b@c.test>\r\n", reply)
    found = lint(Transcript([broken.close(), kept.close()]))
    assert "PASS" in set(found.loc[found["rule"] == "mail-first", "verdict"])
    assert "mail-first" not in str(found).splitlines()[-1]


def test_a_report_of_very_many_kinds_says_what_it_leaves_out() -> None:
    one = lint(transcript())
    wrong = one[one["verdict"] == "FAIL"]
    many = pd.concat([wrong.assign(what=f"kind {n}") for n in range(100)])
    assert "60 more kinds of findings stand in the frame" in str(many)
    assert "60 more kinds" in many._repr_html_()
    assert len(str(many).splitlines()) < 100
