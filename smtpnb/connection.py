"""One connection at a time: opening, closing, cancelling, and whose turn it is.

Threads: one verb at a time. `cancel()` alone may come from anywhere at any time. It
sets the token and then *tries* the lock that a running verb holds: if a verb runs, its
thread wakes and aborts; if none does, the connection is aborted here.

After a fault, a deadline or a cancel the connection is closed, and a new `connect()`
begins a new one with a new token and a new record.

This module knows nothing of the verbs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.errors import Cancelled, LocalProtocolError, SmtpError
from smtpnb.protocol.names import address_literal, host_name
from smtpnb.protocol.session import State
from smtpnb.wire.cancel import CancelToken
from smtpnb.wire.drive import run
from smtpnb.wire.engine import Engine
from smtpnb.wire.record import Record
from smtpnb.wire.tls import TlsPolicy
from smtpnb.wire.wait import INTERACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from smtpnb.protocol.reply import Reply
    from smtpnb.transcript import Transcript
    from smtpnb.wire.tls import Verify
    from smtpnb.wire.wait import Steps, Timeouts

_T = TypeVar("_T")


class Target(Protocol):
    """What `connect` takes instead of a host: an address that knows its own CA."""

    @property
    def host(self) -> str:
        """The address or name to connect to."""

    @property
    def port(self) -> int:
        """The port."""

    @property
    def implicit_tls(self) -> bool:
        """Whether TLS begins with the first octet."""

    @property
    def ca(self) -> str:
        """PEM text of the CA to trust."""


class Connection:
    """One connection at a time, and everything but the verbs.

    Args:
        identity: What EHLO and HELO say by default; None for the address literal of
            the local address (a name is never guessed).
        timeouts: How long each phase may take; `INTERACTIVE` or `RFC5321`.
        tls: Whom to trust.
        lax: Send commands out of order and extensions that were not offered. Each
            time is noted in the transcript.

    Attributes:
        on_tick: Called about ten times a second while a verb waits.
        on_progress: Called with the octets of content sent, block by block.
    """

    def __init__(
        self,
        *,
        identity: str | None = None,
        timeouts: Timeouts = INTERACTIVE,
        tls: TlsPolicy | None = None,
        lax: bool = False,
    ) -> None:
        self.identity = identity
        self.timeouts = timeouts
        self._lax = lax
        self.on_tick: Callable[[], None] | None = None
        self.on_progress: Callable[[int], None] | None = None
        self._policy = tls or TlsPolicy()
        self._trust = self._policy  # of this connection: a Target brings its own CA
        self._records: list[Record] = []
        self._transcript: Transcript | None = None
        self._engine: Engine | None = None
        self._token: CancelToken | None = None
        self._busy = threading.Lock()
        self._verb = ""

    # The connection

    def connect(
        self,
        host: str | Target = "localhost",
        port: int = 25,
        *,
        implicit_tls: bool = False,
        verify: Verify | None = None,
        ca: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Connect and read the greeting.

        Args:
            host: A name, an address, or a `Target` such as a `Sandbox`, which knows
                its host, port and CA.
            port: The port; 25 relays, 587 submits, 465 submits with implicit TLS.
            implicit_tls: Speak TLS from the first octet.
            verify: "require" or "report", for this connection.
            ca: PEM text or file of the CA to trust, for this connection.
            timeout: Seconds for everything up to the greeting; None for those of
                each phase.

        Returns:
            The greeting. A 554 greeting is an answer like any other.

        Raises:
            LocalProtocolError: Already connected, or not a host and port.
            ResolveError, ConnectError, TlsError: As they say.
            ConnectionLost, RemoteProtocolError, DeadlineExceeded, Cancelled: As ever.
        """
        if not isinstance(host, str):
            target = host
            ca = target.ca if ca is None else ca
            host, port, implicit_tls = target.host, target.port, target.implicit_tls
        if not 0 < port < 65536:
            raise LocalProtocolError(f"{port!r} is not a port (1 to 65535)")
        with self._owned("connect"):
            if self._engine is not None and self._engine.connected:
                raise LocalProtocolError(
                    f"already connected to {self._engine.peer}; quit() or disconnect()"
                )
            self._trust = self._policy.with_(verify=verify, ca=ca)
            self._trust.check()  # a bad CA file is told before anything is tried
            self._token = CancelToken()
            log = Record(host, port)
            self._records.append(log)
            self._engine = Engine(log, self.timeouts, lax=self._lax)
            policy = self._trust if implicit_tls else None
            name = host_name(host) if implicit_tls else ""
            return self._drive(self._engine.open(policy, name, timeout))

    def disconnect(self) -> None:
        """Drop the connection without a word; `quit()` is the polite way.

        Raises:
            LocalProtocolError: A verb is running in another thread; `cancel()` it.
        """
        with self._owned("disconnect"):
            if self._engine is not None:
                self._engine.disconnect()

    def cancel(self) -> None:
        """End whatever runs, at once, and close the connection.

        Safe from any thread, from a signal handler and from a callback, any number
        of times; returns at once. The running verb raises `Cancelled`. Connect again
        afterwards.
        """
        token = self._token
        if token is not None and token.is_ours:
            token.cancel()
            self._abort_if_idle()

    def _abort_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                if self._engine is not None:
                    self._engine.cancel()
                self._give_back()
            finally:
                self._busy.release()

    @property
    def lax(self) -> bool:
        """Whether commands go out of order and without the extension offered."""
        return self._lax

    @lax.setter
    def lax(self, lax: bool) -> None:
        self._lax = lax
        if self._engine is not None:
            self._engine.session.lax = lax

    # What the last command brought

    @property
    def reply(self) -> Reply | None:
        """The last reply of the present or last connection."""
        return self._engine.last_reply if self._engine else None

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All replies of the last exchange; SMTP gives one."""
        return (self.reply,) if self.reply is not None else ()

    @property
    def reply_code(self) -> int | None:
        """The code of the last reply."""
        return self.reply.code if self.reply is not None else None

    @property
    def reply_text(self) -> str:
        """The text of the last reply, lines joined by newlines; "" if none."""
        return self.reply.text if self.reply is not None else ""

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._engine.session.state if self._engine else State.CLOSED

    @property
    def allowed(self) -> tuple[str, ...]:
        """The verbs that are in order now."""
        return self._engine.session.allowed() if self._engine else ()

    @property
    def capabilities(self) -> Capabilities:
        """What the last EHLO offered; empty before, and after TLS began."""
        return self._engine.session.capabilities if self._engine else Capabilities()

    @property
    def tls(self) -> dict[str, Any] | None:
        """What TLS negotiated in the present or last connection; None in clear.

        Keys: version, cipher, alpn, server_hostname, verified, findings, cert_subject,
        cert_issuer, cert_san, cert_not_before, cert_not_after, cert_sha256, cert_key.
        """
        return self._engine.facts if self._engine else None

    @property
    def peer(self) -> str:
        """The "host:port" of the present or last connection; "" if none."""
        return self._engine.peer if self._engine else ""

    @property
    def transcript(self) -> Transcript:
        """What happened on every connection of this client, and goes on growing."""
        if self._transcript is None:
            from smtpnb.transcript import Transcript

            self._transcript = Transcript(self._records)
        return self._transcript

    # How a verb runs

    def _run(self, verb: str, steps: Steps[_T]) -> _T:
        with self._owned(verb):
            return self._drive(steps)

    def _owned(self, verb: str) -> _Ownership:
        return _Ownership(self, verb)

    def _drive(self, steps: Steps[_T]) -> _T:
        assert self._token is not None  # noqa: S101  # made in connect
        try:
            return run(steps, self._token, on_tick=self.on_tick)
        except (SmtpError, Cancelled) as error:
            error.transcript = self.transcript
            raise

    def _connected(self) -> Engine:
        if self._engine is None:
            raise LocalProtocolError("not connected; connect() first")
        return self._engine

    def _named(self, identity: str | None) -> str:
        name = self.identity if identity is None else identity
        if name is not None:
            return name
        stream = self._connected().stream
        if stream is None:
            return "[127.0.0.1]"  # never sent: the session is closed
        return address_literal(stream.local_host)

    def _give_back(self) -> None:
        """Keep no descriptor once the connection has ended."""
        ended = self._engine is None or not self._engine.connected
        if ended and self._token is not None:
            self._token.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disconnect()

    def __repr__(self) -> str:
        words = [type(self).__name__, self.peer, str(self.state)]
        if self.tls is not None and self.state is not State.CLOSED:
            words.append(str(self.tls["version"]))
        return f"<{' '.join(word for word in words if word)}>"


class _Ownership:
    """Holds the client for one verb; a second thread is told so at once."""

    __slots__ = ("_client", "_verb")

    def __init__(self, client: Connection, verb: str) -> None:
        self._client = client
        self._verb = verb

    def __enter__(self) -> None:
        client = self._client
        token = client._token  # noqa: SLF001
        if token is not None and not token.is_ours:
            raise LocalProtocolError(
                "this client belongs to the process that forked; make a new one"
            )
        if not client._busy.acquire(blocking=False):  # noqa: SLF001  # its own helper
            running = client._verb  # noqa: SLF001
            raise LocalProtocolError(
                f"another thread is in {running or 'a verb'}; one verb at a time "
                "(cancel() may come from any thread); nothing was sent"
            )
        client._verb = self._verb  # noqa: SLF001

    def __exit__(self, *exc: object) -> None:
        client = self._client
        client._give_back()  # noqa: SLF001
        client._busy.release()  # noqa: SLF001
        # A cancel that found the verb running left the abort to us; if the verb ended
        # just before it could see the token, nobody has aborted yet.
        token = client._token  # noqa: SLF001
        if token is not None and token.requested:
            client._abort_if_idle()  # noqa: SLF001
