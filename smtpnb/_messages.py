"""Whole messages, for `SmtpClient`: one, a list, or an iterator that never ends.

They say by themselves what a message needs: EHLO, RSET, MAIL, RCPT, DATA or BDAT. How
the octets leave is the business of `smtpnb.transfer`; how deliveries are handed out, of
`_stream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb._connection import Connection
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.wire.wait import checked_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smtpnb._deliveries import Deliveries
    from smtpnb._stream import Sending
    from smtpnb.message.content import Content
    from smtpnb.message.delivery import Delivery
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol import commands
    from smtpnb.transfer.choose import Overlap
    from smtpnb.transfer.controlled import Control

WINDOW: Final = 64


class WholeMessages(Connection):
    """`send`, `send_all` and `stream`."""

    def send(
        self,
        message: Content | MailObject,
        reverse_path: str | None = None,
        forward_paths: str
        | commands.Rcpt
        | Iterable[str | commands.Rcpt]
        | None = None,
        *,
        overlap: Overlap = None,
        quit: bool = False,  # noqa: A002  # the verb
        convert: bool = False,
        timeout: float | None = None,
        stop_after: str | None = None,
        drop_after: str | None = None,
        control: Control | None = None,
        **options: Any,
    ) -> Delivery:
        r"""Send one message.

        EHLO is said first if nothing was (HELO where the server does not know it), and
        RSET where an earlier `send` left a refused transaction open. With PIPELINING
        it takes two turns: the envelope, then the content, if somebody wants it.

        Args:
            message: A `MailObject`; or the content, as for `data`.
            reverse_path: The sender. None for that of an `EmailMessage`.
            forward_paths: The recipients. None for those of an `EmailMessage`.
            overlap: As for `stream`; of one message it saves a turn only with `quit`.
            quit: Say QUIT as well.
            convert: Re-encode to 7 bits and short lines what the server could not be
                given as it is (8-bit content without 8BITMIME, say); else such a
                message is refused, with the reason.
            timeout: Seconds for all of it; None for those of each phase.
            stop_after: Go no further than "banner", "ehlo", "starttls", "auth", "mail",
                "rcpt" or "dot", and say QUIT. What was left unsaid is *not tried* or
                *aborted*.
            drop_after: The same, also "data"; the connection is dropped without QUIT.
            control: More of that: see `Control`. Such a message leaves command by
                command, by DATA.
            options: As for `MailObject`: parameters of MAIL and RCPT (`ret`, `envid`,
                `notify`, `requiretls`, ...), `crlf` and `line_ends`. What is asked for
                one recipient stands in `forward_paths`: `Rcpt("c@d", notify="NEVER")`.

        Returns:
            What became of it, for each recipient. A refusal is an answer.

        Raises:
            LocalProtocolError: It must not be sent; nothing was.
            SmtpError, Cancelled: The connection failed; `outcome` says what is known of
                the message. A refused greeting or EHLO is in the text.

        Example:
            >>> client.send("Subject: hi\n\nhello\n", "a@a.example", ["b@b.example"])
            <Delivery accepted for 1 of 1: 250 2.6.0 Message 1 taken, ...>
        """
        from smtpnb.message.envelope import MailObject, addressed  # when first used

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
        if stop_after is not None or drop_after is not None:
            from smtpnb.transfer.controlled import Control  # when first used

            control = (control or Control())._replace(
                stop_after=stop_after, drop_after=drop_after
            )
        (delivery,) = self._sending(
            [mail],
            overlap=overlap,
            window=WINDOW,
            quit=quit,
            convert=convert,
            timeout=timeout,
            per_connection=None,
            reconnect=None,
            control=None if control is None else control.check(),
        ).all()
        if delivery.error is not None:
            raise delivery.error
        return delivery

    def send_all(
        self,
        messages: Iterable[Any],
        *,
        overlap: Overlap = None,
        window: int = WINDOW,
        on_delivery: Callable[[Delivery], object] | None = None,
        quit: bool = False,  # noqa: A002  # the verb
        convert: bool = False,
        timeout: float | None = None,
        per_connection: int | None = None,
        reconnect: Callable[[], object] | bool | None = None,
    ) -> list[Delivery]:
        """Send messages one after another; return what became of each.

        Args:
            messages: As for `stream`.
            overlap: As for `stream`.
            window: As for `stream`.
            on_delivery: Called with each delivery as soon as it is settled, once, in
                this thread; it must not use the client. If it raises, what is under way
                is settled, and the error comes then.
            quit: Say QUIT at the end.
            convert: As for `send`.
            timeout: Seconds for all of it; None for those of each step.
            per_connection: As for `stream`.
            reconnect: As for `stream`.

        Returns:
            What became of each, in order: accepted, refused, or not tried (after a 421,
            or because it must not be sent: `Delivery.error`).

        Raises:
            SmtpError, Cancelled: The connection failed. `deliveries` of the error has
                the outcome of every message that was taken; with `reconnect`, of every
                message of a list.

        Example:
            >>> mails = [
            ...     MailObject("ann@a.example", [f"{name}@b.example"], "Subject: x")
            ...     for name in ("bob", "carol")
            ... ]
            >>> [delivery.outcome for delivery in client.send_all(mails)]
            ['accepted', 'accepted']
        """
        sending = self._sending(
            messages,
            overlap=overlap,
            window=window,
            quit=quit,
            convert=convert,
            timeout=timeout,
            per_connection=per_connection,
            reconnect=reconnect,
        )
        return sending.all(on_delivery)

    def stream(
        self,
        messages: Iterable[Any],
        *,
        overlap: Overlap = None,
        window: int = WINDOW,
        quit: bool = False,  # noqa: A002  # the verb
        convert: bool = False,
        timeout: float | None = None,
        per_connection: int | None = None,
        reconnect: Callable[[], object] | bool | None = None,
    ) -> Deliveries:
        """Send messages one after another; iterate over what becomes of each.

        Nothing leaves before the first `next()`; from then on the client is reserved
        until the iterator is exhausted or closed (it is a context manager). `cancel()`
        works between messages, too. However many messages there are, none is kept.

        By default nothing is under way while you look at a delivery, and nothing leaves
        behind the end of a message before its reply has come. Every server bears that.
        `overlap="turn"` puts the next envelope behind the end of a message, as RFC 2920
        allows, and costs one turn a message instead of two; Haraka 3.3 refuses half of
        all mail then, chasquid 1.11 loses it, and the submission service of Dovecot
        2.3 dies of it. `overlap="window"` sends up to `window` messages by BDAT one
        behind the other; servers built on go-smtp (issue 315) do not read a chunk that
        they refuse, and take it for commands: that is noticed, and told as "unknown".

        Args:
            messages: `MailObject`s, tuples (reverse_path, forward_paths, content) or
                `EmailMessage`s; taken one by one, as they are sent.
            overlap: None, "turn" (without PIPELINING it is lock-step) or "window"
                (without CHUNKING it is turn).
            window: With "window", how many may be under way: so many messages a lost
                connection may leave unknown.
            quit: Say QUIT at the end; with `overlap` in one group with the last end.
            convert: As for `send`.
            timeout: Seconds inside `next()`, all together; None for those of each step.
            per_connection: After so many messages go on over a new connection.
            reconnect: How to get one: a function that connects and authenticates this
                client; or True to do once more what `connect`, EHLO and `starttls` did,
                where no AUTH was used. It serves after a 421, too. Only messages that
                were not tried go on; the one that was answered 421 is refused. What
                had TLS, a verified certificate or AUTH goes on only over what has it
                again. A connection that takes nothing (421 to all) is tried again after
                1, 2, 4 and 8 seconds, with True also where nobody answers; then the
                rest of a list is not tried. What the function raises ends the call.
                `cancel()` and `timeout` hold for all of it.

        Raises:
            LocalProtocolError: Not connected, or a word that is none; nothing was sent.
            SmtpError, Cancelled: From `next()`: the connection failed. `deliveries` of
                the error are those that you were not given yet; `list(client.stream())`
                loses the others, so call `send_all` if you want a list.

        Example:
            >>> mails = (
            ...     MailObject("ann@a.example", [f"{name}@b.example"], "Subject: x")
            ...     for name in ("bob", "carol")
            ... )
            >>> with client.stream(mails) as deliveries:
            ...     for delivery in deliveries:
            ...         print(delivery.mail.forward_paths, delivery.outcome)
            ('bob@b.example',) accepted
            ('carol@b.example',) accepted
        """
        from smtpnb._deliveries import Deliveries  # when first used

        sending = self._sending(
            messages,
            overlap=overlap,
            window=window,
            quit=quit,
            convert=convert,
            timeout=timeout,
            per_connection=per_connection,
            reconnect=reconnect,
        )
        return Deliveries(sending)

    def _sending(
        self, messages: Iterable[Any], *, timeout: float | None, **given: Any
    ) -> Sending:
        from smtpnb._stream import Options, Sending  # when first used

        options = Options(timeout=checked_timeout(timeout), **given)
        options.check(self._connected().session)
        return Sending(self, messages, options)
