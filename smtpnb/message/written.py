"""An `EmailMessage` as octets: what was read leaves as it was read.

The generator of the `email` package folds headers anew when it writes a message, and
a signature over them (DKIM, RFC 6376) is broken. Here a header that was read from
octets leaves with the octets it had; one that was set by the program is written as RFC
5322 wants it. International addresses are never made encoded words, which may not stand
in an address (RFC 2047 section 5 (3)): then all headers leave as UTF-8 (RFC 6532).

Two things the `email` package does not keep: the white space between a colon and its
value, which becomes one space, and what it calls a defect (`Message.defects`). Who must
have every octet hands over the octets.

Bcc and Resent-Bcc do not leave (RFC 5322 sections 3.6.3 and 3.6.6). The message itself
is not changed.
"""

from __future__ import annotations

import copy
import re
from email.generator import BytesGenerator
from email.header import Header
from email.policy import SMTP, EmailPolicy
from io import BytesIO
from typing import Any, Final

from smtpnb.message.addressees import ADDRESS_HEADERS, addresses_in
from smtpnb.protocol.content import MAX_LINE
from smtpnb.protocol.errors import LocalProtocolError

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_NAME: Final = re.compile(r"[!-9;-~]+")  # RFC 5322 section 3.6.8
_HIDDEN: Final = ("Bcc", "Resent-Bcc")


def written(message: Any, *, hide_bcc: bool = True) -> bytes:
    """Return a message as octets with CRLF line ends.

    Args:
        message: Of either policy of the `email` package, read or made.
        hide_bcc: Leave out Bcc and Resent-Bcc.

    Raises:
        LocalProtocolError: It cannot be written; the header is named.
    """
    file = BytesIO()
    try:
        if hide_bcc and any(name in message for name in _HIDDEN):
            message = copy.copy(message)
            for name in _HIDDEN:
                del message[name]  # its list of headers is a new one then
        if _lacks_boundary(message):  # the generator would put one into it
            message = copy.deepcopy(message)
        policy = message.policy
        utf8 = getattr(policy, "utf8", False) or _is_international(message)
        most = policy.max_line_length
        kind = _ExactOrText if _is_older(message) else _Exact
        exact = kind(linesep="\r\n", utf8=utf8, max_line_length=most)
        generator = BytesGenerator(file, mangle_from_=False, policy=exact)
        generator.flatten(message, linesep="\r\n")
    except LocalProtocolError:
        raise
    except UnicodeEncodeError as error:
        bad = f"U+{ord(error.object[error.start]):04X}"
        raise LocalProtocolError(
            f"the message holds {bad}, and nothing says how to encode it: read a "
            "message with message_from_bytes, make text with set_content; nothing was "
            "sent"
        ) from error
    except Exception as error:  # whatever a part that is no part may raise
        raise LocalProtocolError(
            f"the message cannot be written ({type(error).__name__}: {error}); nothing "
            "was sent"
        ) from error
    return file.getvalue()


def differences(message: Any) -> tuple[str, ...]:
    """Return in words where a message may not leave as it was read."""
    found = []
    kinds = {type(one).__name__ for part in message.walk() for one in part.defects}
    if kinds:
        named = ", ".join(sorted(kinds))
        found.append(f"it was read with defects, and may differ now: {named}")
    found += [
        f"the header {name!r} was folded: it had {len(value)} octets in one line "
        "(RFC 5322 section 2.1.1)"
        for part in message.walk()
        if _is_older(part)
        for name, value in part.raw_items()
        if isinstance(value, str) and _is_too_long(name, value)
    ]
    return tuple(found)


def _is_older(message: Any) -> bool:
    """Tell whether the policy is compat32: text may be read, or set by the program."""
    return not isinstance(message.policy, EmailPolicy)


def _is_too_long(name: str, value: str) -> bool:
    return len(name) + 2 + len(value) > MAX_LINE and len(_LINE_END.split(value)) == 1


class _Exact(EmailPolicy):
    """Writes headers: those that were read as they were, others as RFC 5322 wants."""

    folds_text = False

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        """Return what the generator asks for as it stands; no parser may fail."""
        return value if hasattr(value, "fold") else unfolded(str(value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return a header as octets, its line end included."""
        try:
            if _NAME.fullmatch(name) is None:
                raise ValueError("its name is none")  # noqa: TRY301
            text = self._text(name, value)
            if _LINE_END.search(re.sub(r"\r\n(?=[ \t])", "", text)):
                raise ValueError("a line end in it is followed by no white space")  # noqa: TRY301
            text += "\r\n"
            return text.encode("utf-8" if self.utf8 else "ascii", "surrogateescape")
        except Exception as error:
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            raise LocalProtocolError(
                f"the header {name!r} cannot be written ({kind}{error}); nothing was "
                "sent"
            ) from error

    def _text(self, name: str, value: Any) -> str:
        """Return a header as it shall leave, without its line end."""
        if isinstance(value, Header):  # set by the program, of the older policy
            text = value.encode(linesep="\r\n")
            return f"{name}: {text}"
        if hasattr(value, "fold"):  # set by the program, of the newer one
            return self._folded(name, value)
        text = str(value)
        if not text.isascii() and not _has_octets(text):
            # Text, not octets that were read; of the older policy.
            return self._folded(name, SMTP.header_factory(name, unfolded(text)))
        if self.folds_text and _is_too_long(name, text):
            text = Header(text, header_name=name).encode(linesep="\r\n")
            return f"{name}: {text}"
        return f"{name}: " + _LINE_END.sub("\r\n", text)

    def _folded(self, name: str, header: Any) -> str:
        text: str = header.fold(policy=self).removesuffix("\r\n")
        if "=?" in text and hasattr(header, "addresses"):
            was = [address.addr_spec for address in header.addresses]
            # An encoded word may hide a comma, and lose its quotes (cpython#121284).
            if addresses_in(name, text.partition(":")[2], strict=False) != was:
                raise ValueError("folding would change its addresses")
        return text


class _ExactOrText(_Exact):
    """The same for the older policy, in which nobody knows if text was read, or set.

    A line that is too long in any case is folded.
    """

    folds_text = True


def _has_octets(text: str) -> bool:
    """Tell whether text holds octets over 127 that were read (PEP 383)."""
    return any("\udc80" <= char <= "\udcff" for char in text)


def unfolded(text: str) -> str:
    """Return the text of a header in one line (RFC 5322 section 2.2.3)."""
    return _LINE_END.sub("", text)


def _lacks_boundary(message: Any) -> bool:
    return any(
        part.is_multipart()
        and part.get_content_maintype() == "multipart"
        and not part.get_boundary()
        for part in message.walk()
    )


def _is_international(message: Any) -> bool:
    """Tell whether an address that the program set is not ASCII, in any part."""
    return any(
        name.lower() in ADDRESS_HEADERS
        and not str(value).isascii()
        and not all(map(str.isascii, addresses_in(name, value, strict=False)))
        for part in message.walk()
        for name, value in part.raw_items()
        if hasattr(value, "addresses") or not _has_octets(str(value))
    )
