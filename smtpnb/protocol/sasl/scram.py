"""SCRAM: both sides prove that they know the password, and neither shows it (RFC 5802).

The hashes are those of `hashlib`; the work of a hostile iteration count is done in a
helper thread, so that a cancel need not wait for it. With -PLUS the proof is bound to
the TLS channel. Without it, where we could bind and the server does not announce it,
the flag "y" tells the server so: if it did announce -PLUS, somebody in the middle has
cut that out, and the server refuses (section 6).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.sasl.mechanism import (
    END_POINT,
    Channel,
    ClientFirst,
    Note,
    Work,
    name_octets,
)
from smtpnb.protocol.sasl.prepare import prepared, prepared_secret
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps

# By the name of the mechanism: the name of hashlib.
HASHES: Final = {
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-512": "sha512",
    "SHA3-512": "sha3_512",
}
_LEAST_ITERATIONS: Final = 4096  # RFC 5802 section 5.1, RFC 7677 section 4
# A second or two of work. What is advised goes up to 1.3 million (OWASP, for SHA-1);
# who asks for more wants our time.
_MOST_ITERATIONS: Final = 2_000_000
# What the errors of section 7 mean to somebody who has to find out.
_MEANINGS: Final = {
    "server-does-support-channel-binding": "the server offers -PLUS and we were not "
    "shown it: somebody in between may have cut it out of the EHLO reply",
    "channel-bindings-dont-match": "the TLS that the server sees is not the one that "
    "we see: something in between ends TLS",
    "unsupported-channel-binding-type": "the server binds in another way: Python has "
    "tls-server-end-point, and tls-unique below TLS 1.3, but not tls-exporter",
    "invalid-proof": "the password is wrong",
    "unknown-user": "there is no such user",
}


class _Question(NamedTuple):
    """The server's first message: the nonce of both, the salt, the count."""

    nonce: bytes
    salt: bytes
    iterations: int


class _Proof(NamedTuple):
    """Our last message, and what the server must sign with."""

    message: memoryview
    signature: memoryview


class Scram(ClientFirst):
    """SCRAM-SHA-1, -256 or -512, and each with -PLUS (RFC 5802, 7677).

    User name and password are prepared by SASLprep.

    Args:
        user: The user name.
        password: The password, as text or Secret.
        hash_name: "SHA-1", "SHA-256", "SHA-512" or "SHA3-512".
        plus: Bind the proof to the TLS channel: the mechanism's name ends in -PLUS.
        binding: The type of channel binding: "tls-server-end-point" (RFC 5929), or
            "tls-unique", which TLS 1.3 has not. "tls-exporter" (RFC 9266) cannot be
            had: Python's ssl does not give it.
        identity: The authorization identity, if it differs.
        initial_response: Send the first message with AUTH, or wait for the 334.
        least_iterations: Refuse a server that asks for fewer.
        nonce: Ours; "" makes one. To reproduce an example.

    Raises:
        LocalProtocolError: Another hash; or what must not be in a name or password.

    Example:
        >>> steps = Scram("user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO").steps()
        >>> next(steps)
        b'n,,n=user,r=rOprNGfwEbeRWgbNEkqO'
    """

    mutual = True

    def __init__(
        self,
        user: str,
        password: str | Secret,
        hash_name: str = "SHA-256",
        *,
        plus: bool = False,
        binding: str = END_POINT,
        identity: str = "",
        initial_response: bool = True,
        least_iterations: int = _LEAST_ITERATIONS,
        nonce: str = "",
    ) -> None:
        password = Secret(password)  # no local holds its text
        self._password = prepared_secret("password", password)
        known = str(hash_name).upper()
        if known not in HASHES:
            raise LocalProtocolError(
                f"SCRAM: the hash is one of {', '.join(HASHES)}, not {hash_name!r}"
            )
        self.user = user
        self.identity = identity
        self.initial_response = initial_response
        self.plus = plus
        self._plain_name = f"SCRAM-{known}"
        self._hash = HASHES[known]
        self._binding = binding
        self._least = least_iterations
        self._nonce = name_octets("nonce", nonce, section="RFC 5802 section 7")
        self._user = _saslname("user name", prepared("user name", user))
        self._identity = _saslname("authorization identity", identity)

    @property
    def name(self) -> str:  # type: ignore[override]  # a class attribute above
        """As AUTH says it."""
        return self._plain_name + ("-PLUS" if self.plus else "")

    def _responses(self, channel: Channel) -> Steps:
        header, bound = self._header(channel)
        nonce = self._nonce or _new_nonce()
        bare = b"n=%b,r=%b" % (self._user, nonce)
        first = yield header + bare
        question = self._question(first, nonce)
        proof = yield Work(
            self._prove, question, bare, first, base64.b64encode(header + bound)
        )
        told = _attributes((yield proof.message) or b"")
        if b"e" in told:
            error = told[b"e"].decode("ascii", "replace")
            yield Note(f"{self.name} failed: {error}: {_meaning(error)}")
            if (yield b"") is None:
                raise RemoteProtocolError(f"{self.name}: accepted after an error")
            return
        if not proof.signature or _octets(told.get(b"v", b"")) != proof.signature:
            raise RemoteProtocolError(
                f"{self.name}: the server did not prove that it knows the password "
                "(RFC 5802 section 3): it may be an impostor"
            )
        yield b""

    def _header(self, channel: Channel) -> tuple[bytes, bytes]:
        """Return the GS2 header and the channel binding behind it (section 6)."""
        who = b",%b," % (b"a=" + self._identity if self._identity else b"")
        if self.plus:
            kind = self._binding
            return b"p=%b%b" % (kind.encode(), who), channel.binding(kind)
        announced = f"{self._plain_name}-PLUS" in channel.offered
        return (b"n" if announced or not channel.can_bind() else b"y") + who, b""

    def _question(self, octets: bytes | None, nonce: bytes) -> _Question:
        """Read the server's first message.

        Raises:
            RemoteProtocolError: It is none, or asks for what must not be answered.
        """
        if octets is None:
            raise RemoteProtocolError(
                f"{self.name}: accepted without a proof of either side"
            )
        told = _attributes(octets)
        if b"m" in told:  # section 5.1: a mandatory extension
            raise RemoteProtocolError(f"{self.name}: an unknown mandatory extension")
        theirs, salt, count = (told.get(name, b"") for name in (b"r", b"s", b"i"))
        if not theirs.startswith(nonce) or theirs == nonce:
            raise RemoteProtocolError(
                f"{self.name}: the server's nonce does not go on from ours"
            )
        if not (salted := _octets(salt)):
            raise RemoteProtocolError(f"{self.name}: there is no salt")
        if not re.fullmatch(rb"[1-9][0-9]{0,20}", count):  # section 7: a posit-number
            raise RemoteProtocolError(f"{self.name}: there is no count of iterations")
        iterations = int(count)
        if not self._least <= iterations <= _MOST_ITERATIONS:
            raise RemoteProtocolError(
                f"{self.name}: {iterations} iterations; {self._least} to "
                f"{_MOST_ITERATIONS} are answered (RFC 7677 section 4; "
                "Scram(least_iterations=) lowers the bound)"
            )
        return _Question(theirs, salted, iterations)

    def _prove(
        self, question: _Question, bare: bytes, first: bytes, bound: bytes
    ) -> _Proof:
        """Do the work of section 3. No local is a secret that prints."""
        import hashlib
        import hmac

        def keyed(key: memoryview, octets: bytes) -> memoryview:
            return memoryview(hmac.digest(key, octets, self._hash))

        end = b"c=%b,r=%b" % (bound, question.nonce)
        said = b",".join((bare, first, end))
        salted = memoryview(
            hashlib.pbkdf2_hmac(
                self._hash,
                self._password.reveal(),
                question.salt,
                question.iterations,
            )
        )
        client = keyed(salted, b"Client Key")
        stored = memoryview(hashlib.new(self._hash, client).digest())
        mask = keyed(stored, said)
        proof = bytes(a ^ b for a, b in zip(client, mask, strict=True))
        return _Proof(
            memoryview(end + b",p=" + base64.b64encode(proof)),
            keyed(keyed(salted, b"Server Key"), said),
        )

    def secrets(self) -> tuple[memoryview, ...]:
        """Return the password."""
        return (self._password.reveal(),)


def _new_nonce() -> bytes:
    import secrets

    return secrets.token_urlsafe(18).encode()


def _saslname(what: str, text: str) -> bytes:
    octets = name_octets(what, text, section="RFC 5802 section 7")
    return octets.replace(b"=", b"=3D").replace(b",", b"=2C")


def _attributes(octets: bytes) -> dict[bytes, bytes]:
    """Read "r=...,s=..."; the first of two equal names counts."""
    pairs = [part.partition(b"=") for part in octets.split(b",")]
    return {name: value for name, _, value in reversed(pairs)}


def _octets(code: bytes) -> bytes:
    try:
        return base64.b64decode(code, validate=True)
    except binascii.Error:
        return b""


def _meaning(error: str) -> str:
    return _MEANINGS.get(error, "RFC 5802 section 7 lists the errors")
