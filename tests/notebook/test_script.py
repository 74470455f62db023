"""A bare `%%smtp` cell is a dialogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb.notebook.script import Step, steps
from smtpnb.protocol.errors import LocalProtocolError, ReplyError

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
    assert shown.count("\n<-  250 2.") == 3
    assert "\n<-  250-SIZE 33554432\n" in shown
    assert "=== the server has taken responsibility" in shown
    assert "<-  221" in shown
    (octets,) = run("%smtp sandbox inbox")["octets"]
    expected = b"Subject: {x}\r\n\r\n250 a line of the message\r\n.dot\r\n"
    assert octets == expected
    # As in the transcript: what left, and a dot was doubled.
    assert f" -> (content: {len(octets) + 1} octets, 4 lines)\n -> .\n" in shown


def test_a_dialogue_is_what_left_and_not_what_was_typed(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox;")
    shown = str(run("%%smtp\nehlo\nstarttls\nehlo me\nmail  from:<a@b>\n"))
    for line in (" -> EHLO [127.0.0.1]", " -> STARTTLS", " ~> MAIL FROM:<a@b>"):
        assert f"{line}\n" in shown


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
        ("> ", "< "),
        ("  SMTP>> ", "  SMTP<< "),
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


@pytest.mark.parametrize("refused", ["RCPT TO:<>", "DATA\nx\n."])
def test_a_line_that_was_refused_here_is_not_shown_as_sent(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str], refused: str
) -> None:
    run("%smtp connect sandbox;")
    with pytest.raises(LocalProtocolError, match="nothing was sent"):
        run(f"%%smtp\nEHLO x\nMAIL FROM:<a@b>\n{refused}\nNOOP\n")
    line = refused.partition("\n")[0]
    shown = capsys.readouterr().out
    assert f"=== not sent: {line}" in shown
    assert f"-> {line}" not in shown


def test_a_dialogue_can_be_kept_and_may_be_out_of_order(
    run: Callable[[str], Any], shell: Any
) -> None:
    run("%smtp connect sandbox;")
    assert run("%%smtp said << --lax\nRCPT TO:<a@b>\n") is None
    assert "<** 503" in shell.user_ns["said"]
    assert run("%smtp session").lax is False


OPENSSL = """\
CONNECTED(00000003)
depth=2 C = US, O = Internet Security Research Group, CN = ISRG Root X1
verify return:1
---
Certificate chain
 0 s:CN = mail.example.com
   i:C = US, O = Let's Encrypt, CN = R3
---
Server certificate
-----BEGIN CERTIFICATE-----
MIIFazCCA1OgAwIBAgIRAIIQz7DSQONZRGPgu2OCiwAwDQYJKoZIhvcNAQELBQAw
-----END CERTIFICATE-----
---
SSL handshake has read 3125 bytes and written 417 bytes
Verify return code: 0 (ok)
---
250 CHUNKING
---
Post-Handshake New Session Ticket arrived:
SSL-Session:
    Protocol  : TLSv1.3
    0000 - 5f 3a 9d 5b 0e 4f 57 1c-8e 02 5f a4 62 34 e7 8c   _:.[.OW..._.b4..
---
read R BLOCK
EHLO me.example
250-mail.example.com
250 SMTPUTF8
MAIL FROM:<a@b.example>
250 2.1.0 Ok
QUIT
DONE
"""
SPOKEN = ["EHLO me.example", "MAIL FROM:<a@b.example>", "QUIT"]
TERMINALS = {
    "openssl": OPENSSL,
    "openssl without tickets": OPENSSL.partition("---\nPost")[0]
    + OPENSSL.partition("read R BLOCK\n")[2],
    "openssl -quiet": "depth=0 CN = x\nverify error:num=18:self-signed\n"
    "verify return:1\n220 x\nEHLO me.example\nMAIL FROM:<a@b.example>\nQUIT\nclosed\n",
    "nc": "Connection to mx.example 25 port [tcp/smtp] succeeded!\n220 x\n"
    "EHLO me.example\nMAIL FROM:<a@b.example>\nQUIT\n",
    "telnet from a shell": "ann@host:~$ telnet mx.example 25\nTrying 192.0.2.1...\n"
    "Connected to mx.example.\nEscape character is '^]'.\n220 x\nEHLO me.example\n"
    "MAIL FROM:<a@b.example>\nQUIT\nConnection closed by foreign host.\n"
    "ann@host:~$ exit\n",
    "RFC 3207": "S: <waits for connection on TCP port 25>\nC: <opens connection>\n"
    "S: 220 mail.imc.org SMTP service ready\nC: EHLO me.example\n"
    "C & S: <negotiate a TLS session>\nC: MAIL FROM:<a@b.example>\nC: QUIT\n. . .\n",
    "RFC 821": "S: EHLO me.example\nR: 250 ok\nS: MAIL FROM:<a@b.example>\n"
    "R: 250 OK\n\n\nKlensin       Standards Track     [Page 81]\n\x0c\n"
    "RFC 5321              SMTP               October 2008\n\nS: QUIT\nR: 221\n",
}


@pytest.mark.parametrize("name", TERMINALS)
def test_the_chatter_of_tools_and_of_rfcs_is_skipped(name: str) -> None:
    assert [step.text for step in steps(TERMINALS[name])] == SPOKEN


# RFC 3030 section 4.1: the sender is S, the receiver R.
RFC_3030 = """
   R: 220 cnri.reston.va.us SMTP service ready
   S: EHLO ymir.claremont.edu
   R: 250 CHUNKING
   S: MAIL FROM:<Sam@Random.com>
   R: 250 <Sam@Random.com> sender ok
   S: RCPT TO:<Susan@Random.com>
   R: 250 <Susan@random.com> recipient ok
   S: BDAT 86 LAST
   S: To: Susan@random.com<CR><LF>
   S: From: Sam@random.com<CR><LF>
   S: Subject: This is a bodyless test message<CR><LF>
   R: 250 Message OK, 86 octets received
   S: QUIT
   R: 221 Goodbye
""".replace("<CR><LF>", "")


def test_the_chunk_of_bdat_is_the_lines_below_it(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    shown = str(run(f"%%smtp --expect 2\n{RFC_3030}"))
    assert " -> (content: 86 octets, 3 lines)\n<-  250" in shown
    (octets,) = run("%smtp sandbox inbox")["octets"]
    assert octets.startswith(b"To: Susan@random.com\r\nFrom:")
    assert len(octets) == 86


@pytest.mark.parametrize(
    ("lines", "chunk"),
    [
        ("BDAT 5\nhello\nNOOP", b"hello"),
        ("BDAT 7 LAST\nhello\nNOOP", b"hello\r\n"),
        ("bdat 0 last\nNOOP", b""),
        ("C: BDAT 8\nC: h\u00e9llo\nS: 250\nC: NOOP", "h\u00e9llo\r\n".encode()),
    ],
)
def test_bdat_takes_what_it_counts(lines: str, chunk: bytes) -> None:
    first, second = steps(lines)
    assert (first.chunk, second.text) == (chunk, "NOOP")


@pytest.mark.parametrize("lines", ["BDAT", "BDAT 9\nhello", "BDAT 3\nhello\nNOOP"])
def test_a_wrong_count_is_told_before_anything_is_sent(lines: str) -> None:
    with pytest.raises(UsageError, match=r"BDAT .*nothing was sent"):
        steps(f"NOOP\n{lines}")


def test_a_cell_in_which_the_client_says_nothing_says_so(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox;")
    assert "nothing was sent" in run("%%smtp\n# a comment\nS: 220 mx.example\n")


def test_starttls_tells_what_was_negotiated(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    shown = str(run("%%smtp\nEHLO x\nSTARTTLS\nEHLO x\n"))
    assert "=== TLSv1.3, " in shown
    assert "; verified\n" in shown


def test_a_dialogue_goes_on_in_the_background(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("%smtp connect sandbox;")
    handle = run("%%smtp --background\nEHLO x\nNOOP\n")
    assert "<-  250 2.0.0" in handle.result(20)
    run("%smtp sandbox fault noop --stall;")
    handle = run("%%smtp --background\nVRFY ann\nNOOP\nRSET\n")
    assert handle.cancel()
    assert "Cancelled" in type(handle.exception(20)).__name__
    assert "RSET" not in handle.so_far()
    capsys.readouterr()


def test_a_refusal_in_a_dialogue_looks_like_one(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    page = run("%%smtp\nXYZZY <b>\nNOOP\n")._repr_html_()
    assert "color" in page.split("&lt;** 500")[0].rpartition("<span")[2]
    assert "XYZZY &lt;b&gt;" in page
