"""LMTP with Dovecot: a final reply for each accepted recipient (RFC 2033)."""

from __future__ import annotations

import secrets
import smtplib
from typing import TYPE_CHECKING, Any, Final

import pytest

from smtpnb import LocalProtocolError, SmtpClient
from smtpnb.notebook.panel.actions import Form, operation
from tests.servers.smtp_sink import running_sink
from tests.support.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.choose import Overlap
    from tests.servers.dovecot_lmtp import DovecotLmtp
    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

_CONTENT = b"Subject: lmtp\r\n\r\n..dot\r\n" + b"x" * 998 + b"\r\n.\r\n"
_STORED = b"Subject: lmtp\n\n.dot\n" + b"x" * 998 + b"\n"


@pytest.mark.parametrize("where", ["tcp", "unix"])
def test_each_recipient_has_a_final_reply_of_its_own(
    lmtp: DovecotLmtp, where: str
) -> None:
    over_tcp = where == "tcp"
    place = (lmtp.host, lmtp.port) if over_tcp else (str(lmtp.path), 0)
    mailbox = lmtp.mail("ok-1")
    before = mailbox.look()
    with smtplib.LMTP(*place) as client:
        client.ehlo()
        client.mail("ann@client.example")
        names = ("ok-1", lmtp.over, "no-1", "ok-2")
        codes = [client.rcpt(f"{name}@example.test")[0] for name in names]
        assert codes == [250, 250, 550, 250]
        assert client.docmd("DATA")[0] == 354
        client.send(_CONTENT)
        finals = [client.getreply()[0] for _ in range(3)]
    assert finals == [250, 552, 250]
    # A maildir is not sorted by time: what is new in it is ours.
    (ours,) = set(mailbox.wait_for(len(before) + 1)) - set(before)
    assert ours.endswith(_STORED)


NAMES: Final = ("ok-1", "over-1", "no-1", "ok-2")
PATHS: Final = [f"{name}@example.test" for name in NAMES]
OUTCOMES: Final = ["accepted", "refused", "refused", "accepted"]
CODES: Final = [250, 552, 550, 250]
WORDS: Final = ["delivered", "rejected", "rejected", "delivered"]
CONTENT: Final = b"Subject: %b\r\n\r\n.dot\r\n"


@pytest.fixture(params=["tcp", "unix"])
def client(lmtp: DovecotLmtp, request: pytest.FixtureRequest) -> Iterator[SmtpClient]:
    with SmtpClient() as made:
        if request.param == "tcp":
            made.connect(lmtp.host, lmtp.port, protocol="lmtp")
        else:
            made.connect(f"unix:{lmtp.path}")
        yield made


def told(delivery: Delivery) -> tuple[list[str], list[int | None]]:
    rows = delivery.recipients
    assert [row.forward_path for row in rows] == PATHS
    codes = [None if row.reply is None else row.reply.code for row in rows]
    return [row.outcome for row in rows], codes


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock-step"])
@pytest.mark.parametrize("overlap", [None, "turn", "window"])
def test_four_recipients_two_of_them_accepted(
    client: SmtpClient, lmtp: DovecotLmtp, overlap: Overlap, pipelining: bool
) -> None:
    client.pipelining = pipelining
    mark = secrets.token_hex(4).encode()
    mails = [("a@client.example", PATHS, CONTENT % mark) for _ in range(3)]
    deliveries = client.send_all(mails, overlap=overlap)
    for delivery in deliveries:
        assert told(delivery) == (OUTCOMES, CODES)
        assert delivery.outcome == "accepted"
        assert not delivery.ok
    frame = client.transcript.transactions()
    assert frame["rcpt_to"].tolist() == PATHS * 3
    assert frame["outcome"].tolist() == WORDS * 3
    assert frame["final_code"].tolist() == CODES * 3
    # Dovecot answers when it has stored it.
    mine = [each for each in lmtp.mail("ok-1").look() if mark in each]
    assert len(mine) == 3
    assert all(each.endswith(b"\n\n.dot\n") for each in mine)


@pytest.mark.parametrize("by", ["data", "bdat"])
def test_verbs_give_all_finals(client: SmtpClient, by: str) -> None:
    client.lhlo()
    client.mail_from("a@client.example")
    assert [client.rcpt_to(path).code for path in PATHS] == [250, 250, 550, 250]
    if by == "data":
        client.data(CONTENT)
    else:
        assert client.bdat(CONTENT).ok
        assert len(client.replies) == 1
        client.bdat(b"more\r\n", last=True)
    assert [reply.code for reply in client.replies] == [250, 552, 250]
    assert client.state.name == "READY"
    assert client.noop().ok
    assert client.transcript.transactions()["outcome"].tolist() == WORDS


def test_without_a_recipient_data_gets_one_refusal(client: SmtpClient) -> None:
    delivery = client.send(CONTENT, "a@client.example", ["no-1@example.test"])
    assert delivery.outcome == "refused"
    assert delivery.recipients[0].reply is not None
    client.rset()
    client.lax = True
    client.mail_from("a@client.example")
    assert client.data().code == 503
    assert len(client.replies) == 1
    assert client.noop().ok


def test_who_says_ehlo_is_told_what_it_is(lmtp: DovecotLmtp) -> None:
    with SmtpClient() as client:
        client.connect(lmtp.host, lmtp.port)
        assert not client.ehlo().ok
        assert "lmtp" in client.transcript.text().lower().partition("ehlo")[2]
        with pytest.raises(LocalProtocolError, match='protocol="lmtp"'):
            client.send(CONTENT, "a@client.example", PATHS)


def test_magic_and_panel_say_the_same(
    client: SmtpClient, run: Callable[[str], Any]
) -> None:
    host, port = client.peer.rpartition(":")[::2]
    where = client.peer if host == "unix" else f"{host}:{port} --lmtp"
    run(f"m = {CONTENT!r}\n%smtp connect {where};")
    delivery = run(f"%smtp send {{m}} --from a@client.example --to {','.join(PATHS)}")
    assert told(delivery) == (OUTCOMES, CODES)
    form = Form(sender="a@client.example", recipients=tuple(PATHS), content=CONTENT)
    shown = operation(client, "Send", form)().text
    for path, outcome in zip(PATHS, OUTCOMES, strict=True):
        assert f"{path}: {outcome} (" in shown


def test_smtp_sink_says_that_it_is_esmtp_and_speaks_lmtp() -> None:
    with running_sink(require_tool("smtp-sink"), "-L") as port:
        with SmtpClient() as client:
            client.connect("127.0.0.1", port, protocol="lmtp")
            mails = [("a@client.example", PATHS, CONTENT) for _ in range(20)]
            for delivery in client.stream(mails, overlap="turn"):
                assert [row.outcome for row in delivery.recipients] == ["accepted"] * 4
        with SmtpClient() as client:
            client.connect("127.0.0.1", port)
            assert client.ehlo().code == 500
            assert client.suspicion.startswith("EHLO is not known there: if this is")


def test_postfix_does_not_know_lhlo(postfix: Postfix) -> None:
    with SmtpClient() as client:
        client.connect(postfix.host, postfix.port, protocol="lmtp")
        with pytest.raises(LocalProtocolError, match="no LMTP server, it seems"):
            client.send(CONTENT, "a@client.example", PATHS)
