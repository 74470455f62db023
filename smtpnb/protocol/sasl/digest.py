"""DIGEST-MD5: obsolete (RFC 6331), and still announced by Cyrus SASL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.sasl.mechanism import (
    NOWHERE,
    Channel,
    Mechanism,
    Work,
    name_octets,
)
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps

# RFC 2831 section 7.1: name = token or quoted-string, commas and space around them.
_PAIR: Final = rb'[\s,]*([a-zA-Z0-9-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)\s*(?:,|\Z)'
_ONCE: Final = ("nonce", "algorithm", "charset", "qop", "stale", "rspauth")


class DigestMd5(Mechanism):
    """DIGEST-MD5 (RFC 2831), authentication only; the server's answer is verified.

    Args:
        user: The user name.
        password: The password, as text or Secret.
        realm: Which of the server's realms; "" takes its first, or none.
        identity: The authorization identity, if it differs.
        nonce: Ours; "" makes one. To reproduce an example.
        service: The first word of the digest-uri.

    Raises:
        LocalProtocolError: NUL, or no Unicode, in a name.

    Example:
        >>> steps = DigestMd5("chris", "secret").steps()
        >>> next(steps)
        >>> work = steps.send(b'nonce="OA6MG9tEQGm2hh",algorithm=md5-sess')
        >>> bytes(steps.send(work.function(*work.args)))[:44]
        b'username="chris",nonce="OA6MG9tEQGm2hh",nc=0'
    """

    name = "DIGEST-MD5"
    mutual = True

    def __init__(
        self,
        user: str,
        password: str | Secret,
        *,
        realm: str = "",
        identity: str = "",
        nonce: str = "",
        service: str = "smtp",
    ) -> None:
        password = self._password = Secret(password)  # no local holds its text
        self.user = user
        self.identity = identity
        self.realm = realm
        self._name = name_octets("user name", user, section="RFC 2831")
        self._identity = name_octets(
            "authorization identity", identity, section="RFC 2831"
        )
        self._realm = name_octets("realm", realm, section="RFC 2831")
        self._nonce = name_octets("nonce", nonce, section="RFC 2831")
        self._service = name_octets("service", service, section="RFC 2831")

    def steps(self, channel: Channel = NOWHERE) -> Steps:
        """Wait for the challenge, answer it, and check the server's own answer."""
        challenge = _Challenge((yield None) or b"")
        answer = yield Work(_Answer, self, challenge, channel.host)
        proof = yield answer.message()
        told = {} if proof is None else dict(_pairs(proof))
        if told.get("rspauth", b"") != answer.digest(b""):
            raise RemoteProtocolError(
                "DIGEST-MD5: the server did not prove that it knows the password "
                "(RFC 2831 section 2.1.3): it may be an impostor"
            )
        yield b""

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)


class _Challenge:
    """What the server asks (section 2.1.1)."""

    def __init__(self, octets: bytes) -> None:
        pairs = _pairs(octets)
        said = dict(pairs)
        names = [name for name, _ in pairs]
        twice = [name for name in _ONCE if names.count(name) > 1]
        if twice or not said.get("nonce"):
            raise RemoteProtocolError(
                f"DIGEST-MD5: {'two of ' + twice[0] if twice else 'there is no nonce'}"
            )
        if said.get("algorithm", b"").lower() != b"md5-sess":
            raise RemoteProtocolError("DIGEST-MD5: the algorithm is not md5-sess")
        ways = said.get("qop", b"auth").lower().replace(b" ", b"").split(b",")
        if b"auth" not in ways:
            raise RemoteProtocolError(
                "DIGEST-MD5: the server wants a security layer (qop), and TLS is ours"
            )
        self.nonce = said["nonce"]
        self.utf8 = said.get("charset", b"").lower() == b"utf-8"
        self.realms = [value for name, value in pairs if name == "realm"]


class _Answer:
    """Our answer, and what the server's must be (section 2.1.2)."""

    def __init__(self, mechanism: DigestMd5, asked: _Challenge, host: str) -> None:
        self._user = _in_charset("user name", mechanism._name, utf8=asked.utf8)  # noqa: SLF001  # one thing in two classes
        self._identity = mechanism._identity  # noqa: SLF001
        self._realm = mechanism._realm or (asked.realms or [b""])[0]  # noqa: SLF001
        self._says_realm = bool(asked.realms or self._realm)
        self._utf8 = asked.utf8
        self._nonce = asked.nonce
        self._cnonce = mechanism._nonce or _new_nonce()  # noqa: SLF001
        self._uri = mechanism._service + b"/" + host.encode()  # noqa: SLF001
        self._key = self._keyed(mechanism._password)  # noqa: SLF001

    def _keyed(self, password: Secret) -> memoryview:
        """Return A1: hashed in ISO 8859-1 where that is possible (section 2.1.2.1)."""
        import hashlib

        def md5(*parts: bytes | memoryview) -> bytes:
            return hashlib.md5(b":".join(parts), usedforsecurity=False).digest()

        names = [_latin(part) for part in (self._user, self._realm)]
        first = [md5(*names, _latin(password.reveal()))]
        if self._identity:
            return memoryview(
                b":".join((*first, self._nonce, self._cnonce, self._identity))
            )
        return memoryview(b":".join((*first, self._nonce, self._cnonce)))

    def digest(self, verb: bytes) -> bytes:
        """Return the response to a verb: AUTHENTICATE, or "" for the server's own."""
        import hashlib

        def md5(octets: bytes | memoryview) -> bytes:
            return hashlib.md5(octets, usedforsecurity=False).hexdigest().encode()

        said = (self._nonce, b"00000001", self._cnonce, b"auth")
        return md5(b":".join((md5(self._key), *said, md5(verb + b":" + self._uri))))

    def message(self) -> memoryview:
        """Return the digest-response."""
        pairs = [
            *([b"charset=utf-8"] if self._utf8 else []),
            b'username="%b"' % _quoted(self._user),
            *([b'realm="%b"' % _quoted(self._realm)] if self._says_realm else []),
            b'nonce="%b"' % _quoted(self._nonce),
            b"nc=00000001",
            b'cnonce="%b"' % _quoted(self._cnonce),
            b'digest-uri="%b"' % _quoted(self._uri),
            b"response=%b" % self.digest(b"AUTHENTICATE"),
            b"qop=auth",
            *([b'authzid="%b"' % _quoted(self._identity)] if self._identity else []),
        ]
        return memoryview(b",".join(pairs))


def _pairs(octets: bytes) -> list[tuple[str, bytes]]:
    """Read the directives of a challenge.

    Raises:
        RemoteProtocolError: It is none.
    """
    pairs, at = [], 0
    while at < len(octets):
        found = re.compile(_PAIR).match(octets, at)
        if found is None:
            raise RemoteProtocolError("DIGEST-MD5: the challenge is no list of pairs")
        name, value = found.groups()
        if value.startswith(b'"'):
            value = re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.DOTALL)
        pairs.append((name.decode().lower(), value))
        at = found.end()
    return pairs


def _quoted(octets: bytes) -> bytes:
    return octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _latin(octets: bytes | memoryview) -> bytes:
    """Return UTF-8 as ISO 8859-1 if it can be, else as it is (section 2.1.2.1)."""
    try:
        return str(octets, "utf-8").encode("latin-1")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return bytes(octets)


def _in_charset(what: str, octets: bytes, *, utf8: bool) -> bytes:
    if utf8 or octets.isascii():
        return octets
    try:
        return octets.decode().encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError(
            f"the {what} is not ISO 8859-1, and the server did not say charset=utf-8 "
            "(RFC 2831 section 2.1.1)"
        ) from None


def _new_nonce() -> bytes:
    import secrets

    return secrets.token_urlsafe(18).encode()
