"""What a server cannot bear is said before anything leaves, with the ways out."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb import LocalProtocolError, MailObject
from smtpnb.message.envelope import addressed
from smtpnb.message.objections import bearable, objection_to

if TYPE_CHECKING:
    from pathlib import Path

    from smtpnb.protocol.content import LineEnds

HEAD = b"From: a@b.c\r\nSubject: x\r\n\r\n"
NESTED = (
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    b'Content-Disposition: attachment; filename="\xc3\xbc"\r\n\r\nx\r\n--b--\r\n'
)


def mail(content: Any, **options: Any) -> MailObject:
    return MailObject("a@example.org", "b@example.net", content, **options)


ALL = {"8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME"}
CASES = [
    (HEAD + b"hi\r\n", set(), False, ""),
    (HEAD + b"\xfc\r\n", {"8BITMIME"}, False, ""),
    (HEAD + b"\xfc\r\n", {"SMTPUTF8"}, False, "8BITMIME (RFC 6152 section 3)"),
    (HEAD + b"\xfc\r\n", set(), True, ""),
    (b"Subject: \xc3\xbc\r\n" + HEAD, ALL, False, ""),
    (
        b"Subject: \xc3\xbc\r\n" + HEAD,
        {"8BITMIME"},
        False,
        "'Subject' holds UTF-8, and the server does not offer SMTPUTF8 (RFC 6531",
    ),
    (b"Subject: \xc3\xbc\r\n" + HEAD, {"8BITMIME"}, True, "SMTPUTF8"),
    (b"Subject: a\r\n \xfc\r\n" + HEAD, ALL, False, "'Subject' holds octets that are"),
    (NESTED, {"8BITMIME"}, False, "'Content-Disposition' holds UTF-8"),
    (NESTED, ALL, False, ""),
    (HEAD + b"a" * 998 + b"\r\n", ALL, False, ""),
    (HEAD + b"a" * 999 + b"\r\n", ALL, False, "line 4 of the content has more than"),
    (b"a\n" * 50_000 + b"a" * 999, ALL, False, "line 50001 of the content has more"),
    (HEAD + b"a" * 999 + b"\r\n", ALL, True, ""),
    (HEAD + b"\0", ALL, False, "NUL octet (RFC 5321 section 2.3.1)"),
    (HEAD + b"\0", ALL, True, ""),
    ("Subject: x\n\n\u00fc\n", set(), False, "8BITMIME"),
    ([HEAD, b"\xfc\r\n"], set(), False, "8BITMIME"),
    (iter([HEAD, b"\xfc\r\n"]), set(), False, ""),  # judged while it streams
]


@pytest.mark.parametrize(("content", "offered", "binary", "said"), CASES)
def test_objections(content: Any, offered: set[str], binary: bool, said: str) -> None:
    objection = objection_to(mail(content), offered, binary=binary)
    assert said in objection
    assert bool(said) == bool(objection)
    if said:
        assert objection.endswith("; nothing was sent")
        assert "convert=True" in objection


def test_what_a_server_cannot_bear_is_refused_converted_or_noted() -> None:
    content = HEAD + b"\xc3\xbc\r\n"
    with pytest.raises(LocalProtocolError, match="RFC 6152 section 3"):
        bearable(mail(content), set())
    it = mail(content)
    same, note = bearable(it, set(), lax=True)
    assert same is it
    assert "RFC 6152" in note
    assert "nothing was sent" not in note
    converting = mail(content, convert=True)
    other, note = bearable(converting, set())
    assert other.octets is not None
    assert other.octets.isascii()
    assert note == "the content was re-encoded to 7 bits"
    assert bearable(converting, {"8BITMIME"}) == (converting, "")
    assert bearable(it, {"8BITMIME"}, lax=True) == (it, "")
    raw = mail(iter([b"x"]), line_ends="raw", convert=True)
    with pytest.raises(LocalProtocolError, match="only a message in memory"):
        bearable(raw, set())


def test_raw_line_ends_need_binarymime() -> None:
    raw = mail(b"a\nb", line_ends="raw")
    assert "BINARYMIME (RFC 3030" in objection_to(raw, ALL)
    assert objection_to(raw, ALL, binary=True) == ""


def test_a_file_is_looked_at_only_without_8bitmime(tmp_path: Path) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(HEAD + b"\xfc\r\n" * 50_000)
    with path.open("rb") as file:
        it = mail(file)
        assert objection_to(it, {"8BITMIME"}) == ""
        assert it.needs_8bit is None
        assert "RFC 6152" in objection_to(it, {"SMTPUTF8"})
        assert it.needs_8bit is True


STREAMS = [
    ({"seven_bit": True}, [HEAD, b"a\xfcb"], "8BITMIME"),
    ({}, [HEAD, b"a" * 500, b"a" * 499], "line 4 of the message"),
    ({"seven_bit": False}, [HEAD, b"\0"], "NUL"),
]


@pytest.mark.parametrize(("options", "pieces", "said"), STREAMS)
@pytest.mark.parametrize("stuff", [True, False])
def test_what_streams_is_refused_before_the_piece_leaves(
    options: dict[str, bool], pieces: list[bytes], said: str, stuff: bool
) -> None:
    it = mail(iter(pieces))
    it.claim()
    encoder = it.encoder(stuff=stuff, **options)
    *before, bad = it.pieces()
    left = b"".join(map(encoder.feed, before))
    with pytest.raises(LocalProtocolError, match=said):
        encoder.feed(bad)
    assert left == b"".join(before)


LINE_ENDS: list[tuple[LineEnds, bytes, bytes | str]] = [
    ("normalise", b"a\nb\r", b"a\r\nb\r\n"),
    ("strict", b"a\r\nb", b"a\r\nb\r\n"),
    ("strict", b"a\nb", "octet 1 of the message is a bare LF"),
    ("strict", b"a\r\nb\r", "octet 4 of the message is a bare CR"),
    ("raw", b"a\nb\0\r", b"a\nb\0\r"),
]


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize(("line_ends", "content", "expected"), LINE_ENDS)
def test_line_end_policies(
    line_ends: LineEnds,
    content: bytes,
    expected: bytes | str,
    most: int,
    streams: bool,
) -> None:
    def left() -> bytes:
        it = mail(iter([content]) if streams else content, line_ends=line_ends)
        whole = it.whole(most)
        if whole is not None:
            assert it.size == len(whole[0])
            return whole[0]
        it.claim()
        encoder = it.encoder(stuff=False)
        return b"".join([*map(encoder.feed, it.pieces()), encoder.finish()])

    if isinstance(expected, bytes):
        assert left() == expected
        return
    with pytest.raises(LocalProtocolError, match=expected):
        left()


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="line_ends is"):
        mail(b"", line_ends="unix")


def test_needs_smtputf8() -> None:
    assert not mail(HEAD).needs_smtputf8
    assert not mail(HEAD + b"\xc3\xbc").needs_smtputf8
    assert mail(b"Subject: \xc3\xbc\r\n\r\n").needs_smtputf8
    assert MailObject("\u00fc@b.c", "a@b.c", b"x").needs_smtputf8


def leaves(message: Any) -> list[tuple[str, bytes | None]]:
    return [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in message.walk()
        if not part.is_multipart()
    ]


CONVERTED = {
    "text": b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\ngr\xc3\xbc\xc3\x9fe \r\n.\r\nFrom x\r\n",
    "mostly 8 bit": b"Content-Type: text/plain; charset=koi8-r\r\n\r\n"
    + bytes(range(128, 256))
    + b"\r\n",
    "no MIME": b"Subject: x\r\n\r\n\xc3\xbc\r\n",
    "no charset": b"Subject: x\r\n\r\n\xfc\r\n",
    "binary": b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    b"\x89PNG\r\n\x1a\r\n\0\0",
    "a long line": b"Content-Type: text/html\r\n\r\n" + b"word " * 500 + b"\r\n",
    "parts": b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\nplain\r\n--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xbc\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: \xc3\xbc\r\nBcc: x@y.z\r\n\r\n"
    b"\xc3\xbc\r\n\r\n--b--\r\n",
}


@pytest.mark.parametrize("name", CONVERTED)
def test_converted_says_the_same_in_seven_bits(name: str) -> None:
    before = CONVERTED[name]
    it = mail(before, envid="x")
    after = it.converted()
    octets = after.octets
    assert octets is not None
    assert objection_to(after, set()) == ""
    assert octets.isascii()
    assert leaves(email.message_from_bytes(octets)) == leaves(
        email.message_from_bytes(before)
    )
    assert (after.options, after.forward_paths) == (it.options, it.forward_paths)
    assert after.remarks == ("the content was re-encoded to 7 bits",)
    assert it.octets == before
    assert b"Bcc: x@y.z" not in before or b"Bcc: x@y.z" in octets


def test_what_need_not_be_converted_is_left_alone() -> None:
    it = mail(HEAD + b"hi\r\n")
    assert it.converted() is it
    part = b"X: " + b"word " * 40 + b"\r\nContent-Type: text/plain\r\n\r\na  b\t\r\n"
    octets = (
        b'X:  y\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        + part
        + b"\r\n--b\r\n\r\n\xfc\r\n--b--\r\n"
    )
    after = mail(octets).converted().octets
    assert after is not None
    assert part in after


HEADERS = [
    ("Subject: gr\u00fc\u00dfe", "Subject", "gr\u00fc\u00dfe"),
    ("From: J\u00f6rn, X <a@b.c>".replace(",", ""), "From", "J\u00f6rn X <a@b.c>"),
    ("Received: from \u00fc by y", "Received", "from \u00fc by y"),
]


@pytest.mark.parametrize(("line", "name", "value"), HEADERS)
def test_headers_become_encoded_words(line: str, name: str, value: str) -> None:
    octets = f"X: 1\r\n{line}\r\nX: 2\r\n\r\nhi\r\n".encode()
    after = mail(octets).converted().octets
    assert after is not None
    assert after.isascii()
    message = email.message_from_bytes(after, policy=policy.default)
    assert message[name] == value
    assert message.keys() == ["X", name, "X"]
    assert after.endswith(b"\r\n\r\nhi\r\n")


def test_a_file_name_becomes_a_parameter() -> None:
    after = mail(NESTED).converted().octets
    assert after is not None
    part = email.message_from_bytes(after, policy=policy.default).get_payload(0)
    assert isinstance(part, EmailMessage)
    assert part.get_filename() == "\u00fc"


def test_octets_of_an_unknown_charset_are_kept() -> None:
    after = mail(b"Subject: \xfc\xff\r\n\r\n").converted().octets
    assert after == b"Subject: =?unknown-8bit?q?=FC=FF?=\r\n\r\n"


SIGNED = (
    b'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\n\xfc\r\n'
    b"--b\r\n\r\nsig\r\n--b--\r\n"
)
CANNOT = [
    (b"To: \xc3\xbc@b.c\r\n\r\nhi\r\n", "'To' holds an address that is not ASCII"),
    (SIGNED, "RFC 1847 section 2.1"),
    (b"Content-Transfer-Encoding: x-uu\r\n\r\n\xfc\r\n", "'x-uu' cannot be re-encoded"),
    (iter([b"x"]), "only a message in memory"),
]


@pytest.mark.parametrize(("content", "said"), CANNOT)
def test_what_cannot_be_converted_is_said(content: Any, said: str) -> None:
    with pytest.raises(LocalProtocolError, match=said):
        mail(content).converted()


def test_a_broken_signature_is_remarked() -> None:
    after = mail(b"DKIM-Signature: v=1\r\nX: y\r\n\r\n\xc3\xbc\r\n").converted()
    assert "its DKIM signature no longer holds (RFC 6376 section 5.3)" in after.remarks


def test_defects_of_what_was_read_are_remarked() -> None:
    octets = (
        b'From: a@b.c\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    )
    it = addressed(email.message_from_bytes(octets), None, "x@y.z")
    assert it.octets is not None
    assert len(it.remarks) == 1
    assert "CloseBoundaryNotFoundDefect" in it.remarks[0]


bodies = st.binary(max_size=80) | st.text(max_size=40).map(str.encode)
kinds = st.sampled_from(["text/plain; charset=utf-8", "text/html", "image/png"])


@given(st.lists(st.tuples(kinds, bodies), min_size=1, max_size=3), st.booleans())
@example([("text/html", b" \t\r\n=\r\n.")], True)
def test_any_message_is_converted_without_a_loss(
    parts: list[tuple[str, bytes]], multipart: bool
) -> None:
    made = [
        f"Content-Type: {kind}\r\n\r\n".encode()
        + body.replace(b"\r", b"").replace(b"\n", b"\r\n").replace(b"--", b"")
        for kind, body in parts
    ]
    octets = made[0]
    if multipart:
        octets = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        octets += b"".join(b"--b\r\n" + part + b"\r\n" for part in made) + b"--b--\r\n"
    after = mail(octets).converted().octets
    assert after is not None
    assert after.isascii()
    assert leaves(email.message_from_bytes(after)) == leaves(
        email.message_from_bytes(octets)
    )
