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
from smtpnb._content import ContentVerbs
from smtpnb._extensions import ExtensionVerbs
from smtpnb._messages import WholeMessages
from smtpnb.protocol import commands
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb._connection import Hello
    from smtpnb._pipeline import Pipeline
    from smtpnb.dialogues.converse import Dialogue, Said
    from smtpnb.protocol.parameters import Parameter
    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.sasl.mechanism import Mechanism
    from smtpnb.protocol.sasl.oauth import Token
    from smtpnb.wire.tls_policy import Verify
    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")


class SmtpClient(ExtensionVerbs, ContentVerbs, WholeMessages):
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
        from smtpnb.protocol.sasl.mechanism import Mechanism
        from smtpnb.wire.auth import authenticate, by_name  # when first used

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
        return self._execute(commands.Quit(), timeout)

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
        from smtpnb.dialogues.converse import converse  # when first used

        return self._run("run", self._conversation(converse(dialogue, self._say)))

    def _conversation(self, steps: Steps[_T]) -> Steps[_T]:
        """Run a dialogue; an interrupt in its own code ends the connection, too."""
        try:
            return (yield from steps)
        except KeyboardInterrupt as interrupt:
            self._connected().failed(None, interrupt)
            raise

    def _say(self, said: Said) -> Steps[Reply]:
        from smtpnb.protocol.sasl.mechanism import Mechanism
        from smtpnb.wire.auth import authenticate

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
        from smtpnb._pipeline import Pipeline  # when first used

        def leave(group: tuple[commands.Command, ...]) -> tuple[Reply, ...]:
            steps = self._connected().group(group, limit_of(timeout))
            return self._run("pipeline", steps)

        return Pipeline(leave)
