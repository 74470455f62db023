"""Groups of the user's own: what may stand in one, and what comes back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpClient,
    State,
)
from smtpnb.protocol import commands
from tests.support.scripted import GREETING, Hear, Hold, Listen, Say, ScriptedServer
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb import Reply

EHLO = (Hear(), Say(b"250-scripted\r\n250 PIPELINING\r\n"))
AFTER_DATA = Hear(b"DATA\r\n")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(refuse={b"nobody@": b"550 5.1.1 unknown"}) as sink:
        yield sink


@pytest.fixture
def client(sink: Sink) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        yield client


def send(client: SmtpClient, *group: commands.Command) -> tuple[Reply, ...]:
    with client.pipeline() as pipeline:
        for command in group:
            pipeline.add(command)
    return pipeline.replies


def test_a_refusal_in_the_middle_stops_nothing(client: SmtpClient, sink: Sink) -> None:
    with client.pipeline() as group:
        group.mail_from("a@example.org")
        group.rcpt_to("nobody@example.net")
        group.rcpt_to("b@example.net")
        group.data()
    assert [reply.code for reply in group.replies] == [250, 550, 250, 354]
    assert client.state is State.DATA
    client.send_lines("hello\n")
    assert client.end_data().code == 250
    assert sink.accepted[0].forward_paths == (b"b@example.net",)


def test_the_transcript_shows_each_command_with_its_reply(client: SmtpClient) -> None:
    with client.pipeline() as group:
        group.rset()
        group.mail_from("a@example.org")
        group.noop()
    rows = client.transcript.exchanges().tail(3)
    assert rows["verb"].tolist() == ["RSET", "MAIL", "NOOP"]
    assert rows["code"].tolist() == [250, 250, 250]
    assert rows["pipelined"].all()


LAST_ONLY = [
    commands.Ehlo("x"),
    commands.Data(),
    commands.Vrfy("x"),
    commands.Expn("x"),
    commands.Noop(),
    commands.Quit(),
    commands.Custom("TURN"),
]


@pytest.mark.parametrize("command", LAST_ONLY, ids=lambda c: c.verb)
def test_what_ends_a_group_may_only_end_it(
    client: SmtpClient, sink: Sink, command: commands.Command
) -> None:
    before = list(sink.lines)
    with pytest.raises(LocalProtocolError, match="last command of a group"):
        send(client, command, commands.Rset())
    assert sink.lines == before
    assert client.noop().code == 250


def test_each_command_is_checked_as_if_the_others_had_been_granted(
    client: SmtpClient, sink: Sink
) -> None:
    with pytest.raises(LocalProtocolError, match="DATA is out of order"):
        send(client, commands.Mail("a@example.org"), commands.Data())
    assert client.state is State.READY
    assert not any(line.startswith(b"MAIL") for line in sink.lines)


def test_without_the_offer_no_group_leaves() -> None:
    with Sink(pipelining=False) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.ehlo()
        group = commands.Mail("a@example.org"), commands.Rcpt("b@example.net")
        with pytest.raises(LocalProtocolError, match="does not offer PIPELINING"):
            send(client, *group)
        client.lax = True
        assert [reply.code for reply in send(client, *group)] == [250, 250]


MORE_THAN_A_LINE = [
    (commands.Auth("LOGIN"), "auth"),
    (commands.StartTls(), "starttls"),
    (commands.Bdat(5, last=True), "bdat"),
    (commands.EndOfData(), "end_data"),
    (commands.AuthResponse(memoryview(b"secret")), "auth"),
]


@pytest.mark.parametrize(("command", "verb"), MORE_THAN_A_LINE, ids=str)
def test_what_is_more_than_its_line_has_a_verb_of_its_own(
    client: SmtpClient, sink: Sink, command: commands.Command, verb: str
) -> None:
    client.lax = True  # it lifts order and offers, not sense
    before = list(sink.lines)
    with pytest.raises(LocalProtocolError, match=rf"of its own: {verb}\(\)"):
        send(client, commands.Rset(), command)
    assert sink.lines == before


def test_quit_in_a_group_closes(client: SmtpClient) -> None:
    assert [r.code for r in send(client, commands.Rset(), commands.Quit())] == [
        250,
        221,
    ]
    assert client.state is State.CLOSED
    assert client.transcript.sessions()["outcome"].tolist() == ["success"]


WAYS: dict[str, Callable[[SmtpClient], object]] = {
    "group": lambda client: send(client, commands.Rset(), commands.Noop()),
    "stream": lambda client: client.send_all([("a@b.example", "c@d.example", b"x")]),
    "bdat": lambda client: client.bdat(b"x", last=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leaves_while_replies_to_raw_octets_may_come(way: str) -> None:
    offers = Say(b"250-scripted\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    ok = (Hear(), Say(b"250 ok\r\n"))
    script = (GREETING, Hear(), offers, *ok, *ok, Hear(), Listen())
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        if way == "bdat":
            client.mail_from("a@example.org")
            client.rcpt_to("b@example.net")
        client.raw(b"NOOP\r\n")
        with pytest.raises(LocalProtocolError, match="read their replies first"):
            WAYS[way](client)
        client.disconnect()
        server.wait_until_gone()
        assert server.heard.endswith(b"NOOP\r\n")


def test_auth_does_not_leave_in_a_group(client: SmtpClient) -> None:
    client.lax = True
    with pytest.raises(
        LocalProtocolError, match="AUTH holds a secret, and cannot leave in a group"
    ):
        send(client, commands.Custom("AUTH", "PLAIN c2VjcmV0"))


def test_an_error_inside_the_block_sends_nothing(
    client: SmtpClient, sink: Sink
) -> None:
    with suppress(KeyError), client.pipeline() as group:
        group.rset()
        raise KeyError
    assert group.replies == ()
    assert b"RSET" not in sink.lines


GROUP = (Hear(), Hear(), AFTER_DATA)


def _group(client: SmtpClient, timeout: float | None = None) -> None:
    with client.pipeline(timeout=timeout) as group:
        group.mail_from("a@example.org")
        group.rcpt_to("b@example.net")
        group.data()


def test_one_reply_too_many_is_shown_and_ends_the_session() -> None:
    script = (GREETING, *EHLO, *GROUP, Say(b"250 1\r\n250 2\r\n354 3\r\n250 4\r\n"))
    with ScriptedServer((*script, Hold())) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        with pytest.raises(RemoteProtocolError, match="250 4") as caught:
            _group(client)
        assert [reply.code for reply in caught.value.replies] == [250, 250, 354]
        assert client.state is State.CLOSED


def test_one_reply_too_few_is_waited_for_until_the_deadline() -> None:
    script = (GREETING, *EHLO, *GROUP, Say(b"250 1\r\n250 2\r\n"), Hold())
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        with pytest.raises(DeadlineExceeded, match="DATA"):
            _group(client, timeout=0.1)
        codes = client.transcript.exchanges()["code"].tolist()
        assert codes[-3:-1] == [250, 250]


def test_a_server_that_hangs_up_in_the_middle_of_the_replies() -> None:
    script = (GREETING, *EHLO, *GROUP, Say(b"250 1\r\n25"))
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        with pytest.raises(ConnectionLost):
            _group(client)


def test_a_cancel_ends_a_group_that_waits() -> None:
    script = (GREETING, *EHLO, *GROUP, Listen())
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        client.on_tick = client.cancel
        with pytest.raises(Cancelled):
            _group(client)
        assert server.wait_until_gone() == "reset"
