"""Records made by hand: each call appends entries and moves a clock of its own."""

from __future__ import annotations

from typing import Literal

from smtpnb.wire import record as log
from smtpnb.wire.record import Record

EHLO = (
    b"250-mx1.example.test\r\n250-PIPELINING\r\n250-SIZE 200000\r\n"
    b"250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n"
)
FACTS = {
    "version": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "verified": True,
    "cert_subject": "CN=mx1.example.test",
    "cert_san": ["mx1.example.test"],
    "cert_not_after": "2027-01-01T00:00:00+00:00",
}


# A part of a group: a command, or ("body", None, None, octets, lines).
Part = tuple[str, str, bytes, int] | tuple[Literal["body"], None, None, int, int | None]


def part(step: str, line: bytes) -> Part:
    """A command of a group."""
    return step, line.split()[0].decode(), line, len(line)


class Log:
    """Writes one record. Times are milliseconds."""

    def __init__(self, host: str = "mx1.example.test", port: int = 25) -> None:
        self.record = Record(host, port)
        self.record.start_ns = 1_000_000_000
        self.record.wall_ns = 1_795_500_000_000_000_000
        self.now = self.record.start_ns
        self.exchange = 0

    def wait(self, ms: float) -> int:
        self.now += round(ms * 1e6)
        return self.now

    def resolve(self, ms: float = 2.0, *addresses: str) -> None:
        t0 = self.now
        found = addresses or ("192.0.2.1",)
        self.record.add(log.RESOLVE, t0, self.wait(ms), self.record.host, found, None)

    def connect(self, ms: float = 5.0, error: str | None = None) -> None:
        t0, local = self.now, None if error else "198.51.100.7"
        entry = (log.CONNECT, t0, self.wait(ms), "192.0.2.1", 25, local, error)
        self.record.add(*entry)

    def tls(self, ms: float = 12.0, error: str | None = None) -> None:
        t0 = self.now
        self.record.add(log.TLS, t0, self.wait(ms), FACTS, error)

    def send(self, *lines: tuple[str, str, bytes], ms: float = 0.02) -> list[int]:
        t0, t1, numbers = self.now, self.wait(ms), []
        for step, verb, shown in lines:
            self.exchange += 1
            entry = (log.SEND, t0, t1, self.exchange, step, verb, shown, len(shown))
            self.record.add(*entry)
            numbers.append(self.exchange)
        return numbers

    def group(self, *parts: Part, ms: float = 0.02) -> int:
        """Send parts together; return the number of the first exchange."""
        t0, first = self.now, self.exchange + 1
        self.record.add(log.GROUP, t0, self.wait(ms), first, parts)
        self.exchange += sum(part[1] is not None for part in parts)
        return first

    def replies(
        self, octets: bytes, exchange: int, wait: float = 1.0, receive: float = 0.0
    ) -> None:
        t0 = self.wait(wait)
        self.record.add(log.REPLIES, t0, self.wait(receive), exchange, octets)

    def reply(
        self, octets: bytes, exchange: int, wait: float = 1.0, receive: float = 0.0
    ) -> None:
        t0 = self.wait(wait)
        entry = (log.REPLY, t0, self.wait(receive), exchange, 1, octets)
        self.record.add(*entry)

    def greeting(self, octets: bytes = b"220 mx1 ESMTP Postfix\r\n") -> None:
        self.reply(octets, 0, wait=3.0)

    def say(
        self,
        step: str,
        line: bytes,
        answer: bytes,
        wait: float = 1.0,
        receive: float = 0.0,
    ) -> None:
        verb = line.partition(b" ")[0].strip().decode()
        (exchange,) = self.send((step, verb, line))
        self.reply(answer, exchange, wait, receive)

    def content(self, n_octets: int, n_lines: int, ms: float = 4.0) -> None:
        """Send one block of the content whose dot will be the next exchange."""
        t0, number = self.now, self.exchange + 1
        self.record.add(log.CONTENT, t0, self.wait(ms), number, n_octets, n_lines)

    def dot(self) -> int:
        return self.send(("eod", ".", b".\r\n"))[0]

    def error(
        self, step: str, kind: str, text: str, outcome: str | None = None
    ) -> None:
        self.record.add(log.ERROR, self.now, step, kind, text, outcome)

    def note(self, what: str, detail: str = "") -> None:
        self.record.add(log.NOTE, self.now, what, detail)

    def close(self, how: str = "quit") -> Record:
        self.record.add(log.CLOSE, self.now, how)
        return self.record


def opened(host: str = "mx1.example.test") -> Log:
    """A session up to and including EHLO."""
    session = Log(host)
    session.resolve()
    session.connect()
    session.greeting()
    session.say("ehlo", b"EHLO client.test\r\n", EHLO, receive=0.5)
    return session


def mail_and_data(session: Log) -> None:
    """A transaction up to the 354, with one recipient accepted and one refused."""
    session.say("mail", b"MAIL FROM:<a@client.test> SIZE=900\r\n", b"250 2.1.0 Ok\r\n")
    session.say("rcpt", b"RCPT TO:<ok@example.test>\r\n", b"250 2.1.5 Ok\r\n")
    refusal = b"550 5.1.1 <no@example.test>: User unknown\r\n"
    session.say("rcpt", b"RCPT TO:<no@example.test>\r\n", refusal)
    session.say("data", b"DATA\r\n", b"354 End data with a dot\r\n")


def plain() -> Record:
    """One accepted and one refused recipient; 700 ms of thinking before QUIT."""
    session = opened()
    mail_and_data(session)
    session.content(65_536, 900)
    session.content(1_234, 30)
    accepted = b"250 2.0.0 Ok: queued as E056A284323\r\n"
    session.reply(accepted, session.dot(), wait=9.0)
    session.wait(700.0)
    session.say("quit", b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
    return session.close()


def starttls() -> Record:
    """STARTTLS, AUTH in two lines, QUIT."""
    session = opened()
    session.say("starttls", b"STARTTLS\r\n", b"220 2.0.0 Go ahead\r\n")
    session.tls()
    session.say("ehlo", b"EHLO client.test\r\n", EHLO)
    session.say("auth", b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n")
    session.send(("auth", "", b"<secret 24 bytes>\r\n"))
    session.reply(b"535 5.7.8 no <secret 24 bytes>\r\n", session.exchange, wait=20.0)
    session.say("quit", b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
    return session.close()


def cancelled_in_body() -> Record:
    """cancel() while content was being sent."""
    session = opened()
    mail_and_data(session)
    session.content(65_536, 900)
    session.wait(250.0)
    session.note("cancel")
    session.error("body", "Cancelled", "cancelled while sending", "aborted")
    return session.close("abort")


def unknown() -> Record:
    """The final dot left, and no reply came."""
    session = opened()
    mail_and_data(session)
    session.content(1_234, 30)
    session.dot()
    session.wait(600.0)
    session.error("eod", "DeadlineExceeded", "no reply in 0.6 s", "unknown")
    return session.close("abort")


def refused_at_connect() -> Record:
    """Nobody listens."""
    session = Log()
    session.resolve()
    session.connect(0.3, "Connection refused")
    session.error("connect", "ConnectError", "192.0.2.1: Connection refused")
    return session.close("lost")


MAIL = part("mail", b"MAIL FROM:<a@client.test>\r\n")
OK_TO = part("rcpt", b"RCPT TO:<ok@example.test>\r\n")
LATER_TO = part("rcpt", b"RCPT TO:<later@example.test>\r\n")
DATA = part("data", b"DATA\r\n")
DOT = part("eod", b".\r\n")
QUIT = part("quit", b"QUIT\r\n")
CHUNK = part("body", b"BDAT 1000\r\n")
LAST = part("eod", b"BDAT 500 LAST\r\n")


def pipelined() -> Record:
    """MAIL, two RCPT and DATA in one group; content, dot and QUIT in another."""
    session = opened()
    first = session.group(MAIL, OK_TO, LATER_TO, DATA)
    session.replies(b"250 Ok\r\n250 Ok\r\n", first, wait=2.0)
    session.replies(b"450 4.2.0 Busy\r\n354 Go\r\n", first + 2, wait=2.0, receive=0.5)
    first = session.group(("body", None, None, 500, 10), DOT, QUIT)
    session.replies(b"250 OK id=1tF2ab-0007xy-3C\r\n", first, wait=3.0)
    session.replies(b"221 Bye\r\n", first + 1, wait=0.1)
    return session.close()


def stream() -> Record:
    """Two messages; the end of the first and the start of the second in one group."""
    session = opened()
    first = session.group(MAIL, OK_TO, DATA)
    session.replies(b"250 Ok\r\n250 Ok\r\n354 Go\r\n", first)
    body: Part = ("body", None, None, 500, None)
    first = session.group(body, DOT, MAIL, OK_TO, DATA)
    answer = (
        b"250-2.0.0 Ok:\r\n250 2.0.0 queued as A1\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n"
    )
    session.replies(answer, first, wait=5.0)
    first = session.group(body, DOT)
    session.replies(b"250 2.0.0 Ok: queued as A2\r\n", first, wait=5.0)
    return session.close("disconnect")


def chunked() -> Record:
    """A window of two messages by BDAT (RFC 3030); the second is refused."""
    session = opened()
    chunk: Part = ("body", None, None, 1000, 20)
    last: Part = ("body", None, None, 500, 10)
    message = (MAIL, OK_TO, CHUNK, chunk, LAST, last)
    first = session.group(*message, *message)
    good = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 1000 octets\r\n250 2.0.0 Ok id=B1\r\n"
    bad = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n552 5.3.4 Too big\r\n503 5.5.1 No\r\n"
    session.replies(good + bad, first, wait=4.0, receive=1.0)
    return session.close("disconnect")
