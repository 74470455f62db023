"""Sandbox: a real SMTP server for this process, on loopback, that may misbehave.

The constructor binds a port and starts one daemon thread with one event loop; `stop`
ends both. The socket is bound here and given to asyncio, so there is no controller of
aiosmtpd, no connection of its own to itself, and no race for the port.

It listens on 127.0.0.1 and nowhere else, and it has no code that sends mail.
"""

from __future__ import annotations

import asyncio
import atexit
import socket
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from smtpnb.edges.stopping import Stopping
from smtpnb.sandbox.accounts import Accounts
from smtpnb.sandbox.certificates import issue
from smtpnb.sandbox.dialogue import Setup
from smtpnb.sandbox.extensions import Extensions
from smtpnb.sandbox.faults import Fault, FaultBook
from smtpnb.sandbox.mechanisms import MECHANISMS, USUAL
from smtpnb.sandbox.session import Session
from smtpnb.wire.binding import end_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from smtpnb.sandbox.connection import Connection
    from smtpnb.sandbox.inbox import Message

_Running: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Event]
Protocol = Literal["smtp", "lmtp"]
PROTOCOLS: tuple[Protocol, ...] = ("smtp", "lmtp")
Tls = Literal["none", "starttls", "implicit"]
TLS_MODES: tuple[Tls, ...] = ("none", "starttls", "implicit")
HOST = "127.0.0.1"
HOSTNAME = "sandbox.localhost"
_MIB = 1_048_576
_BACKLOG = 1_024


def _listener(path: Path | None, port: int) -> socket.socket:
    """Return a listening socket: at a path, or at a port of loopback."""
    if path is None:
        return socket.create_server((HOST, port), backlog=_BACKLOG)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class Sandbox(Stopping):
    """A local SMTP server with an inbox; it runs from construction until `stop`.

    It announces and serves PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, BINARYMIME,
    ENHANCEDSTATUSCODES, VRFY, HELP, and as asked for STARTTLS and AUTH. It takes
    every message for every recipient and relays none.

    Args:
        tls: "starttls" (offered), "implicit" (from the first octet), or "none".
        auth: User names and passwords; AUTH is offered if there are any, never needed.
            A password is taken for an access token as well.
        auth_without_tls: Offer AUTH in clear text as well.
        mechanisms: What AUTH announces and speaks; None for all that need a password
            or a token. "EXTERNAL" believes who says to be an account; "ANONYMOUS" asks
            for nothing. -PLUS is only announced inside TLS.
        faults: What goes wrong from the start; see `Fault`.
        seed: Of the dice behind `Fault.probability`.
        port: The port on 127.0.0.1; 0 is any free one.
        size: The largest message in octets.
        protocol: "smtp", or "lmtp" (RFC 2033): the end of a message is answered once
            for each recipient, and a fault at "eod" is picked by its address.
        unix: The path of a unix socket to listen at, in place of a port. It must not
            be there, and is removed by `stop`.
        prdr: Announce PRDR: who says it with MAIL, and has several recipients, gets a
            353, a reply for each, and one for all of it.
        extensions: Lines for the EHLO reply, such as "LIMITS RCPTMAX=3" (obeyed, RFC
            9422) or "X-OWN"; of a keyword that is announced anyway they take the place.
        without: Keywords not to announce and not to serve, such as "DSN".
        urls: What BURL finds at a URL.
        proxy_protocol: Read a PROXY header ahead of the greeting, as behind a proxy.

    Raises:
        ValueError: An argument is not among those above.
        OSError: The port is taken.

    Example:
        >>> with Sandbox() as sandbox, SmtpClient() as client:
        ...     reply = client.connect(sandbox)
        ...     delivery = client.send("Subject: x", "ann@a.example", ["bob@b.example"])
        ...     print(sandbox.inbox()["subject"][0])
        x
    """

    def __init__(
        self,
        *,
        tls: Tls = "starttls",
        auth: Mapping[str, str] | None = None,
        auth_without_tls: bool = False,
        mechanisms: Iterable[str] | None = None,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        port: int = 0,
        size: int = 32 * _MIB,
        protocol: Protocol = "smtp",
        unix: str | Path | None = None,
        prdr: bool = False,
        extensions: Iterable[str] = (),
        without: Iterable[str] = (),
        urls: Mapping[str, bytes] | None = None,
        proxy_protocol: bool = False,
    ) -> None:
        for wrong, why in (
            (proxy_protocol and tls == "implicit", "no PROXY ahead of implicit TLS"),
            (protocol not in PROTOCOLS, f"protocol is smtp or lmtp, not {protocol!r}"),
            (prdr and protocol == "lmtp", "LMTP answers each recipient: no PRDR there"),
            (tls not in TLS_MODES, f"tls is {' or '.join(TLS_MODES)}, not {tls!r}"),
            (size < 1, f"size is in octets, 1 or more, not {size!r}"),
        ):
            if wrong:
                raise ValueError(f"{why}.")
        context, self.ca, binding = None, "", b""
        if tls != "none":
            context, self.ca, leaf = issue(HOSTNAME)
            binding = end_point(leaf)
        self._tls = tls
        self._setup = Setup(
            hostname=HOSTNAME,
            size=size,
            tls_context=context,
            implicit_tls=tls == "implicit",
            accounts=Accounts(auth or {}),
            auth_without_tls=auth_without_tls,
            mechanisms=_checked(mechanisms),
            binding=binding,
            faults=FaultBook(tuple(faults), seed),
            lmtp=protocol == "lmtp",
            prdr=prdr,
            extensions=Extensions(extensions, without),
            urls=dict(urls or {}),
            proxied=proxy_protocol,
        )
        self.protocol: Protocol = protocol
        self._path = None if unix is None else Path(unix).absolute()
        self._listener = _listener(self._path, port)
        self.host: str = HOST if self._path is None else f"unix:{self._path}"
        self.port: int = 0 if self._path else self._listener.getsockname()[1]
        self._connections: set[Connection] = set()
        self._running: Future[_Running] = Future()
        self._begin()

    def _begin(self) -> None:
        self._stopping = threading.Lock()
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run,
            name=f"smtpnb sandbox {self._path or self.port}",
            daemon=True,
        )
        self._thread.start()
        try:
            self._running.result()
        except BaseException:
            self._listener.close()
            raise
        atexit.register(self.stop)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:  # no file descriptors left for a loop
            self._running.set_exception(error)

    async def _serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Session(self._setup, self._connections), sock=self._listener
        )
        self._running.set_result((loop, stop))
        await stop.wait()
        server.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        await asyncio.sleep(0)  # the aborted sockets close in the next turn

    def stop(self) -> None:
        """End the server and every session at once; the inbox stays. Idempotent."""
        with self._stopping:
            if self._thread is None:
                return
            loop, stop = self._running.result()
            loop.call_soon_threadsafe(stop.set)
            self._thread.join()
            self._thread = None
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        atexit.unregister(self.stop)

    def __repr__(self) -> str:
        messages = len(self._setup.inbox)
        words = [
            self.address,
            *(["lmtp"] if self._setup.lmtp else []),
            self._tls,
            *(["auth"] if self._setup.accounts else []),
            f"{messages} message{'' if messages == 1 else 's'}",
            *([] if self._thread else ["stopped"]),
        ]
        return f"<Sandbox {' '.join(words)}>"

    @property
    def address(self) -> str:
        """What names it to a client: HOST:PORT, or unix:/PATH."""
        return self.host if self._path else f"{self.host}:{self.port}"

    @property
    def implicit_tls(self) -> bool:
        """Whether a connection begins with the TLS handshake."""
        return self._setup.implicit_tls

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The active faults, in the order in which they are tried."""
        return self._setup.faults.active

    def fault(
        self,
        step: str,
        pattern: str = "*",
        *,
        reply: str | None = None,
        delay: float | None = None,
        drop: bool = False,
        drip: float | None = None,
        eight_bit: bool = False,
        stall: bool = False,
        times: int | None = None,
        probability: float = 1.0,
        skip: int = 0,
        per: float | None = None,
        each: bool = False,
    ) -> Fault:
        """Misbehave from now on; the arguments are those of `Fault`.

        Returns:
            The fault, which is active already.

        Raises:
            ValueError: See `Fault`.
        """
        fault = Fault(
            step,
            pattern,
            reply=reply,
            delay=delay,
            drop=drop,
            drip=drip,
            eight_bit=eight_bit,
            stall=stall,
            times=times,
            probability=probability,
            skip=skip,
            per=per,
            each=each,
        )
        self._setup.faults.add(fault)
        return fault

    def clear_faults(self) -> None:
        """Behave from now on; a fault that has begun goes on."""
        self._setup.faults.clear()

    def inbox(self) -> pd.DataFrame:
        """Return the messages taken so far, one row each.

        The columns are n, received (UTC), identity, mail_from, rcpt_to (a list), user,
        tls, verb ("DATA" or "BDAT"), smtputf8, body_type, size (octets), subject, and
        octets (bytes): the content as it came, dots un-stuffed, CRLF kept.
        """
        return self._setup.inbox.table()

    def heard(self) -> pd.DataFrame:
        """Return what was said to the server and what it answered, one row a command.

        The columns are session (a number), tls, verb, argument, code (0 if no reply was
        sent) and reply; see `smtpnb.sandbox.heard`. The last 10,000 rows are kept, of
        all sessions, in the order of arrival; passwords never are.
        """
        return self._setup.heard.table()

    def wait_for(self, n: int) -> Message:
        """Block until message n (from 1) is in the inbox, and return it."""
        return self._setup.inbox.wait_for(n)


def _checked(mechanisms: Iterable[str] | None) -> tuple[str, ...]:
    spoken = USUAL if mechanisms is None else tuple(map(str.upper, mechanisms))
    for name in spoken:
        if name not in MECHANISMS:
            raise ValueError(
                f"{name!r} is not spoken; there are {', '.join(MECHANISMS)}."
            )
    return spoken
