"""What was signed here, or read with a signature, verifies at the other end."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from smtpnb import LocalProtocolError, MailObject, SmtpClient
from smtpnb.message.signing import signed
from tests.support.sink import Sink

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
WAYS = [(True, True), (True, False), (False, False), (False, True)]


def verifies(octets: bytes) -> bool:
    def record(name: bytes, **_: Any) -> bytes:
        assert name == b"s1._domainkey.example.org."
        return b"v=DKIM1; p=" + b"".join(PUBLIC.splitlines()[1:-1])

    return bool(dkim.verify(octets, dnsfunc=record))


def made() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message["To"] = "bob@example.net"
    message["Bcc"] = "carol@example.net"
    message["Subject"] = "gr\u00fc\u00dfe, and " + "a long subject " * 9
    message.set_content("hello\n.dot\n" + "gr\u00fc\u00dfe\n" * 9)
    return message


def sign(message: Any, **options: Any) -> MailObject:
    return signed(
        message, domain="example.org", selector="s1", private_key=PEM, **options
    )


@pytest.mark.parametrize(("pipelining", "chunking"), WAYS)
def test_a_signature_verifies_at_the_other_end(
    pipelining: bool, chunking: bool
) -> None:
    mail = sign(made())
    simple = sign(made(), canonicalize=(b"simple", b"simple")).octets
    assert simple is not None
    with (
        Sink(pipelining=pipelining, chunking=chunking) as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        assert client.send(mail).ok
        for kind in (policy.compat32, policy.default):
            read: Any = message_from_bytes(simple, policy=kind)
            assert client.send(read).ok
            read = message_from_bytes(simple.replace(b"\r\n", b"\n"), policy=kind)
            assert client.send(read).ok
    assert len(sink.accepted) == 5
    for message in sink.accepted:
        assert verifies(message.content)
        assert b"carol" not in message.content
    assert b"carol@example.net" in sink.accepted[0].forward_paths
    assert not verifies(sink.accepted[0].content.replace(b"hello", b"hullo"))


def test_what_cannot_be_signed_is_said() -> None:
    with pytest.raises(LocalProtocolError, match="cannot be signed"):
        signed(made(), domain="example.org", selector="s1", private_key=b"no key")
    with pytest.raises(LocalProtocolError, match="cannot be signed"):
        sign(("a@b.c", "d@e.f", b"Subject: x\r\n\r\nno From\r\n"))
    with pytest.raises(LocalProtocolError, match="only a message in memory"):
        sign(("a@b.c", "d@e.f", iter([b"x"])))
