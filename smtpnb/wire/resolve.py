"""Names to addresses, in the order in which they are tried.

A numeric host needs no look-up. A name is asked of the system's resolver, in a helper
thread that can be abandoned. Families are interleaved (RFC 8305 section 4), so that
one broken family costs one attempt and not all of them. An internationalised name is
looked up as its A-label. "unix:/path" is the address of a socket in the file system.

This module knows nothing of connections.
"""

from __future__ import annotations

import os
import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.protocol.errors import (
    ConnectError,
    DeadlineExceeded,
    LocalProtocolError,
    ResolveError,
)
from smtpnb.protocol.names import a_label, host_name
from smtpnb.wire import helper, record
from smtpnb.wire.record import clock

if TYPE_CHECKING:
    from smtpnb.wire.record import Record
    from smtpnb.wire.wait import Steps


_UNIX: Final = "unix:"
# sockaddr_un of Linux has 108 octets, of the BSDs 104, with the zero at the end.
_MAX_PATH: Final = 103


class Address(NamedTuple):
    """One address to try: a socket family and what `connect` wants.

    Attributes:
        family: Such as AF_INET.
        sockaddr: Host, port and more; for AF_UNIX a path.
    """

    family: int
    sockaddr: Any

    def __str__(self) -> str:
        return self.host

    @property
    def is_unix(self) -> bool:
        """Whether it is a socket in the file system."""
        return isinstance(self.sockaddr, str)

    @property
    def host(self) -> str:
        """The address, or the path."""
        return self.sockaddr if self.is_unix else str(self.sockaddr[0])

    @property
    def port(self) -> int:
        """The port; 0 for a path."""
        return 0 if self.is_unix else int(self.sockaddr[1])


def is_unix(host: str) -> bool:
    """Tell whether a host is "unix:" and the path of a socket.

    >>> is_unix("unix:/run/dovecot/lmtp"), is_unix("unix.example")
    (True, False)
    """
    return host.startswith(_UNIX)


def unix_path(host: str) -> str:
    """Return the path behind "unix:".

    Raises:
        LocalProtocolError: It is none, or longer than a socket address can hold.
    """
    path = host.removeprefix(_UNIX)
    if not path.startswith("/") or "\0" in path:
        raise LocalProtocolError(
            f"{host!r}: unix: wants the absolute path of a socket; nothing was sent"
        )
    if len(os.fsencode(path)) > _MAX_PATH:
        raise LocalProtocolError(
            f"{host!r}: the path of a unix socket has at most {_MAX_PATH} octets; "
            "nothing was sent"
        )
    return path


def resolve(log: Record, host: str, port: int, deadline: float) -> Steps[list[Address]]:
    """Return the addresses of a host; of "unix:/path" that socket.

    Raises:
        LocalProtocolError: Not a host name; nothing was asked.
        ResolveError: The name has no address, or the resolver failed.
        DeadlineExceeded: The resolver did not answer in time.
    """
    if is_unix(host):
        return [Address(socket.AF_UNIX, unix_path(host))]
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    numeric = _numeric(bare, port) if bare.isascii() else []
    if numeric:
        return numeric
    name = host_name(bare)
    if "%" in bare:
        raise ResolveError(f"{host!r} has no address: this machine has no such zone")
    if a_label(bare).endswith("."):
        name += "."  # keeps search domains away; TLS knows the name without it
    started = clock()
    try:
        found = yield from helper.call(_ask, name, port, deadline=deadline)
    except DeadlineExceeded as error:
        log.add(record.RESOLVE, started, clock(), name, (), f"no answer: {error}")
        raise
    except ConnectError as error:
        log.add(record.RESOLVE, started, clock(), name, (), f"not asked: {error}")
        raise ResolveError(f"{host!r} was not looked up: {error}") from None
    except OSError as error:
        text = error.strerror or str(error)
        log.add(record.RESOLVE, started, clock(), name, (), text)
        raise ResolveError(f"{host!r} has no address: {text}") from None
    addresses = _interleaved(found)
    texts = tuple(str(address) for address in addresses)
    log.add(record.RESOLVE, started, clock(), name, texts, None)
    return addresses


def _numeric(text: str, port: int) -> list[Address]:
    """Read an address, with its zone if it has one; empty for a name."""
    try:
        socket.inet_pton(socket.AF_INET, text)  # a tenth of getaddrinfo's time
        return [Address(socket.AF_INET, (text, port))]
    except (OSError, ValueError):
        pass
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    try:
        infos = socket.getaddrinfo(text, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return []
    return _addresses(infos)


def _ask(name: str, port: int) -> list[Address]:
    try:
        return _addresses(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except UnicodeError:  # the codec of getaddrinfo refuses what a name server adds
        raise OSError("the resolver found a name that is none") from None


def _addresses(infos: list[Any]) -> list[Address]:
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in infos]


def _interleaved(addresses: list[Address]) -> list[Address]:
    first = addresses[0].family if addresses else 0
    same = [address for address in addresses if address.family == first]
    other = [address for address in addresses if address.family != first]
    pairs = chain.from_iterable(zip_longest(same, other))
    return [address for address in pairs if address is not None]
