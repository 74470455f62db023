"""What a user hands over to be sent: an envelope and its content.

RFC 5321 section 2.3.1 calls the two together a mail object. An `EmailMessage` brings
its own envelope. What became of one is said by `smtpnb.message.delivery`.

This module knows nothing of connections.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb.message.content import held, pieces_of
from smtpnb.protocol.content import whole
from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.message.content import Content


class Options(NamedTuple):
    """What an envelope may say beside its paths; see `MailObject`."""

    ret: str | None = None
    envid: str | None = None
    notify: str | None = None
    parameters: tuple[str, ...] = ()


# All of a content: CRLF line ends only, and at its end; how many lines; whether ASCII.
Whole = tuple[bytes, int, bool]


class MailObject:
    """An envelope and its content.

    Args:
        reverse_path: The sender; "" is the null reverse-path.
        forward_paths: One recipient, or several.
        content: As for `SmtpClient.data`.
        ret: RET=, "FULL" or "HDRS" (RFC 3461).
        envid: ENVID=, already as xtext.
        notify: NOTIFY= for each recipient, such as "SUCCESS,FAILURE".
        parameters: More parameters of MAIL, as they stand on the wire.
        crlf: All line ends of the file are known to be CRLF: by BDAT in clear the
            kernel sends it (`sendfile`), and nobody looks at it. Every other content is
            looked at all the same, since by DATA a line end can end the message.
    """

    __slots__ = (
        "_held",
        "_start",
        "_whole",
        "content",
        "crlf",
        "forward_paths",
        "options",
        "reverse_path",
    )

    def __init__(
        self,
        reverse_path: str,
        forward_paths: str | Iterable[str],
        content: Content,
        *,
        ret: str | None = None,
        envid: str | None = None,
        notify: str | None = None,
        parameters: Iterable[str] = (),
        crlf: bool = False,
    ) -> None:
        self.reverse_path = reverse_path
        self.forward_paths: tuple[str, ...] = (
            (forward_paths,) if isinstance(forward_paths, str) else tuple(forward_paths)
        )
        paths: tuple[Any, ...] = (reverse_path, *self.forward_paths)
        if len(paths) == 1:
            raise LocalProtocolError("a message needs a recipient; nothing was sent")
        try:
            "".join(paths)
        except TypeError:
            raise LocalProtocolError(
                "a path is text: (reverse_path, forward_paths, content); nothing was "
                "sent"
            ) from None
        self.content = content
        self.crlf = crlf
        given = ret or envid or notify or parameters
        self.options = Options(ret, envid, notify, tuple(parameters)) if given else None
        # Made when first needed, and kept however often the object is sent.
        self._held: bytes | None = content if isinstance(content, bytes) else None
        self._whole: Whole | None = None
        self._start: int | None = None  # where a file was when it was first sent

    def whole(self, most: int) -> Whole | None:
        """Return all of the content as it is to leave.

        Args:
            most: The octets it may have.

        Returns:
            None if it is larger, or comes from a file or an iterator.

        Raises:
            LocalProtocolError: It holds NUL, or is no message.
        """
        if self._whole is None:
            octets = self._held
            if octets is None:
                octets = self._held = held(self.content)
            if octets is None or len(octets) > most:
                return None
            octets, n_lines = whole(octets)
            self._whole = octets, n_lines, octets.isascii()
        return self._whole

    @property
    def size(self) -> int | None:
        """The octets of the content, as far as they are known; ask `whole` first."""
        if self._held is not None:
            return len(self._held)
        file: Any = self.content
        try:
            start = int(file.tell()) if self._start is None else self._start
            return os.fstat(file.fileno()).st_size - start
        except (AttributeError, OSError):  # no file, or none with a descriptor
            return None

    def claim(self) -> None:
        """Note that a large content will be sent, from where it is now.

        Raises:
            LocalProtocolError: It is an iterator, and was sent before.
        """
        content: Any = self.content
        first = self._start is None
        if hasattr(content, "seek"):
            self._start = int(content.tell()) if first else self._start
        elif first:
            self._start = 0
        elif self._held is None and iter(content) is content:
            raise LocalProtocolError("its content is an iterator, and was sent before")

    def pieces(self) -> Iterable[bytes]:
        """Return the content piece by piece, a file from where it was at first.

        Raises:
            LocalProtocolError: As `pieces_of`.
        """
        content: Any = self.content if self._held is None else self._held
        if self._start is not None and hasattr(content, "seek"):
            content.seek(self._start)
        return pieces_of(content)

    @property
    def rest_of_file(self) -> tuple[int, int, int] | None:
        """Descriptor, offset and octets, if the kernel can send the content itself."""
        content: Any = self.content
        if not self.crlf or not hasattr(content, "fileno") or self.size is None:
            return None
        return content.fileno(), self._start or 0, self.size

    def __repr__(self) -> str:
        n = len(self.forward_paths)
        to = self.forward_paths[0] if n == 1 else f"{n} recipients"
        return f"<MailObject from <{self.reverse_path}> to {to}>"


def mail_object(given: Any) -> MailObject:
    """Return a `MailObject` of what may stand for one.

    Args:
        given: A MailObject; a tuple (reverse_path, forward_paths, content); or an
            `EmailMessage`, whose Sender or From, and To, Cc and Bcc make the envelope.

    Raises:
        LocalProtocolError: It is none of these, or names no sender or recipient.
    """
    if isinstance(given, MailObject):
        return given
    if isinstance(given, tuple) and len(given) == 3:
        return MailObject(*given)
    if hasattr(given, "as_bytes"):
        return addressed(given)
    kind = type(given).__name__
    raise LocalProtocolError(
        "a message is a MailObject, (reverse_path, forward_paths, content) or an "
        f"EmailMessage, not {kind}; nothing was sent"
    )


def addressed(
    message: Any,
    reverse_path: str | None = None,
    forward_paths: str | Iterable[str] | None = None,
    **rest: Any,
) -> MailObject:
    """Return an `EmailMessage` with its envelope; its Bcc does not leave.

    Args:
        message: The message.
        reverse_path: The sender; None for that of Sender, or else of From.
        forward_paths: The recipients; None for those of To, Cc and Bcc.
        rest: As for `MailObject`.

    Raises:
        LocalProtocolError: No sender, more than one, or no recipient.
    """
    if reverse_path is None:
        senders = _addresses(message, "Sender") or _addresses(message, "From")
        if len(senders) != 1:
            raise LocalProtocolError(
                f"the message names {len(senders)} senders: say which is the "
                "reverse-path; nothing was sent"
            )
        reverse_path = senders[0]
    if forward_paths is None:
        names = ("To", "Cc", "Bcc")
        found = [path for name in names for path in _addresses(message, name)]
        forward_paths = dict.fromkeys(found)
    if "Bcc" in message:
        message = copy.copy(message)  # its headers are a list of its own after del
        del message["Bcc"]
    return MailObject(reverse_path, forward_paths, message, **rest)


def _addresses(message: Any, name: str) -> list[str]:
    from email.policy import SMTP  # loaded only when used

    found = []
    for value in message.get_all(name, ()):
        # Of an older policy, header values are text: read them as the newer one does.
        header = (
            value if hasattr(value, "addresses") else SMTP.header_factory(name, value)
        )
        found += [address.addr_spec for address in header.addresses]
    return found
