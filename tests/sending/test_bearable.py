"""What a server cannot bear does not leave in silence, by no way to send a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import LocalProtocolError, MailObject, Sandbox, SmtpClient, State
from tests.support.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path

WAYS = [(True, True), (True, False), (False, False), (False, True)]
LINES = b"some text in a line\r\n" * 5000  # more than a block
HEAD = b"From: a@example.org\r\nSubject: x\r\n\r\n"
BAD = {
    "8 bit": (HEAD + b"\xc3\xbc\r\n", "RFC 6152"),
    "a header": (b"Subject: \xc3\xbc\r\n\r\nhi\r\n", "RFC 6531"),
    "a long line": (HEAD + b"x" * 999 + b"\r\n", "998 octets"),
    "NUL": (HEAD + b"\0\r\n", "NUL octet"),
}


def plain(sink: Sink) -> None:
    """Offer neither 8BITMIME nor SMTPUTF8."""
    sink.offers = [one for one in sink.offers if b"8BIT" not in one]
    sink.offers = [one for one in sink.offers if b"UTF8" not in one]


def give(kind: str, octets: bytes, path: Path) -> Any:
    path.write_bytes(octets)
    return {
        "octets": octets,
        "large": octets + LINES,
        "pieces": [octets[:9], octets[9:]],
        "file": path.open("rb") if kind == "file" else None,
    }[kind]


@pytest.mark.parametrize(("pipelining", "chunking"), WAYS)
@pytest.mark.parametrize("kind", ["octets", "large", "pieces", "file"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_known_is_refused_before_mail(
    tmp_path: Path, name: str, kind: str, pipelining: bool, chunking: bool
) -> None:
    octets, said = BAD[name]
    if kind == "file" and name == "a header":
        said = "RFC 6152"  # nobody looks at the headers of a file
    content = give(kind, octets, tmp_path / "m.eml")
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        plain(sink)
        client.connect(sink.host, sink.port)
        with pytest.raises(LocalProtocolError, match=said):
            client.send(content, "a@example.org", "b@example.net")
        assert not [line for line in sink.lines if line.startswith(b"MAIL")]
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        with pytest.raises(LocalProtocolError, match=said):
            client.data(content)
        assert b"DATA" not in sink.lines
        client.rset()
        assert client.send(b"hi\r\n", "a@example.org", "b@example.net").ok
        assert [one.content for one in sink.accepted] == [b"hi\r\n"]
    if kind == "file":
        content.close()


@pytest.mark.parametrize(("pipelining", "chunking"), WAYS)
@pytest.mark.parametrize("name", ["8 bit", "a long line", "NUL"])
def test_what_streams_is_refused_before_its_piece_leaves(
    name: str, pipelining: bool, chunking: bool
) -> None:
    octets, _ = BAD[name]
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        plain(sink)
        client.connect(sink.host, sink.port)
        with pytest.raises(LocalProtocolError, match="octet"):
            client.send(iter([LINES, LINES, octets]), "a@b.c", "b@example.net")
        assert not sink.accepted


@pytest.mark.parametrize(("pipelining", "chunking"), WAYS)
@pytest.mark.parametrize("name", ["8 bit", "a header", "a long line"])
def test_it_is_re_encoded_on_request_and_sent_as_it_is_under_lax(
    name: str, pipelining: bool, chunking: bool
) -> None:
    octets, said = BAD[name]
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        plain(sink)
        for lax in (False, True):
            with SmtpClient(identity="c.example", lax=lax) as client:
                client.connect(sink.host, sink.port)
                paths = ("a@example.org", "b@example.net")
                assert client.send(octets, *paths, convert=not lax).ok
                assert (said in client.transcript.text()) is lax
        converted, as_it_is = (one.content for one in sink.accepted)
        assert converted.isascii()
        assert max(map(len, converted.split(b"\r\n"))) < 100
        assert as_it_is == octets


@pytest.mark.parametrize(("pipelining", "chunking"), WAYS)
def test_a_header_in_utf8_is_declared(pipelining: bool, chunking: bool) -> None:
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        assert client.send(BAD["a header"][0], "a@example.org", "b@example.net").ok
        (mail,) = [line for line in sink.lines if line.startswith(b"MAIL")]
        assert mail.endswith(b" BODY=8BITMIME SMTPUTF8")


@pytest.mark.parametrize("name", ["8 bit", "a long line", "NUL"])
@pytest.mark.parametrize("verb", ["send_lines", "bdat"])
def test_a_piece_is_refused_before_it_leaves_and_the_message_goes_on(
    name: str, verb: str
) -> None:
    octets, said = BAD[name]
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        plain(sink)
        client.connect(sink.host, sink.port)
        client.ehlo()
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        if verb == "bdat":
            with pytest.raises(LocalProtocolError, match=said):
                client.bdat(octets)
            assert client.bdat(b"fine\r\n", last=True)
        else:
            client.data()
            with pytest.raises(LocalProtocolError, match=said):
                client.send_lines(octets)
            client.send_lines(b"fine\r\n")
            assert client.end_data()
        assert [one.content for one in sink.accepted] == [b"fine\r\n"]


@pytest.mark.parametrize("verb", ["send_lines", "bdat"])
def test_a_piece_in_8_bits_leaves_under_lax_and_the_transcript_says_so(
    verb: str,
) -> None:
    octets, said = BAD["8 bit"]
    with Sink() as sink, SmtpClient(identity="c.example", lax=True) as client:
        plain(sink)
        client.connect(sink.host, sink.port)
        client.ehlo()
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        if verb == "bdat":
            assert client.bdat(octets, last=True)
        else:
            client.data()
            client.send_lines(octets)
            assert client.end_data()
        assert said in client.transcript.text()
        assert [one.content for one in sink.accepted] == [octets]


def test_a_line_that_grows_too_long_piece_by_piece_does_not_leave() -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        client.data()
        client.send_lines(b"x" * 600)
        with pytest.raises(LocalProtocolError, match="998 octets"):
            client.send_lines(b"x" * 600)
        assert client.state is State.CLOSED
    assert not sink.accepted


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("by_command", [False, True])
def test_a_chunk_of_a_binary_message_may_hold_anything(
    grouped: bool, by_command: bool
) -> None:
    with Sandbox() as sandbox, SmtpClient(identity="c.example") as client:
        client.connect(sandbox)
        client.ehlo()
        said = "FROM:<a@example.org> BODY=BINARYMIME"
        if grouped:
            with client.pipeline() as group:
                group.mail_from("a@example.org", body="BINARYMIME")
                group.rcpt_to("b@example.net")
        else:
            if by_command:
                client.command("MAIL", said)
            else:
                client.mail_from("a@example.org", body="BINARYMIME")
            client.rcpt_to("b@example.net")
        octets = b"\0\xff" + b"x" * 2000
        assert client.bdat(octets, last=True)
        assert sandbox.wait_for(1).octets == octets


def test_raw_line_ends_are_not_sent_unsaid_because_it_was_to_be_re_encoded() -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        mail = MailObject(
            "a@example.org", "b@example.net", b"bare\nline\n", line_ends="raw"
        )
        with pytest.raises(LocalProtocolError, match="BINARYMIME"):
            client.send(mail, convert=True)
        assert not [line for line in sink.lines if line.startswith(b"MAIL")]
