"""Messages by BDAT with PIPELINING: a window of them, one behind the other (RFC 3030).

A chunk says its length, so nothing has to be waited for: envelope and content of many
messages leave in one run of octets, and no message costs a turn. The size of the
window is the price: so many messages a lost connection leaves unknown.

RSET stands before each MAIL but the first. After a refused chunk nobody knows what the
server holds (RFC 3030 section 2), and the next message could go out under the wrong
sender, or to the recipients of another.

This module knows nothing of how the books are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.group import Draft
from smtpnb.protocol.session import State
from smtpnb.transfer.bodies import send_by_bdat
from smtpnb.transfer.courier import END, Courier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.courier import Job
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# Enough octets a write to be worth it, few enough to keep the server busy meanwhile.
_BATCH_OCTETS: Final = 64 * 1024


class ByWindow(Courier):
    """Sends whole messages one behind the other.

    Args:
        engine: The connection.
        window: How many messages may be under way.
        given: As for `Courier`.
    """

    def __init__(self, engine: Engine, *, window: int, **given: Any) -> None:
        super().__init__(engine, by_data=False, **given)
        self._window = window

    def _send(self, jobs: Iterator[Job]) -> Steps[None]:
        batch = _Batch()
        for job in jobs:
            if job[2] is None:
                yield from self._flush(batch)
                yield from self._large(job)
                batch = _Batch()
            else:
                batch.add(job, reset=bool(batch.messages) or self._needs_reset)
            # Half a window, so that the server has work while the next is made.
            full = 2 * len(batch.messages) >= self._window
            if full or batch.draft.size >= _BATCH_OCTETS:
                yield from self._flush(batch)
                batch = _Batch()
            if self.over():
                return
        yield from self._flush(batch, last=True)
        yield from self.read_all()

    @property
    def _needs_reset(self) -> bool:
        session = self.engine.session
        return bool(session.owed) or session.state is not State.READY

    def _flush(self, batch: _Batch, *, last: bool = False) -> Steps[None]:
        n = len(batch.messages)
        while self.n_due and self.n_due + n > self._window:
            yield from self.read()
        if self.over() or not n:
            return
        before = self.engine.sent
        for delivery, n_replies, end in batch.messages:
            delivery.end_at = before + end - 1
            self.expect(delivery, n_replies, END)
        if last:
            self.add_quit(batch.draft)
        yield from self.write(batch.draft)

    def _large(self, job: Job) -> Steps[None]:
        """Send the envelope, and the content only if somebody wants it."""
        yield from self.read_all()
        if self.over():
            return
        draft = Draft()
        self.add_envelope(draft, job, reset=self._needs_reset)
        yield from self.converse(draft)
        if job[0].wanted and not self.over():
            self.current = job[0]
            yield from send_by_bdat(self, job)


class _Batch:
    """Messages that will leave in one group.

    Attributes:
        draft: The group.
        messages: Of each the delivery, how many replies it will have, and where in the
            group it ends.
    """

    __slots__ = ("draft", "messages")

    def __init__(self) -> None:
        self.draft = Draft()
        self.messages: list[tuple[Delivery, int, int]] = []

    def add(self, job: Job, *, reset: bool) -> None:
        """Add a message, with RSET before it or not."""
        delivery, envelope, whole = job
        assert whole is not None  # noqa: S101  # a large one goes another way
        group = envelope.after_reset if reset else envelope.first
        delivery.begin(lead=int(reset))
        draft = self.draft
        draft.add(group)
        draft.add_content(whole[0], whole[1])
        self.messages.append((delivery, len(group.commands), draft.size))
