"""What a host is called: one name, made once, for DNS, for TLS and for EHLO.

An internationalised name has one ASCII form (IDNA 2008, UTS 46 mapping), and everybody
who asks must ask by it. A name that is resolved by one standard and verified by another
is verified for a different registrant: `straße.example` is `xn--strae-oqa.example` by
IDNA 2008 and `strasse.example` by IDNA 2003, which is what `ssl` would make of it.

This module looks nothing up.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from smtpnb.protocol.errors import LocalProtocolError

MAX_NAME: Final = 253  # RFC 1035 section 2.3.4: 255 octets on the wire, ends included

# RFC 1123 section 2.1, and the underscore, which names in use carry.
_LABEL: Final = r"[A-Za-z0-9_-]{1,63}"
_NAME: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
# As the registry of IANA names them; "smtps" is what many systems still call 465.
SERVICES: Final = {
    "smtp": 25,
    "lmtp": 24,
    "submission": 587,
    "submissions": 465,
    "smtps": 465,
}
# UTS 46 section 4: the full stops of other scripts separate labels, too.
_DOTS: Final = "[.\u3002\uff0e\uff61]"


def a_label(domain: str) -> str:
    """Return a domain in ASCII form (IDNA 2008, UTS 46 mapping), for DNS and TLS.

    Raises:
        LocalProtocolError: The domain is not a valid internationalised name.
    """
    if domain.isascii():
        return domain
    import idna  # tables of all scripts: loaded when a name needs them

    try:
        labels = [
            label.lower()
            if re.fullmatch(r"[A-Za-z0-9_-]*", label)
            else idna.encode(label, uts46=True).decode("ascii")
            for label in re.split(_DOTS, domain)
        ]
    except UnicodeError as error:  # idna.IDNAError is one
        raise LocalProtocolError(f"{domain!r} is not a domain name: {error}") from None
    if not all(labels[:-1]):
        raise LocalProtocolError(f"{domain!r} is not a domain name: an empty label")
    return ".".join(labels)


@lru_cache(maxsize=64)
def host_name(host: str) -> str:
    """Return the one name of a host: for SNI, for the certificate and for findings.

    A name becomes its A-label without the dot at its end (RFC 6066 section 3). An
    address loses its brackets and its zone, which no certificate can carry; an IPv4
    address mapped into IPv6 is the IPv4 address.

    Args:
        host: A name or an address, as a user or an MX record gives it.

    Raises:
        LocalProtocolError: It is neither; nothing was sent.

    Example:
        >>> host_name("straße.example.")
        'xn--strae-oqa.example'
        >>> host_name("[fe80::1%eth0]")
        'fe80::1'
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    name = a_label(bare).removesuffix(".")
    address = _address(name)
    if address is not None:
        return address
    if len(name) > MAX_NAME or not re.fullmatch(_NAME, name):
        raise LocalProtocolError(f"{host!r} is not a host name; nothing was sent")
    return name


def host_and_port(text: str, port: int = 25) -> tuple[str, int]:
    """Cut HOST[:PORT]; an IPv6 address with a port stands in brackets.

    Args:
        text: As people write it.
        port: Where none is said.

    Raises:
        LocalProtocolError: The port is no number, and no service of mail.

    Example:
        >>> host_and_port("mx.example:submission"), host_and_port("2001:db8::1")
        (('mx.example', 587), ('2001:db8::1', 25))
    """
    host, colon, said = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or text.endswith("]"):
        return text, port
    return host, port_of(said)


def port_of(text: str) -> int:
    """Return a port that was written as a number or as the service it is for.

    A name means a port and no more: TLS begins where it is asked for.

    Args:
        text: A number, smtp, lmtp, submission, submissions or smtps.

    Raises:
        LocalProtocolError: It is neither.

    Example:
        >>> port_of("submission"), port_of("2525")
        (587, 2525)
    """
    if text.isascii() and text.isdigit():
        return int(text)
    if (port := SERVICES.get(text.lower())) is None:
        services = ", ".join(SERVICES)
        raise LocalProtocolError(
            f"{text!r} is not a port: a number, or one of {services}"
        )
    return port


def address_literal(local_host: str) -> str:
    """Return the address literal that names a client without a name in EHLO.

    A zone means something on this machine only, and an IPv4 address that is mapped into
    IPv6 is an IPv4 address to the server (RFC 5321 section 4.1.3).

    Args:
        local_host: The local address of a connection.

    Example:
        >>> address_literal("::ffff:192.0.2.1")
        '[192.0.2.1]'
        >>> address_literal("fe80::1%eth0")
        '[IPv6:fe80::1]'
    """
    if ":" not in local_host:
        return f"[{local_host}]"
    address = _address(local_host) or local_host
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _address(text: str) -> str | None:
    """Write an IP address in its usual form, without its zone; None if it is none."""
    if re.fullmatch(_IPV4, text):
        return text
    if ":" not in text:
        return None
    import ipaddress  # most hosts have names, and most addresses are of IPv4

    try:
        address = ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)
