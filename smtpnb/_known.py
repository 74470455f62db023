"""What is known of a session: replies, state, offer, TLS, and the transcript.

Everything here only looks; any thread may, also while a verb runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.session import State

if TYPE_CHECKING:
    from smtpnb._owner import Owner
    from smtpnb.message.delivery import Recipient
    from smtpnb.protocol.reply import Reply
    from smtpnb.transcript import Transcript
    from smtpnb.wire.engine import Engine
    from smtpnb.wire.record import Record


class Known:
    """What a client can tell at any time."""

    _owner: Owner
    _records: list[Record]
    _transcript: Transcript | None

    @property
    def _engine(self) -> Engine | None:
        return self._owner.engine

    # What the last command brought

    @property
    def reply(self) -> Reply | None:
        """The last reply of the present or last connection.

        Example:
            >>> client.noop() == client.reply
            True
        """
        return self._engine.exchange.last_reply if self._engine else None

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All replies of the last exchange.

        SMTP gives one. LMTP answers the end of a message once for each accepted
        recipient (RFC 2033 section 4.2); with PRDR there are a 353, one for each of
        them, and one for all of it.

        Example:
            >>> client.noop().ok
            True
            >>> [reply.code for reply in client.replies]
            [250]
        """
        return self._engine.exchange.last_replies if self._engine else ()

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        r"""What became of the last mail transaction for each recipient.

        Of a message that the verbs sent; `send` says it in its `Delivery`. With LMTP
        and PRDR each recipient has a reply of its own to the end.

        Example:
            >>> _ = client.mail_from("ann@example.org")
            >>> _ = client.rcpt_to("bob@example.net")
            >>> _ = client.data("Subject: hello\n\nHello.\n")
            >>> [(each.forward_path, each.outcome) for each in client.recipients]
            [('bob@example.net', 'accepted')]
        """
        from smtpnb.message.delivery import recipients_of  # when first used

        last = self._engine.session.follower.last if self._engine else None
        return () if last is None else recipients_of(last)

    @property
    def suspicion(self) -> str:
        """What it seems to speak, where our greeting is not known; "" where it is.

        Example:
            >>> client.suspicion
            ''
        """
        return self._engine.session.suspicion if self._engine else ""

    @property
    def reply_code(self) -> int | None:
        """The code of the last reply.

        Example:
            >>> client.vrfy("bob").ok
            True
            >>> client.reply_code
            252
        """
        return self.reply.code if self.reply is not None else None

    @property
    def reply_text(self) -> str:
        """The text of the last reply, lines joined by newlines; "" if none.

        Example:
            >>> client.noop().ok
            True
            >>> client.reply_text
            '2.0.0 Nothing done'
        """
        return self.reply.text if self.reply is not None else ""

    @property
    def state(self) -> State:
        """Where the session is.

        Example:
            >>> client.mail_from("ann@client.example").ok
            True
            >>> client.state.name
            'MAIL'
        """
        return self._engine.session.state if self._engine else State.CLOSED

    @property
    def protocol(self) -> Literal["smtp", "lmtp"]:
        """What the present or last connection speaks; "smtp" before the first.

        Example:
            >>> client.protocol
            'smtp'
        """
        lmtp = self._engine is not None and self._engine.session.lmtp
        return "lmtp" if lmtp else "smtp"

    @property
    def allowed(self) -> tuple[str, ...]:
        """The verbs that are in order now.

        Example:
            >>> "MAIL" in client.allowed, "DATA" in client.allowed
            (True, False)
        """
        return self._engine.session.allowed() if self._engine else ()

    @property
    def authenticated(self) -> bool:
        """Whether AUTH succeeded on the present or last connection.

        Example:
            >>> client.starttls().ok and client.ehlo().ok
            True
            >>> client.auth("auto", "ann", "sesame-open").ok
            True
            >>> client.authenticated
            True
        """
        return self._engine is not None and self._engine.session.authenticated

    @property
    def capabilities(self) -> Capabilities:
        """What the last EHLO offered; empty before, and after TLS began.

        Example:
            >>> "CHUNKING" in client.capabilities
            True
        """
        return self._engine.session.capabilities if self._engine else Capabilities()

    @property
    def tls(self) -> dict[str, Any] | None:
        """What TLS negotiated in the present or last connection; None in clear.

        Keys: version, cipher, alpn, server_hostname, verified, findings, cert_subject,
        cert_issuer, cert_san, cert_not_before, cert_not_after, cert_sha256, cert_key.

        Example:
            >>> client.tls
            >>> client.starttls().ok
            True
            >>> client.tls["verified"]
            True
        """
        return self._engine.facts if self._engine else None

    @property
    def peer(self) -> str:
        """The "host:port" of the present or last connection; "" if none.

        Example:
            >>> client.peer == f"{sandbox.host}:{sandbox.port}"
            True
        """
        return self._engine.peer if self._engine else ""

    @property
    def transcript(self) -> Transcript:
        """What happened on every connection of this client, and goes on growing.

        Example:
            >>> client.noop().ok
            True
            >>> print(client.transcript.text().splitlines()[-2])
             -> NOOP
        """
        if self._transcript is None:
            from smtpnb.transcript import Transcript

            self._transcript = Transcript(self._records)
        return self._transcript
