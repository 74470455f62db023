"""Whom to trust: the contexts that verify, and the one that only looks.

Verified is the default, everywhere: TLS 1.2 or newer (RFC 8996), and the names in
subjectAltName alone (RFC 9525). What a file of CAs holds now is what is trusted now:
contexts are kept by content, never by path, since making one costs as much as twenty
handshakes. The CAs of the system are read when TLS first begins, and again when their
file or folder changes.

This module knows nothing of policies or of handshakes.
"""

from __future__ import annotations

import re
import ssl
from functools import lru_cache
from typing import Any, Final

from smtpnb.edges.text import cut
from smtpnb.protocol.errors import TlsError

# What people put into a folder of CAs, and the links that OpenSSL looks for there.
_IN_FOLDERS: Final = r".+\.(pem|crt|cer|\d+)"
_HASHED: Final = r"[0-9a-f]{8}\.\d+"
_PEM: Final = (
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----[A-Za-z0-9+/=\s]+"
    rb"-----END (?:X509 )?CERTIFICATE-----"
)


def trusting(ca: str) -> ssl.SSLContext:
    """Return a context that trusts what is given, and nothing else.

    Args:
        ca: PEM text, or the path of a file (PEM or DER) or of a folder.

    Raises:
        TlsError: It cannot be read, or holds no certificate.
    """
    name = "the text given" if "-----BEGIN" in ca else cut(ca, 100)
    try:
        octets = ca.encode() if "-----BEGIN" in ca else _read(ca)
        return _trusting(octets)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = getattr(error, "strerror", None) or str(error)
        raise TlsError(f"the CA certificates cannot be read: {name}: {why}") from None


def trusting_the_system() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts now.

    Raises:
        TlsError: The store of the system cannot be read.
    """
    paths = ssl.get_default_verify_paths()
    return _trusting_the_system(paths, _mark(paths.cafile), _mark(paths.capath))


@lru_cache(maxsize=1)
def looking() -> ssl.SSLContext:
    """Return the context that verifies nothing."""
    context = _verifying()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trusts_nothing(context: ssl.SSLContext) -> bool:
    """Tell whether a context of this module found no CA at all."""
    if context.cert_store_stats()["x509"]:
        return False
    # OpenSSL reads a hashed folder only as far as it needs, and counts nothing before.
    from pathlib import Path

    folder = ssl.get_default_verify_paths().capath
    try:
        inside = list(Path(folder).iterdir()) if folder else []
    except OSError:
        inside = []
    return not any(re.fullmatch(_HASHED, path.name) for path in inside)


def _verifying() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525 section 2
    # Whatever is given is trusted, be it an intermediate or the server's own
    # certificate, as Python's default contexts do from 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@lru_cache(maxsize=16)
def _trusting(octets: bytes) -> ssl.SSLContext:
    context = _verifying()
    # Each once: a hashed folder holds most of them under several names.
    blocks = dict.fromkeys(match.group() for match in re.finditer(_PEM, octets))
    if blocks:
        context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    elif octets.startswith(b"\x30"):  # a SEQUENCE: DER
        context.load_verify_locations(cadata=octets)
    else:
        raise ValueError("there is no certificate in it")
    return context


@lru_cache(maxsize=4)
def _trusting_the_system(*_store: object) -> ssl.SSLContext:
    context = _verifying()
    try:
        context.load_default_certs()
    except OSError as error:  # ssl.SSLError is one
        raise TlsError(f"the CAs of the system cannot be read: {error}") from None
    return context


def _mark(path: str | None) -> object:
    """Return what changes when a file or folder does."""
    from pathlib import Path  # a clear session needs neither it nor what it loads

    try:
        stat = Path(path).stat() if path else None
    except OSError:
        stat = None
    return stat and (stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _read(ca: str) -> bytes:
    from pathlib import Path

    path = Path(ca)
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise ValueError("it is neither a file nor a folder")
        return path.read_bytes()
    inside = [each for each in sorted(path.iterdir()) if _is_certificate_file(each)]
    return b"\n".join(each.read_bytes() for each in inside)


def _is_certificate_file(path: Any) -> bool:
    return re.fullmatch(_IN_FOLDERS, path.name) is not None and path.is_file()
