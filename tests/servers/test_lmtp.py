"""What the LMTP server of the tests does, as Python's own client sees it."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.dovecot_lmtp import DovecotLmtp

pytestmark = pytest.mark.servers

_CONTENT = b"Subject: lmtp\r\n\r\n..dot\r\n" + b"x" * 998 + b"\r\n.\r\n"
_STORED = b"Subject: lmtp\n\n.dot\n" + b"x" * 998 + b"\n"


@pytest.mark.parametrize("where", ["tcp", "unix"])
def test_each_recipient_has_a_final_reply_of_its_own(
    lmtp: DovecotLmtp, where: str
) -> None:
    over_tcp = where == "tcp"
    place = (lmtp.host, lmtp.port) if over_tcp else (str(lmtp.path), 0)
    stored = len(lmtp.mail("ok-1").look())
    with smtplib.LMTP(*place) as client:
        client.ehlo()
        client.mail("ann@client.example")
        names = ("ok-1", lmtp.over, "no-1", "ok-2")
        codes = [client.rcpt(f"{name}@example.test")[0] for name in names]
        assert codes == [250, 250, 550, 250]
        assert client.docmd("DATA")[0] == 354
        client.send(_CONTENT)
        finals = [client.getreply()[0] for _ in range(3)]
    assert finals == [250, 552, 250]
    assert lmtp.mail("ok-1").wait_for(stored + 1)[-1].endswith(_STORED)
