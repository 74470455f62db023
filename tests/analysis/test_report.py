from __future__ import annotations

import re
import time
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb import Sandbox, SmtpClient, Transcript
from smtpnb.analysis import report
from smtpnb.analysis.report.forms import Forms
from smtpnb.analysis.report.pseudonyms import pseudonymise
from smtpnb.edges.text import for_terminal
from smtpnb.transcript import events
from smtpnb.wire import record as log
from tests.transcript.logs import (
    FACTS,
    Log,
    cancelled_in_body,
    opened,
    pipelined,
    plain,
    refused_at_connect,
    starttls,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.record import Record

# Letters that no prose of ours, no keyword and no pseudonym is made of.
LABEL = st.text("qxzjkv", min_size=4, max_size=12)
DOMAIN = st.builds("{}.{}".format, LABEL, st.sampled_from(["org", "com.au", "test"]))
LOCAL = st.builds(
    "{}{}{}".format, LABEL, st.sampled_from([".", "+", "-", "_", ""]), LABEL
)
V4 = st.tuples(st.integers(60, 99), *[st.integers(101, 255)] * 3).map(
    lambda octets: ".".join(map(str, octets))
)
V6 = st.integers(0x2A00 << 112, (0x2A01 << 112) - 1).map(
    lambda n: ":".join(f"{n >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
)
# Where servers put the names of others.
ECHO = st.sampled_from(
    [
        "<{address}>: Recipient address rejected",
        "{address}... User unknown",
        "User {local} unknown in {domain}",
        "Client host [{v4}] blocked; see https://{domain}/ip/{v4}?a={address}",
        "{domain} Hello {host} [IPv6:{v6}], pleased to meet you",
        "({v4}) {v6}. host={host}, mailto:{address}",
        "{host}[{v4}]:25 said: RCPT TO:<{address}>",
        "unroutable {local}@{host}; {v6}: {domain}.",
        "{queue_id} on {host} for '{address}'",
        "address:{v6}: from:{v6}. [IPv6:{v6}]:25 {v6}/64 {v4}:25 {v4}/24",
        "ip{v4}, x-{v4}_, .{v4}. .{v6} *.{domain} a..{host}. <{local}> {local},",
    ]
)


def _session(names: dict[str, str], echoes: list[str]) -> Record:
    host, address, v4 = names["host"], names["address"], names["v4"]
    session = Log(host)
    session.resolve(2.0, v4)
    t0 = session.now
    entry = (log.CONNECT, t0, session.wait(5.0), v4, 25, names["v6"], None)
    session.record.add(*entry)
    session.greeting(f"220 {host} ESMTP Postfix\r\n".encode())
    session.say("ehlo", f"EHLO {names['domain']}\r\n".encode(), b"250 STARTTLS\r\n")
    facts = FACTS | {
        "cert_subject": f"CN={host},O={names['local']}",
        "cert_san": [host, f"*.{names['domain']}"],
        "server_hostname": host,
    }
    session.record.add(log.TLS, session.now, session.wait(9.0), facts, None)
    session.say("mail", f"MAIL FROM:<{address}>\r\n".encode(), b"250 Ok\r\n")
    for echo in echoes:
        answer = f"550 5.1.1 {echo.format(**names)}\r\n".encode()
        line = f"RCPT TO:<{names['local']}.2@{host}> ORCPT=rfc822;{address}\r\n"
        session.say("rcpt", line.encode(), answer)
    session.say("data", b"DATA\r\n", b"354 go\r\n")
    accepted = f"250 2.0.0 Ok: queued as {names['queue_id']}\r\n"
    session.reply(accepted.encode(), session.dot())
    failure = f"the certificate for {host} does not verify; subject CN={host}"
    session.error("tls", "TlsError", failure)
    return session.close()


@given(
    names=st.fixed_dictionaries(
        {
            "host": DOMAIN,
            "domain": DOMAIN,
            "local": LOCAL,
            "v4": V4,
            "v6": V6,
            "queue_id": st.text("QXZJKV0123456789", min_size=10, max_size=12),
        }
    ),
    echoes=st.lists(ECHO, max_size=4),
)
def test_no_name_is_left_anywhere_in_a_report(
    names: dict[str, str], echoes: list[str]
) -> None:
    names["address"] = f"{names['local']}@{names['domain']}"
    written = report(Transcript([_session(names, echoes)])).lower()
    for kind, name in names.items():
        assert name.lower() not in written, kind


# Local parts as they are seldom, and as RFC 5321 and RFC 6531 allow them.
ODD: Final = st.text("!#$%&'*+/=?^_`{|}~-", min_size=0, max_size=3)
LETTERS: Final = st.text("qxzjkv\u00f6\u00e9\u4f8b", min_size=3, max_size=8)
ATOM: Final = st.builds("{}{}{}".format, LETTERS, ODD, LETTERS)
DOTTED: Final = st.builds("{}.{}".format, ATOM, ATOM)
QUOTED: Final = st.text('qxzjkv @<>(),:;[]\\"\u00f6', min_size=4, max_size=12).map(
    lambda text: f"zq{text}qz"
)


def _path(local: str, domain: str, *, quoted: bool) -> str:
    if not quoted:
        return f"{local}@{domain}"
    escaped = re.sub(r'([\\"])', r"\\\1", local)
    return f'"{escaped}"@{domain}'


def _xtext(text: str) -> str:
    return "".join(
        char if "!" <= char <= "~" and char not in "+=" else
        "".join(f"+{octet:02X}" for octet in char.encode())
        for char in text
    )  # fmt: skip


def _forms_of(local: str, domain: str, path: str) -> list[str]:
    """In which ways a server may tell a recipient."""
    address, label = f"{local}@{domain}", domain.split(".")[-2]
    return [
        path,
        address,
        local,
        local.upper() if local.upper().lower() == local.lower() else local,
        unicodedata.normalize("NFD", local),
        _xtext(address),
        _xtext(address).replace("@", "+40"),
        quote(address, safe=""),
        quote(local, safe=""),
        f"inbox_{local}_1",
        re.sub(r"[._-]", " ", local),
        address.encode().hex(),
        b64encode(address.encode()).decode(),
        local.replace(".", ""),
        f"dc={label}" if len(label) > 3 else domain,
    ]


SAYS: Final = ("no mailbox {} here", "<{}>: unknown", "({})", "it is {}.", "'{}'", "{}")


@given(
    data=st.data(),
    quoted=st.booleans(),
    domain=DOMAIN,
    envid=st.builds("{}{}".format, LETTERS, st.sampled_from(["", "+3D", "-1"])),
)
def test_no_recipient_is_left_in_any_form(
    data: st.DataObject, quoted: bool, domain: str, envid: str
) -> None:
    local = data.draw(QUOTED if quoted else ATOM | DOTTED)
    path = _path(local, domain, quoted=quoted)
    forms = _forms_of(local, domain, path)
    session = opened("mx.firm.org")
    session.say(
        "mail", f"MAIL FROM:<> ENVID={_xtext(envid)}\r\n".encode(), b"250 k\r\n"
    )
    orcpt = _xtext(f"{local}@{domain}")
    line = f"RCPT TO:<{path}> ORCPT=rfc822;{orcpt}\r\n"
    said = [data.draw(st.sampled_from(SAYS)).format(form) for form in [*forms, envid]]
    answer = "".join(f"550-5.1.1 {text}\r\n" for text in said) + "550 5.1.1 that\r\n"
    session.say("rcpt", line.encode(), answer.encode())
    written = report(Transcript([session.close()]))
    seen = unicodedata.normalize("NFC", written).lower()
    for form in [*forms, domain, envid, _xtext(envid)]:
        shown = for_terminal(unicodedata.normalize("NFC", form)).lower()
        assert shown.strip() not in seen, form


LEAKS: Final = (
    ("sean.o'connor@corp.example", "sean.o'connor"),
    ("d.o'neil/x@corp.example", "d.o'neil/x"),
    ("anna&paul@corp.example", "anna&paul"),
    ("x%y@corp.example", "x%y"),
    ("j\u00f6rg@corp.example", "j\u00f6rg"),
    ("$sales@corp.example", "$sales"),
    ("{k}=v@corp.example", "{k}=v"),
    ("smith~j@corp.example", "smith~j"),
    ("ann+news@corp.example", "ann"),
    ("joe.bloggs@corp.example", "Joe Bloggs"),
    ("jo@corp.example", "jo"),
)


@pytest.mark.parametrize(("address", "told"), LEAKS)
def test_a_recipient_that_once_leaked_does_so_no_more(address: str, told: str) -> None:
    session = opened("mx.firm.org")
    answer = f"550 5.1.1 no mailbox {told} here\r\n".encode()
    session.say("rcpt", f"RCPT TO:<{address}>\r\n".encode(), answer)
    (*_, reply, _) = pseudonymise(events(session.close()))
    assert re.fullmatch(r"5.1.1 no mailbox user\d here", reply.text or "")


def test_what_vrfy_and_parameters_name_is_a_name_as_well() -> None:
    session = opened("mx.firm.org")
    session.say("vrfy", b"VRFY joe.bloggs\r\n", b"252 joe.bloggs, perhaps\r\n")
    said = b"MAIL FROM:<a@b.example> ENVID=QQ+3D31 AUTH=kim+40c.example\r\n"
    session.say("mail", said, b"250 envelope QQ=31 of kim@c.example (kim)\r\n")
    said = b"RCPT TO:<x1@d.example> ORCPT=rfc822;lee+40e.example X=lee+40e.example\r\n"
    session.say("rcpt", said, b"250 lee%40e.example\r\n")
    written = report(Transcript([session.close()])).lower()
    for name in ("bloggs", "qq+3d31", "qq=31", "kim", "lee"):
        assert name not in written, name


def test_full_names_and_turned_names_are_names_as_well() -> None:
    session = opened("mx.acme-corp.example")
    said = (
        b"250-2.1.5 Otto Normann <otto@c.example>\r\n250 2.1.5 Eva M. <e@c.example>\r\n"
    )
    session.say("expn", b"EXPN staff\r\n", said)
    said = b"550 5.1.1 Roe, Jane is not at Acme; nor is Roe Jane, ask Normann\r\n"
    session.say("rcpt", b"RCPT TO:<jane.roe@c.example>\r\n", said)
    written = report(Transcript([session.close()])).lower()
    for name in ("otto", "normann", "eva", "roe", "jane", "acme"):
        assert not re.search(rf"\b{name}\b", written), name


def test_a_name_in_prose_is_replaced_as_a_word_alone() -> None:
    session = opened("mx.firm.org")
    answer = b"550 reject: Recipient rejected\r\n"
    session.say("rcpt", b"RCPT TO:<reject@c.example>\r\n", answer)
    (*_, reply, _) = pseudonymise(events(session.close()))
    assert re.fullmatch(r"user\d: Recipient rejected", reply.text or "")


def _said_of(path: str, said: str) -> str:
    session = opened("mx.firm.org")
    answer = f"550 5.1.1 {said}\r\n".encode()
    session.say("rcpt", f"RCPT TO:<{path}>\r\n".encode(), answer)
    (*_, reply, _) = pseudonymise(events(session.close()))
    return (reply.text or "").removeprefix("5.1.1 ")


WORDS: Final = st.sampled_from(
    ["a", "b", "no", "to", "end", "line", "data", "quit", "ok", "rcpt", "size", "auth",
     "ehlo", "with", "the", "1", "42", "message", "start", "queued", "plain", "it"]
)  # fmt: skip
PROSE_SAID: Final = (
    "End data with a line, and a dot alone",
    "Ok: queued to be sent, no size limit",
    "STARTTLS first, it is the policy; EHLO, AUTH PLAIN, RCPT or QUIT",
    "message 42 of 1 session with no end",
)


@given(local=WORDS, prose=st.sampled_from(PROSE_SAID))
def test_words_of_the_protocol_stay_whoever_is_called_so(
    local: str, prose: str
) -> None:
    assert _said_of(f"{local}@corp.example", prose) == prose


MARKED: Final = (
    "<{0}> unknown", "<{0}@corp.example> unknown", "{0}@corp.example... unknown",
    "no mailbox {0} here", "User {0} unknown", "recipient: {0}", "'{0}' refused",
    '"{0}" is nobody', "user ({0}) refused", "{0}%40corp.example", "{0}+40corp.example",
    "https://x.example/?a={0}", "inbox_{0}_1", "mailto:{0}@corp.example",
    "bounce+{0}=corp.example@list.example", "&lt;{0}&#64;corp.example", "account {0}",
)  # fmt: skip


@given(local=WORDS, marked=st.sampled_from(MARKED), upper=st.booleans())
def test_who_is_called_like_a_word_is_gone_where_he_is_named(
    local: str, marked: str, upper: bool
) -> None:
    name = local.upper() if upper else local
    if local in {"data", "message", "with", "the", "no"}:
        return  # roles and plain words: nobody's name when alone
    told = _said_of(f"{local}@corp.example", marked.format(name))
    blank = marked.format("\0")
    before, _, after = blank.partition("\0")
    assert f"{before[-3:]}{name}{after[:3]}" not in told
    assert "corp.example" not in told


@pytest.mark.parametrize(
    "local", ["ann.lee", "joe", "j\u00f6rg", "o'connor", "x1", "tart"]
)
@pytest.mark.parametrize(
    "form",
    [
        "{local}",
        "{address}",
        "<{address}>",
        "x {address} y",
        "{address},ann",
        "0:{local};",
    ],
)
def test_a_name_in_base64_is_gone_as_well(local: str, form: str) -> None:
    address = f"{local}@corp.example"
    told = form.format(local=local, address=address).encode()
    if len(told) < 5:
        return  # fewer letters than any run that is looked at
    for run in (b64encode(told), urlsafe_b64encode(told), b64encode(told).rstrip(b"=")):
        said = _said_of(address, f"id {run.decode()} refused")
        assert re.fullmatch(r"id <base64 of \d+ octets> refused", said), said


def test_a_word_that_only_looks_like_base64_stays() -> None:
    said = "ENHANCEDSTATUSCODES PIPELINING 8BITMIME 4bYTGk3hLxz9Jp"
    assert _said_of("ann@corp.example", said) == said


def test_a_name_inside_a_word_of_the_protocol_is_none() -> None:
    for local, said in (
        ("tart", "STARTTLS is needed"),
        ("queue", "queued, try later"),
        ("line", "PIPELINING online"),
        ("mess", "message size"),
    ):
        assert _said_of(f"{local}@corp.example", said) == said
    assert "smithj" not in _said_of("smithj@corp.example", "inboxsmithj2 is full")


@pytest.mark.parametrize("verb", ["EHLO", "RCPT", "DATA", "QUIT", "NOOP", "RSET"])
def test_commands_stay_whoever_is_called_so(verb: str) -> None:
    session = opened("mx.firm.org")
    session.say(
        "rcpt", f"RCPT TO:<{verb.lower()}@corp.example>\r\n".encode(), b"250 ok\r\n"
    )
    session.say("noop", f"{verb}\r\n".encode(), b"250 ok\r\n")
    texts = [event.text for event in pseudonymise(events(session.close()))]
    assert verb in texts
    assert not any("corp" in (text or "") for text in texts)


def test_thousands_of_recipients_cost_no_more_each_than_a_few() -> None:
    """Names are looked up by four of their characters: count the patterns tried."""
    tried: list[int] = []
    for n in (50, 1000):
        names = Forms()
        for number in range(n):
            names.add(f"user-{number:05}@corp{number}.example", f"u{number}")
        found = [names._found(f"<user-{number:05}@corp{number}.example>: no")
                 for number in range(50)]  # fmt: skip
        tried.append(sum(map(len, found)))
    assert tried[0] == tried[1] == 50


def test_the_same_name_has_the_same_pseudonym_and_another_has_another() -> None:
    session = opened("mx.firm.org")
    session.say(
        "rcpt",
        b"RCPT TO:<Ann.Lee@firm.org>\r\n",
        b"550 ann.lee@FIRM.org, bob@firm.org, ann.lee [203.0.113.9] 203.0.113.8\r\n",
    )
    *_, reply, _ = pseudonymise(events(session.close()))
    same, other, alone, one_ip, other_ip = (reply.text or "").split(" ")
    assert re.fullmatch(r"user\d@host\d\.example,", same)
    assert other.partition("@")[2] == same.partition("@")[2]
    assert other.partition("@")[0] != same.partition("@")[0] == alone
    assert one_ip.strip("[]") != other_ip


def test_a_pseudonym_is_nobodys_name() -> None:
    session = opened("host1.example")
    session.say("noop", b"NOOP\r\n", b"250 host2.example user1@x.org [192.0.2.1]\r\n")
    *_, reply, _ = pseudonymise(events(session.close()))
    names = {"host1.example", "host2.example", "user1@x.org", "192.0.2.1"}
    assert not names & set(re.findall(r"[\w.@]+", reply.text or ""))


@pytest.mark.parametrize(
    "text",
    [
        "2.1.5 Ok",
        "ESMTP Exim 4.96 Mon, 10 Jul 2023 19:39:15 +0300",
        "ESMTP Sendmail 8.17.1/8.17.1",
        "at 12:34:56 on localhost [127.0.0.1] ::1",
        "postmaster unknown",
        "SIZE 10240000",
        "STARTTLS",
        "4.7.1 Greylisted, try again in 300 seconds",
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    session = opened()
    session.say("rcpt", b"RCPT TO:<postmaster>\r\n", f"250 {text}\r\n".encode())
    *_, reply, _ = pseudonymise(events(session.close()))
    assert reply.text == text


def test_a_quoted_local_part_is_a_name_as_well() -> None:
    session = opened()
    line = b'RCPT TO:<"ann >(lee"@firm.org>\r\n'
    session.say("rcpt", line, b'550 "ann >(lee"@firm.org unknown\r\n')
    *_, command, reply, _ = pseudonymise(events(session.close()))
    assert "ann" not in (command.text or "") + (reply.text or "")


def test_a_challenge_in_base64_may_hold_a_name() -> None:
    session = opened()
    session.say("auth", b"AUTH CRAM-MD5\r\n", b"334 PDE4OTZAZmlybS5vcmc+\r\n")
    *_, reply, _ = pseudonymise(events(session.close()))
    assert reply.text == "<challenge 20 octets>"


def test_the_owner_of_a_certificate_is_left_out() -> None:
    record = starttls()
    written = report(Transcript([record]))
    assert "CN=" not in written
    assert "CN=mx1.example.test" in report(Transcript([record]), pseudonymise=False)


def _outside(markdown: str) -> list[str]:
    """The lines outside fenced blocks, as CommonMark 4.5 has them."""
    outside, fence = [], ""
    for line in markdown.split("\n"):
        match = re.match(r" {0,3}(`{3,})", line)
        if not fence and match and line.endswith("text"):
            fence = match[1]
        elif fence and match and len(match[1]) >= len(fence) and not line.strip(" `"):
            fence = ""
        elif not fence:
            outside.append(line)
    assert not fence
    return outside


@cache
def _usual(pseudonymous: bool) -> list[str]:
    return _outside(report(Transcript([plain()]), pseudonymise=pseudonymous))


@pytest.mark.parametrize("pseudonymous", [True, False])
@given(
    texts=st.lists(
        st.text(st.sampled_from("`~ \t#<>![](){}\n*_|&@\\-x\u202e"), max_size=40),
        min_size=1,
        max_size=5,
    )
)
def test_nothing_a_server_says_stands_outside_a_fence(
    pseudonymous: bool, texts: list[str]
) -> None:
    session = opened("`host`")
    for text in texts:
        lines = text.split("\n")
        first = "".join(f"250-{line}\r\n" for line in lines[:-1])
        answer = f"{first}250 {lines[-1]}\r\n".encode()
        session.say("noop", b"NOOP ```\r\n", answer)
    written = report(Transcript([session.close()]), pseudonymise=pseudonymous)
    assert _outside(written) == _usual(pseudonymous)
    assert "\u202e" not in written


def test_a_fence_is_longer_than_any_in_it() -> None:
    session = opened()
    session.say("noop", b"NOOP\r\n", b"250 `````\r\n")
    session.say("noop", b"NOOP\r\n", b"250 <img src=x onerror=alert(1)>\r\n")
    written = report(Transcript([session.close()]))
    assert "\n``````text\n" in written


@pytest.mark.parametrize(
    "record",
    [plain, starttls, pipelined, unknown, cancelled_in_body, refused_at_connect],
)
def test_a_report_has_all_its_parts(record: Callable[[], Record]) -> None:
    written = report(Transcript([record()]))
    headings = [line for line in written.split("\n") if line.startswith("#")]
    assert headings == [
        "# Report of an SMTP session",
        "## Environment",
        "## What was asked",
        "## What it means",
        "## Dialogue",
        "## Capabilities",
        "## TLS",
    ]
    assert re.search(r"- smtpnb: \d", written)
    assert "- OpenSSL: " in written


def test_a_report_tells_what_was_asked_and_what_it_means() -> None:
    written = report(Transcript([starttls(), plain()]), pseudonymise=False)
    assert "mx1.example.test port 25\nEHLO, MAIL, RCPT x 2, DATA, ., QUIT\n" in written
    assert "\nmx1.example.test refused the recipient <no@example.test>:" in written
    assert "<** 550 5.1.1 <no@example.test>: User unknown" in written
    assert "before TLS:\n  AUTH PLAIN LOGIN\n  PIPELINING" in written


def test_a_frame_and_another_session_can_be_reported() -> None:
    transcript = Transcript([starttls(), plain()])
    assert report(transcript.events()) == report(transcript)
    assert "STARTTLS, EHLO, AUTH" in report(transcript, session=0)
    with pytest.raises(LookupError, match="among 0"):
        report(Transcript([]))


def test_a_long_dialogue_is_cut_and_says_so() -> None:
    session = opened()
    for _ in range(400):
        session.say("noop", b"NOOP\r\n", b"250 " + b"x" * 900 + b"\r\n")
    written = report(Transcript([session.close()]))
    assert "lines left out]" in written
    assert len(written) < 200_000


@pytest.mark.parametrize("part", ["a", "a.", "1:", "<", "a@", "1.2.", "x-y ", '"', "%"])
def test_a_hostile_reply_is_rewritten_in_a_moment(part: str) -> None:
    session = opened()
    session.say("noop", b"NOOP\r\n", f"250 {part * (60_000 // len(part))}\r\n".encode())
    start = time.process_time()
    pseudonymise(events(session.close()))
    assert time.process_time() - start < 3


def test_a_real_session_is_reported() -> None:
    client = SmtpClient()
    with Sandbox() as sandbox:
        sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
        client.connect(sandbox)
        client.ehlo("client.zurich.example")
        client.starttls()
        client.ehlo("client.zurich.example")
        client.mail_from("ann@zurich.example")
        client.rcpt_to("nobody@bern.example")
        client.quit()
    written = report(client.transcript)
    assert "zurich" not in written
    assert "bern" not in written
    assert "refused the recipient <user2@host" in written
    assert "version: TLSv1.3" in written


PEOPLE: Final = (
    "sean.okonkwo",
    '"sean okonkwo"',
    '"sean\\"ok@nkwo"',
    "okonkwo+secret",
    "ok.onkwo",
    "s\u00e9an.\u00f6konkwo",
    "inner!okonkwo",
    "okonkwo%inner.test",
    "Okonkwo.S",
    "o'konkwo.k",
)
TOLD: Final = (
    "{local}",
    "Dear {words}",
    "bounce-{local}={domain}@list.test",
    "/mail/{local}/new",
    "C:\\mail\\{local}.mbox",
    "SRS0=ab=XY={domain}={local}@relay.test",
    "uid={local},dc=acme-corp",
    "{hex}",
    "{b64}",
    "=?utf-8?Q?{local}?=",
    "{undotted} is full",
    "the {last} family",
    "at Acme-Corp it is",
    "<img src=x alt='{local} of acme-corp'>",
    "{local}.17@mx.test",
)


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("local", PEOPLE)
def test_no_part_of_a_name_is_left_in_other_people_s_words(
    local: str, told: str
) -> None:
    domain = "acme-corp.test"
    plain_ = re.sub(r"\\(.)", r"\1", local.strip('"'))
    words = {
        "local": plain_,
        "domain": domain,
        "words": plain_.replace(".", " "),
        "hex": f"{plain_}@{domain}".encode().hex(),
        "b64": b64encode(f"{plain_}@{domain}".encode()).decode(),
        "undotted": plain_.replace(".", ""),
        "last": re.split(r"[.\s]", plain_)[-1],
    }
    said = _said_of(f"{local}@{domain}", f"it says {told.format(**words)} here").lower()
    for part in re.findall(r"\w{4,}", plain_.lower()):
        if part not in {"inner", "test"}:
            assert part not in said
    assert "acme" not in said
    assert words["hex"] not in said
    assert words["b64"].lower() not in said
