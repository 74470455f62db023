"""From a mail object to the octets of its envelope: MAIL, each RCPT, perhaps DATA.

What MAIL says beside the path is decided here, from what the server offers: SIZE where
the size is known (RFC 1870), BODY=8BITMIME where the content is not known to be ASCII
(RFC 6152), SMTPUTF8 where a path is not (RFC 6531). What the user says takes its place.

Nearly every envelope holds plain addresses and no more. Those are recognised all at
once, and their lines made directly: a recipient costs a microsecond, and an envelope is
never the same twice. Everything else is made of typed commands and checked one by one;
both ways give the same octets (a test holds them to it).
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.addresses import MAX_LOCAL_PART
from smtpnb.protocol.commands import Command, Data, Mail, Rcpt, Rset
from smtpnb.protocol.group import Group, of_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.group import Part
    from smtpnb.protocol.session import Session

RSET: Final = of_commands(Rset())

_DATA: Final = of_commands(Data())
# What stands in a plain address besides "@" and "."; deleted to look at the rest.
_PLAIN: Final = {
    ord(character): None
    for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+"
}
# Of "\na@b.c\n" and the like: an empty part, or a label that begins or ends with "-".
_BROKEN: Final = ("..", ".@", "@.", "\n.", ".\n", "@\n", "\n@", "-\n", "-.", "@-", ".-")


class Envelopes:
    """Makes the envelope of each message of one stream.

    Args:
        session: What it offers now holds for the whole stream.
        by_data: Whether DATA ends the envelope.

    Attributes:
        given_up: What spoke against the last one, and did not count (`lax`).
    """

    def __init__(self, session: Session, *, by_data: bool) -> None:
        offered = session.capabilities
        self.given_up: list[str] = []
        self._session = session
        self._by_data = by_data
        self._counts = "LIMITS" in offered
        self._tells_size = "SIZE" in offered
        self._body = "8BITMIME" if "8BITMIME" in offered else None

    def of(self, mail: MailObject, size: int | None, *, ascii_only: bool) -> Group:
        """Return the envelope of a message.

        Args:
            mail: The message.
            size: Octets of its content; None if that is not known.
            ascii_only: Whether the content is known to be ASCII.

        Raises:
            LocalProtocolError: A path or parameter must not be sent, or needs what the
                server does not offer.
        """
        size = size if self._tells_size else None
        body = None if ascii_only else self._body
        if mail.options is None and not (self._session.lax or self._counts):
            paths = (mail.reverse_path, *mail.forward_paths)
            if _are_plain(paths) and (ascii_only or not mail.needs_smtputf8):
                self.given_up = []
                return self._plain(paths, size, body)
        commands = self.commands(mail, size, body)
        self.given_up = self._session.check_envelope(commands)
        for command in commands:
            self._session.counted.said(command)
        return of_commands(*commands, lax="syntax" in self._session.lax)

    def _plain(self, paths: Sequence[str], size: int | None, body: str | None) -> Group:
        mail = f"MAIL FROM:<{paths[0]}>"
        if size is not None:
            mail += f" SIZE={size}"
        if body is not None:
            mail += f" BODY={body}"
        first = f"{mail}\r\n".encode()
        to = ">\r\nRCPT TO:<".join(paths[1:])
        rest = f"RCPT TO:<{to}>\r\n".encode()
        lines = rest.splitlines(keepends=True)
        parts: list[Part] = [("mail", "MAIL", first, len(first))]
        parts += zip(repeat("rcpt"), repeat("RCPT"), lines, map(len, lines))
        wire = first + rest
        events = ("MAIL", *("RCPT",) * len(lines))
        if self._by_data:
            wire, events = wire + _DATA.wire, (*events, "DATA")
            parts += _DATA.parts
        return Group(wire, tuple(parts), events)

    def commands(
        self, mail: MailObject, size: int | None, body: str | None
    ) -> tuple[Command, ...]:
        """Return the envelope as typed commands."""
        said, rcpts = mail.options or ((), ())
        keywords = {word.partition("=")[0].upper() for word in said}
        first = Mail(
            mail.reverse_path,
            size=None if "SIZE" in keywords else size,
            body=None if "BODY" in keywords else body,
            smtputf8=mail.needs_smtputf8 and "SMTPUTF8" not in keywords,
        )
        first.parameters += said
        rest = [Rcpt(path) for path in mail.forward_paths]
        for rcpt, words in zip(rest, rcpts, strict=False):
            rcpt.parameters = words
        return (first, *rest, Data()) if self._by_data else (first, *rest)


def _are_plain(paths: Sequence[str]) -> bool:
    """Tell whether all are addresses of the plainest kind; no is no verdict."""
    joined = "\n".join(paths)
    if len(max(paths, key=len)) > MAX_LOCAL_PART or not joined.isascii():
        return False
    rest = joined.translate(_PLAIN).replace(".", "").replace("-", "")
    if rest != "@\n" * (len(paths) - 1) + "@":
        return False
    framed = f"\n{joined}\n"
    return not any(map(framed.__contains__, _BROKEN))
