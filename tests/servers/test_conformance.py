"""Conformance and lint on real servers. Each finding stands in the transcript.

What is expected here was read in the transcripts, one by one; the reason stands beside
it. The rules that judge the name of this machine are left out where the server takes it
from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from smtpnb import Plain, Sandbox, SmtpClient
from smtpnb.analysis import lint
from smtpnb.dialogues.conformance import conformance_in_parts
from tests.servers.dovecot import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.analysis.lint.findings import Findings
    from tests.servers.dovecot import Dovecot
    from tests.servers.exim import Exim
    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

_NAMES: Final = {"greeting-name", "ehlo-name"}
# Rules about what servers do out of order, where nobody looks in daily life.
_ODD: Final = {"mail-first", "mail-once", "rset-ends", "ehlo-ends", "unknown-command"}


def _asked(connect: Callable[[SmtpClient], object]) -> Findings:
    """Ask all, and check that each finding is what the transcript says."""
    client = SmtpClient()

    def connected() -> SmtpClient:
        connect(client)
        return client

    answers = conformance_in_parts(connected, rude=True)
    assert str(answers) == "asked 19 of 19"
    found, exchanges = lint(client.transcript), client.transcript.exchanges()
    by_number = exchanges.set_index(["session_id", "exchange_no"])
    for row in found.dropna(subset=["exchange_no"]).to_dict("records"):
        shown = by_number.loc[row["session_id"], row["exchange_no"]]
        assert row["reply"] == f"{shown['code']} {shown['text']}"
        assert row["said"].upper().startswith(str(shown["verb"]).upper()) or (
            row["exchange_no"] == 0
        )
    return found


def _wrong(found: Findings) -> dict[str, str]:
    wrong = found[found["verdict"] != "PASS"]
    return dict(zip(wrong["rule"], wrong["verdict"], strict=True))


def _passed(found: Findings) -> set[str]:
    return set(found.loc[found["verdict"] == "PASS", "rule"])


def test_postfix(postfix: Postfix) -> None:
    found = _asked(
        lambda client: client.connect(postfix.host, postfix.port, ca=postfix.ca)
    )
    assert _wrong(found) == {"help": "WARN"}  # 500, as ever
    assert _passed(found) >= _ODD | {
        "null-path",
        "postmaster",
        "vrfy",
        "enhanced-there",
    }


def test_postfix_within_tls(postfix: Postfix) -> None:
    def connect(client: SmtpClient) -> None:
        client.connect(postfix.host, postfix.port, ca=postfix.ca)
        client.ehlo("client.invalid")
        client.starttls()

    found = _asked(connect)
    assert _wrong(found) == {"help": "WARN"}
    assert _passed(found) >= {"starttls-in-tls", "tls-version", "tls-verified"}


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_exim_by_its_defaults(exim: Exim, tls: bool) -> None:
    def connect(client: SmtpClient) -> None:
        client.connect(exim.host, exim.port, ca=exim.ca)
        if tls:
            client.ehlo("client.invalid")
            client.starttls()

    # It bears ten commands that are no mail and three errors a connection.
    found = _asked(connect)
    assert _wrong(found) == {
        "postmaster": "FAIL",  # this configuration refuses it: "relay not permitted"
        "parameters": "WARN",  # 501 "malformed address" where 555 is meant
    }
    assert _passed(found) >= _ODD | {"null-path", "vrfy", "help", "long-line"}
    assert {"stays", "one-reply"} <= _passed(found)


def test_smtp_sink(sink: int) -> None:
    found = _asked(lambda client: client.connect("127.0.0.1", sink))
    assert _wrong(found) == {
        "enhanced-there": "FAIL",  # "221 Bye", and only that
        "ehlo-keyword": "FAIL",  # the last line of EHLO is "250 "
        "vrfy": "FAIL",  # "250 2.0.0 Ok" whoever is asked for
        "parameters": "FAIL",  # XSMTPNB=1 is taken
        "auth-in-clear": "WARN",  # AUTH PLAIN LOGIN, and there is no TLS
        "help": "WARN",
    }
    assert _passed(found) >= _ODD


def test_aiosmtpd(aiosmtpd: int) -> None:
    found = _asked(lambda client: client.connect("127.0.0.1", aiosmtpd))
    wrong = _wrong(found)
    assert {rule: wrong[rule] for rule in wrong.keys() - _NAMES} == {
        "code-usual": "WARN",  # HELP is answered 250; 211 and 214 are meant for it
        "help": "WARN",
    }
    assert _passed(found) >= _ODD | {"long-line"}


def test_dovecot_before_auth_says_little(dovecot: Dovecot) -> None:
    found = _asked(
        lambda client: client.connect("localhost", dovecot.port, ca=dovecot.ca)
    )
    assert _wrong(found) == {
        "help": "WARN",
        # Offered to a client on loopback, which Dovecot takes for safe.
        "auth-in-clear": "WARN",
    }
    # 530 answers nothing about these.
    assert not (_passed(found) & {"mail-first", "null-path", "postmaster", "vrfy"})


def test_dovecot_after_auth(dovecot: Dovecot) -> None:
    def connect(client: SmtpClient) -> None:
        client.connect("localhost", dovecot.port, ca=dovecot.ca)
        client.ehlo("client.invalid")
        client.starttls()
        client.ehlo("client.invalid")
        assert client.auth(Plain("ann", PASSWORD)).code == 235

    found = _asked(connect)
    assert _wrong(found) == {
        "vrfy": "FAIL",  # handed on to the relay, whose "250 2.0.0 Ok" this is
        "auth-mechanisms": "WARN",  # "250-AUTH" alone, once authenticated
        "auth-in-clear": "WARN",
        "help": "WARN",
    }
    assert _passed(found) >= _ODD | {"parameters", "tls-verified"}


def test_the_sandbox_keeps_the_rules_it_teaches() -> None:
    with Sandbox() as sandbox:
        found = _asked(lambda client: client.connect(sandbox))
        assert len(sandbox.inbox()) == 0
    assert _wrong(found) == {}
    assert _passed(found) >= _ODD | {"help", "vrfy", "postmaster", "null-path"}
