"""What was read leaves octet for octet; what was made leaves as it should."""

from __future__ import annotations

import email
from email import policy
from email.header import Header
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb import LocalProtocolError
from smtpnb.message.content import held
from smtpnb.message.written import differences, written

POLICIES: list[Any] = [
    pytest.param(policy.compat32, id="compat32"),
    pytest.param(policy.default, id="default"),
    pytest.param(policy.SMTP, id="SMTP"),
    pytest.param(policy.SMTPUTF8, id="SMTPUTF8"),
    pytest.param(policy.default.clone(cte_type="7bit", max_line_length=20), id="7bit"),
    pytest.param(policy.default.clone(refold_source="all"), id="refold"),
]
POLICY_VALUES = [param.values[0] for param in POLICIES]

EML = {
    "plain": b"From: a@example.org\r\nTo: b@example.net\r\n\r\nhi\r\n",
    "no end of line": b"From: a@example.org\r\n\r\nhi",
    "no body": b"From: a@example.org\r\n\r\n",
    "a long header": b"X: " + b"word " * 60 + b"\r\n\r\nhi\r\n",
    "a very long header": b"X: " + b"a" * 990 + b"\r\n\r\nhi\r\n",
    "strange folds": b"X: a\r\n b\r\n\t  c  \r\n  \r\n d\r\n\r\nhi\r\n",
    "separators of str": b"X: a\x0bb\x0cc\x1cd\x1de\x1ef\r\n\r\nhi\r\n",
    "UTF-8 next line": b"X: a\xc2\x85b \xe2\x80\xa8c\r\n\r\nhi\xc2\x85ho\r\n",
    "raw UTF-8": "From: Bj\u00f6rk <a@b.c>\r\nX: \u00fc\r\n\r\n\u00fc\r\n".encode(),
    "latin-1": b"Subject: \xfc\r\n\r\n\xfc\r\n",
    "encoded words": b"To: =?utf-8?b?TmfGsOG7nWkgbmjhuq1uIGEgdmVyeSB2ZXJ5IGxvbmcs?= "
    b"name <to@example.com>\r\nSubject: =?UTF-8?Q?a?= =?UTF-8?Q?b?=\r\n\r\nhi\r\n",
    "white space": b"X: a \t\r\nY:  \r\n\r\n  \r\n\r\n",
    "From and dots": b"X: y\r\n\r\nFrom me\r\n.\r\n..\r\n>From\r\n",
    "twice": b"Received: a\r\nReceived: b\r\nreceived: c\r\n\r\nhi\r\n",
    "a signature": b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple;\r\n"
    b"\td=example.org; s=x;\r\n        bh=abc=;\r\n b="
    + b"A" * 72
    + b"\r\nFrom: a@b.c\r\n\r\nhi\r\n",
    "multipart": b'Content-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n\r\n'
    b"--b\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\n\xfc\r\n\r\n--b\r\n\r\n"
    b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nBcc: x@y.z\r\nX: y\r\n\r\nin\r\n"
    b"--b--\r\nepilogue\r\n",
    "a strange kind": b'Content-Type: ; charset="\r\n\r\nhi\r\n',
    "a strange boundary": b"Content-Type: multipart/mixed;\r\n"
    b"\tboundary*=us-ascii'en'a%20b; x\r\n\r\n--a b\r\n\r\n\r\n--a b--\r\n",
    "signed": b'Content-Type: multipart/signed; boundary="b"; micalg=sha1;\r\n'
    b' protocol="application/pgp-signature"\r\n\r\n--b\r\nX: ' + b"long " * 50 + b"\r\n"
    b"\r\nhi \r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n"
    b"--b--\r\n",
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", EML)
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_what_was_read_leaves_octet_for_octet(
    name: str, policy: Any, line_end: bytes
) -> None:
    octets = EML[name]
    read = email.message_from_bytes(octets.replace(b"\r\n", line_end), policy=policy)
    expected = octets.replace(b"Y:  \r\n", b"Y: \r\n")  # white space behind a colon
    assert written(read) == expected
    assert held(read) == expected


words = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_characters="\r\n"),
    min_size=1,
    max_size=30,
).map(str.strip)
names = st.text("adXYZ-!#0", min_size=1, max_size=12)  # never Bcc
headers = st.lists(
    st.tuples(names, st.lists(words.filter(bool), min_size=1, max_size=3)), max_size=5
)
bodies = st.lists(words, max_size=5).map(
    lambda lines: "".join(line + "\r\n" for line in lines)
)


@given(headers, bodies, st.sampled_from(POLICY_VALUES), st.booleans())
@example([("A", ["\x0b"])], "", policy.compat32, False)
def test_any_message_leaves_octet_for_octet(
    headers: list[tuple[str, list[str]]], body: str, policy: Any, latin: bool
) -> None:
    text = "".join(
        f"{name}: " + "\r\n ".join(lines) + "\r\n" for name, lines in headers
    )
    octets = (text + "\r\n" + body).encode("latin-1" if latin else "utf-8", "replace")
    message = email.message_from_bytes(octets, policy=policy)
    if message.defects or len(message) != len(headers):
        return  # a line of white space alone ended the headers
    assert written(message) == octets


@st.composite
def multiparts(draw: Any, depth: int = 2) -> bytes:
    """A part, its headers first."""
    if depth and draw(st.booleans()):
        boundary = (
            draw(st.text("abc'()+_,-./:=?", min_size=1, max_size=8)) + f"x{depth}"
        )
        parts = draw(st.lists(multiparts(depth - 1), min_size=1, max_size=3))
        head = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        line = f"--{boundary}".encode()
        inner = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts)
        return head.encode() + inner + line + b"--\r\n"
    text: bytes = (
        draw(st.binary(max_size=20)).replace(b"\r", b"").replace(b"\n", b"\r\n")
    )
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.replace(b"--", b"")


@given(multiparts(), st.sampled_from(POLICY_VALUES))
def test_any_multipart_leaves_octet_for_octet(octets: bytes, policy: Any) -> None:
    assert written(email.message_from_bytes(octets, policy=policy)) == octets


def test_bcc_does_not_leave_and_the_message_keeps_it() -> None:
    raw = b"bcc: x@y.z\r\nResent-Bcc: u@v.w\r\nFrom: a@b.c\r\n\r\nhi\r\n"
    message = email.message_from_bytes(raw)
    assert written(message) == b"From: a@b.c\r\n\r\nhi\r\n"
    assert message.keys() == ["bcc", "Resent-Bcc", "From"]


def test_the_message_is_not_changed() -> None:
    message = MIMEMultipart()
    message["To"] = "b@example.net"
    message["Bcc"] = "c@example.net"
    message.attach(MIMEText("\u00fc", "plain", "utf-8"))
    assert b"boundary=" in written(message)
    assert message.get_boundary() is None
    assert [part.get_boundary() for part in message.walk()] == [None, None]
    assert message.items() == [
        ("Content-Type", "multipart/mixed"),
        ("MIME-Version", "1.0"),
        ("To", "b@example.net"),
        ("Bcc", "c@example.net"),
    ]
    assert message.policy is policy.compat32
    assert {part.policy for part in message.walk()} == {policy.compat32}


def test_an_international_address_is_no_encoded_word() -> None:
    message = EmailMessage()
    message["From"] = "bj\u00f6rk@ex\u00e4mple.org"
    message["To"] = "\u00dcnder <\u00fcnder@example.net>"
    message["Subject"] = "gr\u00fc\u00dfe"
    message.set_content("hi")
    head = written(message).partition(b"\r\n\r\n")[0]
    assert b"=?" not in head
    assert "From: bj\u00f6rk@ex\u00e4mple.org\r\n".encode() in head
    assert "<\u00fcnder@example.net>".encode() in head
    older = Message()
    older["From"] = "bj\u00f6rk@ex\u00e4mple.org"
    older.set_payload("hi")
    assert written(older) == "From: bj\u00f6rk@ex\u00e4mple.org\r\n\r\nhi".encode()


def test_a_display_name_is_an_encoded_word_and_its_address_is_not() -> None:
    older = Message()
    older["To"] = "J\u00f6rn <a@b.c>"
    subject: Any = Header("gr\u00fc\u00dfe", "utf-8")
    older["Subject"] = subject
    older.set_payload("hi")
    assert written(older) == (
        b"To: =?utf-8?q?J=C3=B6rn?= <a@b.c>\r\n"
        b"Subject: =?utf-8?b?Z3LDvMOfZQ==?=\r\n\r\nhi"
    )


def test_a_long_header_of_a_program_is_folded() -> None:
    paths = [f"user{n}@example.net" for n in range(100)]
    for message in (Message(), EmailMessage()):
        message["To"] = ", ".join(paths)
        message.set_payload("hi")
        octets = written(message)
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        again = email.message_from_bytes(octets, policy=policy.default)
        assert [a.addr_spec for a in again["To"].addresses] == paths


def test_a_very_long_line_of_a_header_that_was_read() -> None:
    octets = b"X: " + b"word " * 300 + b"\r\n\r\nhi\r\n"
    newer = email.message_from_bytes(octets, policy=policy.default)
    assert written(newer) == octets  # an objection says that it is too long
    assert differences(newer) == ()
    older = email.message_from_bytes(octets)
    assert max(map(len, written(older).split(b"\r\n"))) < 80
    assert "'X' was folded: it had 1500 octets" in differences(older)[0]


def _with(name: str, value: Any) -> Message:
    message = Message()
    message[name] = value
    message.set_payload("hi")
    return message


CANNOT = {
    "a header that ends early": (_with("Subject", "x\r\nBcc: evil@x"), "'Subject'"),
    "a bare CR in it": (_with("Subject", "x\rBcc: evil@x"), "'Subject'"),
    "a name that is none": (_with("Sub ject", "x"), "'Sub ject'"),
    "text that nobody encoded": (
        email.message_from_string("X: y\n\n\u00fc"),
        r"U\+00FC",
    ),
    "a boundary that is not ASCII": (
        email.message_from_bytes(
            b'Content-Type: multipart/mixed; boundary="\xc3\xbc"\r\n\r\n'
            b"--\xc3\xbc\r\n\r\nx\r\n--\xc3\xbc--\r\n"
        ),
        r"U\+FFFD",
    ),
    "a payload that is none": (_with("X", "y"), "cannot be written"),
}
no_payload: Any = {"no": "payload"}
CANNOT["a payload that is none"][0].set_payload(no_payload)


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_written_is_named(name: str) -> None:
    message, said = CANNOT[name]
    with pytest.raises(LocalProtocolError, match=said):
        written(message)
