"""Names to addresses, in the order in which they are tried.

A numeric host needs no look-up. A name is asked of the system's resolver, in a helper
thread that can be abandoned. Families are interleaved (RFC 8305 section 4), so that
one broken family costs one attempt and not all of them. An internationalised name is
looked up as its A-label.

This module knows nothing of connections.
"""

from __future__ import annotations

import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.protocol.addresses import a_label
from smtpnb.protocol.errors import DeadlineExceeded, LocalProtocolError, ResolveError
from smtpnb.wire import helper, record
from smtpnb.wire.record import clock

if TYPE_CHECKING:
    from smtpnb.wire.record import Record
    from smtpnb.wire.wait import Steps


MAX_LABEL: Final = 63  # RFC 1035 section 2.3.4


class Address(NamedTuple):
    """One address to try: a socket family and what `connect` wants."""

    family: int
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.sockaddr[0])


def resolve(log: Record, host: str, port: int, deadline: float) -> Steps[list[Address]]:
    """Return the addresses of a host.

    Raises:
        LocalProtocolError: Not a host name; nothing was asked.
        ResolveError: The name has no address, or the resolver failed.
        DeadlineExceeded: The resolver did not answer in time.
    """
    name = checked_host(host)
    numeric = _numeric(name, port)
    if numeric:
        return numeric
    started = clock()
    try:
        found = yield from helper.call(_ask, name, port, deadline=deadline)
    except OSError as error:
        text = error.strerror or str(error)
        if isinstance(error, DeadlineExceeded):
            text = "the resolver did not answer in time"
        log.add(record.RESOLVE, started, clock(), name, (), text)
        if isinstance(error, DeadlineExceeded):
            raise
        raise ResolveError(f"{host!r} has no address: {text}") from None
    addresses = _interleaved(found)
    texts = tuple(str(address) for address in addresses)
    log.add(record.RESOLVE, started, clock(), name, texts, None)
    return addresses


def checked_host(host: str) -> str:
    """Return the name or address as it is asked for: A-labels, no brackets.

    Raises:
        LocalProtocolError: It can be neither.
    """
    name = a_label(host.strip("[]") if host.startswith("[") else host)
    labels = name.removesuffix(".").split(".")
    fits = all(0 < len(label) <= MAX_LABEL for label in labels)
    if not fits or not name.isprintable() or set(name) & set(' /@<>"'):
        raise LocalProtocolError(f"{host!r} is not a host name; nothing was sent")
    return name


def _numeric(name: str, port: int) -> list[Address]:
    try:
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return _addresses(
            socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
        )
    except (OSError, UnicodeError):
        return []


def _ask(name: str, port: int) -> list[Address]:
    try:
        return _addresses(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except UnicodeError:  # the codec of getaddrinfo refuses labels over 63 octets
        raise OSError("a label of the name is empty or too long") from None


def _addresses(infos: list[Any]) -> list[Address]:
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in infos]


def _interleaved(addresses: list[Address]) -> list[Address]:
    first = addresses[0].family if addresses else 0
    same = [address for address in addresses if address.family == first]
    other = [address for address in addresses if address.family != first]
    pairs = chain.from_iterable(zip_longest(same, other))
    return [address for address in pairs if address is not None]
