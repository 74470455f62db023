"""SASL as a server speaks it: dialogues of challenges and responses, as generators.

`response = yield challenge`, both without base64; what is returned is for whom the
session speaks, or None for a stranger. They are written from the RFCs and share no
computation with the client's side, which they are there to test.

This module knows nothing of streams or replies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from smtpnb.sandbox.accounts import Accounts

Exchange = Generator[bytes, bytes, str | None]

_ITERATIONS: Final = 4096
_HASHES: Final = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_BINDING: Final = b"tls-server-end-point"
_FIELD: Final = rb'([a-z-]+)=("(?:[^"\\]|\\.)*"|[^,]*),?'
_XOAUTH2: Final = rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01"
_OAUTHBEARER: Final = (
    rb"n,(?:a=([^,]*))?,\x01(?:[a-z]+=[^\x01]*\x01)*?auth=Bearer ([^\x01]*)\x01\x01"
)


class Proof(bytes):
    """A challenge by which the server proves that it knows the password."""

    __slots__ = ()


class Surroundings(NamedTuple):
    """What a mechanism must know of its server.

    Attributes:
        hostname: The server's name.
        offered: The mechanisms that it announces here.
        binding: tls-server-end-point of its certificate; b"" without TLS.
    """

    hostname: str
    offered: tuple[str, ...] = ()
    binding: bytes = b""


def plain(accounts: Accounts, _: Surroundings) -> Exchange:
    """PLAIN (RFC 4616): one response, NUL between its three parts."""
    parts = (yield b"").split(b"\0")
    if len(parts) != 3:
        return None
    identity, name, password = parts
    return accounts.admit(name, password, identity)


def login(accounts: Accounts, _: Surroundings) -> Exchange:
    """LOGIN: the name, then the password (never standardised)."""
    name = yield b"Username:"
    password = yield b"Password:"
    return accounts.admit(name, password)


def cram_md5(accounts: Accounts, here: Surroundings) -> Exchange:
    """CRAM-MD5 (RFC 2195)."""
    challenge = b"<%b@%b>" % (os.urandom(8).hex().encode(), here.hostname.encode())
    name, _, said = (yield challenge).rpartition(b" ")
    password = accounts.password_of(name)
    if password is None:
        return None
    right = hmac.digest(password, challenge, "md5").hex().encode()
    return accounts.speak_for(name) if hmac.compare_digest(right, said) else None


def digest_md5(accounts: Accounts, here: Surroundings) -> Exchange:
    """DIGEST-MD5 (RFC 2831), qop=auth; names and passwords in UTF-8."""
    nonce = os.urandom(16).hex().encode()
    realm = here.hostname.encode()
    said = yield (
        b'realm="%b",nonce="%b",qop="auth",algorithm=md5-sess,charset=utf-8'
        % (realm, nonce)
    )
    told = {name: _unquoted(value) for name, value in re.findall(_FIELD, said)}
    name, identity = told.get(b"username", b""), told.get(b"authzid", b"")
    password = accounts.password_of(name)
    uri = told.get(b"digest-uri", b"")
    if (
        password is None
        or told.get(b"nonce") != nonce
        or told.get(b"nc") != b"00000001"
        or not uri.startswith(b"smtp/")
    ):
        return None
    names = [_narrow(part) for part in (name, told.get(b"realm", b""))]
    secret = _md5(b":".join((*names, _narrow(bytes(password)))))
    cnonce = told.get(b"cnonce", b"")
    key = b":".join((secret, nonce, cnonce, *([identity] if identity else [])))

    def response(verb: bytes) -> bytes:
        parts = nonce, b"00000001", cnonce, b"auth", _hex(verb + b":" + uri)
        return _hex(b":".join((_hex(key), *parts)))

    if not hmac.compare_digest(response(b"AUTHENTICATE"), told.get(b"response", b"")):
        return None
    yield Proof(b"rspauth=" + response(b""))
    return accounts.speak_for(name, identity)


def xoauth2(accounts: Accounts, _: Surroundings) -> Exchange:
    """XOAUTH2; a token that is refused gets a challenge of JSON first."""
    found = re.fullmatch(
        rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", (yield b"")
    )
    user = accounts.admit(found[1], found[2]) if found else None
    if user is None:
        told = {"status": "401", "schemes": "bearer", "scope": "https://mail.example/"}
        yield json.dumps(told).encode()
    return user


def oauthbearer(accounts: Accounts, _: Surroundings) -> Exchange:
    """OAUTHBEARER (RFC 7628); host and port are not looked at."""
    found = re.fullmatch(_OAUTHBEARER, (yield b""))
    name = _saslname(found[1] or b"") if found else b""
    user = accounts.admit(name, found[2]) if found else None
    if user is None:
        told = {"status": "invalid_token", "scope": "smtp"}
        yield json.dumps(told).encode()
    return user


def external(accounts: Accounts, here: Surroundings) -> Exchange:
    """EXTERNAL (RFC 4422 appendix A): who says to be an account, is believed in TLS."""
    identity = yield b""
    return accounts.speak_for(identity) if here.binding and identity else None


def anonymous(_: Accounts, __: Surroundings) -> Exchange:
    """ANONYMOUS (RFC 4505)."""
    trace = yield b""
    return "anonymous" if len(trace.decode(errors="replace")) <= 255 else None


def scram(
    hash_name: str, *, plus: bool
) -> Callable[[Accounts, Surroundings], Exchange]:
    """Return SCRAM with a hash (RFC 5802, RFC 7677)."""

    def exchange(accounts: Accounts, here: Surroundings) -> Exchange:
        return _scram(accounts, here, f"SCRAM-{hash_name}", plus=plus)

    return exchange


def _scram(
    accounts: Accounts, here: Surroundings, mechanism: str, *, plus: bool
) -> Exchange:
    algorithm = _HASHES[mechanism.removeprefix("SCRAM-")]

    def keyed(key: bytes, octets: bytes) -> bytes:
        return hmac.digest(key, octets, algorithm)

    first = yield b""
    found = re.fullmatch(
        rb"(p=[^,]*|y|n),(?:a=([^,]*))?,(n=([^,]*),r=([^,]+).*)", first
    )
    if found is None:
        return None
    flag, identity, bare, user, theirs = found.groups()
    name = _saslname(user)
    nonce = theirs + base64.b64encode(os.urandom(12))
    salt = accounts.salt_of(name)
    ask = b"r=%b,s=%b,i=%d" % (nonce, base64.b64encode(salt), _ITERATIONS)
    last = yield ask
    end, _, proof = last.rpartition(b",p=")
    told = dict(part.partition(b"=")[::2] for part in end.split(b","))
    error = _binding_error(flag, plus, f"{mechanism}-PLUS" in here.offered)
    header = first[: len(first) - len(bare)]
    bound = header + (here.binding if flag.startswith(b"p=") else b"")
    if not error and _decoded(told.get(b"c", b"")) != bound:
        error = b"channel-bindings-dont-match"
    password = accounts.prepared_password_of(name) or b"\0"
    salted = hashlib.pbkdf2_hmac(algorithm, password, salt, _ITERATIONS)
    client = keyed(salted, b"Client Key")
    said = b",".join((bare, ask, end))
    mask = keyed(hashlib.new(algorithm, client).digest(), said)
    right = bytes(a ^ b for a, b in zip(client, mask, strict=True))
    if not hmac.compare_digest(right, _decoded(proof)) or told.get(b"r") != nonce:
        error = error or b"invalid-proof"
    if error:
        yield b"e=" + error
        return None
    server = keyed(keyed(salted, b"Server Key"), said)
    yield Proof(b"v=" + base64.b64encode(server))
    return accounts.speak_for(name, _saslname(identity or b""))


def _binding_error(flag: bytes, plus: bool, offered: bool) -> bytes:
    """Return what RFC 5802 section 6 has against the client's flag; b"" for nothing."""
    if flag == b"y" and offered:
        return b"server-does-support-channel-binding"
    if plus and flag == b"n":
        return b"channel-bindings-dont-match"
    if flag.startswith(b"p=") and not plus:
        return b"channel-binding-not-supported"
    if flag.startswith(b"p=") and flag[2:] != _BINDING:
        return b"unsupported-channel-binding-type"
    return b""


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()


def _hex(octets: bytes) -> bytes:
    return _md5(octets).hex().encode()


def _narrow(octets: bytes) -> bytes:
    """RFC 2831 section 2.1.2.1: in ISO 8859-1 where that is possible."""
    try:
        return octets.decode().encode("latin-1")
    except UnicodeError:
        return octets


def _unquoted(value: bytes) -> bytes:
    if not value.startswith(b'"'):
        return value
    return re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.DOTALL)


def _saslname(octets: bytes) -> bytes:
    return octets.replace(b"=2C", b",").replace(b"=3D", b"=")


def _decoded(code: bytes) -> bytes:
    try:
        return base64.b64decode(code, validate=True)
    except binascii.Error:
        return b""


# By the name that EHLO announces, in that order; -PLUS only inside TLS.
MECHANISMS: Final[dict[str, Callable[[Accounts, Surroundings], Exchange]]] = {
    "PLAIN": plain,
    "LOGIN": login,
    "CRAM-MD5": cram_md5,
    "DIGEST-MD5": digest_md5,
    **{f"SCRAM-{name}": scram(name, plus=False) for name in _HASHES},
    **{f"SCRAM-{name}-PLUS": scram(name, plus=True) for name in _HASHES},
    "XOAUTH2": xoauth2,
    "OAUTHBEARER": oauthbearer,
    "EXTERNAL": external,
    "ANONYMOUS": anonymous,
}
# Announced unless others are asked for: what needs a password or a token.
USUAL: Final = tuple(n for n in MECHANISMS if n not in {"EXTERNAL", "ANONYMOUS"})
# RFC 4954 section 4: with an initial response these are refused (501).
SERVER_FIRST: Final = ("CRAM-MD5", "DIGEST-MD5")
