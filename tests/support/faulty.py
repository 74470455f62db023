"""A server that keeps its books and does one wrong thing at one command.

It speaks SMTP well enough for whole messages (PIPELINING, CHUNKING), and where its plan
says so - at one verb of one message - it does something else. What it saw and meant is
in its books, whatever the client believes: they are the oracle of the tables.

Replies to all that has come leave together, so that what a client finds behind a reply
does not depend on the machine.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

MARK: Final = b"CONTENT"
OFFERS: Final = ("PIPELINING", "CHUNKING", "8BITMIME", "SIZE 100000000")
_NO_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Plan:
    """What goes wrong, and where.

    Attributes:
        at: The verb: MAIL, RCPT, DATA, end, BDAT or RSET; "body" for the middle of the
            content; in LMTP "end" is the first reply to the end, "final" the second;
            "" for nowhere.
        message: Of which message, 1.. in the order of MAIL.
        say: What is answered there in place of the right reply.
        then: What becomes of the connection: "on", "close", "reset", "half-close",
            "drip" (octet by octet for ever) or "flood" (over and over for ever).
        refuses: Recipients that begin with this are refused.
        receive_buffer: Of the socket, in octets; 0 for the system's.
    """

    at: str = ""
    message: int = 2
    say: bytes = b""
    then: str = "on"
    refuses: bytes = b"no-"
    receive_buffer: int = 0


@dataclass
class Kept:
    """What the server knows of one message.

    Attributes:
        recipients: Those that it accepted.
        content: What came of it.
        ended: The end was seen.
        said_yes: The end was answered 2yz, or the server meant to when it failed.
        said_no: Anything of it was answered 4yz or 5yz.
        taken: In LMTP, by recipient: whether the end was answered 2yz for it, or the
            server meant to when it failed; nothing for those it never came to.
    """

    recipients: list[bytes] = field(default_factory=list)
    content: bytes = b""
    ended: bool = False
    said_yes: bool = False
    said_no: bool = False
    taken: dict[bytes, bool] = field(default_factory=dict)


@dataclass
class Books:
    """What happened.

    Attributes:
        messages: By their sender.
        too_early: Content came before 354, or BDAT before an accepted recipient.
        n_behind: How many octets stood behind an end that was not answered yet.
        reached: The server did what its plan says.
    """

    messages: dict[bytes, Kept] = field(default_factory=dict)
    too_early: int = 0
    n_behind: int = 0
    reached: bool = False


class FaultyServer:
    """Listens on loopback; serves one connection after the other.

    Args:
        context: For TLS from the first octet; None for clear.

    Attributes:
        plan: For the connections from now on.
        books: Of the connections since `follow`.
    """

    host = "127.0.0.1"

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.plan, self.books = Plan(), Books()
        self._context = context
        self._listener = socket.create_server((self.host, 0), backlog=16)
        self.port = int(self._listener.getsockname()[1])
        self._idle = threading.Condition()
        self._n_followed = self._n_served = 0
        self._thread = threading.Thread(target=self._serve, name="faulty")
        self._thread.start()

    def follow(self, plan: Plan) -> Books:
        """Begin new books for a plan; return them."""
        self.plan, self.books = plan, Books()
        self._n_followed = self._n_served
        return self.books

    def wait_until_served(self) -> None:
        """Wait until the connection that is served has ended."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._n_served > self._n_followed, 30)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            with suppress(OSError, EOFError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.plan.receive_buffer:
                    size = self.plan.receive_buffer
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                _Session(connection, self.plan, self.books).serve()
            connection.close()
            with self._idle:
                self._n_served += 1
                self._idle.notify_all()

    def close(self) -> None:
        """End, and wait for it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(35)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Session:
    def __init__(self, connection: socket.socket, plan: Plan, books: Books) -> None:
        self.connection, self.plan, self.books = connection, plan, books
        self.input = bytearray()
        self.output = bytearray()
        self.n_mails = 0
        self.message: Kept | None = None
        self.lmtp = self.said_early = False

    def serve(self) -> None:
        self.output += b"220 faulty ESMTP\r\n"
        while True:
            line = self.line()
            verb, _, argument = line.partition(b" ")
            handler = getattr(self, verb.decode("latin-1").lower()[:8] + "_", None)
            if handler is None:
                self.books.too_early += MARK in line
                self.output += b"500 5.5.2 what?\r\n"
            else:
                handler(argument)

    # Octets

    def fill(self) -> None:
        if self.output:
            self.connection.sendall(bytes(self.output))
            self.output.clear()
        octets = self.connection.recv(65536)
        if not octets:
            raise EOFError
        self.input += octets

    def line(self) -> bytes:
        while (end := self.input.find(b"\r\n")) < 0:
            self.fill()
        line = bytes(self.input[:end])
        del self.input[: end + 2]
        return line

    def answer(self, verb: str, reply: bytes) -> bytes:
        """Answer, rightly or by the plan; return what counts as the answer."""
        plan, kept = self.plan, self.message
        here = plan.at == verb and plan.message == max(self.n_mails, 1)
        if here and not self.books.reached:
            self.books.reached = True
            if kept is not None and _says_no(plan.say):
                kept.said_no = True
            if plan.then != "on":
                if verb == "end" and kept is not None:
                    kept.said_yes = plan.say[:1] not in (b"4", b"5")
                self.fail()
            self.output += plan.say
            return plan.say
        if kept is not None and reply[:1] in (b"4", b"5"):
            kept.said_no = True
        self.output += reply + b"\r\n"
        return reply

    def in_content(self, octets: int) -> None:
        """Where so much of the content is here, speak in the middle of it."""
        plan = self.plan
        here = plan.at == "body" and plan.message == self.n_mails
        if here and not self.books.reached and octets > 2000:
            self.said_early = True
            self.answer("body", b"")

    def fail(self) -> None:
        """End the connection as planned."""
        plan, octets = self.plan, bytes(self.output)
        self.connection.sendall(octets + (plan.say if plan.then != "flood" else b""))
        if plan.then == "flood":
            while True:
                self.connection.sendall(plan.say * 64)
        if plan.then == "reset":
            # Of a TLS socket the descriptor is the same.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        if plan.then == "half-close":
            socket.socket.shutdown(self.connection, socket.SHUT_WR)
        if plan.then == "stall" and plan.at == "body":  # its writes block
            gone = select.poll()
            gone.register(self.connection, select.POLLRDHUP)
            gone.poll(30_000)
        elif plan.then in ("half-close", "stall"):
            while self.connection.recv(65536):
                pass
        pause = threading.Event()
        while plan.then == "drip":
            self.connection.sendall(b"2")
            pause.wait(0.02)
            self.connection.sendall(b"50-x\r\n")
        raise EOFError

    # Commands

    def ehlo_(self, _: bytes) -> None:
        lines = [b"faulty", *[each.encode() for each in OFFERS]]
        self.output += b"".join([b"250-%b\r\n" % each for each in lines[:-1]])
        self.output += b"250 %b\r\n" % lines[-1]

    def lhlo_(self, _: bytes) -> None:
        self.lmtp = True
        self.ehlo_(b"")

    def mail_(self, argument: bytes) -> None:
        self.n_mails += 1
        path = argument.partition(b"<")[2].partition(b">")[0]
        kept = self.message = self.books.messages.setdefault(path, Kept())
        if self.answer("MAIL", b"250 2.1.0 ok")[:1] in (b"4", b"5"):
            self.message = None
        assert kept is not None

    def rcpt_(self, argument: bytes) -> None:
        path = argument.partition(b"<")[2].partition(b">")[0]
        if self.message is None:
            self.output += b"503 5.5.1 MAIL first\r\n"
        elif path.startswith(self.plan.refuses):
            self.message.said_no = True
            self.output += b"550 5.1.1 no such user\r\n"
        elif self.answer("RCPT", b"250 2.1.5 ok")[:1] not in (b"4", b"5"):
            self.message.recipients.append(path)

    def data_(self, _: bytes) -> None:
        kept = self.message
        if kept is None or not kept.recipients:
            self.output += b"503 5.5.1 RCPT first\r\n"
            return
        if not self.answer("DATA", b"354 go on").startswith(b"354"):
            return
        at, self.input[:0] = 0, b"\r\n"
        while self.input.find(b"\r\n.\r\n", at) < 0:
            at = max(len(self.input) - 4, 0)
            self.in_content(len(self.input))
            self.fill()
        del self.input[:2]
        content, _, rest = (b"\r\n" + bytes(self.input)).partition(b"\r\n.\r\n")
        kept.content = content[2:] + b"\r\n"
        self.input = bytearray(rest)
        self.end(kept)

    def bdat_(self, argument: bytes) -> None:
        size, *last = argument.split()
        while len(self.input) < int(size):
            self.in_content(len(self.input))
            self.fill()
        octets = bytes(self.input[: int(size)])
        del self.input[: int(size)]
        kept = self.message
        if kept is None or not kept.recipients:
            self.books.too_early += 1
            self.output += b"503 5.5.1 RCPT first\r\n"
            return
        kept.content += octets
        if last:
            self.end(kept)
        elif self.said_early:
            self.said_early = False
            self.message = None if _says_no(self.plan.say) else kept
        elif self.answer("BDAT", b"250 2.0.0 ok")[:1] in (b"4", b"5"):
            self.message = None

    def end(self, kept: Kept) -> None:
        kept.ended = True
        self.books.n_behind += len(self.input)
        if self.said_early:
            pass  # there is one reply to the end, and it was given
        elif self.lmtp:
            self.end_for_each(kept)
        else:
            reply = self.answer("end", b"250 2.0.0 taken")
            kept.said_yes = reply[:1] == b"2"
        self.message = None

    def end_for_each(self, kept: Kept) -> None:
        """Answer the end once for each accepted recipient (RFC 2033 section 4.2)."""
        refusing = self.plan.say[:1] in (b"4", b"5")
        for n, path in enumerate(kept.recipients):
            verb = ("end", "final")[n] if n < 2 else "a later one"
            kept.taken[path] = not (verb == self.plan.at and refusing)
            reply = self.answer(verb, b"250 2.0.0 taken")
            kept.taken[path] = reply[:1] == b"2"
            kept.said_yes |= kept.taken[path]

    def rset_(self, _: bytes) -> None:
        if self.answer("RSET", b"250 2.0.0 ok")[:1] == b"2":
            self.message = None

    def noop_(self, _: bytes) -> None:
        self.output += b"250 2.0.0 ok\r\n"

    def quit_(self, _: bytes) -> None:
        self.connection.sendall(bytes(self.output) + b"221 2.0.0 bye\r\n")
        raise EOFError


def _says_no(octets: bytes) -> bool:
    return any(line[:1] in (b"4", b"5") for line in octets.split(b"\r\n"))


def kept_in_order(books: Books, senders: Sequence[str]) -> list[Kept]:
    """Return what the books know of each sender's message."""
    return [books.messages.get(each.encode(), Kept()) for each in senders]
