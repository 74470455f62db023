"""Sends messages one after another and keeps the books: what became of each.

How they leave depends on what the server allows, and each way has a file: command by
command (`by_command`), one turn for each message (`by_turn`), or a window of them
(`by_window`). Common to all, and here:

* Each reply is matched to its command, first in first out; a message ends up accepted,
  refused, unknown, aborted or not tried, and nothing is ever sent twice.
* Unknown are those whose end had left when the connection was lost, and only those:
  every message carries the count of octets beyond which the server may have taken it.
* After a 421 nothing more is begun.

This module knows nothing of the octets of a command, nor of threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final

from smtpnb.message.delivery import (
    ABORTED,
    ACCEPTED,
    NOT_TRIED,
    REFUSED,
    UNKNOWN,
    Delivery,
)
from smtpnb.message.envelope import Whole, mail_object
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    SmtpError,
)
from smtpnb.protocol.session import State
from smtpnb.transfer.envelopes import QUIT, Envelope, Envelopes
from smtpnb.wire.wait import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from smtpnb.protocol.group import Draft
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# Up to this size a content leaves in one run of octets with commands around it. A
# larger one is sent in blocks, and not before a recipient was accepted.
LARGE: Final = 64 * 1024

# What replies that are due belong to: a message, its end among them or not; a chunk of
# it; or nothing that anybody asks about.
PART: Final = 0
END: Final = 1
CHUNK: Final = 2
ASIDE: Final = 3


# A message that is ready to be sent; the whole content is None for a large one.
Job = tuple[Delivery, Envelope, Whole | None]


class Courier(ABC):
    """Sends mail objects over one connection.

    Args:
        engine: The connection; its session must be ready for a transaction.
        by_data: Send the content by DATA; else by BDAT, which must be offered.
        timeout: Seconds for all of it; None for those of each step.
        quits: Say QUIT at the end, in one group with the end of the last message
            where that is possible.
        progress: Called with the octets of a large content sent so far.
        on_delivery: Called with each delivery as soon as it is settled.

    Attributes:
        deliveries: One for each mail object taken, in order.
        current: The message under way while no reply to it is due.
        pipelining: Whether more than one command may await its reply.
    """

    pipelining = True

    def __init__(
        self,
        engine: Engine,
        *,
        by_data: bool = True,
        timeout: float | None = None,
        quits: bool = False,
        progress: Callable[[int], None] | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.engine = engine
        self.by_data = by_data
        self.deliveries: list[Delivery] = []
        self.current: Delivery | None = None
        self.limit = None if timeout is None else now() + timeout
        self._quits = quits
        self._progress = progress
        self._on_delivery = on_delivery
        self._envelopes = Envelopes(engine.session, by_data=by_data)
        self._due: deque[tuple[Delivery | None, int, int]] = deque()
        self._untold: list[Delivery] = []  # settled, but on_delivery was not called

    def send(self, mails: Iterable[Any]) -> Steps[list[Delivery]]:
        """Send all of them.

        Args:
            mails: What `mail_object` takes; taken one by one, as they are sent.

        Returns:
            The deliveries, in order.

        Raises:
            SmtpError, Cancelled: As ever; `deliveries` of the error tells what became
                of each message.
        """
        engine = self.engine
        engine.judge, engine.on_replies = self._judge, self._take
        try:
            yield from engine.guard(None, self._send(self._jobs(mails)))
            if self._quits and not self.over():
                yield from engine.quit(None)
        except BaseException as error:
            if isinstance(error, (SmtpError, Cancelled)):
                error.deliveries = tuple(self.deliveries)
            self.tell()
            if not self._said_goodbye(error):
                raise
        else:
            if self._quits and engine.connected:
                engine.end("quit")
            self.tell()
        finally:
            engine.judge = engine.on_replies = None
        return self.deliveries

    def _said_goodbye(self, error: BaseException) -> bool:
        """Whether the connection ended because one side had said so.

        A 421 is an answer, unless it leaves a message unknown. And who does not answer
        QUIT changes nothing of what was answered before.
        """
        outcomes = {delivery.outcome for delivery in self.deliveries}
        reply = self.engine.last_reply
        said_421 = reply is not None and reply.code == 421 and UNKNOWN not in outcomes
        done = self._quits and outcomes <= {ACCEPTED, REFUSED}
        return isinstance(error, ConnectionLost) and (said_421 or done)

    @abstractmethod
    def _send(self, jobs: Iterator[Job]) -> Steps[None]:
        """Send the messages, in order."""

    def _jobs(self, mails: Iterable[Any]) -> Iterator[Job]:
        """Prepare the messages one by one; those that must not be sent are left out."""
        of, by_bdat = self._envelopes.of, self.pipelining and not self.by_data
        for given in mails:
            mail = mail_object(given)
            delivery = Delivery(mail)
            self.deliveries.append(delivery)
            try:
                whole = mail.whole(LARGE)
                if whole is None:
                    mail.claim()
                    envelope = of(mail, mail.size, ascii_only=False)
                else:
                    octets, _, ascii_only = whole
                    size = len(octets)
                    envelope = of(mail, size, ascii_only=ascii_only, last=by_bdat)
            except LocalProtocolError as error:
                delivery.error = error
                continue
            yield delivery, envelope, whole

    # Writing and reading

    def over(self) -> bool:
        """Whether nothing more can be begun."""
        engine = self.engine
        return engine.stream is None or engine.session.state is State.CLOSING

    def expect(self, delivery: Delivery | None, n: int, what: int) -> None:
        """Note that `n` replies will be due."""
        self._due.append((delivery, n, what))

    def add_envelope(self, draft: Draft, job: Job, *, reset: bool) -> None:
        """Draft the envelope of a message, with RSET before it or not."""
        delivery, envelope, _ = job
        group = envelope.after_reset if reset else envelope.first
        delivery.begin(lead=int(reset))
        draft.add(group)
        self.expect(delivery, len(group.commands), PART)

    def add_quit(self, draft: Draft) -> None:
        """Draft QUIT behind the last message, if that was asked for."""
        if self._quits:
            draft.add(QUIT)
            self.expect(None, 1, ASIDE)

    @property
    def n_due(self) -> int:
        """How many entries of `expect` await a reply."""
        return len(self._due)

    def write(self, draft: Draft) -> Steps[None]:
        """Write what was drafted as one group; what comes meanwhile is taken."""
        yield from self.engine.write_group(draft.group(), self.limit)
        if self.engine.halted:
            self.stop_short()

    def converse(self, draft: Draft) -> Steps[None]:
        """Write what was drafted as one group, and take all replies that are owed."""
        yield from self.write(draft)
        yield from self.read_all()

    def stop_short(self) -> None:
        """End the connection in the middle of a message that was refused already."""
        self.engine.log.note("early reply", "the message was not finished")
        self.engine.abort("abort")

    def read(self) -> Steps[None]:
        """Read and take what comes next: replies, or the end of the connection."""
        yield from self.engine.read_group(self.limit)
        if self.engine.halted:
            self.stop_short()
        self.tell()

    def read_all(self) -> Steps[None]:
        """Read until no reply is owed, or the connection has ended."""
        while self.engine.session.owed:
            yield from self.read()

    def tell_progress(self, octets: int) -> None:
        """Tell how much of a large content was sent."""
        if self._progress is not None:
            self._progress(octets)

    # The books

    def _take(self, replies: tuple[bytes, ...]) -> None:
        """Take replies that were read together, each for what it answers."""
        self.engine.session.received_all(replies)
        start, due, sent = 0, self._due, self.engine.sent
        while start < len(replies):
            delivery, n, what = due[0]
            got = replies[start : start + n]
            start += n
            if len(got) < n:
                due[0] = delivery, n - len(got), what
            else:
                due.popleft()
            if delivery is None:
                continue
            if what == END and len(got) == n and delivery.granted(got, sent):
                self._untold.append(delivery)  # nearly always accepted
            else:
                self._answered(delivery, got, what, ended=len(got) == n)

    def tell(self) -> None:
        """Tell what was settled. Not while replies are taken: a callback may raise."""
        told, self._untold = self._untold, []
        if self._on_delivery is not None:
            for delivery in told:
                self._on_delivery(delivery)

    def _answered(
        self, delivery: Delivery, got: tuple[bytes, ...], what: int, *, ended: bool
    ) -> None:
        if what == CHUNK:
            if got[0] >= b"4" and not delivery.ended:
                delivery.take(got, ended=True)
        elif delivery.outcome == NOT_TRIED and not delivery.ended:
            delivery.take(got, ended=ended and what == END)
            if ended and what == END:
                self._finished(delivery, got[-1])
            elif ended and not delivery.wanted:
                self.settle(delivery, REFUSED)

    def _finished(self, delivery: Delivery, final: bytes) -> None:
        refused = final >= b"4" or not delivery.wanted
        if self.engine.sent <= (delivery.end_at or 0):  # its end has not left
            if not refused:
                raise RemoteProtocolError(
                    "the server replied in the middle of the message"
                )
            self.engine.halted = self.by_data  # a chunk must be sent to its end
        if b"3" <= final < b"4":
            self.settle(delivery, UNKNOWN)
            raise RemoteProtocolError('the end of the message was answered "go on"')
        self.settle(delivery, REFUSED if refused else ACCEPTED)

    def settle(self, delivery: Delivery, outcome: str) -> None:
        """Write down what became of a message."""
        delivery.outcome = outcome
        if delivery is self.current:
            self.current = None
        self._untold.append(delivery)

    def _judge(self) -> str | None:
        """Settle what is under way when the connection ends; return the worst."""
        sent, outcomes = self.engine.sent, set()
        under_way = [delivery for delivery, _, _ in self._due]
        for delivery in (self.current, *under_way):
            if delivery is None or delivery.outcome != NOT_TRIED:
                continue
            taken = delivery.end_at is not None and sent > delivery.end_at
            said_no = delivery.mail_refused or delivery.said_421 or delivery.ended
            outcome = REFUSED if said_no else UNKNOWN if taken else ABORTED
            outcomes.add(outcome)
            self.settle(delivery, outcome)
        for outcome in (UNKNOWN, ABORTED, REFUSED):
            if outcome in outcomes:
                return outcome
        only = self.deliveries[0].outcome if len(self.deliveries) == 1 else None
        return only if only in {ACCEPTED, REFUSED} else None
