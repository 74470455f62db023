"""Stop, drop, half a content, slow, another end: what left, and what is said of it.

The sandbox heard it: its own account is the oracle of what left.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from smtpnb import (
    Control,
    DeadlineExceeded,
    LocalProtocolError,
    Sandbox,
    SmtpClient,
)
from smtpnb.transfer.controlled import PHASES
from tests.support.scripted import GREETING, Hear, Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATHS: Final = ["b@x.example", "c@x.example"]
CONTENT: Final = b"Subject: x\r\n\r\nhello\r\n.dot\r\n"
VERBS: Final = {
    "banner": [],
    "ehlo": ["EHLO"],
    "starttls": ["EHLO"],
    "auth": ["EHLO"],
    "mail": ["EHLO", "MAIL"],
    "rcpt": ["EHLO", "MAIL", "RCPT", "RCPT"],
    "data": ["EHLO", "MAIL", "RCPT", "RCPT", "DATA"],
    "dot": ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "."],
}
BEFORE: Final = ("banner", "ehlo", "starttls", "auth")


def outcome_at(phase: str) -> str:
    return "not tried" if phase in BEFORE else "aborted"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(tls="none") as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient() as made:
        made.connect(sandbox)
        yield made


def said(client: SmtpClient) -> list[str]:
    """The commands that left, by the transcript."""
    events = client.transcript.events()
    return events.loc[events["event"] == "command", "verb"].astype(str).tolist()


def ended(client: SmtpClient) -> str:
    """How the connection ended."""
    events = client.transcript.events()
    return str(events.loc[events["event"] == "close", "text"].iloc[-1])


@pytest.mark.parametrize("phase", [each for each in PHASES if each != "data"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_stop_after_says_quit_there(
    client: SmtpClient, sandbox: Sandbox, phase: str, pipelining: bool
) -> None:
    client.pipelining = pipelining
    delivery = client.send(CONTENT, "a@x.example", PATHS, stop_after=phase)
    assert said(client) == [*VERBS[phase], "QUIT"]
    assert client.state.name == "CLOSED"
    is_sent = phase == "dot"
    assert delivery.outcome == ("accepted" if is_sent else outcome_at(phase))
    assert len(sandbox.inbox()) == is_sent
    assert client.reply_code == 221


@pytest.mark.parametrize("phase", PHASES)
def test_drop_after_the_reply(client: SmtpClient, sandbox: Sandbox, phase: str) -> None:
    delivery = client.send(CONTENT, "a@x.example", PATHS, drop_after=phase)
    assert said(client) == VERBS[phase]
    assert client.state.name == "CLOSED"
    is_sent = phase == "dot"
    assert delivery.outcome == ("accepted" if is_sent else outcome_at(phase))
    assert len(sandbox.inbox()) == is_sent
    rows = client.transcript.transactions()
    told = {"dot": ["delivered"] * 2, "mail": ["aborted"]}.get(phase, ["aborted"] * 2)
    assert rows["outcome"].tolist() == ([] if phase in BEFORE else told)


@pytest.mark.parametrize("phase", PHASES)
def test_drop_before_the_reply(client: SmtpClient, phase: str) -> None:
    control = Control(drop_after_send=phase)
    delivery = client.send(CONTENT, "a@x.example", PATHS, control=control)
    assert said(client) == VERBS[phase]
    wanted = "unknown" if phase == "dot" else outcome_at(phase)
    assert delivery.outcome == wanted
    assert [each.outcome for each in delivery.recipients] == [wanted] * 2
    assert "as it was asked" in client.transcript.text()
    codes = [reply.code for reply in delivery.replies]
    n = max(len(VERBS[phase]) - 2, 0) if phase not in BEFORE else 0
    assert codes == [250, 250, 250, 354][:n]


@pytest.mark.parametrize("octets", [0, 1, 14, len(CONTENT)])
def test_half_a_content(client: SmtpClient, sandbox: Sandbox, octets: int) -> None:
    control = Control(octets=octets)
    delivery = client.send(CONTENT, "a@x.example", PATHS, control=control)
    assert delivery.outcome == "aborted"
    events = client.transcript.events()
    left = events.loc[events["event"] == "data", "n_bytes"].sum()
    assert octets - 2 <= left <= octets + 1  # a line end is held back; a dot is doubled
    assert "." not in said(client)
    assert not len(sandbox.inbox())


def test_slow_writing(client: SmtpClient, sandbox: Sandbox) -> None:
    began = time.monotonic()
    control = Control(slow=(10, 0.01))
    delivery = client.send(CONTENT, "a@x.example", PATHS, control=control)
    assert delivery.outcome == "accepted"
    assert sandbox.inbox()["octets"].tolist() == [CONTENT]
    events = client.transcript.events()
    pieces = events.loc[events["event"] == "data", "n_bytes"].tolist()
    assert max(pieces) <= 12
    assert time.monotonic() - began >= 0.01 * (len(CONTENT) // 10)


def test_slow_writing_hears_a_refusal(client: SmtpClient, sandbox: Sandbox) -> None:
    sandbox.fault("body", reply="552 5.3.4 Enough")
    control = Control(slow=(4, 0.05))
    delivery = client.send(CONTENT * 5, "a@x.example", PATHS, control=control)
    assert delivery.outcome == "refused"
    assert client.state.name == "CLOSED"


def test_a_phase_that_is_not_reached(client: SmtpClient, sandbox: Sandbox) -> None:
    sandbox.fault("mail", reply="550 5.7.1 No")
    delivery = client.send(CONTENT, "a@x.example", PATHS, stop_after="rcpt")
    assert delivery.outcome == "refused"
    assert said(client) == ["EHLO", "MAIL", "QUIT"]


def test_what_is_past_is_past(client: SmtpClient) -> None:
    client.ehlo()
    delivery = client.send(CONTENT, "a@x.example", PATHS, stop_after="HELO")
    assert delivery.outcome == "not tried"
    assert said(client) == ["EHLO", "QUIT"]


def test_another_end_of_data_is_what_leaves() -> None:
    offer = Hear(), Say(b"250 scripted\r\n")
    oks = (Hear(), Say(b"250 ok\r\n")) * 2
    script = (GREETING, *offer, *oks, Hear(), Say(b"354 go\r\n"), Listen())
    with ScriptedServer(script) as server, SmtpClient() as client:
        client.connect(server.host, server.port)
        control = Control(end_of_data=b"\n.\n", own_server="mine: CVE-2023-51764")
        with pytest.raises(DeadlineExceeded) as raised:
            client.send(CONTENT, "a@x.example", PATHS[:1], control=control, timeout=0.3)
        assert raised.value.outcome == "unknown"
        assert "mine: CVE-2023-51764" in client.transcript.text()
        client.disconnect()
    assert server.heard.endswith(b"hello\r\n..dot\r\n\n.\n")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stop_after": "data"}, "a line of the message"),
        ({"stop_after": "lunch"}, "no phase"),
        ({"stop_after": "mail", "drop_after": "rcpt"}, "ends once"),
        ({"control": Control(octets=-1)}, "octets is 0 or more"),
        ({"control": Control(slow=(0, 1))}, "slow is octets and seconds"),
        ({"control": Control(slow=5)}, "slow is octets and seconds"),  # type: ignore[arg-type]
        ({"control": Control(end_of_data=b"\n.\n")}, "servers of your own"),
        ({"control": Control(end_of_data=b"\n.\n", own_server=" ")}, "of your own"),
    ],
)
def test_what_is_refused(
    client: SmtpClient, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        client.send(CONTENT, "a@x.example", PATHS, **settings)
    assert said(client) == []


def test_talking_before_the_greeting(sandbox: Sandbox) -> None:
    sandbox.fault("greeting", delay=0.1)
    with SmtpClient() as client:
        early = b"EHLO early.example\r\nNOOP\r\n"
        assert client.connect(sandbox, early=early).code == 220
        with pytest.raises(LocalProtocolError, match="read their replies"):
            client.ehlo()
        codes = client.read_reply().code, client.read_reply().code
        assert codes == (250, 250)
        frame = client.transcript.exchanges().sort_values("exchange_no")
        assert frame["code"].tolist() == [220, 250, 250]
        assert "before the greeting" in client.transcript.text()


def test_unannounced_pipelining_and_bdat_under_lax() -> None:
    replies = Hear(), Hear(), Say(b"250 ok\r\n250 ok\r\n")
    chunk = Hear(), Hear(), Say(b"500 what?\r\n500 what?\r\n")
    greet = Hear(), Say(b"250 scripted\r\n")
    script = (GREETING, *greet, *replies, *chunk, Listen())
    with ScriptedServer(script) as server, SmtpClient(lax=True) as client:
        client.connect(server.host, server.port)
        client.ehlo()
        with client.pipeline() as group:
            group.mail_from("a@x.example")
            group.rcpt_to("b@x.example")
        assert [reply.code for reply in group.replies] == [250, 250]
        assert client.bdat(b"x\r\n").code == 500
        notes = client.transcript.text()
        assert "PIPELINING" in notes
        assert "CHUNKING" in notes


def test_lmtp_can_be_stopped_too() -> None:
    with Sandbox(tls="none", protocol="lmtp") as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        control = Control(drop_after_send="dot")
        delivery = client.send(CONTENT, "a@x.example", PATHS, control=control)
        assert [each.outcome for each in delivery.recipients] == ["unknown"] * 2
        client.connect(sandbox)
        delivery = client.send(CONTENT, "a@x.example", PATHS, stop_after="lhlo")
        assert delivery.outcome == "not tried"
        assert said(client)[-2:] == ["LHLO", "QUIT"]


@pytest.mark.parametrize(
    ("options", "verbs", "outcome"),
    [
        ("--stop-after rcpt", [*VERBS["rcpt"], "QUIT"], "aborted"),
        ("--drop-after data", VERBS["data"], "aborted"),
        ("--drop-after-send dot", VERBS["dot"], "unknown"),
        ("--octets 5", VERBS["data"], "aborted"),
        ("--slow 20/0.01", VERBS["dot"], "accepted"),
    ],
)
def test_by_magic(
    run: Callable[[str], Any], options: str, verbs: list[str], outcome: str
) -> None:
    run("%smtp connect sandbox;\nm = 'Subject: x\\r\\n\\r\\nhello\\r\\n'")
    line = "%smtp send {m} --from a@x.example --to " + ",".join(PATHS)
    delivery = run(f"{line} {options}")
    assert delivery.outcome == outcome
    assert said(run("%smtp session")) == verbs


def test_early_talk_and_another_end_by_magic(run: Callable[[str], Any]) -> None:
    port = run("%smtp sandbox").port
    run(f"%smtp connect 127.0.0.1:{port} --early {{b'NOOP\\r\\n'}};")
    client = run("%smtp session")
    assert client.read_reply().code == 250
    run("m = 'Subject: x\\r\\n\\r\\nhello\\r\\n'")
    run(
        "%smtp send {m} --from a@x.example --to b@x.example "
        "--end-of-data {b'.\\r\\n'} --own-server 'the sandbox is mine';"
    )
    assert "the sandbox is mine" in client.transcript.text()
