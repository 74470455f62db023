"""The sharp edges of the grammar: braces, quotes, spaces, a second connect, words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

import smtpnb
from smtpnb import ConnectError, SmtpError, State
from smtpnb.notebook.line import expand, words
from smtpnb.notebook.render import in_words_of_magics

if TYPE_CHECKING:
    from collections.abc import Callable


def evaluate(expression: str) -> Any:
    return eval(expression, {"x": "X", "d": {"a b": "c{d}"}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{x}}", "{x}"),
        ("{{{x}}}", "{X}"),
        ("body {{ color: {x} }}", "body { color: X }"),
        ("{d['a b']}", "c{d}"),
        ("a}}b{{", "a}b{"),
        ("a}b{c", "a}b{c"),
    ],
)
def test_two_braces_are_one(text: str, expected: str) -> None:
    assert expand(text, evaluate) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r'mail from:<"a\"b c"@x.example> SIZE=9', [r'from:<"a\"b c"@x.example>']),
        (r'mail "a\"b"@x', [r'"a\"b"@x']),
        ('mail "C:\\tmp\\" x', ['"C:\\tmp\\"']),
        ("noop {{x}}", ["{x}"]),
    ],
)
def test_a_backslash_quotes_in_a_quoted_string(line: str, expected: list[str]) -> None:
    assert [word.text for word in words(line, evaluate)][1:2] == expected


def test_spaces_of_a_text_are_kept(run: Callable[[str], Any]) -> None:
    run(
        "%smtp connect sandbox;\n%smtp ehlo;\n"
        "%smtp noop a  b;\n%smtp command NOOP c  d;"
    )
    said = run("%smtp transcript text")
    assert "NOOP a  b" in said
    assert "NOOP c  d" in said


def test_a_connect_that_fails_changes_nothing(run: Callable[[str], Any]) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b.example"):
        run(f"%smtp {line};")
    client = run("%smtp session")
    with pytest.raises(ConnectError):
        run("%smtp connect 127.0.0.1:1")
    run("%smtp sandbox fault greeting --reply '554 5.3.2 Not today' --times 1;")
    assert run("%smtp connect sandbox").code == 554
    run("%smtp sandbox fault starttls --reply '454 4.7.0 Not now' --times 1;")
    with pytest.raises(SmtpError, match="454"):
        run("%smtp connect sandbox --tls starttls")
    assert run("%smtp session") is client
    assert client.state is State.MAIL
    assert run("%smtp rcpt c@d.example").code == 250


def test_a_connect_that_works_takes_the_name_and_the_transcript(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox;")
    client = run("%smtp session")
    assert run("%smtp connect sandbox --tls starttls").tls["version"]
    assert client.state is State.CLOSED
    assert run("%smtp session").state is State.READY
    assert len(run("%smtp transcript sessions")) == 2


def test_what_happened_is_explained_reported_saved_and_compared(
    run: Callable[[str], Any], tmp_path: Path
) -> None:
    run("%smtp sandbox fault rcpt no* --reply '550 5.1.1 No such user';")
    for line in ("connect sandbox", "ehlo", "mail a@b.example", "rcpt no@b.example"):
        run(f"%smtp {line};")
    assert "550" in run("%smtp explain").text
    assert run("%smtp explain 450 4.2.0").headline
    assert "a@b.example" not in run("%smtp report")
    assert "a@b.example" in run("%smtp report --as-it-was")
    file = tmp_path / "talk.jsonl"
    assert run(f"%smtp save {file}") == file
    with pytest.raises(UsageError):
        run(f"%smtp save {file}")
    assert run(f"%smtp save {file} --overwrite") == file
    run(f"kept = %smtp load {file}")
    assert "change" in run("%smtp compare {kept} {kept}").columns
    run("%smtp @two connect sandbox;")
    assert "change" in run("%smtp compare @main @two").columns
    for line in ("explain nonsense", "report {1}", "compare a b", "compare {1} {2}"):
        with pytest.raises(UsageError):
            run(f"%smtp {line}")
    with pytest.raises(UsageError):
        run(f"%smtp load {tmp_path / 'none.jsonl'}")


def messages_of(kind: str) -> list[str]:
    """Every text that the library raises as this kind of error."""
    found = []
    for file in Path(smtpnb.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name == kind:
                    parts = [
                        part.value
                        for part in ast.walk(text)
                        if isinstance(part, ast.Constant)
                        and isinstance(part.value, str)
                    ]
                    found.append("".join(parts))
    return found


def test_no_message_speaks_python() -> None:
    found = messages_of("LocalProtocolError")
    assert len(found) > 30
    for text in found:
        shown = in_words_of_magics(text)
        assert "=True" not in shown
        assert not re.search(r"\w\(\)", shown), shown
        assert "reverse_path" not in shown
    said = in_words_of_magics('use verify="report", allow_cleartext_auth=True; quit()')
    assert said == "use --verify report, --allow-cleartext-auth; %smtp quit"


@pytest.mark.parametrize("line", ["quit", "rset", "noop", "mail a@b"])
def test_whatever_is_refused_before_the_content_tells_the_way_out(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str], line: str
) -> None:
    for before in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d", "data"):
        run(f"%smtp {before};")
    capsys.readouterr()
    with pytest.raises(SmtpError):
        run(f"%smtp {line}")
    told = capsys.readouterr().out
    for shown in (told, run("%smtp")):
        assert "%%smtp data (the message), %smtp end (its final dot)" in shown
        assert "end of data" not in shown
    assert run("%smtp end").code == 250


def test_a_reply_of_several_words_wants_quotes(run: Callable[[str], Any]) -> None:
    with pytest.raises(UsageError, match=r"'Not' is too much.*--reply.*wants quotes"):
        run("%smtp sandbox fault rcpt --reply 451 4.3.0 Not now")
    with pytest.raises(UsageError, match=r"'b' is too much$"):
        run("%smtp connect h 25 b")


# What is typed, and what is told in its one line; none of it is Python's.
TOLD = {
    "mail form:<a@b.example>": "mail wants FROM:<PATH>, not 'form:'",
    "mail to:<a@b.example>": "mail wants FROM:<PATH>, not 'to:'",
    "mail to:a@b.example": "mail wants FROM:<PATH>, not 'to:'",
    "mail from <a@b.example>": "mail wants FROM:<PATH>, not 'from'",
    "mail from:": r"mail wants FROM:<PATH>; FROM:<> is the null reverse-path",
    "rcpt to: --lax": "rcpt wants TO:<PATH>",
    "rcpt from:<a@b.example>": "rcpt wants TO:<PATH>, not 'from:'",
    "mail nobody": "--lax sends it as it is",
    "connect {3}": r"connect wants HOST\[:PORT\], .*; what 3 gives is none",
    "panel {None}": r"panel wants HOST\[:PORT\], .*; what {None} gives is none",
    "connect sandbox --tls implicit": "%smtp sandbox stop",
    "auth ann typed": "never type a password",
    "auth ann": r"session is DATA \(the content is due\)",
    "xclient name=": r"or \[UNAVAILABLE\] \(None in Python\), not ''",
    "send {'x'} --from a@b --to c@d --octets 1.5": "--octets wants a whole number",
    "sandbox fault rcpt --drop --times 1.5": "--times wants a whole number",
    "sandbox stopp --tls none": "sandbox takes .* or clear, not 'stopp'",
    "send {b'x'} --from a@b --to c@d --slow 0/1": "--slow wants OCTETS/SECONDS, not",
    "send {b'x'} --from a@b --to c@d --end-of-data {b'.'}": "by --own-server ...;",
    "send {b'x'} --from a@b --to c@d --octets 1 --drop-after dot": "of --stop-after, ",
    "send {[1]} --stop-after mail": "--stop-after is said of one message; of many",
    "send {[1]} --notify never": "--notify is said of one message; of many",
    "connect h:25 26": "'h:25:26' is not a host name",
    "raw EHLO": r"raw wants octets, as {b'NOOP\\r\\n'}$",
    "raw {'x'}": "wants octets, as .*, not str$",
    "connect sandbox --early EHLO": "--early wants octets, as .*, not str$",
    "data --expand": "--expand goes with a cell: %%smtp data$",
    "--expand": "--expand goes with a cell: %%smtp$",
    "sandbox inbox x": "'x' is too much",
    "sandbox stop --tls none": "sandbox stop has no --tls",
    "sandbox --reply '250 ok'": "--reply goes with a fault",
    "sandbox fault rcpt --tls none": "sandbox fault has no --tls",
    "sandbox fault rcpt --times 0": "--times is 1 or more, not 0",
    "sandbox fault rcpt --probability 7": "--probability is above 0",
    "sandbox fault rcpt": "at least one of --reply, --delay",
    "sandbox fault rcpt --stall --eight-bit": "--stall never replies",
    "save /nowhere/x.jsonl": "there is no folder '/nowhere'",
    "load nowhere.jsonl": "^nowhere.jsonl: No such file",
    "@two conformance": "not connected; %smtp connect first",
    "@two report": "nothing was recorded",
    "--version": "has no --version",
}


@pytest.mark.parametrize("line", TOLD)
def test_a_mistake_is_told_in_the_words_of_the_magics(
    run: Callable[[str], Any], line: str
) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;\nfrom smtpnb import SmtpClient")
    run("%smtp @two session {SmtpClient()};\n%smtp use main;")  # never connected
    if line == "auth ann":
        run("%smtp mail a@b.example;\n%smtp rcpt c@d.example;\n%smtp data;")
    with pytest.raises((UsageError, SmtpError), match=TOLD[line]) as caught:
        run(f"%smtp {line}")
    said = str(caught.value)
    assert not re.search(r"Errno|NoneType|\w+\(\)|=True|\bor None\b", said), said


def test_help_has_a_short_name(run: Callable[[str], Any]) -> None:
    assert str(run("%smtp mail -h")).startswith("%smtp mail FROM:<PATH>")
