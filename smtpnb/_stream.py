"""A stream of messages on its way: what is sent, handed out, and told at the end.

The steps of `smtpnb.transfer` send over one connection. Here they are run piece by
piece: a delivery is handed out as soon as it is settled, and while the user does
something with it the client is reserved, no deadline runs, and `cancel()` still works.

Where `reconnect` was given, messages that were not tried - because the server had taken
as many as it takes (421), or as many as `per_connection` says - go on over a new
connection. Only those: what may have been taken is never sent again by itself.

Whatever ends a stream, each message that was taken is told once; of a list also those
behind it, where the server or the new connection would take no more.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb._reconnect import Standing, check_how, connect_again
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    SmtpError,
    TlsError,
    TransportError,
)
from smtpnb.protocol.session import State
from smtpnb.transfer import choose
from smtpnb.transfer.plan import Source, not_tried
from smtpnb.wire.wait import Call, Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smtpnb._connection import Connection
    from smtpnb.message.delivery import Delivery
    from smtpnb.protocol.session import Session
    from smtpnb.transfer.choose import Overlap
    from smtpnb.transfer.controlled import Control
    from smtpnb.wire.drive import Shield
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# How many connections in a row may take nothing before the rest is given up, and the
# seconds before the next one; doubled each time.
MAX_FRUITLESS: Final = 5
FIRST_PAUSE: Final = 1.0


class Options(NamedTuple):
    """How messages leave.

    Attributes:
        overlap: See `SmtpClient.stream`, as for the others.
        window: How many may be under way.
        quit: Say QUIT at the end.
        convert: Re-encode what the server could not be given as it is.
        timeout: Seconds inside `next()`, all together.
        per_connection: How many messages a connection takes.
        reconnect: How to get a new one.
        control: How far one message goes, and how it leaves.
    """

    overlap: Overlap
    window: int
    quit: bool
    convert: bool
    timeout: float | None
    per_connection: int | None
    reconnect: Callable[[], object] | bool | None
    control: Control | None = None

    def check(self, session: Session) -> None:
        """Refuse words that say nothing.

        Raises:
            LocalProtocolError: Nothing was sent.
        """
        choose.check(self.overlap, self.window)
        check_how(self.reconnect, Standing.of(session), self.per_connection)


class Sending:
    """Messages on their way, over one connection or several; it reserves the client.

    Args:
        client: Over which it sends.
        messages: What to send.
        options: How.

    Attributes:
        unread: After `close()`, the deliveries that nobody had asked for.
        guest: The thread that may say verbs meanwhile: it connects again.
        latest: When it must be done; absolute, or None.
    """

    def __init__(
        self, client: Connection, messages: Iterable[Any], options: Options
    ) -> None:
        self.unread: tuple[Delivery, ...] = ()
        self.guest: int | None = None
        self.latest: float | None = None
        self._begun = self._ended = False
        self._steps: Steps[None] | None = None
        self._stopped: BaseException | None = None
        self._client = client
        self._owner = client._owner  # noqa: SLF001  # the two are one
        self._source = Source(messages)
        self._options = options
        self._left = options.timeout  # seconds, counted while we run
        self._reconnect = options.reconnect or None
        self._standing: Standing | None = None
        self._has_more = False
        self._tells_rest = self._reconnect is not None
        self._fruitless = 0

    # Taking deliveries

    def following(self) -> Delivery | None:
        """Return the next delivery; None if there is none."""
        taken: list[Delivery] = []

        def work(shield: Shield) -> None:
            delivery = self._advance(shield)
            if delivery is not None:
                taken.append(delivery)

        while not self._ended:
            self._run(work, taken)
            if taken:
                return taken[0]
            self._go_on()
        return None

    def all(
        self, on_delivery: Callable[[Delivery], object] | None = None
    ) -> list[Delivery]:
        """Send everything; return the deliveries.

        Args:
            on_delivery: Called with each as soon as it is settled, once, whatever
                happens; after it raised, only what was under way is settled.

        Raises:
            Exception: As `next()`, and what `on_delivery` raised. `deliveries` of it
                are all there are.
        """
        told: list[Delivery] = []

        def work(shield: Shield) -> None:
            while (delivery := self._advance(shield)) is not None:
                told.append(delivery)
                if on_delivery is not None:
                    self._tell(on_delivery, delivery, shield)

        try:
            while not self._ended:
                self._run(work)
                self._go_on()
        except BaseException as error:
            self.abort()
            rest = getattr(error, "deliveries", ())
            _attach_all(error, (*told, *rest))
            if on_delivery is not None:
                _tell_all(on_delivery, rest, error)
            raise
        return told

    def _tell(
        self,
        on_delivery: Callable[[Delivery], object],
        delivery: Delivery,
        shield: Shield,
    ) -> None:
        try:
            shield.outside(Call(on_delivery, delivery))
        except Exception as error:  # noqa: BLE001  # raised when all is settled
            self._source.stop(error)

    def close(self) -> None:
        """Send nothing more; read what is owed, and let the client go."""
        self._source.stop()
        self._reconnect = None
        unread: list[Delivery] = []
        while self._begun and not self._ended:
            delivery = self.following()
            if delivery is not None:
                unread.append(delivery)
        self._finish()
        self.unread = tuple(unread)

    # Running

    def _run(
        self, work: Callable[[Shield], None], taken: Iterable[Delivery] = ()
    ) -> None:
        """Run some of the stream while nobody else may.

        Args:
            work: What to do.
            taken: What it took, and nobody will see if it ends with an error.
        """
        started = now()
        try:
            self._owner.run("stream", work, self)
        except BaseException as error:
            # Refused before anything was done (a second thread, say): nothing ends.
            if error is self._stopped or not isinstance(error, LocalProtocolError):
                self._end_by(error, taken)
            raise
        finally:
            if self._left is not None:
                self._left -= now() - started

    def _advance(self, shield: Shield) -> Delivery | None:
        """Run until a delivery is settled; None if this connection has no more."""
        if self._stopped is not None:
            raise self._stopped
        try:
            steps = self._steps or self._begin()
            delivery: Delivery = self._owner.driver(shield).advance(steps, shield)
        except StopIteration:
            return None
        except BaseException as error:
            if self._begun:
                self._stopped = error
            raise
        return delivery

    def _begin(self) -> Steps[None]:
        engine = self._client._connected()  # noqa: SLF001  # the two are one
        engine.exchange.require_connection()
        state = engine.session.state
        if state is not State.CONNECTED and not (
            self._reconnect and state is State.CLOSING
        ):
            engine.require_ready()
        if self._owner.reservation not in {None, self}:
            raise LocalProtocolError("reconnect= connects; it sends no messages")
        self._standing = Standing.of(engine.session)
        self._has_more = False
        self._steps = steps = self._send(engine)
        self._begun = True
        self._owner.reservation = self
        return steps

    def _send(self, engine: Engine) -> Steps[None]:
        """Send as many as this connection takes."""
        limit = None if self._left is None else now() + self._left
        options, client = self._options, self._client
        goes_on = self._reconnect is not None
        n_settled = 0
        if options.control is not None:
            yield from self._send_controlled(engine, options.control, limit)
            return
        if (yield from self._is_open(engine, limit)):
            way = choose.way(
                engine,
                overlap=options.overlap,
                pipelining=client.pipelining,
                chunking=client.chunking,
                window=options.window,
                limit=limit,
                pausing=True,
                most=self._most(engine),
                quits=options.quit and options.overlap is not None,
                convert=options.convert,
                progress=client.on_progress,
            )
            yield from way.send(self._source, goes_on=goes_on)
            limit, n_settled = way.limit, way.n_settled
        self._fruitless = 0 if n_settled else self._fruitless + 1
        if goes_on and self._source.error is None:
            self._has_more = yield from self._source.has_more()
        if options.quit or self._has_more:
            # Who does not answer QUIT changes nothing of what was answered before.
            with suppress(SmtpError):
                yield from self._say_goodbye(engine, limit)

    def _send_controlled(
        self, engine: Engine, control: Control, limit: float | None
    ) -> Steps[None]:
        """Send one message only as far, and in the way, that was asked for."""
        from smtpnb.transfer.controlled import Controlled, end_before_mail

        client = self._client
        if control.first_end is not None:
            greets = engine.session.state is State.CONNECTED
            hello = client._hello_to(engine) if greets else None  # noqa: SLF001
            yield from end_before_mail(engine, control, hello, limit)
            yield from not_tried(self._source, None)
            return
        if (yield from self._is_open(engine, limit)):
            way = Controlled(
                engine,
                control=control,
                limit=limit,
                pausing=True,
                convert=self._options.convert,
                progress=client.on_progress,
            )
            yield from way.send(self._source)
            limit = way.limit
        if self._options.quit and engine.connected:
            with suppress(SmtpError):
                yield from self._say_goodbye(engine, limit)

    def _is_open(self, engine: Engine, limit: float | None) -> Steps[bool]:
        """Say EHLO if nothing was said; False if the server takes no messages (421)."""
        try:
            if engine.session.state is State.CONNECTED:
                yield from self._client._hello(engine, limit)  # noqa: SLF001
        except (LocalProtocolError, ConnectionLost):
            if not (self._reconnect and engine.exchange.said_421):
                raise
        if engine.connected and engine.session.state is not State.CLOSING:
            return True
        if engine.connected:
            engine.end("421")
        return False

    def _most(self, engine: Engine) -> int | None:
        """How many messages this connection takes, if another one may follow it."""
        mailmax = engine.session.capabilities.limits.mailmax
        if mailmax is None or self._reconnect is None:
            return self._options.per_connection
        left = max(mailmax - engine.session.counted.mails, 0)
        return min(left, self._options.per_connection or left)

    @staticmethod
    def _say_goodbye(engine: Engine, limit: float | None) -> Steps[None]:
        said = engine.session.state is State.CLOSING and not engine.exchange.said_421
        if engine.connected and said:  # in one group with the last end
            engine.end("quit")
        elif engine.connected:
            yield from engine.quit(limit)

    # Cancel

    @property
    def stopped(self) -> bool:
        """Whether nothing more may be sent, nor a connection begun."""
        return self._stopped is not None

    def cancelled(self) -> None:
        """Somebody cancelled between two messages: end what is under way."""
        if self._stopped is not None or self._steps is None:
            self._stopped = self._stopped or Cancelled("cancelled between messages")
            return
        try:
            self._steps.throw(Cancelled("cancelled"))
        except BaseException as error:  # noqa: BLE001  # raised by the next `next()`
            self._stopped = error
        self._let_go()  # one may connect again

    # One connection has no more

    def _go_on(self) -> None:
        """End, or connect again, where one connection has no more."""
        self._steps = None
        try:
            if self._has_more and self._reconnect and self._connect_again():
                return
            self._tells_rest = True
            rest = not_tried(self._source, self._client.reply)
            first = next(rest, None)
        except BaseException as error:
            self._end_by(error)
            raise
        if first is not None:
            self._steps = _one_by_one(first, rest)
            return
        self._finish()
        if self._source.error is not None:
            raise self._source.error

    def _connect_again(self) -> bool:
        """Connect; False if the last of some connections in a row took nothing."""
        started = now()
        self.latest = None if self._left is None else started + self._left
        try:
            while self._fruitless < MAX_FRUITLESS:
                if self._fruitless:
                    self._pause(FIRST_PAUSE * 2 ** (self._fruitless - 1))
                if self._has_connected():
                    return True
                self._fruitless += 1
        finally:
            self.latest = None
            if self._left is not None:
                self._left -= now() - started
        return False

    def _has_connected(self) -> bool:
        assert self._reconnect is not None  # noqa: S101  # it was asked
        assert self._standing is not None  # noqa: S101  # something was sent
        self.guest = threading.get_ident()
        try:
            connected = connect_again(self._client, self._reconnect, self._standing)
        except Exception as error:
            if self._stopped is not None:  # whatever else came of it
                raise self._stopped from error
            if not self._is_worth_a_pause(error):
                raise
            connected = False
        finally:
            self.guest = None
        if self._stopped is not None:
            raise self._stopped
        if self.latest is not None and self.latest <= now():
            raise DeadlineExceeded("the time was up before messages could go on")
        return connected

    def _is_worth_a_pause(self, error: Exception) -> bool:
        """Whether nobody answered, and may soon; the user's function has the word."""
        nobody = isinstance(error, TransportError) and not isinstance(error, TlsError)
        last = self._fruitless + 1 == MAX_FRUITLESS
        return nobody and self._reconnect is True and not last

    def _pause(self, seconds: float) -> None:
        def work(shield: Shield) -> None:
            self._owner.begin(shield)
            self._owner.drive(_passing(now() + seconds), shield)

        self._owner.run("stream", work, self)

    # The end

    def abort(self) -> None:
        """Let go at once: what is under way is reset."""
        if self._ended or not self._begun:
            return
        with suppress(LocalProtocolError):  # it runs in another thread
            self._owner.run("stream", lambda _: self.cancelled(), self)
        self._finish()

    def _finish(self) -> None:
        self._ended = True
        self._let_go()

    def _let_go(self) -> None:
        if self._owner.reservation is self:
            self._owner.reservation = None

    def _end_by(self, error: BaseException, taken: Iterable[Delivery] = ()) -> None:
        """End with an error, which tells what became of every message."""
        self._finish()
        # A cancel that came in between has ended them; an interrupt takes its place.
        told = getattr(error, "deliveries", ())
        if not told and self._stopped is not None:
            told = getattr(self._stopped, "deliveries", ())
        if not self._tells_rest:
            self._source.stop()  # of a list only what was taken
        left: Any = error
        left.deliveries = (*taken, *told, *not_tried(self._source, self._client.reply))
        if isinstance(error, (SmtpError, Cancelled, KeyboardInterrupt)):
            left.transcript = self._client.transcript


def _attach_all(error: Any, deliveries: tuple[Delivery, ...]) -> None:
    """Tell an error of all that was sent; of one message it is the outcome, too."""
    error.deliveries = deliveries
    if len(deliveries) == 1 and getattr(error, "outcome", None) is None:
        error.outcome = deliveries[0].outcome


def _tell_all(
    on_delivery: Callable[[Delivery], object],
    deliveries: Iterable[Delivery],
    error: BaseException,
) -> None:
    try:
        for delivery in deliveries:
            with suppress(Exception):  # one error is told already
                on_delivery(delivery)
    except BaseException as interrupt:
        _attach_all(interrupt, error.deliveries)  # type: ignore[attr-defined]
        raise


def _one_by_one(first: Delivery, rest: Iterator[Delivery]) -> Steps[None]:
    yield first
    yield from rest


def _passing(deadline: float) -> Steps[None]:
    yield Wait((), deadline)
