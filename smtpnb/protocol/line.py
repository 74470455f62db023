"""ONE function makes the line of a command.

It refuses what could end the line early or become a second command (C0, DEL, C1,
U+2028, U+2029), checked on the text and again on the octets. It refuses and never
rewrites. Lines that somebody else wrote pass `SecretLines`, so that a password in them
is cut from what is shown.

This module knows nothing of commands.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Octets, placeholder

if TYPE_CHECKING:
    from smtpnb.protocol.secret import Redactor

# RFC 5321 section 4.5.3.1.4 says 512 octets, extensions enlarge it, and RFC 4954
# section 4 asks for 12 288. What no extension needs is a mistake of the caller.
MAX_COMMAND_LINE: Final = 16 * 1024

# Patterns are text, compiled when first used: most sessions never need them.
_UNSAFE_TEXT: Final = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_UNSAFE_OCTETS: Final = rb"[\x00-\x1f\x7f]"

# AUTH, mechanism, and what follows: a password in base64, whoever wrote it.
_INITIAL_RESPONSE: Final = rb"(?i)([ \t]*AUTH[ \t]+[^ \t]+[ \t]+)"
_AUTH: Final = rb"(?i)[ \t]*AUTH([ \t]|\Z)"
# What may answer a 334, and is no other command.
_ANSWER: Final = (
    rb"(?!(?i:QUIT|RSET|NOOP|EHLO|HELO|HELP|MAIL|RCPT|DATA|VRFY|EXPN|STARTTLS)\b)"
    rb"[A-Za-z0-9+/=_-]+"
)

# The token of a URLAUTH, ";urlauth=" access ":" mechanism ":" token (RFC 4467 section
# 3), and a password before the host, which no IMAP URL should have.
_URLAUTH: Final = rb"(?i);URLAUTH=[^:\s]*:[^:\s]*:([^\s]+)"
_USERINFO: Final = rb"(?i)(?<=://)[^/@:\s]*:([^/@\s]+)(?=@)"

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


def without_urlauth(octets: bytes) -> bytes:
    """Return a line with what opens a mailbox cut from its URLs.

    >>> without_urlauth(b"BURL imap://h/;urlauth=submit+a:internal:91354a47 LAST")
    b'BURL imap://h/;urlauth=submit+a:internal:<secret 8 bytes> LAST'
    """
    for pattern in (_URLAUTH, _USERINFO):
        octets = re.sub(pattern, _cut_token, octets)
    return octets


def _cut_token(found: re.Match[bytes]) -> bytes:
    start = found.start(1) - found.start()
    return found[0][:start] + placeholder(len(found[1]))


class SecretLines:
    """Finds the secrets in command lines that somebody else wrote.

    Raw octets, `command("AUTH", ...)` and dialogues may carry a password as well as
    `auth` does: behind AUTH and its mechanism, or on the lines after it. A line may
    come in several pieces.

    Args:
        redactor: Learns what is found, so that an echo of it is cut as well.
    """

    __slots__ = ("_answers", "_line", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._line = b""  # what was sent of a line that is not complete
        self._answers = False  # the lines after an AUTH answer its 334s

    def cut(self, octets: bytes, *, asked: bool) -> Octets:
        """Return octets as they leave, with what must not be shown cut.

        Args:
            octets: Whatever the caller wants on the wire.
            asked: A 334 was the last reply: these octets answer it.
        """
        shown = []
        for piece in octets.splitlines(keepends=True):
            shown.append(self._cut_piece(piece, asked=asked))
            whole = self._line + piece
            # A bare CR ends a line for some servers, and `splitlines` knows it.
            self._line = b"" if piece.endswith((b"\n", b"\r")) else whole
        cut = b"".join(shown)
        return Octets(octets) if cut == octets else Octets(octets, cut)

    def _cut_piece(self, piece: bytes, *, asked: bool) -> bytes:
        text = piece.rstrip(b"\r\n")
        line = self._line + text
        found = re.match(_INITIAL_RESPONSE, line)
        start = len(text)
        if found is not None:
            self._answers = True
            start = max(found.end(1) - len(self._line), 0)
        elif asked or (self._answers and re.fullmatch(_ANSWER, line)):
            start = 0
        elif (cut := self._cut_url(piece, line)) is not None:
            return cut
        elif text:
            self._answers = re.match(_AUTH, line) is not None
        secret = text[start:]
        if secret.strip(b"=*") == b"":
            return piece
        self._learn(line[found.end(1) :] if found is not None else line)
        return text[:start] + placeholder(len(secret)) + piece[len(text) :]

    def _cut_url(self, piece: bytes, line: bytes) -> bytes | None:
        """Cut a URL's secrets from the last piece of a line; None if it has none."""
        cut = without_urlauth(line)
        if cut == line:
            return None
        for pattern in (_URLAUTH, _USERINFO):
            for token in re.findall(pattern, line):
                self._redactor.learn(token)
        # Of a line in pieces nobody can say where in the cut line this piece begins.
        if self._line:
            return placeholder(len(piece.rstrip(b"\r\n"))) + _end_of(piece)
        return cut + _end_of(piece)

    def _learn(self, code: bytes) -> None:
        self._redactor.learn(code)
        with suppress(ValueError):
            octets = base64.b64decode(code, validate=True)
            for part in octets.split(b"\0"):
                self._redactor.learn(part)
            self._redactor.learn_response(octets)


def _end_of(piece: bytes) -> bytes:
    return piece[len(piece.rstrip(b"\r\n")) :]
