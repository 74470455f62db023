"""How TLS is to be done: whom to trust, and what to do when trust fails.

What does it stands in `tls_stream` and `tls`, and is loaded when TLS begins: a session
in clear never needs OpenSSL.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    import ssl

Verify = Literal["require", "report"]


class TlsPolicy:
    """How TLS is done: whom to trust, and what to do when trust fails.

    Args:
        verify: "require" ends a handshake that does not verify; "report" completes it
            and tells what is wrong, by the same verdict; AUTH is then refused.
        ca: Certificates to trust instead of the system's: PEM text, or the path of a
            file (PEM or DER) or of a folder (its .pem, .crt, .cer and hashed files).
            Read whenever TLS begins: a file that was replaced is trusted as it is now.
        context: A context of your own, used as it is: it has its own trust, in which
            `ca` has no part, and its own rules, which "report" cannot judge by.

    Raises:
        LocalProtocolError: Another word for `verify`, or what does not go together.

    Example:
        >>> TlsPolicy(ca="/etc/ssl/our-ca.pem")
        <TlsPolicy require, its own CA>
    """

    __slots__ = ("ca", "context", "verify")

    def __init__(
        self,
        verify: Verify = "require",
        *,
        ca: str | os.PathLike[str] = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        if verify not in ("require", "report"):
            raise LocalProtocolError(f'verify is "require" or "report", not {verify!r}')
        if not isinstance(ca, (str, os.PathLike)):
            raise LocalProtocolError("ca is PEM text, or the path of a file or folder")
        if context is not None:
            _check_own(context, verify)
        self.verify: Verify = verify
        self.ca = ca
        self.context = context

    def with_(
        self, *, verify: Verify | None, ca: str | os.PathLike[str] | None
    ) -> TlsPolicy:
        """Return a policy that differs in what is given.

        Raises:
            LocalProtocolError: As in the class.
        """
        if verify is None and ca is None:
            return self
        return TlsPolicy(
            verify or self.verify,
            ca=self.ca if ca is None else ca,
            context=self.context,
        )

    def check(self) -> None:
        """Read the CAs that were given, before an octet leaves.

        Those of the system are not looked at: a session in clear never needs them.

        Raises:
            TlsError: They cannot be read.
        """
        if self.ca and self.context is None:
            self.verifying_context()

    def handshake_context(self) -> ssl.SSLContext:
        """Return the context of the handshake: one that only looks, for "report".

        Raises:
            TlsError: The CA certificates cannot be read.
        """
        from smtpnb.wire.trust import looking  # loaded when TLS begins

        return looking() if self.verify == "report" else self.verifying_context()

    def verifying_context(self) -> ssl.SSLContext:
        """Return the context that gives the verdict: the user's own, or ours.

        Raises:
            TlsError: The CA certificates cannot be read.
        """
        from smtpnb.wire.trust import trusting, trusting_the_system

        if self.context is not None:
            return self.context
        return trusting(os.fsdecode(self.ca)) if self.ca else trusting_the_system()

    def __repr__(self) -> str:
        trust = "its own CA" if self.ca else "the system's CAs"
        if self.context is not None:
            trust = "its own context"
        return f"<TlsPolicy {self.verify}, {trust}>"


def _check_own(context: ssl.SSLContext, verify: Verify) -> None:
    import ssl  # a session in clear never loads it

    if not isinstance(context, ssl.SSLContext):
        raise LocalProtocolError(f"context is an ssl.SSLContext, not {type(context)!r}")
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise LocalProtocolError("this context is a server's: PROTOCOL_TLS_CLIENT")
    if verify == "report":
        raise LocalProtocolError(
            'verify="report" judges by smtpnb\'s own context: leave out yours, or set '
            "what yours verifies (verify_mode, check_hostname) yourself"
        )
