from __future__ import annotations

import pandas as pd
import pytest

from smtpnb.analysis import describe_lint, lint, plot_lint
from smtpnb.transcript import Transcript
from tests.transcript.logs import Log


def _findings(rcpt: bytes, server: str) -> pd.DataFrame:
    talk = Log()
    talk.connect()
    talk.greeting(b"220 mx.example.test ESMTP\r\n")
    talk.say("rcpt", b"RCPT TO:<b@c.test>\r\n", rcpt)
    talk.say("help", b"HELP\r\n", b"502 No\r\n")
    return lint(Transcript([talk.close()])).assign(server=server)


@pytest.fixture
def two() -> pd.DataFrame:
    return pd.concat(
        [_findings(b"503 No\r\n", "good:25"), _findings(b"250 Ok\r\n", "bad:25")]
    )


def _texts(findings: pd.DataFrame, by: str = "server") -> list[str]:
    (ax,) = plot_lint(findings, by=by).axes
    return [text.get_text() for text in ax.texts]


def _labels(findings: pd.DataFrame) -> list[str]:
    (ax,) = plot_lint(findings).axes
    return [label.get_text() for label in ax.get_yticklabels()]


def test_each_cell_says_its_verdict_in_a_word(two: pd.DataFrame) -> None:
    assert _texts(two) == ["PASS", "FAIL", "WARN", "WARN"]


def test_a_question_that_did_not_come_up_is_a_dash(two: pd.DataFrame) -> None:
    unasked = two[(two["server"] == "bad:25") | (two["rule"] != "mail-first")]
    assert _texts(unasked)[:2] == ["-", "FAIL"]


def test_rows_are_rules_with_their_section_the_worst_first(two: pd.DataFrame) -> None:
    rules = ["mail-first   RFC 5321 3.3", "help   RFC 5321 4.1.1.8"]
    assert _labels(two) == rules


def test_rules_that_nobody_broke_are_counted_and_not_drawn(two: pd.DataFrame) -> None:
    (ax,) = plot_lint(two).axes
    kept = two["rule"].nunique() - 2
    assert f"n = 2 of 2 (server); {kept} rules" in ax.get_xlabel()


def test_for_one_server_the_sentence_stands_in_the_cell(two: pd.DataFrame) -> None:
    one = two[two["server"] == "bad:25"]
    assert _texts(one)[0] == "FAIL  RCPT was accepted without MAIL"


def test_columns_may_be_anything_the_frame_has(two: pd.DataFrame) -> None:
    days = two.assign(day=["Monday"] * len(two))
    assert len(_texts(days, by="day")) == 2
    with pytest.raises(KeyError):
        plot_lint(two, by="nothing")


def test_nothing_wrong_and_nothing_at_all_are_said(two: pd.DataFrame) -> None:
    assert _texts(two[two["verdict"] == "PASS"]) == ["nothing was found wrong"]
    assert _texts(two.head(0)) == ["nothing was found wrong"]
    assert describe_lint(two.head(0)) == "No session was judged."


def test_no_more_than_twelve_columns_are_drawn(two: pd.DataFrame) -> None:
    many = pd.concat([two.assign(server=f"mx{i}") for i in range(20)])
    assert len(_texts(many)) == 24
    (ax,) = plot_lint(many).axes
    assert ax.get_xlabel().startswith("n = 12 of 20")


def test_the_words_count_and_name_what_is_wrong(two: pd.DataFrame) -> None:
    words = describe_lint(two)
    assert "bad:25: FAIL 1 (mail-first), WARN 1 (help), PASS " in words
    assert plot_lint(two).alt == words  # type: ignore[attr-defined]
