"""What has left, counted octet by octet, by hand over a socket pair."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from smtpnb import TlsPolicy
from smtpnb.protocol.errors import ConnectionLost, DeadlineExceeded
from smtpnb.wire.stream import Stream
from smtpnb.wire.tls_stream import RECORD, TlsStream
from smtpnb.wire.wait import READ, Wait, now

if TYPE_CHECKING:
    from collections.abc import Iterator

CA = trustme.CA(key_type=trustme.KeyType.ECDSA)


class Server:
    """The other end of a socket pair; under TLS after `start`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.tls: ssl.SSLObject | None = None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = CA.issue_cert("localhost", key_type=trustme.KeyType.ECDSA)
        leaf.configure_cert(context)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self) -> None:
        """Go one step on in the handshake."""
        assert self.tls is not None
        self.incoming.write(self.raw())
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.sock.sendall(self.outgoing.read())

    def raw(self) -> bytes:
        """Take what the kernel has of the client's octets."""
        try:
            return self.sock.recv(1 << 20)
        except BlockingIOError:
            return b""

    def take(self) -> bytes:
        """Return all plaintext that can be read by now."""
        if self.tls is None:
            return self.raw()
        found = b""
        while octets := self.raw():
            self.incoming.write(octets)
        while True:
            try:
                found += self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                return found


@pytest.fixture(params=["clear", "TLS"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Stream, Server]]:
    ours, theirs = socket.socketpair()
    for sock in ours, theirs:
        sock.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    stream, server = Stream(ours), Server(theirs)
    if request.param == "TLS":
        server.start()
        policy = TlsPolicy(ca=CA.cert_pem.bytes().decode())
        stream = secured = TlsStream(stream)
        steps = secured.handshake(policy, "localhost", now() + 60)
        next(steps)
        with suppress(StopIteration):
            while True:
                server.shake()
                steps.send((stream.fd,))
        assert stream.take() is None  # tickets
    yield stream, server
    stream.abort()
    theirs.close()


def test_what_left_is_never_less_than_what_the_server_can_read(
    pair: tuple[Stream, Server],
) -> None:
    stream, server = pair
    content = bytes(range(256)) * 512
    view, seen, n_blocked = memoryview(content), b"", 0
    while view:
        taken = stream.send_now(view)
        view = view[taken:]
        if not taken:
            n_blocked += 1
            seen += server.take()
        assert stream.sent >= len(seen)
        assert stream.sent >= len(content) - len(view)
    while more := server.take():
        seen += more
    assert n_blocked
    assert seen == content
    assert stream.sent == len(content)


def test_a_flush_while_reading_counts(pair: tuple[Stream, Server]) -> None:
    stream, server = pair
    content = b"x" * (RECORD - 5) + b"\r\n.\r\n"
    while stream.send_now(memoryview(content)) == len(content):
        pass  # until a write is taken in part
    before, seen = stream.sent, b""
    for _ in range(64):
        seen += server.take()
        assert stream.take() is None  # reading; under TLS what was left is flushed
        assert stream.sent >= len(seen)
    if stream.tls is not None:
        assert stream.sent == before + len(content) == len(seen)


def test_a_deadline_is_not_renewed_by_records_without_a_word(
    pair: tuple[Stream, Server],
) -> None:
    stream, _server = pair
    steps = stream.read(now() - 1)
    asked: Any = next(steps)
    assert asked == Wait(((stream.fd, READ),), asked.deadline)
    with pytest.raises(DeadlineExceeded):
        steps.send(())


def test_an_end_without_close_notify_is_a_truncation(
    pair: tuple[Stream, Server],
) -> None:
    stream, server = pair
    server.take()  # an end with octets unread would be a reset
    server.sock.close()
    if stream.tls is None:
        assert stream.take() == b""
    else:
        with pytest.raises(ConnectionLost, match="truncated"):
            stream.take()
