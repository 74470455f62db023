"""A large content over small buffers to a server that stops reading.

Then it closes, resets, says no, or takes all of it and dies: "unknown" exactly when the
kernel took an octet beyond the last dot; never refused or aborted when the server has
the end.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

import pytest
import trustme

from smtpnb import ConnectionLost, DeadlineExceeded, SmtpClient, SmtpError, TlsPolicy
from smtpnb.wire.wait import Timeouts
from tests.support.scripted import (
    GREETING,
    Action,
    Hear,
    Hold,
    Reset,
    Say,
    ScriptedServer,
    Stage,
    Swallow,
    Tls,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CA: Final = trustme.CA(key_type=trustme.KeyType.ECDSA)
LARGE: Final = b"x" * 998 + b"\r\n"
N_LINES: Final = 6000  # 6 MB: more than the socket buffers hold
NO: Final = Say(b"552 5.3.4 too much\r\n")


class Narrow:
    """Give the socket a small receive buffer."""

    def do(self, stage: Stage) -> None:
        stage.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)


class Some:
    """Read a little of the content, and no more."""

    def do(self, stage: Stage) -> None:
        stage.connection.recv(1000)


class Close:
    """End the connection, whatever was not read."""

    def do(self, stage: Stage) -> None:
        raise EOFError


DOT: Final = Swallow()
ENDINGS: Final[dict[str, tuple[tuple[Action, ...], str]]] = {
    "closes": ((Some(), Close()), "aborted"),
    "resets": ((Some(), Reset()), "aborted"),
    "stops": ((Some(), Hold()), "aborted"),
    "says no and closes": ((Some(), NO, Close()), "refused"),
    "says no and stops": ((Some(), NO, Hold()), "refused"),
    "says no to the end": ((DOT, NO, Hold()), "refused"),
    "takes it and dies": ((DOT, Close()), "unknown"),
    "takes it and resets": ((DOT, Reset()), "unknown"),
    "takes it and says half": ((DOT, Say(b"250 o"), Close()), "unknown"),
    "takes it and is silent": ((DOT, Hold()), "unknown"),
    "takes it": ((DOT, Say(b"250 taken\r\n"), Hold()), "accepted"),
}
PIPELINING: Final = (Hear(), Say(b"250-me\r\n250-SIZE 9000000\r\n250 PIPELINING\r\n"))
LOCK_STEP: Final = (Hear(), Say(b"250 me\r\n"))


def lead(pipelining: bool) -> tuple[Action, ...]:
    """Say yes up to 354."""
    if pipelining:
        yes = Say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        return (*PIPELINING, Hear(b"DATA\r\n"), yes)
    yes = Say(b"250 ok\r\n")
    return (*LOCK_STEP, Hear(), yes, Hear(), yes, Hear(), Say(b"354 go\r\n"))


def lines() -> Iterable[bytes]:
    return [LARGE] * N_LINES


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(made)
    return made


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("pipelining", [False, True], ids=["lock-step", "pipelined"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "TLS"])
def test_a_write_that_blocks_ends_in_the_truth(
    ending: str, pipelining: bool, encrypted: bool
) -> None:
    actions, expected = ENDINGS[ending]
    policy = TlsPolicy(ca=CA.cert_pem.bytes().decode())
    block = 0.3 if ending == "stops" else 20.0
    eod = 0.3 if ending == "takes it and is silent" else 20.0
    timeouts = Timeouts(block=block, eod=eod)
    tls = (Tls(context()),) if encrypted else ()
    script = (Narrow(), *tls, GREETING, *lead(pipelining), *actions)
    with ScriptedServer(script) as server:
        client = SmtpClient(tls=policy, timeouts=timeouts)
        kind: type[SmtpError] | None
        outcome: str | None
        client.connect("127.0.0.1", server.port, implicit_tls=encrypted)
        try:
            delivery = client.send(lines(), "a@example.org", ["b@example.net"])
            outcome, kind = delivery.outcome, None
        except SmtpError as error:
            kind = type(error)
            (delivery,) = error.deliveries
            outcome = error.outcome
            assert outcome == delivery.outcome
        slow = block < 1 or eod < 1
        raises = DeadlineExceeded if slow else ConnectionLost
        assert outcome == expected
        assert kind is (raises if expected in ("aborted", "unknown") else None)
        client.disconnect()
        (told,) = client.transcript.transactions()["outcome"]
        assert told == {"refused": "rejected", "accepted": "delivered"}.get(
            expected, expected
        )
