from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from smtpnb.protocol.commands import Auth, AuthResponse, Custom
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.line import SecretLines
from smtpnb.protocol.sasl import Login, Plain
from smtpnb.protocol.sasl.choose import named
from smtpnb.protocol.secret import MIN_CUT, Octets, Redactor, Secret, placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN = "hunter2 \u00e9"

SHOWN_BY: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "f-string": lambda s: f"{s} {s!r} {s!s} {s:>40}",
    "percent": lambda s: "%s %r" % (s, s),  # noqa: UP031
    "in a list": lambda s: str([s, (s,), {"password": s}]),
    "log": lambda s: logging.LogRecord("n", 10, "p", 1, "%s", (s,), None).getMessage(),
    "attributes": lambda s: str([getattr(s, n) for n in s.__slots__]),
}


@pytest.mark.parametrize("way", SHOWN_BY)
def test_a_secret_is_not_shown_by(way: str) -> None:
    shown = SHOWN_BY[way](Secret(HIDDEN))
    assert "hunter" not in shown


@pytest.mark.parametrize("keep", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_kept_by(keep: object) -> None:
    assert callable(keep)
    with pytest.raises(TypeError) as caught:
        keep(Secret(HIDDEN))
    assert "hunter" not in str(caught.value)


def test_a_secret_reveals_utf8_only_when_asked() -> None:
    assert bytes(Secret(HIDDEN).reveal()) == HIDDEN.encode()
    assert bytes(Secret(Secret(HIDDEN)).reveal()) == HIDDEN.encode()
    assert len(Secret(HIDDEN)) == 10
    with pytest.raises(AttributeError):
        Secret(HIDDEN).extra = 1  # type: ignore[attr-defined]


def test_a_secret_that_is_not_unicode_is_refused_without_being_quoted() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Secret("hunter2\ud800")
    assert "hunter" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_octets_show_only_the_shown_form() -> None:
    octets = Octets(b"AUTH PLAIN aHVudGVyMg==\r\n", b"AUTH PLAIN <cut>\r\n")
    assert repr(octets) == repr(octets).replace("aHVud", "")
    assert "<cut>" in repr(octets)
    assert "aHVud" not in str(octets)
    assert "aHVud" not in str(octets.wire)
    assert octets.redacted
    assert len(octets) == 25
    with pytest.raises(TypeError):
        pickle.dumps(octets)


def test_octets_without_a_secret_are_their_own_shown_form() -> None:
    octets = Octets(b"NOOP\r\n")
    assert octets.shown == b"NOOP\r\n"
    assert not octets.redacted


AUTH_LINES = [
    Auth("PLAIN", memoryview(b"\0me\0hunter2")),
    AuthResponse(memoryview(b"hunter2")),
    Custom("auth", "PLAIN " + base64.b64encode(b"\0me\0hunter2").decode()),
    Custom("AUTH", "LOGIN  aHVudGVyMg=="),
]


@pytest.mark.parametrize("command", AUTH_LINES, ids=lambda c: type(c).__name__)
def test_a_line_with_a_secret_shows_none_of_it(
    command: Auth | AuthResponse | Custom,
) -> None:
    octets = command.octets()
    code = bytes(octets.wire).rstrip().split(b" ")[-1]
    assert octets.redacted
    assert octets.shown.endswith(b"bytes>\r\n")
    for shown in (repr(command), str(command), repr(octets), octets.shown.decode()):
        assert code.decode() not in shown
        assert "hunter2" not in shown
    assert octets.shown.count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (Auth("PLAIN", memoryview(b"x")), b"AUTH PLAIN <secret 4 bytes>\r\n"),
        (Auth("LOGIN"), b"AUTH LOGIN\r\n"),
        (AuthResponse(memoryview(b"")), b"<secret 0 bytes>\r\n"),
        (Custom("AUTH", "PLAIN"), b"AUTH PLAIN\r\n"),
        (Custom("AUTH", "EXTERNAL ="), b"AUTH EXTERNAL =\r\n"),
        (Custom("XAUTH", "PLAIN eA=="), b"XAUTH PLAIN eA==\r\n"),
    ],
)
def test_the_shown_form_of_an_auth_line_is(
    command: Auth | AuthResponse | Custom, shown: bytes
) -> None:
    assert command.octets().shown == shown


def test_mechanisms_show_neither_names_nor_passwords() -> None:
    for mechanism in (Plain("me", "hunter2"), Login("me", "hunter2")):
        assert "hunter2" not in repr(mechanism)
        assert "hunter2" not in str(vars(mechanism))
        with pytest.raises(TypeError):
            pickle.dumps(mechanism)


SECRET = b"corr3ct/h0rse?b4ttery>"


def learnt(*secrets: bytes) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.learn(memoryview(secret))
    return redactor


def plain_echo(secret: bytes, before: bytes = b"\0me\0") -> bytes:
    return base64.b64encode(before + secret)


ECHOES = {
    "raw": SECRET,
    "raw, upper case": SECRET.upper(),
    "base64": base64.b64encode(SECRET),
    "base64 of PLAIN": plain_echo(SECRET),
    "base64, one octet before": plain_echo(SECRET, b"x"),
    "base64, two octets before": plain_echo(SECRET, b"xy"),
    "base64 of XOAUTH2": plain_echo(SECRET + b"\1\1", b"user=me\1auth=Bearer "),
    "base64, lower case": plain_echo(SECRET).lower(),
    "base64, upper case": plain_echo(SECRET).upper(),
    "base64url": base64.urlsafe_b64encode(SECRET),
    "hex": SECRET.hex().encode(),
    "hex, upper case": SECRET.hex().upper().encode(),
    "UTF-16": SECRET.decode().encode("utf-16-le"),
    "UTF-16, big end first": SECRET.decode().encode("utf-16-be"),
}


def traces(octets: bytes, echo: bytes) -> set[bytes]:
    pieces = {echo[i : i + 8] for i in range(len(echo) - 7)}
    return {piece for piece in pieces if piece in octets}


@pytest.mark.parametrize("form", ECHOES)
def test_an_echo_is_cut_in_every_form(form: str) -> None:
    echo = ECHOES[form]
    cut = learnt(SECRET).cut(b"500 5.5.1 what is " + echo + b" then?\r\n")
    left = traces(cut, echo)
    # The name before the password in PLAIN and XOAUTH2 is no secret.
    assert all(echo.index(piece) + 8 <= len(echo) - 25 for piece in left)
    assert re.fullmatch(
        rb"500 5\.5\.1 what is \S{0,28}<secret \d+ bytes>\S{0,7} then\?\r\n", cut
    )


def test_both_lines_of_login_are_cut() -> None:
    redactor = learnt(SECRET, b"someone@example.org")
    for line in (b"someone@example.org", SECRET):
        cut = redactor.cut(b"500 unknown " + base64.b64encode(line).upper() + b"\r\n")
        assert not traces(cut, base64.b64encode(line).upper())


@pytest.mark.parametrize("kept", range(20, 29))
def test_an_echo_that_was_truncated_is_cut(kept: int) -> None:
    echo = base64.b64encode(SECRET)
    redactor = learnt(SECRET)
    for part in (echo[:kept], echo[-kept:], echo[-kept:].lower()):
        cut = redactor.cut(b"500 too long: " + part + b"...\r\n")
        assert not traces(cut, part)


@pytest.mark.parametrize("at", range(1, 28))
@pytest.mark.parametrize(
    "joint", [b"\r\n500 ", b"\n500 ", b"\r\n500 5.5.1 ", b"\r\n500-\r\n500 "]
)
def test_an_echo_wrapped_over_lines_is_cut_and_the_lines_stay(
    at: int, joint: bytes
) -> None:
    echo = base64.b64encode(SECRET)
    octets = b"500-5.5.1 " + echo[:at] + joint + echo[at:] + b"\r\n"
    cut = learnt(SECRET).cut(octets)
    text = re.sub(rb"<secret \d+ bytes>", b"", cut).replace(b"=", b"")
    assert text.replace(b"500-", b"").replace(b"500 ", b"").split() in (
        [],
        [b"5.5.1"],
        [b"5.5.1", b"5.5.1"],
    )
    assert cut.count(b"\n") == octets.count(b"\n")
    assert cut.startswith(b"500-5.5.1 ")


def test_ordinary_words_that_share_a_part_of_the_secret_stay() -> None:
    octets = b"550 mailbox unavailable, passport needed\r\n"
    assert learnt(b"mailman", b"password1").cut(octets) == octets


def test_a_secret_shorter_than_four_octets_is_not_cut_raw() -> None:
    assert learnt(b"abc").cut(b"250 abc\r\n") == b"250 abc\r\n"
    assert learnt(b"abcd").cut(b"250 abcd\r\n") == b"250 <secret 4 bytes>\r\n"


def test_a_secret_that_occurs_in_the_placeholder_is_cut_once() -> None:
    cut = learnt(b"secret").cut(b"250 secret c2VjcmV0 secret\r\n")
    assert cut == (b"250 <secret 6 bytes> <secret 8 bytes> <secret 6 bytes>\r\n")


def test_of_two_secrets_one_inside_the_other_nothing_stays() -> None:
    for pair in ((b"horse", b"a horse or two"), (b"a horse or two", b"horse")):
        assert learnt(*pair).cut(b"250 a horse or two\r\n") == (
            b"250 <secret 14 bytes>\r\n"
        )


def test_what_was_forgotten_is_not_cut() -> None:
    redactor = learnt(SECRET)
    redactor.forget()
    assert redactor.cut(SECRET) == SECRET


def test_a_redactor_does_not_show_what_it_knows() -> None:
    redactor = learnt(SECRET)
    shown = f"{redactor!r} {redactor} {redactor._forms}"
    assert not traces(shown.encode(), SECRET)
    assert not traces(shown.encode(), base64.b64encode(SECRET).lower())
    with pytest.raises(TypeError):
        pickle.dumps(redactor)


secrets = st.binary(min_size=MIN_CUT, max_size=40) | st.text(
    min_size=MIN_CUT, max_size=40
).map(lambda text: text.encode("utf-8", "replace"))


def base64_core(secret: bytes, shift: int) -> bytes:
    """Encode by hand, bit by bit: the characters made of `secret` alone."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bits = "".join(f"{octet:08b}" for octet in secret)[-shift * 8 % 6 :]
    sixes = [bits[i : i + 6] for i in range(0, len(bits) // 6 * 6, 6)]
    return bytes(alphabet[int(six, 2)] for six in sixes)


@given(secrets, st.binary(max_size=9), st.binary(max_size=9))
@example(b"\xff\xfe\xfd\xfc", b"", b"")
def test_no_form_survives_in_any_base64_around_it(
    secret: bytes, before: bytes, after: bytes
) -> None:
    cut = learnt(secret).cut(b"334 " + base64.b64encode(before + secret + after))
    assert base64_core(secret, len(before) % 3) not in cut
    assert b"<secret " in cut


@given(secrets, st.binary(max_size=9), st.binary(max_size=9))
def test_no_form_survives_raw_or_in_hex(
    secret: bytes, before: bytes, after: bytes
) -> None:
    assume(b"\n" not in secret)
    assume(secret.lower() not in b"<secret 0123456789 bytes>")
    redactor = learnt(secret)
    assume(b"\n" not in before + after)
    cut = redactor.cut(b"x" + before + secret + after)
    assert len(cut) <= len(before + secret + after) + len(placeholder(99)) * 4
    assert b"<secret " in cut
    assert secret not in re.sub(rb"<secret \d+ bytes>", b"\n", cut)
    for code in (secret.hex(), secret.hex().upper()):
        assert code.encode() not in redactor.cut(b"x " + code.encode())


@given(secrets, st.lists(st.binary(max_size=12), min_size=1, max_size=5), st.data())
def test_cutting_leaves_code_and_line_ends_of_any_reply(
    secret: bytes, texts: list[bytes], data: st.DataObject
) -> None:
    echo = data.draw(st.sampled_from([secret, base64.b64encode(secret), b""]))
    lines = [text.replace(b"\n", b"") + echo.replace(b"\n", b"") for text in texts]
    octets = b"\r\n".join(b"250-" + line for line in lines) + b"\r\n250 end\r\n"
    cut = learnt(secret).cut(octets)
    assert cut.count(b"\n") == octets.count(b"\n")
    assert all(line.startswith(b"250-") for line in cut.split(b"\n")[:-2])
    assert cut.split(b"\n")[-2].startswith(b"250 ")


def test_the_placeholder_tells_the_length() -> None:
    assert placeholder(12) == b"<secret 12 bytes>"


@pytest.mark.parametrize(
    "proof",
    [
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        b"rspauth=ea40f60335c427b5527b84dbabcdfffd",
    ],
)
def test_what_a_server_proves_itself_with_is_no_food_for_guessing(proof: bytes) -> None:
    redactor = Redactor()
    redactor.learn(b"the password")
    came = b"334 %b\r\n" % base64.b64encode(proof)
    shown = redactor.cut(came)
    assert shown == b"334 <secret %d bytes>\r\n" % len(base64.b64encode(proof))
    assert redactor.as_it_came(shown) == came  # the mechanism has to check it
    for length in range(8, len(came)):  # what had come of it when the connection broke
        assert came[16:20] not in redactor.cut(came[:length])
    for other in (
        b"334 cj1uPXM=\r\n",
        b"235 ok\r\n",
        b"334 \r\n",
        b"334 VXNlcm5hbWU6\r\n",
    ):
        assert redactor.cut(other) == other


_CODE = base64.b64encode(b"\0ann\0correct horse")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize("lines", [(b"AUTH PLAIN " + _CODE,), (b"auth LOGIN", _CODE)])
@pytest.mark.parametrize("n_pieces", [1, 2, 7])
def test_a_secret_on_a_line_of_ones_own_is_cut(
    lines: tuple[bytes, ...], end: bytes, n_pieces: int
) -> None:
    octets = b"".join(each + end for each in lines)
    redactor = Redactor()
    cutter, shown = SecretLines(redactor), b""
    size = -(-len(octets) // n_pieces)
    for start in range(0, len(octets), size):
        shown += cutter.cut(octets[start : start + size], asked=False).shown
    # Of a code that is cut in two, either half could be the longer one.
    pieces = [_CODE[at : at + 8] for at in range(len(_CODE) - 8)]
    assert not [piece for piece in pieces if piece in shown]
    assert _CODE not in redactor.cut(b"you said " + _CODE)
    assert b"correct horse" not in redactor.cut(b"you said correct horse")


def test_no_error_shows_a_secret_given_as_the_name_of_a_mechanism() -> None:
    for name in (f"PLAIN {_CODE.decode()}", _CODE.decode()):
        with pytest.raises(LocalProtocolError, match="this is not a mechanism"):
            named(name)
    with pytest.raises(LocalProtocolError, match="'SCARM-SHA-1' is not"):
        named("SCARM-SHA-1")
