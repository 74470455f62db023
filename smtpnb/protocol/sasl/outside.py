"""EXTERNAL and ANONYMOUS: no secret of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.sasl.mechanism import Channel, ClientFirst, name_octets

if TYPE_CHECKING:
    from smtpnb.protocol.sasl.mechanism import Steps

_LONGEST_TRACE: Final = 255  # RFC 4505 section 2, in characters


class External(ClientFirst):
    """EXTERNAL (RFC 4422 appendix A): who we are is known from outside, by TLS mostly.

    Args:
        identity: The authorization identity; "" lets the server derive it from the
            client certificate.
        initial_response: Send it with AUTH ("=" if it is empty), or wait for the 334.

    Example:
        >>> [*External("fred@example.com").steps()]
        [b'fred@example.com']
    """

    name = "EXTERNAL"

    def __init__(self, identity: str = "", *, initial_response: bool = True) -> None:
        self.identity = identity
        self.initial_response = initial_response
        self._identity = name_octets(
            "authorization identity", identity, section="RFC 4422 appendix A.1"
        )

    def _responses(self, channel: Channel) -> Steps:
        yield self._identity


class Anonymous(ClientFirst):
    """ANONYMOUS (RFC 4505): no account; what is left is a trace.

    Args:
        trace: An address, or a word without "@"; at most 255 characters.
        initial_response: Send it with AUTH, or wait for the 334.

    Raises:
        LocalProtocolError: The trace is too long, or holds NUL.

    Example:
        >>> [*Anonymous("sirhc").steps()]
        [b'sirhc']
    """

    name = "ANONYMOUS"

    def __init__(self, trace: str = "", *, initial_response: bool = True) -> None:
        self._trace = name_octets("trace", trace, section="RFC 4505 section 2")
        if len(trace) > _LONGEST_TRACE:
            raise LocalProtocolError(
                f"the trace has {len(trace)} characters, and RFC 4505 section 2 allows "
                f"{_LONGEST_TRACE}; nothing was sent"
            )
        self.trace = trace
        self.initial_response = initial_response

    def _responses(self, channel: Channel) -> Steps:
        yield self._trace
