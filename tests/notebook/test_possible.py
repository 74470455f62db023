"""What the magics and the panel call possible is what the client would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import LocalProtocolError, Sandbox, SmtpClient
from smtpnb.notebook.panel import actions
from smtpnb.notebook.possible import WANTED, sendable, why_refused
from smtpnb.protocol.session import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIES: dict[str, Callable[[SmtpClient], Any]] = {
    "STARTTLS": lambda client: client.starttls(),
    "AUTH": lambda client: client.auth("plain", "ann", "x", allow_cleartext_auth=True),
    "BDAT": lambda client: client.bdat(b"x"),
    "ETRN": lambda client: client.etrn("client.example"),
    "XCLIENT": lambda client: client.xclient(name="a.example"),
    "XFORWARD": lambda client: client.xforward(name="a.example"),
}


@pytest.fixture
def server() -> Iterator[SmtpClient]:
    with Sandbox(auth={"ann": "x"}) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        yield client


def test_each_verb_that_wants_an_offer_is_one_of_the_table() -> None:
    assert set(WANTED) <= {verb for row in TABLE.values() for verb in row}
    assert {verb.removesuffix(" LAST") for verb in WANTED} == set(TRIES)


@pytest.mark.parametrize("verb", TRIES)
def test_what_is_called_refused_is_refused(server: SmtpClient, verb: str) -> None:
    # Before EHLO, in clear after it, inside TLS, and after AUTH.
    for step in ("", "ehlo", "starttls", "ehlo", "auth", "mail", "rcpt"):
        if step == "auth":
            assert server.auth("plain", "ann", "x").ok
        elif step == "mail":
            server.mail_from("ann@a.example")
        elif step == "rcpt":
            server.rcpt_to("bob@b.example")
        elif step:
            getattr(server, step)()
        assert (verb in sendable(server)) == (verb in actions.may(server))
        if verb in server.allowed and (why := why_refused(server, verb)):
            with pytest.raises(LocalProtocolError):
                TRIES[verb](server)
            if verb in actions.VERBS:
                assert actions.why_not(server, verb) == why


@pytest.mark.parametrize(
    ("lax", "verb", "refused"),
    [
        ({"offers"}, "AUTH", False),
        ({"order"}, "AUTH", True),
        ({"syntax"}, "AUTH", True),
        (True, "AUTH", False),
    ],
)
def test_of_the_guards_only_that_one_is_asked(
    server: SmtpClient, lax: Any, verb: str, refused: bool
) -> None:
    server.ehlo()
    server.lax = lax
    assert bool(why_refused(server, verb)) == refused


def test_the_panel_lets_go_what_the_client_would_send(server: SmtpClient) -> None:
    server.ehlo()
    assert "not due" in actions.why_not(server, "RCPT")
    server.lax = {"order"}
    assert actions.why_not(server, "RCPT") == ""
