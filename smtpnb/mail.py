"""What a user hands over to be sent, and what became of it.

A `MailObject` is an envelope and its content (RFC 5321 section 2.3.1). A `Delivery`
says what became of one: accepted, refused, unknown, aborted or not tried, for the
message and for each recipient, with the replies that say so.

This module knows nothing of connections.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.errors import LocalProtocolError
from smtpnb.message import flattened, octets_of, pieces_of
from smtpnb.protocol.content import whole
from smtpnb.protocol.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.message import Content

# The words of `Delivery.outcome`.
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"  # its end left, and no reply came back
ABORTED: Final = "aborted"  # its end never left
NOT_TRIED: Final = "not tried"


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
        crlf: All line ends of the content are known to be CRLF. By BDAT it is sent as
            it is, a file without passing through this process; by DATA it is looked
            at all the same, since there a line end can end the message.
    """

    __slots__ = (
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
        self._whole: Whole | None = None
        self._start: int | None = None  # where a file was when it was first sent

    def whole(self, most: int) -> Whole | None:
        """Return all of the content as it is to leave.

        It is made once, however often the object is sent.

        Args:
            most: The octets it may have.

        Returns:
            None if it is larger, or comes from a file or an iterator.

        Raises:
            LocalProtocolError: It holds NUL, or is no message.
        """
        if self._whole is None:
            held = self.content
            octets = held if isinstance(held, bytes) else _octets_of(held)
            if octets is None or len(octets) > most:
                return None
            octets, n_lines = whole(octets)
            self._whole = octets, n_lines, octets.isascii()
        return self._whole

    @property
    def size(self) -> int | None:
        """The octets of the content, as far as they are known in advance."""
        content: Any = self.content
        if isinstance(content, (bytes, bytearray, memoryview)):
            return memoryview(content).nbytes
        try:
            start = int(content.tell()) if self._start is None else self._start
            return os.fstat(content.fileno()).st_size - start
        except (AttributeError, OSError):  # no file, or none with a descriptor
            return None

    def claim(self) -> None:
        """Note that a large content will be sent, from where it is now.

        Raises:
            LocalProtocolError: It is an iterator, and was sent before.
        """
        content: Any = self.content
        if hasattr(content, "seek"):
            if self._start is None:
                self._start = int(content.tell())
        elif self._start is None:
            self._start = 0
        elif not isinstance(content, str) and iter(content) is content:
            raise LocalProtocolError("its content is an iterator, and was sent before")

    def pieces(self) -> Iterable[bytes]:
        """Return the content piece by piece, a file from where it was at first.

        Raises:
            LocalProtocolError: As `pieces_of`.
        """
        content: Any = self.content
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


def _octets_of(content: Any) -> bytes | None:
    """Return what is held in memory as octets; None for a file or an iterator."""
    if isinstance(content, str):
        return octets_of(content)
    return flattened(content) if hasattr(content, "as_bytes") else None


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


class Recipient(NamedTuple):
    """What became of a message for one recipient.

    Attributes:
        forward_path: The recipient.
        outcome: As for `Delivery`.
        reply: The reply that decided; None if none did.
    """

    forward_path: str
    outcome: str
    reply: Reply | None

    @property
    def ok(self) -> bool:
        """Whether the message was accepted for this recipient."""
        return self.outcome == ACCEPTED


class Delivery:
    """What became of one message.

    Attributes:
        mail: What was to be sent.
        outcome: "accepted" (for at least one recipient), "refused", "unknown" (its end
            left and no reply came: it may have been accepted, and is never sent again
            by itself), "aborted" (its end never left) or "not tried".
        error: Why it was not tried, if the fault is its own; else None.
    """

    __slots__ = ("_lead", "_raw", "end_at", "ended", "error", "mail", "outcome")

    def __init__(self, mail: MailObject) -> None:
        self.mail = mail
        self.outcome = NOT_TRIED
        self.error: LocalProtocolError | None = None
        # The rest is written by who sends it, and read when somebody asks.
        # The replies, as received: perhaps to RSET, then to MAIL, each RCPT, perhaps
        # DATA, and the end.
        self._raw: tuple[bytes, ...] = ()
        self._lead = 0
        self.ended = False  # the last of them answers the end of the message
        # The count of octets sent beyond which the server may have taken it.
        self.end_at: int | None = None

    def begin(self, lead: int) -> None:
        """Note that `lead` replies to something else (RSET) will come first."""
        self._lead = lead

    def take(self, replies: tuple[bytes, ...], *, ended: bool = False) -> None:
        """Take replies, as received; `ended` if the last one answers the end."""
        self._raw += replies
        self.ended = ended

    def granted(self, replies: tuple[bytes, ...], sent: int) -> bool:
        """Take replies if they are all that is due, and all of them say yes.

        Args:
            replies: As received; the last one answers the end.
            sent: How many octets have left.

        Returns:
            Whether they were taken: the message is accepted.
        """
        if max(replies) >= b"3" or self.end_at is None or sent <= self.end_at:
            return False
        if self._raw and not self.wanted:
            return False
        self._raw += replies
        self.ended = True
        self.outcome = ACCEPTED
        return True

    @property
    def wanted(self) -> bool:
        """Whether MAIL, at least one RCPT, and DATA if it was sent, were granted."""
        raw = self._raw
        if raw and max(raw) < b"4":
            return True
        own, n = self._own, len(self.mail.forward_paths)
        return (
            bool(own)
            and not _refused(own[0])
            and not all(map(_refused, own[1 : n + 1]))
            and not any(map(_refused, own[n + 1 :]))
        )

    @property
    def mail_refused(self) -> bool:
        """Whether MAIL was refused."""
        own = self._own
        return bool(own) and _refused(own[0])

    @property
    def said_421(self) -> bool:
        """Whether a reply said that the server is closing."""
        return any(map(_is_421, self._own))

    @property
    def _own(self) -> tuple[bytes, ...]:
        return self._raw[self._lead :]

    @property
    def _final(self) -> bytes | None:
        return self._raw[-1] if self.ended else None

    @property
    def ok(self) -> bool:
        """Whether every recipient was accepted."""
        return all(recipient.ok for recipient in self.recipients)

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The replies to MAIL, each RCPT, DATA and the end, as far as they came."""
        return tuple(map(Reply, self._own))

    @property
    def reply(self) -> Reply | None:
        """The reply that decided; None if none did.

        A server that wanted no recipient refuses what follows, too (503): then the
        first no is the reason, not the last one.
        """
        octets = self._decisive()
        return None if octets is None else Reply(octets)

    def _decisive(self) -> bytes | None:
        own, n = self._own, len(self.mail.forward_paths)
        goodbye = next(filter(_is_421, own), None)
        if not own or goodbye or _refused(own[0]):  # to MAIL
            return goodbye or (own[0] if own else None)
        to_rcpt = own[1 : n + 1]
        if len(to_rcpt) == n and all(map(_refused, to_rcpt)):
            return to_rcpt[0]
        if len(own) > n + 1 and _refused(own[n + 1]):  # to DATA, or the end
            return own[n + 1]
        return self._final

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """What became of it for each recipient, in order."""
        return tuple(map(self._recipient, range(len(self.mail.forward_paths))))

    def _recipient(self, number: int) -> Recipient:
        path = self.mail.forward_paths[number]
        for octets in self._own[:1] + self._own[number + 1 : number + 2]:
            if _refused(octets):  # MAIL, or this RCPT
                return Recipient(path, REFUSED, Reply(octets))
        return Recipient(path, self.outcome, self.reply)

    def __repr__(self) -> str:
        recipients = self.recipients
        n = sum(recipient.ok for recipient in recipients)
        of = f" for {n} of {len(recipients)}" if self.outcome == ACCEPTED else ""
        said = "" if self.reply is None else f": {self.reply}"
        return f"<Delivery {self.outcome}{of}{said}>"


def _refused(octets: bytes) -> bool:
    return octets >= b"4"


def _is_421(octets: bytes) -> bool:
    return octets.startswith(b"421")
