"""What reviews found wrong in `explain`: each reply with the cause that is right."""

from __future__ import annotations

import pytest

from smtpnb.analysis import explain
from smtpnb.transcript.parse import software

CAUSES = [
    ("554 5.7.9 Message not accepted for policy reasons", "SPF, DKIM or DMARC"),
    ("450 4.3.2 Service currently unavailable", "out of order on its side"),
    ("421 4.3.2 shutting down", "out of order on its side"),
    ("450 4.2.0 Mailbox temporarily locked", "in use by another process"),
    ("454 4.7.0 TLS not available due to local problem", "its TLS does not work"),
    ("524 5.2.4 Mailing list expansion problem", "no such mailbox"),
    ("525 5.7.13 Recipient: User account disabled", "the mailbox is disabled"),
    ("550 5.7.133 sender was not authenticated for group", "only from some senders"),
    ("552 Error: disk quota exceeded", "the mailbox is full"),
    ("552 5.2.2 Mailbox size limit exceeded", "the mailbox is full"),
    ("550 The recipient account is blocked", "the mailbox is disabled"),
    ("550 5.2.121 per hour receive limit", "too much or too fast"),
    ("501 5.7.1 Sender refused by the DNSBL", "block list"),
    ("550 1.2.3.4 is listed at spamhaus", "block list"),
    ("421 4.4.2 Connection idle for 5 minutes", "silent too long"),
    ("421 4.4.2 mx.a.test Error: timeout exceeded", "silent too long"),
    ("552 Error: Too much mail data", "too big"),
    ("452 4.5.3 too many recipients", "too many recipients"),
    ("452 4 recipients max", "too many recipients"),
    ("521 Command line too long", "did not understand the command"),
    ("550 Message content rejected", "in this form"),
    ("554 rejecting banned content", "in this form"),
    ("550 550 5.1.1 User unknown", "no such mailbox"),
    ("550; 5.7.515 Access denied, not the authentication level", "SPF, DKIM or DMARC"),
    ("550 5.7.30 Basic authentication is not supported", "takes no password"),
    ("421-4.7.29 not sent over a TLS connection", "it wants TLS"),
    ("421-4.7.27 SPF authentication didn't pass", "SPF, DKIM or DMARC"),
    ("450 4.7.320 Certificate validation failed", "a certificate"),
    ("450 4.7.323 tlsa-invalid: failed DANE validation", "a certificate, or what DANE"),
    ("550 5.4.1 Recipient address rejected: Access denied", "no such mailbox"),
]


@pytest.mark.parametrize(("reply", "cause"), CAUSES)
def test_the_cause_is_the_one_that_is_right(reply: str, cause: str) -> None:
    assert cause in explain(reply).headline


@pytest.mark.parametrize("enhanced", ["5.7.515", "4.7.0", "4.7.40", "5.7.139", "5.1.1"])
def test_an_enhanced_code_alone_is_given_no_meaning_of_a_reply_code(
    enhanced: str,
) -> None:
    told = " ".join(explain(enhanced).evidence)
    assert "RFC 5321 4.2.3" not in told
    assert "450" not in told
    assert "550" not in told.replace("550 5.7.515", "")


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("postfix-lover.example.com ESMTP Exim 4.96", "Exim"),
        ("mx.a.test ESMTP Postfix", "Postfix"),
        ("mail-exim.a.test ESMTP", None),
        ("mx.a.test ESMTP chasquid", "chasquid"),
        ("mx.a.test ESMTP ecelerity 4.2", "Momentum"),
        ("postfix", None),
        ("", None),
    ],
)
def test_software_is_not_told_by_the_name_of_the_host(
    greeting: str, name: str | None
) -> None:
    assert software(greeting) == name
