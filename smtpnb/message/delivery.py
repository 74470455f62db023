"""What became of a message: for all of it, and for each recipient.

Five outcomes: accepted, refused, unknown, aborted, not tried; and the replies that say
so. They are kept as received and read when somebody asks, since of a stream of
messages most are never looked at.

This module knows nothing of connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.errors import LocalProtocolError

# The words of `Delivery.outcome`.
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"  # its end left, and no reply came back
ABORTED: Final = "aborted"  # its end never left
NOT_TRIED: Final = "not tried"


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
