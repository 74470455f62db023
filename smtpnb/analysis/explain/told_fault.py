"""A fault that a log or an exception tells where no reply came.

"connect to mx[192.0.2.1]:25: Connection timed out" is no refusal: nobody refused. What
is told so becomes the error's class that smtpnb itself would have raised.

This module knows nothing of replies.
"""

from __future__ import annotations

import re
from typing import Final

# The first that is found; a name, a handshake and a refusal are surer than a time-out.
_PATTERNS: Final = {
    "TlsError": (
        r"certificate verify failed|ssl_connect|(?:tls|ssl)[ _]handshake|handshake "
        r"fail|wrong version number|sslerror|cannot start tls|tls session|\bsslv3\b"
    ),
    "ResolveError": (
        r"host (?:or domain name )?not found|name or service not known|getaddrinfo"
        r"|enotfound|no address associated|nodename nor servname|gaierror"
        r"|could not resolve|name service error|temporary failure in name"
    ),
    "ConnectError": (
        r"connection refused|econnrefused|no route to host|network is unreachable"
        r"|host is unreachable|connect to [^\n]{1,300}: connection timed out"
        r"|could not connect|failed to connect|connect: |unable to connect"
        r"|econnection|etimedout|defer \(11[01]\)|smtpconnecterror"
    ),
    "ConnectionLost": (
        r"lost connection|connection (?:was )?(?:reset|lost|closed|unexpectedly)"
        r"|unexpectedly closed|remote host closed|econnreset|broken pipe|epipe"
        r"|smtpserverdisconnected|server disconnected"
    ),
    "DeadlineExceeded": (
        r"(?:connection|conversation|operation|read|greeting) timed ?out|timeout"
        r"|timed out"
    ),
}
_FAULTS: Final = {
    name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()
}
_PLACE: Final = re.compile(
    r"(?:connect to|connection with|conversation with|closed by|H=|relay=) ?"
    r"([\w.-]{1,255})(?: ?\[([0-9A-Fa-f:.]{2,45})\])?",
    re.IGNORECASE,
)


def fault_told(text: str) -> str | None:
    """Return the class of the fault that a text tells; None: it tells none."""
    text = text[:65536]
    return next(
        (name for name, pattern in _FAULTS.items() if pattern.search(text)), None
    )


def place_told(text: str) -> tuple[str | None, str | None]:
    """Return the host and the address that a fault was told of."""
    found = _PLACE.search(text[:65536])
    return (found[1].rstrip("."), found[2]) if found else (None, None)
