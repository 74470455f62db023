"""Contents of every kind and size arrive as they should, by every way."""

from __future__ import annotations

import gzip
import os
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import ConnectionLost, LocalProtocolError, MailObject, SmtpClient
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

WAYS = [
    pytest.param((True, True), id="window"),
    pytest.param((True, False), id="turn"),
    pytest.param((False, False), id="command"),
    pytest.param((False, True), id="command-bdat"),
]
LARGE = b"".join(b".%06d some text in a line\r\n" % i for i in range(20_000))


@pytest.fixture(params=WAYS)
def sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    pipelining, chunking = request.param
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        yield sink


@pytest.fixture
def client(sink: Sink) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        yield client


def arrives(client: SmtpClient, sink: Sink, content: object) -> bytes:
    delivery = client.send(content, "a@example.org", "b@example.net")  # type: ignore[arg-type]
    assert delivery.ok, delivery
    return sink.accepted[-1].content


CONTENTS = [
    (b"", b""),
    (b".", b".\r\n"),
    (b"a", b"a\r\n"),
    (b"a\n.b\n", b"a\r\n.b\r\n"),
    (b"a\rb\r\n", b"a\r\nb\r\n"),
    (b"\r\n.\r\nQUIT\r\n", b"\r\n.\r\nQUIT\r\n"),
    ("gr\u00fc\u00dfe\n", "gr\u00fc\u00dfe\r\n".encode()),
]


@pytest.mark.parametrize(("given", "expected"), CONTENTS)
def test_a_small_content(
    client: SmtpClient, sink: Sink, given: bytes | str, expected: bytes
) -> None:
    assert arrives(client, sink, given) == expected
    assert arrives(client, sink, b"and the next one\r\n") == b"and the next one\r\n"


def test_a_large_content_in_memory(client: SmtpClient, sink: Sink) -> None:
    assert arrives(client, sink, LARGE) == LARGE


def test_a_large_content_with_bare_line_feeds(client: SmtpClient, sink: Sink) -> None:
    assert arrives(client, sink, LARGE.replace(b"\r\n", b"\n")) == LARGE


def test_a_file(client: SmtpClient, sink: Sink, tmp_path: Path) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(LARGE.replace(b"\r\n", b"\n"))
    with path.open("rb") as file:
        assert arrives(client, sink, file) == LARGE


def test_a_file_of_crlf(client: SmtpClient, sink: Sink, tmp_path: Path) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(b"not this\r\n" + LARGE)
    with path.open("rb") as file:
        file.readline()
        mail = MailObject("a@example.org", "b@example.net", file, crlf=True)
        assert client.send(mail).ok
    assert sink.accepted[-1].content == LARGE


def test_an_iterator_of_lines(client: SmtpClient, sink: Sink) -> None:
    lines = LARGE.splitlines(keepends=True)
    assert arrives(client, sink, iter(lines)) == LARGE


def test_a_file_that_is_sent_twice_is_sent_whole_twice(
    client: SmtpClient, sink: Sink, tmp_path: Path
) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(b"not this\r\n" + LARGE)
    with path.open("rb") as file:
        file.readline()
        mail = MailObject("a@example.org", "b@example.net", file, crlf=True)
        assert all(delivery.ok for delivery in client.send_all([mail] * 3))
    assert [message.content for message in sink.accepted] == [LARGE] * 3


def test_an_iterator_cannot_be_sent_twice(client: SmtpClient, sink: Sink) -> None:
    mail = MailObject("a@example.org", "b@example.net", iter([LARGE]))
    first, second = client.send_all([mail, mail])
    assert first.ok
    assert (second.outcome, str(second.error)[:24]) == (
        "not tried",
        "its content is an iterat",
    )
    assert len(sink.accepted) == 1


def test_a_file_in_memory(client: SmtpClient, sink: Sink) -> None:
    file = BytesIO(LARGE)
    mail = MailObject("a@example.org", "b@example.net", file, crlf=True)
    assert client.send(mail).ok
    assert sink.accepted[-1].content == LARGE


def test_small_and_large_ones_in_one_stream(client: SmtpClient, sink: Sink) -> None:
    contents = [b"1\r\n", LARGE, b"2\r\n", LARGE, LARGE, b"3\r\n"]
    mails = [("a@example.org", "b@example.net", content) for content in contents]
    assert all(delivery.ok for delivery in client.send_all(mails))
    assert [message.content for message in sink.accepted] == contents


def test_a_large_content_waits_until_somebody_wants_it(
    client: SmtpClient, sink: Sink
) -> None:
    sink.refuse[b"nobody@"] = b"550 5.1.1 unknown"
    mails = [
        ("a@example.org", "nobody@example.net", LARGE),
        ("a@example.org", "b@example.net", b"next\r\n"),
    ]
    outcomes = [delivery.outcome for delivery in client.send_all(mails)]
    assert outcomes == ["refused", "accepted"]
    assert [message.content for message in sink.accepted] == [b"next\r\n"]
    sent = client.transcript.events()
    assert sent["n_bytes"].fillna(0).sum() < len(LARGE) / 10


def test_a_chunk_refused_in_the_middle(client: SmtpClient, sink: Sink) -> None:
    sink.refuse[b".010000 some"] = b"552 5.3.4 too big"
    mails = [
        ("a@example.org", "b@example.net", iter([LARGE])),
        ("a@example.org", "b@example.net", b"next\r\n"),
    ]
    outcomes = [delivery.outcome for delivery in client.send_all(mails)]
    assert outcomes == ["refused", "accepted"]
    assert [message.content for message in sink.accepted] == [b"next\r\n"]


def test_the_end_waits_until_every_chunk_was_accepted(
    client: SmtpClient, sink: Sink
) -> None:
    # Two chunks: few enough to leave before any reply is read. This server goes on
    # taking chunks after it refused one, and would deliver the rest.
    sink.refuse[b".000001 some"] = b"552 5.3.4 too big"
    mails = [
        ("a@example.org", "b@example.net", iter([LARGE])),
        ("a@example.org", "b@example.net", b"next\r\n"),
    ]
    deliveries = client.send_all(mails)
    assert [delivery.outcome for delivery in deliveries] == ["refused", "accepted"]
    assert str(deliveries[0].reply) == "552 5.3.4 too big"
    assert [message.content for message in sink.accepted] == [b"next\r\n"]
    assert b"BDAT 0 LAST" not in sink.lines


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_connection_lost_after_a_refused_chunk_leaves_it_refused(
    pipelining: bool,
) -> None:
    refuse = {b".000001 some": b"552 5.3.4 too big"}
    content = iter([LARGE])
    with (
        Sink(pipelining=pipelining, refuse=refuse, hang_up=b".012000 some") as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        mails = [("a@example.org", "b@example.net", content)]
        try:
            deliveries = client.send_all(mails)
        except ConnectionLost as error:
            deliveries = list(error.deliveries)
        assert [delivery.outcome for delivery in deliveries] == ["refused"]
    assert not sink.accepted


def test_what_mail_says_beside_the_path(client: SmtpClient, sink: Sink) -> None:
    arrives(client, sink, b"ascii\r\n")
    arrives(client, sink, "\u00e9\n")
    client.send(b"x", "\u00e9@example.org", "b@example.net")
    mail = [line for line in sink.lines if line.startswith(b"MAIL")]
    assert mail == [
        b"MAIL FROM:<a@example.org> SIZE=7",
        b"MAIL FROM:<a@example.org> SIZE=4 BODY=8BITMIME",
        "MAIL FROM:<\u00e9@example.org> SIZE=3 SMTPUTF8".encode(),
    ]


def test_an_email_message_brings_its_envelope(client: SmtpClient, sink: Sink) -> None:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.org>"
    message["To"] = "Bob <bob@example.net>, carol@example.net"
    message["Cc"] = "bob@example.net"
    message["Bcc"] = "secret@example.net"
    message.set_content("hello\n.dot\n")
    assert client.send(message).ok
    taken = sink.accepted[-1]
    assert taken.reverse_path == b"ann@example.org"
    assert taken.forward_paths == (
        b"bob@example.net",
        b"carol@example.net",
        b"secret@example.net",
    )
    assert b"secret" not in taken.content
    assert message["Bcc"] == "secret@example.net"
    assert b"hello\r\n.dot\r\n" in taken.content


BAD = [
    (EmailMessage(), "names 0 senders"),
    (b"x", "say reverse_path and forward_paths"),
    (42, "say reverse_path"),
]


@pytest.mark.parametrize(("message", "said"), BAD)
def test_what_has_no_envelope_is_refused_before_anything_leaves(
    client: SmtpClient, sink: Sink, message: object, said: str
) -> None:
    with pytest.raises(LocalProtocolError, match=said):
        client.send(message)  # type: ignore[arg-type]
    assert not sink.lines


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="a path is text"):
        MailObject(b"Subject: x", "a@example.org", "b@example.net")  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="a path is text"):
        MailObject("a@example.org", [1], b"x")  # type: ignore[list-item]


def test_a_message_to_nobody_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="needs a recipient"):
        MailObject("a@example.org", (), b"x")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_what_arrives_does_not_depend_on_the_way(pieces: list[bytes]) -> None:
    # Behind an empty line: what looks like a header in no charset is refused.
    content = b"\r\n" + b"".join(pieces).replace(b"\0", b"0")
    arrived = []
    for pipelining, chunking in [(True, True), (True, False), (False, False)]:
        with (
            Sink(pipelining=pipelining, chunking=chunking) as sink,
            SmtpClient(identity="c.example") as client,
        ):
            client.connect(sink.host, sink.port)
            arrived.append(arrives(client, sink, content))
            arrived.append(arrives(client, sink, iter([content])))
    assert len(set(arrived)) == 1


@contextmanager
def _gzip(path: Path) -> Iterator[Any]:
    with gzip.open(path, "wb") as file:
        file.write(LARGE)
    with gzip.open(path) as file:
        yield file


@contextmanager
def _pipe(_: Path) -> Iterator[Any]:
    source, target = os.pipe()

    def feed() -> None:
        with os.fdopen(target, "wb") as file:
            file.write(LARGE)

    writer = threading.Thread(target=feed)
    writer.start()
    with os.fdopen(source, "rb") as file:
        yield file
    writer.join()


@pytest.mark.parametrize("opened", [_gzip, _pipe])
@pytest.mark.parametrize("crlf", [True, False])
def test_what_only_looks_like_a_file(
    client: SmtpClient,
    sink: Sink,
    tmp_path: Path,
    opened: Callable[[Path], Any],
    crlf: bool,
) -> None:
    with opened(tmp_path / "m.eml") as file:
        assert client.send(file, "a@example.org", "b@example.net", crlf=crlf).ok
    assert sink.accepted[-1].content == LARGE
    (mail,) = [line for line in sink.lines if line.startswith(b"MAIL")]
    assert b"SIZE" not in mail


class Shrinks:
    """A mailbox that is rewritten while it is sent."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.open("rb")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def read(self, size: int) -> bytes:
        block = self.file.read(size)
        os.truncate(self.path, len(LARGE) // 2)
        return block


class NonBlocking:
    """Gives what it has, and then nothing yet."""

    def __init__(self, path: Path) -> None:
        self.gives = [LARGE[: len(LARGE) // 2], None, LARGE[len(LARGE) // 2 :]]

    def read(self, size: int) -> bytes | None:
        return self.gives.pop(0) if self.gives else b""


@pytest.mark.parametrize("reader", [Shrinks, NonBlocking])
def test_half_a_message_is_never_finished(
    client: SmtpClient, sink: Sink, tmp_path: Path, reader: Callable[[Path], Any]
) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(LARGE)
    file = reader(path)
    with pytest.raises(LocalProtocolError, match=r"changed its size|returned None"):
        client.send(file, "a@example.org", "b@example.net")
    assert not sink.accepted
    if isinstance(file, Shrinks):
        file.file.close()


def _texts(path: Path) -> Iterator[Any]:
    path.write_bytes(LARGE)
    with path.open(encoding="ascii") as file:
        yield file
    yield StringIO("Subject: x\n\nhi\n")
    yield ["Subject: x\r\n", "\r\n"]


def test_text_that_is_no_octets_is_refused_before_anything_leaves(
    client: SmtpClient, sink: Sink, tmp_path: Path
) -> None:
    client.ehlo()
    before = list(sink.lines)
    for content in _texts(tmp_path / "m.txt"):
        with pytest.raises(LocalProtocolError, match=r"binary mode|is str"):
            client.send(content, "a@example.org", "b@example.net")
    assert sink.lines == before
    client.mail_from("a@example.org")
    client.rcpt_to("b@example.net")
    for content in _texts(tmp_path / "m.txt"):
        with pytest.raises(LocalProtocolError, match=r"binary mode|is str"):
            client.data(content)
    assert b"DATA" not in sink.lines
    assert client.data(b"x\r\n").ok


EML = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.org; s=x;\r\n"
    b"\tbh=abc=; b=" + b"A" * 300 + b"\r\n"
    b"To: =?utf-8?b?TmfGsOG7nWkgbmjhuq1uIGEgdmVyeSB2ZXJ5IGxvbmcs?= name\r\n"
    b" <b@example.net>\r\nFrom: Ann  <a@example.org>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n.gr\xc3\xbc\xc3\x9fe \r\n"
)


@pytest.mark.parametrize("policy", [policy.compat32, policy.default, policy.SMTPUTF8])
@pytest.mark.parametrize("more", [b"", LARGE])
def test_what_was_read_arrives_octet_for_octet(
    client: SmtpClient, sink: Sink, policy: Any, more: bytes
) -> None:
    for line_end in (b"\r\n", b"\n"):
        octets = (EML + more).replace(b"\r\n", line_end)
        assert client.send(message_from_bytes(octets, policy=policy)).ok
        assert sink.accepted[-1].content == EML + more
        assert sink.accepted[-1].forward_paths == (b"b@example.net",)


def test_a_resent_message_goes_to_whom_it_was_resent(
    client: SmtpClient, sink: Sink
) -> None:
    octets = b"Resent-From: r@example.org\r\nResent-Bcc: s@example.net\r\n" + EML
    assert client.send(message_from_bytes(octets)).ok
    taken = sink.accepted[-1]
    assert (taken.reverse_path, taken.forward_paths) == (
        b"r@example.org",
        (b"s@example.net",),
    )
    assert taken.content == b"Resent-From: r@example.org\r\n" + EML
