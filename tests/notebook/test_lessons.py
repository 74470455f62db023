"""The exercises: no before they were done, no to what is wrong, yes to the solution."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from smtpnb import Sandbox, SmtpClient
from smtpnb.notebook.exercises import EXERCISES
from smtpnb.notebook.lessons import Course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTEBOOK = Path(__file__).parents[2] / "notebooks/05-learn-smtp.ipynb"
NUMBERS = range(1, len(EXERCISES) + 1)
HELLO = "%smtp connect {sandbox}\n%smtp ehlo client.example\n"
MAIL = f"{HELLO}%smtp mail from:<ann@client.example>\n"
LOG_IN = "%smtp connect {sandbox} --tls starttls\n%smtp auth ann {guess}\n"
SENT = "From: ann@client.example\nTo: bob@sandbox.example\nSubject: first\n\nx\n"
LETTER = "%%smtp data\nSubject: {}\n\n{}\n"


def _to(*names: str) -> str:
    return "".join(f"%smtp rcpt to:<{name}@sandbox.example>\n" for name in names)


@pytest.fixture
def course(shell: Any) -> Iterator[Course]:
    with Course() as course:
        shell.user_ns.update(course=course, sandbox=course.sandbox, guess="x")
        yield course
        shell.run_cell("%smtp disconnect")


def _do(shell: Any, *cells: str) -> None:
    for cell in cells:
        with contextlib.suppress(Exception):  # an exercise may end in a red line
            shell.run_cell(cell)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_solution_is_right_and_nothing_is_not(
    number: int, shell: Any, course: Course
) -> None:
    assert "begins it" in course.check(number).text
    course.task(number)
    assert course.check(number).right is False
    _do(shell, *EXERCISES[number - 1].solution)
    verdict = course.check(number)
    assert verdict.right, verdict
    course.task(number)  # begun again: what was done before does not count
    assert course.check(number).right is False


# By exercise: cells that come near, and what is said to be missing.
WRONG: list[tuple[int, tuple[str, ...], str]] = [
    (1, ("%smtp connect {sandbox}",), "no EHLO"),
    (1, ("%smtp connect {sandbox}\n%smtp helo me\n%smtp quit",), "no EHLO"),
    (1, (HELLO + "%smtp disconnect",), "did not end with QUIT"),
    (2, (HELLO,), "no MAIL"),
    (2, (MAIL,), "no RCPT"),
    (2, (MAIL + _to("bob"),), "DATA is missing"),
    (2, (MAIL + _to("bob") + "%smtp data\n%smtp disconnect",), "no end"),
    (2, (MAIL + _to("bob"), LETTER.format("second", "x")), "not 'first'"),
    (2, (MAIL + _to("carol"), LETTER.format("first", "x")), "no RCPT to bob"),
    (2, (HELLO, f"%%smtp send\n{SENT}"), "came by BDAT, as send does it"),
    (3, (MAIL + _to("bob", "carol"), LETTER.format("x", "x")), "one session"),
    (3, (MAIL + _to("bob", "nobody", "carol"),), "no message"),
    (
        3,
        (
            MAIL + _to("bob", "nobody", "carol") + "%smtp rset\n",
            MAIL + _to("bob"),
            LETTER.format("x", "x"),
            MAIL + _to("carol"),
            LETTER.format("x", "x"),
        ),
        "no message for bob and carol together",
    ),
    (
        4,
        (
            MAIL + _to("bob") + "%smtp data\n"
            "%smtp raw {b'Subject: x\\r\\n\\r\\na\\r\\n.\\r\\nb\\r\\n'} --replies 2",
        ),
        "ended at the lone dot",
    ),
    (4, (MAIL + _to("bob"), LETTER.format("x", "a.b")), "no message"),
    (4, (MAIL + _to("bob"), LETTER.format("x", "above\n.")), "no message"),
    (5, (HELLO + _to("bob"),), "before MAIL"),
    (5, (HELLO + "%smtp rcpt to:<bob@x.example> --lax",), "now MAIL"),
    (
        5,
        (HELLO + "%smtp rcpt to:<b@x.example> --lax\n", MAIL + _to("b")),
        "same session",
    ),
    (6, (MAIL + _to("bob"), LETTER.format("private", "x")), "no STARTTLS"),
    (
        6,
        (
            HELLO + "%smtp starttls\n%smtp mail from:<ann@client.example> --lax",
            _to("bob"),
        ),
        "EHLO is due again",
    ),
    (
        6,
        (
            HELLO + "%smtp starttls\n%smtp ehlo me\n%smtp quit",
            MAIL + _to("bob"),
            LETTER.format("private", "x"),
        ),
        "came in clear",
    ),
    (7, ("%smtp connect {sandbox}\n%smtp ehlo me",), "no wrong password"),
    (
        7,
        (HELLO + "%smtp auth ann {guess} --lax --allow-cleartext-auth",),
        "STARTTLS first",
    ),
    (
        7,
        (LOG_IN,),
        "right one",
    ),
    (
        7,
        (
            LOG_IN + "%smtp auth ann {course.password}\n%smtp quit",
            MAIL + _to("bob"),
            LETTER.format("x", "x"),
        ),
        "now her message",
    ),
    (8, (MAIL + _to("carol"), LETTER.format("x", "x")), "no RCPT to dave"),
    (8, (MAIL + _to("dave") + "%smtp quit",), "nobody came back"),
    (9, (HELLO + "%smtp quit",), "no NOOP"),
    (9, (HELLO + "%smtp noop --timeout 0.2",), "a later one"),
    (
        9,
        (HELLO + "%smtp quit\n" + HELLO + "%smtp noop --timeout 0.2",),
        "a later one",
    ),
    (10, (MAIL + _to("erin"), LETTER.format("x", "x")), "frank"),
    (
        10,
        (
            MAIL + _to("erin"),
            LETTER.format("x", "x"),
            MAIL + _to("frank"),
            LETTER.format("x", "x"),
        ),
        "frank's order did not arrive",
    ),
    (
        10,
        (MAIL + _to("erin"), LETTER.format("x", "x")) * 2,
        "erin's order arrived 2 times",
    ),
    (
        10,
        (MAIL + _to("erin", "frank"), LETTER.format("x", "x")) * 2,
        "one message went to both",
    ),
    (
        6,  # first for everybody to read, then once more
        (
            MAIL + _to("bob"),
            LETTER.format("private", "x"),
            "%smtp starttls\n%smtp ehlo client.example\n"
            "%smtp mail from:<ann@client.example>\n" + _to("bob"),
            LETTER.format("private", "x"),
        ),
        "came in clear",
    ),
    (
        7,  # the message in another session
        (
            LOG_IN + "%smtp auth ann {course.password}",
            "%smtp connect {sandbox} --tls starttls\n%smtp auth ann {course.password}\n"
            "%smtp mail from:<ann@client.example>\n" + _to("bob"),
            LETTER.format("x", "x"),
        ),
        "in the same session",
    ),
]


@pytest.mark.parametrize(("number", "cells", "said"), WRONG)
def test_what_comes_near_is_not_right(
    number: int, cells: tuple[str, ...], said: str, shell: Any, course: Course
) -> None:
    course.task(number)
    _do(shell, *cells)
    verdict = course.check(number)
    assert verdict.right is False
    assert said in verdict.text


@pytest.mark.parametrize(
    ("number", "cells"),
    [
        (2, (MAIL + _to("Bob"), LETTER.format("first", "x"))),
        (3, (MAIL + _to("Bob", "Nobody", "Carol"), LETTER.format("x", "x"))),
        (4, (MAIL + _to("bob"), "%%smtp data\nno header\n.\nbelow\n")),
    ],
)
def test_what_is_written_otherwise_is_right(
    number: int, cells: tuple[str, ...], shell: Any, course: Course
) -> None:
    course.task(number)
    _do(shell, *cells)
    assert course.check(number).right


def test_every_exercise_is_tried_wrongly() -> None:
    assert {number for number, *_ in WRONG} == set(NUMBERS)


def test_what_another_server_heard_does_not_count(course: Course) -> None:
    course.task(1)
    with Sandbox() as other, SmtpClient() as client:
        client.connect(other)
        client.ehlo("client.example")
        client.quit()
    assert course.check(1).right is False
    assert "0 of 10 done" in course.score().head


@pytest.mark.parametrize("number", NUMBERS)
def test_hints_end_in_the_solution(number: int) -> None:
    with Course() as course:
        exercise = EXERCISES[number - 1]
        for hint in exercise.hints:
            assert course.hint(number).text == hint
        for cell in exercise.solution:
            assert cell in course.hint(number).code


def test_there_is_no_eleventh(run: Callable[[str], Any]) -> None:
    run("from smtpnb.notebook.lessons import Course\ncourse = Course()")
    for word in ("task", "hint", "check"):
        with pytest.raises(ValueError, match="1 to 10"):
            run(f"course.{word}(11)")
    run("course.stop()")


def test_a_card_is_inert(course: Course, shell: Any) -> None:
    course.task(2)
    _do(shell, MAIL + _to("bob"), LETTER.format("<b>x</b>", "x"))
    verdict = course.check(2)
    assert "<b>x</b>" in repr(verdict)
    assert "<b>x</b>" not in verdict._repr_html_()


def _notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def _verdicts(notebook: Any) -> list[str]:
    said = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if "course.check(" in cell.source
        for output in cell.get("outputs", [])
        if output["output_type"] == "execute_result"
    ]
    return [each.split("\n")[0] for each in said]


def test_the_stored_notebook_shows_the_tasks_and_no_verdict_but_not_yet() -> None:
    notebook = _notebook()
    shown = nbformat.writes(notebook)
    for number, exercise in enumerate(EXERCISES, 1):
        assert f"{number}. {exercise.title}" in shown
    assert _verdicts(notebook) == ["Not yet"] * len(EXERCISES)


def test_the_notebook_says_right_ten_times_to_who_does_the_exercises() -> None:
    notebook = _notebook()
    cells = []
    for cell in notebook.cells:
        number = cell.metadata.get("exercise")
        if number is None:
            cells.append(cell)
            continue
        for source in EXERCISES[number - 1].solution:
            new = nbformat.v4.new_code_cell(source)
            new.metadata["tags"] = ["raises-exception"]  # red lines are in the plan
            cells.append(new)
    notebook.cells = cells
    NotebookClient(notebook, timeout=30, kernel_name="python3").execute()
    assert _verdicts(notebook) == ["Right"] * len(EXERCISES)
    assert "10 of 10 done" in nbformat.writes(notebook)
