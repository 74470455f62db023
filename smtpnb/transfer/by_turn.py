"""Messages by DATA with PIPELINING: one turn for each (RFC 2920).

The text of a message may stand first in a group, so its end leaves together with MAIL,
RCPT and DATA of the next one. Then one wait brings the final reply of the one and the
354 of the other.

What leaves next is made while the server works, as if it will say yes to all; if it
does not, it is made anew.

This module knows nothing of how the books are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.content import stuffed
from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.group import Draft
from smtpnb.protocol.session import State
from smtpnb.transfer.bodies import add_data
from smtpnb.transfer.courier import END, PART, Courier
from smtpnb.transfer.envelopes import DOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.transfer.courier import Job
    from smtpnb.wire.wait import Steps


class ByTurn(Courier):
    """Sends the end of one message and the envelope of the next in one group."""

    def _send(self, jobs: Iterator[Job]) -> Steps[None]:
        answered: Job | None = None
        job = next(jobs, None)
        draft: Draft | None = None
        while answered is not None or job is not None:
            if draft is None:
                draft = yield from self._draft(answered, job)
            else:
                self._expect(draft, answered, job)
            if self.over() or not draft.size:
                return
            yield from self.write(draft)
            following = next(jobs, None) if job is not None else None
            draft = self._draft_ahead(job, following)
            yield from self.read_all()
            if self.over():
                return
            if job is not None:
                self._check_answer(job)
                if self.engine.session.state is not State.DATA or not job[0].wanted:
                    draft = None
            answered, job = job, following

    def _draft_ahead(self, answered: Job | None, job: Job | None) -> Draft | None:
        """Draft a turn as if the envelope before it was granted; None if large."""
        if answered is None or answered[2] is None:
            return None
        octets, n_lines, _ = answered[2]
        draft = Draft()
        draft.add_content(stuffed(octets), n_lines)
        draft.add(DOT)
        if job is not None:
            draft.add(job[1].first)
        draft.group()  # made now, while there is time
        return draft

    def _expect(self, draft: Draft, answered: Job | None, job: Job | None) -> None:
        """Note what a turn that was drafted ahead will bring."""
        if answered is not None:
            # With the octet past the dot, a server may have taken the message.
            end = draft.size - (len(job[1].first.wire) if job is not None else 0)
            answered[0].end_at = self.engine.sent + end - 2
            self.expect(answered[0], 1, END)
        if job is not None:
            job[0].begin(lead=0)
            self.expect(job[0], len(job[1].first.commands), PART)
        else:
            self.add_quit(draft)

    def _draft(self, answered: Job | None, job: Job | None) -> Steps[Draft]:
        """Draft what ends the message that was answered, and begins the next."""
        draft, session = Draft(), self.engine.session
        if answered is not None and session.state is State.DATA:
            yield from add_data(draft, self, answered)
            if self.over():
                return draft
        if job is not None:
            reset = not draft.size and session.state is not State.READY
            self.add_envelope(draft, job, reset=reset)
        elif draft.size:
            self.add_quit(draft)
        return draft

    def _check_answer(self, job: Job) -> None:
        if self.engine.session.state is not State.DATA:
            return
        self.current = job[0]
        if job[0].mail_refused:
            # Neither a dot nor a RSET can be said to a server that takes content for
            # a transaction it has just refused.
            error = RemoteProtocolError("MAIL was refused, and DATA answered 354")
            self.engine.give_up("data", error)
