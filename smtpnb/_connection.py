"""What is beside the verbs of a client: opening, closing, and what is known of both.

After a fault, a deadline or a cancel the connection is closed, and a new `connect()`
begins a new one with a new token and a new record.

This module knows nothing of the verbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

from smtpnb._known import Known
from smtpnb._owner import Owner
from smtpnb.protocol.commands import Ehlo, Helo, Lhlo, step_of
from smtpnb.protocol.errors import (
    Cancelled,
    LocalProtocolError,
    SmtpError,
)
from smtpnb.protocol.guards import Lax, lifted
from smtpnb.protocol.names import address_literal, host_name
from smtpnb.protocol.session import Session, State
from smtpnb.wire.engine import Engine
from smtpnb.wire.record import Record
from smtpnb.wire.resolve import is_unix, unix_path
from smtpnb.wire.tls_policy import TlsPolicy
from smtpnb.wire.wait import INTERACTIVE, checked_timeout, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.proxy import ProxyHeader
    from smtpnb.protocol.reply import Reply
    from smtpnb.transcript import Transcript
    from smtpnb.transfer.bearable import Pieces
    from smtpnb.transfer.body import Body
    from smtpnb.wire.drive import Shield
    from smtpnb.wire.tls_policy import Verify
    from smtpnb.wire.wait import Steps, Timeouts

_T = TypeVar("_T")
Hello = Ehlo | Helo | Lhlo


Spoken = Literal["smtp", "lmtp"]


class Waiting(NamedTuple):
    """What a verb waits for.

    Attributes:
        phase: The step: "greeting", "rcpt", "eod"; or the verb while nothing is owed.
        left: Seconds until its deadline.
    """

    phase: str
    left: float


class Target(Protocol):
    """What `connect` takes instead of a host: an address that knows its own CA.

    It may have a `protocol` as well, "smtp" or "lmtp".
    """

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


class Connection(Known):
    """One connection at a time, and everything but the verbs.

    Args:
        identity: What EHLO and HELO say by default; None for the address literal of
            the local address (a name is never guessed).
        timeouts: How long each phase may take; `INTERACTIVE` or `RFC5321`.
        tls: Whom to trust.
        lax: Guards to lift: True for all (commands out of order, extensions that were
            not offered, ...), or names of `smtpnb.protocol.guards.GUARDS`, such as
            {"order", "offers"}. Each time is noted in the transcript.
        disable: EHLO keywords to take as if no server announced them, such as
            {"PIPELINING", "CHUNKING"}; noted in the transcript.

    Attributes:
        on_progress: Called with the octets of content sent, block by block.
        pipelining: Use PIPELINING where it is offered, for whole messages.
        chunking: Use CHUNKING where it is offered, for whole messages.
        disable: EHLO keywords that are switched off on every connection.
    """

    pipelining = True
    chunking = True

    def __init__(
        self,
        *,
        identity: str | None = None,
        timeouts: Timeouts = INTERACTIVE,
        tls: TlsPolicy | None = None,
        lax: Lax = False,
        disable: Iterable[str] = (),
    ) -> None:
        self.identity = identity
        self.timeouts = timeouts
        lifted(lax)  # or it is told now
        self._lax = lax
        self.disable = keywords(disable)
        self.on_progress: Callable[[int], None] | None = None
        self._policy = tls or TlsPolicy()
        self._trust = self._policy  # of this connection: a Target brings its own CA
        self._records: list[Record] = []
        self._transcript: Transcript | None = None
        self._owner = Owner()
        self._body: Body | None = None  # the content under way
        self._pieces: Pieces | None = None  # judges those of the user
        # What `reconnect=True` does once more.
        self._dialled: dict[str, Any] = {}
        self._starttls_said: dict[str, Any] | None = None
        self._identity_said: str | None = None

    # The connection

    def connect(
        self,
        host: str | Target = "localhost",
        port: int | None = None,
        *,
        protocol: Spoken | None = None,
        implicit_tls: bool = False,
        server_hostname: str | None = None,
        verify: Verify | None = None,
        ca: str | None = None,
        disable: Iterable[str] = (),
        proxy: ProxyHeader | None = None,
        early: bytes = b"",
        timeout: float | None = None,
    ) -> Reply:
        """Connect and read the greeting.

        Args:
            host: A name, an address, "unix:" and the path of a socket, or a `Target`
                such as a `Sandbox`, which knows its host, port and CA.
            port: The port; 25 relays, 587 submits, 465 submits with implicit TLS. None
                for 25; LMTP has no port of its own, and is never at 25 (RFC 2033
                section 5). A unix socket has none.
            protocol: "smtp" or "lmtp" (RFC 2033): then `lhlo()` greets, and the end of
                a message has a reply for each accepted recipient (`replies`). None for
                SMTP, and for LMTP over a unix socket.
            implicit_tls: Speak TLS from the first octet.
            server_hostname: The name that the certificate must carry; None for the
                host. For a tunnel, or a server that is named by its address.
            verify: "require" or "report", for this connection. With "report" a
                certificate that does not verify ends nothing: `tls["findings"]` says
                what is wrong, and AUTH is refused.
            ca: PEM text or file of the CA to trust, for this connection.
            disable: EHLO keywords to take as if they were not announced, on this
                connection, beside those of the client.
            proxy: A `ProxyHeader` to send first, ahead of the greeting and of TLS (the
                PROXY protocol, version 1 or 2).
            early: Octets to send before the greeting has come, out of turn, to see what
                a server makes of it; their replies are read by `read_reply`.
            timeout: Seconds for everything up to the greeting; None for those of
                each phase.

        Returns:
            The greeting. A 554 greeting is an answer like any other.

        Raises:
            LocalProtocolError: Already connected, or not a host, port and protocol.
            ResolveError, ConnectError, TlsError: As they say.
            ConnectionLost, RemoteProtocolError, DeadlineExceeded, Cancelled: As ever.

        Example:
            >>> client = SmtpClient()
            >>> client.connect("mx.example.net", 25).code
            220
            >>> store = SmtpClient()
            >>> store.connect("unix:/run/dovecot/lmtp").code  # LMTP
            220
        """
        if not isinstance(host, str):
            target = host
            ca = target.ca if ca is None else ca
            host, implicit_tls = target.host, target.implicit_tls
            port = None if is_unix(host) else target.port
            protocol = protocol or getattr(target, "protocol", None)
        protocol = protocol or ("lmtp" if is_unix(host) else "smtp")
        port = port_of(host, port, protocol)
        limit = limit_of(timeout)
        dialled: dict[str, Any] = {
            "host": host,
            "port": port or None,
            "protocol": protocol,
            "implicit_tls": implicit_tls,
            "server_hostname": server_hostname,
            "verify": verify,
            "ca": ca,
            "disable": keywords(disable),
            "proxy": checked_proxy(proxy),
            "early": bytes(early),
        }
        return self._guarded("connect", lambda at: self._open(dialled, limit, at))

    def _open(
        self, dialled: dict[str, Any], limit: float | None, shield: Shield
    ) -> Reply:
        old = self._engine
        if old is not None and old.connected:
            raise LocalProtocolError(
                f"already connected to {old.peer}; quit() or disconnect()"
            )
        self._owner.begin(shield)  # first of all: a cancel must find it
        trust = self._policy.with_(verify=dialled["verify"], ca=dialled["ca"])
        trust.check()  # a bad CA file is told before anything is tried
        name = self._certified(dialled["server_hostname"], dialled["host"])
        self._trust, self._dialled = trust, dialled
        self._starttls_said = self._identity_said = None
        engine = self._new_engine(dialled["host"], dialled["port"], dialled)
        policy = trust if dialled["implicit_tls"] else None
        ahead = dialled["proxy"], dialled["early"]
        steps = engine.open(policy, name, limit, *ahead)
        return self._owner.drive(steps, shield)

    @staticmethod
    def _certified(server_hostname: str | None, host: str) -> str:
        """Return the name that the certificate must carry."""
        name = server_hostname or ("localhost" if is_unix(host) else host)
        return host_name(name)

    def _new_engine(self, host: str, port: int, dialled: dict[str, Any]) -> Engine:
        log = Record(host, port)
        self._records.append(log)
        session = Session(
            lax=self._lax,
            lmtp=dialled["protocol"] == "lmtp",
            disabled=self.disable | dialled["disable"],
        )
        engine = Engine(log, self.timeouts, session)
        self._owner.opened(engine)
        return engine

    def disconnect(self) -> None:
        """Drop the connection without a word; `quit()` is the polite way.

        Raises:
            LocalProtocolError: A verb is running in another thread; `cancel()` it.

        Example:
            >>> client.disconnect()
            >>> client.state.name
            'CLOSED'
        """
        self._guarded("disconnect", self._disconnect)

    def _disconnect(self, shield: Shield) -> None:
        if self._engine is not None:
            self._engine.disconnect()

    def cancel(self) -> None:
        """End whatever runs, at once, and close the connection.

        Safe from any thread, from a signal handler and from a callback, any number
        of times; returns at once. The running verb raises `Cancelled`. Connect again
        afterwards.

        Example:
            >>> from threading import Timer
            >>> sandbox.fault("noop", stall=True)
            Fault('noop', stall=True)
            >>> Timer(0.1, client.cancel).start()
            >>> try:
            ...     client.noop()
            ... except Cancelled as error:
            ...     print(error.phase)
            noop
        """
        self._owner.cancel()

    def beside(self) -> Self:
        """Return a client with the same settings, for a second connection.

        The two write one transcript: a session that is dialled anew goes on in it,
        whatever becomes of its connections.

        Example:
            >>> second = client.beside()
            >>> second.connect(sandbox).code
            220
            >>> second.transcript is client.transcript
            True
            >>> second.disconnect()
        """
        made = type(self)(
            identity=self.identity,
            timeouts=self.timeouts,
            tls=self._policy,
            lax=self._lax,
            disable=self.disable,
        )
        made._records, made._transcript = self._records, self.transcript  # noqa: SLF001
        made.pipelining, made.chunking = self.pipelining, self.chunking
        return made

    @property
    def waiting(self) -> Waiting | None:
        """What a verb waits for at this moment; None if it waits for nothing.

        Any thread may look; `on_tick` is the place for a live line.

        Example:
            >>> sandbox.fault("noop", delay=0.3)
            Fault('noop', delay=0.3)
            >>> seen = []
            >>> client.on_tick = lambda: seen.append(client.waiting)
            >>> client.noop().code
            250
            >>> seen[0].phase, seen[0].left > 1
            ('noop', True)
            >>> client.waiting
        """
        waits = self._owner.waiting
        if waits is None:
            return None
        verb, deadline = waits
        session = None if self._engine is None else self._engine.session
        phase = step_of(session.awaited) if session and session.queue else verb.lower()
        return Waiting(phase, max(0.0, deadline - now()))

    @property
    def on_tick(self) -> Callable[[], None] | None:
        """Called about ten times a second while a verb waits; it must not block.

        Example:
            >>> client.on_tick = lambda: None
            >>> client.noop().ok
            True
        """
        return self._owner.on_tick

    @on_tick.setter
    def on_tick(self, function: Callable[[], None] | None) -> None:
        self._owner.on_tick = function

    @property
    def lax(self) -> Lax:
        """The guards that are lifted, as they were given: False for none.

        Example:
            >>> client.lax = True
            >>> client.rcpt_to("bob@sandbox.example").code  # before MAIL
            503
        """
        return self._lax

    @lax.setter
    def lax(self, lax: Lax) -> None:
        guards = lifted(lax)
        self._lax = lax
        if self._engine is not None:
            self._engine.session.lax = guards

    # What is said before a message, and after a new connection

    def _hello_of(self, kind: type[Hello], identity: str | None) -> Hello:
        self._identity_said = self._named(identity)
        return kind(self._identity_said)

    def _hello_to(self, engine: Engine) -> Hello:
        kind = Lhlo if engine.session.lmtp else Ehlo
        return self._hello_of(kind, self._identity_said)

    def _hello(self, engine: Engine, limit: float | None) -> Steps[None]:
        """Say EHLO, or HELO to a server that does not know it, before a message.

        LMTP has LHLO and nothing else (RFC 2033 section 4.1).
        """
        identity = self._identity_said  # on an earlier connection, or under no TLS
        lmtp = engine.session.lmtp
        hello = self._hello_to(engine)
        reply = yield from engine.execute(hello, limit)
        if reply.code in {500, 502} and not lmtp:  # RFC 5321 section 3.2
            hello = self._hello_of(Helo, identity)
            reply = yield from engine.execute(hello, limit)
        if not reply.ok:
            engine.note_suspicion()
            other = engine.session.suspicion
            raise LocalProtocolError(
                f"{hello.verb} was refused, and without it no message can be sent: "
                f"{reply}; {other}{'; ' if other else ''}nothing was sent"
            )

    def _starttls(
        self, engine: Engine, policy: TlsPolicy, name: str, limit: float | None
    ) -> Steps[Reply]:
        reply = yield from engine.starttls(policy, name, limit)
        self._starttls_said = {"policy": policy, "name": name}
        return reply

    def _connect_again(self) -> None:
        """Do once more what `connect`, EHLO and `starttls` did.

        Where TLS is not offered any more it ends in clear; who asks looks at that.
        What was said out of turn (`early`) was for that one connection.
        """
        identity, secured = self._identity_said, self._starttls_said
        self.connect(**{**self._dialled, "early": b""})
        self._identity_said = identity
        engine = self._connected()
        if secured is None or engine.session.state is not State.CONNECTED:
            return
        kind = Lhlo if engine.session.lmtp else Ehlo
        self._run("ehlo", engine.execute(self._hello_of(kind, identity)))
        if "STARTTLS" in engine.session.capabilities:
            self._run("starttls", self._starttls(engine, **secured, limit=None))

    # How a verb runs

    def _run(self, verb: str, steps: Steps[_T]) -> _T:
        return self._guarded(verb, lambda shield: self._owner.drive(steps, shield))

    def _guarded(self, verb: str, work: Callable[[Shield], _T]) -> _T:
        try:
            return self._owner.run(verb, work)
        except (SmtpError, Cancelled, KeyboardInterrupt) as error:
            told: Any = error
            told.transcript = self.transcript
            raise

    def _execute(self, command: Command, timeout: float | None) -> Reply:
        engine = self._connected()
        limit = None if timeout is None else limit_of(timeout)
        try:
            return self._owner.say(engine, command, limit)
        except (SmtpError, Cancelled, KeyboardInterrupt) as error:
            told: Any = error
            told.transcript = self.transcript
            raise

    def _connected(self) -> Engine:
        engine = self._owner.engine
        if engine is None:
            raise LocalProtocolError("not connected; connect() first")
        return engine

    def _named(self, identity: str | None) -> str:
        name: Any = self.identity if identity is None else identity
        if name is not None and not isinstance(name, str):
            kind = type(name).__name__
            raise LocalProtocolError(f"an identity is text, not {kind}")
        if isinstance(name, str):
            return name
        stream = self._connected().exchange.stream
        if stream is None:
            return "[127.0.0.1]"  # never sent: the session is closed
        # Over a unix socket there is no address, but this machine.
        return address_literal(stream.local_host or "127.0.0.1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.disconnect()
        except LocalProtocolError:  # a verb still runs in another thread
            self.cancel()

    def __repr__(self) -> str:
        words = [type(self).__name__, self.peer, str(self.state)]
        if self.tls is not None and self.state is not State.CLOSED:
            words.append(str(self.tls["version"]))
        return f"<{' '.join(word for word in words if word)}>"


def port_of(host: str, port: object, protocol: object) -> int:
    """Return the port to connect to; 0 for a unix socket.

    Raises:
        LocalProtocolError: Not a port, not a protocol, or no place for it.
    """
    if protocol not in ("smtp", "lmtp"):
        raise LocalProtocolError(f'protocol is "smtp" or "lmtp", not {protocol!r}')
    if is_unix(host):
        if port is not None:
            raise LocalProtocolError(f"{host!r} is a unix socket, and has no port")
        unix_path(host)
        return 0
    if port is None and protocol == "lmtp":
        raise LocalProtocolError("LMTP has no port of its own: say which (often 24)")
    number: Any = 25 if port is None else port  # whatever it is
    if type(number) is not int or not 0 < number < 65536:
        raise LocalProtocolError(f"{port!r} is not a port (1 to 65535)")
    if number == 25 and protocol == "lmtp":
        raise LocalProtocolError("LMTP is never spoken at port 25 (RFC 2033 section 5)")
    return number


def checked_proxy(proxy: ProxyHeader | None) -> ProxyHeader | None:
    """Return what may stand ahead of a session.

    Raises:
        LocalProtocolError: It is no `ProxyHeader`.
    """
    if proxy is not None and not hasattr(proxy, "octets"):
        raise LocalProtocolError(
            "proxy is a ProxyHeader(source, destination, version=1), not "
            f"{type(proxy).__name__}"
        )
    return proxy


def keywords(names: Iterable[str]) -> frozenset[str]:
    """Return EHLO keywords in upper case.

    Raises:
        LocalProtocolError: They are no keywords (RFC 5321 section 4.1.1.1).
    """
    found = frozenset(map(str.upper, (names,) if isinstance(names, str) else names))
    for name in found:
        if not (name.isascii() and name.replace("-", "").isalnum()):
            raise LocalProtocolError(f"{name!r} is no EHLO keyword to disable")
    return found


def limit_of(timeout: object) -> float | None:
    """Return the absolute deadline of a call that begins now; None for none.

    Raises:
        LocalProtocolError: `timeout` is no number of seconds.
    """
    seconds = checked_timeout(timeout)
    return None if seconds is None else now() + seconds
