"""Certificates of every kind, good and broken, and a handshake without a socket.

trustme makes what is right; what is wrong on purpose is built with `cryptography`, and
what nobody would build is patched in DER and signed again, so that its signature holds
and only the one thing is wrong with it.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
# AlgorithmIdentifiers (RFC 5758 section 3.2, RFC 8017 appendix A.2.4)
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
_RSA_SHA1 = bytes.fromhex("300d06092a864886f70d0101050500")
CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])

Key = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key.

    Attributes:
        der: The certificate.
        key: Its private key.
        name: Its subject.
    """

    der: bytes
    key: Key
    name: x509.Name

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return ssl.DER_cert_to_PEM_cert(self.der)


def ec_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int) -> Key:
    return rsa.generate_private_key(65537, bits)


def make(
    *names: str,
    issuer: Certificate | None = None,
    cn: str | None = None,
    ca: bool = False,
    path_length: int | None = None,
    days: tuple[int, int] = (-1, 30),
    key: Key | None = None,
    usage: x509.ExtendedKeyUsage | None = None,
    extensions: bool = True,
) -> Certificate:
    """Make a certificate; signed by itself if there is no issuer.

    Args:
        names: DNS names and IP addresses.
        issuer: Who signs.
        cn: The common name of the subject; None for an empty subject.
        ca: Whether it may sign others.
        path_length: How many CAs may stand below it.
        days: From when to when it is valid, from today.
        key: Its key; a new one if None.
        usage: What the key may be used for.
        extensions: False for names as the only extension.
    """
    key = key or ec_key()
    attributes = [] if cn is None else [x509.NameAttribute(NameOID.COMMON_NAME, cn)]
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
    )
    if names:
        listed = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = builder.add_extension(listed, cn is None)
    if extensions:
        basic = x509.BasicConstraints(ca, path_length)
        builder = builder.add_extension(basic, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if usage is not None:
        builder = builder.add_extension(usage, critical=False)
    signer = issuer.key if issuer is not None else key
    made = builder.sign(signer, hashes.SHA256())
    return Certificate(made.public_bytes(serialization.Encoding.DER), key, subject)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def patched(
    certificate: Certificate, issuer: Certificate, was: bytes, becomes: bytes
) -> Certificate:
    """Change octets of a certificate, and sign it again with the issuer's EC key."""
    body = _patched_body(certificate, was, becomes)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    signature = issuer.key.sign(body, ec.ECDSA(hashes.SHA256()))
    return _signed(certificate, body, _ECDSA_SHA256, signature)


def signed_with_sha1(certificate: Certificate, issuer: Certificate) -> Certificate:
    """Sign a certificate again with SHA-1 and the issuer's RSA key."""
    body = _patched_body(certificate, _RSA_SHA256, _RSA_SHA1)
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    signature = issuer.key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    return _signed(certificate, body, _RSA_SHA1, signature)


def _patched_body(certificate: Certificate, was: bytes, becomes: bytes) -> bytes:
    assert len(was) == len(becomes)
    body = x509.load_der_x509_certificate(certificate.der).tbs_certificate_bytes
    assert body.count(was) == 1
    return body.replace(was, becomes)


def _signed(
    certificate: Certificate, body: bytes, algorithm: bytes, signature: bytes
) -> Certificate:
    der = _der(0x30, body + algorithm + _der(0x03, b"\0" + signature))
    return Certificate(der, certificate.key, certificate.name)


def altered(certificate: Certificate) -> Certificate:
    """Change the last octet of the signature."""
    der = certificate.der
    return Certificate(
        der[:-1] + bytes([der[-1] ^ 1]), certificate.key, certificate.name
    )


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def server_context(
    leaf: Certificate, *others: Certificate, weak: bool = False
) -> ssl.SSLContext:
    """Return the context of a server that shows these certificates.

    Args:
        leaf: Its own.
        others: What it sends along.
        weak: Let OpenSSL use keys that it would refuse.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if weak:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "chain.pem")
        path.write_bytes(key + "".join(c.pem for c in (leaf, *others)).encode())
        context.load_cert_chain(path)
    return context


def handshake(
    client: ssl.SSLContext, server: ssl.SSLContext, host: str
) -> tuple[ssl.SSLObject, ssl.SSLError | None]:
    """Do a handshake in memory; return the client's side and what it raised."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    sides: Sequence[Any] = (ours, theirs)
    done: set[Any] = set()
    for _ in range(10):
        for side in sides:
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                if side is theirs:
                    raise
                return ours, error
        if len(done) == 2:
            return ours, None
    raise AssertionError("the handshake does not end")
