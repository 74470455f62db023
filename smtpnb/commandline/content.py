"""The message of a command line: a template, its tokens, headers and parts.

Everything is octets, as it was typed or read: nothing is decoded that need not be.
This module knows nothing of connections.
"""

from __future__ import annotations

import re
import socket
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from smtpnb import __version__

if TYPE_CHECKING:
    from smtpnb.commandline.order import Order

_TEMPLATE: Final = b"""\
Date: %DATE%
To: %TO_ADDRESS%
From: %FROM_ADDRESS%
Subject: test %DATE%
Message-Id: <%MESSAGEID%>
X-Mailer: smtpnb %SMTPNB_VERSION%
%NEW_HEADERS%
%BODY%


"""
_END: Final = re.compile(rb"\n\.\n?\Z")  # a dot of one's own; ours ends the content


def content(order: Order, sender: str) -> bytes:
    r"""Return what is sent after DATA, with LF line ends, without the final dot.

    Args:
        order: What was asked for.
        sender: The envelope's sender, for %FROM_ADDRESS%.

    Example:
        >>> from smtpnb.commandline.order import read
        >>> words = ["--server", "mx", "--to", "a@b", "--data", "Subject: %TO_ADDRESS%"]
        >>> content(read(words), "")
        b'Subject: a@b\n'
    """
    if not order.fixed_up:
        return order.data or b""
    octets = _TEMPLATE if order.data is None else order.data
    octets = octets.replace(b"\r\n", b"\n")
    if not order.keeps_from_line:
        octets = re.sub(rb"\AFrom [^\n]*\n", b"", octets)
    headers, body = list(order.added), order.body.replace(b"\r\n", b"\n")
    body = body.removesuffix(b"\n")  # the template ends its last line
    if order.parts:
        head, body = _multipart(order)
        headers += head
    octets = octets.replace(b"%BODY%", body)
    octets = _with_headers(octets, headers)
    found = [name for name, _ in order.headers if _old(name).search(_head(octets))]
    for name, line in order.headers:
        octets = _with_header(octets, name, line, replaces=name in found)
    for token, value in _tokens(order, sender).items():
        octets = octets.replace(token, value)
    octets = _END.sub(b"\n", octets)
    return octets if octets.endswith(b"\n") else octets + b"\n"


def _tokens(order: Order, sender: str) -> dict[bytes, bytes]:
    now = time.time()
    stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(now))
    tokens = {
        "%FROM_ADDRESS%": sender,
        "%TO_ADDRESS%": ",".join(order.recipients),
        "%DATE%": formatdate(now, localtime=True),
        "%MESSAGEID%": f"{stamp}.{time.monotonic_ns() % 10**9:09}@{socket.getfqdn()}",
        "%SMTPNB_VERSION%": __version__,
        "%NEWLINE%": "\n",
    }
    return {
        token.encode(): value.encode("utf-8", "surrogateescape")
        for token, value in tokens.items()
    }


def _with_headers(octets: bytes, lines: list[bytes]) -> bytes:
    """Return the message with more headers: at their token, or behind the others."""
    added = b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
    if b"%NEW_HEADERS%" in octets:
        return octets.replace(b"%NEW_HEADERS%", added)
    head, blank, body = octets.partition(b"\n\n")
    return head + b"\n" + added + b"\n" + body if added and blank else octets


def _head(octets: bytes) -> bytes:
    return octets.partition(b"\n\n")[0]


def _old(name: str) -> re.Pattern[bytes]:
    return re.compile(
        rb"^" + re.escape(name.encode()) + rb":[^\n]*(?:\n[ \t][^\n]*)*",
        re.IGNORECASE | re.MULTILINE,
    )


def _with_header(octets: bytes, name: str, line: bytes, *, replaces: bool) -> bytes:
    """Return the message with this header instead of that of its name, or besides."""
    head, blank, body = octets.partition(b"\n\n")
    line = line.rstrip(b"\n")
    if replaces:
        head = _old(name).sub(lambda _: line, head, count=1)
    else:
        head = head.rstrip(b"\n") + b"\n" + line
    return head + blank + body


def _multipart(order: Order) -> tuple[list[bytes], bytes]:
    """Return the MIME headers, and the body that holds all parts."""
    message = EmailMessage(policy=SMTP.clone(linesep="\n"))
    bodies = [part for part in order.parts if part.is_body]
    if not bodies:
        message.set_content(order.body.decode("utf-8", "replace"))
    for i, part in enumerate(bodies):
        text, subtype = part.octets.decode("utf-8", "replace"), part.kind.split("/")[1]
        if i == 0:
            message.set_content(text, subtype=subtype)
        else:
            message.add_alternative(text, subtype=subtype)
    for part in order.parts:
        if not part.is_body:
            maintype, _, subtype = part.kind.partition("/")
            message.add_attachment(
                part.octets,
                maintype=maintype,
                subtype=subtype,
                filename=part.name or None,
            )
    head, _, body = message.as_bytes().partition(b"\n\n")
    return [head], body
