"""The message on the wire: content in blocks, the final dot, and early replies.

Each block has a deadline of its own (RFC 5321 section 4.5.3.2.5), so that a message
may take as long as it moves. Between blocks, and while a block does not move, the
server is listened to: a reply in the middle of the content belongs to the end of data.
Then sending stops, no dot leaves, and the connection is reset - nothing else can
follow half a message.

This module knows nothing of where the content comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.commands import EndOfData
from smtpnb.protocol.content import END_OF_DATA, Encoder, blocks, gathered
from smtpnb.protocol.errors import (
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
)
from smtpnb.protocol.secret import Octets
from smtpnb.protocol.session import State
from smtpnb.wire import record
from smtpnb.wire.record import clock
from smtpnb.wire.wait import Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smtpnb.protocol.reply import Reply
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps


class Transfer:
    """The content of one message, from the 354 to the reply to the final dot.

    Args:
        engine: The connection; its session must be in DATA.
        progress: Called with the octets sent so far, after each block.

    Raises:
        LocalProtocolError: The content is not due.
    """

    def __init__(
        self, engine: Engine, progress: Callable[[int], None] | None = None
    ) -> None:
        if engine.session.state is not State.DATA:
            raise LocalProtocolError(
                "the content is not due: DATA must be answered 354 first; "
                "nothing was sent"
            )
        self._engine = engine
        self._encoder = Encoder()
        self._progress = progress
        self._sent = 0
        self._ended = False
        engine.end_at = None

    def goes_on_in(self, engine: Engine) -> bool:
        """Tell whether this is the message whose content is due in `engine`."""
        return self._engine is engine and not self._ended

    def send(self, octets: bytes, timeout: float | None = None) -> Steps[Reply | None]:
        """Send one piece of the content.

        Returns:
            None; or the reply that came before the end, and the connection is closed.
        """
        steps = self.pieces((octets,), self._limit(timeout))
        return (yield from self._engine.guard("body", steps))

    def send_all(
        self, pieces: Iterable[bytes], timeout: float | None = None
    ) -> Steps[Reply]:
        """Send all of the content, the end of data, and return the final reply.

        Args:
            pieces: The content, in any pieces.
            timeout: Seconds for all of it; None for those of each block and the end.
        """
        limit = self._limit(timeout)
        early = yield from self._engine.guard("body", self.pieces(pieces, limit))
        if early is not None:  # a refusal is false
            return early
        return (yield from self.end(timeout, limit))

    def end(
        self, timeout: float | None = None, limit: float | None = None
    ) -> Steps[Reply]:
        """Send the end of data and return the final reply."""
        engine, self._ended = self._engine, True
        deadline = self._limit(timeout) if limit is None else limit
        if deadline is None:
            deadline = engine.deadline("eod", None)
        return (yield from engine.guard("eod", self._end(deadline)))

    def end_of_content(self) -> bytes:
        """Return what makes the content end with a CRLF; the dot is the caller's."""
        self._ended = True
        return self._encoder.finish()

    @staticmethod
    def _limit(timeout: float | None) -> float | None:
        return None if timeout is None else now() + timeout

    def pieces(
        self, pieces: Iterable[bytes], limit: float | None
    ) -> Steps[Reply | None]:
        """Send pieces of the content; the caller guards these steps and ends the data.

        Args:
            pieces: The content.
            limit: Absolute; None for the deadline of each block.

        Returns:
            None; or the reply that came before the end, and the connection is closed.
        """
        encoder = self._encoder
        started, octets, lines = clock(), encoder.n_octets, encoder.n_lines
        try:
            for piece in gathered(pieces):
                for block in blocks(piece):
                    early = yield from self._block(encoder.feed(block), limit)
                    if early is not None:
                        return early
        finally:
            # The content belongs to the exchange of its end, the next one.
            log, exchange = self._engine.log, self._engine.exchange + 1
            octets, lines = encoder.n_octets - octets, encoder.n_lines - lines
            log.add(record.CONTENT, started, clock(), exchange, octets, lines)
        return None

    def _block(self, block: bytes, limit: float | None) -> Steps[Reply | None]:
        engine = self._engine
        stream = engine.connection
        deadline = engine.deadline("block", None) if limit is None else limit
        # A link that takes everything never makes us wait, and so would never let a
        # cancel in: wait for nothing.
        yield Wait((), 0)
        view = memoryview(block)
        try:
            stopped = engine.spoken_to() or not (
                yield from stream.write(view, deadline, listen=True)
            )
        except ConnectionLost:
            # Who refuses in the middle often hangs up at once: the reply came first.
            if not engine.spoken_to():
                raise
            stopped = True
        if stopped:
            return (yield from self._early_reply(deadline))
        self._sent += len(block)
        if self._progress is not None:
            self._progress(self._sent)
        return None

    def _end(self, deadline: float) -> Steps[Reply]:
        engine = self._engine
        stream = engine.connection
        if engine.spoken_to():
            return (yield from self._early_reply(deadline))
        command = EndOfData()
        octets = Octets(self._encoder.finish() + END_OF_DATA, command.octets().shown)
        # With the octet past the dot, a server may have taken the message.
        engine.end_at = stream.sent + len(octets) - 2
        engine.exchange += 1
        engine.session.sent(command)
        yield from engine.write(octets, command.step, command.verb, deadline)
        reply = yield from engine.reply(deadline)
        engine.end_at = None
        return reply

    def _early_reply(self, deadline: float) -> Steps[Reply]:
        engine = self._engine
        engine.exchange += 1
        reply = yield from engine.next_reply(deadline)
        if reply.ok:
            raise RemoteProtocolError("the server replied in the middle of the message")
        engine.session.sent(EndOfData())
        engine.session.received(reply)
        engine.log.note("early reply", "the message was not finished")
        engine.abort("abort")
        return reply
