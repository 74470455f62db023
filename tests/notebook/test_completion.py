"""Tab offers what may come now, and never anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter

from smtpnb.notebook.completion import _PARAMETERS as PARAMETERS
from smtpnb.notebook.completion import _VERB_OF as VERB_OF
from smtpnb.notebook.completion import _VERBS as VERBS
from smtpnb.notebook.completion import _WHERE as WHERE
from smtpnb.notebook.completion import Known, candidates
from smtpnb.notebook.grammar import COMMANDS, known_options
from smtpnb.protocol.guards import GUARDS
from smtpnb.protocol.names import SERVICES
from smtpnb.protocol.session import TABLE, State
from smtpnb.sandbox.faults import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KNOWN = Known(
    ("main", "two"),
    None,
    ("mx.example:25",),
    ("ann@a.example", ""),
    (("AUTH", ("LOGIN",)), ("DSN", ()), ("SIZE", ("99",))),
    variables=("ann", "box"),
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
        ("%smtp mail --size 9 ", ["from:<", "from:<ann@a.example>", "from:<>"]),
        ("%smtp connect --tls starttls m", ["mx.example:25"]),
        ("%smtp transcript --", ["--all", "--help"]),
        (
            "%smtp mail <a@b> ",
            ["SIZE=", "RET=HDRS", "RET=FULL", "ENVID=", "AUTH=<>"],
        ),
        ("%smtp mail <a@b> SIZE=9 s", []),
        (
            "%smtp rcpt to:<b@c> notify=",
            ["NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE,DELAY"],
        ),
        ("%smtp mail a", ["ann@a.example"]),
        ("%smtp mail <", ["<ann@a.example>", "<>"]),
        ("%smtp rcpt to: <a", ["<ann@a.example>"]),
        ("%smtp noop --lift order,o", ["order,offers"]),
        ("%smtp connect x --disable DSN,S", ["DSN,SIZE"]),
        ("%smtp send {a", ["{ann"]),
        ("%smtp rcpt {{{b", ["{{{box"]),
        ("%smtp rcpt {{b", []),
        ("%smtp rcpt {box}@{", ["{box}@{ann", "{box}@{box"]),
        ("%time %smtp ehl", ["ehlo"]),
        ("%prun -q %smtp ehl", ["ehlo"]),
        ("a, b[1] = %smtp ehl", ["ehlo"]),
        ("a == %smtp ehl", None),
        ("%smtp\tehl", ["ehlo"]),
        ("%%smtp ", ["data", "send", "explain"]),
        ("%smtp data --e", ["--expect"]),
        ("%%smtp data --e", ["--expand", "--expect"]),
        ("%smtp sandbox fault rcpt --d", ["--delay", "--drip", "--drop"]),
        ("%smtp sandbox stop --", ["--help"]),
        ("%smtp noop --timeout=3 --t", []),
        ("%smtp sandbox fault gr", ["greeting"]),
        ("%smtp auth ann --mechanism ", ["auto", "login"]),
        ("%smtp starttls --verify=re", ["--verify=require", "--verify=report"]),
        ("%smtp auth ann --mechanism=l", ["--mechanism=login"]),
        ("%smtp starttls --server-name=", []),
        ("%smtp compare @", ["@main", "@two"]),
        ("%smtp compare @main ", ["@two"]),
        ("%smtp --", ["--help"]),
        ("%%smtp --e", ["--expand", "--expect"]),
        ("%smtp starttls --VERIFY ", ["require", "report"]),
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


def _ours(name: str) -> set[str]:
    """What the tree knows, for this command."""
    return {
        *COMMANDS,
        *COMMANDS[name].choices,
        *known_options(name),
        *(one for option in known_options(name).values() for one in option.choices),
        *STEPS,
        *(f"{at}{one}" for at in ("", "@") for one in KNOWN.names),
        *(SERVICES if name == "connect" else ()),
        *KNOWN.hosts,
        *KNOWN.addresses,
        *(one for row in PARAMETERS.values() for one in row),
        *GUARDS,
        *(keyword for keyword, _ in KNOWN.offered),
    }


def _is_path(word: str) -> bool:
    return word.lower().startswith(("from:<", "to:<"))


# Behind a command: nothing, a letter, words, options, values of options.
POSITIONS = [
    " ",
    " f",
    " x ",
    " x y ",
    " --",
    " --t",
    " --timeout ",
    " --timeout=",
    " if",
]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_every_position_of_every_command_in_every_state(
    state: State,
    case: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # where no file is to be offered
    allowed = tuple(TABLE.get(state, ()))
    known = KNOWN._replace(allowed=allowed, state=state)
    for name in COMMANDS:
        typed = case(name)
        offered = candidates(f"%smtp {typed}", known) or []
        here = name not in VERBS or VERB_OF.get(name, name.upper()) in allowed
        here = state in WHERE.get(name, State) and name != "burl" and here
        assert (typed in offered) is here
        behind = [f" {option} " for option in known_options(name)]
        for position in (*POSITIONS, *behind):
            found = candidates(f"%smtp {typed}{position}", known)
            assert found is not None  # None would ask Python
            paths = {
                one
                for one in found
                if one.lower()[:5] in ("from:", "to:<a", "to:<", "to:<>")
            }
            assert {*found} - paths <= _ours(name), (typed, position)


def test_at_no_position_of_any_command_python_is_asked(shell: Any) -> None:
    for name in COMMANDS:
        for position in (" f", " --", " if"):
            for one in offered(shell, f"%smtp {name.upper()}{position}"):
                assert (
                    one.startswith("--")
                    or one.lower()[:5] == "from:"
                    or one in _ours(name)
                )


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


def test_the_session_of_a_line_is_not_an_address_in_it(
    run: Callable[[str], Any], shell: Any
) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;")
    assert "SIZE=" in offered(shell, "%smtp mail FROM:<ann@a.example> ")
    run("%smtp @two connect sandbox;")
    assert offered(shell, "%smtp @two mail FROM:<ann@a.example> ") == []
    assert "mail" not in offered(shell, "%smtp x << @two ")


def test_a_cell_takes_a_message_when_one_is_due(
    run: Callable[[str], Any], shell: Any
) -> None:
    assert offered(shell, "%%smtp ") == ["explain"]
    run("%smtp connect sandbox;")
    assert offered(shell, "%%smtp ") == ["send", "explain"]
    run("%smtp ehlo;\n%smtp mail a@b.example;\n%smtp rcpt c@d.example;")
    assert offered(shell, "%%smtp ") == ["data", "explain"]
    run("%smtp data;")
    assert offered(shell, "%%smtp ") == ["data", "explain"]


def test_files_and_variables_are_offered_where_they_may_come(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.parquet", "b.txt", ".c.jsonl", "d e.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/ca.pem").touch()
    assert offered(shell, "%smtp load ") == ["a.jsonl", "b.parquet", "folder/"]
    assert offered(shell, "%smtp connect x --ca folder/") == ["folder/ca.pem"]
    assert offered(shell, "%smtp save nowhere/") == []
    shell.user_ns["message_of_mine"] = b""
    assert offered(shell, "%smtp send {mess") == ["{message_of_mine"]
