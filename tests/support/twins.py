"""Twins of real servers: each keeps the rules but for one habit, and keeps the books.

A habit is data (`Habits`), seen on a server that is named beside it in `TWINS`. The
books tell what the server did, whatever the client believes: which messages it took,
with which sender and recipients, octet for octet; of which transactions it saw the end;
which commands came; and how many octets stood behind an end of data before that was
answered. So they serve as the oracle of a test.

A recipient is answered by the first word of its name: no-... 550, later-... 450,
slow-... after `Habits.pause`, everything else 250.
"""

from __future__ import annotations

import re
import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.scripted import Stage


@dataclass(frozen=True)
class Habits:
    """How a server behaves; as it stands here, by the book.

    Attributes:
        offers: Extensions.
        behind: What becomes of octets that stand behind an end of data: they are
            "taken", or the next command of them is "refused" (503), or they are
            "dropped", or the server "dies".
        reads_refused_chunks: A BDAT that is refused is read; else its octets are taken
            for commands (RFC 3030 section 2 wants them read).
        holds: Replies are held until all that came is answered (RFC 2920 section 3.2
            allows it); else each leaves at once.
        pause: Seconds before a slow recipient is answered.
        drips: Each octet of a reply leaves alone.
        flood: Octets that are said over and over once DATA was answered, or BDAT has
            come, and nothing is read any more.
        twice: The end of data is answered twice, so many seconds apart.
        enough: With this MAIL, counted from 1 in each connection, the server has had
            enough.
        ending: What it does then: answers 421 and goes on; 421 and closes; 421 and
            resets; resets without a word; or it closes its side and goes on reading.
    """

    offers: tuple[str, ...] = ("PIPELINING", "CHUNKING", "8BITMIME", "SIZE 100000000")
    behind: Literal["taken", "refused", "dropped", "dies"] = "taken"
    reads_refused_chunks: bool = True
    holds: bool = False
    pause: float = 0.0
    drips: bool = False
    flood: bytes = b""
    twice: float | None = None
    enough: int | None = None
    ending: Literal["421 on", "421 close", "421 reset", "reset", "half-close"] = (
        "421 close"
    )


@dataclass
class Transaction:
    """What a server knows of one mail transaction.

    Attributes:
        reverse_path: The sender.
        forward_paths: The recipients that it accepted.
        content: What came of the content, dots taken away.
        ended: The server saw the end of data, or the last chunk.
        taken: It took the message: it said 250 to the end, or meant to.
    """

    reverse_path: str
    forward_paths: list[str] = field(default_factory=list)
    content: bytes = b""
    ended: bool = False
    taken: bool = False


@dataclass
class Books:
    """What a twin did in all of its connections.

    Attributes:
        transactions: In the order of their MAIL.
        commands: Every line that was taken for a command.
        octets_behind: How many octets stood behind an end of data, unanswered.
    """

    transactions: list[Transaction] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    octets_behind: int = 0

    @property
    def taken(self) -> list[Transaction]:
        """The transactions whose message the server took."""
        return [each for each in self.transactions if each.taken]

    def verbs(self) -> list[str]:
        """The first word of each command, in capitals."""
        return [line.split(b" ")[0].upper().decode("latin-1") for line in self.commands]


class Twin(ScriptedServer):
    """A server with habits.

    Args:
        habits: How it behaves.

    Attributes:
        books: What it did.
    """

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self.books = Books()
        super().__init__((_Converse(habits, self.books),))


@dataclass(frozen=True)
class _Converse:
    """Speak SMTP on one connection, until it ends."""

    habits: Habits
    books: Books

    def do(self, stage: Stage) -> None:
        _Session(self.habits, self.books, stage).serve()


class _Over(Exception):
    """The server wants no more of this connection."""


class _Session:
    def __init__(self, habits: Habits, books: Books, stage: Stage) -> None:
        self.habits, self.books, self.stage = habits, books, stage
        self.connection = stage.connection
        self.input = bytearray()
        self.output = bytearray()
        self.transaction: Transaction | None = None
        self.after_end = False
        self.n_mails = 0

    def serve(self) -> None:
        self.say(b"220 twin.example ESMTP")
        with suppress(_Over):
            while True:
                self.answer(self.line())

    # Octets

    def say(self, line: bytes) -> None:
        self.output += line + b"\r\n"
        if not self.habits.holds:
            self.flush()

    def flush(self) -> None:
        octets, self.output = bytes(self.output), bytearray()
        for start in range(len(octets)) if self.habits.drips else ():
            self.connection.sendall(octets[start : start + 1])
        if octets and not self.habits.drips:
            self.connection.sendall(octets)

    def fill(self) -> None:
        self.flush()
        octets = self.connection.recv(65536)
        if not octets:
            raise EOFError
        self.input += octets

    def line(self) -> bytes:
        at = 0
        while (end := self.input.find(b"\r\n", at)) < 0:
            at = max(len(self.input) - 1, 0)
            self.fill()
        line = bytes(self.input[:end])
        del self.input[: end + 2]
        self.books.commands.append(line)
        return line

    def octets(self, n: int) -> bytes:
        while len(self.input) < n:
            self.fill()
        taken = bytes(self.input[:n])
        del self.input[:n]
        return taken

    def until_dot(self, transaction: Transaction) -> None:
        at, self.input[:0] = 0, b"\r\n"
        while (end := self.input.find(b"\r\n.\r\n", at)) < 0:
            at = max(len(self.input) - 4, 0)
            try:
                self.fill()
            finally:
                transaction.content = bytes(self.input[2:])
        content = bytes(self.input[2 : end + 2])
        del self.input[: end + 5]
        transaction.content = content.replace(b"\r\n.", b"\r\n").removeprefix(b".")

    # Commands

    def answer(self, line: bytes) -> None:
        verb, _, argument = line.partition(b" ")
        behind, self.after_end = self.after_end, False
        if behind and self.habits.behind == "refused":
            return self.say(b"503 5.5.1 pipelining behind the end of data")
        known = {
            *("EHLO", "HELO", "MAIL", "RCPT", "DATA"),
            *("BDAT", "RSET", "NOOP", "QUIT"),
        }
        name = verb.decode("latin-1").upper()
        if name not in known:
            return self.say(b"500 5.5.2 what?")
        getattr(self, name.lower())(argument)
        return None

    def ehlo(self, _argument: bytes) -> None:
        self.transaction = None
        lines = [b"twin.example", *(each.encode() for each in self.habits.offers)]
        for each in lines[:-1]:
            self.output += b"250-" + each + b"\r\n"
        self.say(b"250 " + lines[-1])

    def rset(self, _argument: bytes) -> None:
        self.transaction = None
        self.say(b"250 2.0.0 Ok")

    helo = rset

    def noop(self, _argument: bytes) -> None:
        self.say(b"250 2.0.0 Ok")

    def quit(self, _argument: bytes) -> None:
        self.say(b"221 2.0.0 Bye")
        self.flush()
        raise _Over

    def mail(self, argument: bytes) -> None:
        self.n_mails += 1
        if self.n_mails == self.habits.enough:
            return self.have_enough()
        if self.transaction is not None:
            return self.say(b"503 5.5.1 nested MAIL")
        self.transaction = Transaction(_path(argument))
        self.books.transactions.append(self.transaction)
        return self.say(b"250 2.1.0 Ok")

    def have_enough(self) -> None:
        ending = self.habits.ending
        if ending.startswith("421"):
            self.say(b"421 4.7.0 twin.example enough of this connection")
            if ending == "421 on":
                return
        self.flush()
        if ending == "half-close":
            self.connection.shutdown(socket.SHUT_WR)
            self.stage.hear(b"")
        if ending.endswith("reset"):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise _Over

    def rcpt(self, argument: bytes) -> None:
        if self.transaction is None:
            return self.say(b"503 5.5.1 MAIL first")
        path = _path(argument)
        word = path.partition("-")[0]
        if word == "slow":
            self.stage.over.wait(self.habits.pause)
        if word in _REFUSALS:
            return self.say(_REFUSALS[word])
        self.transaction.forward_paths.append(path)
        return self.say(b"250 2.1.5 Ok")

    def data(self, _argument: bytes) -> None:
        transaction = self.transaction
        if transaction is None or not transaction.forward_paths:
            return self.say(b"503 5.5.1 RCPT first")
        self.say(b"354 Go on")
        while self.habits.flood:
            self.connection.sendall(self.habits.flood)
        self.until_dot(transaction)
        return self.end(transaction)

    def bdat(self, argument: bytes) -> None:
        while self.habits.flood:
            self.connection.sendall(self.habits.flood)
        size, _, last = argument.partition(b" ")
        transaction = self.transaction
        good = transaction is not None and transaction.forward_paths
        if good or self.habits.reads_refused_chunks:
            chunk = self.octets(int(size))
            if transaction is not None:
                transaction.content += chunk
        if transaction is None or not good:
            return self.say(b"503 5.5.1 RCPT first")
        if not last:
            return self.say(b"250 2.0.0 chunk")
        return self.end(transaction)

    def end(self, transaction: Transaction) -> None:
        """See the end of a message: take it, and do as the habit is."""
        transaction.ended = transaction.taken = True
        self.transaction = None
        self.look_behind()
        reply = b"250 2.0.0 Ok: queued as %d" % len(self.books.taken)
        self.say(reply)
        if self.habits.twice is not None:
            self.flush()
            self.stage.over.wait(self.habits.twice)
            self.say(reply)

    def look_behind(self) -> None:
        """Look what stands behind an end of data that was not answered yet."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable:
            self.input += self.connection.recv(65536)
        self.books.octets_behind += len(self.input)
        self.after_end = bool(self.input)
        if self.after_end and self.habits.behind == "dropped":
            self.input.clear()
        if self.after_end and self.habits.behind == "dies":
            raise _Over


_REFUSALS: Final[Mapping[str, bytes]] = {
    "no": b"550 5.1.1 User unknown",
    "later": b"450 4.2.0 Mailbox busy",
}


def _path(argument: bytes) -> str:
    match = re.search(rb"<(.*?)>", argument)
    return match[1].decode() if match else ""


_NO_CHUNKING: Final = ("PIPELINING", "8BITMIME", "SIZE 100000000")

TWINS: Final[Mapping[str, Habits]] = {
    "by the book": Habits(),
    "no CHUNKING": Habits(offers=_NO_CHUNKING),
    "no PIPELINING": Habits(offers=("8BITMIME", "CHUNKING")),
    "no extension": Habits(offers=("8BITMIME",)),
    "Haraka 3.3.4": Habits(offers=_NO_CHUNKING, behind="refused"),
    "chasquid 1.11": Habits(offers=_NO_CHUNKING, behind="dropped"),
    "Dovecot 2.3.19": Habits(offers=_NO_CHUNKING, behind="dies"),
    "go-smtp 0.24": Habits(reads_refused_chunks=False),
    "sendmail that throttles": Habits(offers=_NO_CHUNKING, holds=True, pause=0.03),
    "one that throttles, CHUNKING": Habits(holds=True, pause=0.03),
    "a tarpit": Habits(drips=True),
    "buggregator": Habits(offers=_NO_CHUNKING, twice=0.0),
    "buggregator, late": Habits(offers=_NO_CHUNKING, twice=0.02),
    "Exim with a limit": Habits(enough=61, ending="421 reset"),
    "Gmail with a limit": Habits(enough=61),
    "sendmail's access map": Habits(enough=61, ending="421 on"),
    "one that resets": Habits(enough=61, ending="reset"),
    "one that half-closes": Habits(enough=61, ending="half-close"),
}
