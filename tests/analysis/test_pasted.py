"""The reply is found in whatever it was pasted with, and nothing is made up."""

from __future__ import annotations

import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.analysis import explain
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
    ("SMTPDataError: (554, b'5.6.0 bad\\nworse')", 554, "5.6.0", "bad", "data"),
    ("Error: Message failed: 552 5.3.4 Big", 552, "5.3.4", "Big", ""),
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


@pytest.mark.parametrize("text", ["", "hello", "2026-11-25 10:00:01 a b[12]: started"])
def test_where_there_is_no_reply_none_is_made_up(text: str) -> None:
    assert pasted(text) is None
    with pytest.raises(ValueError, match="no reply code"):
        explain(text)


@pytest.mark.parametrize("filler", ["\t", " (", "said: ", "5.", "550-", "a\n"])
def test_a_long_text_is_bounded(filler: str) -> None:
    text = f"x{filler * (65536 // len(filler))}"
    assert pasted(text) is None or pasted(text) == pasted(text[:65536])


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
