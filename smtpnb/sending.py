"""Whole messages and groups: what a client does with more than one command at a time.

`send` and `stream` are composites. They choose the way with the fewest turns that the
server allows (`smtpnb.transfer`), and say EHLO first where nothing was said yet;
nothing else is added. `pipeline` is a group of the user's own.

This module knows nothing of how the messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.connection import Connection
from smtpnb.protocol import commands
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from smtpnb.message.content import Content
    from smtpnb.message.delivery import Delivery
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.reply import Reply
    from smtpnb.transfer.courier import Courier
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps


WINDOW: Final = 64


class Sending(Connection):
    """A connection that can send messages, and groups of commands.

    Attributes:
        pipelining: Use PIPELINING where it is offered.
        chunking: Use CHUNKING where it is offered.
    """

    pipelining = True
    chunking = True

    def send(
        self,
        message: Content | MailObject,
        reverse_path: str | None = None,
        forward_paths: str | Iterable[str] | None = None,
        *,
        quit: bool = False,  # noqa: A002  # the verb
        timeout: float | None = None,
        **options: Any,
    ) -> Delivery:
        """Send one message, in the fewest turns that the server allows.

        EHLO is said first if nothing was (HELO where the server does not know it).
        With CHUNKING envelope and message are one group, with PIPELINING two; what is
        larger than 64 KiB waits until somebody wants it.

        Args:
            message: A `MailObject`; or the content, as for `data`.
            reverse_path: The sender. None for that of an `EmailMessage`.
            forward_paths: The recipients. None for those of an `EmailMessage`.
            quit: Say QUIT as well, in one group with the end of the message where
                the server allows it: one turn less. Some servers lose what stands
                behind the end of a message, so it is not done unasked.
            timeout: Seconds for all of it; None for those of each phase.
            options: `ret`, `envid`, `notify`, `parameters` and `crlf`, as for
                `MailObject`.

        Returns:
            What became of it, for each recipient. A refusal is an answer.

        Raises:
            LocalProtocolError: It must not be sent; nothing was.
            SmtpError, Cancelled: As ever; `outcome` says what is known of the message.
        """
        from smtpnb.message.envelope import (  # loaded when first used
            MailObject,
            addressed,
        )

        if isinstance(message, MailObject):
            mail = message
        elif hasattr(message, "as_bytes"):
            mail = addressed(message, reverse_path, forward_paths, **options)
        elif reverse_path is None or forward_paths is None:
            raise LocalProtocolError(
                "say reverse_path and forward_paths: only an EmailMessage has them "
                "inside; nothing was sent"
            )
        else:
            mail = MailObject(reverse_path, forward_paths, message, **options)
        (delivery,) = self.stream([mail], quit=quit, timeout=timeout)
        if delivery.error is not None:
            raise delivery.error
        return delivery

    def stream(
        self,
        messages: Iterable[Any],
        *,
        window: int = WINDOW,
        on_delivery: Callable[[Delivery], None] | None = None,
        quit: bool = False,  # noqa: A002  # the verb
        timeout: float | None = None,
    ) -> list[Delivery]:
        """Send messages one after another over this connection.

        One turn a message with PIPELINING, less with CHUNKING.

        Args:
            messages: `MailObject`s, tuples (reverse_path, forward_paths, content) or
                `EmailMessage`s; taken one by one, as they are sent. An iterator should
                not wait: what was taken may leave with what comes next.
            window: With CHUNKING, how many may be under way: so many messages a lost
                connection may leave unknown.
            on_delivery: Called with each delivery as soon as it is settled, in this
                thread; it must not use the client. If it raises, the stream ends.
            quit: As for `send`.
            timeout: Seconds for all of it; None for those of each step.

        Returns:
            What became of each, in order: accepted, refused, or not tried (after a 421,
            or because it must not be sent: `Delivery.error`).

        Raises:
            SmtpError, Cancelled: As ever. `deliveries` of the error has the outcome of
                every message that was taken: unknown, aborted and not tried as well.
        """
        given = {"on_delivery": on_delivery, "quits": quit, "timeout": timeout}
        return self._run("stream", self._stream(messages, window, given))

    def _stream(
        self, messages: Iterable[Any], window: int, given: dict[str, Any]
    ) -> Steps[list[Delivery]]:
        engine = self._connected()
        if engine.session.state is State.CONNECTED:
            yield from self._hello(engine, given["timeout"])
        engine.session.check(commands.Mail(""))
        engine.require_replies_read()
        courier = self._courier(engine, window, progress=self.on_progress, **given)
        return (yield from courier.send(messages))

    def _hello(self, engine: Engine, timeout: float | None) -> Steps[None]:
        reply = yield from engine.execute(commands.Ehlo(self._named(None)), timeout)
        if reply.code in {500, 502}:  # RFC 5321 section 3.2
            yield from engine.execute(commands.Helo(self._named(None)), timeout)

    def _courier(self, engine: Engine, window: int, **given: Any) -> Courier:
        offered = engine.session.capabilities
        by_data = not (self.chunking and "CHUNKING" in offered)
        if not (self.pipelining and "PIPELINING" in offered):
            from smtpnb.transfer.by_command import ByCommand

            return ByCommand(engine, by_data=by_data, **given)
        if by_data:
            from smtpnb.transfer.by_turn import ByTurn

            return ByTurn(engine, **given)
        from smtpnb.transfer.by_window import ByWindow

        return ByWindow(engine, window=window, **given)

    def pipeline(self, *, timeout: float | None = None) -> Pipeline:
        """Collect commands, and send them as one group (RFC 2920).

        Use it so::

            with client.pipeline() as group:
                group.mail_from("a@example.org")
                group.rcpt_to("b@example.net")
                group.data()
            group.replies

        Args:
            timeout: Seconds for all of it; None for those of each command.

        Raises:
            LocalProtocolError: When the block ends: a command must not be sent, or the
                server does not offer PIPELINING; nothing was sent.
        """
        return Pipeline(self, timeout)

    def _send_group(
        self, group: tuple[Command, ...], timeout: float | None
    ) -> tuple[Reply, ...]:
        return self._run("pipeline", self._connected().group(group, timeout))


class Pipeline:
    """Commands that will leave together when the block ends.

    The methods are those verbs of the client that may stand in a group; each takes the
    same arguments and returns the place of its reply in `replies`.

    Attributes:
        replies: The replies, in order, once the block has ended.
    """

    def __init__(self, client: Sending, timeout: float | None) -> None:
        self.replies: tuple[Reply, ...] = ()
        self._client = client
        self._timeout = timeout
        self._commands: list[Command] = []

    def add(self, command: Command) -> int:
        """Add any command; return the place of its reply."""
        self._commands.append(command)
        return len(self._commands) - 1

    def mail_from(self, reverse_path: str, **parameters: Any) -> int:
        """Add MAIL."""
        return self.add(commands.Mail(reverse_path, **parameters))

    def rcpt_to(self, forward_path: str, **parameters: Any) -> int:
        """Add RCPT."""
        return self.add(commands.Rcpt(forward_path, **parameters))

    def data(self) -> int:
        """Add DATA; it must be the last. The content follows by `send_lines`."""
        return self.add(commands.Data())

    def rset(self) -> int:
        """Add RSET."""
        return self.add(commands.Rset())

    def noop(self) -> int:
        """Add NOOP; it must be the last."""
        return self.add(commands.Noop())

    def quit(self) -> int:
        """Add QUIT; it must be the last, and the connection is closed then."""
        return self.add(commands.Quit())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._commands:
            group = tuple(self._commands)
            self.replies = self._client._send_group(group, self._timeout)  # noqa: SLF001  # its own helper
