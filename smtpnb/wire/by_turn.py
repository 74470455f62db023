"""Messages by DATA with PIPELINING: one turn for each (RFC 2920).

The text of a message may stand first in a group, so its end leaves together with MAIL,
RCPT and DATA of the next one. Then one wait brings the final reply of the one and the
354 of the other.

This module knows nothing of how the books are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.errors import RemoteProtocolError
from smtpnb.protocol.group import Draft
from smtpnb.protocol.session import State
from smtpnb.wire.bodies import add_data
from smtpnb.wire.courier import Courier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.wire.courier import Job
    from smtpnb.wire.wait import Steps


class ByTurn(Courier):
    """Sends the end of one message and the envelope of the next in one group."""

    def _send(self, jobs: Iterator[Job]) -> Steps[None]:
        answered: Job | None = None
        for job in jobs:
            yield from self._turn(answered, job)
            if self.over:
                return
            answered = job
        yield from self._turn(answered, None)

    def _turn(self, answered: Job | None, job: Job | None) -> Steps[None]:
        """End the message whose envelope was answered, and begin the next."""
        draft, session = Draft(), self.engine.session
        if answered is not None and session.state is State.DATA:
            yield from add_data(draft, self, answered)
            if self.over:
                return
        if job is not None:
            reset = not draft.size and session.state is not State.READY
            self.add_envelope(draft, job, reset=reset)
        elif draft.size:
            self.add_quit(draft)
        if draft.size:
            yield from self.converse(draft)
        if job is not None and session.state is State.DATA:
            self.current = job[0]
            self._check_354(job)

    def _check_354(self, job: Job) -> None:
        # Neither a dot nor a RSET can be said to a server that takes content for a
        # transaction it has just refused.
        if job[0].mail_refused:
            error = RemoteProtocolError("MAIL was refused, and DATA answered 354")
            self.engine.give_up("data", error)
