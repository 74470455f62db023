"""A fault that a log or an exception tells where no reply came.

"connect to mx[192.0.2.1]:25: Connection timed out" is no refusal: nobody refused. What
is told so becomes the error's class that smtpnb itself would have raised.

This module knows nothing of replies.
"""

from __future__ import annotations

import re
from typing import Final

# The first that is found: a queue's own words, a name, a handshake and a refusal are
# surer than a time-out.
_PATTERNS: Final = {
    "NotTried": r"retry time(?:out)? (?:not reached|exceeded)|\bno host tried",
    "Expired": r"status=(?:force-)?expired|expired in (?:the )?queue|time expired",
    "TlsError": (
        r"certificate (?:verify failed|has expired|not trusted|is invalid)|x509:"
        r"|self[- ]signed certificate|unable to (?:verify|get)[^\n]{0,40} certificate"
        r"|tls is required, but (?:was not|our)"
        r"|verif(?:y|ication) error|ssl_connect|(?:tls|ssl)[ _]handshake|handshake "
        r"fail|wrong version number|sslerror|cannot start tls|tls session|\bsslv3\b"
    ),
    "ResolveError": (
        r"host (?:or domain name )?not found|name or service not known|getaddrinfo"
        r"|enotfound|no address associated|nodename nor servname|gaierror"
        r"|could not (?:be )?resolve|name service error|temporary failure in name"
    ),
    "ConnectError": (
        r"connection refused|econnrefused|no route to host|network is unreachable"
        r"|host is unreachable|connection timed out(?! while)|connection timeout\b"
        r"|could ?n[o']t connect|failed to connect|connect: |unable to connect"
        r"|econnection|etimedout|defer \(11[01]\)|smtpconnecterror"
    ),
    "ConnectionLost": (
        r"lost connection|connection (?:was )?(?:reset|lost|closed|unexpectedly)"
        r"|unexpectedly closed|remote host closed|econnreset|broken pipe|epipe"
        r"|smtpserverdisconnected|server disconnected"
    ),
    "DeadlineExceeded": (r"timed ?out|timeout"),
}
_FAULTS: Final = {
    name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()
}
# What was accepted was not: the certificate was looked at, and nothing was sent.
_CERTIFICATE: Final = re.compile(
    r"verif(?:y|ication) error|certificate (?:verify failed|has expired)"
    r"|self[- ]signed certificate",
    re.IGNORECASE,
)


def fault_told(text: str) -> str | None:
    """Return the class of the fault that a text tells; None: it tells none."""
    text = text[:65536]
    return next(
        (name for name, pattern in _FAULTS.items() if pattern.search(text)), None
    )


def certificate_told(text: str) -> bool:
    """Whether a text tells of a certificate that did not hold (openssl s_client)."""
    return _CERTIFICATE.search(text[:65536]) is not None
