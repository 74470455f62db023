"""What lint says of content and AUTH on real servers: found in the transcript, by hand.

Postfix up to 3.8 takes LF, dot, LF for the end of content unless it is told otherwise
(smtpd_forbid_bare_newline); that it says so here is the finding, not a fault of lint.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from smtpnb import Plain, Sandbox, SmtpClient
from smtpnb.analysis import lint
from smtpnb.protocol.errors import SmtpError
from tests.servers.dovecot import PASSWORD

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot
    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers

WHOLE = b"Subject: x\r\n\r\nx\r\n.\r\n"


def _verdicts(client: SmtpClient, rule: str) -> set[str]:
    found = lint(client.transcript)
    return set(found.loc[found["rule"] == rule, "verdict"])


def _content(client: SmtpClient, content: bytes) -> int:
    client.ehlo("client.test")
    client.mail_from("a@client.test")
    client.rcpt_to("bob@example.test")
    assert client.data().code == 354
    client.raw(content)
    return client.read_reply(timeout=10).code


def test_a_second_auth_is_refused_by_dovecot(dovecot: Dovecot) -> None:
    with SmtpClient(lax=True) as client:
        client.connect("localhost", dovecot.port, ca=dovecot.ca)
        client.ehlo("client.test")
        client.starttls()
        client.ehlo("client.test")
        assert client.auth(Plain("ann", PASSWORD)).code == 235
        assert client.command("AUTH", "PLAIN").code == 503
        client.quit()
    assert _verdicts(client, "auth-once") == {"PASS"}


@pytest.mark.parametrize("content", [b"x\n.\n", b"x\n.\ny\r\n.\r\n"])
def test_whether_postfix_takes_a_bare_dot_is_told(
    postfix: Postfix, content: bytes
) -> None:
    client = SmtpClient(lax=True)
    client.connect(postfix.host, postfix.port, ca=postfix.ca)
    code = _content(client, content)
    with suppress(SmtpError):  # a Postfix that minds has hung up
        client.quit()
    client.disconnect()
    # Taken at the bare dot, what stands behind it is answered unasked or to QUIT; or
    # (from 3.9 on) it is refused with 521.
    told = _verdicts(client, "end-of-data") | _verdicts(client, "one-reply")
    assert ("FAIL" in told) is (code == 250)


def test_what_ends_as_it_must_is_no_finding(postfix: Postfix) -> None:
    client = SmtpClient(lax=True)
    client.connect(postfix.host, postfix.port, ca=postfix.ca)
    assert _content(client, WHOLE) == 250
    client.quit()
    assert _verdicts(client, "end-of-data") == set()


def test_the_sandbox_waits_for_the_whole_end() -> None:
    client = SmtpClient(lax=True)
    with Sandbox() as sandbox:
        client.connect(sandbox)
        assert _content(client, b"x\n.\ny\r\n.\r\n") == 250
        client.quit()
    assert _verdicts(client, "end-of-data") == {"PASS"}
