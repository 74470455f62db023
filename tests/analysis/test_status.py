from __future__ import annotations

import pytest

from smtpnb.analysis import status_meaning, status_table
from smtpnb.analysis.replies.registry import DETAILS, REPLY_CODES


@pytest.mark.parametrize(
    ("code", "enhanced", "said"),
    [
        (250, None, "accepted: done"),
        (550, "5.1.1", "refused: bad destination mailbox"),
        (550, "5.7.26", "refused: several authentication checks failed"),
        (250, "2.0.0", "accepted: done"),  # "other" says less than the code
        (550, "5.1.0", "refused: mailbox unavailable"),
        (451, "4.7.1", "refused for now: delivery not authorised"),
        (334, None, "go on: challenge of the authentication"),
    ],
)
def test_a_code_is_said_in_words(code: int, enhanced: str | None, said: str) -> None:
    assert str(status_meaning(code, enhanced)) == said


def test_an_unknown_code_keeps_the_meaning_of_its_first_digit() -> None:
    assert str(status_meaning(422, "4.2.2")) == "refused for now: mailbox full"
    assert str(status_meaning(571)) == "refused"


def test_an_unknown_detail_keeps_the_meaning_of_its_subject() -> None:
    meaning = status_meaning(None, "5.7.606")
    assert meaning.subject_name == "security or policy"
    assert meaning.detail_name == ""
    assert str(meaning) == "refused: security or policy"


def test_what_is_no_code_means_nothing() -> None:
    assert str(status_meaning(None)) == "unknown"
    assert str(status_meaning(999)) == "unknown"
    assert str(status_meaning(0)) == "unknown"
    assert str(status_meaning(None, "1.2.3.4")) == "unknown"
    assert status_meaning(550, "five").enhanced is None


def test_codes_of_two_classes_contradict_each_other() -> None:
    assert status_meaning(550, "4.1.1").contradiction
    assert status_meaning(550, "4.1.1").class_name == "refused"  # the code decides
    assert not status_meaning(550, "5.1.1").contradiction
    assert not status_meaning(550).contradiction
    assert not status_meaning(550, "X.1.1").contradiction


def test_the_basic_codes_of_the_registry_are_told() -> None:
    assert status_meaning(None, "X.7.24").basic_codes == "451 550"
    assert status_meaning(None, "X.7.24").reference == "RFC 7372 3.2"


def test_the_table_holds_every_code_once() -> None:
    table = status_table()
    assert len(table) == len(REPLY_CODES) + len(DETAILS)
    assert table["code"].dropna().is_unique
    assert table["enhanced"].dropna().is_unique
    assert set(table["subject_name"]) >= {"mailbox", "security or policy"}


def test_every_row_has_a_name_and_a_source() -> None:
    table = status_table()
    assert (table["detail_name"] != "").all()
    assert table["reference"].str.contains("RFC|IANA|draft-").all()


def test_every_basic_code_of_the_registry_is_three_digits_or_a_class() -> None:
    codes = {code for detail in DETAILS.values() for code in detail.basic_codes.split()}
    assert all(len(code) == 3 and code[0] in "245" for code in codes)
