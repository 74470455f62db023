"""Each command and option of `%smtp` reaches the wire, or does what it says."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb import State
from smtpnb.analysis.palettes import DARK, LIGHT, palette_of
from smtpnb.protocol.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    TlsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("helo me.example", "HELO me.example"),
        ("ehlo me.example", "EHLO me.example"),
        ("rset", "RSET"),
        ("noop a  b", "NOOP a  b"),
        ("vrfy ann", "VRFY ann"),
        ("expn staff", "EXPN staff"),
        ("etrn d.example", "ETRN d.example"),
        ("help mail", "HELP mail"),
        ("help", "HELP"),
        ("command XYZZY a  b", "XYZZY a  b"),
        ("mail a@b --size 9 --lax", "MAIL FROM:<a@b> SIZE=9"),
        ("mail a@b --body 8bitmime --lax", "MAIL FROM:<a@b> BODY=8BITMIME"),
        ("mail a@b --smtputf8 --lax", "MAIL FROM:<a@b> SMTPUTF8"),
        ("mail a@b --ret=hdrs --lax", "MAIL FROM:<a@b> RET=HDRS"),
        ("mail a@b --envid QQ314 --lax", "MAIL FROM:<a@b> ENVID=QQ314"),
        ("mail FROM:<a@b> RET=HDRS ENVID=x", "MAIL FROM:<a@b> RET=HDRS ENVID=x"),
        ("mail a@b --envid a+b --auth e=f@g --lax", "ENVID=a+2Bb AUTH=e+3Df@g"),
        ("mail a@b --by 120;r --mt-priority -3", "BY=120;R MT-PRIORITY=-3"),
        ("mail a@b --holdfor 60", "MAIL FROM:<a@b> HOLDFOR=60"),
        ("mail a@b --holduntil 2027-01-31t08:00:00z", "HOLDUNTIL=2027-01-31T08:00:00Z"),
        ("mail a@b --requiretls --prdr --lift offers", "REQUIRETLS PRDR"),
        ("mail a@b RET=ALL --lift syntax", "MAIL FROM:<a@b> RET=ALL"),
        ("rcpt c@d --rrvs 2026-01-31t08:00:00z;c --lax", "RRVS=2026-01-31T08:00:00Z;C"),
        (
            "xclient name=a.b addr=::1 login=+",
            "XCLIENT NAME=a.b ADDR=IPV6:::1 LOGIN=+2B",
        ),
        ("xforward NAME=a.b SOURCE=REMOTE", "XFORWARD NAME=a.b SOURCE=REMOTE"),
        ("burl imap://h/;uid=1 --last --lift order", "BURL imap://h/;uid=1 LAST"),
        ("MAIL FROM:<> X=1 --lax", "MAIL FROM:<> X=1"),
        (
            "rcpt c@d --notify success,failure --lax",
            "RCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE",
        ),
        ("rcpt c@d --orcpt rfc822;e@f --lax", "RCPT TO:<c@d> ORCPT=rfc822;e@f"),
        ("quit", "QUIT"),
    ],
)
@pytest.mark.parametrize("change", [str, str.upper], ids=["lower", "upper"])
def test_a_line_goes_to_the_wire(
    run: Callable[[str], Any], line: str, sent: str, change: Callable[[str], str]
) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo start.example;")
    verb, space, rest = line.partition(" ")
    reply = run(f"%smtp {change(verb)}{space}{rest}")
    said = [line for line in run("%smtp transcript text").splitlines() if "->" in line]
    assert said[-1].endswith(sent)
    assert reply.verb == verb.lower()


def test_chunks_go_as_they_are(run: Callable[[str], Any]) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d"):
        run(f"%smtp {line};")
    assert run("%smtp bdat {b'one\\r\\n'}").code == 250
    assert run("%smtp bdat {bytearray(b'two\\r\\n')} --last").code == 250
    assert list(run("%smtp sandbox inbox")["octets"]) == [b"one\r\ntwo\r\n"]


def test_a_verification_that_is_only_reported_says_so(
    run: Callable[[str], Any],
) -> None:
    port = run("%smtp sandbox --tls implicit").port
    line = f"connect localhost {port} --tls implicit"
    with pytest.raises(TlsError):
        run(f"%smtp {line} --verify require")
    assert "NOT verified" in repr(run(f"%smtp {line} --verify report"))


@pytest.mark.parametrize("silent", [False, True])
def test_login_may_wait_for_each_question(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    asked = []

    def get_password(service: str, user: str) -> str:
        asked.append((service, user))
        return "open sesame"

    keyring = SimpleNamespace(get_password=get_password)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    run("users = {'ann': 'open sesame'}\n%smtp sandbox --auth {users};")
    run("%smtp connect sandbox --tls starttls;")
    option = "--no-initial-response" if silent else "--initial-response"
    line = f"auth ann --mechanism login {option} --keyring smtp.example"
    assert run(f"%smtp {line}").code == 235
    assert asked == [("smtp.example", "ann")]
    lines = run("%smtp transcript text").splitlines()
    assert (" ~> AUTH LOGIN" in lines) is silent


def test_a_password_goes_without_tls_only_if_asked(run: Callable[[str], Any]) -> None:
    run("word = 'open sesame'\n%smtp connect sandbox;\n%smtp ehlo;")
    with pytest.raises(LocalProtocolError, match="AUTH in clear is refused"):
        run("%smtp auth ann {word} --lax")
    assert run("%smtp auth ann {word} --lax --allow-cleartext-auth").code >= 500


@pytest.mark.parametrize(
    "how", ["--delay 0.05", "--drip 0.001", "--times 1", "--probability 1"]
)
def test_a_fault_answers_as_it_was_told(run: Callable[[str], Any], how: str) -> None:
    run(f"%smtp sandbox fault noop --reply '451 4.3.0 Not now' {how};")
    run("%smtp connect sandbox;")
    assert run("%smtp noop").code == 451
    again = run("%smtp noop").code
    assert again == (250 if "times" in how else 451)
    run("%smtp sandbox clear;")
    assert run("%smtp noop").code == 250


def test_a_fault_can_be_a_lost_connection(run: Callable[[str], Any]) -> None:
    run("%smtp sandbox fault noop --drop;\n%smtp connect sandbox;")
    with pytest.raises(ConnectionLost):
        run("%smtp noop")


def test_a_fault_can_answer_octets_that_are_no_ascii(run: Callable[[str], Any]) -> None:
    run("%smtp sandbox fault noop --eight-bit;\n%smtp connect sandbox;")
    assert not run("%smtp noop").octets.isascii()


def test_disconnect_and_cancel_close(run: Callable[[str], Any]) -> None:
    for line in ("disconnect", "cancel"):
        run("%smtp connect sandbox;")
        run(f"%smtp {line}")
        assert run("%smtp session").state is State.CLOSED


def test_the_settings_say_what_a_line_does_not(run: Callable[[str], Any]) -> None:
    port = run("%smtp sandbox").port
    run(f"%config SmtpMagics.host = '127.0.0.1:{port}'")
    run("%config SmtpMagics.identity = 'set.example'")
    run("%config SmtpMagics.timeout = 0.2")
    assert run("%smtp connect").code == 220
    run("%smtp ehlo;\n%smtp sandbox fault noop --stall;")
    assert " -> EHLO set.example" in run("%smtp transcript text").splitlines()
    with pytest.raises(DeadlineExceeded):
        run("%smtp noop")
    assert run("%smtp connect sandbox --timeout 9").code == 220


def test_pictures_are_dark_when_the_settings_say_so(run: Callable[[str], Any]) -> None:
    run("%config SmtpMagics.theme = 'dark'")
    try:
        assert palette_of(None) is DARK
        run("%config SmtpMagics.theme = 'grey'")  # traitlets says what it takes
        assert palette_of(None) is DARK
    finally:
        run("%config SmtpMagics.theme = 'light'")
    assert palette_of(None) is LIGHT


def test_send_says_what_its_options_say(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    line = "send {b'Subject: x'} --from a@b --to c@d,e@f --ret hdrs --notify never"
    assert run(f"%smtp {line}").ok
    message = run("%smtp sandbox inbox").iloc[0]
    assert message.parameters["RET"] == "HDRS"
    assert message.rcpt_parameters == [{"NOTIFY": "NEVER"}] * 2


def test_connect_switches_off_and_says_whose_client_it_is(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox --disable pipelining,dsn;")
    run("%smtp ehlo me.example;")
    client = run("%smtp session")
    assert not {"PIPELINING", "DSN"} & set(client.capabilities)
    for wrong in ("v3", "v1,192.0.2.1:1", "v1,a,b"):
        with pytest.raises(UsageError, match="--proxy is v1 or v2"):
            run(f"%smtp connect sandbox --proxy {wrong}")


def test_settings_hold_for_a_cell_of_lines_and_for_the_panel(
    run: Callable[[str], Any],
) -> None:
    port = run("%smtp sandbox").port
    run("%config SmtpMagics.identity = 'me.example'")
    run(f"%config SmtpMagics.host = '127.0.0.1:{port}'")
    run("%config SmtpMagics.timeout = 0.2")
    panel = run("%smtp panel")
    panel.painter.stop()  # it was shown, and would look for changes
    assert panel.address.value == f"127.0.0.1:{port}"
    panel.identity.value = ""
    panel.press("Connect", "EHLO")
    assert "EHLO me.example" in panel.transcript.value
    run("%smtp sandbox fault noop --stall;")
    panel.press("NOOP")
    assert "failed" in panel.status.value
    panel.close()
    run("%config SmtpMagics.timeout = None")
    run("%smtp @other connect sandbox;")
    assert "EHLO me.example" in _said_by(run, "%%smtp @other\nEHLO")
    assert "EHLO me.example" in _said_by(run, "%smtp @other ehlo --background")
    run("%config SmtpMagics.identity = None")
    run("%config SmtpMagics.host = None")


def _said_by(run: Callable[[str], Any], cell: str) -> str:
    """The lines that a cell added to the transcript of the session other."""
    before = len(str(run("%smtp @other transcript text")))
    value = run(cell)
    if hasattr(value, "result"):
        value.result(10)
    return str(run("%smtp @other transcript text"))[before:]
