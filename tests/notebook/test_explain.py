"""`%smtp explain`: what a server said, as it was pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb.analysis.explain.explain import explain
from smtpnb.notebook.grammar import parse

if TYPE_CHECKING:
    from collections.abc import Callable


def never(expression: str) -> Any:
    raise AssertionError(f"evaluated {expression}")


@pytest.mark.parametrize(
    "text",
    [
        "550",
        "5.7.26",
        "550 5.7.1 no {x}, {{y}}",
        'x 550 5.1.1 "unclosed',
        "550 5.1.1 O'Brien  -- two  spaces",
        "550 {a} {b}",
    ],
)
@pytest.mark.parametrize("head", ["explain", "EXPLAIN", "@one explain", "v << explain"])
def test_a_text_is_literal(head: str, text: str) -> None:
    request = parse(f"{head} {text}", never)
    assert [word.text for word in request.words] == [text]
    assert not request.words[0].is_value
    assert request.command == "explain"


def test_one_expression_is_its_value() -> None:
    request = parse("explain {reply} ;", {"reply": 550}.__getitem__)
    assert request.words[0].value == 550
    assert request.silent


@pytest.mark.parametrize("line", ["explain --help", "explain -h --help", "explain"])
def test_help_and_nothing_are_no_text(line: str) -> None:
    request = parse(line, never)
    assert ("--help" in request.options) == ("--help" in line)


def test_a_text_a_value_a_cell_and_a_session_are_explained(
    run: Callable[[str], Any],
) -> None:
    run("reply = '550 5.7.26 no'")
    expected = str(explain("550 5.7.26 no"))
    assert str(run("%smtp explain 550 5.7.26 no")) == expected
    assert str(run("%smtp explain {reply}")) == expected
    assert str(run("%%smtp explain\n550 5.7.26 no\n")) == expected
    assert str(run("%%smtp explain --expand\n{reply}\n")) == expected
    cell = "550-5.1.1 The {user} is\n550 5.1.1 unknown"
    assert str(run(f"%%smtp explain\n{cell}\n")) == str(explain(cell))
    run("%smtp sandbox fault ehlo --reply '550 5.7.1 Go' --times 1;")
    run("%smtp connect sandbox;\n%smtp ehlo;")
    assert "550 5.7.1" in str(run("%smtp explain"))


def test_what_cannot_be_explained_is_one_line(run: Callable[[str], Any]) -> None:
    with pytest.raises(UsageError, match="no reply code"):
        run("%smtp explain hello {x}")
    with pytest.raises(UsageError, match="takes its cell, and no words"):
        run("%%smtp explain 550\n550\n")


def test_an_explanation_is_words_in_a_terminal(
    run: Callable[[str], Any], shell: Any
) -> None:
    explained = run("%smtp explain 550 5.1.1 no")
    text = shell.display_formatter.format(explained)[0]["text/plain"]
    assert text == str(explained)
