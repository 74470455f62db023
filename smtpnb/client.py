"""SmtpClient: one ordinary call for each verb; look at the reply; stop it any time.

    client = SmtpClient()
    client.connect("mx.example", 25)
    client.ehlo()
    client.mail_from("a@example.org")
    client.rcpt_to("b@example.net")
    client.reply_code, client.reply_text
    client.quit()

A verb sends exactly what it says: no hidden EHLO, no fallback. A refused command is an
answer; what raises is a fault of the network or the protocol, a deadline, or `cancel`.
After any of these the connection is closed, and the same client can connect again.

This module knows nothing of threads, pandas, IPython or widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from smtpnb.dialogues.converse import converse
from smtpnb.message.content import octets_of, pieces_of
from smtpnb.protocol import commands
from smtpnb.protocol.content import check_content
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.names import host_name
from smtpnb.protocol.sasl import Mechanism
from smtpnb.protocol.session import State
from smtpnb.sending import Sending
from smtpnb.wire.auth import authenticate
from smtpnb.wire.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.dialogues.converse import Dialogue, Said
    from smtpnb.message.content import Content
    from smtpnb.protocol.reply import Reply
    from smtpnb.wire.tls import Verify
    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")


class SmtpClient(Sending):
    """The client side of one SMTP session at a time.

    Arguments and attributes are those of `Connection` and `Sending`. After each verb
    look at `reply_code` and `reply_text`, or at the `Reply` that it returned.
    """

    _transfer: Transfer | None = None

    def ehlo(
        self, identity: str | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send EHLO; what is offered stands in `capabilities` afterwards.

        Args:
            identity: Our name; None for the client's `identity`, or else the address
                literal of the local address (RFC 5321 section 4.1.3).
            timeout: Seconds until the reply is complete.
        """
        return self._execute(commands.Ehlo(self._named(identity)), timeout)

    def helo(
        self, identity: str | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send HELO, for a server that does not know EHLO."""
        return self._execute(commands.Helo(self._named(identity)), timeout)

    def starttls(
        self,
        *,
        server_hostname: str | None = None,
        verify: Verify | None = None,
        ca: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send STARTTLS and do the handshake. EHLO is due again afterwards.

        Args:
            server_hostname: The name the certificate must carry; None for the host.
            verify: "require" or "report", for this call.
            ca: PEM text or file of the CA to trust, for this call.
            timeout: Seconds for the reply and the handshake together.

        Raises:
            LocalProtocolError: Out of order, not offered, or `server_hostname` is no
                name; nothing was sent.
            TlsError: The handshake or the verification failed.
            RemoteProtocolError: Octets stood behind the 220 (an injection).
        """
        policy = self._trust.with_(verify=verify, ca=ca)
        engine = self._connected()
        name = host_name(server_hostname or engine.log.host)
        return self._run("starttls", engine.starttls(policy, name, timeout))

    def auth(
        self,
        mechanism: Mechanism,
        *,
        allow_cleartext_auth: bool = False,
        timeout: float | None = None,
    ) -> Reply:
        """Authenticate: `auth(Plain("user", password))`.

        Args:
            mechanism: `Plain`, `Login` or another mechanism.
            allow_cleartext_auth: Send the secret without TLS.
            timeout: Seconds for the whole exchange.

        Raises:
            LocalProtocolError: Without TLS, over unverified TLS, or not offered.
        """
        steps = authenticate(
            self._connected(),
            mechanism,
            allow_cleartext=allow_cleartext_auth,
            timeout=timeout,
        )
        return self._run("auth", steps)

    def mail_from(
        self,
        reverse_path: str,
        *,
        size: int | None = None,
        body: str | None = None,
        smtputf8: bool = False,
        ret: str | None = None,
        envid: str | None = None,
        parameters: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Reply:
        """Send MAIL FROM: a mail transaction begins.

        Args:
            reverse_path: The sender; "" is the null reverse-path "<>".
            size: SIZE=, in octets.
            body: BODY=, "7BIT" or "8BITMIME".
            smtputf8: SMTPUTF8, which a non-ASCII address needs.
            ret: RET=, "FULL" or "HDRS".
            envid: ENVID=, already as xtext.
            parameters: More parameters, as they stand on the wire.
            timeout: Seconds until the reply is complete.
        """
        command = commands.Mail(
            reverse_path,
            size=size,
            body=body,
            smtputf8=smtputf8,
            ret=ret,
            envid=envid,
            parameters=parameters,
        )
        return self._execute(command, timeout)

    def rcpt_to(
        self,
        forward_path: str,
        *,
        notify: str | None = None,
        orcpt: str | None = None,
        parameters: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Reply:
        """Send RCPT TO: one more recipient.

        Args:
            forward_path: The recipient.
            notify: NOTIFY=, such as "SUCCESS,FAILURE".
            orcpt: ORCPT=, already as xtext, such as "rfc822;a@b".
            parameters: More parameters, as they stand on the wire.
            timeout: Seconds until the reply is complete.
        """
        command = commands.Rcpt(
            forward_path, notify=notify, orcpt=orcpt, parameters=parameters
        )
        return self._execute(command, timeout)

    def data(
        self, content: Content | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send DATA; with content, all of it and the end of data.

        Args:
            content: Octets, text (sent as UTF-8), an `EmailMessage`, a binary file, or
                an iterable of octets. Line ends become CRLF, leading dots are
                doubled. None sends the verb alone: after a 354 `send_lines` and
                `end_data` follow.
            timeout: Seconds for the whole call; None for those of each phase.

        Returns:
            The final reply; or that of DATA if it was refused (nothing was sent), or
            if no content was given (354).

        Raises:
            LocalProtocolError: The content holds NUL.
        """
        if content is None:
            return self._execute(commands.Data(), timeout)
        return self._run("data", self._data(content, timeout))

    def _data(self, content: Content, timeout: float | None) -> Steps[Reply]:
        engine = self._connected()
        pieces = pieces_of(content)
        reply = yield from engine.execute(commands.Data(), timeout)
        if engine.session.state is not State.DATA:
            return reply
        transfer = Transfer(engine, self.on_progress)
        return (yield from transfer.send_all(pieces, timeout))

    def send_lines(
        self, octets: bytes | str, *, timeout: float | None = None
    ) -> Reply | None:
        """Send a piece of the content, after `data()` was answered 354.

        Args:
            octets: Any piece; it need not end with a line.
            timeout: Seconds for this piece.

        Returns:
            None; or, when the server replied before the end of data, that reply: the
            message was not sent and the connection is closed.

        Raises:
            LocalProtocolError: The content is not due, or the piece holds NUL.
        """
        piece = octets_of(octets)
        check_content(piece)
        return self._run("send_lines", self._content().send(piece, timeout))

    def end_data(self, *, timeout: float | None = None) -> Reply:
        """Send the end of data (the final dot) and return the final reply."""
        return self._run("end_data", self._content().end(timeout))

    def _content(self) -> Transfer:
        """The transfer under way, begun with its first piece."""
        engine = self._connected()
        if self._transfer is None or not self._transfer.goes_on_in(engine):
            self._transfer = Transfer(engine, self.on_progress)
        return self._transfer

    def bdat(
        self, chunk: bytes | str, *, last: bool = False, timeout: float | None = None
    ) -> Reply:
        """Send BDAT and a chunk of the message, as it is (RFC 3030).

        A refused chunk ends the message: RSET or QUIT comes next.

        Args:
            chunk: Octets, or text that is sent as UTF-8. Line ends are not changed.
            last: Whether the message ends with it; the reply is then the final one.
            timeout: Seconds until the reply is complete.
        """
        octets = octets_of(chunk)
        engine = self._connected()
        return self._run("bdat", engine.chunk(octets, last=last, timeout=timeout))

    def rset(self, *, timeout: float | None = None) -> Reply:
        """Send RSET: the mail transaction is forgotten."""
        return self._execute(commands.Rset(), timeout)

    def noop(self, text: str = "", *, timeout: float | None = None) -> Reply:
        """Send NOOP."""
        return self._execute(commands.Noop(text), timeout)

    def vrfy(self, text: str, *, timeout: float | None = None) -> Reply:
        """Send VRFY. 252 is a success: neither yes nor no."""
        return self._execute(commands.Vrfy(text), timeout)

    def expn(self, text: str, *, timeout: float | None = None) -> Reply:
        """Send EXPN."""
        return self._execute(commands.Expn(text), timeout)

    def help(self, text: str = "", *, timeout: float | None = None) -> Reply:
        """Send HELP."""
        return self._execute(commands.Help(text), timeout)

    def quit(self, *, timeout: float | None = None) -> Reply:
        """Send QUIT, read the reply, close the connection.

        Raises:
            ConnectionLost: The server closed without a word; it is closed all the
                same, and what it accepted stays accepted.
        """
        return self._run("quit", self._connected().quit(timeout))

    def command(
        self, verb: str, argument: str = "", *, timeout: float | None = None
    ) -> Reply:
        """Send any verb with any argument, in any order; a transcript note says so.

        Raises:
            LocalProtocolError: A control character, or not a verb.
        """
        return self._execute(commands.Custom(verb, argument), timeout)

    def raw(self, octets: bytes, *, timeout: float | None = None) -> None:
        """Send octets as they are, with no check and no line end added.

        What they did to the session is not known: read each reply with `read_reply`.
        """
        engine = self._connected()
        self._run("raw", engine.raw(octets, timeout))

    def read_reply(self, *, timeout: float | None = None) -> Reply:
        """Read one reply: to raw octets, or one that nobody asked for."""
        return self._run("read_reply", self._connected().read_reply(timeout))

    def run(self, dialogue: Dialogue[_T]) -> _T:
        """Say what a dialogue yields, send it each reply, return what it returns.

        Args:
            dialogue: A generator of commands: `reply = yield Ehlo("me.example")`. To
                authenticate it yields a mechanism, as `auth` takes it.

        Raises:
            SmtpError, Cancelled: As verbs do; thrown into the dialogue first.
        """
        return self._run("run", converse(dialogue, self._say))

    def _say(self, said: Said) -> Steps[Reply]:
        engine = self._connected()
        match said:
            case Mechanism():
                return authenticate(engine, said)
            case commands.Auth() | commands.AuthResponse():
                raise LocalProtocolError("yield the mechanism instead, Plain(...)")
            case commands.Bdat():
                raise LocalProtocolError("a dialogue sends no chunks: client.bdat()")
            case commands.StartTls():
                name = engine.log.host.strip("[]")
                return engine.starttls(self._trust, name, None)
            case commands.EndOfData():
                return self._content().end()
            case commands.Quit():
                return engine.quit(None)
        return engine.execute(said)

    def _execute(self, command: commands.Command, timeout: float | None) -> Reply:
        return self._run(command.verb, self._connected().execute(command, timeout))
