"""TLS as a command line asks for it: our certificate, versions, ciphers, whom to trust.

What needs none of the first three is left to `TlsPolicy`, which can judge a certificate
and go on all the same. A context of our own verifies, or does not: then the transcript
says so, and no password is sent.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    import ssl

# By swaks's names, oldest first; what is older is in no OpenSSL of today.
_VERSIONS: Final = {
    "tlsv1": "TLSv1",
    "tlsv1_1": "TLSv1_1",
    "tlsv1_2": "TLSv1_2",
    "tlsv1_3": "TLSv1_3",
}


def context_of(given: argparse.Namespace) -> ssl.SSLContext | None:
    """Return a context, if the words ask for what only a context can do.

    Raises:
        ValueError: The words contradict each other, or OpenSSL does not take them.
        OSError: A file cannot be read, or is not what it should be.
    """
    if (given.tls_cert is None) != (given.tls_key is None):
        raise ValueError("--tls-cert and --tls-key are said together")
    if not (given.tls_cert or given.tls_protocol or given.tls_cipher):
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if given.tls_verify:
        context.load_default_certs()
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if (ca := given.tls_ca_path) is not None:
        is_folder = Path(ca).is_dir()
        context.load_verify_locations(**{"capath" if is_folder else "cafile": ca})
    if given.tls_protocol:
        least, most = _versions(given.tls_protocol)
        with warnings.catch_warnings():  # whoever asks for an old one knows its age
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion[least]
            context.maximum_version = ssl.TLSVersion[most]
    if given.tls_cipher:
        try:
            context.set_ciphers(given.tls_cipher)
        except ssl.SSLError:
            raise ValueError(f"OpenSSL knows no cipher {given.tls_cipher!r}") from None
    if given.tls_cert:
        context.load_cert_chain(given.tls_cert, given.tls_key)
    return context


def _versions(words: str) -> tuple[str, str]:
    """Return the oldest and the newest version of "tlsv1_2,tlsv1_3" or "no_tlsv1".

    >>> _versions("no_sslv3,no_tlsv1,no_tlsv1_1")
    ('TLSv1_2', 'TLSv1_3')
    """
    said = words.lower().split(",")
    names = [word.removeprefix("no_") for word in said]
    without = [word != name for word, name in zip(said, names, strict=True)]
    unknown = set(names) - {*_VERSIONS, "sslv2", "sslv3"}
    if unknown or len(set(without)) != 1 or not all(names):
        raise ValueError(
            f"--tls-protocol is of {', '.join(_VERSIONS)}, or each with no_ before it, "
            f"not {words!r}"
        )
    rest = [name for name in _VERSIONS if (name in names) != without[0]]
    order = list(_VERSIONS)
    if not rest or order.index(rest[-1]) - order.index(rest[0]) >= len(rest):
        raise ValueError(f"--tls-protocol {words}: versions that follow each other")
    return _VERSIONS[rest[0]], _VERSIONS[rest[-1]]
