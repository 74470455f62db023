"""Each `%smtp` has exactly one output, wherever it stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from IPython.utils.capture import capture_output

from smtpnb.notebook.magics import load, unload
from smtpnb.notebook.render import Shown

if TYPE_CHECKING:
    from collections.abc import Callable


def answered(run: Callable[[str], Any], cell: str) -> list[str]:
    """Run a cell; return the outputs of `display`, and that of the last expression."""
    with capture_output() as seen:
        last = run(cell)
    shown = [output.data["text/plain"] for output in seen.outputs]
    return shown if last is None else [*shown, repr(last)]


LOOP = "for n in range(3):\n    %smtp noop"
FUNCTION = "def ask(text):\n    %smtp noop {text}\n"
CELLS = [
    ("%smtp noop", 1),
    ("%smtp noop\n%smtp noop", 2),
    ("%smtp noop\nx = 1", 1),
    (LOOP, 3),
    (f"{LOOP}\n%smtp noop", 4),
    ("if True:\n    %smtp noop", 1),
    ("try:\n    %smtp noop\nfinally:\n    %smtp noop", 2),
    (f"{FUNCTION}ask('a'); ask('b')", 2),
    (f"{FUNCTION}ask('a')\nask('b')", 2),
    ("class A:\n    %smtp noop", 1),
    ("async def f():\n    %smtp noop\nawait f()", 1),
    ("%smtp noop;", 0),
    ("%smtp noop;\n%smtp noop;", 0),
    ("r = %smtp noop\ns = %smtp noop", 0),
    ("%smtp r << noop\n%smtp s << noop", 0),
    ("%%time\n%smtp noop", 1),
    ("%%time\n%smtp noop\n%smtp noop", 2),
    (f"%%time\n{LOOP}", 3),
    ("%%capture kept\n%smtp noop\n%smtp noop", 0),
    ("%smtp noop\n'another value'", 1),
]


@pytest.mark.parametrize(("cell", "answers"), CELLS)
def test_a_command_shows_its_answer_once(
    run: Callable[[str], Any], cell: str, answers: int
) -> None:
    run("%smtp connect sandbox;")
    run("%smtp ehlo;")
    # The browser of other tests keeps a loop running in this thread; a cell that awaits
    # something runs one of its own.
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        assert sum("250 2.0.0" in one for one in answered(run, cell)) == answers
    finally:
        asyncio._set_running_loop(loop)


@pytest.mark.parametrize(
    ("how", "answers"), [("all", 2), ("last", 2), ("last_expr", 2), ("none", 0)]
)
def test_what_the_shell_is_told_to_show_is_kept_to(
    run: Callable[[str], Any], shell: Any, how: str, answers: int
) -> None:
    run("%smtp connect sandbox;")
    before = shell.ast_node_interactivity
    shell.ast_node_interactivity = how
    try:
        with capture_output() as seen:
            last = run("%smtp noop\n%smtp noop")
    finally:
        shell.ast_node_interactivity = before
    by_ipython = {"all": 2, "none": 0}.get(how, 1)
    assert (last is not None) == bool(by_ipython)
    assert len(seen.outputs) + by_ipython == answers


def test_an_expression_sees_the_names_of_its_function(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;\n%smtp mail a@b.example;")
    with capture_output():
        run("def rcpt(who):\n    %smtp rcpt {who}@c.example\nrcpt('ann')")
    assert "RCPT TO:<ann@c.example>" in run("%smtp transcript text")


def test_a_refusal_in_the_middle_is_seen(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;\n%smtp mail a@b.example;")
    run("%smtp sandbox fault rcpt nobody@* --reply '550 5.1.1 No such user'")
    shown = answered(run, "%smtp rcpt nobody@x.example\n%smtp rcpt bob@x.example")
    assert ["550" in one for one in shown] == [True, False]


def test_what_follows_load_ext_in_its_cell_is_shown_too(shell: Any) -> None:
    """As in the first cell of the README: a person pastes it whole."""
    unload(shell)
    shell.extension_manager.loaded.discard("smtpnb")
    with capture_output() as seen:
        result = shell.run_cell(
            "%load_ext smtpnb\n%smtp connect sandbox\n%smtp ehlo;\n"
            "for _ in range(2):\n    %smtp noop\n"
            "%smtp noop"
        )
    shown = [output.data["text/plain"] for output in seen.outputs]
    assert [text[:3] for text in [*shown, repr(result.result)]] == ["220", *["250"] * 3]


def test_the_transformer_goes_with_the_extension(shell: Any) -> None:
    transformers = list(shell.ast_transformers)
    unload(shell)
    assert len(shell.ast_transformers) == len(transformers) - 1
    load(shell)
    load(shell)
    assert len(shell.ast_transformers) == len(transformers)


def test_lines_stay_lines_in_html(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    for line in ("", "transcript text"):
        shown = run(f"%smtp {line}")
        assert isinstance(shown, Shown)
        html = shown._repr_html_()
        assert "\\x0a" not in html
        assert html.count("\n") == str(shown).count("\n") > 0


def test_text_is_inert_in_html_but_for_its_line_ends() -> None:
    html = Shown("a<b>\n\x1b[31m\r\n\u202e$x$")._repr_html_()
    assert "a&lt;b&gt;\n\\x1b[31m\\x0d\n\\u202e$x$</pre>" in html
