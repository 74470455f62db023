"""Records without a server: what a hundred thousand sessions would have left behind.

Three kinds. *Lock-step*: many sessions of nineteen events each with many hosts, a
message to two recipients, a tenth of them refused, one command at a time. *Distinct*:
the same, but no two sessions have a sender, a recipient or a reply to them in common,
nor an address, and each has times of its own. *Pipelined*: one session that sends a
stream of messages, the end of each and the start of the next in one group. Times vary
as on a network; each accepted message has a queue id of its own.
"""

from __future__ import annotations

import random

from smtpnb.wire import record as log
from smtpnb.wire.record import Record

HOSTS = 5000
EVENTS_OF_A_SESSION = 19
EVENTS_OF_A_MESSAGE = 11  # MAIL, two RCPT, DATA, content, dot; and five replies

_EHLO = (
    b"250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250-8BITMIME\r\n"
    b"250 ENHANCEDSTATUSCODES\r\n"
)


class _Writer:
    """One record, and the time."""

    def __init__(self, chance: random.Random, host: str) -> None:
        self.record = Record(host, 25)
        self.now = self.record.start_ns
        self.exchange = 0
        self._chance = chance

    def later(self, ms: float) -> int:
        self.now += round(self._chance.expovariate(1 / ms) * 1e6)
        return self.now

    def say(self, step: str, line: bytes, answer: bytes, ms: float) -> None:
        self.exchange += 1
        verb = line[:4].decode().strip()
        self.record.add(
            *(log.SEND, self.now, self.later(0.02), self.exchange),
            *(step, verb, line, len(line)),
        )
        self.hear(answer, self.exchange, ms)

    def hear(self, answer: bytes, exchange: int, ms: float) -> None:
        t = self.later(ms)
        self.record.add(log.REPLY, t, t, exchange, 1, answer)


def lock_step(n_events: int, seed: int = 1) -> list[Record]:
    """Return records of about `n_events` events in all."""
    chance = random.Random(seed)
    number = range(max(n_events // EVENTS_OF_A_SESSION, 1))
    return [_session(chance, chance.randrange(HOSTS)) for _ in number]


def distinct(n_events: int, seed: int = 3) -> list[Record]:
    """Return records as `lock_step` does, with nothing said twice."""
    chance = random.Random(seed)
    n_sessions = max(n_events // EVENTS_OF_A_SESSION, 1)
    hosts = max(n_sessions // 10, 1)
    return [_session(chance, own % hosts, own) for own in range(n_sessions)]


def _session(chance: random.Random, site: int, own: int | None = None) -> Record:
    host, address = f"mx{site}.example.test", f"192.0.{site // 256}.{site % 256}"
    who = b"" if own is None else b"%d" % own
    if own is not None:
        address = f"10.{own >> 16}.{own >> 8 & 255}.{own & 255}"
    writer = _Writer(chance, host)
    writer.record.wall_ns += (own or 0) * 1_234_567_891
    add = writer.record.add
    add(log.RESOLVE, writer.now, writer.later(3), host, (address,), None)
    add(log.CONNECT, writer.now, writer.later(20), address, 25, "198.51.100.7", None)
    writer.hear(b"220 %b ESMTP Postfix\r\n" % host.encode(), 0, 30)
    offer = b"250-%b\r\n" % host.encode() + _EHLO
    writer.say("ehlo", b"EHLO client.test\r\n", offer, 20)
    writer.say(
        "mail", b"MAIL FROM:<a%b@client.test>\r\n" % who, b"250 2.1.0 Ok\r\n", 20
    )
    refused = b"550 5.1.1 <ok%b@example.test>: User unknown\r\n" % who
    granted = b"250 2.1.5 Ok%b\r\n" % (who and b" (%b)" % who)
    for _ in range(2):
        answer = refused if chance.random() < 0.1 else granted
        writer.say("rcpt", b"RCPT TO:<ok%b@example.test>\r\n" % who, answer, 25)
    writer.say("data", b"DATA\r\n", b"354 End data with <CR><LF>.<CR><LF>\r\n", 20)
    octets = chance.randrange(500, 50_000)
    ended = writer.exchange + 1
    add(log.CONTENT, writer.now, writer.later(2), ended, octets, octets // 60)
    accepted = b"250 2.0.0 Ok: queued as %010X\r\n" % chance.getrandbits(40)
    writer.say("eod", b".\r\n", accepted, 60)
    writer.say("quit", b"QUIT\r\n", b"221 2.0.0 Bye\r\n", 15)
    add(log.CLOSE, writer.now, "quit")
    return writer.record


def pipelined(n_events: int, seed: int = 2) -> list[Record]:
    """Return one record of about `n_events` events."""
    chance = random.Random(seed)
    writer = _Writer(chance, "mx.example.test")
    add = writer.record.add
    add(log.CONNECT, writer.now, writer.later(20), "192.0.2.1", 25, None, None)
    writer.hear(b"220 mx.example.test ESMTP\r\n", 0, 30)
    writer.say("ehlo", b"EHLO client.test\r\n", b"250-mx\r\n" + _EHLO, 20)
    open_parts: tuple[tuple[str | int | bytes | None, ...], ...] = (
        ("mail", "MAIL", b"MAIL FROM:<a@client.test>\r\n", 27),
        ("rcpt", "RCPT", b"RCPT TO:<ok@example.test>\r\n", 27),
        ("rcpt", "RCPT", b"RCPT TO:<me@example.test>\r\n", 27),
        ("data", "DATA", b"DATA\r\n", 6),
    )
    end_parts = (("body", None, None, 1024, None), ("eod", ".", b".\r\n", 3))
    opened = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n354 Go ahead\r\n"
    parts, answer, exchange = open_parts, opened, writer.exchange + 1
    for _ in range(max(n_events // EVENTS_OF_A_MESSAGE, 1)):
        add(log.GROUP, writer.now, writer.later(0.05), exchange, parts)
        t = writer.later(1)
        add(log.REPLIES, t, t, exchange, answer)
        exchange += sum(part[1] is not None for part in parts)
        parts = end_parts + open_parts
        accepted = b"250 2.0.0 Ok: queued as %010X\r\n" % chance.getrandbits(40)
        answer = accepted + opened
    add(log.CLOSE, writer.now, "disconnect")
    return [writer.record]
