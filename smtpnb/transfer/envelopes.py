"""From a mail object to the commands of its envelope.

The same reverse-path, recipients and size give the same group again, checked once: a
stream of messages to the same people costs one look-up a message.

What MAIL says beside the path is decided here, from what the server offers: SIZE where
the size is known (RFC 1870), BODY=8BITMIME where the content is not known to be ASCII
(RFC 6152), SMTPUTF8 where a path is not (RFC 6531).

This module knows nothing of connections and of what is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.message.envelope import Options
from smtpnb.protocol.commands import (
    Bdat,
    Command,
    Data,
    EndOfData,
    Mail,
    Quit,
    Rcpt,
    Rset,
)
from smtpnb.protocol.group import Draft, Group, of_commands

if TYPE_CHECKING:
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.session import Session

_CACHED: Final = 512

RSET: Final = of_commands(Rset())
DOT: Final = of_commands(EndOfData())
QUIT: Final = of_commands(Quit())


class Envelope(NamedTuple):
    """The commands before a content, as a group.

    Attributes:
        first: Where the session is ready for a transaction.
        after_reset: With RSET before them, where it is not.
    """

    first: Group
    after_reset: Group


class Envelopes:
    """Makes the envelope of each message of one stream.

    Args:
        session: What it offers now holds for the whole stream.
        by_data: Whether DATA ends the envelope.
    """

    def __init__(self, session: Session, *, by_data: bool) -> None:
        offered = session.capabilities
        self._session = session
        self._by_data = by_data
        self._tells_size = "SIZE" in offered
        self._body = "8BITMIME" if "8BITMIME" in offered else None
        self._made: dict[Any, Envelope] = {}

    def of(
        self,
        mail: MailObject,
        size: int | None,
        *,
        ascii_only: bool,
        last: bool = False,
    ) -> Envelope:
        """Return the envelope of a message.

        Args:
            mail: The message.
            size: Octets of its content; None if that is not known.
            ascii_only: Whether the content is known to be ASCII.
            last: End with BDAT LAST, for all of the content.

        Raises:
            LocalProtocolError: A path or parameter must not be sent, or needs what the
                server does not offer.
        """
        key = (
            mail.reverse_path,
            mail.forward_paths,
            size,
            ascii_only,
            last,
            mail.options,
        )
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _CACHED:
                self._made.clear()
            body = None if ascii_only else self._body
            commands = self._commands(mail, size if self._tells_size else None, body)
            if last:
                commands += (Bdat(size or 0, last=True),)
            self._session.check_envelope(commands)
            first = of_commands(*commands, lax=self._session.lax)
            made = Envelope(first, Draft(RSET, first).group())
            self._made[key] = made
        return made

    def _commands(
        self, mail: MailObject, size: int | None, body: str | None
    ) -> tuple[Command, ...]:
        paths = (mail.reverse_path, *mail.forward_paths)
        options = mail.options or Options()
        first = Mail(
            mail.reverse_path,
            size=size,
            body=body,
            smtputf8=not all(map(str.isascii, paths)),
            ret=options.ret,
            envid=options.envid,
            parameters=options.parameters,
        )
        rest = [Rcpt(path, notify=options.notify) for path in mail.forward_paths]
        return (first, *rest, Data()) if self._by_data else (first, *rest)
