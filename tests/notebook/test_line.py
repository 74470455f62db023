from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from smtpnb.notebook.line import expand, words

NAMES = {"x": "X", "n": 7, "octets": b"\x00", "d": {"a b": "c{d}"}}


def evaluate(expression: str) -> Any:
    return eval(expression, dict(NAMES))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  noop  ", ["noop"]),
        ("MAIL FROM:<a@b> SIZE=9", ["MAIL", "FROM:<a@b>", "SIZE=9"]),
        ('RCPT TO:<"a b"@c>', ["RCPT", 'TO:<"a b"@c>']),
        ("vrfy O'Brien it's", ["vrfy", "O'Brien", "it's"]),
        (r"--ca C:\tmp\x", ["--ca", r"C:\tmp\x"]),
        ("auth pass$$word #1", ["auth", "pass$$word", "#1"]),
        ("--reply='550 No no'", ["--reply='550 No no'"]),
        ("--reply '550 No no'", ["--reply", "'550 No no'"]),
        ("a{x}b {n}", ["aXb", "7"]),
        ("{x}", ["X"]),
        ("{d['a b']}", ["c{d}"]),
        ("a{b", ["a{b"]),
        ("a}b", ["a}b"]),
    ],
)
def test_a_line_is_cut_at_its_spaces_and_kept_as_typed(
    line: str, expected: list[str]
) -> None:
    assert [word.text for word in words(line, evaluate)] == expected


@pytest.mark.parametrize(
    ("typed", "bare"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        ('--reply="a b"', "--reply=a b"),
        ('x="a b"', 'x="a b"'),
        ("'", "'"),
    ],
)
def test_only_the_value_of_an_option_loses_its_quotes(typed: str, bare: str) -> None:
    (word,) = words(typed, evaluate)
    assert word.unquoted == bare


def test_a_word_that_is_one_expression_passes_the_object() -> None:
    (word,) = words("{octets}", evaluate)
    assert word.is_value
    assert word.value == b"\x00"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('vrfy "a b', "is not closed"),
        ("a {nope}", "NameError"),
        ("a{octets}b", "gives octets"),
        ("{1/0}", "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(line: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        words(line, evaluate)


def test_the_text_of_a_value_is_not_expanded_again() -> None:
    assert expand("<{d['a b']}>", evaluate) == "<c{d}>"


@given(st.text(st.characters(exclude_characters="{\"'", codec="utf-8")))
@example("a}}b } }}}")
def test_without_quotes_and_values_words_are_those_of_split(line: str) -> None:
    expected = [word.replace("}}", "}") for word in line.split()]
    assert [word.text for word in words(line, evaluate)] == expected


@pytest.mark.parametrize("value", [25, 2.5, Path("a b"), "x y"])
def test_a_value_that_has_a_text_is_its_text(value: object) -> None:
    (word,) = words("{value}", lambda _: value)
    assert (word.text, word.spoken, word.value) == (str(value), str(value), value)


@pytest.mark.parametrize("value", [b"x", None, object(), ["a"]])
def test_a_value_that_is_no_text_is_never_spoken(value: object) -> None:
    (word,) = words("{value}", lambda _: value)
    assert word.value is value
    with pytest.raises(UsageError, match="here text is needed"):
        word.spoken  # noqa: B018  # it raises
