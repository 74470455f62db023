"""Messages command by command: for a server without PIPELINING (RFC 2920).

Each reply is waited for, and a refusal stops what would follow it: no RCPT after a
refused MAIL, no content without a recipient.

This module knows nothing of how the books are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.message.delivery import REFUSED
from smtpnb.protocol.commands import Command, Data, Rset
from smtpnb.protocol.session import State
from smtpnb.transfer.bodies import send_by_bdat, send_by_data
from smtpnb.transfer.courier import Courier
from smtpnb.wire.wait import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.transfer.courier import Job
    from smtpnb.wire.wait import Steps


class ByCommand(Courier):
    """Waits for the reply to each command."""

    pipelining = False

    def _send(self, jobs: Iterator[Job]) -> Steps[None]:
        for job in jobs:
            if self.engine.session.state is not State.READY:
                yield from self._ask(Rset())
            yield from self._transaction(job)
            self.tell()
            if self.over():
                return

    def _transaction(self, job: Job) -> Steps[None]:
        delivery, envelope, _ = job
        self.current = delivery
        for command in envelope.first.commands:
            if isinstance(command, Data) and not delivery.wanted:
                break
            delivery.take(((yield from self._ask(command)),))
            if self.over() or delivery.mail_refused:
                break
        if not delivery.wanted or self.over():
            self.settle(delivery, REFUSED)
        elif self.by_data:
            yield from send_by_data(self, job)
        else:
            yield from send_by_bdat(self, job)

    def _ask(self, command: Command) -> Steps[bytes]:
        left = None if self.limit is None else max(self.limit - now(), 0)
        return (yield from self.engine.execute(command, left)).octets
