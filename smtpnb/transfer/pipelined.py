"""Messages to a server with PIPELINING (RFC 2920): an envelope is one group.

By default two turns a message: the envelope, then the content with its end, and nothing
behind an end before its reply has come. That every real server bears.

`Turns` is asked for (`overlap="turn"`): the end of one message and the envelope of the
next are one group, and a message costs one turn. RFC 2920 section 3.1 allows it, and
some servers refuse, drop or die of what stands behind the final dot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.commands import Quit
from smtpnb.protocol.errors import RemoteProtocolError
from smtpnb.protocol.group import of_commands
from smtpnb.protocol.session import State
from smtpnb.transfer.lockstep import LockStep
from smtpnb.wire.leaving import Departure

if TYPE_CHECKING:
    from smtpnb.transfer.plan import Job
    from smtpnb.wire.wait import Steps

QUIT = of_commands(Quit())


class Pipelined(LockStep):
    """Sends each envelope as one group, and waits for its replies."""

    in_groups = True

    # Awaiting their reply: it bounds what a refusal sends in vain.
    chunks_ahead = 2

    def envelope(self, job: Job) -> Steps[None]:
        """Say all of it at once."""
        yield from self.leave(Departure(job.envelope, job.transaction))
        yield from self.read_all()


class Turns(Pipelined):
    """Sends the end of one message and the envelope of the next in one group."""

    def run(self) -> Steps[None]:
        """Send the messages, in order."""
        granted: Job | None = None  # its content is due
        job = yield from self.take()
        while granted is not None or job is not None:
            if granted is None and not (yield from self.reset()):
                return
            departures = yield from self._departures(granted, job)
            if self.over() or not departures:
                return
            if granted is not None:
                granted.exchange = self.exchange.number + 1
            yield from self.leave(*departures, heard=granted is not None)
            # What comes next is made while the server works.
            following = (yield from self.take()) if job is not None else None
            yield from self._read_turn(granted)
            if granted is not None:
                granted.settled = True
            if self.over():
                return
            goes_on = self.session.state is State.DATA
            if job is not None:
                job.settled = not goes_on
            yield from self.hand_out()
            granted, job = (job if goes_on else None), following

    def _read_turn(self, granted: Job | None) -> Steps[None]:
        """Read what is owed; of many replies to one end each may be one too many.

        What stands behind the end took its replies for their own then (LMTP, PRDR).
        """
        ended = None if granted is None else granted.transaction
        if granted is None or ended is None or not ended.is_separate:
            yield from self.read_all()
            return
        try:
            yield from self.read_all()
            if self.session.state is not State.DATA:
                self.exchange.refuse_unread()
        except RemoteProtocolError:
            if len(ended.finals) > 1 and not ended.owes_more:
                self.exchange.doubt_end(ended, ".", granted.exchange)
            raise

    def _departures(
        self, granted: Job | None, job: Job | None
    ) -> Steps[list[Departure]]:
        """Return what ends the message that was granted, and begins the next."""
        departures: list[Departure] = []
        if granted is not None:
            departures += yield from self.end_by_data(granted)
            if not departures:
                return departures
        if job is not None:
            departures.append(Departure(job.envelope, job.transaction))
        elif self.quits:
            departures.append(Departure(QUIT))
        return departures
