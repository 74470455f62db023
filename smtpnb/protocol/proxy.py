r"""The PROXY protocol: who the client behind us is, before the first octet of SMTP.

A proxy in front of a server says so ahead of the greeting and of TLS. Version 1 is a
line of text, version 2 is binary (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2):

    >>> ProxyHeader("192.0.2.1:56324", "192.0.2.2:25").octets()
    b'PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n'
    >>> ProxyHeader().octets()
    b'PROXY UNKNOWN\r\n'

Extensions of version 2 (TLVs) are not written. This module sends nothing.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from smtpnb.protocol.errors import LocalProtocolError

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
# Version and command; family and protocol.
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_UNSPEC: Final = 0x00
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_UNIX_STREAM: Final = 0x31
_MAX_UNIX: Final = 108


class ProxyHeader:
    """What a proxy says of the connection behind it. An immutable value.

    Args:
        source: The client: "192.0.2.1:56324", "[2001:db8::1]:56324" or (address,
            port); of a unix socket "unix:/path". None: not known (version 1 says
            UNKNOWN), or our own (version 2 says LOCAL, as health checks do).
        destination: Where the client had connected to, of the same family.
        version: 1, text; or 2, binary.

    Raises:
        LocalProtocolError: No address and port, or of two families; or version 1 for a
            unix socket.

    Example:
        >>> ProxyHeader("192.0.2.1:56324", "192.0.2.2:25").shown
        'PROXY TCP4 192.0.2.1 192.0.2.2 56324 25'
    """

    __slots__ = ("_octets", "destination", "source", "version")

    def __init__(
        self,
        source: str | tuple[str, int] | None = None,
        destination: str | tuple[str, int] | None = None,
        *,
        version: int = 1,
    ) -> None:
        if version not in (1, 2):
            raise LocalProtocolError(
                f"the PROXY protocol has version 1 and 2, not {version!r}"
            )
        if (source is None) != (destination is None):
            raise LocalProtocolError(
                "the PROXY protocol names source and destination, or neither"
            )
        self.source = source
        self.destination = destination
        self.version = version
        self._octets = self._text() if version == 1 else self._binary()

    def octets(self) -> bytes:
        """Return the header as it leaves."""
        return self._octets

    @property
    def shown(self) -> str:
        """The header for people."""
        if self.version == 1:
            return self._octets.decode().rstrip()
        if self.source is None:
            return "PROXY v2 LOCAL"
        return f"PROXY v2 {_said(self.source)} -> {_said(self.destination)}"

    def _text(self) -> bytes:
        if self.source is None or self.destination is None:
            return b"PROXY UNKNOWN\r\n"
        if _unix(self.source) or _unix(self.destination):
            raise LocalProtocolError(
                "version 1 of the PROXY protocol knows no unix sockets: version=2"
            )
        here, there = _endpoint(self.source), _endpoint(self.destination)
        family = _family(here, there)
        said = f"PROXY TCP{family} {here[0]} {there[0]} {here[1]} {there[1]}\r\n"
        return said.encode()

    def _binary(self) -> bytes:
        if self.source is None or self.destination is None:
            return SIGNATURE + struct.pack("!BBH", _LOCAL, _UNSPEC, 0)
        paths = [_unix(self.source), _unix(self.destination)]
        if all(paths):
            block = b"".join([_packed_path(path) for path in paths])
            family = _UNIX_STREAM
        else:
            here, there = _endpoint(self.source), _endpoint(self.destination)
            family = _TCP4 if _family(here, there) == 4 else _TCP6
            block = here[0].packed + there[0].packed
            block += struct.pack("!HH", here[1], there[1])
        return SIGNATURE + struct.pack("!BBH", _PROXY, family, len(block)) + block

    def __repr__(self) -> str:
        return f"<ProxyHeader {self.shown!r}>"


def _unix(endpoint: Any) -> str:
    if isinstance(endpoint, str) and endpoint.startswith("unix:"):
        return endpoint.removeprefix("unix:")
    return ""


def _packed_path(path: str) -> bytes:
    octets = path.encode()
    if len(octets) > _MAX_UNIX:
        raise LocalProtocolError(f"{path!r} has more than {_MAX_UNIX} octets")
    return octets.ljust(_MAX_UNIX, b"\0")


def _endpoint(endpoint: Any) -> tuple[Any, int]:
    """Return an address and a port."""
    import ipaddress  # only who says PROXY needs it

    host, port = endpoint if isinstance(endpoint, tuple) else (None, None)
    if isinstance(endpoint, str):
        host, _, port = endpoint.rpartition(":")
        port = int(port) if port.isascii() and port.isdigit() else None
    try:
        address = ipaddress.ip_address(str(host).strip("[]"))
    except ValueError:
        address = None
    if address is None or type(port) is not int or not 0 <= port < 65536:
        raise LocalProtocolError(
            f"{endpoint!r} is no address and port of the PROXY protocol: "
            '"192.0.2.1:56324" or ("2001:db8::1", 56324)'
        )
    if getattr(address, "scope_id", None):
        raise LocalProtocolError(
            f"{endpoint!r}: the zone of an address means something here only"
        )
    return address, port


def _family(here: tuple[Any, int], there: tuple[Any, int]) -> int:
    if here[0].version != there[0].version:
        raise LocalProtocolError(
            f"{here[0]} and {there[0]} are of two families, and PROXY has one"
        )
    return int(here[0].version)


def _said(endpoint: Any) -> str:
    return endpoint if isinstance(endpoint, str) else f"{endpoint[0]}:{endpoint[1]}"
