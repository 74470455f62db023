r"""The mail transaction, driven by replies: who is in it, and what became of it.

What was *sent* proves nothing: a refused MAIL, EHLO or RSET changes nothing (RFC 5321
section 4.1.4), and a server may take a command that was out of order. So a transaction
grows by the replies to its commands, first in first out, and its outcome is read from
them. The wire, the tables and the lint all ask this one machine.

`Transaction` holds the replies to one transaction. `Follower` says to which
transaction each reply of a session belongs::

    follower = Follower()
    follower.answered("MAIL", b"250 ok\r\n", "a@example.org")
    follower.answered("RCPT", b"550 no such user\r\n", "b@example.net")
    follower.last.outcome                                         # "refused"

Events are the words of the session table: a verb, "." for the end of data, "BDAT" and
"BDAT LAST". Replies are octets as received; their first digit decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What became of a message. The first two are said by a server; `unknown`: the end of
# the message left, and no reply came back; `aborted`: its end never left.
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"
ABORTED: Final = "aborted"
NOT_TRIED: Final = "not tried"

# What ends a transaction without a message when it is granted (RFC 5321 sections
# 4.1.1.1 and 4.1.1.5; after STARTTLS nothing is known any more, RFC 3207 section 4.2).
RESETS: Final = frozenset({"EHLO", "HELO", "LHLO", "RSET", "STARTTLS"})
_OUTSIDE: Final = (RESETS - {"RSET"}) | {"QUIT"}
ENDS: Final = frozenset({".", "BDAT LAST"})
# Who takes these has not given the transaction up, though it refused DATA before.
_GOES_ON: Final = frozenset({"RCPT", "BDAT", *ENDS})
_INSIDE: Final = frozenset({"RCPT", "DATA", "BDAT", *ENDS})


def worst(outcomes: Iterable[str]) -> str | None:
    """Return the outcome that a person must know of first; None if there is none.

    >>> worst(["accepted", "unknown", "aborted"])
    'unknown'
    """
    order = (UNKNOWN, ABORTED, REFUSED, ACCEPTED, NOT_TRIED)
    return min(filter(order.__contains__, outcomes), key=order.index, default=None)


def refused(octets: bytes) -> bool:
    """Tell whether a reply says no: 4yz or 5yz."""
    return octets >= b"4"


def is_421(octets: bytes) -> bool:
    """Tell whether a reply says that the server is closing (RFC 5321 section 3.8)."""
    return octets.startswith(b"421")


class Transaction:
    """The replies to one mail transaction, and what they mean.

    Args:
        reverse_path: The sender; None if no MAIL was seen.
        forward_paths: The recipients, where they are known in advance; else they are
            added as they are answered.
        smtputf8: Whether MAIL asked for SMTPUTF8 (RFC 6531).
        binary: Whether MAIL said BODY=BINARYMIME (RFC 3030 section 3).
        lmtp: Whether the session speaks LMTP (RFC 2033).
        prdr: Whether MAIL said PRDR (draft-hall-prdr): the end may have a reply for
            each accepted recipient there, too.

    Attributes:
        mail: The reply to MAIL, or None.
        rcpts: The replies to RCPT, in order.
        data: The reply to DATA, or None.
        chunk: The first refusal of a chunk (BDAT) that was not the last, or None.
        prelude: With PRDR, the 353 that says: a reply for each recipient follows.
        finals: The replies to the end: one; or one an accepted recipient (RFC 2033);
            or, behind the 353, one an accepted recipient and one for all of it.
        number: Of the transactions of its session, 1.. in the order of MAIL; 0 outside.
        end_at: The count of octets sent beyond which the server may have the end.
        fate: What became of it where no reply decided: unknown, aborted, not tried.
        why: The reply to something else for which it was not tried (421), or None.
        told: Whoever sent it knows what became of it: a later error says nothing of it.
    """

    __slots__ = (
        "binary",
        "chunk",
        "data",
        "end_at",
        "fate",
        "finals",
        "forward_paths",
        "lmtp",
        "mail",
        "number",
        "prdr",
        "prelude",
        "rcpts",
        "reverse_path",
        "smtputf8",
        "told",
        "why",
    )

    def __init__(
        self,
        reverse_path: str | None = None,
        forward_paths: Sequence[str] = (),
        *,
        smtputf8: bool = False,
        binary: bool = False,
        lmtp: bool = False,
        prdr: bool = False,
    ) -> None:
        self.reverse_path = reverse_path
        self.forward_paths = forward_paths
        self.smtputf8 = smtputf8
        self.binary = binary
        self.lmtp = lmtp
        self.prdr = prdr
        self.mail: bytes | None = None
        self.rcpts: list[bytes] = []
        self.data: bytes | None = None
        self.chunk: bytes | None = None
        self.prelude: bytes | None = None
        self.finals: list[bytes] = []
        self.number = 0
        self.end_at: int | None = None
        self.fate = NOT_TRIED
        self.why: bytes | None = None
        self.told = False

    # Growing

    def answered(self, event: str, octets: bytes) -> None:
        """Take the reply to one of its commands."""
        if self._data_refused and event in _GOES_ON and not refused(octets):
            self.data = None  # it goes on: that DATA has decided nothing
        if event == "RCPT":
            self.rcpts.append(octets)
        elif event == "MAIL":
            self.mail = octets
        elif event == "DATA":
            self.data = octets
        elif event in ENDS and self.may_begin_finals and octets.startswith(b"353"):
            self.prelude = octets
        elif event in ENDS:
            self.finals.append(octets)
        elif event == "BDAT" and self.chunk is None and refused(octets):
            self.chunk = octets

    def granted(self, events: Sequence[str], replies: Sequence[bytes]) -> None:
        """Take replies that grant what they answer, as `answered` does one by one."""
        n = events.count("RCPT")
        if n > 1 and self.data is None:
            start = events.index("RCPT")
            end = start + n  # in a group of one transaction they stand together
            self.rcpts += replies[start:end]
            events = [*events[:start], *events[end:]]
            replies = [*replies[:start], *replies[end:]]
        for event, octets in zip(events, replies, strict=True):
            self.answered(event, octets)

    def settle(
        self, *, left: bool, begun: bool = True, turned_away: bool = False
    ) -> None:
        """Note how it ended where the replies do not say: the connection is gone.

        Args:
            left: Whether its end has left.
            begun: Whether anything of it has left.
            turned_away: The server had said 421, and closed without another word. Then
                it has looked at nothing that stood behind; but of a message whose end
                it had begun to answer nobody knows what it did for the others.
        """
        looked_at = bool(self.finals or self.prelude)
        if (turned_away and not looked_at) or not begun:
            self.fate = NOT_TRIED
        else:
            self.fate = UNKNOWN if left else ABORTED

    def disbelieve(self) -> None:
        """Forget the replies: what seemed to answer it may have answered anything."""
        self.mail = self.data = self.chunk = self.prelude = None
        self.rcpts, self.finals = [], []
        self.fate = UNKNOWN

    # Reading

    @property
    def n_accepted(self) -> int:
        """How many recipients were accepted so far."""
        return len(self.rcpts) - sum(map(refused, self.rcpts))

    @property
    def is_separate(self) -> bool:
        """Whether the end may have a reply for each accepted recipient."""
        return self.lmtp or self.prdr

    @property
    def may_begin_finals(self) -> bool:
        """Whether the next reply to the end may be the 353 of PRDR."""
        return self.prdr and self.prelude is None and not self.finals

    @property
    def owes_more(self) -> bool:
        """Whether more replies to its end are due.

        LMTP owes one for each accepted recipient, and one where there is none or a
        chunk was refused before (503, RFC 2033 sections 4.2 and 4.3). Behind its 353
        PRDR owes one for each accepted recipient, and one for all of it.
        """
        n = 1
        if self.prelude is not None:
            n = self.n_accepted + 1
        elif self.lmtp and self.chunk is None:
            n = max(self.n_accepted, 1)
        return len(self.finals) < n

    @property
    def leaves_unknown(self) -> bool:
        """Whether nobody knows what became of it for at least one recipient."""
        return self.fate == UNKNOWN and self.reason is None and self.owes_more

    @property
    def wanted(self) -> bool:
        """Whether MAIL, at least one RCPT, and DATA if it was sent, were granted."""
        if self.mail is None or refused(self.mail) or all(map(refused, self.rcpts)):
            return False
        return not self._data_refused and self.chunk is None

    @property
    def _data_refused(self) -> bool:
        return self.data is not None and refused(self.data)

    @property
    def reason(self) -> bytes | None:
        """The first reply by which all of it was refused; None if none did.

        What a server says to the commands behind a refusal (503, 421) is an echo.
        """
        if self.mail is not None and refused(self.mail):
            return self.mail
        n = max(len(self.forward_paths), 1)
        if len(self.rcpts) >= n and all(map(refused, self.rcpts)):
            return self.rcpts[0]
        for octets in (self.data, self.chunk):
            if octets is not None and refused(octets):
                return octets
        if self.finals:
            return self._final_refusal
        # Some servers go on after a 421; where the end had left, it decides nothing.
        said_421 = next(filter(is_421, self.rcpts), None)
        return None if self.fate == UNKNOWN else said_421

    @property
    def path_of_last_final(self) -> str | None:
        """Whose verdict the last reply to the end is; None if it is everybody's."""
        if not (self.prelude or self.lmtp) or self.chunk is not None:
            return None
        pairs = zip(self.forward_paths, self.rcpts, strict=False)
        accepted = [path for path, own in pairs if not refused(own)]
        n = len(self.finals)
        return accepted[n - 1] if 0 < n <= len(accepted) else None

    @property
    def _own_finals(self) -> list[bytes]:
        """The replies to the end, without the one for all of it that PRDR has."""
        return self.finals if self.prelude is None else self.finals[: self.n_accepted]

    @property
    def _last_final(self) -> bytes | None:
        """With PRDR, the reply for all of it, which alone takes the message."""
        if self.prelude is None:
            return None
        n = self.n_accepted
        return self.finals[n] if len(self.finals) > n else None

    @property
    def _final_refusal(self) -> bytes | None:
        """The first reply to the end, if nobody will get the message."""
        own, last = self._own_finals, self._last_final
        if last is not None and refused(last) and not all(map(refused, own)):
            return last
        separate = self.prelude is not None or (self.lmtp and self.chunk is None)
        complete = not separate or len(own) >= self.n_accepted
        return self.finals[0] if complete and all(map(refused, own)) else None

    @property
    def _is_taken(self) -> bool:
        """Whether the server has taken it for at least one recipient."""
        if self.prelude is not None and self._last_final is None:
            return False
        return not all(map(refused, self._own_finals))

    @property
    def was_tried(self) -> bool:
        """Whether a server may have anything of it."""
        return bool(self.finals) or self.outcome != NOT_TRIED

    @property
    def outcome(self) -> str:
        """What became of it: accepted if it was for at least one recipient."""
        if self.reason is not None:
            return REFUSED
        return ACCEPTED if self._is_taken else self.fate

    def of_recipients(self) -> list[tuple[str, bytes | None]]:
        """Return for each recipient what became of it, and the reply that decided."""
        n, rcpts = len(self.forward_paths), self.rcpts
        if self.mail is not None and refused(self.mail):
            return [(REFUSED, self.mail)] * n
        separate = self.prelude is not None or (self.lmtp and self.chunk is None)
        if separate and self.finals and not self._data_refused:
            return self._by_own_finals()
        final = self.finals[0] if self.finals else self.why
        rest = self.outcome, self.reason or final
        fates = [(REFUSED, own) if refused(own) else rest for own in rcpts[:n]]
        return fates + [rest] * (n - len(fates))

    def _by_own_finals(self) -> list[tuple[str, bytes | None]]:
        """The end is answered once an accepted recipient (RFC 2033 section 4.2)."""
        fates: list[tuple[str, bytes | None]] = []
        finals = iter(self._own_finals)
        for own in self.rcpts[: len(self.forward_paths)]:
            final = own if refused(own) else next(finals, None)
            if final is not None and not refused(final) and self.prelude is not None:
                final = self._last_final  # its own yes is a promise
            if final is None:
                fates.append((self.fate, None))
            else:
                fates.append((REFUSED if refused(final) else ACCEPTED, final))
        return fates + [(self.fate, None)] * (len(self.forward_paths) - len(fates))

    @property
    def later(self) -> tuple[bytes, ...]:
        """What was said no to behind the reason: echoes, and a 421."""
        return tuple(filter(refused, self._behind_the_reason))

    @property
    def is_contradictory(self) -> bool:
        """Whether something behind the reason was granted all the same."""
        return not all(map(refused, self._behind_the_reason))

    @property
    def _behind_the_reason(self) -> tuple[bytes, ...]:
        reason = self.reason
        if reason is None:
            return ()
        replies = self.replies
        return replies[next(n for n, o in enumerate(replies) if o is reason) + 1 :]

    @property
    def replies(self) -> tuple[bytes, ...]:
        """The replies to MAIL, each RCPT, DATA, a refused chunk and the end."""
        head = () if self.mail is None else (self.mail,)
        parts = self.data, self.chunk, self.prelude
        middle = [octets for octets in parts if octets is not None]
        return (*head, *self.rcpts, *middle, *self.finals)

    def __repr__(self) -> str:
        n = len(self.rcpts)
        return f"<Transaction from <{self.reverse_path}>, {n} RCPT: {self.outcome}>"


class Follower:
    """Says to which transaction of a session each reply belongs.

    Attributes:
        n_transactions: How many there were.
        current: The transaction that is open on the server, or None.
        last: The transaction that the last reply belonged to, or None.
        lmtp: Whether LHLO was granted (RFC 2033).
    """

    __slots__ = ("_ended", "_refused", "current", "last", "lmtp", "n_transactions")

    def __init__(self) -> None:
        self.n_transactions = 0
        self.current: Transaction | None = None
        self.last: Transaction | None = None
        self.lmtp = False
        # MAIL was refused: what follows it in its group is refused with it.
        self._refused: Transaction | None = None
        # Its end was answered; LMTP answers once more for each recipient.
        self._ended: Transaction | None = None

    def answered(
        self,
        event: str,
        octets: bytes,
        path: str | None = None,
        begun: Transaction | None = None,
    ) -> Transaction | None:
        """Take the next reply of the session.

        Args:
            event: What it answers.
            octets: The reply, as received.
            path: Of MAIL or RCPT, the path.
            begun: Of MAIL, the transaction that was made for it; None to make one.

        Returns:
            The transaction that it belongs to; None if it belongs to none.
        """
        if event == "MAIL":
            self.last = self._mail(octets, begun or Transaction(path, lmtp=self.lmtp))
        elif event in _INSIDE:
            self.last = self._inside(event, octets, path)
        else:
            self.last = self.current
            if event in RESETS and not refused(octets):
                self.over()
                self.lmtp = event == "LHLO" or (self.lmtp and event == "RSET")
        return self.last

    def foretell(self, event: str) -> int:
        """Take a command as granted; return the number of its transaction, 0 for none.

        Where no transaction is open RCPT and DATA are not taken for granted.
        """
        alone = event in _INSIDE and self.current is None
        return self.number_of(event, b"503" if alone else b"250")

    def number_of(self, event: str, octets: bytes) -> int:
        """Take the next reply; return the number of its command's transaction.

        0 for none. What was granted and begins the session anew (EHLO, STARTTLS) or
        ends it (QUIT) belongs to none; a granted RSET is the last of its own.
        """
        found = self.answered(event, octets)
        if event in _OUTSIDE and not refused(octets):
            self.over()
            return 0
        return 0 if found is None else found.number

    def _mail(self, octets: bytes, made: Transaction) -> Transaction:
        self._count(made)
        made.answered("MAIL", octets)
        self._ended = None
        if refused(octets):
            # A refused MAIL changes nothing: an open transaction stays open.
            self._refused = made if self.current is None else None
        else:
            self.current, self._refused = made, None
        return made

    def _inside(
        self, event: str, octets: bytes, path: str | None
    ) -> Transaction | None:
        target = self.current or self._refused
        if target is None and event in ENDS:
            target = self._ended
        if target is None:
            if refused(octets):
                return None
            # The server took it out of order: there is a transaction all the same.
            target = self.current = Transaction(lmtp=self.lmtp)
            self._count(target)
        if event == "RCPT" and len(target.forward_paths) == len(target.rcpts):
            target.forward_paths = [*target.forward_paths, path or ""]
        target.answered(event, octets)
        if event in ENDS:
            self.current, self._refused, self._ended = None, None, target
        return target

    def _count(self, made: Transaction) -> None:
        self.n_transactions += 1
        made.number = self.n_transactions

    def ahead(self) -> Follower:
        """Return a follower that goes on from here and leaves this one as it is.

        It tells to which transactions commands belong whose replies are still due.
        """
        other = Follower()
        other.lmtp, other.n_transactions = self.lmtp, self.n_transactions
        for place in ("current", "_refused", "_ended"):
            known = getattr(self, place)
            if known is not None:
                twin = Transaction(known.reverse_path, lmtp=known.lmtp)
                twin.number = known.number
                setattr(other, place, twin)
        return other

    def over(self) -> None:
        """Nothing is open any more: it was reset, or the session has ended."""
        self.current = self._refused = self._ended = None
