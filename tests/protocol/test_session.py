from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Command,
    Custom,
    Data,
    Ehlo,
    EndOfData,
    Etrn,
    Expn,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Vrfy,
)
from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import TABLE, Session, State, may_answer, reply_class
from smtpnb.protocol.trust import xclient, xforward
from smtpnb.protocol.xtext import Xtext

OFFERED = (
    b"250-server.example\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-SIZE 99\r\n"
    b"250-ETRN\r\n250-XCLIENT NAME ADDR\r\n250-XFORWARD NAME ADDR\r\n"
    b"250-DSN\r\n250-CHUNKING\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
)

EHLO = Ehlo("me")
HELO = Helo("me")
STARTTLS = StartTls()
AUTH = Auth("PLAIN")
ANSWER = AuthResponse(memoryview(b"x"))
CANCEL = AuthCancel()
MAIL = Mail("a@b")
RCPT = Rcpt("c@d")
DATA = Data()
DOT = EndOfData()
CHUNK = Bdat(5)
LAST = Bdat(5, last=True)
RSET = Rset()
NOOP = Noop()
VRFY = Vrfy("x")
EXPN = Expn("x")
HELP = Help()
QUIT = Quit()
ETRN = Etrn("b.example")
(XCLIENT,) = xclient(name="spike.example")
(XFORWARD,) = xforward(name="spike.example")

EVERY: tuple[Command, ...] = (
    *(EHLO, HELO, STARTTLS, AUTH, ANSWER, CANCEL, MAIL, RCPT),
    *(DATA, DOT, CHUNK, LAST, RSET, NOOP, VRFY, EXPN, HELP, QUIT),
    *(ETRN, XCLIENT, XFORWARD),
)


def name(command: object) -> str:
    return type(command).__name__ if isinstance(command, Command) else str(command)


def reply(code: int) -> Reply:
    return Reply(f"{code} text\r\n".encode())


def exchange(session: Session, command: Command, code: int) -> None:
    session.check(command)
    session.sent(command)
    answer = Reply(OFFERED) if (command.verb, code) == ("EHLO", 250) else reply(code)
    assert session.received(answer) == command.event


WAY_TO: dict[State, list[tuple[Command, int]]] = {
    State.CONNECTED: [],
    State.READY: [(EHLO, 250)],
    State.AUTH: [(EHLO, 250), (AUTH, 334)],
    State.TLS: [(EHLO, 250), (STARTTLS, 220)],
    State.MAIL: [(EHLO, 250), (MAIL, 250)],
    State.RCPT: [(EHLO, 250), (MAIL, 250), (RCPT, 250)],
    State.DATA: [(EHLO, 250), (MAIL, 250), (RCPT, 250), (DATA, 354)],
    State.CHUNKS: [(EHLO, 250), (MAIL, 250), (RCPT, 250), (CHUNK, 250)],
    State.SPOILT: [(EHLO, 250), (MAIL, 250), (RCPT, 250), (CHUNK, 552)],
    State.CLOSING: [(EHLO, 250), (NOOP, 421)],
}


def session_in(state: State, *, lax: bool = False) -> Session:
    session = Session(lax=lax)
    if state is State.GREETING:
        return session
    session.greeted(reply(220))
    if state is State.CLOSED:
        session.closed()
        return session
    for command, code in WAY_TO[state]:
        exchange(session, command, code)
    assert session.state is state
    return session


ALL_STATES = [State.CLOSED, State.GREETING, *WAY_TO]

# RFC 5321 section 4.1.4: these may come at any time between commands.
ANY = {"EHLO", "HELO", "RSET", "NOOP", "HELP", "VRFY", "EXPN", "QUIT"}
OFFERED_FIRST = {"STARTTLS", "ETRN", "XCLIENT", "XFORWARD"}
IN_ORDER: dict[State, set[str]] = {
    State.CLOSED: set(),
    State.GREETING: set(),
    # What needs an offer has none yet: tested with the guards.
    State.CONNECTED: ANY,
    State.READY: ANY | OFFERED_FIRST | {"AUTH", "MAIL"},
    State.AUTH: {"", "*"},
    State.TLS: {"QUIT"},
    # RFC 4954 section 4: no AUTH in a transaction.
    State.MAIL: ANY | {"RCPT"},
    State.RCPT: ANY | {"RCPT", "DATA", "BDAT", "BDAT LAST"},
    State.CHUNKS: ANY | {"BDAT", "BDAT LAST"},
    State.SPOILT: ANY,
    State.DATA: {"."},
    State.CLOSING: {"QUIT"},
}


@pytest.mark.parametrize("command", EVERY, ids=name)
@pytest.mark.parametrize("state", ALL_STATES)
def test_a_verb_out_of_order_is_refused_and_nothing_is_queued(
    state: State, command: Command
) -> None:
    session = session_in(state)
    if command.event in IN_ORDER[state]:
        session.check(command)
        assert session.lifted == ""
        return
    with pytest.raises(LocalProtocolError):
        session.check(command)
    assert session.owed == 0
    assert session.state is state


@pytest.mark.parametrize("state", ALL_STATES)
def test_a_view_is_told_the_verbs_that_are_in_order(state: State) -> None:
    names = {".": "end of data", "": "the response", "*": "the cancel (*)"}
    allowed = {names.get(verb, verb) for verb in IN_ORDER[state]}
    told = set(session_in(state).allowed())
    assert told - {"greeting", "tls"} - (OFFERED_FIRST - allowed) == allowed


MOVES: list[tuple[State, Command, int, State]] = [
    (State.CONNECTED, EHLO, 250, State.READY),
    (State.CONNECTED, EHLO, 502, State.CONNECTED),
    (State.CONNECTED, EHLO, 451, State.CONNECTED),
    (State.CONNECTED, HELO, 250, State.READY),
    (State.CONNECTED, HELO, 501, State.CONNECTED),
    (State.CONNECTED, RSET, 250, State.CONNECTED),
    (State.CONNECTED, NOOP, 250, State.CONNECTED),
    (State.CONNECTED, HELP, 214, State.CONNECTED),
    (State.CONNECTED, VRFY, 252, State.CONNECTED),
    (State.CONNECTED, EXPN, 250, State.CONNECTED),
    (State.CONNECTED, QUIT, 221, State.CLOSING),
    (State.READY, EHLO, 250, State.READY),
    (State.READY, HELO, 250, State.READY),
    (State.READY, RSET, 250, State.READY),
    (State.READY, NOOP, 250, State.READY),
    (State.READY, VRFY, 550, State.READY),
    (State.READY, STARTTLS, 220, State.TLS),
    (State.READY, STARTTLS, 454, State.READY),
    (State.READY, STARTTLS, 501, State.READY),
    (State.READY, AUTH, 334, State.AUTH),
    (State.READY, AUTH, 235, State.READY),
    (State.READY, AUTH, 535, State.READY),
    (State.READY, AUTH, 454, State.READY),
    (State.READY, ETRN, 251, State.READY),
    (State.READY, ETRN, 459, State.READY),
    (State.READY, XFORWARD, 250, State.READY),
    (State.READY, XFORWARD, 501, State.READY),
    (State.READY, XCLIENT, 220, State.CONNECTED),  # a new session begins
    (State.READY, XCLIENT, 550, State.READY),
    (State.READY, MAIL, 250, State.MAIL),
    (State.READY, MAIL, 452, State.READY),
    (State.READY, MAIL, 550, State.READY),
    (State.READY, QUIT, 221, State.CLOSING),
    (State.READY, QUIT, 500, State.CLOSING),
    (State.READY, QUIT, 451, State.CLOSING),
    (State.AUTH, ANSWER, 334, State.AUTH),
    (State.AUTH, ANSWER, 235, State.READY),
    (State.AUTH, ANSWER, 535, State.READY),
    (State.AUTH, ANSWER, 454, State.READY),
    (State.AUTH, CANCEL, 501, State.READY),
    (State.AUTH, CANCEL, 454, State.READY),
    (State.MAIL, RCPT, 250, State.RCPT),
    (State.MAIL, RCPT, 251, State.RCPT),
    (State.MAIL, RCPT, 252, State.RCPT),
    (State.MAIL, RCPT, 550, State.MAIL),
    (State.MAIL, RCPT, 450, State.MAIL),
    (State.MAIL, RSET, 250, State.READY),
    (State.MAIL, EHLO, 250, State.READY),
    (State.MAIL, EHLO, 501, State.MAIL),
    (State.MAIL, HELO, 250, State.READY),
    (State.MAIL, NOOP, 250, State.MAIL),
    (State.MAIL, VRFY, 250, State.MAIL),
    (State.MAIL, QUIT, 221, State.CLOSING),
    (State.RCPT, RCPT, 250, State.RCPT),
    (State.RCPT, RCPT, 452, State.RCPT),
    (State.RCPT, RCPT, 550, State.RCPT),
    (State.RCPT, DATA, 354, State.DATA),
    (State.RCPT, DATA, 451, State.RCPT),
    (State.RCPT, DATA, 554, State.RCPT),
    (State.RCPT, RSET, 250, State.READY),
    (State.RCPT, EHLO, 250, State.READY),
    (State.RCPT, HELO, 250, State.READY),
    (State.RCPT, NOOP, 250, State.RCPT),
    (State.RCPT, QUIT, 221, State.CLOSING),
    (State.DATA, DOT, 250, State.READY),
    (State.DATA, DOT, 451, State.READY),
    (State.DATA, DOT, 554, State.READY),
    (State.RCPT, CHUNK, 250, State.CHUNKS),
    (State.RCPT, CHUNK, 452, State.SPOILT),
    (State.RCPT, LAST, 250, State.READY),
    (State.RCPT, LAST, 552, State.SPOILT),
    (State.CHUNKS, CHUNK, 250, State.CHUNKS),
    (State.CHUNKS, CHUNK, 552, State.SPOILT),
    (State.CHUNKS, LAST, 250, State.READY),
    (State.CHUNKS, LAST, 451, State.SPOILT),
    (State.CHUNKS, RSET, 250, State.READY),
    (State.CHUNKS, EHLO, 250, State.READY),
    (State.CHUNKS, HELO, 250, State.READY),
    (State.CHUNKS, QUIT, 221, State.CLOSING),
    (State.SPOILT, RSET, 250, State.READY),
    (State.SPOILT, EHLO, 250, State.READY),
    (State.SPOILT, HELO, 250, State.READY),
    (State.SPOILT, QUIT, 221, State.CLOSING),
    (State.CLOSING, QUIT, 221, State.CLOSING),
    (State.TLS, QUIT, 221, State.CLOSING),
]


@pytest.mark.parametrize(("state", "command", "code", "then"), MOVES, ids=name)
def test_a_reply_moves_the_session(
    state: State, command: Command, code: int, then: State
) -> None:
    session = session_in(state)
    exchange(session, command, code)
    assert session.state is then
    assert session.owed == 0


def test_every_move_of_the_table_is_in_the_table_of_this_test() -> None:
    tested = {(state, command.event) for state, command, _, _ in MOVES}
    for state, row in TABLE.items():
        for verb in (verb for verb, moves in row.items() if moves):
            # Not reached by a command, or not without lax.
            unoffered = state is State.CONNECTED and verb in OFFERED_FIRST
            if verb in {"greeting", "tls"} or unoffered:
                continue
            assert (state, verb) in tested


@pytest.mark.parametrize("command", EVERY, ids=name)
@pytest.mark.parametrize("state", ALL_STATES[1:])
def test_421_from_anywhere_leaves_only_quit(state: State, command: Command) -> None:
    session = session_in(state)
    session.sent(command)
    session.received(reply(421))
    assert session.state is State.CLOSING
    for other in EVERY:
        if other.verb != "QUIT":
            with pytest.raises(LocalProtocolError):
                session.check(other)
    session.check(QUIT)


def test_rcpt_after_421_is_refused_before_a_byte_leaves() -> None:
    session = session_in(State.MAIL)
    exchange(session, RCPT, 421)
    with pytest.raises(LocalProtocolError, match="the server is closing"):
        session.check(RCPT)
    assert session.owed == 0


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (220, State.CONNECTED),
        (250, State.CONNECTED),
        (421, State.CLOSING),
        (450, State.CLOSING),
        (521, State.CLOSING),
        (554, State.CLOSING),
    ],
)
def test_the_greeting_decides_whether_a_session_begins(code: int, state: State) -> None:
    session = Session()
    assert session.state is State.GREETING
    session.greeted(reply(code))
    assert session.state is state


def test_capabilities_are_those_of_the_last_ehlo() -> None:
    session = session_in(State.READY)
    assert session.capabilities.size_limit == 99
    session.sent(EHLO)
    session.received(Reply(b"250-other\r\n250 SIZE 5\r\n"))
    assert session.capabilities.size_limit == 5
    assert "DSN" not in session.capabilities


@pytest.mark.parametrize("code", [421, 450, 500, 550])
def test_a_refused_ehlo_leaves_the_capabilities(code: int) -> None:
    session = session_in(State.READY)
    exchange(session, EHLO, code)
    assert "DSN" in session.capabilities
    assert session.capabilities.domain == "server.example"


def test_helo_offers_nothing() -> None:
    session = session_in(State.READY)
    exchange(session, HELO, 250)
    assert list(session.capabilities) == []
    assert session.capabilities.known
    with pytest.raises(LocalProtocolError, match="does not offer SIZE"):
        session.check(Mail("a@b", size=1))


def test_after_tls_nothing_learnt_before_is_known() -> None:
    session = session_in(State.READY)
    exchange(session, AUTH, 235)
    exchange(session, STARTTLS, 220)
    session.encrypted_now()
    assert session.state is State.CONNECTED
    assert session.encrypted
    assert not session.authenticated
    assert not session.capabilities.known
    with pytest.raises(LocalProtocolError):
        session.check(MAIL)
    exchange(session, EHLO, 250)
    session.check(AUTH)


BINARY = Reply(b"250-x\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 BINARYMIME\r\n")


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("lax", [False, True])
@pytest.mark.parametrize("body", ["BINARYMIME", "8BITMIME", None])
def test_data_cannot_carry_a_binary_message(
    grouped: bool, lax: bool, body: str | None
) -> None:
    session = session_in(State.READY, lax=lax)
    session.capabilities = Capabilities.from_reply(BINARY)
    mail, rcpt, data = Mail("a@b", body=body), Rcpt("c@d"), Data()
    if not grouped:
        exchange(session, mail, 250)
        exchange(session, rcpt, 250)
    group = [mail, rcpt, data] if grouped else [data]
    if body == "BINARYMIME" and not lax:
        with pytest.raises(LocalProtocolError, match="only BDAT"):
            session.check_group(group)
    else:
        lifted = session.check_group(group)
        assert ["BDAT" in each for each in lifted] == [True] * (body == "BINARYMIME")


GUARDS: list[tuple[Command, str]] = [
    (Mail("a@b", body="BINARYMIME"), "does not offer BINARYMIME"),
    (Mail("é@b"), "non-ASCII path"),
    (Mail("a@é"), "non-ASCII path"),
    (Mail("a@b", parameters=["X=é"]), "non-ASCII parameter"),
    (Auth("CRAM-MD5"), "offers PLAIN LOGIN"),
    (Auth("XOAUTH2"), "offers PLAIN LOGIN"),
]


@pytest.mark.parametrize(("command", "words"), GUARDS, ids=name)
def test_a_guard_refuses_and_lax_lifts_it(command: Command, words: str) -> None:
    session = session_in(State.READY)
    with pytest.raises(LocalProtocolError, match=words):
        session.check(command)
    assert session.owed == 0
    assert session.lifted == ""
    session = session_in(State.READY, lax=True)
    session.check(command)
    assert words in session.lifted
    session.check(NOOP)
    assert session.lifted == ""


@pytest.mark.parametrize(
    "command",
    [
        Mail("a@b", size=1),
        Mail("a@b", body="7BIT"),
        Mail("a@b", ret="FULL"),
        Mail("a@b", smtputf8=True),
        Mail("é@b", smtputf8=True),
        Mail("a@b", smtputf8=True, parameters=["X=é"]),
        Mail("a@b", parameters=["smtputf8", "X-OWN=1"]),
        Auth("plain"),
        STARTTLS,
    ],
    ids=repr,
)
def test_what_was_offered_is_not_refused(command: Command) -> None:
    session = session_in(State.READY)
    session.check(command)
    session = session_in(State.CONNECTED)
    session.sent(EHLO)
    session.received(Reply(b"250 bare\r\n"))
    with pytest.raises(LocalProtocolError, match="does not offer"):
        session.check(command)


@pytest.mark.parametrize(
    ("rcpt", "utf8", "ok"),
    [
        (Rcpt("é@b"), True, True),
        (Rcpt("é@b"), False, False),
        (Rcpt("c@d", orcpt=Xtext("utf-8;é@b")), True, True),
        (Rcpt("c@d", orcpt=Xtext("utf-8;é@b")), False, False),
        (Rcpt("c@d", notify="NEVER"), False, True),
    ],
)
def test_a_recipient_is_internationalised_only_in_such_a_transaction(
    rcpt: Rcpt, *, utf8: bool, ok: bool
) -> None:
    session = session_in(State.READY)
    # An earlier transaction does not count.
    exchange(session, Mail("a@b", smtputf8=not utf8), 250)
    exchange(session, RSET, 250)
    exchange(session, Mail("a@b", smtputf8=utf8), 250)
    if ok:
        session.check(rcpt)
        return
    with pytest.raises(LocalProtocolError, match="SMTPUTF8"):
        session.check(rcpt)


def test_starttls_needs_an_offer_and_is_refused_inside_tls() -> None:
    session = session_in(State.CONNECTED)
    with pytest.raises(LocalProtocolError, match="send EHLO"):
        session.check(STARTTLS)
    session.encrypted_now()
    exchange(session, EHLO, 250)
    with pytest.raises(LocalProtocolError, match="inside TLS already"):
        session.check(STARTTLS)


@pytest.mark.parametrize(
    "steps", [[(AUTH, 235)], [(AUTH, 334), (ANSWER, 334), (ANSWER, 235)]]
)
def test_auth_is_not_said_twice(steps: list[tuple[Command, int]]) -> None:
    session = session_in(State.READY)
    for command, code in steps:
        assert not session.authenticated
        exchange(session, command, code)
    assert session.authenticated
    with pytest.raises(LocalProtocolError, match="already authenticated"):
        session.check(AUTH)


@pytest.mark.parametrize(
    "steps",
    [
        [(AUTH, 535)],
        [(AUTH, 334), (ANSWER, 535)],
        [(AUTH, 334), (CANCEL, 501)],
        [(AUTH, 334), (ANSWER, 334)],
    ],
)
def test_auth_that_failed_does_not_count(steps: list[tuple[Command, int]]) -> None:
    session = session_in(State.READY)
    for command, code in steps:
        exchange(session, command, code)
    assert not session.authenticated


# A server that takes what was out of order: where the session really is.
TAKEN_ALL_THE_SAME: list[tuple[State, Command, int, State]] = [
    (State.CONNECTED, MAIL, 250, State.MAIL),
    (State.CONNECTED, MAIL, 503, State.CONNECTED),
    (State.CONNECTED, STARTTLS, 220, State.TLS),
    (State.READY, RCPT, 250, State.RCPT),
    (State.READY, DATA, 354, State.DATA),
    (State.READY, DATA, 503, State.READY),
    (State.READY, DOT, 500, State.READY),
    (State.MAIL, DATA, 354, State.DATA),
    (State.MAIL, DATA, 554, State.MAIL),
    (State.MAIL, DOT, 500, State.MAIL),
    (State.MAIL, MAIL, 503, State.MAIL),
    (State.MAIL, STARTTLS, 220, State.TLS),
    (State.MAIL, AUTH, 334, State.AUTH),
    (State.RCPT, MAIL, 503, State.RCPT),
    (State.RCPT, MAIL, 250, State.MAIL),
    (State.AUTH, NOOP, 501, State.READY),
    (State.AUTH, NOOP, 334, State.AUTH),
    (State.AUTH, NOOP, 235, State.READY),
    (State.CLOSING, MAIL, 250, State.CLOSING),
    (State.CLOSING, NOOP, 250, State.CLOSING),
]


@pytest.mark.parametrize(
    ("state", "command", "code", "then"), TAKEN_ALL_THE_SAME, ids=name
)
def test_out_of_order_on_purpose_is_noted_and_followed(
    state: State, command: Command, code: int, then: State
) -> None:
    session = session_in(state, lax=True)
    exchange(session, command, code)
    assert session.lifted
    assert session.state is then
    with pytest.raises(LocalProtocolError):
        session_in(state).check(command)


def test_data_in_a_group_whose_recipients_were_all_refused_expects_content() -> None:
    session = session_in(State.READY)
    group = [MAIL, RCPT, DATA]
    for command in group:
        session.sent(command)
    answers = [session.received(reply(code)) for code in (250, 550, 354)]
    assert answers == [command.event for command in group]
    assert session.state is State.DATA
    assert session.allowed() == ("end of data",)


@pytest.mark.parametrize("state", ALL_STATES[1:])
def test_a_custom_command_is_never_refused_but_noted(state: State) -> None:
    session = session_in(state)
    session.check(Custom("XYZZY"))
    assert session.lifted
    session.check(Custom("DATA"))
    assert bool(session.lifted) == (state is not State.RCPT)
    assert session.owed == 0


@pytest.mark.parametrize("lax", [False, True])
def test_without_a_connection_nothing_can_be_said(*, lax: bool) -> None:
    session = session_in(State.CLOSED, lax=lax)
    for command in (*EVERY, Custom("XYZZY")):
        with pytest.raises(LocalProtocolError, match="not connected"):
            session.check(command)


def test_a_custom_verb_moves_the_session_as_the_typed_one_does() -> None:
    session = session_in(State.CONNECTED)
    for custom, answer, state in (
        (Custom("ehlo", "me"), Reply(OFFERED), State.READY),
        (Custom("mail", "FROM:<>"), reply(250), State.MAIL),
        (Custom("rcpt", "TO:<a@b>"), reply(250), State.RCPT),
        (Custom("data"), reply(354), State.DATA),
    ):
        session.check(custom)
        session.sent(custom)
        session.received(answer)
        assert session.state is state
    assert "DSN" in session.capabilities


RAW: list[tuple[State, int, State]] = [
    (State.READY, 250, State.READY),
    (State.READY, 354, State.DATA),
    (State.READY, 421, State.CLOSING),
    (State.DATA, 250, State.READY),
    (State.DATA, 554, State.READY),
    (State.DATA, 421, State.CLOSING),
    (State.AUTH, 334, State.AUTH),
    (State.AUTH, 235, State.READY),
    (State.AUTH, 535, State.READY),
]


@pytest.mark.parametrize(("state", "code", "then"), RAW)
def test_a_reply_to_raw_octets_speaks_for_itself(
    state: State, code: int, then: State
) -> None:
    session = session_in(state)
    assert session.received(reply(code)) is None
    assert session.state is then
    assert session.authenticated == (code == 235)


def test_replies_are_matched_first_in_first_out() -> None:
    session = session_in(State.READY)
    group = [MAIL, Rcpt("c@d"), Rcpt("e@f"), Rcpt("g@h")]
    for command in group:
        session.sent(command)
    for left, command in zip((3, 2, 1, 0), group, strict=True):
        assert session.received(reply(250)) == command.event
        assert session.owed == left


def test_a_closed_session_owes_and_knows_nothing() -> None:
    session = session_in(State.READY)
    exchange(session, AUTH, 235)
    session.sent(NOOP)
    session.closed()
    assert (session.owed, session.authenticated) == (0, False)
    assert not session.capabilities.known
    assert session.state is State.CLOSED


def test_messages_say_where_the_session_is_and_what_may_be_said() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        session_in(State.DATA).check(NOOP)
    assert str(caught.value) == (
        "NOOP is out of order: the session is DATA (the content is due); "
        "allowed now: end of data; nothing was sent"
    )


@pytest.mark.parametrize("code", [200, 299, 354, 421, 599])
def test_the_class_of_a_reply_is_its_first_digit(code: int) -> None:
    assert reply_class(reply(code)) == code // 100


# Each class that can stand before a reply to each command: what opens a door is one
# code, and no other positive one is an answer.
IMPOSSIBLE: list[tuple[State, Command, int]] = [
    (state, command, code)
    for state, command, codes in (
        (State.CONNECTED, EHLO, (334, 354)),
        (State.READY, STARTTLS, (221, 250, 334, 354)),
        (State.READY, AUTH, (220, 250, 354)),
        (State.AUTH, ANSWER, (250, 354)),
        (State.AUTH, CANCEL, (250, 354)),
        (State.READY, MAIL, (354, 334)),
        (State.MAIL, RCPT, (354,)),
        (State.RCPT, DATA, (250, 334, 399)),
        (State.DATA, DOT, (354, 334)),
        (State.RCPT, CHUNK, (354,)),
        (State.RCPT, LAST, (354,)),
        (State.MAIL, RSET, (354,)),
        (State.READY, NOOP, (354,)),
        (State.READY, QUIT, (354,)),
        (State.READY, Custom("DATA"), (250,)),
        (State.READY, Custom("RCPT", "TO:<a@b>"), (354,)),
    )
    for code in codes
]


@pytest.mark.parametrize("lax", [False, True])
@pytest.mark.parametrize(("state", "command", "code"), IMPOSSIBLE, ids=name)
def test_what_no_server_that_understood_can_answer_ends_the_session(
    state: State, command: Command, code: int, *, lax: bool
) -> None:
    session = session_in(state, lax=lax)
    session.sent(command)
    with pytest.raises(RemoteProtocolError, match=f"was answered {code}"):
        session.received(reply(code))
    assert session.state is state
    assert session.owed == 1


@pytest.mark.parametrize("code", [211, 250, 354, 450, 550])
def test_an_unknown_verb_may_be_answered_anything(code: int) -> None:
    session = session_in(State.READY)
    session.sent(Custom("XYZZY"))
    assert session.received(reply(code)) == "XYZZY"


@pytest.mark.parametrize("code", [250, 354, 550])
def test_a_greeting_is_yes_or_no(code: int) -> None:
    session = Session()
    if code == 354:
        with pytest.raises(RemoteProtocolError, match="the connection was answered"):
            session.greeted(reply(code))
    else:
        session.greeted(reply(code))
        assert session.state in {State.CONNECTED, State.CLOSING}


def test_a_new_session_by_xclient_does_not_undo_a_421() -> None:
    for state, then in ((State.CLOSING, State.CLOSING), (State.MAIL, State.CONNECTED)):
        session = session_in(state)
        exchange(session, Custom("XCLIENT", "NAME=a.example"), 220)
        assert session.state is then


def test_lmtp_owes_a_final_for_each_accepted_recipient() -> None:
    session = session_in(State.CONNECTED)
    said = [Custom("LHLO", "me"), MAIL, RCPT, Rcpt("no@d"), Rcpt("e@f"), DATA]
    for command, code in zip(said, (250, 250, 250, 550, 250, 354), strict=True):
        exchange(session, command, code)
    session.sent(DOT)
    transaction = session.follower.current
    assert session.most_at_once == 1
    session.received(reply(250))
    assert session.owed == 1
    session.received(reply(452))
    assert session.owed == 0
    assert transaction is not None
    # The paths are those of the commands, added as they were answered.
    outcomes = [outcome for outcome, _ in transaction.of_recipients()]
    assert outcomes == ["accepted", "refused", "refused"]


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.queue: deque[Command] = deque()
        self.connected = False
        self.begin(220, lax=False)

    def begin(self, code: int, *, lax: bool) -> None:
        self.session = Session(lax=lax)
        self.session.greeted(reply(code))
        self.queue.clear()
        self.connected = True
        self.closing = code >= 400

    @rule(command=st.sampled_from([*EVERY, Custom("XYZZY"), Custom("MAIL")]))
    def send(self, command: Command) -> None:
        state, owed = self.session.state, self.session.owed
        try:
            self.session.check(command)
        except LocalProtocolError:
            assert not self.session.lifted
            assert not isinstance(command, Custom) or not self.connected
        else:
            assert self.connected
            in_order = command.verb in TABLE[state]
            assert in_order or self.session.lifted
            self.session.sent(command)
            self.queue.append(command)
            owed += 1
        assert (self.session.state, self.session.owed) == (state, owed)

    @precondition(lambda self: self.connected)
    @rule(code=st.sampled_from([220, 235, 250, 251, 334, 354, 421, 450, 503, 554]))
    def answer(self, code: int) -> None:
        expected = self.queue[0].event if self.queue else None
        if expected is not None and not may_answer(expected, code):
            with pytest.raises(RemoteProtocolError):
                self.session.received(reply(code))
            return
        assert self.session.received(reply(code)) == expected
        if self.queue:
            self.queue.popleft()
        self.closing |= code == 421

    @precondition(lambda self: self.session.state is State.TLS)
    @rule()
    def handshake(self) -> None:
        self.session.encrypted_now()
        assert not self.session.capabilities.known

    @rule(code=st.sampled_from([220, 421, 554]), lax=st.booleans())
    def reconnect(self, code: int, *, lax: bool) -> None:
        self.begin(code, lax=lax)

    @rule()
    def close(self) -> None:
        self.session.closed()
        self.connected = False
        self.queue.clear()

    @invariant()
    def states_are_those_declared(self) -> None:
        assert self.session.state in TABLE
        assert (self.session.state is State.CLOSED) == (not self.connected)
        assert self.session.owed == len(self.queue)

    @invariant()
    def after_421_nothing_but_quit_is_in_order(self) -> None:
        if self.connected and self.closing:
            assert self.session.state is State.CLOSING


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=40)
