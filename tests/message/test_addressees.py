"""The envelope is that of the headers, or the header is named; nobody is lost."""

from __future__ import annotations

import email
from email import policy
from email.header import Header
from email.message import EmailMessage, Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import LocalProtocolError
from smtpnb.message.addressees import _PLAIN, addresses_in, recipients, sender
from smtpnb.message.envelope import addressed, mail_object

POLICIES: list[Any] = [policy.compat32, policy.default, policy.SMTPUTF8]


def envelope(octets: bytes, policy: Any) -> tuple[str, tuple[str, ...]]:
    mail = mail_object(email.message_from_bytes(octets, policy=policy))
    return mail.reverse_path, mail.forward_paths


READ = {
    "plain": (b"b@example.net", ("b@example.net",)),
    "named": (b"Bob <b@example.net>, c@d.e", ("b@example.net", "c@d.e")),
    "folded": (b"b@example.net,\r\n\tc@d.e", ("b@example.net", "c@d.e")),
    "folded with LF": (b"Bob\n <b@example.net>", ("b@example.net",)),
    "a group": (b"Friends: a@b.c, Bob <d@e.f>;", ("a@b.c", "d@e.f")),
    "a group and one": (b"Friends: a@b.c;, d@e.f", ("a@b.c", "d@e.f")),
    "quoted": (b'"a b"@c.d, "Doe, J" <e@f.g>', ('"a b"@c.d', "e@f.g")),
    "quoted pair": (rb'"a\"b"@c.d', (r'"a\"b"@c.d',)),
    "literal": (b"a@[192.0.2.1]", ("a@[192.0.2.1]",)),
    "comment": (b"a@b.c (x, y@z)", ("a@b.c",)),
    "twice": (b"a@b.c, A <a@b.c>", ("a@b.c",)),
    "empty places": (b"a@b.c, , d@e.f,", ("a@b.c", "d@e.f")),
    "a period": (b"John Q. Public <a@b.c>", ("a@b.c",)),
    "an old route": (b"<@x.y:a@b.c>", ("a@b.c",)),
    "8 bit": ("J\u00f6rn <a@b.c>".encode(), ("a@b.c",)),
    "latin-1": (b"J\xf6rn <a@b.c>", ("a@b.c",)),
    "encoded": (b"=?utf-8?q?J=C3=B6rn=2C_x=40y?= <a@b.c>", ("a@b.c",)),
    "encoded and quoted": (b'"=?utf-8?q?J=C3=B6rn?=" <a@b.c>', ("a@b.c",)),
    "international": (
        "j\u00f6rn@ex\u00e4mple.org".encode(),
        ("j\u00f6rn@ex\u00e4mple.org",),
    ),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", READ)
def test_recipients_are_read(name: str, policy: Any) -> None:
    value, expected = READ[name]
    octets = b"From: a@example.org\r\nTo: " + value + b"\r\n\r\nx\r\n"
    assert envelope(octets, policy) == ("a@example.org", expected)


REFUSED = {
    "a quote": (b'"', "parser gives up: IndexError"),
    "semicolons": (b"a@b.c; d@e.f", "invalid address"),
    "spaces": (b"a@b.c d@e.f", "invalid address"),
    "an open comment": (b"a@b.c (x, d@e.f", "inside comment"),
    "an open quote": (b'"x <a@b.c>, d@e.f', "inside quoted string"),
    "an open group": (b"G: a@b.c, d@e.f", "end of header in group"),
    "an open angle": (b"Ann <a@b.c", "missing trailing"),
    "no domain": (b"bob", "no domain"),
    "an unquoted comma": (b"Doe, John <a@b.c>", "no domain"),
    "two in one": (b"a@b.c <d@e.f>", "invalid address"),
    "words behind": (b"<a@b.c> and others", "invalid address"),
    "nothing in angles": (b"<>", "null addr-spec"),
    "dots": (b"a..b@c.d", "repeated"),
    "encoded address": (b"=?utf-8?q?bob?=@c.d", "RFC 2047 section 5"),
    "encoded domain": (b"bob@=?utf-8?q?c=2Ed?=", "RFC 2047 section 5"),
    "latin-1 address": (b"j\xf6rn@b.c", "RFC 6532 section 3.1"),
    "behind a group": (b"G: a@b.c; d@e.f", "parser gives up: AttributeError"),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("header", ["To", "cc", "BCC", "From", "Sender"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_may_lose_a_recipient_is_refused(
    name: str, header: str, policy: Any
) -> None:
    value, said = REFUSED[name]
    other = b"To: z@z.z" if header in {"From", "Sender"} else b"From: z@z.z"
    octets = other + b"\r\n" + header.encode() + b": " + value + b"\r\n\r\nx\r\n"
    with pytest.raises(LocalProtocolError, match=f"{header}' cannot .*{said}"):
        envelope(octets, policy)


def test_a_header_that_a_program_set_is_judged_alike() -> None:
    message = EmailMessage()
    message["From"] = "a@example.org"
    message["To"] = "b@example.net; c@example.net"
    with pytest.raises(LocalProtocolError, match="'To'"):
        mail_object(message)
    older = Message()
    encoded: Any = Header("J\u00f6rn <a@b.c>, d@e.f", "utf-8")
    older["To"] = encoded
    with pytest.raises(LocalProtocolError, match="'To'"):
        recipients(older)  # all of it is an encoded word
    older = Message()
    injected: Any = Header("a@b.c\nBcc: evil@x.y")
    older["To"] = injected
    with pytest.raises(LocalProtocolError, match=r"'To'.*HeaderParseError"):
        recipients(older)
    older = Message()
    older["To"] = "a@b.c\r\nBcc: evil@x.y"
    with pytest.raises(LocalProtocolError, match="'To'"):
        recipients(older)


SENDERS = [
    (b"From: a@b.c\r\n", "a@b.c"),
    (b"From: a@b.c, d@e.f\r\nSender: d@e.f\r\n", "d@e.f"),
    (b"From: a@b.c\r\nSender: d@e.f\r\n", "d@e.f"),
    (b"From: G: a@b.c;\r\n", "a@b.c"),
    (b"From: a@b.c, d@e.f\r\n", 2),
    (b"From: a@b.c\r\nFrom: d@e.f\r\n", 2),
    (b"Sender: a@b.c, d@e.f\r\nFrom: a@b.c\r\n", 2),
    (b"From: G:;\r\n", 0),
    (b"X: y\r\n", 0),
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("headers", "expected"), SENDERS)
def test_the_sender(headers: bytes, expected: str | int, policy: Any) -> None:
    message = email.message_from_bytes(headers + b"To: z@z.z\r\n\r\n", policy=policy)
    if isinstance(expected, str):
        assert sender(message) == expected
        return
    with pytest.raises(LocalProtocolError, match=f"names {expected} senders"):
        sender(message)
    assert addressed(message, "", None).reverse_path == ""
    assert addressed(message, "x@y.z", "u@v.w").forward_paths == ("u@v.w",)


FIRST = b"From: a@b.c\r\nTo: b@b.b\r\nCc: c@c.c\r\nBcc: secret@c.c\r\n\r\nhi\r\n"
DATED = b"Resent-Date: Wed, %d Nov 2026 10:00:00 +0000\r\n"
NEW = b"Resent-From: r@r.r\r\nResent-To: s@s.s\r\nResent-Bcc: t@t.t\r\n"
OLD = b"Resent-From: o@o.o\r\nResent-To: p@p.p\r\nResent-Cc: q@q.q\r\n"
RECEIVED = b"Received: from x by y; Wed, 11 Nov 2026 09:00:00 +0000\r\n"
RESENT = {
    "one block": NEW,
    "one block, dated": DATED % 11 + NEW,
    "two blocks": NEW + OLD,
    "two blocks, dated": DATED % 11 + NEW + DATED % 10 + OLD,
    "with trace between": DATED % 11 + NEW + RECEIVED + DATED % 10 + OLD,
    "old one begins with Cc": NEW + RECEIVED + b"Resent-Cc: q@q.q\r\n" + OLD[:38],
    "scattered": NEW[:20] + b"X: y\r\n" + NEW[20:38] + b"Y: z\r\n" + NEW[38:],
}
UNCLEAR = {
    "new one behind": DATED % 10 + OLD + RECEIVED + DATED % 11 + NEW,
    "a stray one": OLD + RECEIVED + b"Resent-To: s@s.s\r\n",
    "one apart": NEW[:38] + RECEIVED + NEW[38:] + RECEIVED + OLD,
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", RESENT)
def test_a_resent_message_goes_to_whom_it_was_resent(name: str, policy: Any) -> None:
    octets = RESENT[name] + FIRST
    mail = mail_object(email.message_from_bytes(octets, policy=policy))
    assert (mail.reverse_path, mail.forward_paths) == ("r@r.r", ("s@s.s", "t@t.t"))
    left = mail.octets
    assert left is not None
    expected = octets.replace(b"Resent-Bcc: t@t.t\r\n", b"")
    assert left == expected.replace(b"Bcc: secret@c.c\r\n", b"")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", UNCLEAR)
def test_resent_headers_in_disorder_are_refused(name: str, policy: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"Resent-.*section 3\.6\.6"):
        envelope(UNCLEAR[name] + FIRST, policy)


def test_a_resent_message_without_recipients_goes_to_nobody() -> None:
    message = email.message_from_bytes(b"Resent-From: r@r.r\r\n" + FIRST)
    with pytest.raises(LocalProtocolError, match="Resent-To, Resent-Cc, Resent-Bcc"):
        mail_object(message)


def test_a_message_to_nobody_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="To, Cc, Bcc name none"):
        mail_object(email.message_from_bytes(b"From: a@b.c\r\n\r\nx\r\n"))


paths = st.builds(
    "{}@{}".format,
    st.sampled_from(["a", "bob", "x.y", '"a b"', '"a,b"', '"a@b"', "o'neil", "\u00fc"]),
    st.sampled_from(["b.c", "example.org", "[192.0.2.1]", "\u00e4.example"]),
)
STYLES = ["{}", "<{}>", "Ann <{}>", '"A, B" <{}>', "{} (note, x@y)", " {} ", "G: {};"]
ODD_ONES = [
    "=?utf-8?q?a=2Cb?= <{}>",
    "A. B <{}>",
    "Doe, J <{}>",
    "x{",
    "{}>",
    "(a <{}>",
]
styles = st.sampled_from(STYLES + ODD_ONES)
joins = st.sampled_from([",", ", ", ",\r\n ", ",\r\n\t", ";", "; ", " ", " and ", ",,"])


@given(
    st.lists(st.tuples(paths, styles, joins), min_size=1, max_size=5),
    st.sampled_from(POLICIES),
)
def test_nobody_is_lost_in_silence(
    listed: list[tuple[str, str, str]], policy: Any
) -> None:
    text = "".join(style.replace("{}", path) + join for path, style, join in listed)
    octets = f"To: {text}x@end.example\r\n\r\n".encode()
    message = email.message_from_bytes(octets, policy=policy)
    try:
        found = recipients(message)
    except LocalProtocolError as error:
        assert "'To'" in str(error)  # noqa: PT017
    else:
        meant = [path for path, style, _ in listed if "{}" in style]
        assert set(found) == {*meant, "x@end.example"}


@given(
    st.lists(st.from_regex(_PLAIN, fullmatch=True), min_size=1, max_size=4).map(
        ",".join
    )
)
def test_what_is_read_without_the_parser_is_what_the_parser_reads(text: str) -> None:
    header = policy.SMTP.header_factory("To", text)
    assert addresses_in("To", text) == [one.addr_spec for one in header.addresses]
    assert not header.defects
