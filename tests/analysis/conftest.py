from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Sandbox, SmtpClient

if TYPE_CHECKING:
    from smtpnb import Transcript


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    """Two sessions: one cut short by a deadline, one with a refused recipient."""
    client = SmtpClient()
    with Sandbox() as sandbox:
        sandbox.fault("ehlo", stall=True, times=1)
        client.connect(sandbox)
        with pytest.raises(TimeoutError):
            client.ehlo("client.example", timeout=0.05)
        sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
        client.connect(sandbox)
        client.ehlo("client.example")
        client.starttls()
        client.ehlo("client.example")
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@sandbox.example")
        client.rcpt_to("nobody@sandbox.example")
        client.data("Subject: x\n\nhello\n")
        client.quit()
    return client.transcript
