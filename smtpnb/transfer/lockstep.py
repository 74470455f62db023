"""Messages command by command: for a server without PIPELINING (RFC 2920).

Each reply is waited for, and a refusal stops what would follow it: no RCPT after a
refused MAIL, no content without a recipient. How the content of one message leaves, by
DATA or by BDAT, is here as well: the other ways end a message by the same steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.content import stuffed
from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.group import BLOCK, Group, announced, chunk, end_of_data
from smtpnb.protocol.session import State
from smtpnb.protocol.transaction import refused
from smtpnb.transfer.bearable import encoder_of
from smtpnb.transfer.body import Blocks, Body
from smtpnb.transfer.plan import Job, Way
from smtpnb.wire import record
from smtpnb.wire.leaving import Departure
from smtpnb.wire.record import clock
from smtpnb.wire.wait import Call, now

if TYPE_CHECKING:
    from smtpnb.wire.wait import Steps

# Octets of a chunk: each costs a reply, and memory is to stay flat.
_CHUNK: Final = 4 * BLOCK
# Seconds for which a chunk waits to be filled by an iterator that thinks.
_LINGER: Final = 1.0


class LockStep(Way):
    """Waits for the reply to each command."""

    chunks_ahead = 0

    def run(self) -> Steps[None]:
        """Send the messages, in order."""
        while (job := (yield from self.take())) is not None:
            # RSET is said alone: what a server that has had enough says to it (554)
            # ends the stream, and is no verdict on the next message.
            if not (yield from self.reset()):
                return
            yield from self.one(job)
            if self.over():
                return

    def one(self, job: Job) -> Steps[None]:
        """Send one message to its end; nothing is open, nothing is owed."""
        yield from self.envelope(job)
        if not self.over():
            yield from self.content(job)
        job.settled = not self.over()
        yield from self.hand_out()

    def envelope(self, job: Job) -> Steps[None]:
        """Say MAIL, each RCPT and DATA; stop where it is of no more use."""
        transaction, at = job.transaction, 0
        whole = job.envelope
        for part, event in zip(whole.parts, whole.events, strict=True):
            line = whole.wire[at : at + part[3]]
            at += part[3]
            if event == "DATA" and not transaction.wanted:
                return
            group = Group(line, (part,), (event,))
            yield from self.leave(Departure(group, transaction))
            yield from self.read_all()
            mail = transaction.mail
            if self.over() or (mail is not None and refused(mail)):
                return

    def content(self, job: Job) -> Steps[None]:
        """Send the content, if somebody wants it, and wait for the final reply."""
        if not self.by_data:
            if job.transaction.wanted:
                yield from self._chunked(job)
        elif self.session.state is State.DATA:
            departures = yield from self.end_by_data(job)
            if departures:
                yield from self.leave(*departures, heard=True)
                yield from self.read_all()

    # By DATA

    def end_by_data(self, job: Job) -> Steps[tuple[Departure, ...]]:
        """Send a large content; return what ends the message, or is all of it.

        Returns:
            Nothing if the server refused in the middle: the connection is closed then.

        Raises:
            RemoteProtocolError: DATA was granted in a transaction that was refused:
                neither a dot nor RSET can be said to such a server.
        """
        transaction, whole = job.transaction, job.whole
        if transaction.mail is not None and refused(transaction.mail):
            raise RemoteProtocolError("MAIL was refused, and DATA answered 354")
        if not transaction.wanted and transaction.lmtp:
            # A dot would be answered once for each accepted recipient, of whom there
            # are none: nobody knows how often.
            raise RemoteProtocolError(
                "no recipient was accepted, and DATA answered 354: LMTP wants 503 "
                "(RFC 2033 section 4.2)"
            )
        if not transaction.wanted:  # RFC 2920 section 3.1: a lone dot
            return (Departure(end_of_data(b"", None), transaction),)
        encoder = encoder_of(job.mail, self.session, stuff=True)
        body = Body(self.engine, encoder, transaction, self.progress)
        if whole is None:
            early = yield from body.send(job.mail.pieces(), self.limit)
            if early is not None:
                return ()
            return (Departure(body.end_of_content(), transaction),)
        if self.exchange.hears():
            yield from body.early_reply(self.limit)
            return ()
        octets, n_lines, _ = whole
        return (Departure(end_of_data(stuffed(octets), n_lines), transaction),)

    # By BDAT

    def _chunked(self, job: Job) -> Steps[None]:
        """Send the content in chunks; the last one ends the message.

        A message whose chunk was refused is over; what the server still holds of it
        goes with the next RSET (RFC 3030 section 2).
        """
        file = job.mail.rest_of_file
        if job.whole is not None:
            octets, n_lines, _ = job.whole
            group = chunk(octets, n_lines, last=True)
            yield from self.leave(Departure(group, job.transaction))
        elif file is not None and self.engine.facts is None:  # in clear
            yield from self._chunk_of_file(job, *file)
        else:
            yield from self._chunks(job)
        yield from self.read_all()

    def _chunks(self, job: Job) -> Steps[None]:
        encoder = encoder_of(job.mail, self.session, stuff=False)
        blocks = Blocks(job.mail.pieces())
        ready, n_lines, due = bytearray(), 0, now() + _LINGER
        while (block := (yield from blocks.following(self.limit))) is not None:
            ready += encoder.feed(block)
            if len(ready) < _CHUNK and now() < due:
                continue
            group = chunk(ready, encoder.n_lines - n_lines, last=False)
            ready, n_lines, due = bytearray(), encoder.n_lines, now() + _LINGER
            yield from self._chunk(job, group)
            if job.transaction.chunk is not None or self.over():
                break
            if self.progress is not None:
                yield Call(self.progress, encoder.n_octets)
        # The end may not leave before every chunk was accepted: a server that refused
        # one and takes the rest would deliver what is left of the message.
        yield from self.read_all()
        if job.transaction.chunk is None and not self.over():
            ready += encoder.finish()
            group = chunk(ready, encoder.n_lines - n_lines, last=True)
            yield from self._chunk(job, group)
            if self.progress is not None and not self.over():
                yield Call(self.progress, encoder.n_octets)

    def _chunk(self, job: Job, group: Group) -> Steps[None]:
        yield from self.leave(Departure(group, job.transaction))
        while self.session.owed > self.chunks_ahead and not self.exchange.stopped:
            yield from self.read()

    def _chunk_of_file(self, job: Job, fd: int, offset: int, size: int) -> Steps[None]:
        """Let the kernel send a file whose line ends are known, as one chunk."""
        exchange, transaction = self.exchange, job.transaction
        yield from self.leave(Departure(announced(size, last=True), transaction))
        started, before = clock(), exchange.sent
        try:
            steps = exchange.copy(fd, offset, size, self.limit)
            yield from self.with_progress(steps)
        finally:
            octets = exchange.sent - before
            self.engine.log.add(
                record.CONTENT, started, clock(), exchange.number, octets, None
            )

    def with_progress(self, steps: Steps[int]) -> Steps[int]:
        """Tell the user how much of a file has left, while it leaves."""
        before = self.exchange.sent
        answer = None
        try:
            while True:
                asked = steps.send(answer)
                answer = yield asked
                if self.progress is not None:
                    yield Call(self.progress, self.exchange.sent - before)
        except StopIteration as stop:
            n: int = stop.value
            return n
        finally:
            steps.close()
