"""A header in UTF-8 leaves by no path unless MAIL says SMTPUTF8 (RFC 6531, 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import Control, LocalProtocolError, SmtpClient, State
from smtpnb.message.objections import Headers
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb import Reply

UTF8 = "Subject: grüße\r\n\r\nhi\r\n".encode()
PLAIN = b"Subject: x\r\n\r\nhi\r\n"


def all_in_one(client: SmtpClient, octets: bytes) -> Reply | None:
    return client.data(octets)


def in_lines(client: SmtpClient, octets: bytes) -> Reply | None:
    if client.state is not State.DATA:
        client.data()
    for start in range(0, len(octets), 5):
        client.send_lines(octets[start : start + 5])
    return client.end_data()


def in_chunks(client: SmtpClient, octets: bytes) -> Reply | None:
    client.bdat(octets[:3])
    return client.bdat(octets[3:], last=True)


VERBS: dict[str, Callable[[SmtpClient, bytes], Reply | None]] = {
    "data": all_in_one,
    "send_lines": in_lines,
    "bdat": in_chunks,
}


@pytest.mark.parametrize("offered", [True, False], ids=["offered", "not offered"])
@pytest.mark.parametrize("verb", VERBS)
def test_it_leaves_by_a_verb_only_if_mail_says_smtputf8(
    verb: str, *, offered: bool
) -> None:
    why = "MAIL did not say SMTPUTF8" if offered else "does not offer SMTPUTF8"
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        if not offered:
            sink.offers = [one for one in sink.offers if b"UTF8" not in one]
        client.connect(sink.host, sink.port)
        client.ehlo()
        client.mail_from("a@b.example")
        client.rcpt_to("c@d.example")
        with pytest.raises(LocalProtocolError, match=why):
            VERBS[verb](client, UTF8)
        assert not sink.accepted
        client.lax = {"content"}
        end = UTF8[3:] if verb == "bdat" else UTF8  # its first chunk has left
        assert VERBS[verb](client, end)
        assert any("holds" in str(text) for text in client.transcript.events().text)
        client.lax = False
        if offered:
            client.mail_from("a@b.example", smtputf8=True)
            client.rcpt_to("c@d.example")
            assert VERBS[verb](client, UTF8)
            assert sink.accepted[-1].content == UTF8


MESSAGES: dict[str, Callable[[SmtpClient], object]] = {
    "send": lambda c: c.send(UTF8, "a@b", ["c@d"]),
    "slowly": lambda c: c.send(UTF8, "a@b", ["c@d"], control=Control(slow=(99, 0))),
    "stream": lambda c: list(c.stream([("a@b", ["c@d"], UTF8)])),
    "a turn": lambda c: list(c.stream([("a@b", ["c@d"], UTF8)], overlap="turn")),
    "a window": lambda c: list(c.stream([("a@b", ["c@d"], UTF8)], overlap="window")),
}


@pytest.mark.parametrize("how", MESSAGES)
def test_a_message_says_smtputf8_by_itself(how: str) -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        MESSAGES[how](client)
        (mail,) = [line for line in sink.lines if line.startswith(b"MAIL")]
        assert mail.endswith(b"SMTPUTF8")


@given(st.lists(st.sampled_from([b"A: b\r\n", b" c\n", b"\r\n", b"text\n", b"D:\n"])))
def test_pieces_end_their_headers_where_the_whole_does(lines: list[bytes]) -> None:
    whole = b"".join(lines)
    headers, _ = Headers().cut(whole)
    for size in (1, 2, 7):
        state, found = Headers(), b""
        for start in range(0, len(whole), size):
            begun = len(state.begun or b"")
            seen, state = state.cut(whole[start : start + size])
            found += seen[begun:]
        assert found.startswith(headers)
        assert len(found) - len(headers) <= len(b"text\n")
