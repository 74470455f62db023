"""The verbs that carry content, for `SmtpClient`: DATA in one call or three, and BDAT.

What sends a content loads when the first one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb._connection import Connection, limit_of
from smtpnb.protocol.commands import Data
from smtpnb.protocol.group import BLOCK, end_of_data
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from smtpnb.message.content import Content
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.reply import Reply
    from smtpnb.transfer.body import Body
    from smtpnb.wire.drive import Shield
    from smtpnb.wire.wait import Steps


class ContentVerbs(Connection):
    """`data`, `send_lines`, `end_data` and `bdat`."""

    def data(
        self, content: Content | None = None, *, timeout: float | None = None
    ) -> Reply:
        r"""Send DATA; with content, all of it and the end of data.

        Args:
            content: Octets, text (sent as UTF-8), an `EmailMessage`, a binary file, or
                an iterable of octets. Line ends become CRLF, leading dots are
                doubled. None sends the verb alone: after a 354 `send_lines` and
                `end_data` follow.
            timeout: Seconds for the whole call; None for those of each phase.

        Returns:
            The final reply; or that of DATA if it was refused (nothing was sent), or
            if no content was given (354). LMTP has a final reply for each accepted
            recipient: this is the last one, and `replies` has all of them.

        Raises:
            LocalProtocolError: The server could not bear it: it holds NUL, octets over
                127 without 8BITMIME, a header in UTF-8 where MAIL did not say SMTPUTF8,
                or a line of more than 998 octets.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.data("Subject: hello\n\n.a dot is doubled on its way\n").code
            250
        """
        if content is None:
            return self._execute(Data(), timeout)
        limit = limit_of(timeout)
        return self._guarded("data", lambda shield: self._data(content, limit, shield))

    def _data(self, content: Content, limit: float | None, shield: Shield) -> Reply:
        from smtpnb.message.envelope import MailObject
        from smtpnb.protocol.content import stuffed
        from smtpnb.transfer.bearable import bearable, encoder_of, says_smtputf8
        from smtpnb.transfer.body import Body

        engine, owner = self._connected(), self._owner
        # A content without its envelope.
        declared = says_smtputf8(engine.session)
        mail = bearable(MailObject("", ("",), content), engine, declared=declared)
        whole = mail.whole(0 if self.on_progress else BLOCK)
        if whole is None:
            mail.claim()
        encoder = encoder_of(mail, engine.session, stuff=True)
        reply = owner.converse(engine, Data(), limit, shield)
        if engine.session.state is not State.DATA:
            return reply
        body = Body(engine, encoder, progress=self.on_progress)
        if whole is None:
            return owner.drive(_by_blocks(body, mail, limit), shield)
        octets, n_lines, _ = whole
        return owner.finish(body, end_of_data(stuffed(octets), n_lines), limit, shield)

    def send_lines(
        self, octets: bytes | str, *, timeout: float | None = None
    ) -> Reply | None:
        r"""Send a piece of the content, after `data()` was answered 354.

        Args:
            octets: Any piece; it need not end with a line.
            timeout: Seconds for this piece.

        Returns:
            None; or, when the server replied before the end of data, that reply: the
            message was not sent and the connection is closed.

        Raises:
            LocalProtocolError: The content is not due, or the server could not bear
                the piece: it holds NUL, octets over 127 without 8BITMIME, or a line of
                more than 998 octets. Nothing of it was sent; only where such a line
                began in an earlier piece, the connection is reset.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.data().code
            354
            >>> client.send_lines("Subject: hello\n\n")
            >>> client.send_lines("a piece at a time\n")
            >>> client.end_data().code
            250
        """
        body = self._content()
        steps = body.send((self._checked(octets),), limit_of(timeout))
        return self._run("send_lines", steps)

    def end_data(self, *, timeout: float | None = None) -> Reply:
        """Send the end of data (the final dot) and return the final reply.

        LMTP has one for each accepted recipient: this is the last one, and `replies`
        has all of them, in the order of RCPT (RFC 2033 section 4.2).

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.data().code
            354
            >>> client.end_data().code
            250
        """
        return self._run("end_data", self._content().end(limit_of(timeout)))

    def _content(self) -> Body:
        """The content under way, begun with its first piece."""
        from smtpnb.transfer.bearable import encoder_of_pieces
        from smtpnb.transfer.body import Body

        engine = self._connected()
        if self._body is None or not self._body.is_due_in(engine):
            encoder = encoder_of_pieces(engine.session)
            self._body = Body(engine, encoder, progress=self.on_progress)
        return self._body

    def bdat(
        self, chunk: bytes | str, *, last: bool = False, timeout: float | None = None
    ) -> Reply:
        r"""Send BDAT and a chunk of the message, as it is (RFC 3030).

        A refused chunk ends the message: RSET or QUIT comes next.

        Args:
            chunk: Octets, or text that is sent as UTF-8. Line ends are not changed.
            last: Whether the message ends with it; the reply is then the final one.
            timeout: Seconds until the reply is complete.

        Raises:
            LocalProtocolError: As `send_lines`, where MAIL did not say BODY=BINARYMIME;
                nothing was sent.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.bdat(b"Subject: hello\r\n\r\n").code
            250
            >>> client.bdat(b"in two chunks\r\n", last=True).code
            250
        """
        engine = self._connected()
        octets = self._checked(chunk)
        steps = engine.chunk(octets, last=last, limit=limit_of(timeout))
        return self._run("bdat", steps)

    def _checked(self, given: bytes | str) -> bytes:
        """Return a piece of a content as octets.

        Raises:
            LocalProtocolError: It is none, or the server could not bear it.
        """
        from smtpnb.message.content import octets_of
        from smtpnb.transfer.bearable import Pieces

        octets = octets_of(given)
        if self._pieces is None:
            self._pieces = Pieces()
        self._pieces.check(octets, self._connected())
        return octets


def _by_blocks(body: Body, mail: MailObject, limit: float | None) -> Steps[Reply]:
    early = yield from body.send(mail.pieces(), limit)
    if early is not None:  # a refusal is false
        return early
    return (yield from body.end(limit))
