from __future__ import annotations

import copy
import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.protocol import commands
from smtpnb.protocol.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Burl,
    Command,
    Custom,
    Data,
    Ehlo,
    EndOfData,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Vrfy,
)
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.line import MAX_COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Callable

LINES: list[tuple[Command, str]] = [
    (Ehlo("me.example"), "EHLO me.example"),
    (Ehlo("[127.0.0.1]"), "EHLO [127.0.0.1]"),
    (Ehlo("[IPv6:::1]"), "EHLO [IPv6:::1]"),
    (Helo("me.example"), "HELO me.example"),
    (Lhlo("me.example"), "LHLO me.example"),
    (StartTls(), "STARTTLS"),
    (Mail(""), "MAIL FROM:<>"),
    (Mail("<>"), "MAIL FROM:<>"),
    (Mail("a@b.example"), "MAIL FROM:<a@b.example>"),
    (Mail("<a@b.example>"), "MAIL FROM:<a@b.example>"),
    (Mail("a@b", size=0), "MAIL FROM:<a@b> SIZE=0"),
    (Mail("a@b", body="8BITMIME"), "MAIL FROM:<a@b> BODY=8BITMIME"),
    (Mail("é@b", smtputf8=True), "MAIL FROM:<é@b> SMTPUTF8"),
    (
        Mail("a@b", size=9, body="7BIT", ret="HDRS", envid="x+1"),
        "MAIL FROM:<a@b> SIZE=9 BODY=7BIT RET=HDRS ENVID=x+2B1",
    ),
    (Mail("a@b", parameters=["AUTH=<>"]), "MAIL FROM:<a@b> AUTH=<>"),
    (
        Mail("a@b", size=1, parameters=("BY=9;N", "MT-PRIORITY=3")),
        "MAIL FROM:<a@b> SIZE=1 BY=9;N MT-PRIORITY=3",
    ),
    (Rcpt("c@d.example"), "RCPT TO:<c@d.example>"),
    (Rcpt("<c@d.example>"), "RCPT TO:<c@d.example>"),
    (Rcpt("Postmaster"), "RCPT TO:<Postmaster>"),
    (Rcpt("<pOsTmAsTeR>"), "RCPT TO:<pOsTmAsTeR>"),
    (Rcpt('"a b"@d.example'), 'RCPT TO:<"a b"@d.example>'),
    (Rcpt("c@[192.0.2.1]"), "RCPT TO:<c@[192.0.2.1]>"),
    (Rcpt("c@[IPv6:2001:db8::1]"), "RCPT TO:<c@[IPv6:2001:db8::1]>"),
    (
        Rcpt("c@d", notify="SUCCESS,FAILURE", orcpt="rfc822;c@d"),
        "RCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@d",
    ),
    (Rcpt("c@d", parameters=["X-OWN=x"]), "RCPT TO:<c@d> X-OWN=x"),
    (Data(), "DATA"),
    (EndOfData(), "."),
    (Bdat(0, last=True), "BDAT 0 LAST"),
    (Bdat(86), "BDAT 86"),
    (Burl("imap://h/;uid=1"), "BURL imap://h/;uid=1"),
    (Burl("imap://h/", last=True), "BURL imap://h/ LAST"),
    (Etrn("@d.example"), "ETRN @d.example"),
    (Rset(), "RSET"),
    (Noop(), "NOOP"),
    (Noop("some words"), "NOOP some words"),
    (Vrfy("who"), "VRFY who"),
    (Expn("list"), "EXPN list"),
    (Help(), "HELP"),
    (Help("MAIL"), "HELP MAIL"),
    (Quit(), "QUIT"),
    (Auth("PLAIN"), "AUTH PLAIN"),
    (Auth("PLAIN", memoryview(b"\0a\0b")), "AUTH PLAIN AGEAYg=="),
    (Auth("EXTERNAL", memoryview(b"")), "AUTH EXTERNAL ="),
    (AuthResponse(memoryview(b"abc")), "YWJj"),
    (AuthResponse(memoryview(b"")), ""),
    (AuthResponse(memoryview(b"x" * 200)), "eHh4" * 66 + "eHg="),
    (AuthCancel(), "*"),
    (Custom("xyzzy"), "XYZZY"),
    (Custom("X-A_1", " two  spaces "), "X-A_1  two  spaces "),
    (Custom("MAIL", "FROM: <é>"), "MAIL FROM: <é>"),
]


@pytest.mark.parametrize(("command", "expected"), LINES, ids=lambda x: repr(x)[:40])
def test_a_command_is_exactly_this_line(command: Command, expected: str) -> None:
    assert bytes(command.octets().wire) == expected.encode() + b"\r\n"


STEPS = [
    (Ehlo("a"), "ehlo"),
    (Helo("a"), "ehlo"),
    (Lhlo("a"), "ehlo"),
    (StartTls(), "starttls"),
    (Auth("PLAIN"), "auth"),
    (AuthResponse(memoryview(b"")), "auth"),
    (AuthCancel(), "auth"),
    (Mail(""), "mail"),
    (Rcpt("a@b"), "rcpt"),
    (Data(), "data"),
    (EndOfData(), "eod"),
    (Bdat(1), "body"),
    (Bdat(1, last=True), "eod"),
    (Rset(), "rset"),
    (Noop(), "noop"),
    (Vrfy("a"), "vrfy"),
    (Expn("a"), "expn"),
    (Help(), "help"),
    (Quit(), "quit"),
    (Custom("rcpt", "to:<a@b>"), "rcpt"),
    (Custom("XCLIENT"), "other"),
]


@pytest.mark.parametrize(("command", "step"), STEPS, ids=lambda x: repr(x)[:40])
def test_a_command_belongs_to_this_step(command: Command, step: str) -> None:
    assert command.step == step


NEEDS: list[tuple[Command, tuple[str, ...]]] = [
    (Ehlo("a"), ()),
    (StartTls(), ("STARTTLS",)),
    (Auth("PLAIN"), ("AUTH",)),
    (Mail("a@b"), ()),
    (Mail("a@b", size=1), ("SIZE",)),
    (Mail("a@b", body="7BIT"), ("8BITMIME",)),
    (Mail("a@b", body="8BITMIME"), ("8BITMIME",)),
    (Mail("a@b", parameters=["body=binarymime"]), ("8BITMIME", "BINARYMIME")),
    (Mail("a@b", body="BINARYMIME"), ("8BITMIME", "BINARYMIME")),
    (Mail("a@b", smtputf8=True), ("SMTPUTF8",)),
    (Mail("a@b", ret="FULL", envid="x"), ("DSN",)),
    (Mail("a@b", parameters=["AUTH=<>"]), ("AUTH",)),
    (Mail("a@b", parameters=["X-OWN=1"]), ()),
    (Mail("a@b", size=1, ret="FULL"), ("SIZE", "DSN")),
    (Rcpt("a@b"), ()),
    (Rcpt("a@b", notify="NEVER"), ("DSN",)),
    (Rcpt("a@b", orcpt="rfc822;x"), ("DSN",)),
    (Rcpt("a@b", parameters=["notify=NEVER"]), ("DSN",)),
    (Custom("MAIL", "FROM:<> SIZE=1"), ()),
    (Data(), ()),
]


@pytest.mark.parametrize(("command", "keywords"), NEEDS, ids=lambda x: repr(x)[:60])
def test_a_command_needs_these_extensions(
    command: Command, keywords: tuple[str, ...]
) -> None:
    assert command.needs() == keywords


REFUSED: list[tuple[Callable[[], Command], str]] = [
    (lambda: Ehlo(""), "identity"),
    (lambda: Helo(""), "identity"),
    (lambda: Ehlo("two words"), "spaces"),
    (lambda: Ehlo("straße.example"), "xn--strae-oqa.example"),
    (lambda: Helo("é.example"), "xn--9ca.example"),
    (lambda: Ehlo("☃.example"), "is not a domain name"),
    (lambda: Vrfy("é"), "U+00E9"),
    (lambda: Noop("a\nb"), "U+000A"),
    (lambda: Noop("a\rb"), "U+000D"),
    (lambda: Noop("a\0b"), "U+0000"),
    (lambda: Noop("a\tb"), "U+0009"),
    (lambda: Noop("a\x7fb"), "U+007F"),
    (lambda: Custom("X", "a\x85b"), "U+0085"),
    (lambda: Custom("X", "a\u2028b"), "U+2028"),
    (lambda: Custom("X", "a\u2029b"), "U+2029"),
    (lambda: Custom("X", "a\ud800b"), "U+D800"),
    (lambda: Custom(""), "not a verb"),
    (lambda: Custom("NO OP"), "not a verb"),
    (lambda: Custom("RSET\r\nQUIT"), "not a verb"),
    (lambda: Custom("RSET\n"), "not a verb"),
    (lambda: Custom("MA\u0131L"), "not a verb"),
    (lambda: Custom("\u017fTARTTLS"), "not a verb"),
    (lambda: Custom("\u00df"), "not a verb"),
    (lambda: Custom("٢"), "not a verb"),
    (lambda: Mail("a@b", body="8BITMIME SIZE=1"), "BODY is 7BIT"),
    (lambda: Mail("a@b", parameters=["SIZE=1 BODY=7BIT"]), "SIZE is a number"),
    (lambda: Mail("a@b", parameters=[""]), "KEYWORD or"),
    (lambda: Mail("a@b", parameters=["X=1\r\nRSET"]), "U+000D"),
    (lambda: Rcpt("a@b", notify="NEVER\r\nRSET"), "U+000D"),
    (lambda: Rcpt('"a\r\nRSET"@b'), "U+000D"),
    (lambda: Rcpt("a@b>\r\nRCPT TO:<c@d"), "does not belong"),
    (lambda: Mail("a@b> SIZE=1 <"), "does not belong"),
    (lambda: Rcpt(""), "empty"),
    (lambda: Rcpt("<>"), "empty"),
    (lambda: Auth("PLAIN\r\nRSET"), "U+000D"),
    (lambda: Auth("PLAIN ="), "one word"),
    (lambda: Auth(""), "one word"),
    (lambda: Auth("ÉXTERNAL"), "U+00C9"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_this_is_refused_and_the_reason_told(
    make: Callable[[], Command], words: str
) -> None:
    with pytest.raises(LocalProtocolError, match=words.replace("+", r"\+")):
        make().octets()


LIFTED: list[tuple[Command, bytes]] = [
    (Ehlo(""), b"EHLO\r\n"),
    (Ehlo("two words"), b"EHLO two words\r\n"),
    (Mail("not an address"), b"MAIL FROM:<not an address>\r\n"),
    (Rcpt(""), b"RCPT TO:<>\r\n"),
    (Rcpt("@a,@b:c@d"), b"RCPT TO:<@a,@b:c@d>\r\n"),
    (Mail("a@b", parameters=["A B"]), b"MAIL FROM:<a@b> A B\r\n"),
    (Auth("PLAIN ="), b"AUTH PLAIN =\r\n"),
]


@pytest.mark.parametrize(("command", "octets"), LIFTED, ids=repr)
def test_lax_lifts_the_grammar(command: Command, octets: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        command.octets()
    assert bytes(command.octets(lax=True).wire) == octets


def test_a_line_may_be_long_but_not_endless() -> None:
    longest = "x" * (MAX_COMMAND_LINE - len("NOOP \r\n"))
    assert len(Noop(longest).octets()) == MAX_COMMAND_LINE
    with pytest.raises(LocalProtocolError, match="over 16384 octets"):
        Noop(longest + "x").octets()
    with pytest.raises(LocalProtocolError, match="over 16384 octets"):
        Custom("X", "\u00e9" * (MAX_COMMAND_LINE // 2)).octets()


# Every command that takes text, as a function of that text, and what stands before and
# after the text on the wire.
ARGUMENTS: dict[str, tuple[Callable[[str], Command], str, str]] = {
    "EHLO": (Ehlo, "EHLO ", ""),
    "HELO": (Helo, "HELO ", ""),
    "LHLO": (Lhlo, "LHLO ", ""),
    "NOOP": (Noop, "NOOP ", ""),
    "HELP": (Help, "HELP ", ""),
    "VRFY": (Vrfy, "VRFY ", ""),
    "EXPN": (Expn, "EXPN ", ""),
    "MAIL": (Mail, "MAIL FROM:<", ">"),
    "RCPT": (Rcpt, "RCPT TO:<", ">"),
    "RCPT local": (lambda t: Rcpt(f"{t}@d"), "RCPT TO:<", "@d>"),
    "RCPT quoted": (lambda t: Rcpt(f'"{t}"@d'), 'RCPT TO:<"', '"@d>'),
    "RCPT domain": (lambda t: Rcpt(f"c@{t}"), "RCPT TO:<c@", ">"),
    "RCPT literal": (lambda t: Rcpt(f"c@[{t}]"), "RCPT TO:<c@[", "]>"),
    "MAIL body": (lambda t: Mail("a@b", body=t), "MAIL FROM:<a@b> BODY=", ""),
    "MAIL ret": (lambda t: Mail("a@b", ret=t), "MAIL FROM:<a@b> RET=", ""),
    "MAIL more": (lambda t: Mail("a@b", parameters=[t]), "MAIL FROM:<a@b> ", ""),
    "RCPT notify": (lambda t: Rcpt("c@d", notify=t), "RCPT TO:<c@d> NOTIFY=", ""),
    "RCPT more": (lambda t: Rcpt("c@d", parameters=[t]), "RCPT TO:<c@d> ", ""),
    "AUTH": (Auth, "AUTH ", ""),
    "Custom argument": (lambda t: Custom("X", t), "X ", ""),
}

_ENUMERATED = {"MAIL body": "7BIT", "MAIL ret": "HDRS", "RCPT notify": "NEVER"}

# All of Unicode, lone surrogates too, with the dangerous parts more often.
texts = st.text(
    st.characters()
    | st.sampled_from('\r\n\0\t\x7f\x85\u2028\u2029 <>"\\@,:;[]=+\u560d\u560a\ud80d')
    | st.characters(max_codepoint=0x7F),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("where", ARGUMENTS)
@pytest.mark.parametrize("lax", [False, True])
def test_text_of_any_unicode_makes_one_line_or_none(where: str, *, lax: bool) -> None:
    make, before, after = ARGUMENTS[where]

    @given(texts)
    @example("a\r\nRSET")
    @example("a\u560d\u560aRSET")
    @example("a\nRSET")
    @example("a\x00")
    @example("plain")
    @example("a@b")
    def check(text: str) -> None:
        try:
            octets = make(text).octets(lax=lax)
        except LocalProtocolError:
            usual = {"MAIL": "a@b", "RCPT": "a@b", **_ENUMERATED}.get(where, "plain")
            assert text != usual
            return
        wire = bytes(octets.wire)
        assert wire.endswith(b"\r\n")
        assert not any(octet < 0x20 or octet == 0x7F for octet in wire[:-2])
        sent = wire[:-2].decode("utf-8")
        # Brackets around a path are the caller's or ours, the same pair.
        if where in ("MAIL", "RCPT") and text.startswith("<") and text.endswith(">"):
            text = text[1:-1]
        assert sent == before + text + after
        assert octets.shown == wire

    check()


@given(texts)
@example("rset")
@example("\u017fTARTTLS")
def test_a_verb_of_any_unicode_is_ascii_or_refused(verb: str) -> None:
    try:
        wire = bytes(Custom(verb).octets().wire)
    except LocalProtocolError:
        return
    assert wire == verb.upper().encode("ascii") + b"\r\n"
    assert verb.isascii()
    assert b" " not in wire


@given(st.binary(max_size=50))
def test_secret_octets_of_any_kind_make_one_line(secret: bytes) -> None:
    for command in (
        Auth("PLAIN", memoryview(secret)),
        AuthResponse(memoryview(secret)),
    ):
        wire = bytes(command.octets().wire)
        assert wire.isascii()
        assert re.fullmatch(rb"(?:AUTH PLAIN )?[A-Za-z0-9+/]*=*\r\n", wire)


@pytest.mark.parametrize("text", ["a\u560d\u560aRSET", "a\u010d\u010aRSET"])
def test_characters_that_narrow_to_crlf_are_refused_or_sent_whole(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        Noop(text).octets()
    wire = bytes(Custom("NOOP", text).octets().wire)
    assert wire == b"NOOP " + text.encode() + b"\r\n"
    assert wire.count(b"\r") == wire.count(b"\n") == 1


def every_command() -> list[Command]:
    return [command for command, _ in LINES]


def test_commands_are_equal_by_class_and_fields() -> None:
    assert Noop() != Help()
    assert Ehlo("a") != Ehlo("b")
    assert Ehlo("a") != Helo("a")
    assert Data() != Rset()
    assert Custom("NOOP") != Noop()
    assert Mail("a@b") != Rcpt("a@b")
    assert Mail("a@b") != Mail("a@b", size=1)
    assert Auth("PLAIN", memoryview(b"a")) != Auth("PLAIN", memoryview(b"b"))
    assert Auth("PLAIN", memoryview(b"")) != Auth("PLAIN")
    assert Ehlo("a") != "EHLO a"
    assert Mail("a@b", size=1) == Mail("a@b", parameters=["SIZE=1"])
    assert Custom("noop", "x") == Custom("NOOP", "x")


def test_each_command_equals_its_copy_and_no_other() -> None:
    for a, b in itertools.combinations(every_command(), 2):
        if a.octets().wire != b.octets().wire:
            assert a != b
    for command in every_command():
        if not isinstance(command, (Auth, AuthResponse)):
            again = copy.copy(command)
            assert again == command
            assert hash(again) == hash(command)
    assert len(set(every_command())) == len(set(map(hash, every_command())))


def test_commands_have_no_room_for_other_attributes() -> None:
    for command in every_command():
        assert not hasattr(command, "__dict__")


def test_a_repr_tells_class_and_fields() -> None:
    assert repr(Mail("a@b", size=1)) == "Mail(('SIZE=1',), 'a@b')"
    assert repr(Ehlo("a")) == "Ehlo('a')"
    assert repr(Custom("xyzzy", "a b")) == "Custom('XYZZY', 'a b')"


def test_every_command_of_the_module_is_in_the_table_of_lines() -> None:
    kinds = {
        kind
        for name, kind in vars(commands).items()
        if isinstance(kind, type)
        and issubclass(kind, Command)
        and not name.startswith("_")
    }
    assert kinds - {Command} == {type(command) for command in every_command()}
