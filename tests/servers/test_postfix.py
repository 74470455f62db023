"""The session of notebook 01 against a real Postfix, and what lands in its maildir."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Cancelled, LocalProtocolError, SmtpClient, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

_HEAD = """\
From: Ann <ann@client.example>
To: Bob <bob@example.test>
Date: Tue, 24 Nov 2026 10:00:00 +0000
Message-ID: <{name}@client.example>
Subject: octet for octet
"""
# What goes wrong when a dot, a line end or an eighth bit is not understood.
_BODIES = {
    "dots": ".\n..\n...\n.leading\nin . the middle.\n.\n",
    "blank": "\n\n\n  \ntrailing spaces   \n\t\n\n",
    "eight": "gr\u00fc\u00dfe \u4f60\u597d \U0001f600\n",
    "long": "x" * 998 + "\n" + "." * 998 + "\n",
    "big": "0123456789abcdef" * 4 + "\n.\n" * 3 + ("line\n." * 40_000) + "\n",
}


@pytest.fixture
def client(postfix: Postfix) -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        client.connect(postfix.host, postfix.port, ca=postfix.ca)
        client.ehlo()
        yield client


def _ours(postfix: Postfix, name: str, n: int) -> bytes:
    """The stored message whose Message-ID is ours."""
    mark = f"<{name}@client.example>".encode()
    (found,) = [octets for octets in postfix.delivered(n) if mark in octets]
    return found


def _check_arrived(stored: bytes, sent: str) -> None:
    """Postfix stores LF, and adds trace fields at the top and nothing else."""
    wanted = sent.encode()
    assert stored.endswith(wanted)
    added = stored[: -len(wanted)].decode().splitlines()
    names = {line.split(":")[0] for line in added if not line.startswith(("\t", " "))}
    assert names <= {"Return-Path", "X-Original-To", "Delivered-To", "Received"}


@pytest.fixture(scope="session")
def count() -> list[int]:
    """How many messages were delivered so far in this run."""
    return [0]


def test_the_session_of_the_first_notebook(
    postfix: Postfix, run: Callable[[str], Any], shell: Any, count: list[int]
) -> None:
    shell.user_ns["ca"] = postfix.ca
    address = f"{postfix.host}:{postfix.port}"
    assert run(f"%smtp connect {address} --ca {{ca}}").code == 220
    assert "STARTTLS" in run("%smtp ehlo client.example").text
    assert run("%smtp starttls").code == 220
    assert run("%smtp ehlo client.example").ok
    assert run("%smtp mail from:<ann@client.example>").enhanced == "2.1.0"
    assert run("%smtp rcpt to:<bob@example.test>").enhanced == "2.1.5"
    refused = run("%smtp rcpt to:<nobody@example.test>")
    assert (refused.code, refused.enhanced) == (550, "5.1.1")
    deferred = run("%smtp rcpt to:<later@example.test>")
    assert (deferred.code, deferred.enhanced) == (450, "4.2.0")
    sent = _HEAD.format(name="first") + "\nFrom a cell.\n.dot\n"
    reply = run(f"%%smtp data\n{sent}")
    count[0] += 1
    assert reply.enhanced == "2.0.0"
    assert run("%smtp quit").code == 221
    _check_arrived(_ours(postfix, "first", count[0]), sent)
    table = run("%smtp transcript transactions")
    assert list(table["outcome"]) == ["delivered", "rejected", "deferred"]
    queue_id = str(table["queue_id"].iloc[0])
    assert queue_id in postfix.log()
    sessions = run("%smtp transcript sessions")
    assert list(sessions["software"]) == ["Postfix"]
    assert list(sessions["tls_verified"]) == [True]


@pytest.mark.parametrize("name", _BODIES)
def test_content_arrives_octet_for_octet(
    postfix: Postfix, client: SmtpClient, count: list[int], name: str
) -> None:
    sent = f"{_HEAD.format(name=name)}\n{_BODIES[name]}"
    body = "8BITMIME" if name == "eight" else None
    assert client.mail_from("ann@client.example", body=body).ok
    assert client.rcpt_to("bob@example.test").ok
    assert client.data(sent).ok
    count[0] += 1
    _check_arrived(_ours(postfix, name, count[0]), sent)


@pytest.mark.parametrize("size", [7, 1000, 10_000_000])
def test_chunks_arrive_octet_for_octet(
    postfix: Postfix, client: SmtpClient, count: list[int], size: int
) -> None:
    """BDAT cuts anywhere: in a line end, before a dot, within a letter (RFC 3030)."""
    name = f"chunks-{size}"
    bodies = [body for kind, body in _BODIES.items() if kind != "big" or size > 7]
    sent = f"{_HEAD.format(name=name)}\n{''.join(bodies)}"
    octets = sent.replace("\n", "\r\n").encode()
    assert client.mail_from("ann@client.example", body="8BITMIME").ok
    assert client.rcpt_to("bob@example.test").ok
    for start in range(0, len(octets), size):
        last = start + size >= len(octets)
        assert client.bdat(octets[start : start + size], last=last).ok
    count[0] += 1
    _check_arrived(_ours(postfix, name, count[0]), sent)


def test_binarymime_is_not_announced_by_postfix(client: SmtpClient) -> None:
    """It takes BDAT without BINARYMIME: we ask for neither, and it says 555 itself."""
    assert "CHUNKING" in client.capabilities
    assert "BINARYMIME" not in client.capabilities
    with pytest.raises(LocalProtocolError, match="BINARYMIME"):
        client.send(
            b"\0", "ann@client.example", ["bob@example.test"], body="BINARYMIME"
        )
    client.lax = True
    assert client.mail_from("ann@client.example", body="BINARYMIME").code == 555


def test_a_slow_recipient_is_slow_in_the_table(client: SmtpClient) -> None:
    client.mail_from("ann@client.example")
    assert client.rcpt_to("slow@example.test").ok
    client.rset()
    exchanges = client.transcript.exchanges()
    slow = exchanges[exchanges["step"] == "rcpt"]["latency_ms"].iloc[0]
    assert slow >= 1000


def test_a_slow_recipient_can_be_cancelled(client: SmtpClient) -> None:
    client.mail_from("ann@client.example")
    client.on_tick = client.cancel
    with pytest.raises(Cancelled, match="RCPT"):
        client.rcpt_to("slow@example.test")
    client.on_tick = None
    assert client.state is State.CLOSED


def test_a_message_cancelled_half_way_is_not_delivered(
    postfix: Postfix, client: SmtpClient, count: list[int]
) -> None:
    client.mail_from("ann@client.example")
    client.rcpt_to("bob@example.test")

    def stop(octets: int) -> None:
        if octets > 200_000:
            client.cancel()

    client.on_progress = stop
    with pytest.raises(Cancelled) as caught:
        client.data(_HEAD.format(name="half") + "\n" + "half\n" * 1_000_000)
    assert caught.value.outcome == "aborted"
    # A message sent after it is there, and it is not.
    client.on_progress = None
    client.connect(postfix.host, postfix.port)
    client.ehlo()
    client.mail_from("ann@client.example")
    client.rcpt_to("bob@example.test")
    assert client.data(_HEAD.format(name="after") + "\nwhole\n").ok
    count[0] += 1
    assert _ours(postfix, "after", count[0])
    assert not any(b"<half@" in octets for octets in postfix.delivered())


def test_relaying_is_refused(client: SmtpClient) -> None:
    client.mail_from("ann@client.example")
    reply = client.rcpt_to("somebody@elsewhere.example")
    assert (reply.code, reply.enhanced) == (554, "5.7.1")


WAYS = [(True, True), (True, False), (False, False)]


@pytest.mark.parametrize("way", WAYS, ids=["window", "turn", "command"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_a_stream_arrives_whole_and_in_order(
    postfix: Postfix,
    client: SmtpClient,
    count: list[int],
    way: tuple[bool, bool],
    tls: bool,
) -> None:
    if tls:
        client.starttls()
        client.ehlo()
    client.pipelining, client.chunking = way
    names = {name: f"{name}-{way[0]}-{way[1]}-{tls}" for name in _BODIES}
    sent = {
        name: f"{_HEAD.format(name=names[name])}\n{body}"
        for name, body in _BODIES.items()
    }
    mails: list[Any] = [
        ("ann@client.example", "bob@example.test", text) for text in sent.values()
    ]
    nobody = ("ann@client.example", "nobody@example.test", "x\n")
    both = ("ann@client.example", ["nobody@example.test", "bob@example.test"], "both\n")
    later = ("ann@client.example", "later@example.test", "x\n")
    mails = [nobody, *mails[:3], later, *mails[3:], both, nobody]
    deliveries = client.send_all(mails)
    assert [d.outcome for d in deliveries] == [
        "refused",
        *["accepted"] * 3,
        "refused",
        *["accepted"] * 3,
        "refused",
    ]
    replies = [d.reply for d in deliveries if d.reply is not None]
    assert [r.code for r in replies] == [550, 250, 250, 250, 450, 250, 250, 250, 550]
    assert [r.outcome for r in deliveries[-2].recipients] == ["refused", "accepted"]
    count[0] += 6
    for name, text in sent.items():
        _check_arrived(_ours(postfix, names[name], count[0]), text)
    assert client.quit().code == 221
    table = client.transcript.transactions()
    assert table["outcome"].tolist().count("delivered") == 6


def test_a_whole_message_with_quit_in_one_group(
    postfix: Postfix, count: list[int]
) -> None:
    sent = f"{_HEAD.format(name='quit')}\n.dot\n"
    with SmtpClient(identity="client.example") as client:
        client.connect(postfix.host, postfix.port, ca=postfix.ca)
        delivery = client.send(
            sent, "ann@client.example", "bob@example.test", quit=True
        )
        assert delivery.ok
        assert client.state is State.CLOSED
    count[0] += 1
    _check_arrived(_ours(postfix, "quit", count[0]), sent)
