"""What became of a message: for all of it, and for each recipient.

Five outcomes: accepted, refused, unknown, aborted, not tried. They are read from the
replies of its mail transaction (`protocol.transaction`) when somebody asks, since of a
stream of messages most are never looked at.

This module knows nothing of connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb.protocol.queue_ids import queue_id
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.transaction import ACCEPTED, Transaction

if TYPE_CHECKING:
    from smtpnb.message.choices import Choice, Leaving
    from smtpnb.protocol.errors import LocalProtocolError


class Recipient(NamedTuple):
    """What became of a message for one recipient.

    Attributes:
        forward_path: The recipient.
        outcome: As for `Delivery`.
        reply: The reply that decided; None if none did.

    Example:
        >>> delivery = client.send("Subject: x", "a@a.example", ["b@b.example"])
        >>> [(each.forward_path, each.outcome) for each in delivery.recipients]
        [('b@b.example', 'accepted')]
    """

    forward_path: str
    outcome: str
    reply: Reply | None

    @property
    def ok(self) -> bool:
        """Whether the message was accepted for this recipient."""
        return self.outcome == ACCEPTED

    @property
    def queue_id(self) -> str | None:
        """The server's own name for the message, as far as its last reply tells."""
        return queue_id(self.reply.text) if self.ok and self.reply else None


def recipients_of(transaction: Transaction) -> tuple[Recipient, ...]:
    """Return what became of a mail transaction for each recipient, in order."""
    fates = transaction.of_recipients()
    return tuple(
        Recipient(path, outcome, None if octets is None else Reply(octets))
        for path, (outcome, octets) in zip(
            transaction.forward_paths, fates, strict=True
        )
    )


class Delivery:
    """What became of one message.

    Args:
        mail: What was to be sent: a `MailObject`, or what could not be made into one.

    Attributes:
        mail: The same.
        error: Why it was not tried, if the fault is its own; else None.
        transaction: The replies, as the wire took them.
        sent: What left: another one than `mail` where it was re-encoded.
        leaving: How it left; None if it could not be made.

    Example:
        >>> delivery = client.send("Subject: x", "a@a.example", ["b@b.example"])
        >>> delivery.outcome, delivery.ok, delivery.reply.code
        ('accepted', True, 250)
    """

    __slots__ = ("error", "leaving", "mail", "sent", "transaction")

    def __init__(self, mail: Any) -> None:
        self.mail = self.sent = mail
        self.leaving: Leaving | None = None
        self.error: LocalProtocolError | None = None
        self.transaction = Transaction(
            getattr(mail, "reverse_path", None), getattr(mail, "forward_paths", ())
        )

    @property
    def outcome(self) -> str:
        """What became of it.

        "accepted" (for at least one recipient), "refused", "unknown" (its end left and
        no reply came: it may have been accepted, and is never sent again by itself),
        "aborted" (its end never left) or "not tried".
        """
        return self.transaction.outcome

    @property
    def ok(self) -> bool:
        """Whether every recipient was accepted."""
        recipients = self.recipients
        return bool(recipients) and all(recipient.ok for recipient in recipients)

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The replies to MAIL, each RCPT, DATA and the end, as far as they came."""
        return tuple(map(Reply, self.transaction.replies))

    @property
    def reply(self) -> Reply | None:
        """The reply that decided; None if none did.

        A server that wanted no recipient refuses what follows, too (503, 421): the
        first no is the reason, not the last one; `later` has the others. Of a message
        that was not tried it is the reply to something else that ended the sending.
        """
        transaction = self.transaction
        final = transaction.finals[0] if transaction.finals else transaction.why
        octets = transaction.reason or final
        return None if octets is None else Reply(octets)

    @property
    def later(self) -> tuple[Reply, ...]:
        """The refusals that came behind `reply`, to commands that had left already."""
        return tuple(map(Reply, self.transaction.later))

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """What became of it for each recipient, in order."""
        return recipients_of(self.transaction)

    @property
    def queue_id(self) -> str | None:
        """The server's own name for the message; None if its last reply has none.

        Example:
            >>> client.send("Subject: x", "a@a.example", ["b@b.example"]).queue_id
        """
        ids = (recipient.queue_id for recipient in self.recipients)
        return next(filter(None, ids), None)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What was chosen for it, and why: DATA or BDAT, BODY, SMTPUTF8, SIZE, convert.

        Empty where nothing could be chosen, since it was no message.

        Example:
            >>> delivery = client.send("Subject: x", "a@a.example", ["b@b.example"])
            >>> for choice in delivery.choices[:3]:
            ...     print(choice)
            content: BDAT (CHUNKING is announced (RFC 3030))
            turns: groups (PIPELINING is announced (RFC 2920))
            BODY: not said (the content is ASCII)
        """
        if self.leaving is None:
            return ()
        from smtpnb.message.choices import choices  # when first used

        return choices(self.mail, self.sent, self.leaving)

    def __repr__(self) -> str:
        recipients = self.recipients
        n = sum(recipient.ok for recipient in recipients)
        outcome = self.outcome
        of = f" for {n} of {len(recipients)}" if outcome == ACCEPTED else ""
        said = f": {self.reply}" if self.reply is not None else ""
        if self.error is not None:
            said = f": {self.error}"
        return f"<Delivery {outcome}{of}{said}>"
