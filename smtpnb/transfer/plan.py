"""The books of a stream of messages: which are under way, and what is known of them.

How the octets leave depends on what the server allows and on what the user asked for,
and each way has a file: `lockstep` (command by command), `pipelined` (commands in
groups, RFC 2920) and `chunked` (BDAT, RFC 3030). Common to all, and here:

* Messages are taken one by one, as they are sent. One that cannot be made is *not
  tried*, with its error, and the stream goes on.
* A message is handed out when it is settled, in order; while whoever took it does
  something else, no deadline runs.
* What an earlier message left open is reset before the next one begins. A refused RSET
  ends the stream and nothing else; but behind a refused chunk it goes alone, and if it
  is refused there, commands and replies no longer match.
* After a 421 nothing more is begun. If no end of a message is owed behind it, the
  connection is closed at once; else what is owed is read.

Nothing is ever sent twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from smtpnb.message.choices import Leaving
from smtpnb.message.delivery import Delivery
from smtpnb.message.envelope import MailObject, Whole, mail_object
from smtpnb.protocol.errors import (
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.session import State
from smtpnb.protocol.transaction import NOT_TRIED, UNKNOWN, worst
from smtpnb.transfer.bearable import bearable
from smtpnb.transfer.envelope import RSET, Envelopes
from smtpnb.wire.leaving import Departure
from smtpnb.wire.wait import Call, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smtpnb.protocol.group import Group
    from smtpnb.protocol.reply import Reply
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# Up to this size a content leaves in one run of octets with its end. A larger one is
# sent in blocks.
LARGE: Final = 64 * 1024

NO_MORE: Final[Any] = object()


class Source:
    """Where the messages come from, one by one; it may run code of the user's.

    Args:
        mails: What `mail_object` takes.

    Attributes:
        error: What the user's own code raised: no more messages come then.

    Raises:
        LocalProtocolError: There is nothing to iterate over.
    """

    def __init__(self, mails: Iterable[Any]) -> None:
        try:
            self._mails = iter(mails)
        except TypeError:
            kind = type(mails).__name__
            raise LocalProtocolError(
                f"messages come from a list or an iterator, not {kind}; "
                "nothing was sent"
            ) from None
        self._held = isinstance(mails, (list, tuple))
        self._again: deque[Any] = deque()
        self._exhausted = self._stopped = False
        self.error: Exception | None = None

    def following(self) -> Steps[Any]:
        """Return the next one, or NO_MORE."""
        if self._stopped:
            return NO_MORE
        if self._again:
            return self._again.popleft()
        if self._exhausted:
            return NO_MORE
        if self._held:
            return next(self._mails, NO_MORE)
        given = yield Call(self._next)
        self._exhausted = given is NO_MORE
        return given

    def _next(self) -> Any:
        # What the driver throws - a cancel - is none of the user's errors.
        try:
            return next(self._mails, NO_MORE)
        except Exception as error:  # noqa: BLE001  # raised again when all is settled
            self.stop(error)
            return NO_MORE

    def has_more(self) -> Steps[bool]:
        """Tell whether another one will come."""
        given = yield from self.following()
        if given is not NO_MORE:
            self.give_back([given])
        return given is not NO_MORE

    def stop(self, error: Exception | None = None) -> None:
        """Let nothing more come."""
        self._stopped = True
        self.error = self.error or error

    def rest(self) -> Iterator[Any]:
        """Take what is left without being sent: what came back, and more of a list.

        Nothing of what runs code of the user's, and of a list nothing after `stop`.
        """
        while self._again:
            yield self._again.popleft()
        if self._held and not self._stopped:
            yield from self._mails

    def give_back(self, mails: Iterable[Any]) -> None:
        """Let some come once more, in this order: nothing of them was tried."""
        self._again.extendleft(reversed(list(mails)))


class Job:
    """A message on its way.

    Attributes:
        delivery: What became of it.
        mail: What to send.
        envelope: MAIL, RCPT and perhaps DATA.
        whole: All of the content if it is small, else None.
        exchange: In a window, the number of the first exchange of its group.
        settled: Nothing will change its outcome any more.
        transaction: The replies to it.
    """

    __slots__ = (
        *("delivery", "envelope", "exchange", "mail", "settled", "transaction"),
        "whole",
    )

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.transaction = delivery.transaction
        self.settled = False
        self.exchange = 0
        self.whole: Whole | None = None
        self.mail: MailObject
        self.envelope: Group

    def unsent(self) -> MailObject:
        """Return the message as it was given: nothing of it was taken."""
        self.mail.unclaim()
        given: MailObject = self.delivery.mail
        return given


def _untried(given: Any, error: LocalProtocolError | None = None) -> Job:
    """Return a message that nobody will look at any more, and why."""
    if isinstance(given, Job):
        return given
    try:
        job = Job(Delivery(given if error is not None else mail_object(given)))
    except LocalProtocolError as other:
        job, error = Job(Delivery(given)), other
    job.delivery.error = error
    job.settled = True
    return job


def _is_held(given: Any) -> bool:
    """Whether a message can be made without code of the user's."""
    kind = type(given)
    if kind is not MailObject and isinstance(given, tuple):
        # A named one, too; and its recipients are there.
        own = kind.__iter__ is tuple.__iter__ and kind.__len__ is tuple.__len__
        return own and len(given) == 3 and type(tuple(given)[1]) in (str, list, tuple)
    return kind is MailObject


def not_tried(source: Source, reply: Reply | None) -> Iterator[Delivery]:
    """Tell of every message that is left that it was not tried.

    Args:
        source: Where they would have come from.
        reply: The last of the server; if it is a refusal, it is the reason.
    """
    why = reply.octets if reply is not None and not reply.ok else None
    for given in source.rest():
        delivery = _untried(given).delivery
        if delivery.error is None:
            delivery.transaction.why = why
        yield delivery


class Way(ABC):
    """Sends messages over one connection, one after the other.

    Args:
        engine: The connection; its session must be ready for a transaction.
        by_data: Send the content by DATA; else by BDAT, which must be offered.
        limit: Absolute, for all of it; None for the deadline of each step.
        pausing: The limit counts only the time in which the steps run.
        most: How many messages to send over this connection; None for all.
        quits: Say QUIT in one group with the end of the last message.
        convert: Re-encode to 7 bits what the server could not be given as it is.
        progress: Called with the octets of a large content sent so far.

    Attributes:
        n_taken: How many messages were taken that can be sent.
        n_settled: How many were handed out and had been tried.
        is_full: As many as were to be sent were taken, and there are more.
    """

    in_groups = False  # RFC 2920

    def __init__(
        self,
        engine: Engine,
        *,
        by_data: bool,
        limit: float | None = None,
        pausing: bool = False,
        most: int | None = None,
        quits: bool = False,
        convert: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.engine = engine
        self.exchange = engine.exchange
        self.session = engine.session
        self.by_data = by_data
        self.limit = limit
        self.quits = quits
        self.progress = progress
        self.n_taken = 0
        self.n_settled = 0
        self.is_full = False
        self._pausing = pausing
        self._most = most
        self._convert = convert
        self._envelopes = Envelopes(engine.session, by_data=by_data)
        offered = engine.session.capabilities
        self._leaving = Leaving(offered, by_data, type(self).in_groups)
        self._open: deque[Job] = deque()
        self._source = Source(())

    def send(self, source: Source, *, goes_on: bool = False) -> Steps[None]:
        """Send messages until there are no more, or no more may be sent.

        What was taken and not tried, because the server would take no more, goes back
        to the source.

        Args:
            source: Where they come from.
            goes_on: A server that had said 421 before the first message is one that
                takes no more; else it is a lost connection.

        Yields:
            Besides waits, each delivery as soon as it is settled, in order.

        Raises:
            SmtpError, Cancelled: The connection failed; `deliveries` of the error are
                those that were not handed out.
        """
        self._source = source
        try:
            yield from self.engine.guard(None, self._run(), message=True)
        except ConnectionLost as error:
            if not self._was_goodbye(goes_on=goes_on):
                self._attach(error)
                raise
        except BaseException as error:
            self._attach(error)
            raise
        self._put_back()
        for job in self._open:
            job.settled = True
        yield from self.hand_out()

    def _run(self) -> Steps[None]:
        yield from self.run()
        self.exchange.refuse_unread()

    @abstractmethod
    def run(self) -> Steps[None]:
        """Send the messages, in order."""

    def _was_goodbye(self, *, goes_on: bool) -> bool:
        """Whether the server had said 421, and no message is unknown for it."""
        fates = {job.delivery.outcome for job in self._open}
        begun = goes_on or self.n_settled or fates != {NOT_TRIED}
        unknown = UNKNOWN in fates or any(
            job.transaction.leaves_unknown for job in self._open
        )
        return self.exchange.said_421 and bool(begun) and not unknown

    def _attach(self, error: BaseException) -> None:
        deliveries = [job.delivery for job in self._open]
        given: Any = error
        given.deliveries = tuple(deliveries)
        if getattr(error, "outcome", None) is None:
            given.outcome = worst(delivery.outcome for delivery in deliveries)
        self._open.clear()

    def _put_back(self) -> None:
        """Give back what was not tried; what stands behind it is told behind it."""
        back: list[Any] = []
        told: deque[Job] = deque()
        for job in self._open:
            faulty = job.delivery.error is not None
            if job.delivery.outcome != NOT_TRIED or (faulty and not back):
                told.append(job)
            else:
                back.append(job if faulty else job.unsent())
        self._open = told
        self._source.give_back(back)

    # Taking messages, handing out deliveries

    def take(self) -> Steps[Job | None]:
        """Return the next message that can be sent; None if there is none.

        Those that cannot are not tried, and handed out in their turn.
        """
        while not self.is_full:
            given = yield from self._source.following()
            if given is NO_MORE:
                return None
            if self.n_taken == self._most:
                self.is_full = True
                self._source.give_back([given])
                return None
            job = yield from self._made(given)
            self._open.append(job)
            if not job.settled:
                self.n_taken += 1
                return job
            yield from self.hand_out()
        return None

    def _made(self, given: Any) -> Steps[Job]:
        if isinstance(given, Job):  # it could not be made on an earlier connection
            return given
        try:
            if _is_held(given):
                mail = mail_object(given)
            else:  # it may run code of the user's: an iterator of recipients, say
                mail = yield Call(mail_object, given)
        except LocalProtocolError as error:
            return _untried(given, error)
        job = Job(Delivery(mail))
        job.transaction.lmtp = self.session.follower.lmtp
        try:
            job.mail = mail = bearable(
                mail, self.engine, by_data=self.by_data, convert=self._convert
            )
            job.delivery.sent, job.delivery.leaving = mail, self._leaving
            job.whole = whole = mail.whole(LARGE)
            if whole is None:
                mail.claim()
                size, ascii_only = mail.size, False
            else:
                size, ascii_only = len(whole[0]), whole[2]
            job.envelope = self._envelopes.of(mail, size, ascii_only=ascii_only)
            if mail.options is not None:
                words = map(str.upper, mail.options.mail)
                job.transaction.prdr = "PRDR" in words
            for given_up in self._envelopes.given_up:
                self.engine.log.note("lax", given_up)
        except LocalProtocolError as error:
            job.delivery.error = error
            job.settled = True
        return job

    def hand_out(self) -> Steps[None]:
        """Hand out what is settled, in order."""
        while self._open and self._open[0].settled:
            job, before = self._open.popleft(), now()
            self.n_settled += job.transaction.was_tried
            job.transaction.told = True
            yield job.delivery
            if self._pausing:
                pause = now() - before
                self.exchange.pause(pause)
                if self.limit is not None:
                    self.limit += pause

    @property
    def unsettled(self) -> list[Job]:
        """The messages that are under way, oldest first."""
        return [job for job in self._open if not job.settled]

    # Between messages

    def over(self) -> bool:
        """Whether nothing more can be begun."""
        return self.exchange.stream is None or self.session.state is State.CLOSING

    @property
    def needs_reset(self) -> bool:
        """Whether something is open that is not the next message's."""
        return self.session.state is not State.READY

    def reset(self) -> Steps[bool]:
        """Say RSET alone, if something is open; tell whether the next may begin."""
        if not self.needs_reset:
            return not self.over()
        return (yield from self.say_reset(doubted=self.session.state is State.SPOILT))

    def say_reset(self, *, doubted: bool) -> Steps[bool]:
        """Say RSET alone; tell whether it was granted.

        Args:
            doubted: A chunk was refused before it: what we took for replies to commands
                may be replies to octets of the chunk (RFC 3030 section 2).

        Raises:
            RemoteProtocolError: It was doubted, and it was refused, or something is
                left over: commands and replies no longer match.
        """
        yield from self.leave(Departure(RSET))
        yield from self.read_all()
        reply = self.exchange.last_reply
        if self.over() or reply is None:
            return False
        if doubted and not reply.ok:
            raise RemoteProtocolError(
                f"RSET behind a refused chunk was answered {reply}: commands and "
                "replies no longer match (RFC 3030 section 2)"
            )
        if doubted:
            self.exchange.refuse_unread()
        return reply.ok

    def leave(self, *departures: Departure, heard: bool = False) -> Steps[None]:
        """Let groups leave as one run of octets."""
        return self.exchange.leave(*departures, limit=self.limit, heard=heard)

    def read(self) -> Steps[None]:
        """Read what comes next; after a 421 wait only for what matters."""
        yield from self.exchange.read()
        self.close_if_closing()

    def close_if_closing(self) -> None:
        """Close behind a 421, but where the end of a message may still be answered."""
        closing = self.session.state is State.CLOSING and self.exchange.said_421
        if closing and self.engine.connected and not self.exchange.owes_an_end:
            self.engine.log.note("421", "the server is closing: no more is sent")
            self.engine.end("421")

    def read_all(self) -> Steps[None]:
        """Read until no reply is owed, or the connection has ended."""
        while self.session.queue and not self.exchange.stopped:
            yield from self.exchange.read()
            self.close_if_closing()
        if self.exchange.said_421:  # it may have come while something left
            self.close_if_closing()
        if self.exchange.stopped and self.engine.connected:
            # A message was refused before its end had left: nothing else can follow.
            self.engine.log.note("early reply", "the message was not finished")
            self.engine.abort("abort")
