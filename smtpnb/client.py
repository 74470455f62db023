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

from typing import TYPE_CHECKING, Any, TypeVar

from smtpnb._connection import limit_of
from smtpnb._extensions import ExtensionVerbs
from smtpnb._messages import WholeMessages
from smtpnb._pipeline import Pipeline
from smtpnb.dialogues.converse import converse
from smtpnb.message.content import octets_of
from smtpnb.protocol import commands
from smtpnb.protocol.errors import (
    Cancelled,
    LocalProtocolError,
    SmtpError,
)
from smtpnb.protocol.sasl.mechanism import Mechanism
from smtpnb.protocol.secret import Secret
from smtpnb.protocol.session import State
from smtpnb.transfer.bearable import (
    bearable,
    check_piece,
    encoder_of,
    encoder_of_pieces,
)
from smtpnb.transfer.body import Body
from smtpnb.wire.auth import authenticate, by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb._connection import Hello
    from smtpnb.dialogues.converse import Dialogue, Said
    from smtpnb.message.content import Content
    from smtpnb.protocol.parameters import Parameter
    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.sasl.oauth import Token
    from smtpnb.wire.tls import Verify
    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")


class SmtpClient(ExtensionVerbs, WholeMessages):
    """The client side of one SMTP session at a time.

    Arguments are those of `Connection`. After each verb look at `reply_code` and
    `reply_text`, or at the `Reply` that it returned.

    Example:
        >>> with SmtpClient(identity="client.example") as client:
        ...     client.connect(sandbox).code
        ...     client.ehlo().code
        ...     client.quit().code
        220
        250
        221
    """

    def ehlo(
        self, identity: str | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send EHLO; what is offered stands in `capabilities` afterwards.

        Args:
            identity: Our name; None for the client's `identity`, or else the address
                literal of the local address (RFC 5321 section 4.1.3).
            timeout: Seconds until the reply is complete.

        Example:
            >>> client.ehlo("client.example").ok
            True
            >>> "STARTTLS" in client.capabilities
            True
        """
        return self._greet(commands.Ehlo, identity, timeout)

    def helo(
        self, identity: str | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send HELO, for a server that does not know EHLO.

        Example:
            >>> client.helo("client.example")
            <Reply 250 sandbox.localhost>
        """
        return self._greet(commands.Helo, identity, timeout)

    def lhlo(
        self, identity: str | None = None, *, timeout: float | None = None
    ) -> Reply:
        """Send LHLO, the EHLO of LMTP (RFC 2033 section 4.1).

        Example:
            >>> client = SmtpClient()
            >>> client.connect("unix:/run/dovecot/lmtp").ok
            True
            >>> client.lhlo("client.example").ok
            True
        """
        return self._greet(commands.Lhlo, identity, timeout)

    def _greet(
        self, kind: type[Hello], identity: str | None, timeout: float | None
    ) -> Reply:
        reply = self._execute(self._hello_of(kind, identity), timeout)
        self._connected().note_suspicion()
        return reply

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

        Example:
            >>> client.starttls().code
            220
            >>> client.tls["version"], client.tls["verified"]
            ('TLSv1.3', True)
            >>> client.ehlo().ok
            True
        """
        limit = limit_of(timeout)
        policy = self._trust.with_(verify=verify, ca=ca)
        engine = self._connected()
        name = self._certified(server_hostname, engine.log.host)
        return self._run("starttls", self._starttls(engine, policy, name, limit))

    def auth(
        self,
        mechanism: Mechanism | str,
        user: str = "",
        password: str | Secret | None = None,
        *,
        token: Token | None = None,
        identity: str = "",
        initial_response: bool | None = None,
        allow_cleartext_auth: bool = False,
        timeout: float | None = None,
    ) -> Reply:
        """Authenticate: `auth("auto", "user", password)`, or `auth(Plain(...))`.

        "auto" takes the strongest mechanism that is offered, once: after a refusal
        nothing weaker is tried. What a server tells in a challenge - why it refuses a
        token, say - is a note in the transcript.

        Args:
            mechanism: "auto", a name such as "scram-sha-256", or a `Mechanism`:
                `Plain`, `Login`, `CramMd5`, `DigestMd5`, `Scram`, `XOAuth2`,
                `OAuthBearer`, `Ntlm`, `Gssapi`, `External`, `Anonymous`.
            user: With a name: the user name.
            password: With a name: the password, as text or Secret.
            token: With a name: the access token of XOAUTH2 and OAUTHBEARER, or a
                callable that returns it; "auto" then takes one of these two.
            identity: With a name: the authorization identity, if it differs.
            initial_response: With a name: send the first response with AUTH, or wait
                for the 334; None for what the mechanism does by itself.
            allow_cleartext_auth: Send the secret without TLS.
            timeout: Seconds for the whole exchange, a token's callable included.

        Raises:
            LocalProtocolError: Without TLS, over unverified TLS, out of order or not
                offered; nothing was sent.
            RemoteProtocolError: The server breaks the mechanism, or could not prove
                that it knows the password; the connection is closed.

        Example:
            >>> client.starttls().ok and client.ehlo().ok
            True
            >>> client.auth("auto", "ann", "sesame-open").code
            235
        """
        # From here on no local holds their text: an error may pass.
        password = None if password is None else Secret(password)
        token = Secret(token) if isinstance(token, str) else token
        engine = self._connected()
        if isinstance(mechanism, str):
            mechanism = by_name(
                engine,
                mechanism,
                user,
                password,
                token=token,
                identity=identity,
                initial_response=initial_response,
            )
        if not isinstance(mechanism, Mechanism):
            raise LocalProtocolError(
                f"auth() takes a mechanism or its name, not {type(mechanism).__name__}"
            )
        steps = authenticate(
            engine,
            mechanism,
            allow_cleartext=allow_cleartext_auth,
            limit=limit_of(timeout),
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
        auth: str | None = None,
        by: Any = None,
        holdfor: Any = None,
        holduntil: Any = None,
        mt_priority: int | None = None,
        requiretls: bool = False,
        prdr: bool = False,
        parameters: Iterable[str | Parameter] = (),
        timeout: float | None = None,
    ) -> Reply:
        """Send MAIL FROM: a mail transaction begins.

        A parameter needs its extension to be announced; values are plain, and become
        xtext where the parameter wants it (RFC 3461 section 4); what is xtext already
        is an `Xtext`.

        Args:
            reverse_path: The sender; "" is the null reverse-path "<>".
            size: SIZE (RFC 1870): octets.
            body: BODY: "7BIT", "8BITMIME" (RFC 6152) or "BINARYMIME" (RFC 3030).
            smtputf8: SMTPUTF8 (RFC 6531), which a non-ASCII address needs.
            ret: RET (RFC 3461): what a report returns, "FULL" or "HDRS".
            envid: ENVID (RFC 3461): the envelope's name in reports.
            auth: AUTH (RFC 4954): who submitted it; "" for "<>".
            by: BY (RFC 2852): (120, "R") returns it after 120 seconds, (120, "N")
                notifies; or the text "120;R".
            holdfor: HOLDFOR (RFC 4865): seconds, or a timedelta.
            holduntil: HOLDUNTIL (RFC 4865): a datetime with its zone, or RFC 3339 text.
            mt_priority: MT-PRIORITY (RFC 6710): -9 to 9.
            requiretls: REQUIRETLS (RFC 8689): all the way by TLS.
            prdr: PRDR: the end of data is answered for each recipient.
            parameters: More of them: words as they stand on the wire, or values of
                `smtpnb.protocol.parameters`.
            timeout: Seconds until the reply is complete.

        Raises:
            LocalProtocolError: The address or a parameter breaks a rule, which is
                named, or was not announced; nothing was sent.

        Example:
            >>> client.mail_from("ann@client.example", size=2000).code
            250
        """
        command = commands.Mail(
            reverse_path,
            size=size,
            body=body,
            smtputf8=smtputf8,
            ret=ret,
            envid=envid,
            parameters=parameters,
            auth=auth,
            by=by,
            holdfor=holdfor,
            holduntil=holduntil,
            mt_priority=mt_priority,
            requiretls=requiretls or None,
            prdr=prdr or None,
        )
        return self._execute(command, timeout)

    def rcpt_to(
        self,
        forward_path: str,
        *,
        notify: str | Iterable[str] | None = None,
        orcpt: str | None = None,
        rrvs: Any = None,
        parameters: Iterable[str | Parameter] = (),
        timeout: float | None = None,
    ) -> Reply:
        """Send RCPT TO: one more recipient.

        Args:
            forward_path: The recipient.
            notify: NOTIFY (RFC 3461): "NEVER", or "SUCCESS,FAILURE" and the like.
            orcpt: ORCPT (RFC 3461): the recipient as first named, "a@b"; its type is
                rfc822, or utf-8 (RFC 6533), or stands before it: "x400;...".
            rrvs: RRVS (RFC 7293): a datetime with its zone, or RFC 3339 text; with what
                to do where it is not known: (datetime, "C").
            parameters: As for `mail_from`.
            timeout: Seconds until the reply is complete.

        Raises:
            LocalProtocolError: As `mail_from`.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").code
            250
        """
        command = commands.Rcpt(
            forward_path, notify=notify, orcpt=orcpt, rrvs=rrvs, parameters=parameters
        )
        return self._execute(command, timeout)

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
                127 without 8BITMIME, or a line of more than 998 octets.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.rcpt_to("bob@sandbox.example").ok
            True
            >>> client.data("Subject: hello\n\n.a dot is doubled on its way\n").code
            250
        """
        if content is None:
            return self._execute(commands.Data(), timeout)
        return self._run("data", self._data(content, limit_of(timeout)))

    def _data(self, content: Content, limit: float | None) -> Steps[Reply]:
        from smtpnb.message.envelope import MailObject  # when first used

        engine = self._connected()
        # A content without its envelope.
        mail = bearable(MailObject("", ("",), content), engine)
        if mail.whole(0) is None:
            mail.claim()
        encoder = encoder_of(mail, engine.session, stuff=True)
        reply = yield from engine.execute(commands.Data(), limit)
        if engine.session.state is not State.DATA:
            return reply
        body = Body(engine, encoder, progress=self.on_progress)
        early = yield from body.send(mail.pieces(), limit)
        if early is not None:  # a refusal is false
            return early
        return (yield from body.end(limit))

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
        piece, body = octets_of(octets), self._content()
        check_piece(piece, self._connected())
        steps = body.send((piece,), limit_of(timeout))
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
        engine, octets = self._connected(), octets_of(chunk)
        check_piece(octets, engine)
        steps = engine.chunk(octets, last=last, limit=limit_of(timeout))
        return self._run("bdat", steps)

    def rset(self, *, timeout: float | None = None) -> Reply:
        """Send RSET: the mail transaction is forgotten.

        Example:
            >>> client.rset().code
            250
        """
        return self._execute(commands.Rset(), timeout)

    def noop(self, text: str = "", *, timeout: float | None = None) -> Reply:
        """Send NOOP.

        Example:
            >>> client.noop().code
            250
        """
        return self._execute(commands.Noop(text), timeout)

    def vrfy(
        self, text: str, *, smtputf8: bool = False, timeout: float | None = None
    ) -> Reply:
        """Send VRFY. 252 is a success: neither yes nor no.

        Args:
            text: A user or an address.
            smtputf8: Say SMTPUTF8 behind it, which non-ASCII text needs (RFC 6531
                section 3.7.4.2).
            timeout: Seconds until the reply is complete.

        Example:
            >>> client.vrfy("bob@sandbox.example").code
            252
        """
        return self._execute(commands.Vrfy(text, smtputf8=smtputf8), timeout)

    def expn(
        self, text: str, *, smtputf8: bool = False, timeout: float | None = None
    ) -> Reply:
        """Send EXPN; as `vrfy`.

        Example:
            >>> reply = client.expn("staff")
            >>> reply.code, reply.ok
            (502, False)
        """
        return self._execute(commands.Expn(text, smtputf8=smtputf8), timeout)

    def help(self, text: str = "", *, timeout: float | None = None) -> Reply:
        """Send HELP.

        Example:
            >>> client.help().code
            214
        """
        return self._execute(commands.Help(text), timeout)

    def quit(self, *, timeout: float | None = None) -> Reply:
        """Send QUIT, read the reply, close the connection.

        Raises:
            ConnectionLost: The server closed without a word; it is closed all the
                same, and what it accepted stays accepted.

        Example:
            >>> client.quit().code
            221
            >>> client.state.name
            'CLOSED'
        """
        return self._run("quit", self._connected().quit(limit_of(timeout)))

    def command(
        self, verb: str, argument: str = "", *, timeout: float | None = None
    ) -> Reply:
        """Send any verb with any argument, in any order; a transcript note says so.

        ATRN and TURN, once granted, make the server the client: what it says then is no
        reply, and what we say is `raw`.

        Raises:
            LocalProtocolError: A control character, or not a verb.

        Example:
            >>> client.command("XYZZY", "now").code
            500
        """
        return self._execute(commands.Custom(verb, argument), timeout)

    def raw(self, octets: bytes, *, timeout: float | None = None) -> None:
        r"""Send octets as they are, with no check and no line end added.

        What they did to the session is not known: read each reply with `read_reply`.

        Example:
            >>> client.raw(b"NOOP\r\nNOOP\r\n")
            >>> [client.read_reply().code for _ in range(2)]
            [250, 250]
        """
        self._run("raw", self._connected().raw(octets, limit_of(timeout)))

    def read_reply(self, *, timeout: float | None = None) -> Reply:
        r"""Read one reply: to raw octets, or one that nobody asked for.

        Example:
            >>> client.raw(b"NOOP\r\n")
            >>> client.read_reply().code
            250
        """
        steps = self._connected().read_reply(limit_of(timeout))
        return self._run("read_reply", steps)

    def run(self, dialogue: Dialogue[_T]) -> _T:
        """Say what a dialogue yields, send it each reply, return what it returns.

        Args:
            dialogue: A generator of commands: `reply = yield Ehlo("me.example")`. To
                authenticate it yields a mechanism, as `auth` takes it.

        Raises:
            SmtpError, Cancelled: As verbs do; thrown into the dialogue first.

        Example:
            >>> from smtpnb.protocol.commands import Noop, Vrfy
            >>> def ask(name):
            ...     yield Noop()
            ...     reply = yield Vrfy(name)
            ...     return reply.code
            >>> client.run(ask("bob"))
            252
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
                name = self._certified(None, engine.log.host)
                return self._starttls(engine, self._trust, name, None)
            case commands.EndOfData():
                return self._content().end(None)
            case commands.Quit():
                return engine.quit(None)
        return engine.execute(said)

    def pipeline(self, *, timeout: float | None = None) -> Pipeline:
        """Collect commands, and send them as one group (RFC 2920).

        Use it so::

            with client.pipeline() as group:
                group.mail_from("a@example.org")
                group.rcpt_to("b@example.net")
                group.data()
            group.replies

        Args:
            timeout: Seconds for all of it; None for the deadline of the group: what its
                commands may take together, at most `Timeouts.group`.

        Raises:
            LocalProtocolError: When the block ends: a command must not be sent, or the
                server does not offer PIPELINING; nothing was sent.

        Example:
            >>> with client.pipeline() as group:
            ...     group.mail_from("ann@client.example")
            ...     group.rcpt_to("bob@sandbox.example")
            ...     group.data()
            0
            1
            2
            >>> [reply.code for reply in group.replies]
            [250, 250, 354]
        """

        def leave(group: tuple[commands.Command, ...]) -> tuple[Reply, ...]:
            steps = self._connected().group(group, limit_of(timeout))
            return self._run("pipeline", steps)

        return Pipeline(leave)

    def _execute(self, command: commands.Command, timeout: float | None) -> Reply:
        engine = self._connected()
        limit = None if timeout is None else limit_of(timeout)
        try:
            return self._owner.say(engine, command, limit)
        except (SmtpError, Cancelled) as error:
            error.transcript = self.transcript
            raise
