from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from IPython.core.error import UsageError

from smtpnb.notebook import expect
from smtpnb.notebook.commands import ACTIONS
from smtpnb.notebook.grammar import COMMANDS, known_options, parse
from smtpnb.notebook.help import NARROWEST, WIDTH, Help, usage
from smtpnb.protocol.names import host_and_port
from smtpnb.protocol.reply import Reply


def evaluate(expression: str) -> Any:
    return eval(expression, {"x": "X"})


def test_every_command_of_the_grammar_has_a_verb_and_help() -> None:
    assert set(ACTIONS) == set(COMMANDS)
    for name in COMMANDS:
        assert name in usage()
        assert usage(name).startswith(f"%smtp {name}")
        for option in COMMANDS[name].options:
            assert option in usage(name)


def test_a_line_is_understood_in_all_its_parts() -> None:
    request = parse("r << @two RCPT --Timeout=3 TO:<a@b> --EXPECT 550;", evaluate)
    assert request.variable == "r"
    assert request.session == "two"
    assert request.command == "rcpt"
    assert request.text == "TO:<a@b>"
    assert request.options == {"--timeout": "3", "--expect": "550"}
    assert request.number("--timeout") == 3
    assert request.silent


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("frobnicate", "no such command: 'frobnicate'"),
        ("mial", r"no such command: 'mial'; mail\?"),
        ("rcpt", "rcpt wants TO:<PATH>"),
        ("quit now", "takes no more words; 'now' is too much"),
        ("noop --nope", "noop has no --nope; it has --expect, "),
        ("noop --tiemout 3", r"noop has no --tiemout; --timeout\?"),
        ("--expect 250 noop", "stands before its options: noop --expect"),
        ("noop --timeout", "--timeout wants S"),
        ("noop --lax=1", "--lax takes no value"),
        ("connect h --tls maybe", "--tls is one of none, starttls, implicit"),
        ("@ noop", "@ wants the name"),
        ("1x << noop", "is not a name for a variable"),
    ],
)
def test_a_mistake_is_named(line: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse(line, evaluate)


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan"])
def test_a_number_is_a_number(value: str) -> None:
    with pytest.raises(UsageError, match="--timeout wants a number"):
        parse(f"noop --timeout {value}", evaluate).number("--timeout")
    with pytest.raises(UsageError, match="--replies wants a"):
        parse(f"raw x --replies {value}.5", evaluate).whole("--replies")


@pytest.mark.parametrize(
    ("expected", "reply", "matches"),
    [
        ("250", b"250 ok\r\n", True),
        ("2", b"251 ok\r\n", True),
        ("2xx", b"251 ok\r\n", True),
        ("25x", b"220 ok\r\n", False),
        ("550", b"250 ok\r\n", False),
        ("5.7.1", b"550 5.7.1 no\r\n", True),
        ("5.7", b"550 5.7.1 no\r\n", True),
        ("5.7.1", b"550 5.7.10 no\r\n", False),
        ("5.7.1", b"550 no\r\n", False),
    ],
)
def test_an_expectation_matches(expected: str, reply: bytes, matches: bool) -> None:
    assert expect.matches(Reply(reply), expect.matcher(expected)) is matches


@pytest.mark.parametrize("expected", ["", "6", "25", "abc", "5.", "2x0"])
def test_an_expectation_that_means_nothing_is_refused(expected: str) -> None:
    with pytest.raises(UsageError, match="--expect wants"):
        expect.matcher(expected)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mx.example", "mx.example", 25),
        ("mx.example:587", "mx.example", 587),
        ("::1", "::1", 25),
        ("[::1]", "[::1]", 25),
        ("[::1]:465", "[::1]", 465),
        ("mx.example:SMTP", "mx.example", 25),
        ("[::1]:submissions", "[::1]", 465),
    ],
)
def test_a_host_is_cut_from_its_port(text: str, host: str, port: int) -> None:
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_a_hanging_indent(command: str) -> None:
    lines = usage(command).split("\n\n")[-1 if command else -2].splitlines()
    begun = 0
    for line in lines:
        text = line.strip()
        if line.startswith("    "):  # goes on below the text, not below the name
            assert len(line) - len(text) == begun, line
        else:
            begun = len(line) - len(re.split("  +", text, maxsplit=1)[1])
        assert len(line) <= max(WIDTH, begun + NARROWEST)


def test_help_is_a_table_in_a_page_and_loses_no_word() -> None:
    for command in ("", "rcpt", "connect"):
        html = Help(command)._repr_html_()
        plain = unescape(re.sub(r"<[^>]+>", " ", html))
        assert plain.split() == str(Help(command)).split()
    assert Help("rcpt")._repr_html_().count("<tr>") == len(known_options("rcpt"))
