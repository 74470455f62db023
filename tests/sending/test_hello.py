"""What `send` says before the first message: EHLO, or HELO where EHLO is not known."""

from __future__ import annotations

import pytest

from smtpnb import Fault, LocalProtocolError, Sandbox, SmtpClient

MESSAGE = ("a@b.example", "c@d.example", b"Subject: hi\r\n")


@pytest.mark.parametrize("code", [500, 502])
def test_who_does_not_know_ehlo_is_greeted_with_helo(code: int) -> None:
    # RFC 5321 section 3.2
    fault = Fault("ehlo", reply=f"{code} What?", times=1)
    with Sandbox(tls="none", faults=[fault]) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        (delivery,) = client.send_all([MESSAGE])
        assert delivery.outcome == "accepted"
        verbs = client.transcript.exchanges()["verb"].astype(object)
        assert list(verbs)[1:4] == ["EHLO", "HELO", "MAIL"]


@pytest.mark.parametrize("code", [421, 451, 501, 504, 550, 554])
def test_any_other_refusal_is_told_and_nothing_is_sent(code: int) -> None:
    fault = Fault("ehlo", reply=f"{code} Not you")
    with Sandbox(tls="none", faults=[fault]) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        with pytest.raises(LocalProtocolError, match=f"EHLO was refused.*{code} Not"):
            client.send_all([MESSAGE])
        assert "MAIL" not in str(client.transcript)
