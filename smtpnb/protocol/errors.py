"""Every exception of smtpnb.

A refused command is a reply, never an exception. What raises is what ends or prevents
a conversation::

    Exception
    +- SmtpError                     .phase .peer .reply .outcome .transcript
    |  +- ReplyError                 only when asked for: raise_for_status(), --expect
    |  |  +- TransientReplyError     4yz
    |  |  +- PermanentReplyError     5yz
    |  +- LocalProtocolError         we tried: wrong order, injection, a second thread
    |  +- RemoteProtocolError        they broke framing or bounds, or spoke out of turn
    |  +- TransportError (OSError)   the network
    |  |  +- ResolveError
    |  |  +- ConnectError
    |  |  +- TlsError                .findings
    |  |  +- ConnectionLost
    |  +- DeadlineExceeded (TimeoutError)
    +- Cancelled                     beside SmtpError, not below it

``Cancelled`` stands apart so that ``except SmtpError: continue`` in a loop over
servers cannot swallow the user's wish to stop.

All context is optional, so that every class survives pickling (executors pickle
errors). Text of a server inside a message is escaped here, once, for all of them.
This module knows nothing of sockets, sessions or tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.edges.text import for_terminal

if TYPE_CHECKING:
    from smtpnb.protocol.reply import Reply


class _Context(Exception):
    """What every error of a conversation can tell.

    Attributes:
        phase: resolve, connect, tls, greeting, or the verb in lower case.
        peer: "host:port" as the user named it, or None.
        reply: The last reply that was read on the connection, or None.
        outcome: What is known of a message whose content was being sent:
            "aborted", "unknown", "accepted", "refused"; None if there was none.
        transcript: The transcript up to and including the fault, or None.
        deliveries: What became of each message, if several were being sent.
        replies: Of a group, the replies that had come.
        half_said: What had come of a reply that was not complete; "" if nothing.
    """

    phase: str | None = None
    peer: str | None = None
    reply: Reply | None = None
    outcome: str | None = None
    transcript: Any = None
    deliveries: tuple[Any, ...] = ()
    replies: tuple[Reply, ...] = ()
    half_said: str = ""

    def __init__(
        self,
        message: str = "",
        *,
        phase: str | None = None,
        peer: str | None = None,
        reply: Reply | None = None,
        outcome: str | None = None,
    ) -> None:
        super().__init__(message)
        self.phase = phase
        self.peer = peer
        self.reply = reply
        self.outcome = outcome

    def __str__(self) -> str:
        # OSError.__str__ would look at errno; the message is always the first argument.
        text = str(self.args[0]) if self.args else ""
        facts = []
        if self.phase:
            facts.append(f"phase: {self.phase}")
        if self.peer:
            facts.append(f"peer: {self.peer}")
        if self.reply is not None:
            facts.append(f"last reply: {_shortly(self.reply)}")
        if self.half_said:
            facts.append(f"of its reply only this came: {self.half_said!r}")
        if self.outcome:
            facts.append(f"message: {self.outcome}")
        if facts:
            text = f"{text} ({'; '.join(facts)})"
        return for_terminal(text)


def _shortly(reply: Reply) -> str:
    """Return a reply; what was offered with EHLO is no part of a fault."""
    code, *lines = str(reply).split(" | ")
    return f"{code} | ..." if lines and reply.ok else str(reply)


class SmtpError(_Context):
    """A conversation failed, or was not allowed to begin.

    Example:
        >>> sandbox.fault("noop", drop=True)
        Fault('noop', drop=True)
        >>> try:
        ...     client.noop()
        ... except SmtpError as error:
        ...     print(type(error).__name__, error.phase)
        ConnectionLost noop
    """


class ReplyError(SmtpError):
    """A reply said no, and the caller asked for that to raise.

    Example:
        >>> try:
        ...     client.expn("staff").raise_for_status()
        ... except ReplyError as error:
        ...     print(error.reply.code)
        502
    """


class TransientReplyError(ReplyError):
    """The reply was 4yz: try again later.

    Example:
        >>> sandbox.fault("noop", reply="451 4.3.0 Not now")
        Fault('noop', reply='451 4.3.0 Not now')
        >>> try:
        ...     client.noop().raise_for_status()
        ... except TransientReplyError as error:
        ...     print(error.reply.enhanced)
        4.3.0
    """


class PermanentReplyError(ReplyError):
    """The reply was 5yz: do not repeat the command as it is.

    Example:
        >>> try:
        ...     client.expn("staff").raise_for_status()
        ... except PermanentReplyError as error:
        ...     print(error.reply.enhanced)
        5.5.1
    """


class LocalProtocolError(SmtpError):
    """We tried something that must not be sent; no octet left.

    Example:
        >>> try:
        ...     client.data("Subject: too early")
        ... except LocalProtocolError as error:
        ...     print("nothing was sent" in str(error))
        True
    """


class RemoteProtocolError(SmtpError):
    """The peer broke the protocol; the connection is closed.

    Example:
        >>> sandbox.fault("mail", reply="354 Go ahead")
        Fault('mail', reply='354 Go ahead')
        >>> try:
        ...     client.mail_from("ann@client.example")
        ... except RemoteProtocolError as error:
        ...     print(error.phase, client.state.name)
        mail CLOSED
    """


class TransportError(SmtpError, OSError):
    """The network failed; the connection is closed.

    Example:
        >>> try:
        ...     SmtpClient().connect("127.0.0.1", 1)
        ... except TransportError as error:
        ...     print(type(error).__name__)
        ConnectError
    """


class ResolveError(TransportError):
    """The name has no address, or the resolver failed.

    Example:
        >>> try:
        ...     SmtpClient().connect("nowhere.invalid")
        ... except ResolveError as error:
        ...     print(error.phase)
        resolve
    """


class ConnectError(TransportError):
    """No address of the host accepted a connection.

    Example:
        >>> try:
        ...     SmtpClient().connect("127.0.0.1", 1)
        ... except ConnectError as error:
        ...     print(error.phase)
        connect
    """


class TlsError(TransportError):
    """TLS could not be established, or failed later.

    Attributes:
        findings: What verification found, a sentence each; empty for other failures.
        certificate: Facts of the certificate that did not verify (the keys of
            `client.tls` that begin with "cert_"), as far as it was seen; else None.

    Example:
        >>> stranger = SmtpClient()  # knows nothing of the sandbox's CA
        >>> stranger.connect(sandbox.host, sandbox.port).ok and stranger.ehlo().ok
        True
        >>> try:
        ...     stranger.starttls()
        ... except TlsError as error:
        ...     print(error.phase, len(error.findings) > 0)
        tls True
    """

    findings: tuple[str, ...] = ()
    certificate: dict[str, Any] | None = None


class ConnectionLost(TransportError):
    """The peer closed or reset the connection.

    Example:
        >>> sandbox.fault("noop", drop=True)
        Fault('noop', drop=True)
        >>> try:
        ...     client.noop()
        ... except ConnectionLost as error:
        ...     print(error.phase)
        noop
    """


class DeadlineExceeded(SmtpError, TimeoutError):
    """The phase took longer than its deadline; the connection is closed.

    Example:
        >>> sandbox.fault("noop", stall=True)
        Fault('noop', stall=True)
        >>> try:
        ...     client.noop(timeout=0.1)
        ... except DeadlineExceeded as error:
        ...     print(error.phase)
        noop
    """


class Cancelled(_Context):
    """cancel() ended the running command; the connection is closed.

    Example:
        >>> issubclass(Cancelled, SmtpError)  # `except SmtpError` does not hide it
        False
    """
