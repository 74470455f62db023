"""A bare `%%smtp` cell is a dialogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb.notebook.script import Step, steps
from smtpnb.protocol.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable

TICKET = """%%smtp
# from a ticket
Trying 192.0.2.1...
S: 220 mx.example ESMTP
C: EHLO client.example
250-mx.example
250 SIZE
C: MAIL FROM:<a@b.example> SIZE=9

RCPT TO:<c@d.example>
DATA
354 go on
Subject: {x}

250 a line of the message
..dot
.
QUIT
"""


def test_a_dialogue_from_a_ticket_runs(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    shown = str(run(TICKET))
    assert shown.count("<-  250") == 4
    assert "<-  221" in shown
    (octets,) = run("%smtp sandbox inbox")["octets"]
    expected = b"Subject: {x}\r\n\r\n250 a line of the message\r\n.dot\r\n"
    assert octets == expected


def test_content_leaves_only_after_354(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\n%smtp sandbox fault data --reply '451 4.3.0 Not now';")
    shown = str(run(TICKET))
    assert "content skipped" in shown
    assert "Subject" not in str(run("%smtp transcript text"))
    assert len(run("%smtp sandbox inbox")) == 0


@pytest.mark.parametrize(
    "cell",
    ["EHLO x\nAUTH PLAIN AGEAYg==\n", "EHLO x\nC: auth login YQ==\n", "DATA\nx\n"],
)
def test_what_must_not_be_sent_is_told_before_anything_is(
    run: Callable[[str], Any], cell: str
) -> None:
    run("%smtp connect sandbox;")
    with pytest.raises(UsageError, match="nothing was sent"):
        run(f"%%smtp\n{cell}")
    assert "EHLO" not in str(run("%smtp transcript text"))


def test_expect_stops_and_expand_is_asked_for(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\n%smtp sandbox fault rcpt * --reply '550 5.1.1 No';")
    run("who = 'c@d.example'")
    cell = "EHLO x\nMAIL FROM:<a@b>\nRCPT TO:<{who}>\nNOOP\n"
    with pytest.raises(ReplyError, match="expected 2"):
        run(f"%%smtp --expect 2 --expand\n{cell}")
    said = str(run("%smtp transcript text"))
    assert "RCPT TO:<c@d.example>" in said
    assert "NOOP" not in said


def test_a_dot_is_unstuffed_and_a_reply_before_the_content_skipped() -> None:
    assert steps("data\r\n354 x\r\n..a\r\n.\r\n") == [
        Step("data"),
        Step(".a\n", is_content=True),
    ]


def test_a_message_may_hold_lines_that_look_like_ours() -> None:
    plain = "DATA\n250 files\nS: a\nC: b\n.\n"
    assert steps(plain)[1].text == "250 files\nS: a\nC: b\n"
    marked = "C: DATA\nS: 354 go\nC: S: a\nS: chatter\nC: C: b\nC: .\n"
    assert steps(marked)[1].text == "S: a\nC: b\n"


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("C: ", "S: "),
        ("c:", "s:"),
        (" -> ", "<-  "),
        (" ~> ", "<~* "),
        (">>> ", "<<< "),
    ],
)
def test_the_marks_of_other_tools_mean_the_same(client: str, server: str) -> None:
    lines = ["ehlo x", "data", "a -> b", "S: is text", "..", "", "."]
    cell = f"{server}220 x\n" + "".join(
        f"{client}{line}\n{server}250 answered\n" for line in lines
    )
    assert steps(cell) == [
        Step("ehlo x"),
        Step("data"),
        Step("a -> b\nS: is text\n.\n\n", is_content=True),
    ]
    with pytest.raises(UsageError, match="nothing was sent"):
        steps(f"{client}AUTH PLAIN AGEAYg==\n")


def test_only_ends_of_lines_end_lines() -> None:
    content = "a\u2028b\x0cc\x85d"
    assert steps(f"DATA\r\n{content}\r\n.\r\n")[1].text == f"{content}\n"


def test_a_dialogue_that_stops_shows_what_was_said(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("%smtp connect sandbox;\n%smtp sandbox fault rcpt * --reply '550 5.1.1 No';")
    cell = "EHLO x\nMAIL FROM:<a@b>\nRCPT TO:<c@d.example>\nNOOP\n"
    capsys.readouterr()
    with pytest.raises(ReplyError):
        run(f"%%smtp --expect 2\n{cell}")
    shown = capsys.readouterr().out
    assert "<-  250 2.1.0" in shown
    assert "<** 550 5.1.1 No" in shown
    assert "NOOP" not in shown


def test_a_dialogue_can_be_kept_and_may_be_out_of_order(
    run: Callable[[str], Any], shell: Any
) -> None:
    run("%smtp connect sandbox;")
    assert run("%%smtp said << --lax\nRCPT TO:<a@b>\n") is None
    assert "<** 503" in shell.user_ns["said"]
    assert run("%smtp session").lax is False
