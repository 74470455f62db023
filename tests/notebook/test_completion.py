"""Tab offers what may come now, and never anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter

from smtpnb.notebook.completion import Known, candidates
from smtpnb.notebook.grammar import COMMANDS, known_options

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = Known(
    ("main", "two"),
    None,
    ("mx.example:25",),
    ("ann@a.example", ""),
    (("AUTH", ("LOGIN",)), ("DSN", ()), ("SIZE", ("99",))),
)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("%smtp co", ["connect", "command", "conformance", "compare"]),
        ("r = %smtp ehl", ["ehlo"]),
        ("%smtp EH", ["EHLO"]),
        ("%%smtp da", ["data"]),
        ("%smtp @", ["@main", "@two"]),
        ("%smtp @t", ["@two"]),
        ("%smtp @two qu", ["quit"]),
        ("%smtp v << qu", ["quit"]),
        ("%smtp connect ", ["sandbox", "mx.example:25"]),
        ("%smtp connect h --tls ", ["none", "starttls", "implicit"]),
        ("%smtp noop --t", ["--timeout"]),
        ("%smtp use t", ["two"]),
        ("%smtp transcript ex", ["exchanges"]),
        ("%smtp mail ", ["from:<", "from:<ann@a.example>", "from:<>"]),
        ("%smtp MAIL FROM:<a", ["FROM:<ann@a.example>"]),
        ("%smtp mail <a@b> ", ["SIZE=", "RET=HDRS", "RET=FULL", "ENVID="]),
        ("%smtp rcpt to:<b@c> n", ["NOTIFY="]),
        ("%smtp sandbox fault gr", ["greeting"]),
        ("%smtp auth ann --mechanism ", ["auto", "login"]),
        ("%smtp starttls --verify=re", ["--verify=require", "--verify=report"]),
        ("%smtp auth ann --mechanism=l", ["--mechanism=login"]),
        ("%smtp starttls --server-name=", []),
        ("%smtp compare @", ["@main", "@two"]),
        ("%smtp compare @main ", ["@two"]),
        ("%smtp --", ["--help"]),
        ("%%smtp --e", ["--expand", "--expect"]),
        ("%smtp nope x", []),
        ("%smtp quit ", []),
        ("print(1)", None),
    ],
)
def test_completion_offers(before: str, expected: list[str] | None) -> None:
    assert candidates(before, KNOWN) == expected


def offered(shell: Any, text: str) -> list[str]:
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
        for one in found:
            before = text[: one.start]
            assert (one.end, before[-1:]) == (len(text), " ")
    _, older = shell.complete("", text, len(text))
    assert [one.text for one in found] == list(older)
    return [one.text for one in found]


def test_every_position_of_every_command_offers_only_ours(shell: Any) -> None:
    words = {word for row in COMMANDS.values() for word in row.choices}
    for name in COMMANDS:
        ours = {*words, *known_options(name), *COMMANDS}
        for case in (name, name.upper()):
            for behind in (" ", " f", " x ", " --", " --timeout ", " if"):
                found = offered(shell, f"%smtp {case}{behind}")
                paths = {
                    one for one in found if one.lower().startswith(("from:", "to:"))
                }
                assert {*found} - paths <= ours, (case, behind)


def test_what_may_come_depends_on_the_session(
    run: Callable[[str], Any], shell: Any
) -> None:
    assert "ehlo" not in offered(shell, "%smtp ")
    assert "connect" in offered(shell, "%smtp ")
    run("%smtp connect sandbox;")
    assert "mail" not in offered(shell, "%smtp ")
    run("%smtp ehlo;")
    assert offered(shell, "%smtp ma") == ["mail"]
    assert "STARTTLS" in offered(shell, "%smtp ST")
    run("%smtp mail ann@a.example;")
    assert offered(shell, "%smtp rcpt to:<a") == ["to:<ann@a.example>"]
    run("%smtp rcpt bob@a.example;\n%smtp data;")
    found = offered(shell, "%smtp ")
    assert "end" in found
    assert "quit" not in found
    assert not {"and", "if", "in"} & set(found)


def test_other_lines_are_left_to_ipython(shell: Any) -> None:
    with provisionalcompleter():
        found = [one.text for one in shell.Completer.completions("impor", 5)]
    assert "import" in found


def test_the_body_of_a_cell_is_no_python(shell: Any) -> None:
    assert offered(shell, "%%smtp data\nSubject: im") == []
