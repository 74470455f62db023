"""Messages by BDAT, a window of them (RFC 3030): asked for by `overlap="window"`.

A chunk says its length, so nothing has to be waited for: envelope and content of many
messages leave in one run of octets, and no message costs a turn. The size of the
window is the price: so many messages a lost connection leaves unknown.

RSET stands before each MAIL but the first. After a refused chunk nobody knows what the
server holds, nor whether it read the chunk at all: a widely used server library does
not, and takes its octets for commands. So behind a refusal nothing is believed until a
RSET, said alone, was granted and nothing is left over; else all that was sent since is
unknown. The same holds where something is left over when nothing is owed any more: a
reply too many was taken for that of a later command, and nobody knows where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.group import Group, chunk
from smtpnb.protocol.session import State
from smtpnb.protocol.transaction import ACCEPTED
from smtpnb.transfer.envelope import RSET
from smtpnb.transfer.pipelined import QUIT, Pipelined
from smtpnb.wire.leaving import Departure

if TYPE_CHECKING:
    from smtpnb.transfer.plan import Job
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# Enough octets a write to be worth it, few enough to keep the server busy meanwhile.
_BATCH_OCTETS: Final = 64 * 1024


class Window(Pipelined):
    """Sends whole messages one behind the other.

    Args:
        engine: The connection.
        window: How many messages may be under way.
        given: As for `Way`.
    """

    def __init__(self, engine: Engine, *, window: int, **given: Any) -> None:
        super().__init__(engine, by_data=False, **given)
        self._window = max(window, 1)
        self._departed = 0  # how many of the unsettled have left
        self._doubted: Job | None = None  # its chunk was refused; what is behind it?

    def run(self) -> Steps[None]:
        """Send the messages, in order."""
        try:
            yield from self._send_batches()
            yield from self._settle_all()
        except BaseException:
            if self.exchange.left_over:
                self._doubted = next(iter(self.unsettled[: self._departed]), None)
            self._settle_answered()  # a chunk may have been refused in the same receive
            self._disbelieve()
            raise

    def _send_batches(self) -> Steps[None]:
        batch = _Batch()
        while (job := (yield from self.take())) is not None:
            if job.whole is None:
                yield from self._flush(batch)
                yield from self._large(job)
            else:
                batch.add(job, reset=self._departed > 0 or self.needs_reset)
            # Half a window, so that the server has work while the next is made.
            if batch.n_messages * 2 >= self._window or batch.octets >= _BATCH_OCTETS:
                yield from self._flush(batch)
            if self.over():
                return
        if self.quits and batch.n_messages:
            batch.departures.append(Departure(QUIT))
        yield from self._flush(batch)

    def _flush(self, batch: _Batch) -> Steps[None]:
        n = batch.n_messages
        while self._departed and self._departed + n > self._window and not self.over():
            yield from self._read()
        if self.over() or not n:
            return
        batch.number(self.exchange.number + 1)
        self._departed += n
        departures = batch.departures
        batch.clear()
        yield from self.leave(*departures)

    def _large(self, job: Job) -> Steps[None]:
        """Send the envelope, and the content only if somebody wants it."""
        yield from self._settle_all()
        if not self.over() and (yield from self.reset()):
            yield from self.one(job)

    # What became of them

    def _settle_all(self) -> Steps[None]:
        while self.session.queue and self.engine.connected:
            yield from self._read()
        yield from self._verify()

    def _read(self) -> Steps[None]:
        yield from self.exchange.read()
        if self._departed and not self.session.queue:
            self.exchange.refuse_unread()  # before what was answered is believed
        self.close_if_closing()
        if self.session.queue and self.exchange.incoming.unread:
            return  # more has come: it is judged together
        self._settle_answered()
        if self._doubted is not None and self.engine.connected:
            yield from self._verify()
        yield from self.hand_out()

    def _settle_answered(self) -> None:
        """Settle what was answered to its end, up to the first refused chunk."""
        for job in self.unsettled[: self._departed]:
            transaction = job.transaction
            if transaction.owes_more or self._doubted is not None:
                return
            refusal = transaction.outcome != ACCEPTED
            odd = refusal and transaction.is_contradictory
            if odd or (refusal and not self.exchange.said_421):
                self._doubted = job
            if odd:  # its refusal, too, may be a reply to something else
                return
            job.settled = True
            self._departed -= 1

    def _verify(self) -> Steps[None]:
        """Behind a refused chunk: find out whether replies still match commands."""
        if self._doubted is None:
            return
        yield from self.read_all()
        departed = self.unsettled[: self._departed]
        if self.engine.connected and self.session.state is not State.CLOSING:
            yield from self.say_reset(doubted=True)
        elif any(job.transaction.is_contradictory for job in departed):
            raise RemoteProtocolError(
                "a message was refused, and what followed in it was granted: commands "
                "and replies do not match"
            )
        self._doubted = None
        for job in departed:
            job.settled = not job.transaction.owes_more
        self._departed = 0

    def _disbelieve(self) -> None:
        """What seems to answer what stood behind a refused chunk proves nothing."""
        departed = self.unsettled[: self._departed]
        if self._doubted is None or not departed:
            return
        self.session.queue.clear()
        self.exchange.note_doubt(departed[0].exchange)
        for job in departed:
            job.transaction.disbelieve()
            job.transaction.settle(left=self.exchange.has_left(job.transaction))


class _Batch:
    """Messages that will leave as one run of octets.

    Attributes:
        departures: Their groups, with RSET before each but the first.
        jobs: Whose each of them is; None for RSET.
        n_messages: How many they are.
        octets: Of all of it.
    """

    __slots__ = ("departures", "jobs", "n_messages", "octets")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.departures: list[Departure] = []
        self.jobs: list[Job | None] = []
        self.n_messages = 0
        self.octets = 0

    def number(self, first: int) -> None:
        """Tell each message the number of its first exchange."""
        for departure, job in zip(self.departures, self.jobs, strict=False):
            if job is not None:
                job.exchange = first
            first += len(departure.group.events)

    def add(self, job: Job, *, reset: bool) -> None:
        """Add a message, with RSET before it or not."""
        if reset or self.n_messages:
            self.departures.append(Departure(RSET))
            self.jobs.append(None)
        group = _in_one(job)
        self.departures.append(Departure(group, job.transaction))
        self.jobs.append(job)
        self.n_messages += 1
        self.octets += len(group.wire)


def _in_one(job: Job) -> Group:
    """Return envelope and content of a message as one group."""
    assert job.whole is not None  # noqa: S101  # a large one goes another way
    octets, n_lines, _ = job.whole
    head, tail = job.envelope, chunk(octets, n_lines, last=True)
    end = None if tail.end is None else len(head.wire) + tail.end
    return Group(
        head.wire + tail.wire, head.parts + tail.parts, head.events + tail.events, end
    )
