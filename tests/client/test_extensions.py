"""Verbs and parameters of extensions, from `SmtpClient` to a server that judges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import (
    LocalProtocolError,
    ProxyHeader,
    Rcpt,
    Sandbox,
    SmtpClient,
    State,
)
from smtpnb.protocol.trust import xclient
from smtpnb.protocol.xtext import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "imap://h.example/sent;uid=1;urlauth=submit+ann:internal:91354a473744909de610"
NO_HEADER: Any = "PROXY"
LIMITED = ("LIMITS MAILMAX=3 RCPTMAX=2",)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    urls = {URL: b"Subject: x\r\n\r\nfetched\r\n"}
    with Sandbox(auth={"ann": "pw"}, urls=urls) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmtpClient]:
    with SmtpClient(identity="c.example") as made:
        made.connect(sandbox)
        made.ehlo()
        yield made


def name(value: object) -> str:
    return "" if callable(value) else str(value)[:60]


def said(client: SmtpClient, verb: str) -> list[str]:
    """What left of a verb, as the transcript shows it."""
    events = client.transcript.events()
    return list(events[(events.event == "command") & (events.verb == verb)].text)


VERBS: list[tuple[Callable[[SmtpClient], Any], list[str], int]] = [
    # RFC 1985 section 5, and its "@" and "#"
    (lambda c: c.etrn("sigurd.innosoft.com"), ["ETRN sigurd.innosoft.com"], 251),
    (lambda c: c.etrn("@example.com"), ["ETRN @example.com"], 251),
    (lambda c: c.etrn("#uucp"), ["ETRN #uucp"], 251),
    # XCLIENT_README and XFORWARD_README of Postfix
    (
        lambda c: c.xclient(name="spike.porcupine.org", addr="168.100.189.2"),
        ["XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2"],
        220,
    ),
    (
        lambda c: c.xclient(helo="[x] +=", addr="2001:db8::1", login=None, port=25),
        ["XCLIENT ADDR=IPV6:2001:db8::1 PORT=25 HELO=[x]+20+2B+3D LOGIN=[UNAVAILABLE]"],
        220,
    ),
    (
        lambda c: c.xclient(name="[tempunavail]", proto="ESMTP"),
        ["XCLIENT NAME=[TEMPUNAVAIL] PROTO=ESMTP"],
        220,
    ),
    (
        lambda c: c.xforward(name="spike.example", addr="192.0.2.1", source="REMOTE"),
        ["XFORWARD NAME=spike.example ADDR=192.0.2.1 SOURCE=REMOTE"],
        250,
    ),
    # 512 octets with CRLF, and not one more
    (
        lambda c: c.xforward(name="n" * 480, helo="h" * 10),
        [f"XFORWARD NAME={'n' * 480} HELO={'h' * 10}"],
        250,
    ),
    (
        lambda c: c.xforward(name="n" * 480, helo="h" * 11, ident="i"),
        [f"XFORWARD NAME={'n' * 480}", f"XFORWARD HELO={'h' * 11} IDENT=i"],
        250,
    ),
    (
        lambda c: c.xclient(name="n" * 480, login="+" * 12, helo="x"),
        [f"XCLIENT NAME={'n' * 480} HELO=x", f"XCLIENT LOGIN={'+2B' * 12}"],
        220,
    ),
    # RFC 6531 section 3.7.4.2
    (lambda c: c.vrfy("jörg", smtputf8=True), ["VRFY jörg SMTPUTF8"], 252),
    (lambda c: c.expn("jörg SMTPUTF8"), ["EXPN jörg SMTPUTF8"], 502),
]


@pytest.mark.parametrize(("call", "lines", "code"), VERBS, ids=name)
def test_a_verb_is_exactly_these_octets(
    client: SmtpClient,
    call: Callable[[SmtpClient], Any],
    lines: list[str],
    code: int,
) -> None:
    assert call(client).code == code
    assert said(client, lines[0].partition(" ")[0]) == lines


WRONG: list[tuple[Callable[[SmtpClient], Any], str]] = [
    (lambda c: c.etrn(""), "RFC 1985 section 5.3"),
    (lambda c: c.etrn("a b"), "'a b': the name of one host"),
    (lambda c: c.xclient(), "XCLIENT needs an attribute: name"),
    (lambda c: c.xclient(colour="red"), "no attribute 'COLOUR'"),
    (lambda c: c.xforward(login="x"), "XFORWARD has no attribute 'LOGIN'"),
    (lambda c: c.xclient(name=""), "XCLIENT NAME is text or a number"),
    (lambda c: c.xclient(name="a\nb"), "NAME holds a control character"),
    (
        lambda c: c.xclient(name="x" * 600),
        r"over 512 octets.*RFC 5321 section 4\.5\.3\.1\.4",
    ),
    (lambda c: c.burl("imap://h.example/x"), "BURL is out of order"),
    (lambda c: c.vrfy("jörg"), "U\\+00F6"),
    (lambda c: c.mail_from("a@b", ret="ALL"), "RET is FULL or HDRS"),
    (lambda c: c.mail_from("a@b", requiretls=True), "RFC 8689 section 2|REQUIRETLS"),
    (lambda c: c.mail_from("a@b", by=(1, "R")), "takes 60 seconds and more"),
    (lambda c: c.mail_from("a@b", holdfor=10**6), "holds for 604800 seconds at most"),
]


@pytest.mark.parametrize(("call", "sentence"), WRONG, ids=name)
def test_a_verb_that_breaks_a_rule_sends_nothing(
    client: SmtpClient, call: Callable[[SmtpClient], Any], sentence: str
) -> None:
    before = len(client.transcript.events())
    with pytest.raises(LocalProtocolError, match=sentence):
        call(client)
    assert len(client.transcript.events()) == before
    assert client.noop().ok


@pytest.mark.parametrize("verb", ["ETRN", "XCLIENT", "XFORWARD", "DSN", "VRFY"])
def test_what_is_switched_off_is_refused_and_lifted_alone(
    sandbox: Sandbox, verb: str
) -> None:
    calls: dict[str, Callable[[SmtpClient], Any]] = {
        "ETRN": lambda c: c.etrn("a.example"),
        "XCLIENT": lambda c: c.xclient(name="a.example"),
        "XFORWARD": lambda c: c.xforward(name="a.example"),
        "DSN": lambda c: c.mail_from("a@b", ret="FULL"),
        "VRFY": lambda c: c.vrfy("bob"),
    }
    with SmtpClient(identity="c.example") as client:
        client.connect(sandbox, disable={verb.lower()})
        client.ehlo()
        assert verb not in client.capabilities
        assert f"switched off (disable=): {verb}" in client.transcript.text()
        if verb == "VRFY":  # RFC 5321 section 3.5.2: it need not be announced
            assert calls[verb](client).ok
            return
        with pytest.raises(LocalProtocolError, match=f"{verb} is switched off"):
            calls[verb](client)
        client.lax = {"offers"}
        assert calls[verb](client).ok
        assert f"{verb} is switched off" in client.transcript.text()


def test_a_client_beside_has_the_same_switched_off() -> None:
    assert SmtpClient(disable=["dsn"]).beside().disable == {"DSN"}
    for wrong in ("A B", "", "é"):
        with pytest.raises(LocalProtocolError, match="no EHLO keyword"):
            SmtpClient(disable=[wrong])


def test_after_xclient_the_session_begins_anew(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    assert client.xclient(name="spike.example", addr="192.0.2.9").code == 220
    assert client.state is State.CONNECTED
    assert not client.capabilities.known
    with pytest.raises(LocalProtocolError, match="out of order"):
        client.mail_from("a@b")
    client.ehlo()
    assert client.send(b"Subject: x\r\n\r\n", "a@b", ["c@d"]).ok
    peer = sandbox.inbox()["peer"].iloc[-1]
    assert peer == {"NAME": "spike.example", "ADDR": "192.0.2.9"}


def test_send_says_what_is_asked_for_all_and_for_each(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    delivery = client.send(
        b"Subject: x\r\n\r\n",
        "a@b.example",
        [Rcpt("c@d.example", notify="NEVER", orcpt="c+x@d.example"), "e@f.example"],
        ret="HDRS",
        envid="a b",
        notify="FAILURE,DELAY",
        mt_priority=3,
        by=(120, "N"),
        holduntil=datetime(2027, 1, 31, 8, tzinfo=UTC),
    )
    assert delivery.ok
    assert delivery.mail.forward_paths == ("c@d.example", "e@f.example")
    message = sandbox.inbox().iloc[-1]
    assert message.parameters == {
        "SIZE": "14",
        "RET": "HDRS",
        "ENVID": "a+20b",
        "MT-PRIORITY": "3",
        "BY": "120;N",
        "HOLDUNTIL": "2027-01-31T08:00:00Z",
    }
    assert message.rcpt_parameters == [
        {"NOTIFY": "NEVER", "ORCPT": "rfc822;c+2Bx@d.example"},
        {"NOTIFY": "FAILURE,DELAY"},
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"orcpt": "x@y"}, "orcpt names one recipient.*RFC 3461 section 4.2"),
        ({"ret": "ALL"}, "RET is FULL or HDRS"),
        ({"holdfor": 10**6}, "604800 seconds at most"),
        ({"notify": "MAYBE"}, "RFC 3461 section 4.1"),
        ({"retour": "HDRS"}, "MAIL has no parameter 'retour'"),
    ],
)
def test_send_refuses_before_mail(
    client: SmtpClient, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LocalProtocolError, match=sentence):
        client.send(b"Subject: x\r\n\r\n", "a@b", ["c@d", "e@f"], **options)
    assert said(client, "MAIL") == []
    assert client.send(b"Subject: x\r\n\r\n", "a@b", ["c@d"]).ok


def test_binarymime_leaves_octet_for_octet_by_bdat_and_no_other_way(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    octets = b"Subject: x\n\n\0\r.\n" + b"\xff" * 2000 + b"\n.\r\nno end"
    assert client.send(octets, "a@b", ["c@d"], body="BINARYMIME").ok
    message = sandbox.inbox().iloc[-1]
    assert (message.octets, message.verb, message.body_type) == (
        octets,
        "BDAT",
        "BINARYMIME",
    )
    client.chunking = False
    with pytest.raises(LocalProtocolError, match=r"BDAT only.*RFC 3030 section 3"):
        client.send(octets, "a@b", ["c@d"], body="BINARYMIME")


def test_burl_is_a_chunk_and_its_token_is_shown_nowhere(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    token = URL.rpartition(":")[2]
    client.mail_from("a@b")
    client.rcpt_to("c@d")
    assert client.bdat("Received: by me\r\n").ok
    assert client.burl(URL, last=True).code == 250
    assert client.state is State.READY
    message = sandbox.inbox().iloc[-1]
    assert message.octets == b"Received: by me\r\nSubject: x\r\n\r\nfetched\r\n"
    client.mail_from("a@b")
    client.rcpt_to("c@d")
    assert client.command("BURL", f"{URL}x LAST").code == 554
    client.rset()
    client.raw(f"BURL {URL}\r\n".encode())
    client.read_reply()
    transcript = client.transcript
    shown = [
        transcript.text(),
        transcript.events().to_csv(),
        transcript.events().to_json(date_format="iso"),
        transcript.exchanges().to_csv(),
        sandbox.heard().to_csv() if hasattr(sandbox, "heard") else "",
    ]
    assert all(token not in text for text in shown)
    assert "internal:<secret 20 bytes> LAST" in transcript.text()
    outcomes = transcript.transactions().outcome
    assert list(outcomes)[:2] == ["delivered", "rejected"]


PROXIES = [
    (
        ProxyHeader("192.0.2.1:56324", "192.0.2.2:25"),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n",
        {"ADDR": "192.0.2.1", "PORT": "56324", "DESTADDR": "192.0.2.2"},
    ),
    (
        ProxyHeader(("2001:db8::1", 1), "[2001:db8::2]:25"),
        b"PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n",
        {"ADDR": "2001:db8::1", "PORT": "1", "DESTADDR": "2001:db8::2"},
    ),
    (ProxyHeader(), b"PROXY UNKNOWN\r\n", {"PROXY": "UNKNOWN"}),
    (
        ProxyHeader("192.0.2.1:56324", "192.0.2.2:25", version=2),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\0\x19",
        {"ADDR": "192.0.2.1", "PORT": "56324", "DESTPORT": "25"},
    ),
    (
        ProxyHeader(("::1", 1), ("::2", 2), version=2),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
        + bytes(15)
        + b"\x01"
        + bytes(15)
        + b"\x02"
        + b"\0\x01\0\x02",
        {"ADDR": "::1", "DESTADDR": "::2"},
    ),
    (
        ProxyHeader(version=2),
        b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0",
        {"PROXY": "LOCAL"},
    ),
    (
        ProxyHeader("unix:/a", "unix:/b", version=2),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8/a" + bytes(106) + b"/b" + bytes(106),
        {"ADDR": "unix:/a"},
    ),
]


@pytest.fixture(scope="module")
def behind() -> Iterator[Sandbox]:
    with Sandbox(proxy_protocol=True) as made:
        yield made


@pytest.mark.parametrize(("header", "octets", "peer"), PROXIES, ids=repr)
def test_a_proxy_header_stands_ahead_of_the_greeting(
    behind: Sandbox, header: ProxyHeader, octets: bytes, peer: dict[str, str]
) -> None:
    assert header.octets() == octets
    with SmtpClient(identity="c.example") as client:
        assert client.connect(behind, proxy=header).code == 220
        client.ehlo()
        client.starttls()
        assert client.send(b"Subject: x\r\n\r\n", "a@b", ["c@d"]).ok
        assert header.shown in client.transcript.text()
    assert peer.items() <= behind.inbox()["peer"].iloc[-1].items()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ProxyHeader("192.0.2.1", "192.0.2.2:1"), "no address and port"),
        (lambda: ProxyHeader("h.example:1", "192.0.2.2:1"), "no address and port"),
        (lambda: ProxyHeader("192.0.2.1:70000", "192.0.2.2:1"), "no address and port"),
        (lambda: ProxyHeader("192.0.2.1:1", "[::1]:1"), "two families"),
        (lambda: ProxyHeader("192.0.2.1:1"), "source and destination, or neither"),
        (lambda: ProxyHeader("unix:/a", "unix:/b"), "no unix sockets: version=2"),
        (lambda: ProxyHeader(version=3), "version 1 and 2"),
        (lambda: ProxyHeader(("fe80::1%lo", 1), ("::1", 1)), "zone"),
        (lambda: SmtpClient().connect(proxy=NO_HEADER), "proxy is a ProxyHeader"),
    ],
)
def test_a_proxy_header_that_is_none(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(LocalProtocolError, match=sentence):
        call()


@pytest.mark.parametrize("pipelining", [True, False])
def test_limits_are_obeyed_by_send_and_by_stream(*, pipelining: bool) -> None:
    content = b"Subject: x\r\n\r\n"
    with Sandbox(extensions=LIMITED) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.pipelining = pipelining
        with pytest.raises(LocalProtocolError, match="LIMITS RCPTMAX=2, RFC 9422"):
            client.send(content, "a@b", ["c@d", "e@d", "f@d"])
        assert client.send(content, "a@b", ["c@d", "e@d"]).ok
        mails = [("a@b", ["c@d"], content)] * 5
        deliveries = client.send_all(mails)
        assert [each.outcome for each in deliveries[:2]] == ["accepted"] * 2
        for each in deliveries[2:]:
            assert each.outcome == "not tried"
            assert "LIMITS MAILMAX=3, RFC 9422 section 4.1" in str(each.error)
        assert said(client, "MAIL").__len__() == 3
        # Where it may connect again, it does so.
        assert all(each.ok for each in client.send_all(mails, reconnect=True))
        assert len(sandbox.inbox()) == 8


def test_a_stream_and_a_group_say_what_each_recipient_is_asked(
    client: SmtpClient, sandbox: Sandbox
) -> None:
    before = len(sandbox.inbox())
    mails = [("a@b", ["c@d", Rcpt("e@f", notify="NEVER")], b"Subject: x\r\n\r\n")] * 2
    with client.stream(mails) as deliveries:
        assert all(delivery.ok for delivery in deliveries)
    asked = list(sandbox.inbox()["rcpt_parameters"][before:])
    assert asked == [[{}, {"NOTIFY": "NEVER"}]] * 2
    with client.pipeline() as group:
        group.mail_from("a@b", ret="HDRS", mt_priority=1)
        group.rcpt_to("c@d", notify="DELAY", rrvs="2026-01-31T08:00:00Z")
    assert [reply.code for reply in group.replies] == [250, 250]
    assert said(client, "MAIL")[-1] == "MAIL FROM:<a@b> RET=HDRS MT-PRIORITY=1"
    client.rset()
    bad = client.pipeline()
    bad.mail_from("a@b", ret="ALL")
    bad.rcpt_to("c@d")
    with pytest.raises(LocalProtocolError, match="RFC 3461"):
        bad.__exit__(None, None, None)
    assert client.state is State.READY


@given(
    st.dictionaries(
        st.sampled_from(["name", "addr", "helo", "login", "proto", "port"]),
        st.text(
            st.characters(codec="utf-8", exclude_categories=["C", "Z"]),
            min_size=1,
            max_size=150,
        ),
        min_size=1,
    )
)
def test_attributes_of_any_text_are_split_into_lines_that_add_up(
    attributes: dict[str, str],
) -> None:
    lines = xclient(**attributes)
    words = [word for command in lines for word in command.words]
    assert sorted(word.partition("=")[0].lower() for word in words) == sorted(
        attributes
    )
    for word in words:
        name, _, value = word.partition("=")
        decoded = plain(value).removeprefix("IPV6:")
        assert decoded.lower() == attributes[name.lower()].removeprefix("IPV6:").lower()
    for command in lines:
        size = len(f"XCLIENT {' '.join(command.words)}\r\n")
        assert command.fits(512) is (size <= 512)
        assert size <= 512 or len(command.words) == 1
