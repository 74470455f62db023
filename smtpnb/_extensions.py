"""The verbs that only extensions have: ETRN, XCLIENT, XFORWARD, BURL.

Each is refused before it leaves where it was not announced. What reverses the roles of
client and server (ATRN, TURN) is no verb here: `command("ATRN", "example.org")` says
it, and what follows is `raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb._connection import Connection, limit_of
from smtpnb.protocol.commands import Burl, Command, Etrn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.protocol.reply import Reply
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.wait import Steps


class ExtensionVerbs(Connection):
    """The verbs of extensions, for `SmtpClient`."""

    def etrn(self, node: str, *, timeout: float | None = None) -> Reply:
        """Send ETRN: ask the server to send what it holds for a host (RFC 1985).

        Args:
            node: The name of the host; "@example.org" for its subdomains as well,
                "#queue" for a queue that the server names so.
            timeout: Seconds until the reply is complete.

        Returns:
            250 to 253: it will, or has nothing; 458 and 459: it cannot, or may not.

        Example:
            >>> client.etrn("sandbox.example").code
            251
        """
        return self._say_each([Etrn(node)], timeout)

    def xclient(self, *, timeout: float | None = None, **attributes: Any) -> Reply:
        """Send XCLIENT: be another client, to a server that trusts us (Postfix).

        After its 220 the session begins anew: EHLO comes next. More than 512 octets go
        in several commands; the first that is refused is the last.

        Args:
            timeout: Seconds until each reply is complete.
            attributes: `name`, `reverse_name`, `addr`, `port`, `proto`, `helo`,
                `login`, `destaddr`, `destport`; plain values, None for "[UNAVAILABLE]".

        Returns:
            The last reply: that of the last command, or the first refusal.

        Raises:
            LocalProtocolError: Not announced, in a transaction, or an attribute that
                there is not; nothing was sent.

        Example:
            >>> client.xclient(name="spike.example", addr="192.0.2.1").code
            220
            >>> client.ehlo().code
            250
        """
        from smtpnb.protocol.trust import xclient  # when first used

        return self._say_each(xclient(**attributes), timeout)

    def xforward(self, *, timeout: float | None = None, **attributes: Any) -> Reply:
        """Send XFORWARD: tell the server's log whose message follows (Postfix).

        Args:
            timeout: Seconds until each reply is complete.
            attributes: `name`, `addr`, `port`, `proto`, `helo`, `ident`, `source`;
                as for `xclient`.

        Returns:
            The last reply, as `xclient`. The session goes on as it was.

        Example:
            >>> client.xforward(name="spike.example", ident="4B9F5").code
            250
        """
        from smtpnb.protocol.trust import xforward  # when first used

        return self._say_each(xforward(**attributes), timeout)

    def burl(
        self, url: str, *, last: bool = False, timeout: float | None = None
    ) -> Reply:
        """Send BURL: the server fetches a piece of the message itself (RFC 4468).

        It stands where BDAT stands, and may be mixed with it. The token of a URLAUTH is
        cut from everything that is shown.

        Args:
            url: Most often an imap:// URL with URLAUTH (RFC 4467).
            last: Whether the message ends with it; the reply is then the final one.
            timeout: Seconds until the reply is complete.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.burl("imap://mail.example/sent;uid=1", last=True).code
            554
        """
        return self._say_each([Burl(url, last=last)], timeout)

    def _say_each(self, said: Sequence[Command], timeout: float | None) -> Reply:
        steps = _each(self._connected(), said, limit_of(timeout))
        return self._run(said[0].verb.lower(), steps)


def _each(engine: Engine, said: Sequence[Command], limit: float | None) -> Steps[Reply]:
    """Say commands that are one to the user; the offer for the first holds for all."""
    first, *rest = said
    reply = yield from engine.execute(first, limit)
    for command in rest:
        if not reply.ok:
            break
        reply = yield from engine.following(command, limit)
    return reply
