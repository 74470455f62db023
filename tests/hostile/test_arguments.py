"""Arguments cannot become commands, bodies cannot become transactions."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, Any

import pandas as pd  # noqa: F401  # loaded before memory is measured
import pytest

from smtpnb import (
    ConnectError,
    LocalProtocolError,
    Login,
    Plain,
    RemoteProtocolError,
    ResolveError,
    SmtpClient,
    State,
)
from tests.hostile.phases import HELLO, PASSWORD, auth, connect, ehlo, mail, rcpt
from tests.support.scripted import (
    DATA,
    DOT,
    EHLO,
    GREETING,
    OK,
    Hear,
    Hold,
    Listen,
    Say,
    ScriptedServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EVIL = {
    "CRLF": "a\r\nRSET",
    "LF": "a\nRSET",
    "CR": "a\rRSET",
    "NUL": "a\0b",
    "ESC": "a\x1b[2Jb",
    "DEL": "a\x7fb",
    "NEL": "a\x85b",
    "LS": "a\u2028b",
    "PS": "a\u2029b",
    "quoted CRLF": '"a\r\nRCPT TO:<evil@x.example>"@b.example',
    "narrowing": "a\u560d\u560ab",
    "surrogate": "a\udc0ab",
}


class Named(Plain):
    """A mechanism with a name of its own."""

    def __init__(self, name: str) -> None:
        super().__init__("user", PASSWORD)
        self.name = name


def _greets_as(client: SmtpClient, identity: str) -> object:
    client.identity = identity
    return client.ehlo()


ARGUMENTS: dict[str, Callable[[SmtpClient, str], object]] = {
    "ehlo": lambda c, s: c.ehlo(s),
    "helo": lambda c, s: c.helo(s),
    "mail path": lambda c, s: c.mail_from(s),
    "mail body": lambda c, s: c.mail_from("a@b", body=s),
    "mail ret": lambda c, s: c.mail_from("a@b", ret=s),
    "mail envid": lambda c, s: c.mail_from("a@b", envid=s),
    "mail parameter": lambda c, s: c.mail_from("a@b", parameters=[s]),
    "rcpt path": lambda c, s: c.rcpt_to(s),
    "rcpt notify": lambda c, s: c.rcpt_to("a@b", notify=s),
    "rcpt orcpt": lambda c, s: c.rcpt_to("a@b", orcpt=s),
    "rcpt parameter": lambda c, s: c.rcpt_to("a@b", parameters=[s]),
    "server hostname": lambda c, s: c.starttls(server_hostname=s),
    "identity": _greets_as,
    "mechanism": lambda c, s: c.auth(Named(s), allow_cleartext_auth=True),
    "noop": lambda c, s: c.noop(s),
    "vrfy": lambda c, s: c.vrfy(s),
    "expn": lambda c, s: c.expn(s),
    "help": lambda c, s: c.help(s),
    "verb": lambda c, s: c.command(s),
    "argument": lambda c, s: c.command("XX", s),
}


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
def test_no_argument_ends_its_line_early(
    argument: str, evil: str, trial: Callable[[str], Any], *, lax: bool
) -> None:
    client = SmtpClient(lax=lax)
    script = (*HELLO, *(OK if argument.startswith("rcpt") else ()), Listen())
    with trial("argument injection"), ScriptedServer(script) as server:
        connect(client, server)
        (mail if argument.startswith("rcpt") else ehlo)(client)
        before = server.heard
        if evil == "narrowing" and argument in {"argument", "server hostname"}:
            evil = "CRLF"  # any text may follow a verb of one's own, as UTF-8
        if evil == "narrowing" and argument == "rcpt orcpt":
            evil = "CRLF"  # RFC 6533 writes any text in ASCII
        if evil == "narrowing" and lax and argument[:4] in {"mail", "rcpt"}:
            evil = "CRLF"  # lax says it as UTF-8, which holds no CR and no LF
        with pytest.raises(LocalProtocolError):
            ARGUMENTS[argument](client, EVIL[evil])
        assert server.heard == before
        client.cancel()


BODIES = {
    "LF dot LF": b"a\n.\nMAIL FROM:<x>\n",
    "LF dot CRLF": b"a\n.\r\nb\r\n",
    "CR dot CR": b"a\r.\rb\r",
    "CRLF dot CR": b"a\r\n.\rb\r\n",
    "CRLF dot LF": b"a\r\n.\nb\r\n",
    "CR CRLF dot": b"a\r\r\n.\r\nb\r\n",
    "LF LF dot": b"a\n\n.\n\nb",
    "dot first": b".\r\nb\r\n",
    "dot alone": b".",
    "CRLF dot CRLF": b"a\r\n.\r\nMAIL FROM:<x>\r\n",
    "no end": b"a",
    "CR at the end": b"a\r",
    "empty": b"",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_no_body_holds_the_end_of_data(
    body: str, piece: int, trial: Callable[[str], Any]
) -> None:
    octets = BODIES[body]
    pieces = [octets[at : at + piece] for at in range(0, len(octets), piece)]
    end = DOT if octets else Hear(b".\r\n")
    script = (GREETING, *EHLO, *OK, *OK, *DATA, end, Say(b"250 Ok\r\n"), Listen())
    client = SmtpClient()
    with trial("smuggling"), ScriptedServer(script) as server:
        connect(client, server)
        rcpt(client)
        assert client.data(pieces).ok
        sent = server.heard.partition(b"DATA\r\n")[2]
        assert sent.endswith(b".\r\n")
        assert ("\r\n" + sent.decode()).count("\r\n.\r\n") == 1
        assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
        client.cancel()


PIPELINING = (Hear(), Say(b"250-scripted\r\n250 PIPELINING\r\n"))
GROUP = (Hear(), Hear(), Hear(), Say(b"250 a\r\n250 b\r\n354 c\r\n"))
WAYS = {
    "one by one": (GREETING, *EHLO, *OK, *OK, *DATA),
    "a group": (GREETING, *PIPELINING, *GROUP),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "pieces"])
def test_no_message_holds_the_end_of_data(
    way: str, body: str, trial: Callable[[str], Any], *, whole: bool
) -> None:
    octets = BODIES[body]
    content = octets if whole else iter([octets[:1], octets[1:]])
    end = DOT if octets else Hear(b".\r\n")
    script = (*WAYS[way], end, Say(b"250 Ok\r\n"), Listen())
    client = SmtpClient()
    with trial("smuggling"), ScriptedServer(script) as server:
        connect(client, server)
        delivery = client.send(content, "a@client.example", "b@server.example")
        assert delivery.outcome == "accepted"
        sent = server.heard.partition(b"DATA\r\n")[2]
        assert ("\r\n" + sent.decode()).count("\r\n.\r\n") == 1
        assert sent.endswith(b".\r\n")
        assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
        client.cancel()


def test_a_body_with_nul_is_refused(trial: Callable[[str], Any]) -> None:
    client = SmtpClient()
    script = (GREETING, *EHLO, *OK, *OK, Listen())
    with trial("smuggling"), ScriptedServer(script) as server:
        connect(client, server)
        rcpt(client)
        with pytest.raises(LocalProtocolError, match="NUL"):
            client.data(b"a\0b\r\n")
        assert b"DATA" not in server.heard
        client.cancel()


ECHOES = {
    "raw": PASSWORD.encode(),
    "base64": base64.b64encode(PASSWORD.encode()),
    "response": base64.b64encode(f"\0user\0{PASSWORD}".encode()),
    "half": base64.b64encode(f"\0user\0{PASSWORD}".encode())[:30],
    "upper": base64.b64encode(f"\0user\0{PASSWORD}".encode()).upper(),
    "hex": PASSWORD.encode().hex().encode(),
    "utf-16": PASSWORD.encode("utf-16-le"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_an_echoed_password_is_cut(echo: str, trial: Callable[[str], Any]) -> None:
    client = SmtpClient()
    refusal = Say(b"535 5.7.8 not " + ECHOES[echo] + b" please\r\n")
    with (
        trial("echoed secret"),
        ScriptedServer((*HELLO, Hear(), refusal, Listen())) as server,
    ):
        connect(client, server)
        ehlo(client)
        reply = auth(client)
        assert reply.code == 535
        shown = repr(reply) + reply.text + client.transcript.text()
        shown += client.transcript.events().to_csv() + repr(reply.octets)
        for form in ECHOES.values():
            assert form.decode("latin-1") not in shown
        assert "<secret" in reply.text
        client.cancel()


_PLAIN = base64.b64encode(f"\0user\0{PASSWORD}".encode())
CHALLENGES = {
    "empty": b"334 \r\n",
    "no text": b"334\r\n",
    "no base64": b"334 !!!\r\n",
    "a prompt": b"334 UGFzc3dvcmQ6\r\n",
    "large": b"334 " + b"QUJD" * 4000 + b"\r\n",
    "many lines": b"334-QUJD\r\n" * 400 + b"334 QUJD\r\n",
    "its own answer": b"334 " + _PLAIN + b"\r\n",
}


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest.mark.parametrize("mechanism", [Plain, Login])
def test_challenges_without_end_are_ended(
    mechanism: type[Plain | Login], challenge: str, trial: Callable[[str], Any]
) -> None:
    client = SmtpClient()
    loop = (Hear(), Say(CHALLENGES[challenge])) * 40
    with trial("AUTH loop"), ScriptedServer((*HELLO, *loop)) as server:
        connect(client, server)
        ehlo(client)
        with pytest.raises(RemoteProtocolError, match="challenges"):
            client.auth(mechanism("user", PASSWORD), allow_cleartext_auth=True)
        assert client.state is State.CLOSED
        # Said once at most, whatever is asked again and again (PLAIN holds it whole).
        assert server.heard.count(base64.b64encode(PASSWORD.encode())) <= 1


def test_a_password_in_clear_needs_to_be_asked_for(trial: Callable[[str], Any]) -> None:
    client = SmtpClient()
    with trial("AUTH in clear"), ScriptedServer((*HELLO, Listen())) as server:
        connect(client, server)
        ehlo(client)
        with pytest.raises(LocalProtocolError, match="AUTH in clear"):
            client.auth(Plain("user", PASSWORD))
        assert b"AUTH" not in server.heard
        client.cancel()


@pytest.mark.parametrize(
    "early",
    [b"250 done\r\n", b"354 more\r\n", b"garbage\r\n"],
    ids=["250", "354", "garbage"],
)
def test_a_senseless_word_in_mid_message_ends_it(
    early: bytes, trial: Callable[[str], Any]
) -> None:
    script = (GREETING, *EHLO, *OK, *OK, *DATA, Hear(), Say(early), Hold())
    client = SmtpClient()
    with trial("early reply"), ScriptedServer(script) as server:
        connect(client, server)
        rcpt(client)
        # A message without end, to a server that does not read: only the early word
        # can end it.
        with pytest.raises(RemoteProtocolError) as caught:
            client.data(itertools.repeat(b"y" * 70 + b"\r\n"))
        assert caught.value.outcome == "aborted"
        assert client.state is State.CLOSED


def test_a_dead_address_is_told(trial: Callable[[str], Any]) -> None:
    with ScriptedServer(()) as server:
        port = server.port
    client = SmtpClient()
    with trial("DNS and addresses"), pytest.raises(ConnectError, match="refused"):
        client.connect("127.0.0.1", port)


@pytest.mark.parametrize(
    "host", ["nosuch.invalid", "a..b.invalid", "x" * 64 + ".invalid"]
)
def test_a_name_without_address_is_told(host: str, trial: Callable[[str], Any]) -> None:
    client = SmtpClient()
    with (
        trial("DNS and addresses"),
        pytest.raises((ResolveError, LocalProtocolError), match="invalid"),
    ):
        client.connect(host, 25, timeout=20)
