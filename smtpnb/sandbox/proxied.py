"""Reads the header of the PROXY protocol, as a server behind a proxy does.

See HAProxy's proxy-protocol.txt, sections 2.1 (text) and 2.2 (binary).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import struct

_TEXT = re.compile(
    rb"PROXY (?:UNKNOWN[^\r\n]*|(TCP[46]) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n"
)
_BINARY = b"\r\n\r\n\x00\r\nQUIT\n"
_LONGEST_TEXT = 107


async def read_header(reader: asyncio.StreamReader) -> dict[str, str] | None:
    """Return what the header says of the client, by XCLIENT's names; None: no header.

    Raises:
        asyncio.IncompleteReadError: The client went away.
    """
    start = await reader.readexactly(len(_BINARY))
    if start == _BINARY:
        return await _binary(reader)
    if not start.startswith(b"PROXY "):
        return None
    try:
        line = start + await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        return None
    found = _TEXT.fullmatch(line)
    if found is None or len(line) > _LONGEST_TEXT:
        return None
    if found[1] is None:
        return {"PROXY": "UNKNOWN"}
    source, destination, port, to_port = (part.decode() for part in found.groups()[1:])
    return _named(source, port, destination, to_port)


async def _binary(reader: asyncio.StreamReader) -> dict[str, str] | None:
    command, family, size = struct.unpack("!BBH", await reader.readexactly(4))
    block = await reader.readexactly(size)
    if command == 0x20:
        return {"PROXY": "LOCAL"}
    if command != 0x21:
        return None
    length = {0x11: 4, 0x21: 16}.get(family)
    if length is None:
        path = block[:108].rstrip(b"\0").decode("utf-8", "replace")
        return {"ADDR": f"unix:{path}"} if family == 0x31 else {"PROXY": "UNKNOWN"}
    if size < 2 * length + 4:
        return None
    ports = struct.unpack("!HH", block[2 * length : 2 * length + 4])
    source, destination = (
        str(ipaddress.ip_address(block[n * length : (n + 1) * length])) for n in (0, 1)
    )
    return _named(source, str(ports[0]), destination, str(ports[1]))


def _named(source: str, port: str, destination: str, to_port: str) -> dict[str, str]:
    return {
        "ADDR": source,
        "PORT": port,
        "DESTADDR": destination,
        "DESTPORT": to_port,
    }
