"""ONE function makes the line of a command.

It refuses what could end the line early or become a second command (C0, DEL, C1,
U+2028, U+2029), checked on the text and again on the octets. It refuses and never
rewrites. Octets that are sent raw pass here as well, so that a password in them is
cut from what is shown.

This module knows nothing of commands.
"""

from __future__ import annotations

import re
from typing import Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Octets, placeholder

# RFC 5321 section 4.5.3.1.4 says 512 octets, extensions enlarge it, and RFC 4954
# section 4 asks for 12 288. What no extension needs is a mistake of the caller.
MAX_COMMAND_LINE: Final = 16 * 1024

# Patterns are text, compiled when first used: most sessions never need them.
_UNSAFE_TEXT: Final = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_UNSAFE_OCTETS: Final = rb"[\x00-\x1f\x7f]"

# AUTH, mechanism, and what follows: a password in base64, whoever wrote it.
_INITIAL_RESPONSE: Final = rb"(?im)^(AUTH[ \t]+[^ \t\r\n]+[ \t]+)([^\r\n]+)"

_NO_DASHES: Final = {ord("-"): None, ord("_"): None}


def line(verb: str, argument: str = "", *, utf8: bool = False) -> Octets:
    """Return the one line of a command: exactly one CRLF, at its end.

    Args:
        verb: The verb; ASCII letters, digits, "-" and "_".
        argument: Everything after the first space; "" for none.
        utf8: Allow non-ASCII text (RFC 6531), sent as UTF-8.

    Raises:
        LocalProtocolError: A character that is not sent, or a line that is too long.
    """
    if not (verb.isascii() and verb.translate(_NO_DASHES).isalnum()):
        raise LocalProtocolError(f"{verb!r} is not a verb; nothing was sent")
    text = f"{verb} {argument}" if argument else verb
    if text.isascii() and text.isprintable() and len(text) <= MAX_COMMAND_LINE - 2:
        return Octets(text.encode("ascii") + b"\r\n")
    unsafe = re.search(_UNSAFE_TEXT, text)
    if unsafe is not None:
        name = f"U+{ord(unsafe.group()):04X}"
        raise LocalProtocolError(f"{verb} holds {name}; nothing was sent")
    try:
        octets = text.encode("utf-8" if utf8 else "ascii")
    except UnicodeEncodeError as error:
        bad = f"U+{ord(text[error.start]):04X}"
        hint = "" if utf8 else " (non-ASCII needs SMTPUTF8)"
        raise LocalProtocolError(
            f"{verb} holds {bad}{hint}; nothing was sent"
        ) from None
    # Encoding must not have made what the text did not have (CVE-2025-7962).
    if re.search(_UNSAFE_OCTETS, octets):
        raise LocalProtocolError(f"{verb} holds a control octet; nothing was sent")
    if len(octets) + 2 > MAX_COMMAND_LINE:
        raise LocalProtocolError(
            f"{verb} makes a line over {MAX_COMMAND_LINE} octets; nothing was sent"
        )
    return Octets(octets + b"\r\n")


def raw_octets(octets: bytes, *, secret: bool) -> Octets:
    """Return octets sent as they are, with what must not be shown cut.

    Args:
        octets: Whatever the caller wants on the wire.
        secret: They answer a 334, so all of them are a secret.
    """
    if secret:
        return Octets(octets, placeholder(len(octets)) + b"\r\n")
    shown = re.sub(
        _INITIAL_RESPONSE,
        lambda match: match[1] + placeholder(len(match[2])),
        octets,
    )
    return Octets(octets, shown)
