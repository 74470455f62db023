"""The content of one message by DATA, in blocks: from the 354 to the final dot.

Each block has a deadline of its own (RFC 5321 section 4.5.3.2.5), so that a message may
take as long as it moves; `timeout=` is looked at before each block and before the dot,
so that nothing is finished after its time. Between blocks, and while a block does not
move, the server is listened to: a reply in the middle of the content belongs to the end
of data. Then sending stops, no dot leaves, and the connection is reset - nothing else
can follow half a message.

The pieces may come from an iterator or a file of the user's: the driver runs it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.content import blocks, gathered
from smtpnb.protocol.errors import (
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.group import Group, end_of_data
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Owed, State
from smtpnb.protocol.transaction import Transaction
from smtpnb.wire import record
from smtpnb.wire.exchange import finished
from smtpnb.wire.leaving import Departure
from smtpnb.wire.record import clock
from smtpnb.wire.wait import Call, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smtpnb.protocol.content import Encoder
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

_END: Final[Any] = object()


class Blocks:
    """The blocks of a content, one after the other.

    Args:
        pieces: The content: a tuple if it is held in memory, else an iterable that may
            run code of the user's.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._blocks = chain.from_iterable(map(blocks, gathered(pieces)))
        self._held = isinstance(pieces, tuple)

    def following(self, limit: float | None) -> Steps[bytes | None]:
        """Return the next block, or None at the end.

        Raises:
            DeadlineExceeded: The call has no time left.
        """
        if self._held:
            block = next(self._blocks, _END)
        else:
            block = yield Call(next, self._blocks, _END)
        if limit is not None and now() >= limit:
            raise DeadlineExceeded("the time is up")
        return None if block is _END else block


class Body:
    """The content of one message, and its end.

    Args:
        engine: The connection; its session must be in DATA.
        encoder: What makes octets for the wire of the content.
        transaction: What it belongs to; None for the one that is open.
        progress: Called with the octets sent so far, after each block.

    Attributes:
        engine: The connection.
        transaction: What the content belongs to.

    Raises:
        LocalProtocolError: The content is not due.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Encoder,
        transaction: Transaction | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if engine.session.state is not State.DATA:
            raise LocalProtocolError(
                "the content is not due: DATA must be answered 354 first; "
                "nothing was sent"
            )
        self.engine = engine
        current = engine.session.follower.current
        self.transaction = transaction or current or Transaction()
        self._encoder = encoder
        self._progress = progress
        self._sent = 0
        self._ended = self._noted = False

    def is_due_in(self, engine: Engine) -> bool:
        """Tell whether this is the message whose content is due in `engine`."""
        current = engine.session.follower.current
        return (
            self.engine is engine
            and not self._ended
            and engine.session.state is State.DATA
            and current in {None, self.transaction}
        )

    def send(self, pieces: Iterable[bytes], limit: float | None) -> Steps[Reply | None]:
        """Send pieces of the content.

        Args:
            pieces: The content.
            limit: Absolute, for the whole call; None for the deadline of each block.

        Returns:
            None; or the reply that came before the end, and the connection is closed.
        """
        return (yield from self.engine.guard("body", self._send(pieces, limit)))

    def _send(
        self, pieces: Iterable[bytes], limit: float | None
    ) -> Steps[Reply | None]:
        encoder, exchange = self._encoder, self.engine.exchange
        started, octets, lines = clock(), encoder.n_octets, encoder.n_lines
        following, interrupted = Blocks(pieces), False
        try:
            while (block := (yield from following.following(limit))) is not None:
                deadline = exchange.deadline("block", limit)
                piece = encoder.feed(block)
                if not (yield from exchange.pour(piece, deadline)):
                    interrupted = True
                    break
                self._sent += len(piece)
                if self._progress is not None:
                    yield Call(self._progress, self._sent)
        finally:
            octets, lines = encoder.n_octets - octets, encoder.n_lines - lines
            self._note(started, octets, lines)
        return (yield from self.early_reply(limit)) if interrupted else None

    def _note(self, started: int, octets: int, lines: int) -> None:
        """Record content; it belongs to the exchange of its end, the next one."""
        self._noted, number = True, self.engine.exchange.number + 1
        self.engine.log.add(record.CONTENT, started, clock(), number, octets, lines)

    def end(self, limit: float | None, group: Group | None = None) -> Steps[Reply]:
        """Send the end of data and return the final reply.

        Args:
            limit: Absolute, for the whole call; None for the deadlines of the steps.
            group: All of the content with its end, if nothing was sent before.
        """
        return (yield from self.engine.guard("eod", self._end(limit, group)))

    def _end(self, limit: float | None, group: Group | None) -> Steps[Reply]:
        if self.engine.exchange.hears():
            return (yield from self.early_reply(limit))
        rest = self.leave_now(group or self.end_of_content(), limit)
        return (yield from self._rest(rest))

    def leave_now(self, group: Group, limit: float | None) -> Steps[None] | None:
        """Let the end of the content leave; return what the kernel did not take."""
        departure = Departure(group, self.transaction)
        return self.engine.exchange.leave_now(departure, limit=limit)

    def rest(self, rest: Steps[None] | None) -> Steps[Reply]:
        """Go on by steps where the direct path left off."""
        return self.engine.guard("eod", self._rest(rest))

    def _rest(self, rest: Steps[None] | None) -> Steps[Reply]:
        exchange = self.engine.exchange
        yield from finished(rest)
        reply = yield from exchange.reply()
        if exchange.stopped:
            self._stop_short()
        return reply

    def end_of_content(self) -> Group:
        """Return what is left of the content, and the dot."""
        self._ended = True
        tail = self._encoder.finish()
        return end_of_data(tail, len(tail) // 2)

    def early_reply(self, limit: float | None) -> Steps[Reply]:
        """Read the reply that came before the end; it is the final one."""
        exchange, session = self.engine.exchange, self.engine.session
        deadline = exchange.deadline("block", limit)
        if not self._noted:  # the reply is one to the end of data all the same
            self._note(clock(), 0, 0)
        exchange.number += 1
        (octets,) = yield from exchange.replies(1, deadline)
        reply = Reply(octets)
        if reply.ok:
            raise RemoteProtocolError("the server replied in the middle of the message")
        session.owe(Owed((".",), self.transaction))
        session.received(reply)
        self._stop_short()
        return reply

    def _stop_short(self) -> None:
        self._ended = True
        self.engine.log.note("early reply", "the message was not finished")
        self.engine.abort("abort")
