"""Rules of safety crossed with every path by which a command may leave.

A rule that holds for a verb holds for a group, a dialogue and every way to send; where
its guard is lifted, each of them sends it, and the transcript has the sentence. What
`command()` says is nobody's to refuse, but what became of it is told by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import ConnectionLost, LocalProtocolError, Sandbox, SmtpClient, State
from smtpnb.protocol import commands
from smtpnb.protocol.commands import Custom, Mail, Rcpt
from smtpnb.protocol.guards import ALL
from smtpnb.transfer.controlled import Control
from tests.support.scripted import GREETING, Hear, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from smtpnb.protocol.reply import Reply

OFFER = ("LIMITS RCPTMAX=1", "REQUIRETLS")
CONTENT = b"Subject: x\r\n\r\nx\r\n"
Step = Callable[[SmtpClient, Mail, list[Rcpt]], Any]


def _by_verbs(client: SmtpClient, mail: Mail, rcpts: list[Rcpt]) -> None:
    reply = client.mail_from(mail.path, parameters=mail.parameters)
    for rcpt in rcpts if reply.ok else ():
        client.rcpt_to(rcpt.path, parameters=rcpt.parameters)


def _by_group(client: SmtpClient, mail: Mail, rcpts: list[Rcpt]) -> None:
    with client.pipeline() as group:
        for command in (mail, *rcpts):
            group.add(command)


def _by_dialogue(client: SmtpClient, mail: Mail, rcpts: list[Rcpt]) -> None:
    def dialogue() -> Generator[commands.Command, Reply, None]:
        reply = yield mail
        for rcpt in rcpts:
            if reply.ok:
                reply = yield rcpt

    client.run(dialogue())


def _sends(*, pipelining: bool = True, chunking: bool = False, **options: Any) -> Step:
    def send(client: SmtpClient, mail: Mail, rcpts: list[Rcpt]) -> None:
        client.pipelining, client.chunking = pipelining, chunking
        said = mail.parameters
        client.send(CONTENT, mail.path, rcpts, parameters=said, **options)

    return send


PATHS: dict[str, Step] = {
    "verbs": _by_verbs,
    "a group": _by_group,
    "a dialogue": _by_dialogue,
    "lock-step": _sends(pipelining=False),
    "lock-step, BDAT": _sends(pipelining=False, chunking=True),
    "two turns": _sends(),
    "turn": _sends(overlap="turn"),
    "window": _sends(chunking=True, overlap="window"),
    "control": _sends(control=Control(stop_after="dot")),
}
BOB = Rcpt("bob@example.net")
# The guard, what breaks it, and the sentence.
RULES: dict[str, tuple[str, Mail, list[Rcpt], str]] = {
    "grammar of MAIL": (
        *("syntax", Mail("a@example.org", ret="ALL"), [BOB]),
        "RET is FULL or HDRS",
    ),
    "grammar of RCPT": (
        *("syntax", Mail("a@example.org")),
        *([Rcpt("c@example.net", notify="MAYBE")], "NOTIFY is NEVER alone"),
    ),
    "not offered": (
        *("offers", Mail("a@example.org", by=(120, "R")), [BOB]),
        "does not offer DELIVERBY",
    ),
    "switched off": (
        *("offers", Mail("a@example.org", mt_priority=3), [BOB]),
        r"MT-PRIORITY is switched off \(disable=\)",
    ),
    "REQUIRETLS in clear": (
        *("offers", Mail("a@example.org", requiretls=True), [BOB]),
        "REQUIRETLS",
    ),
    "beyond FUTURERELEASE": (
        *("limits", Mail("a@example.org", holdfor=10**6), [BOB]),
        "holds for 604800 seconds at most",
    ),
    "beyond RCPTMAX": (
        *("limits", Mail("a@example.org"), [BOB, Rcpt("carol@example.net")]),
        "RCPTMAX=1",
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(extensions=OFFER, without=["DELIVERBY"]) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as made:
        made.connect(sandbox, disable={"MT-PRIORITY"})
        made.ehlo()
        yield made


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_holds_on_every_path_and_is_lifted_alone(
    client: SmtpClient, rule: str, path: str
) -> None:
    guard, mail, rcpts, sentence = RULES[rule]
    client.lax = ALL - {guard}
    with pytest.raises(LocalProtocolError, match=sentence):
        PATHS[path](client, mail, rcpts)
    said = client.transcript.exchanges()["verb"].tolist()
    if path in {"verbs", "a dialogue"}:  # each is judged when its turn comes
        assert said.count("MAIL") <= 1
        assert said.count("RCPT") < len(rcpts)
        client.rset()
    else:
        assert not {"MAIL", "RCPT"} & set(said)
    client.lax = {guard}
    PATHS[path](client, mail, rcpts)
    events = client.transcript.events()
    notes = events[events.event == "note"].text
    assert notes.str.contains(sentence, regex=True).any()


# Truth: what became of a message, whoever wrote the command that ended it.
OFFERS = Say(
    b"250-x\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BURL imap\r\n250 SMTPUTF8\r\n"
)
ENDS: dict[str, Callable[[SmtpClient], Any]] = {
    "burl": lambda client: client.burl("imap://h/;uid=1", last=True),
    "command BURL": lambda client: client.command("BURL", "imap://h/;uid=1 LAST"),
    "a dialogue": lambda client: client.run(
        _one(commands.Burl("imap://h/", last=True))
    ),
    "command BDAT": lambda client: client.command("BDAT", "0 LAST"),
    "bdat": lambda client: client.bdat(b"", last=True),
    "a group": lambda client: _group(client, Custom("BDAT", "0 LAST")),
    "a group with its chunk": lambda client: _group(
        client, Custom("BDAT", "6 LAST"), Custom("NOOP")
    ),
}


def _one(command: commands.Command) -> Generator[commands.Command, Reply, Reply]:
    return (yield command)


def _group(client: SmtpClient, *said: commands.Command) -> None:
    client.lax = {"groups"}
    with client.pipeline() as group:
        for command in said:
            group.add(command)


@pytest.mark.parametrize("way", ENDS)
def test_a_message_whose_end_left_unanswered_is_unknown(way: str) -> None:
    ok = (Hear(), Say(b"250 ok\r\n"))
    heard = (Hear(), Hear()) if "chunk" in way else (Hear(),)
    script = (GREETING, Hear(), OFFERS, *ok, *ok, *heard)  # and it closes
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        with pytest.raises(ConnectionLost) as caught:
            ENDS[way](client)
        assert caught.value.outcome == "unknown"


def test_a_chunk_that_was_announced_and_never_left_is_aborted() -> None:
    ok = (Hear(), Say(b"250 ok\r\n"))
    script = (GREETING, Hear(), OFFERS, *ok, *ok, Hear())
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        client.ehlo("c.example")
        client.mail_from("a@example.org")
        client.rcpt_to("b@example.net")
        with pytest.raises(ConnectionLost) as caught:
            client.command("BDAT", "6 LAST")
        assert caught.value.outcome == "aborted"


def test_a_mail_by_command_is_the_mail_of_its_group(client: SmtpClient) -> None:
    with client.pipeline() as group:
        group.add(Custom("MAIL", "FROM:<a@example.org> SMTPUTF8"))
        group.rcpt_to("jörg@example.net")
    assert [reply.ok for reply in group.replies] == [True, True]
    client.rset()
    plain = Custom("MAIL", "FROM:<a@example.org>")
    with pytest.raises(LocalProtocolError, match="needs SMTPUTF8"):
        _group(client, plain, Rcpt("jörg@example.net"))


TOKEN = "91354a473744909de610"
LINE = f"imap://h/;urlauth=submit+ann:internal:{TOKEN}"
WRITTEN: dict[str, Callable[[SmtpClient], Any]] = {
    "burl": lambda client: client.burl(LINE),
    "command": lambda client: client.command("BURL", LINE),
    "another verb": lambda client: client.command("XBURL", LINE),
    "a dialogue": lambda client: client.run(_one(Custom("XBURL", LINE))),
    "a group": lambda client: _group(client, Custom("XBURL", LINE)),
    "raw": lambda client: client.raw(f"XBURL {LINE}\r\n".encode()),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_token_is_shown_nowhere_whoever_wrote_its_line(
    client: SmtpClient, way: str
) -> None:
    client.lax = {"order"}
    if way == "a group":
        with pytest.raises(LocalProtocolError, match="XBURL holds a secret"):
            WRITTEN[way](client)
    else:
        WRITTEN[way](client)
        assert "<secret 20 bytes>" in client.transcript.text()
    assert TOKEN not in client.transcript.text()
    assert TOKEN not in client.transcript.events().to_csv()


@pytest.mark.parametrize("how", ["tls", "xclient"])
def test_a_session_that_begins_anew_has_counted_nothing(how: str) -> None:
    with Sandbox(extensions=["LIMITS MAILMAX=1"]) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo("c.example")
        client.mail_from("a@example.org")
        client.rset()
        with pytest.raises(LocalProtocolError, match="MAILMAX=1"):
            client.mail_from("a@example.org")
        assert (client.starttls() if how == "tls" else client.xclient(name="b")).ok
        assert client.state is State.CONNECTED
        assert client.recipients == ()
        client.ehlo("c.example")
        assert client.mail_from("a@example.org").ok


@pytest.mark.parametrize("verify", ["require", "report"])
def test_requiretls_wants_a_certificate_that_verifies(verify: Any) -> None:
    with Sandbox(extensions=["REQUIRETLS"]) as sandbox, SmtpClient() as client:
        host, port = sandbox.host, sandbox.port
        client.connect(host, port, verify=verify, server_hostname="localhost")
        client.ehlo("c.example")
        client.starttls(ca=sandbox.ca if verify == "require" else None)
        client.ehlo("c.example")
        mail = Mail("a@example.org", requiretls=True)
        if verify == "require":
            _by_verbs(client, mail, [])
            assert client.state is State.MAIL
            return
        for path in PATHS.values():
            with pytest.raises(LocalProtocolError, match="inside verified TLS only"):
                path(client, mail, [BOB])


def test_what_was_said_out_of_turn_is_not_said_again() -> None:
    with Sandbox() as sandbox, SmtpClient(identity="c.example") as client:
        client.connect(sandbox, early=b"NOOP\r\n")
        client.read_reply()
        mails = [("a@example.org", [f"{n}@example.net"], CONTENT) for n in range(2)]
        told = client.send_all(mails, per_connection=1, reconnect=True)
        assert [delivery.ok for delivery in told] == [True, True]


def test_after_xclient_true_is_no_way_to_connect_again() -> None:
    with Sandbox() as sandbox, SmtpClient(identity="c.example") as client:
        client.connect(sandbox)
        client.ehlo()
        client.xclient(name="spike.example")
        mails = [("a@example.org", [f"{n}@example.net"], CONTENT) for n in range(2)]
        with pytest.raises(LocalProtocolError, match="neither AUTH nor XCLIENT"):
            client.send_all(mails, per_connection=1, reconnect=True)

        def anew() -> None:
            client.connect(sandbox)
            client.ehlo()

        with pytest.raises(LocalProtocolError, match="XCLIENT was granted") as caught:
            client.send_all(mails, per_connection=1, reconnect=anew)
        fates = [each.outcome for each in caught.value.deliveries]
        assert fates == ["accepted", "not tried"]


QUITS: dict[str, Callable[[SmtpClient], Any]] = {
    "quit": lambda client: client.quit(),
    "command": lambda client: client.command("quit"),
    "a dialogue": lambda client: client.run(_one(Custom("QUIT"))),
    "a dialogue's own": lambda client: client.run(_one(commands.Quit())),
    "a group": lambda client: _group(client, Custom("QUIT")),
}


@pytest.mark.parametrize("way", QUITS)
def test_quit_closes_whoever_wrote_it(
    client: SmtpClient, sandbox: Sandbox, way: str
) -> None:
    QUITS[way](client)
    assert client.reply_code == 221
    assert client.state is State.CLOSED
    assert client.transcript.sessions()["outcome"].tolist() == ["success"]
    assert client.connect(sandbox).code == 220


def test_raw_content_is_content(client: SmtpClient, sandbox: Sandbox) -> None:
    _by_verbs(client, Mail("a@example.org"), [BOB])
    client.data()
    client.raw(b"Subject: x\r\n\r\n")
    client.raw(b"no end.\r\n..\r\n")
    assert client.end_data().code == 250
    assert client.noop().ok  # nothing else was to be read
    assert sandbox.inbox().iloc[-1].octets == b"Subject: x\r\n\r\nno end.\r\n.\r\n"


@pytest.mark.parametrize("pieces", [[b"x\r\n.\r\n"], [b"x\r\n", b".", b"\r\n"]])
def test_raw_octets_that_may_be_an_end_have_a_reply(
    client: SmtpClient, pieces: list[bytes]
) -> None:
    _by_verbs(client, Mail("a@example.org"), [BOB])
    client.data()
    for piece in pieces:
        client.raw(piece)
    with pytest.raises(LocalProtocolError):
        client.noop()
    assert client.read_reply().code == 250
    assert client.noop().ok
