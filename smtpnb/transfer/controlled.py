r"""One message, only as far as a user wants it, or as no client would send it.

A workbench stops after a phase with QUIT, drops the connection before or after a reply,
leaves a content unfinished, writes it slowly, or ends it as it should not end. All of
that is one way to send among the others: command by command, by DATA. What leaves and
what comes passes the same two places as ever, and there it is looked at whether enough
was said; so what became of the message is told by the same rules.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.group import CONTENT, Group
from smtpnb.transfer.bearable import encoder_of
from smtpnb.transfer.body import Body
from smtpnb.transfer.lockstep import LockStep
from smtpnb.wire.leaving import Departure
from smtpnb.wire.wait import Wait, now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtpnb.protocol.commands import Command
    from smtpnb.transfer.plan import Job
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# In the order of a session. What a user's own verbs do before `send` (STARTTLS, AUTH)
# is passed when `send` begins.
PHASES: Final = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot")
# As swaks and the field call them.
_OTHER_NAMES: Final = dict(
    [
        *(("connect", "banner"), ("greeting", "banner"), ("xclient", "starttls")),
        *(("helo", "ehlo"), ("lhlo", "ehlo"), ("first-ehlo", "ehlo")),
        *(("first-helo", "ehlo"), ("first-lhlo", "ehlo"), ("tls", "starttls")),
        *(("from", "mail"), ("to", "rcpt"), ("eod", "dot"), ("end", "dot")),
    ]
)
_PHASE_OF: Final = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "data", ".": "dot"}
_BEFORE_MAIL: Final = PHASES[:4]
# What an error says of each limit.
_SLOW: Final = "slow is octets and seconds, such as (100, 0.5)"


class Control(NamedTuple):
    r"""How far one message goes, and how it leaves. An immutable value.

    Phases are "banner", "ehlo", "starttls", "auth", "mail", "rcpt" (all of them),
    "data" and "dot"; swaks's names ("connect", "helo", "tls", "from", "to") do as well.

    Args:
        stop_after: Say QUIT when the reply to this phase has come. Not "data": behind a
            354 QUIT would be a line of the message.
        drop_after: Drop the connection, without QUIT, when that reply has come.
        drop_after_send: Drop it when that command has left, before its reply.
        octets: Drop it when so many octets of the content have left, and no end.
        slow: Octets of the content that leave at once, and the seconds between them.
        end_of_data: What stands in place of "." CRLF behind the last line of the
            content. For servers of your own: what a server makes of it may put words
            into another's mouth (SMTP smuggling).
        own_server: Why `end_of_data` may be sent: that the server is yours, and what is
            tried. The transcript keeps it.

    Raises:
        LocalProtocolError: By `check`: a word that is none; nothing was sent.

    Example:
        >>> control = Control(drop_after_send="dot")
        >>> message = "Subject: hi\n\nhello\n"
        >>> client.send(message, "a@a.example", ["b@b.example"], control=control)
        <Delivery unknown>
    """

    stop_after: str | None = None
    drop_after: str | None = None
    drop_after_send: str | None = None
    octets: int | None = None
    slow: tuple[int, float] | None = None
    end_of_data: bytes | None = None
    own_server: str = ""

    def check(self) -> Control:
        """Return it with the names of this module for the phases."""
        stop = _phase("stop_after", self.stop_after)
        drop = _phase("drop_after", self.drop_after)
        unanswered = _phase("drop_after_send", self.drop_after_send)
        if stop == "data":
            raise LocalProtocolError(
                "stop_after: behind a 354 QUIT would be a line of the message; "
                'drop_after="data" drops the connection; nothing was sent'
            )
        ends = [stop, drop, unanswered, self.octets]
        if len(ends) - ends.count(None) > 1:
            raise LocalProtocolError(
                "a session ends once: one of stop_after, drop_after, drop_after_send "
                "and octets; nothing was sent"
            )
        if self.octets is not None and (
            type(self.octets) is not int or self.octets < 0
        ):
            raise LocalProtocolError(f"octets is 0 or more, not {self.octets!r}")
        check_slow(self.slow)
        if self.end_of_data is not None and not str(self.own_server).strip():
            raise LocalProtocolError(
                "end_of_data is for servers of your own: say so, and what is tried, by "
                'own_server="..."; nothing was sent'
            )
        return self._replace(
            stop_after=stop, drop_after=drop, drop_after_send=unanswered
        )

    @property
    def last_phase(self) -> str | None:
        """The phase that is the last, however it ends; None for none."""
        return self.stop_after or self.drop_after or self.drop_after_send

    @property
    def first_end(self) -> str | None:
        """The phase before the message at which the session ends; None for none."""
        return self.last_phase if self.last_phase in _BEFORE_MAIL else None


def _phase(name: str, phase: object) -> str | None:
    if phase is None:
        return None
    known = str(phase).lower()
    known = _OTHER_NAMES.get(known, known)
    if known not in PHASES:
        raise LocalProtocolError(
            f"{name}: {phase!r} is no phase: {', '.join(PHASES)}; nothing was sent"
        )
    return known


def check_slow(slow: Any) -> None:
    """Refuse what is no number of octets, and seconds between them.

    Raises:
        LocalProtocolError: It is none; nothing was sent.
    """
    if slow is None:
        return
    try:
        octets, seconds = slow
    except (TypeError, ValueError):
        raise LocalProtocolError(f"{_SLOW}, not {slow!r}") from None
    if type(octets) is not int or octets < 1 or not 0 <= seconds < float("inf"):
        raise LocalProtocolError(f"{_SLOW}, not {slow!r}")


def end_before_mail(
    engine: Engine, control: Control, hello: Command | None, limit: float | None
) -> Steps[None]:
    """End a session before its message.

    Args:
        engine: The connection.
        control: Where to end.
        hello: What greets, if nothing did; None if it was said.
        limit: Absolute; None for the deadline of each step.
    """
    phase = control.first_end
    unanswered = control.drop_after_send is not None
    if hello is not None and phase != "banner":
        if unanswered and phase == "ehlo":
            octets = engine.prepared(hello)
            steps = engine.exchange.say(hello, octets, limit)
            yield from engine.guard("ehlo", steps)
        else:
            yield from engine.execute(hello, limit)
    engine.log.note("control", f"no further than {phase}, as it was asked")
    if control.stop_after is None:
        engine.disconnect()
    elif engine.connected:
        yield from engine.quit(limit)


class Controlled(LockStep):
    """Sends one message as far as it shall go.

    Args:
        engine: The connection.
        control: How far, and how; checked.
        given: As for `Way`.
    """

    def __init__(self, engine: Engine, *, control: Control, **given: Any) -> None:
        super().__init__(engine, by_data=True, **given)
        self._control = control
        self._phase = ""  # the last that left whole
        self._job: Job | None = None
        self._stopped = False

    def run(self) -> Steps[None]:
        """Send it, and end the session where it was asked."""
        yield from super().run()
        if self._job is None or not self.engine.connected:
            return  # it must not be sent, and nothing was; or all is over
        if self._control.stop_after is not None:
            yield from self.engine.quit(self.limit)

    def one(self, job: Job) -> Steps[None]:
        """Send the message; nothing is open, nothing is owed."""
        self._job = job
        return super().one(job)

    def over(self) -> bool:
        """Whether nothing more shall be said."""
        return self._stopped or super().over()

    # The two places that everything passes

    def leave(self, *departures: Departure, heard: bool = False) -> Steps[None]:
        """Let commands leave; drop the connection if that was asked for."""
        yield from super().leave(*departures, heard=heard)
        self._phase = self._last_phase(departures[-1])
        if self._phase == self._control.drop_after_send:
            self._drop(f"when {self._phase} had left")

    def read_all(self) -> Steps[None]:
        """Read what is owed; end here if that was asked for."""
        yield from super().read_all()
        control, phase = self._control, self._phase
        if not phase or not self.engine.connected:
            return
        if phase == control.drop_after:
            self._drop(f"after the reply to {phase}")
        elif phase == control.stop_after:
            self.engine.log.note("control", f"QUIT after {phase}, as it was asked")
            self._stopped = True

    def _last_phase(self, departure: Departure) -> str:
        """Return the phase that ends with what has left, "" for none."""
        phase = _PHASE_OF.get(departure.group.events[-1], "")
        job = self._job
        if phase == "rcpt" and job is not None:
            # The one that has left is not answered yet.
            n = len(job.transaction.rcpts) + 1
            return phase if n == len(job.mail.forward_paths) else ""
        return phase

    def _drop(self, when: str) -> None:
        if self.engine.connected:
            self.engine.log.note("control", f"dropped {when}, as it was asked")
            self.engine.disconnect()

    # The content

    def content(self, job: Job) -> Steps[None]:
        """Send the content as it was asked for."""
        control = self._control
        plain = (control.octets, control.slow, control.end_of_data) == (None,) * 3
        if plain or not job.transaction.wanted:
            yield from super().content(job)
            return
        encoder = encoder_of(job.mail, self.session, stuff=True)
        body = Body(self.engine, encoder, job.transaction, self.progress)
        for n, piece in enumerate(_pieces(job.mail.pieces(), control)):
            if n and control.slow is not None:
                yield Wait((), now() + control.slow[1])
            if (yield from body.send((piece,), self.limit)) is not None:
                return  # the server has refused it in the middle
        if control.octets is not None:
            self._drop("in the middle of the content")
            return
        end = _ended(body.end_of_content(), control.end_of_data)
        if control.end_of_data is not None:
            said = f"it ended by {control.end_of_data!r}: {control.own_server}"
            self.engine.log.note("control", said)
        yield from self.leave(Departure(end, job.transaction), heard=True)
        yield from self.read_all()


def _pieces(pieces: Iterable[bytes], control: Control) -> Iterator[bytes]:
    """Yield the octets of a content, as many at once as shall leave together."""
    left = control.octets
    most = 1 << 16 if control.slow is None else control.slow[0]
    for piece in chain(pieces):
        view = piece if left is None else piece[:left]
        for start in range(0, len(view), most):
            yield bytes(view[start : start + most])
        if left is not None:
            left -= len(view)
            if not left:
                return


def _ended(group: Group, own: bytes | None) -> Group:
    """Return the end of a message with another end than the dot."""
    if own is None:
        return group
    n = len(group.wire) - 3
    content = tuple(part for part in group.parts if part[0] == CONTENT)
    part = ("eod", ".", own, len(own))
    # A server may take it for an end as soon as it has all of it, and not before.
    return Group(group.wire[:n] + own, (*content, part), (".",), n + len(own) - 1)
