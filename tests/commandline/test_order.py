"""What a command line is read as, and what is said of one that cannot be read."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.commandline.content import content
from smtpnb.commandline.order import read
from smtpnb.commandline.words import PROTOCOLS

if TYPE_CHECKING:
    from pathlib import Path

ADDR = "--xclient-addr 1.2.3.4"
WHERE = ["--server", "mx.example", "--to", "a@b.example"]


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        ("", "port", 25),
        ("-tlsc", "port", 465),
        ("-tlsc -p 2465", "port", 2465),
        ("--protocol lmtp", "port", 24),
        ("--protocol ESMTPS", "tls", "starttls"),
        ("--protocol SSMTP", "tls", "implicit"),
        ("--protocol SMTP", "hello", "HELO"),
        ("-tlso", "tls_optional", True),
        ("-tls", "tls_optional", False),
        ("-tls", "verify", "report"),
        ("-tls --tls-verify", "verify", "require"),
        ("--timeout 3m", "timeout", 180),
        ("--timeout 0", "timeout", None),
        ("-f <>", "sender", ""),
        ("", "sender", None),
        ("-q ehlo", "stop_after", "hello"),
        ("--da TO", "drop_after", "rcpt"),
        ("--das dot", "drop_after_send", "dot"),
        ("-s [2001:db8::1]:26", "host", "[2001:db8::1]"),
        ("-s [2001:db8::1]:26", "port", 26),
        ("-s 2001:db8::1", "host", "2001:db8::1"),
        ("-s mx:26", "port", 26),
        ("-s mx:26 -p 27", "port", 27),
        ("--socket /run/lmtp", "host", "unix:/run/lmtp"),
        ("-ha", "hidden", {"send", "receive", "info", "error"}),
        ("-hr", "hidden", {"receive"}),
        ("-nth", "hints", {"info"}),
        ("-S", "silence", 1),
        ("-S 3", "silence", 3),
        (f"{ADDR} --xclient-name n", "xclient", ({"ADDR": "1.2.3.4", "NAME": "n"},)),
        (f"--xclient X=1 {ADDR}", "xclient", ("X=1", {"ADDR": "1.2.3.4"})),
        (f"{ADDR} --xclient-delim {ADDR}", "xclient", ({"ADDR": "1.2.3.4"},) * 2),
    ],
)
def test_words_mean_what_swaks_means(words: str, attribute: str, value: Any) -> None:
    assert getattr(read([*WHERE, *words.split()]), attribute) == value


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_read(name: str) -> None:
    words = ["--protocol", name, "-au", "u", "--auth-password-env", "PATH"]
    assert read([*WHERE, *words]).port in {24, 25, 465}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--to", "a@b"], "which server"),
        (["--server", "mx"], "to whom"),
        ([*WHERE, "--protocol", "X"], "--protocol is one of"),
        ([*WHERE, "-q", "DOT"], "DOT is no step"),
        ([*WHERE, "-p", "x"], "'x' is not a port"),
        ([*WHERE, "--timeout", "x"], "--timeout is 30"),
        ([*WHERE, "-au", "u", "-ap", "secret"], "can be read by everybody"),
        (
            [*WHERE, "-au", "u", "--auth-password-env", "NONE_"],
            "'NONE_' does not",
        ),
        ([*WHERE, "--header", "x"], "a header is"),
        ([*WHERE, "--save", "x.txt"], "--save wants"),
        ([*WHERE, "--body", "@/nowhere/at/all"], "No such file"),
        ([*WHERE, "--proxy-family", "TCP4"], "PROXY needs --proxy-source, "),
        ([*WHERE, "--whatever"], "unrecognized arguments"),
        ([*WHERE, "word"], "unrecognized arguments"),
    ],
)
def test_a_line_that_cannot_be_read(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        read(words)
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert why in said
    assert "secret" not in said
    assert "Errno" not in said


def test_an_option_without_its_value_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("mx.example\na@b.example\n"))
    order = read(["--server", "--to"])
    assert (order.host, order.recipients) == ("mx.example", ("a@b.example",))


def test_a_password_comes_from_a_file_the_environment_or_the_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("MAIL_SECRET", "other")
    store = SimpleNamespace(get_password=lambda *asked: f"of {asked}")
    monkeypatch.setitem(sys.modules, "keyring", store)
    for words, password in (
        (["-ap", f"@{tmp_path / 'secret'}"], "s3cret"),
        (["--auth-password-env", "MAIL_SECRET"], "other"),
        (["--auth-password-keyring", "mail"], "of ('mail', 'u')"),
    ):
        order = read([*WHERE, "-au", "u", *words])
        assert bytes(order.password.reveal()).decode() == password
        assert password not in repr(order)


@pytest.mark.parametrize(
    ("words", "octets"),
    [
        (["--data", r"A: 1\n\nb"], b"A: 1\n\nb\n"),
        (["--data", "A: 1\n\nb\n.\n"], b"A: 1\n\nb\n"),
        (["--data", "From x\nA: 1\n\nb"], b"A: 1\n\nb\n"),
        (["--data", "From x\nA: 1\n\nb", "-nsf"], b"From x\nA: 1\n\nb\n"),
        (["--data", r"A: %BODY%\n\nb", "-ndf"], b"A: %BODY%\n\nb"),
        (["--data", "T: %TO_ADDRESS%"], b"T: a@b.example\n"),
        (["--data", "@@home", "--body", "x"], b"@home\n"),
        (["--data", r"A: 1\n\nb", "-ah", "B: 2"], b"A: 1\nB: 2\n\nb\n"),
        (["--data", r"A: 1\nB: 2\n\nA: 3", "--h-a", "x"], b"a: x\nB: 2\n\nA: 3\n"),
        (["--data", "A: 1\n\tmore\n\nb", "--header", "A: 2"], b"A: 2\n\nb\n"),
        (["--data", r"A: 1\n\nb", "--h-C=d"], b"A: 1\nC: d\n\nb\n"),
        (["--data", "Ä: ö"], "Ä: ö\n".encode()),
    ],
)
def test_the_message(words: list[str], octets: bytes) -> None:
    assert content(read([*WHERE, *words]), "me@x") == octets


def test_parts_make_a_message_of_mime(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\xff")
    words = ["--body", "hello", "--attach-type", "image/png"]
    words += ["--attach", f"@{tmp_path / 'a.bin'}", "--attach-body", "<b>one</b>"]
    made = content(read([*WHERE, *words]), "me@x")
    assert b"multipart/mixed" in made
    assert b'filename="a.bin"' in made
    assert b"AP8=" in made


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--tls-cert", "x"], "are said together"),
        (["--tls-protocol", "tlsv9"], "--tls-protocol is of tlsv1, "),
        (["--tls-protocol", "tlsv1_2,no_tlsv1"], "--tls-protocol is of"),
        (["--tls-protocol", "tlsv1,tlsv1_3"], "versions that follow each other"),
        (["--tls-protocol", "sslv3"], "versions that follow each other"),
        (["--tls-cipher", "NONSENSE"], "OpenSSL knows no cipher 'NONSENSE'"),
        (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "No such file"),
    ],
)
def test_tls_that_cannot_be_had_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read([*WHERE, *words])
    assert why in capsys.readouterr().err


def test_versions_of_tls_are_read() -> None:
    context = read([*WHERE, "--tls-protocol", "no_tlsv1,no_tlsv1_1,no_sslv3"]).context
    assert context is not None
    assert context.minimum_version.name == "TLSv1_2"
    assert context.maximum_version.name == "TLSv1_3"
    assert read(WHERE).context is None


@pytest.mark.parametrize("option", ["-q EHLO", "-da TLS", "-das MAIL", "-q FROM"])
def test_who_stops_before_rcpt_needs_no_recipient(option: str) -> None:
    assert read(["--server", "mx", *option.split()]).recipients == ()
