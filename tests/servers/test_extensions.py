"""Extensions on real servers: what they log, deliver and report is what was said."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest

from smtpnb import LocalProtocolError, Plain, ProxyHeader, Rcpt, SmtpClient, State
from tests.servers.dovecot import PASSWORD
from tests.servers.postfix import running_postfix
from tests.support.tools import do_without, require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.dovecot import Dovecot
    from tests.servers.exim import Exim
    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

_CONTENT = b"Subject: x\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def trusting() -> Iterator[tuple[Postfix, int]]:
    """A Postfix that trusts XCLIENT and XFORWARD, and its port behind a proxy."""
    command = require_tool("postfix")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    with socket.create_server(("127.0.0.1", 0)) as finder:
        port = int(finder.getsockname()[1])
    with running_postfix(command, proxied=port) as server:
        yield server, port


@pytest.fixture
def client(trusting: tuple[Postfix, int]) -> Iterator[SmtpClient]:
    with SmtpClient(identity="client.example") as client:
        client.connect("127.0.0.1", trusting[0].port)
        client.ehlo()
        yield client


def test_postfix_takes_the_client_of_xclient(
    trusting: tuple[Postfix, int], client: SmtpClient
) -> None:
    reply = client.xclient(
        name="spike.example", addr="192.0.2.9", port=4711, helo="[x] +=", proto="ESMTP"
    )
    assert reply.code == 220
    assert client.state is State.CONNECTED
    client.ehlo()
    delivery = client.send(_CONTENT, "ann@client.example", ["bob@example.test"])
    assert delivery.ok
    trusting[0].delivered(1)
    log = trusting[0].log()
    assert f"{delivery.queue_id}: client=spike.example[192.0.2.9]" in log


def test_postfix_takes_what_is_longer_than_a_line(client: SmtpClient) -> None:
    long = ".".join(["n" * 60] * 4)
    reply = client.xclient(name=long, reverse_name=long, addr="::1", login="a+b=c")
    assert reply.code == 220
    said = client.transcript.exchanges().query("verb == 'XCLIENT'")
    assert list(said.code) == [220, 220]
    assert max(map(len, said.argument)) + len("XCLIENT \r\n") <= 512
    assert client.ehlo().ok


def test_postfix_logs_whose_mail_xforward_names(
    trusting: tuple[Postfix, int], client: SmtpClient
) -> None:
    reply = client.xforward(
        name="origin.example", addr="2001:db8::9", helo="origin.example", ident="Q123"
    )
    assert reply.code == 250
    delivery = client.send(_CONTENT, "ann@client.example", ["bob@example.test"])
    log = trusting[0].log()
    found = re.search(rf"{delivery.queue_id}: client=.*orig_client=(\S+)", log)
    assert found is not None
    assert found[1] == "origin.example[2001:db8::9]"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("family", [4, 6])
def test_postfix_behind_a_proxy_takes_its_header(
    trusting: tuple[Postfix, int], version: int, family: int
) -> None:
    server, port = trusting
    source = f"192.0.2.{version}" if family == 4 else f"2001:db8::{version}"
    target = "192.0.2.99" if family == 4 else "2001:db8::99"
    header = ProxyHeader((source, 4711), (target, 25), version=version)
    with SmtpClient(identity="client.example") as client:
        assert client.connect("127.0.0.1", port, proxy=header).code == 220
        client.ehlo()
        assert client.starttls(server_hostname="localhost", ca=server.ca).code == 220
        client.ehlo()
        client.mail_from("ann@client.example")
        client.rcpt_to("nobody@example.org")  # relaying: refused, and logged at once
    assert f"from unknown[{source}]" in server.log()


def test_a_report_of_postfix_names_what_dsn_said(
    trusting: tuple[Postfix, int], client: SmtpClient
) -> None:
    assert "DSN" in client.capabilities
    delivery = client.send(
        _CONTENT,
        "ok-sender@example.test",
        [Rcpt("bob@example.test", notify="SUCCESS", orcpt="rfc822;b+x@example.test")],
        ret="HDRS",
        envid="QQ+314=159 x",
    )
    assert delivery.ok
    (report,) = trusting[0].mail.wait_for(1)
    assert b"Original-Envelope-Id: QQ+314=159 x" in report
    assert b"Original-Recipient: rfc822;b+x@example.test" in report
    assert b"hello" not in report.partition(b"message/rfc822-headers")[2]


def test_postfix_starts_no_queue_for_a_stranger(client: SmtpClient) -> None:
    assert client.etrn("example.net").code in {250, 458, 459, 554}
    assert client.etrn("@example.test").code >= 250
    assert client.noop().ok


def test_exim_takes_dsn_and_refuses_what_we_refuse(exim: Exim) -> None:
    with SmtpClient(identity="client.example") as client:
        client.connect(exim.host, exim.port, ca=exim.ca)
        client.ehlo()
        assert client.mail_from("ann@client.example", ret="FULL", envid="a+b").ok
        notify = ["SUCCESS", "DELAY"]
        orcpt = "rfc822;b+x@example.test"
        assert client.rcpt_to("ok-dsn@example.test", notify=notify, orcpt=orcpt).ok
        client.rset()
        with pytest.raises(LocalProtocolError, match=r"RFC 3461 section 4\.3"):
            client.mail_from("ann@client.example", ret="NONSENSE")
        client.lax = {"syntax"}
        assert client.mail_from("ann@client.example", ret="NONSENSE").code >= 500
        assert "RET is FULL or HDRS" in client.transcript.text()


def test_dovecot_answers_burl_and_its_token_is_not_told(dovecot: Dovecot) -> None:
    token = "91354a473744909de610943775f92038"
    url = f"imap://ann@localhost/INBOX;uid=1;urlauth=submit+ann:internal:{token}"
    with SmtpClient(identity="client.example") as client:
        client.connect("localhost", dovecot.port, ca=dovecot.ca)
        client.ehlo()
        client.starttls()
        client.ehlo()
        assert client.auth(Plain("ann", PASSWORD)).code == 235
        client.ehlo()
        assert "imap" in client.capabilities["BURL"]
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@example.test")
        reply = client.burl(url, last=True)
        assert reply.code >= 400  # it has no mailbox to fetch from
        assert client.state is State.SPOILT
        assert client.rset().ok
        with pytest.raises(LocalProtocolError, match="does not offer XCLIENT"):
            client.xclient(name="x.example")
        assert token not in client.transcript.text()
        assert token not in str(reply)
