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
# A time-out in the midst of a session comes before all.
_PATTERNS: Final = (
    (
        "DeadlineExceeded",
        r"greeting never received|smtp timeout after|timed out while (?:receiv|send)",
    ),
    ("NotTried", r"retry time(?:out)? (?:not reached|exceeded)|\bno host tried"),
    ("Expired", r"status=(?:force-)?expired|expired in (?:the )?queue|time expired"),
    (
        "TlsError",
        (
            r"certificate (?:verify failed|has expired|not trusted|is invalid)|x509:"
            r"|self[- ]signed certificate|unable to (?:verify|get)[^\n]{0,40} certific"
            r"|invalid peer certificate|pkix path|sslhandshake|socket to tls"
            r"|tls is required, but (?:was not|our)|verif(?:y|ication) error"
            r"|ssl_connect"
            r"|(?:tls|ssl)[ _]handshake|handshake fail|wrong version number|sslerror"
            r"|cannot start tls|tls session|\bsslv3\b"
        ),
    ),
    (
        "ResolveError",
        (
            r"host (?:or domain name )?not found|name or service not known|getaddrinfo"
            r"|enotfound|no address associated|nodename nor servname|gaierror|\bedns\b"
            r"|could not (?:be )?resolve|name service error|temporary failure in name"
            r"|host name lookup failure|host lookup did not complete"
            r"|no such host\b|unknownhost|failed to lookup address"
        ),
    ),
    (
        "ConnectError",
        (
            r"connection refused|econnrefused|no route to host|network is unreachable"
            r"|host is unreachable|connection timed out(?! while)|connection timeout\b"
            r"|could ?n[o']t connect|failed to connect|connect: |unable to connect"
            r"|econnection|etimedout|defer \(11[01]\)|smtpconnecterror"
        ),
    ),
    (
        "ConnectionLost",
        (
            r"lost connection|connection (?:was )?(?:reset|lost|closed|unexpectedly)"
            r"|unexpectedly closed|remote host closed|econnreset|broken pipe|epipe"
            r"|smtpserverdisconnected|server disconnected|\[eof\]"
        ),
    ),
    ("DeadlineExceeded", r"timed ?out|timeout|execution expired"),
)
_FAULTS: Final = tuple(
    (name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _PATTERNS
)
# What was accepted was not: the certificate was looked at, and nothing was sent.
_CERTIFICATE: Final = re.compile(
    r"verif(?:y|ication) error|certificate (?:verify failed|has expired)"
    r"|self[- ]signed certificate",
    re.IGNORECASE,
)
_NOTHING_CAME: Final = re.compile(
    r"expected response code[^\n]{0,40} but got (?:an empty response|empty code"
    r"|code \"\", with message \"\")",
    re.IGNORECASE,
)


def fault_told(text: str) -> str | None:
    """Return the class of the fault that a text tells; None: it tells none."""
    text = text[:65536]
    return next((name for name, pattern in _FAULTS if pattern.search(text)), None)


def nothing_came(text: str) -> bool:
    """Whether a text tells which code was waited for, and that none came (Symfony)."""
    return _NOTHING_CAME.search(text[:65536]) is not None


def certificate_told(text: str) -> bool:
    """Whether a text tells of a certificate that did not hold (openssl s_client)."""
    return _CERTIFICATE.search(text[:65536]) is not None
