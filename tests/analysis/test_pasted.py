"""The reply is found in whatever it was pasted with, and nothing is made up."""

from __future__ import annotations

import smtplib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpnb.analysis import explain
from smtpnb.analysis.explain.told_fault import fault_told
from smtpnb.analysis.replies.pasted import pasted
from smtpnb.message.delivery import Delivery

POSTFIX = (
    "Nov 25 10:00:01 a postfix/smtp[12]: 4A1B2C: to=<b@c.example>, "
    "relay=mx.c.example[192.0.2.7]:25, delay=1.2, dsn=5.1.1, status=bounced (host "
    "mx.c.example[192.0.2.7] said: 550 5.1.1 Gone away (in reply to RCPT TO command))"
)
EXIM = (
    "2026-11-25 10:00:01 1abcDE-000123-AB ** b@c.example R=dnslookup T=remote_smtp "
    "H=mx.c.example [192.0.2.7]: SMTP error from remote mail server after "
    "RCPT TO:<b@c.example>: 550 Gone away"
)
SENDMAIL = (
    "Nov 25 10:00:01 a sm-mta[99]: 2AP: to=<b@c.example>, mailer=esmtp, "
    "relay=mx.c.example. [192.0.2.7], dsn=5.1.1, stat=User unknown"
)
DSN = (
    "Reporting-MTA: dns; a.example\r\nArrival-Date: Wed, 25 Nov 2026 10:00:00 +0000\r\n"
    "\r\nFinal-Recipient: rfc822; b@c.example\r\nAction: failed\r\nStatus: 5.0.0\r\n"
    "Remote-MTA: dns; mx.c.example\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n"
    "  Gone away\r\n"
)
PHPMAILER = (
    "SMTP server error: DATA END command failed Detail: Not this SMTP code: 550 "
    "Additional SMTP info: 5.7.1"
)
TABLE = [
    ("550", 550, None, "", ""),
    ("5.7.26", None, "5.7.26", "", ""),
    ("550 5.1.1 Gone", 550, "5.1.1", "Gone", ""),
    ("550-5.7.1 one\n550 5.7.1 two", 550, "5.7.1", "one\ntwo", ""),
    ("550 192.0.2.1 is listed", 550, None, "192.0.2.1 is listed", ""),
    ("452 4 recipients at most", 452, None, "4 recipients at most", ""),
    ("550 550 5.1.1 Gone", 550, "5.1.1", "Gone", ""),
    ("550; 5.7.515 No", 550, "5.7.515", "No", ""),
    ("smtp; 550 5.1.1 Gone", 550, "5.1.1", "Gone", ""),
    ("Diagnostic-Code: smtp; 550 5.1.1 Gone\n away", 550, "5.1.1", "Gone away", ""),
    (DSN, 550, "5.1.1", "Gone away", ""),
    (POSTFIX, 550, "5.1.1", "Gone away", "rcpt"),
    (EXIM, 550, None, "Gone away", "rcpt"),
    (SENDMAIL, None, "5.1.1", "User unknown", ""),
    ("(451, b'4.3.0 later')", 451, "4.3.0", "later", ""),
    ("SMTPDataError: (554, b'5.6.0 bad\\nworse')", 554, "5.6.0", "bad", "message"),
    ("Error: Message failed: 552 5.3.4 Big", 552, "5.3.4", "Big", "eod"),
    (
        "SMTP Error: RCPT TO command failed: 550 5.1.1 Gone",
        550,
        "5.1.1",
        "Gone",
        "rcpt",
    ),
    (
        PHPMAILER,
        550,
        "5.7.1",
        "Not this",
        "eod",
    ),
]


@pytest.mark.parametrize(("text", "code", "enhanced", "words", "step"), TABLE)
def test_the_reply_is_found(
    text: str, code: int | None, enhanced: str | None, words: str, step: str
) -> None:
    found = pasted(text)
    assert found is not None
    assert (found.code, found.enhanced) == (code, enhanced)
    assert found.text.startswith(words)
    assert found.step == step
    assert explain(text).headline


@pytest.mark.parametrize("text", [POSTFIX, EXIM, SENDMAIL])
def test_a_line_of_a_log_says_who_spoke(text: str) -> None:
    found = pasted(text)
    assert found is not None
    assert (found.host, found.peer_ip) == ("mx.c.example", "192.0.2.7")


SWAKS = """=== Trying mx.example.test:25...
=== Connected to mx.example.test.
<-  220 mx.example.test ESMTP
 -> EHLO me.test
<-  250-mx.example.test
<-  250 PIPELINING
 -> MAIL FROM:<a@me.test>
<-  250 2.1.0 Ok
 -> RCPT TO:<b@c.example>
<** 550 5.1.1 Gone away
 -> QUIT
<-  221 2.0.0 Bye
=== Connection closed with remote host."""
TELNET = (
    "Trying 192.0.2.7...\r\nConnected to mx.c.example.\r\nEscape character is '^]'.\r\n"
    "220 mx.c.example\r\nEHLO me\r\n250-mx.c.example\r\n250 8BITMIME\r\n"
    "MAIL FROM:<a@b>\r\n"
    "250 ok\r\nRCPT TO:<b@c.example>\r\n250 ok\r\nDATA\r\n354 go\r\n"
    "550 is no reply here\r\n"
    ".\r\n554 5.6.0 Not this\r\nQUIT\r\n221 bye\r\n"
)
CURL = (
    "* Connected to mx (192.0.2.7) port 25\n< 220 mx\n> EHLO me\n< 250 ok\n"
    "> MAIL FROM:<a@b>\n< 250 ok\n> RCPT TO:<b@c>\n< 451 4.7.1 Later\n> QUIT\n< 221 bye"
)
NODEMAILER_DEBUG = (
    "[2026-11-24 00:05:02] DEBUG [AVR7] S: 220 mx\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] C: EHLO me\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] S: 250 mx\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] C: AUTH LOGIN\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] S: 334 VXNlcm5hbWU6\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] C: ...\n"
    "[2026-11-24 00:05:02] DEBUG [AVR7] S: 535 5.7.8 No\n"
)
SMTPLIB_DEBUG = (
    "send: 'ehlo me\\r\\n'\nreply: b'250 mx\\r\\n'\nreply: retcode (250); Msg: b'mx'\n"
    "send: 'mail FROM:<a@b>\\r\\n'\nreply: b'550 5.7.1 Not you\\r\\n'\n"
    "reply: retcode (550); Msg: b'5.7.1 Not you'\n"
)
ECHO = (
    "220 mx\nEHLO me\n250 PIPELINING\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\nDATA\n250 ok\n"
    "550 5.1.1 Gone\n503 5.5.1 No recipients\nQUIT\n221 bye"
)


@pytest.mark.parametrize(
    ("text", "code", "words", "step"),
    [
        (SWAKS, 550, "Gone away", "rcpt"),
        (TELNET, 554, "Not this", "eod"),
        (CURL, 451, "Later", "rcpt"),
        (NODEMAILER_DEBUG, 535, "No", "auth"),
        (SMTPLIB_DEBUG, 550, "Not you", "mail"),
        (ECHO, 550, "Gone", "rcpt"),
        (
            ECHO.replace("550 5.1.1 Gone", "250 ok").replace("503", "354"),
            354,
            "",
            "data",
        ),
    ],
)
def test_of_a_dialogue_the_cause_is_found_with_its_step(
    text: str, code: int, words: str, step: str
) -> None:
    found = pasted(text)
    assert found is not None
    assert (found.code, found.step) == (code, step)
    assert found.text.startswith(words)


def test_of_a_dialogue_the_other_refusals_are_named_behind_the_cause() -> None:
    said = explain(ECHO)
    assert "(550 5.1.1)" in said.headline
    assert said.evidence[-1] == "told besides: 503 5.5.1 No recipients"


BOUNCE = (
    "<b@c.example>: host mx.c.example[192.0.2.7] said: 550 5.1.1\n"
    "    <b@c.example>: Gone away (in reply to RCPT\n    TO command)"
)
PLAIN = "host mx.c.example[192.0.2.7] said: 550 5.1.1 Gone away"


@pytest.mark.parametrize(
    ("text", "code", "enhanced", "words"),
    [
        (BOUNCE, 550, "5.1.1", "<b@c.example>: Gone away"),
        ("\n".join(f"> > {line}" for line in BOUNCE.split("\n")), 550, "5.1.1", "<b@c"),
        (f"<p>{PLAIN.replace(' ', '&nbsp;')}</p>", 550, "5.1.1", "Gone away"),
        ("Remote server returned &#39;550 5.1.1 Gone&#39;", 550, "5.1.1", "Gone"),
        ("550\u00a05.1.1\u00a0Gone", 550, "5.1.1", "Gone"),
        ("\ufeff550 5.1.1 Gone", 550, "5.1.1", "Gone"),
        ("550-5.7.1 one\\r\\n550 5.7.1 two", 550, "5.7.1", "one\ntwo"),
        ("[550 5.1.1 Gone]", 550, "5.1.1", "Gone"),
        ("mx gave this error:\n[550 5.7.1 Not (this)]", 550, "5.7.1", "Not (this)"),
        ("550 5.1.1 unkno=\nwn", 550, "5.1.1", "unknown"),
        ("b'550 5.1.1 Gone\\r\\n'", 550, "5.1.1", "Gone"),
        ("Error 550 not there", 550, None, "not there"),
        ("a failed: b@c: 5.1.1 <b@c>: Gone", None, "5.1.1", "<b@c>: Gone"),
        ("The server response was: 5.7.1 Unable", None, "5.7.1", "Unable"),
        ("Diagnostic-Code: X-Unix; who?\nStatus: 5.1.1", None, "5.1.1", "who?"),
        ('result="PermFail" stat="550 5.1.1 Gone"', 550, "5.1.1", "Gone"),
        (
            "failure: 192.0.2.7_failed./Remote_host_said:_550_5.1.1_Gone/",
            550,
            "5.1.1",
            "Gone",
        ),
        (EXIM.replace("]:", "] X=TLS1.3:AES:256 CV=yes:"), 550, None, "Gone away"),
        (f"{chr(9) * 65000}550 5.1.1 Gone", 550, "5.1.1", "Gone"),
        (
            "550 5.1.1 Utilisateur inconnu \xe9",
            550,
            "5.1.1",
            "Utilisateur inconnu \xe9",
        ),
    ],
)
def test_what_wraps_a_reply_is_taken_off(
    text: str, code: int | None, enhanced: str | None, words: str
) -> None:
    found = pasted(text)
    assert found is not None
    assert (found.code, found.enhanced) == (code, enhanced)
    assert found.text.startswith(words)
    assert found.text[-1:] not in {"'", '"', "]"}


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        (
            "status=deferred (connect to mx.c[192.0.2.7]:25: Connection timed out)",
            "mx.c: no connection could be made.",
        ),
        (
            "dsn=4.4.2, status=deferred (lost connection with mx.c[192.0.2.7])",
            "mx.c: the connection broke.",
        ),
        (
            "== b@c R=r T=t defer (111): Connection refused",
            "The server: no connection could be made.",
        ),
        (
            "Status: 5.4.4\nDiagnostic-Code: X-Postfix; Host or domain name not found",
            "The server: the name could not be resolved.",
        ),
        ("ssl.SSLCertVerificationError: certificate verify failed", "TLS failed."),
    ],
)
def test_where_no_reply_came_the_fault_is_told(text: str, headline: str) -> None:
    assert explain(text).headline.endswith(headline)
    assert "refused" not in explain(text).headline


_REPLIES = st.sampled_from(
    ["550 5.1.1 Gone", "451 4.7.1 Later on", "554 Not this", "421 4.4.2 Bye, bye"]
)
_WRAPS = st.sampled_from(
    [
        "{}", "{}\r\n", "  {}", "> {}", "> > {}", "smtp; {}",
        "Diagnostic-Code: smtp; {}",
        "host mx.c[192.0.2.7] said: {}", "x (host mx.c said: {} (in reply to RCPT TO))",
        "<p>server said: {}</p>", "Remote server returned '{}'", "[{}]", "\ufeff{}",
        "Error: failed: {}\n    at x (y.js:1:2)", "S: {}", "stat=Deferred: {}",
        "*** {}",
        "SMTP error from remote mail server after RCPT TO:<b@c>: {}",
        '"response": "{}"',
    ]
)  # fmt: skip


@settings(max_examples=120)
@given(_REPLIES, _WRAPS)
def test_the_same_reply_is_found_in_every_wrapping(reply: str, wrap: str) -> None:
    plain, found = pasted(reply), pasted(wrap.format(reply))
    assert plain is not None
    assert found is not None, wrap
    assert (found.code, found.enhanced, found.text) == (
        plain.code,
        plain.enhanced,
        plain.text,
    )


@given(st.text() | _WRAPS, st.binary(max_size=300))
def test_explain_of_any_text_tells_or_raises_value_error(
    text: str, octets: bytes
) -> None:
    for one in (text, octets.decode("latin-1"), f"550 {text}"):
        if pasted(one) is None and fault_told(one) is None:
            with pytest.raises(ValueError, match="no reply code"):
                explain(one)
        else:
            assert explain(one).headline


@pytest.mark.parametrize("thing", [None, True, 3.5, b"550 no", object(), [550, "no"]])
def test_what_is_no_text_is_said_to_be_none(thing: object) -> None:
    with pytest.raises((TypeError, ValueError), match="explain"):
        explain(thing)


@pytest.mark.parametrize("text", ["", "hello", "2026-11-25 10:00:01 a b[12]: started"])
def test_where_there_is_no_reply_none_is_made_up(text: str) -> None:
    assert pasted(text) is None
    with pytest.raises(ValueError, match="no reply code"):
        explain(text)


@pytest.mark.parametrize(
    "filler",
    [
        *("\t", " (", "said: ", "5.", "550-", "a\n", "{", "[", '{"a":', "(550, b'"),
        *(
            "220 a\n",
            "Detail: ",
            "EHLO a\n",
            "DATA\n354 x\n",
            "<script>",
            "\x1b[",
            "&lt;",
        ),
        *(
            " ** ",
            "status=bounced (",
            "Diagnostic-Code: ",
            "host a[",
            "a [1.1 ",
            ">>> ",
        ),
        *(
            'responded with: "550 ',
            "Content-Transfer-Encoding: base64\n\n",
            "=\n",
            "> ",
        ),
    ],
)
def test_a_megabyte_of_anything_is_bounded(filler: str) -> None:
    start = time.process_time()
    for text in (f"x{filler * (1_000_000 // len(filler))}", "550 " + filler * 20_000):
        assert pasted(text) is None or pasted(text) == pasted(text[:65536])
    assert time.process_time() - start < 20


@given(st.text())
def test_any_text_gives_a_reply_or_none(text: str) -> None:
    found = pasted(text)
    if found is not None:
        assert found.code is not None or found.enhanced is not None


def test_exceptions_of_smtplib_are_explained() -> None:
    refused = smtplib.SMTPRecipientsRefused({"b@c.example": (550, b"5.1.1 Gone")})
    assert "recipient" in explain(refused).headline
    assert "550 5.1.1" in explain(refused).headline
    wrong = smtplib.SMTPAuthenticationError(535, b"5.7.8 No")
    assert "password" in explain(wrong).headline
    assert explain(smtplib.SMTPServerDisconnected("closed")).headline


def test_a_delivery_is_explained_by_its_reason_not_by_the_echo() -> None:
    delivery = Delivery(None)
    replies = (b"250 ok\r\n", b"550 5.1.1 Gone\r\n", b"503 5.5.1 No recipients\r\n")
    for event, octets in zip(("MAIL", "RCPT", "DATA"), replies, strict=True):
        delivery.transaction.answered(event, octets)
    said = explain(delivery)
    assert "refused a recipient" in said.headline
    assert "(550 5.1.1)" in said.headline
    assert explain(Delivery(None)).permanence == "Nothing is decided yet."
