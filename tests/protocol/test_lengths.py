"""A command line has 512 octets, and what each announced extension adds to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.commands import (
    Auth,
    AuthResponse,
    Burl,
    Command,
    Custom,
    Ehlo,
    Etrn,
    Expn,
    Help,
    Mail,
    Noop,
    Rcpt,
    Vrfy,
)
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.lengths import longest, objection_to_length
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Session, State
from smtpnb.protocol.trust import xclient, xforward

if TYPE_CHECKING:
    from collections.abc import Callable

OFFERS = (
    "SIZE",
    "8BITMIME",
    "SMTPUTF8",
    "AUTH PLAIN",
    "DSN",
    "DELIVERBY",
    "FUTURERELEASE",
    "MT-PRIORITY",
    "REQUIRETLS",
    "RRVS",
    *("ETRN", "BURL imap", "XCLIENT NAME", "XFORWARD NAME"),
)


def session_at(state: State, *offers: str, lax: bool | set[str] = False) -> Session:
    session = Session(lax=lax)
    session.greeted(Reply(b"220 x\r\n"))
    session.sent(Ehlo("me"))
    lines = ("x", *offers)
    text = "".join(
        f"250{' ' if n == len(offers) else '-'}{line}\r\n"
        for n, line in enumerate(lines)
    )
    session.received(Reply(text.encode()))
    session.state = state
    return session


def pad(n: int) -> str:
    return "x" * n


# The command with `n` octets to fill, and how long its line may be.
LINES: dict[str, tuple[Callable[[int], Command], State, int]] = {
    "EHLO": (lambda n: Ehlo(pad(n)), State.READY, 512),
    "NOOP": (lambda n: Noop(pad(n)), State.READY, 512),
    "HELP": (lambda n: Help(pad(n)), State.READY, 512),
    "VRFY": (lambda n: Vrfy(pad(n)), State.READY, 512),
    "EXPN": (lambda n: Expn(pad(n)), State.READY, 512),
    "ETRN": (lambda n: Etrn(pad(n)), State.READY, 512),
    "BURL": (lambda n: Burl(f"imap:{pad(n)}"), State.RCPT, 512),
    "XCLIENT": (lambda n: xclient(name=pad(n))[0], State.READY, 512),
    "XFORWARD": (lambda n: xforward(name=pad(n))[0], State.READY, 512),
    "MAIL": (
        lambda n: Mail("a@b", parameters=[f"X={pad(n)}"]),
        State.READY,
        512 + 26 + 16 + 10 + 500 + 116 + 17 + 34 + 15 + 11,
    ),
    "RCPT": (
        lambda n: Rcpt("a@b", parameters=[f"X={pad(n)}"]),
        State.MAIL,
        512 + 536 + 33,
    ),
    "AUTH": (lambda n: Auth(pad(n)), State.READY, 512),
}


@pytest.mark.parametrize("name", LINES)
def test_the_longest_line_may_leave_and_one_octet_more_may_not(name: str) -> None:
    make, state, most = LINES[name]
    bare = len(make(1).octets(lax=True)) - 1
    session = session_at(state, *OFFERS, lax={"order", "offers"})
    session.check(make(most - bare))
    with pytest.raises(
        LocalProtocolError,
        match=rf"{name} .* over {most} octets.*RFC 5321 section 4\.5\.3\.1\.4",
    ):
        session.check(make(most - bare + 1))
    for lax in (True, {"limits", "order", "offers"}):
        session.lax = session_at(state, lax=lax).lax
        session.check(make(most - bare + 1))
        assert f"over {most} octets" in session.lifted


def test_what_is_not_announced_adds_nothing() -> None:
    mail = Mail("a@b", parameters=[f"X={pad(520)}"])
    with pytest.raises(LocalProtocolError, match="over 512 octets, the most "):
        session_at(State.READY).check(mail)
    with pytest.raises(LocalProtocolError, match=r"over 522 octets.*announces"):
        session_at(State.READY, "SMTPUTF8").check(mail)
    session_at(State.READY, "AUTH").check(mail)
    offered = session_at(State.READY, "AUTH").capabilities
    assert longest("MAIL", offered) == 1012


def test_every_parameter_at_its_longest_fits_where_it_is_announced() -> None:
    path = f"{pad(64)}@{'.'.join([pad(61)] * 3)}"
    assert len(path) + 2 == 252
    mail = Mail(
        path,
        size=10**19,
        body="BINARYMIME",
        smtputf8=True,
        ret="FULL",
        envid=pad(100),
        auth=pad(64) + "@" + pad(200),
        by=(999_999_999, "R"),
        mt_priority=-9,
        holduntil="2027-01-31T08:00:00Z",
        requiretls=True,
    )
    everything = {offer.partition(" ")[0] for offer in OFFERS}
    assert objection_to_length(mail, everything) == ""
    rcpt = Rcpt(
        path,
        notify="SUCCESS,FAILURE,DELAY",
        orcpt=pad(493),
        rrvs=("2014-04-03T23:01:00+02:00", "C"),
    )
    assert objection_to_length(rcpt, everything) == ""


def test_octets_count_and_not_characters() -> None:
    assert not Vrfy("é" * 260, smtputf8=True).fits(512)
    assert Vrfy("é" * 240, smtputf8=True).fits(512)


def test_the_answer_to_a_334_has_a_limit_of_its_own() -> None:
    session = session_at(State.AUTH)
    session.check(AuthResponse(memoryview(bytes(9_216 - 3))))
    with pytest.raises(LocalProtocolError, match=r"12288 octets .RFC 4954 section 4"):
        session.check(AuthResponse(memoryview(bytes(9_216))))


def test_a_custom_line_leaves_and_is_noted() -> None:
    session = session_at(State.READY)
    session.check(Custom("NOOP", pad(600)))
    assert "NOOP makes a line over 512 octets" in session.lifted


@given(st.text(max_size=300), st.integers(1, 1100))
def test_whether_a_line_fits_is_what_its_octets_say(text: str, most: int) -> None:
    for command in (
        Noop(text),
        Mail(text),
        Rcpt("a@b", parameters=["X"]),
        Auth("X", memoryview(text.encode("utf-8", "replace"))),
    ):
        try:
            n = len(command.octets(lax=True))
        except LocalProtocolError:
            continue
        assert command.fits(n)
        assert command.fits(most) is (n <= most)
