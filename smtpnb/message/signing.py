"""A DKIM signature over a message, before it is given an envelope (RFC 6376).

The octets that will leave are signed: line ends are CRLF by then, Bcc is gone, and
nothing changes them on their way out. The work is dkimpy's, an extra.
"""

from __future__ import annotations

from typing import Any

from smtpnb.message.envelope import MailObject, mail_object
from smtpnb.protocol.content import whole
from smtpnb.protocol.errors import LocalProtocolError


def signed(
    message: Any, *, domain: str, selector: str, private_key: bytes, **options: Any
) -> MailObject:
    """Return a message with a DKIM signature above its headers.

    Args:
        message: As for `mail_object`. What is to be re-encoded is so first:
            `signed(mail.converted(), ...)`.
        domain: Who signs (d=).
        selector: Names the key in the DNS: selector._domainkey.domain (s=).
        private_key: An RSA key in PEM.
        options: More for `dkim.sign`, such as `include_headers`.

    Returns:
        A `MailObject` with the same envelope.

    Raises:
        LocalProtocolError: The content is not in memory, or cannot be signed.
        ModuleNotFoundError: dkimpy is not installed.

    Example:
        client.send(signed(message, domain="example.org", selector="s1",
                           private_key=Path("s1.pem").read_bytes()))
    """
    import dkim  # type: ignore[import-untyped]  # an extra; loaded when first used

    mail = mail_object(message)
    octets = mail.octets
    if octets is None:
        raise LocalProtocolError(
            "only a message in memory can be signed: hand over what the file or "
            "iterator gives; nothing was sent"
        )
    leaves, _ = whole(octets)
    options = {"canonicalize": (b"relaxed", b"relaxed"), **options}
    try:
        signature: bytes = dkim.sign(
            leaves, selector.encode(), domain.encode(), private_key, **options
        )
    except Exception as error:  # of a key, a header or a name that dkimpy cannot use
        raise LocalProtocolError(
            f"the message cannot be signed ({type(error).__name__}: {error}); nothing "
            "was sent"
        ) from error
    copy = MailObject(mail.reverse_path, mail.forward_paths, signature + leaves)
    copy.options, copy.remarks = mail.options, mail.remarks
    return copy
