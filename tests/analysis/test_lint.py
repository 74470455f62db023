"""Each rule of `lint`, on a session that keeps it and on one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from smtpnb import SmtpClient
from smtpnb.analysis import lint, lint_rules
from smtpnb.analysis.lint import turns
from smtpnb.protocol.commands import Custom
from smtpnb.transcript import Transcript
from smtpnb.wire import record as log
from tests.support.scripted import Hear, Listen, Say, ScriptedServer
from tests.transcript.logs import DATA, DOT, FACTS, OK_TO, Log
from tests.transcript.logs import MAIL as MAIL_PART

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.analysis.lint.findings import Findings
    from smtpnb.wire.record import Record
    from tests.support.scripted import Action

GREETING: Final = "220 mx.example.test ESMTP"
HELLO: Final = "EHLO me.test => 250-mx.example.test|250-SIZE 900000|250 VRFY"
CODES: Final = "EHLO me.test => 250-mx.example.test|250 ENHANCEDSTATUSCODES"
PLAIN: Final = "EHLO me.test => 250-mx.example.test|250 AUTH PLAIN LOGIN GSSAPI"
RCPT: Final = "RCPT TO:<b@c.test>"
OKAY: Final = f"{RCPT} => 250 Ok"
MAIL: Final = "MAIL FROM:<a@me.test> => 250 Ok"
FULL: Final = f"NOOP {'x' * 505}"


def octets(reply: str) -> bytes:
    """The octets of a reply whose lines are separated by "|"."""
    return reply.replace("|", "\r\n").encode() + b"\r\n"


def session(*lines: str, greeting: str = GREETING) -> Log:
    """A session of "command => reply" lines; "STARTTLS" begins TLS if it is 220."""
    talk = Log()
    talk.connect()
    talk.greeting(octets(greeting))
    for line in lines:
        command, _, reply = line.partition(" => ")
        say(talk, command, reply)
    return talk


def say(talk: Log, command: str, reply: str, **waits: float) -> None:
    verb = command.partition(" ")[0].upper()
    step = "eod" if verb == "." else Custom(verb).step if verb.isalnum() else "other"
    (number,) = talk.send((step, verb, f"{command}\r\n".encode()))
    talk.reply(octets(reply), number, **waits)
    if verb == "STARTTLS" and reply.startswith("220"):
        talk.tls()


def findings(*talks: Log) -> Findings:
    records: list[Record] = [talk.close() for talk in talks]
    return lint(Transcript(records))


def verdict(frame: Findings, rule: str) -> set[str]:
    return set(frame.loc[frame["rule"] == rule, "verdict"])


# rule: what keeps it, what does not, and what the latter is.
CASES: Final[dict[str, tuple[list[str], list[str], str]]] = {
    "code-in-range": (["NOOP => 250 Ok"], ["NOOP => 299 Ok"], "FAIL"),
    "code-listed": (
        ["NOOP => 250 Ok"],
        [HELLO, MAIL, "RCPT TO:<b@c.test> => 422 Greylisted"],
        "WARN",
    ),
    "code-usual": (
        [HELLO, MAIL, "RCPT TO:<b@c.test> => 550 Who"],
        [HELLO, MAIL, "RCPT TO:<b@c.test> => 504 No"],
        "WARN",
    ),
    "enhanced-class": (
        [CODES, "NOOP => 250 2.0.0 Ok"],
        [CODES, "NOOP => 250 5.0.0 Ok"],
        "FAIL",
    ),
    "enhanced-there": (
        [CODES, "HELP => 214-2.0.0 Ask|214 2.0.0 more", "QUIT => 221 2.0.0 Bye"],
        [CODES, "NOOP => 250 2.0.0 Ok", "QUIT => 221 Bye"],
        "FAIL",
    ),
    "enhanced-not-here": (
        [CODES],
        ["EHLO me.test => 250 2.1.0"],
        "WARN",
    ),
    "line-length": (
        [f"NOOP => 250 {'x' * 506}"],
        [f"NOOP => 250 {'x' * 507}"],
        "FAIL",
    ),
    "text-there": (["NOOP => 250 Ok"], ["NOOP => 250"], "WARN"),
    "text-ascii": (["NOOP => 250 Ok"], ["NOOP => 250 G\u00fct"], "WARN"),
    "closes-after-421": (
        ["NOOP => 421 Bye"],
        ["NOOP => 421 Bye", "NOOP => 250 Ok"],
        "WARN",
    ),
    "ehlo-name": (
        [HELLO],
        ["EHLO me.test => 250-Hello there!|250 SIZE"],
        "WARN",
    ),
    "ehlo-keyword": (
        ["EHLO me.test => 250-mx.example.test|250-8BITMIME|250 X-A b=c"],
        ["EHLO me.test => 250-mx.example.test|250-SIZE 1000000|250 "],
        "FAIL",
    ),
    "ehlo-once": (
        [HELLO],
        ["EHLO me.test => 250-mx.example.test|250-DSN|250 dsn"],
        "WARN",
    ),
    "helo-short": (
        ["HELO me.test => 250 mx.example.test"],
        ["HELO me.test => 250-mx.example.test|250 SIZE"],
        "FAIL",
    ),
    "auth-equals": (
        ["EHLO me.test => 250-mx.example.test|250 AUTH PLAIN"],
        ["EHLO me.test => 250-mx.example.test|250 AUTH=PLAIN"],
        "WARN",
    ),
    "auth-mechanisms": (
        ["EHLO me.test => 250-mx.example.test|250 AUTH PLAIN"],
        ["EHLO me.test => 250-mx.example.test|250 AUTH"],
        "WARN",
    ),
    "auth-in-clear": (
        ["EHLO me.test => 250-mx.example.test|250 AUTH CRAM-MD5"],
        ["EHLO me.test => 250-mx.example.test|250 AUTH LOGIN CRAM-MD5"],
        "WARN",
    ),
    "starttls-in-tls": (
        ["STARTTLS => 220 Go", HELLO],
        ["STARTTLS => 220 Go", "EHLO me.test => 250-mx.example.test|250 STARTTLS"],
        "FAIL",
    ),
    "size": (
        ["EHLO me.test => 250-mx.example.test|250 SIZE 0"],
        ["EHLO me.test => 250-mx.example.test|250 SIZE 65535"],
        "FAIL",
    ),
    "offer-works": (
        ["EHLO me.test => 250-mx.example.test|250 HELP", "HELP => 214 Ask"],
        ["EHLO me.test => 250-mx.example.test|250 HELP", "HELP => 502 No"],
        "FAIL",
    ),
    "works-offered": (
        ["EHLO me.test => 250-mx.example.test|250 EXPN", "EXPN a => 250 <a@b.test>"],
        [HELLO, "EXPN a => 250 <a@b.test>"],
        "FAIL",
    ),
    "required": ([HELLO, MAIL], [HELLO, "RSET => 502 No"], "FAIL"),
    "done": (["NOOP => 250 Ok"], ["NOOP => 220 Ok"], "FAIL"),
    "goodbye": (["QUIT => 221 Bye"], ["QUIT => 250 Bye"], "FAIL"),
    "help": (["HELP => 214 Ask"], ["HELP => 500 What"], "WARN"),
    "vrfy": (["VRFY a => 252 Perhaps"], ["VRFY a => 502 No"], "FAIL"),
    "unknown-command": (["XYZ => 500 What"], ["XYZ => 250 Ok"], "FAIL"),
    "hello-first": (
        ["MAIL FROM:<a@me.test> => 503 EHLO"],
        [MAIL],
        "WARN",
    ),
    "hello-again": ([HELLO, HELLO], [HELLO, "EHLO me.test => 503 Once"], "FAIL"),
    "initial-response": (
        ["EHLO me.test => 250-mx.a.test|250 AUTH PLAIN", "AUTH PLAIN => 334 "],
        ["EHLO me.test => 250-mx.a.test|250 AUTH PLAIN", "AUTH PLAIN => 504 No"],
        "FAIL",
    ),
    "mail-first": (
        [HELLO, "RCPT TO:<b@c.test> => 503 MAIL"],
        [HELLO, "RCPT TO:<b@c.test> => 250 Ok"],
        "FAIL",
    ),
    "mail-once": (
        [HELLO, MAIL, "MAIL FROM:<a@me.test> => 503 Again"],
        [HELLO, MAIL, MAIL],
        "WARN",
    ),
    "rset-ends": (
        [HELLO, MAIL, "RSET => 250 Ok", "RCPT TO:<b@c.test> => 503 MAIL"],
        [HELLO, MAIL, "RSET => 250 Ok", "RCPT TO:<b@c.test> => 250 Ok"],
        "FAIL",
    ),
    "ehlo-ends": (
        [HELLO, MAIL, HELLO, "RCPT TO:<b@c.test> => 503 MAIL"],
        [HELLO, MAIL, HELLO, "RCPT TO:<b@c.test> => 250 Ok"],
        "FAIL",
    ),
    "any-case": (["noop => 250 Ok"], ["noop => 500 What"], "FAIL"),
    "null-path": (
        [HELLO, "MAIL FROM:<> => 250 Ok"],
        [HELLO, "MAIL FROM:<> => 550 Spam"],
        "FAIL",
    ),
    "postmaster": (
        [HELLO, MAIL, "RCPT TO:<Postmaster> => 250 Ok"],
        [HELLO, MAIL, "RCPT TO:<POSTMASTER> => 550 Who"],
        "FAIL",
    ),
    "parameters": (
        [HELLO, "MAIL FROM:<a@me.test> XY=1 => 555 What"],
        [HELLO, "MAIL FROM:<a@me.test> SIZE=9 RET=FULL => 250 Ok"],
        "FAIL",
    ),
    "long-line": ([f"{FULL} => 250 Ok"], [f"{FULL} => 500 Long"], "FAIL"),
    "auth-once": (
        [PLAIN, "AUTH PLAIN AHUAcA== => 235 Ok", "AUTH PLAIN AHUAcA== => 503 Again"],
        [PLAIN, "AUTH PLAIN AHUAcA== => 235 Ok", "AUTH PLAIN AHUAcA== => 235 Ok"],
        "FAIL",
    ),
    "auth-outside": (
        [PLAIN, MAIL, "AUTH PLAIN AHUAcA== => 503 Not now"],
        [PLAIN, MAIL, "AUTH PLAIN AHUAcA== => 235 Ok"],
        "FAIL",
    ),
    "for-somebody": (
        [HELLO, MAIL, "DATA => 354 Go", ". => 554 No recipients"],
        [HELLO, MAIL, "DATA => 354 Go", ". => 250 Ok"],
        "WARN",
    ),
    "recipients": (
        [HELLO, MAIL, *["RCPT TO:<b@c.test> => 250 Ok"] * 100],
        [HELLO, MAIL, "RCPT TO:<b@c.test> => 452 4.5.3 Too many"],
        "FAIL",
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_session_that_keeps_the_rule_passes(rule: str) -> None:
    assert verdict(findings(session(*CASES[rule][0])), rule) == {"PASS"}


@pytest.mark.parametrize("rule", CASES)
def test_a_session_that_breaks_the_rule_does_not_pass(rule: str) -> None:
    _, bad, level = CASES[rule]
    assert verdict(findings(session(*bad)), rule) == {level}


# The rules whose evidence is no plain exchange of lines.


def _mixed_line_ends() -> Log:
    talk = session(HELLO)
    talk.say("noop", b"NOOP\r\n", b"250 Ok\n")
    return talk


def _not_a_reply() -> Log:
    talk = session(HELLO)
    talk.send(("noop", "NOOP", b"NOOP\r\n"))
    talk.error("noop", "RemoteProtocolError", 'one reply carries two codes: "250"')
    return talk


def _surplus() -> Log:
    talk = session(HELLO)
    talk.record.add(log.SURPLUS, talk.wait(1.0), b"250 And another\r\n")
    return talk


def _slow() -> Log:
    talk = session(HELLO, MAIL)
    say(talk, "RCPT TO:<b@c.test>", "250 Ok", wait=300_001.0)
    return talk


def _hangs_up_at_noop() -> Log:
    talk = session(HELLO)
    talk.send(("noop", "NOOP", b"NOOP\r\n"))
    talk.error("noop", "ConnectionLost", "the server closed the connection")
    return talk


def _hangs_up_between() -> Log:
    talk = session(HELLO, "XYZ => 500 What")
    talk.wait(100.0)
    talk.error("noop", "ConnectionLost", "the server had closed the connection")
    return talk


def _nameless() -> Log:
    return session(HELLO, greeting="220 <hello>")


def _tls(error: str | None = None, **facts: Any) -> Log:
    talk = session(HELLO)
    talk.say("starttls", b"STARTTLS\r\n", b"220 Go\r\n")
    now = talk.wait(5.0)
    entry = None if error else {**FACTS, **facts}
    talk.record.add(log.TLS, now, talk.wait(5.0), entry, error)
    return talk


PIPELINING: Final = "EHLO me.test => 250-mx.example.test|250 PIPELINING"


def _in_group(answers: bytes) -> Log:
    """A message whose end of data, and the next MAIL, leave in one group."""
    talk = session(PIPELINING)
    first = talk.group(*(MAIL_PART, OK_TO, DATA))
    talk.replies(b"250 Ok\r\n250 Ok\r\n354 Go\r\n", first)
    first = talk.group(("body", None, None, 500, 10), DOT, MAIL_PART)
    talk.replies(answers, first)
    return talk


def _a_good_group() -> Log:
    return _in_group(b"250 Ok\r\n250 Ok\r\n")


def _loses_mail_in_a_group() -> Log:
    return _in_group(b"250 Ok\r\n503 Bad sequence\r\n")


def _speaks_lmtp() -> Log:
    return session(
        "EHLO me.test => 500 5.5.1 Use LHLO",
        "LHLO me.test => 250-mx.example.test|250 PIPELINING",
        greeting="220 mx.example.test LMTP ready",
    )


def _clear_text_in_tls() -> Log:
    talk = session(HELLO, "STARTTLS => 220 Go", HELLO)
    talk.send(("noop", "NOOP", b"NOOP\r\n"))
    said = "[SSL: WRONG_VERSION_NUMBER] wrong version number"
    talk.error("noop", "TlsError", said)
    return talk


def _raw_content(content: bytes, to_quit: str = "") -> Log:
    talk = session(HELLO, MAIL, OKAY, "DATA => 354 Go")
    (number,) = talk.send(("eod", ".", content))
    talk.reply(b"250 2.0.0 queued as ABC\r\n", number)
    if to_quit:
        say(talk, "QUIT", to_quit)
    return talk


OTHERS: Final[dict[str, tuple[Callable[[], Log], str]]] = {
    "line-end": (_mixed_line_ends, "FAIL"),
    "end-of-data": (lambda: _raw_content(b"x\n.\n"), "FAIL"),
    "framing": (_not_a_reply, "FAIL"),
    "one-reply": (_surplus, "FAIL"),
    "in-time": (_slow, "WARN"),
    "stays": (_hangs_up_at_noop, "WARN"),
    "group": (_loses_mail_in_a_group, "FAIL"),
    "smtp": (_speaks_lmtp, "WARN"),
    "tls-stays": (_clear_text_in_tls, "FAIL"),
    "greeting-name": (_nameless, "FAIL"),
    "tls-handshake": (lambda: _tls("handshake failure"), "WARN"),
    "tls-version": (lambda: _tls(version="TLSv1.1"), "FAIL"),
    "tls-verified": (lambda: _tls(verified=False, findings=["self-signed"]), "WARN"),
    "tls-dates": (lambda: _tls(cert_not_after="2026-01-01T00:00:00+00:00"), "FAIL"),
}


@pytest.mark.parametrize("rule", OTHERS)
def test_what_is_wrong_beside_the_lines_is_found(rule: str) -> None:
    make, level = OTHERS[rule]
    assert verdict(findings(make()), rule) == {level}


def test_what_is_right_beside_the_lines_passes() -> None:
    good = findings(
        session(HELLO, "STARTTLS => 220 Go", HELLO, "QUIT => 221 Bye"),
        _a_good_group(),
        _raw_content(b"x\n.\ny\r\n.\r\n", "221 Bye"),
    )
    for rule in OTHERS:
        assert verdict(good, rule) == ({"PASS"} if rule != "smtp" else set()), rule


def test_every_rule_has_a_good_and_a_bad_session() -> None:
    assert set(lint_rules()["rule"]) == set(CASES) | set(OTHERS)
    assert lint_rules()["rule"].is_unique


def test_every_rule_names_its_section() -> None:
    assert (
        lint_rules()["rfc"]
        .str.fullmatch(r"RFC \d{4} \d[\d.]*(, (RFC \d{4} )?\d[\d.]*)*")
        .all()
    )


@pytest.mark.parametrize(
    ("content", "to_quit", "level"),
    [
        (b"x\n.\n", "221 Bye", "FAIL"),
        (b"x\n.\r\n", "221 Bye", "FAIL"),
        (b"x\r\n.\n", "221 Bye", "FAIL"),
        (b"x\n.\ny\r\n.\r\n", "221 Bye", "PASS"),
        (b"x\n.\ny\r\n.\r\n", "502 What", "FAIL"),
        (b"x\n.\ny\r\n.\r\n", "", ""),
        (b"x\r\n.\r\n", "221 Bye", ""),
        (b".\r\n", "221 Bye", ""),
    ],
)
def test_only_crlf_dot_crlf_ends_the_content(
    content: bytes, to_quit: str, level: str
) -> None:
    """RFC 5321 section 4.1.1.4: what else ends it smuggles messages in."""
    found = verdict(findings(_raw_content(content, to_quit)), "end-of-data")
    assert found == ({level} if level else set())


@pytest.mark.parametrize("content", [b"x\n.\n", b"x\r.\r", b"x\n.\r\n"])
def test_a_server_that_takes_a_bare_dot_is_found_on_the_wire(content: bytes) -> None:
    hears = (b"EHLO me\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n")
    script: list[Action] = [Say(b"220 mx.example.test\r\n")]
    for line in hears:
        script += [Hear(line), Say(b"250 mx.example.test\r\n")]
    script += [Hear(b"DATA\r\n"), Say(b"354 Go\r\n"), Hear(content), Say(b"250 Ok\r\n")]
    client = SmtpClient(lax=True)
    with ScriptedServer((*script, Listen())) as server:
        client.connect("127.0.0.1", server.port)
        client.ehlo("me")
        client.mail_from("a@b")
        client.rcpt_to("c@d")
        client.data()
        client.raw(content)
        assert client.read_reply().code == 250
        client.disconnect()
    assert verdict(lint(client.transcript), "end-of-data") == {"FAIL"}


def test_a_connection_closed_between_commands_is_found() -> None:
    frame = findings(_hangs_up_between())
    (row,) = frame[frame["rule"] == "stays"].to_dict("records")
    # Whose fault it is does not show: a reset in the network looks the same.
    assert (row["verdict"], row["exchange_no"]) == ("WARN", 2)
    assert "without a 421" in row["what"]


def test_a_connection_closed_after_421_is_as_it_should_be() -> None:
    talk = session(HELLO, "NOOP => 421 Bye")
    talk.error("noop", "ConnectionLost", "the server had closed the connection")
    assert verdict(findings(talk), "stays") == set()


@pytest.mark.parametrize(
    ("rule", "lines", "level"),
    [
        ("ehlo-name", ["EHLO me.test => 250-<mx>|250 DSN"], "FAIL"),
        ("ehlo-name", ["EHLO me.test => 250-[192.0.2.1]|250 DSN"], "PASS"),
        ("ehlo-keyword", ["EHLO me.test => 250-mx.a.test|250 _X"], "FAIL"),
        ("size", ["EHLO me.test => 250-mx.a.test|250 SIZE big"], "FAIL"),
        ("size", ["EHLO me.test => 250-mx.a.test|250-SIZE 90000|250 SIZE 9"], "FAIL"),
        ("size", ["EHLO a => 250-mx.a.test|250-SIZE 90000|250 SIZE 80000"], "PASS"),
        ("ehlo-once", ["EHLO a => 250-mx.a.test|250-SIZE 90000|250 SIZE 9"], "WARN"),
        ("vrfy", ["VRFY a => 500 What"], "FAIL"),
        ("vrfy", ["VRFY a => 504 Not so"], "WARN"),
        ("vrfy", ["VRFY a => 550 Unknown"], "PASS"),
        ("vrfy", ["VRFY a => 530 AUTH"], ""),
        ("text-there", [PLAIN, "AUTH PLAIN => 334 "], "PASS"),
        ("auth-once", [PLAIN, "AUTH PLAIN x => 535 No", "AUTH PLAIN x => 235 Ok"], ""),
        ("auth-once", [PLAIN, "AUTH PLAIN x => 235 Ok", "AUTH LOGIN => 334 "], "FAIL"),
        ("auth-once", [PLAIN, "AUTH PLAIN x => 235 Ok", "AUTH LOGIN => 504 "], "WARN"),
        ("auth-once", [PLAIN, "AUTH PLAIN x => 235 Ok", "AUTH LOGIN => 421 "], ""),
        ("auth-outside", [PLAIN, MAIL, "RSET => 250 k", "AUTH PLAIN x => 235 k"], ""),
        ("for-somebody", [HELLO, MAIL, OKAY, "DATA => 354 Go", ". => 250 Ok"], ""),
        ("text-there", [PLAIN, "AUTH PLAIN => 334"], "PASS"),
        ("initial-response", [PLAIN, "AUTH PLAIN AHUAcA== => 504 No"], ""),
        ("initial-response", [PLAIN, "AUTH XYZ => 504 No"], ""),
        ("initial-response", [PLAIN, "AUTH PLAIN => 530 TLS"], ""),
        ("initial-response", [PLAIN, "auth plain => 501 No"], "FAIL"),
        ("line-length", [PLAIN, f"AUTH GSSAPI => 334 {'x' * 1200}"], "PASS"),
        ("line-length", [PLAIN, f"AUTH GSSAPI => 334 {'x' * 12283}"], "FAIL"),
        ("code-usual", [HELLO, "BDAT 9 LAST => 503 No recipients"], "PASS"),
        ("code-usual", [HELLO, "BDAT 9 => 554 No recipients"], "PASS"),
        ("code-usual", [HELLO, MAIL, "RCPT TO:<b@c.test> => 554 Relay"], "PASS"),
        ("long-line", [f"{FULL} => 500 5.5.4 No arguments, please"], ""),
        ("long-line", [f"{FULL} => 521 Command line too long"], "FAIL"),
        ("done", ["NOOP text => 500 5.5.4 No arguments"], "WARN"),
        ("done", ["NOOP => 500 What"], "FAIL"),
        ("done", ["RSET => 554 Too many nonmail commands"], ""),
        ("required", ["RSET => 554 Too many nonmail commands"], ""),
        ("help", ["HELP => 250 Not implemented"], "WARN"),
        ("works-offered", [HELLO, "HELP => 250 Not implemented"], ""),
        ("works-offered", [HELLO, "HELP => 214 See RFC 5321"], "WARN"),
        ("enhanced-there", ["NOOP => 250 Ok", CODES], ""),
        ("enhanced-there", [CODES, "XCLIENT A=b => 220 mx.example.test"], ""),
        ("enhanced-there", [CODES, MAIL], "FAIL"),
        (
            "enhanced-not-here",
            ["EHLO a => 550 5.7.1 No", "HELO a => 250 m.a.t"],
            "PASS",
        ),
        ("hello-again", [HELLO, "EHLO me.test => 550 No"], "WARN"),
        ("hello-again", [HELLO, "EHLO me.test => 421 Bye"], ""),
        ("hello-again", [HELLO, "STARTTLS => 220 Go", "EHLO me.test => 503 No"], ""),
        ("parameters", [HELLO, "MAIL FROM:<a@b.test> X=1 => 503 What"], "WARN"),
        ("parameters", [HELLO, MAIL, "MAIL FROM:<a@b.test> X=1 => 503 Again"], ""),
        ("parameters", [HELLO, "RCPT TO:<a@b.test> X=1 => 503 MAIL first"], ""),
        ("recipients", [HELLO, MAIL, "RCPT TO:<b@c.test> => 452 Disk full"], ""),
        ("recipients", [HELLO, MAIL, f"{RCPT} => 452 too many recipients"], "FAIL"),
        ("recipients", [HELLO, MAIL, f"{RCPT} => 550 Recipient limit"], "FAIL"),
        ("recipients", [HELLO, MAIL, *[OKAY] * 100, f"{RCPT} => 452 4.5.3 X"], "PASS"),
        ("vrfy", ["VRFY a => 250 Ok"], "FAIL"),
        ("vrfy", ["VRFY a => 250 <a@b.test>"], "PASS"),
        ("unknown-command", ["XYZ => 502 No"], "WARN"),
        ("mail-first", [HELLO, "RCPT TO:<b@c.test> => 554 No"], "WARN"),
        ("mail-once", [HELLO, MAIL, "MAIL FROM:<a@me.test> => 501 No"], "WARN"),
        ("null-path", [HELLO, "MAIL FROM:<> => 451 Later"], "WARN"),
        ("parameters", [HELLO, "MAIL FROM:<a@b.test> X=1 => 501 No"], "WARN"),
        ("any-case", [HELLO, "MAIL from:<a@b.test> => 501 No"], "FAIL"),
        ("required", ["NOOP hello => 500 No arguments"], ""),
        ("required", ["NOOP => 500 What"], "FAIL"),
        ("done", ["NOOP hello => 500 No arguments"], "WARN"),
        ("goodbye", ["QUIT => 421 Bye"], ""),
        ("mail-first", [HELLO, "RCPT TO:<b@c.test> => 530 AUTH"], ""),
        ("null-path", [HELLO, "MAIL FROM:<> => 530 AUTH"], ""),
        ("code-usual", [HELLO, "MAIL FROM:<> => 530 AUTH"], "PASS"),
        ("code-usual", ["NOOP => 530 AUTH"], "WARN"),
        ("parameters", [HELLO, "MAIL FROM:<a@b.test> SIZE=9 => 250 Ok"], ""),
        ("unknown-command", ["EHLO a => 250-m.a.test|250 XYZ", "XYZ => 250 Ok"], ""),
        ("recipients", [HELLO, MAIL, "RCPT TO:<b@c.test> => 250 Ok"], ""),
        ("enhanced-there", [HELLO, "NOOP => 250 Ok"], ""),
        ("enhanced-there", [CODES, "HELP => 214-2.0.0 Ask|214 more"], "FAIL"),
    ],
)
def test_the_finer_points(rule: str, lines: list[str], level: str) -> None:
    assert verdict(findings(session(*lines)), rule) == ({level} if level else set())


def test_a_space_at_the_colon_is_nobody_s_fault() -> None:
    lines = [HELLO, "MAIL FROM: <a@me.test> => 250 Ok"]
    assert set(findings(session(*lines))["verdict"]) == {"PASS"}


def test_lmtp_is_called_so_and_judged_by_no_rule_of_smtp() -> None:
    frame = findings(_speaks_lmtp())
    (row,) = frame[frame["rule"] == "smtp"].to_dict("records")
    assert "LMTP" in row["what"]
    assert verdict(frame, "required") == set()
    assert "FAIL" not in set(frame["verdict"])


def test_a_greeting_of_521_lets_the_server_close_at_any_command() -> None:
    talk = session(greeting="521 mx.example.test takes no mail")
    talk.send(("ehlo", "EHLO", b"EHLO me.test\r\n"))
    talk.error("ehlo", "ConnectionLost", "the server closed the connection")
    assert verdict(findings(talk), "stays") == set()


def test_a_refused_command_leaves_the_transaction_open() -> None:
    """RFC 5321 section 4.1.4: after a refusal the state is what it was."""
    for refused in (f"{MAIL[:-6]}503 Again", "EHLO x => 501 No", "RSET => 500 What"):
        frame = findings(session(HELLO, MAIL, OKAY, refused, OKAY))
        assert not verdict(frame, "rset-ends") | verdict(frame, "ehlo-ends"), refused
        assert verdict(frame, "mail-first") == set(), refused


def test_the_content_ends_a_transaction() -> None:
    talk = session(HELLO, MAIL, "RCPT TO:<b@c.test> => 250 Ok", "DATA => 354 Go")
    say(talk, ".", "250 Ok")
    say(talk, "MAIL FROM:<a@me.test>", "250 Ok")
    frame = findings(talk)
    assert verdict(frame, "mail-once") == set()
    assert verdict(frame, "mail-first") == set()


def test_a_refused_data_leaves_open_whether_the_transaction_goes_on() -> None:
    scene = (HELLO, MAIL, "DATA => 554 No recipients")
    for line in (MAIL, "RCPT TO:<b@c.test> => 250 Ok"):
        frame = findings(session(*scene, line))
        assert not verdict(frame, "mail-once") | verdict(frame, "mail-first")


def test_after_a_greeting_that_refuses_503_answers_everything() -> None:
    talk = session(
        *("NOOP => 503 No", "EHLO a => 503 No", "XYZ => 503 No", "QUIT => 221 Bye"),
        greeting="554 mx.example.test takes no mail",
    )
    frame = findings(talk)
    assert set(frame["verdict"]) == {"PASS"}
    assert verdict(frame, "goodbye") == {"PASS"}


def test_utf8_may_be_said_to_a_client_that_said_smtputf8() -> None:
    lines = [HELLO, "MAIL FROM:<a@b.test> SMTPUTF8 => 250 G\u00fct"]
    assert verdict(findings(session(*lines)), "text-ascii") == {"PASS"}


def test_what_was_offered_in_clear_counts_no_more_within_tls() -> None:
    talk = session(
        "EHLO me.test => 250-mx.a.test|250-HELP|250 STARTTLS",
        "STARTTLS => 220 Go",
        "HELP => 502 No",
    )
    assert verdict(findings(talk), "offer-works") == {"PASS"}  # STARTTLS itself


def test_the_same_finding_is_one_row_with_its_count_and_first_exchange() -> None:
    frame = findings(session(CODES, "NOOP => 250 Ok", "NOOP => 250 Ok"))
    (row,) = frame[frame["rule"] == "enhanced-there"].to_dict("records")
    assert (row["n"], row["exchange_no"]) == (2, 2)
    assert (row["said"], row["reply"]) == ("NOOP", "250 Ok")


def test_a_finding_can_be_looked_up_in_the_transcript() -> None:
    transcript = Transcript([session(HELLO, "RCPT TO:<b@c.test> => 250 Ok").close()])
    frame, exchanges = lint(transcript), transcript.exchanges()
    row = frame.loc[frame["rule"] == "mail-first"].iloc[0]
    (found,) = exchanges[
        (exchanges["session_id"] == row["session_id"])
        & (exchanges["exchange_no"] == row["exchange_no"])
    ].to_dict("records")
    assert row["said"] == f"{found['verb']} {found['argument']}"
    assert row["reply"] == f"{found['code']} {found['text']}"


def test_a_frame_of_events_is_judged_like_the_transcript() -> None:
    transcript = Transcript([_hangs_up_between().close(), _tls(verified=False).close()])
    one, other = lint(transcript), lint(transcript.events())
    assert one.to_dict("records") == other.to_dict("records")


def test_each_session_is_judged_by_itself() -> None:
    first = session(HELLO, MAIL).close()
    second = session("RCPT TO:<b@c.test> => 250 Ok").close()
    frame = lint(Transcript([first, second]))
    (found,) = frame.loc[frame["rule"] == "mail-first", "session_id"]
    assert found == second.session_id


def test_sessions_that_mix_in_time_are_judged_as_if_they_did_not() -> None:
    """Threads write one table; who is who is told by the session."""
    transcript = Transcript(
        [session(HELLO, OKAY).close(), session(CODES, MAIL, OKAY).close()]
    )
    events = transcript.events()
    mixed = events.sort_values("seq", kind="stable", ignore_index=True)
    keys = ["verdict", "session_id", "rule", "what"]
    apart = lint(events).sort_values(keys, ignore_index=True)
    assert lint(mixed).sort_values(keys, ignore_index=True).equals(apart)


def test_sessions_that_are_alike_are_followed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What makes a survey of a million events a matter of seconds."""
    followed: list[bytes] = []
    follow = turns._follow

    def counted(said: bytes) -> Any:
        followed.append(said)
        return follow(said)

    monkeypatch.setattr(turns, "_follow", counted)
    alike = [
        session(HELLO, f"MAIL FROM:<a{n}@me.test> => 250 {n}").close()
        for n in range(50)
    ]
    frame = lint(Transcript(alike))
    assert len(followed) == 1
    assert frame["session_id"].nunique() == 50


def test_the_worst_comes_first() -> None:
    verdicts = list(findings(_hangs_up_between(), session(HELLO))["verdict"])
    assert verdicts == sorted(verdicts, key=["FAIL", "WARN", "PASS"].index)


def test_no_session_gives_no_finding_and_all_columns() -> None:
    frame = lint(Transcript([]))
    assert len(frame) == 0
    assert list(frame.columns)[:3] == ["rule", "verdict", "what"]
    assert "0 FAIL, 0 WARN, 0 PASS" in str(frame)
