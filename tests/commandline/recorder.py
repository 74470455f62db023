"""A server that says yes to everything and writes down every octet it is sent.

What a client puts on the wire is all it judges: two clients that were asked for the
same have to leave the same here.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path

CA: Final = trustme.CA()

_OFFERS: Final = (
    b"recorder.example",
    b"PIPELINING",
    b"8BITMIME",
    b"SMTPUTF8",
    b"PRDR",
    b"AUTH PLAIN LOGIN CRAM-MD5",
    b"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME",
)
CHALLENGE: Final = b"<1896.697170952@postoffice.example>"  # that of RFC 2195


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


class Recorder:
    """Serves one connection after another, on loopback or a unix-domain socket.

    Args:
        implicit_tls: TLS from the first octet.
        path: Of the unix-domain socket; None for TCP.
        proxy: Whether the session begins with a header of the PROXY protocol.
        refuse: What a line begins with, and the reply to it.

    Attributes:
        octets: What came, inside TLS as well.
        said_quit: Whether QUIT came.
    """

    def __init__(
        self,
        *,
        implicit_tls: bool = False,
        path: Path | None = None,
        proxy: bool = False,
        refuse: dict[bytes, bytes] | None = None,
    ) -> None:
        self.octets = b""
        self.said_quit = False
        self._implicit = implicit_tls
        self._proxy = proxy
        self._refuse = refuse or {}
        if path is None:
            self._listening = socket.create_server(("127.0.0.1", 0))
            self.port = self._listening.getsockname()[1]
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(path))
            self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self._thread.join(10)

    def wait(self) -> bytes:
        """Return all octets of the one connection, once it has ended."""
        self._thread.join(10)
        return self.octets

    def _serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listening.accept()
            connection.settimeout(10)
            with ExitStack() as open_ones:
                open_ones.enter_context(connection)
                self._talk(connection, open_ones)

    def _talk(self, connection: socket.socket, open_ones: ExitStack) -> None:
        def in_tls() -> socket.socket:
            wrapped = _context().wrap_socket(connection, server_side=True)
            return open_ones.enter_context(wrapped)

        if self._proxy:
            self._read_header(connection)
        if self._implicit:
            connection = in_tls()
        connection.sendall(b"220 recorder.example ESMTP\r\n")
        dialogue = _Dialogue(self._refuse, tls=self._implicit)
        unread = b""
        while not dialogue.ended and (came := connection.recv(65536)):
            self.octets += came
            unread += came
            while b"\n" in unread:
                line, _, unread = unread.partition(b"\n")
                connection.sendall(dialogue.answer(line.rstrip(b"\r")))
                if dialogue.begins_tls:
                    dialogue.begins_tls = False
                    connection = in_tls()
        self.said_quit = dialogue.ended

    def _read_header(self, connection: socket.socket) -> None:
        """Read a header of the PROXY protocol, of either version."""
        self.octets = connection.recv(16, socket.MSG_WAITALL)
        if self.octets.startswith(b"\r\n\r\n"):
            size = int.from_bytes(self.octets[14:16])
            if size:
                self.octets += connection.recv(size, socket.MSG_WAITALL)
            return
        while not self.octets.endswith(b"\n"):
            self.octets += connection.recv(1)


class _Dialogue:
    """What is answered to each line."""

    def __init__(self, refuse: dict[bytes, bytes], *, tls: bool) -> None:
        self.begins_tls = self.ended = False
        self._tls = tls
        self._refuse = refuse
        self._in_data = False
        self._lmtp = self._prdr = False
        self._n_recipients = 0
        self._responses: list[bytes] = []  # challenges that are still to be said

    def answer(self, line: bytes) -> bytes:
        if self._in_data:
            return self._finals() if line == b"." else b""
        if self._responses:
            return self._responses.pop(0)
        for begins, reply in self._refuse.items():
            if line.upper().startswith(begins):
                return reply + b"\r\n"
        verb, _, rest = line.partition(b" ")
        known: Any = getattr(self, f"_{verb.decode('latin-1').lower()}", None)
        return known(rest) if known else b"250 ok\r\n"

    def _finals(self) -> bytes:
        self._in_data = False
        count = self._n_recipients if self._lmtp else 1
        if self._prdr:
            return b"353 each\r\n" + b"250 one\r\n" * self._n_recipients + b"250 ok\r\n"
        return b"250 ok\r\n" * count

    def _ehlo(self, _: bytes) -> bytes:
        offers = _OFFERS if self._tls else (*_OFFERS, b"STARTTLS")
        return b"".join(b"250-%b\r\n" % one for one in offers[:-1]) + (
            b"250 %b\r\n" % offers[-1]
        )

    def _lhlo(self, rest: bytes) -> bytes:
        self._lmtp = True
        return self._ehlo(rest)

    def _starttls(self, _: bytes) -> bytes:
        self.begins_tls = self._tls = True
        return b"220 go\r\n"

    def _mail(self, rest: bytes) -> bytes:
        self._prdr = b"PRDR" in rest.upper()
        self._n_recipients = 0
        return b"250 ok\r\n"

    def _rcpt(self, _: bytes) -> bytes:
        self._n_recipients += 1
        return b"250 ok\r\n"

    def _data(self, _: bytes) -> bytes:
        self._in_data = True
        return b"354 go\r\n"

    def _quit(self, _: bytes) -> bytes:
        self.ended = True
        return b"221 bye\r\n"

    def _xclient(self, _: bytes) -> bytes:
        return b"220 recorder.example ESMTP\r\n"

    def _auth(self, rest: bytes) -> bytes:
        mechanism, _, initial = rest.upper().partition(b" ")
        done = b"235 ok\r\n"
        if mechanism == b"PLAIN" and initial:
            return done
        if mechanism == b"LOGIN":
            self._responses = [b"334 UGFzc3dvcmQ6\r\n", done]
            if initial:
                return self._responses.pop(0)
            return b"334 VXNlcm5hbWU6\r\n"
        self._responses = [done]
        if mechanism == b"CRAM-MD5":
            return b"334 " + base64.b64encode(CHALLENGE) + b"\r\n"
        return b"334 \r\n"
