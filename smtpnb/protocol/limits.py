"""LIMITS: how much a server takes, and how much was asked of it (RFC 9422).

MAILMAX counts MAIL commands of a session and RCPTMAX the RCPT commands of a
transaction, whatever they were answered; RCPTDOMAINMAX counts the domains of all
recipients of a session (sections 4.1 to 4.3).

This module knows nothing of replies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.protocol.commands import Command


class Limits(NamedTuple):
    """What LIMITS announces; None for what it does not.

    Attributes:
        mailmax: Transactions a session.
        rcptmax: Recipients a transaction.
        rcptdomainmax: Domains of recipients a session.
    """

    mailmax: int | None = None
    rcptmax: int | None = None
    rcptdomainmax: int | None = None

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Limits:
        """Read the parameters of LIMITS; what is unknown or malformed counts nothing.

        A limit that stands twice is the smaller one.

        >>> Limits.of_words(["MAILMAX=5", "RCPTMAX=20", "RCPTMAX=10", "NEW=x"])
        Limits(mailmax=5, rcptmax=10, rcptdomainmax=None)
        """
        found: dict[str, int] = {}
        for word in words:
            name, _, value = word.partition("=")
            name = name.lower()
            # limit-value is 1 to 6 digits and not 0 (RFC 9422 section 4).
            digits = value.isascii() and value.isdigit() and len(value) <= 6
            if name in cls._fields and digits and int(value):
                found[name] = min(int(value), found.get(name, int(value)))
        return cls(**found)


class Counted:
    """What LIMITS counts, of one session.

    Attributes:
        mails: MAIL commands said.
        rcpts: RCPT commands said since the last of them.
        domains: Of all recipients.
    """

    __slots__ = ("domains", "mails", "rcpts")

    def __init__(
        self, mails: int = 0, rcpts: int = 0, domains: frozenset[str] = frozenset()
    ) -> None:
        self.mails = mails
        self.rcpts = rcpts
        self.domains = domains

    def copy(self) -> Counted:
        """Return the same counts."""
        return Counted(self.mails, self.rcpts, self.domains)

    def said(self, command: Command) -> None:
        """Count a command that leaves."""
        event = command.event
        if event == "MAIL":
            self.mails += 1
            self.rcpts = 0
        elif event == "RCPT":
            self.rcpts += 1
            self.domains |= {_domain(command.path_said or "")}

    def objection_to_mail(self, limits: Limits) -> str:
        """Return why one more MAIL is too many; "" if it is not."""
        most = limits.mailmax
        if most is None or self.mails < most:
            return ""
        return (
            f"MAIL: the limit of transactions a session is {most} (LIMITS "
            f"MAILMAX={most}, RFC 9422 section 4.1): connect again"
        )

    def objection_to_rcpt(self, path: str, limits: Limits) -> str:
        """Return why one more RCPT is too many; "" if it is not."""
        most = limits.rcptmax
        if most is not None and self.rcpts >= most:
            return (
                f"RCPT: the limit of recipients a transaction is {most} (LIMITS "
                f"RCPTMAX={most}, RFC 9422 section 4.2): the rest goes in another one"
            )
        most, domains = limits.rcptdomainmax, self.domains | {_domain(path)}
        if most is not None and len(domains) > most:
            return (
                f"RCPT: the limit of recipients' domains a session is {most} "
                f"(LIMITS RCPTDOMAINMAX={most}, RFC 9422 section 4.3): connect "
                f"again for {_domain(path)!r}"
            )
        return ""


def _domain(path: str) -> str:
    return path.strip("<>").rpartition("@")[2].lower()
