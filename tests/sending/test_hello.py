"""What `send` says before the first message: EHLO, or HELO where EHLO is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtpnb import Fault, LocalProtocolError, Sandbox, SmtpClient
from smtpnb.protocol import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from smtpnb.protocol.reply import Reply

MESSAGE = ("a@b.example", "c@d.example", b"Subject: hi\r\n")


def _by_dialogue(client: SmtpClient) -> None:
    def dialogue() -> Generator[commands.Command, Reply, None]:
        yield commands.Mail("a@b.example")

    client.run(dialogue())


def _by_group(client: SmtpClient) -> None:
    with client.pipeline() as group:
        group.mail_from("a@b.example")


# Every way to begin a message; EHLO is not said by the last ones.
WHO: dict[str, Callable[[SmtpClient], object]] = {
    "send": lambda client: client.send(MESSAGE[2], MESSAGE[0], MESSAGE[1]),
    "send_all": lambda client: client.send_all([MESSAGE]),
    "stream": lambda client: next(client.stream([MESSAGE])),
    "mail_from": lambda client: client.mail_from("a@b.example"),
    "a group": _by_group,
    "a dialogue": _by_dialogue,
}


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


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("reply", ["421 Busy", "450 Later", "554 Not you"])
def test_a_refused_greeting_is_told_by_whoever_goes_on(who: str, reply: str) -> None:
    fault = Fault("greeting", reply=reply)
    with Sandbox(tls="none", faults=[fault]) as sandbox, SmtpClient() as client:
        assert str(client.connect(sandbox)) == reply
        with pytest.raises(LocalProtocolError, match=f"the server had said: {reply}"):
            WHO[who](client)
        with pytest.raises(LocalProtocolError, match=f"the server had said: {reply}"):
            client.ehlo()


@pytest.mark.parametrize("who", ["mail_from", "a group", "a dialogue"])
def test_a_refused_ehlo_is_told_until_one_is_granted(who: str) -> None:
    fault = Fault("ehlo", reply="550 Not you", times=1)
    with Sandbox(tls="none", faults=[fault]) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        with pytest.raises(LocalProtocolError, match=r"had said: 550 Not|send EHLO"):
            WHO[who](client)
        assert client.ehlo().ok
        with pytest.raises(LocalProtocolError) as caught:
            client.rcpt_to("c@d.example")
        assert "had said" not in str(caught.value)
