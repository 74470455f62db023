"""A stream of messages, as a user sees it: an iterator of deliveries, or a list.

The steps of `smtpnb.transfer` send over one connection. Here they are run piece by
piece: a delivery is handed out as soon as it is settled, and while the user does
something with it the client is reserved, no deadline runs, and `cancel()` still works.

Where `reconnect` was given, messages that were not tried - because the server had taken
as many as it takes (421), or as many as `per_connection` says - go on over a new
connection. Only those: what may have been taken is never sent again by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from smtpnb.message.delivery import Delivery
from smtpnb.protocol.errors import (
    Cancelled,
    LocalProtocolError,
    SmtpError,
    TlsError,
)
from smtpnb.protocol.session import State
from smtpnb.transfer import choose
from smtpnb.transfer.plan import Source
from smtpnb.wire.wait import Call, Wait, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from smtpnb._connection import Connection
    from smtpnb.transfer.choose import Overlap
    from smtpnb.transfer.plan import Way
    from smtpnb.wire.drive import Shield
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps

# How often in a row a new connection may bring nothing before the rest is given up, and
# the seconds before the second attempt; doubled each time, up to the last.
MAX_FRUITLESS: Final = 5
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0


class Deliveries(Iterator[Delivery]):
    """What becomes of each message, one after the other; also a context manager.

    Nothing leaves before the first `next()`. From then on the client is reserved until
    it is exhausted or closed: a verb, or a `next()` in a second thread, is refused.

    Args:
        client: Over which it sends.
        messages: What to send.
        overlap: See `SmtpClient.stream`, as for the others.
        window: How many may be under way.
        quit: Say QUIT at the end.
        convert: Re-encode what the server could not be given as it is.
        timeout: Seconds inside `next()`, all together.
        per_connection: How many messages a connection takes.
        reconnect: How to get a new one.

    Attributes:
        unread: After `close()`, the deliveries that nobody had asked for.
        guest: The thread that may say verbs meanwhile: it connects again.
    """

    def __init__(
        self,
        client: Connection,
        messages: Iterable[Any],
        *,
        overlap: Overlap = None,
        window: int = 64,
        quit: bool = False,  # noqa: A002  # the verb
        convert: bool = False,
        timeout: float | None = None,
        per_connection: int | None = None,
        reconnect: Callable[[], object] | bool | None = None,
    ) -> None:
        self.unread: tuple[Delivery, ...] = ()
        self.guest: int | None = None
        self._client = client
        self._owner = client._owner  # noqa: SLF001  # the two are one
        self._source = Source(messages)
        self._overlap = overlap
        self._window = window
        self._quits = quit
        self._convert = convert
        self._left = timeout  # seconds, counted while we run
        self._per_connection = per_connection
        self._reconnect = reconnect or None
        self._steps: Steps[None] | None = None
        self._way: Way | None = None
        self._begun = self._ended = False
        self._stopped: BaseException | None = None
        self._fruitless = 0

    # Taking deliveries

    def __next__(self) -> Delivery:
        while not self._ended:
            delivery: Delivery | None = self._run(self._advance)
            if delivery is not None:
                return delivery
            self._go_on()
        raise StopIteration

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
            rest = getattr(error, "deliveries", ())
            for delivery in rest:
                with suppress(Exception):  # one error is told already
                    if on_delivery is not None:
                        on_delivery(delivery)
            given: Any = error
            given.deliveries = deliveries = (*told, *rest)
            if len(deliveries) == 1 and getattr(error, "outcome", None) is None:
                given.outcome = deliveries[0].outcome
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
        with suppress(StopIteration):
            while self._begun and not self._ended:
                unread.append(next(self))
        self._finish()
        self.unread = tuple(unread)

    # Running

    def _run(self, work: Callable[[Shield], Any]) -> Any:
        """Run some of the stream while nobody else may."""
        started = now()
        try:
            return self._owner.run("stream", work, self)
        except BaseException as error:
            # Refused before anything was done (a second thread, say): nothing ends.
            if error is self._stopped or not isinstance(error, LocalProtocolError):
                self._finish()
            if isinstance(error, (SmtpError, Cancelled)):
                error.transcript = self._client.transcript
            raise
        finally:
            if self._left is not None:
                self._left -= now() - started

    def _advance(self, shield: Shield) -> Delivery | None:
        """Run until a delivery is settled; None if this connection has no more."""
        if self._stopped is not None:
            raise self._stopped
        if self._steps is None:
            self._begin()
        assert self._steps is not None  # noqa: S101  # it has begun
        try:
            delivery: Delivery = self._owner.driver(shield).advance(self._steps, shield)
        except StopIteration:
            return None
        except BaseException as error:
            self._stopped = error
            raise
        return delivery

    def _begin(self) -> None:
        engine = self._client._connected()  # noqa: SLF001  # the two are one
        engine.exchange.require_connection()
        if engine.session.state is not State.CONNECTED:
            engine.require_ready()
        self._steps = self._send(engine)
        self._begun = True
        self._owner.reservation = self

    def _send(self, engine: Engine) -> Steps[None]:
        client = self._client
        limit = None if self._left is None else now() + self._left
        if engine.session.state is State.CONNECTED:
            yield from client._hello(engine, limit)  # noqa: SLF001
        self._way = way = choose.way(
            engine,
            overlap=self._overlap,
            pipelining=client.pipelining,
            chunking=client.chunking,
            window=self._window,
            limit=limit,
            pausing=True,
            most=self._per_connection,
            quits=self._quits and self._overlap is not None,
            convert=self._convert,
            progress=client.on_progress,
        )
        keep = self._reconnect is not None
        yield from way.send(self._source, keep_untried=keep)
        if self._quits or way.is_full:
            # Who does not answer QUIT changes nothing of what was answered before.
            with suppress(SmtpError):
                yield from self._say_goodbye(engine, way.limit)

    @staticmethod
    def _say_goodbye(engine: Engine, limit: float | None) -> Steps[None]:
        said = engine.session.state is State.CLOSING and not engine.exchange.said_421
        if engine.connected and said:  # in one group with the last end
            engine.end("quit")
        elif engine.connected:
            yield from engine.quit(limit)

    def _finish(self) -> None:
        self._ended = True
        if self._owner.reservation is self:
            self._owner.reservation = None

    def cancelled(self) -> None:
        """Somebody cancelled between two messages: end what is under way."""
        if self._stopped is not None or self._steps is None:
            self._stopped = self._stopped or Cancelled("cancelled between messages")
            return
        try:
            self._steps.throw(Cancelled("cancelled"))
        except BaseException as error:  # noqa: BLE001  # raised by the next `next()`
            self._stopped = error

    # One connection has no more

    def _go_on(self) -> None:
        """End, or connect again, where one connection has no more."""
        self._steps = None
        way, error = self._way, self._source.error
        if way is None or error is not None or not (self._reconnect and way.has_more):
            self._finish()
            if error is not None:
                raise error
            return
        self._fruitless = 0 if way.n_settled else self._fruitless + 1
        if self._fruitless == MAX_FRUITLESS:
            self._reconnect, self._steps = None, way.hand_out_untried()
            return
        self._source.give_back(way.untried)
        try:
            self._connect_again()
        except BaseException as error:
            self._finish()
            given: Any = error
            given.deliveries = tuple(map(Delivery, way.untried))
            raise

    def _connect_again(self) -> None:
        client, before = self._client, self._client.tls
        if self._fruitless:
            pause = min(FIRST_PAUSE * 2 ** (self._fruitless - 1), LONGEST_PAUSE)
            self._owner.run("stream", lambda shield: self._wait(pause, shield), self)
        self.guest = threading.get_ident()
        try:
            if callable(self._reconnect):
                self._reconnect()
            else:
                client._connect_again()  # noqa: SLF001  # the two are one
        finally:
            self.guest = None
        if self._stopped is not None:
            raise self._stopped
        self._check_not_weaker(before)

    def _wait(self, seconds: float, shield: Shield) -> None:
        self._owner.begin(shield)
        self._owner.drive(_pause(now() + seconds), shield)

    def _check_not_weaker(self, before: dict[str, Any] | None) -> None:
        """A new connection may not know less of whom it talks to than the first."""
        after = self._client.tls
        if before is None or (after and (after["verified"] or not before["verified"])):
            return
        self._client.disconnect()
        raise TlsError(
            "the new connection is not as safe as the first one: "
            f"{'it is in clear' if after is None else 'its certificate did not verify'}"
            "; nothing was sent over it"
        )

    # The end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            try:
                self.close()
            except Exception:
                if error is None:
                    raise
        else:
            self._abort()

    def __del__(self) -> None:
        self._abort()

    def _abort(self) -> None:
        """Let go at once: what is under way is reset."""
        steps = self._steps
        if steps is None or self._ended:
            return
        with suppress(LocalProtocolError):  # it runs in another thread
            self._owner.run("stream", lambda _: steps.close(), self)
        self._finish()


def _pause(deadline: float) -> Steps[None]:
    yield Wait((), deadline)
