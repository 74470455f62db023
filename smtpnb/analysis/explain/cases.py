"""What there is to explain: one reply, or its absence, and where it came.

A code, a pasted line, a reply, a row of exchanges and a whole session all become
`Case` values: the first four one each, a session one for each thing that went wrong in
it. This module knows nothing of what a case means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.explain.told_fault import (
    certificate_told,
    fault_told,
    nothing_came,
)
from smtpnb.analysis.replies.pasted import Pasted, pasted
from smtpnb.analysis.replies.pasted_place import place_told
from smtpnb.analysis.replies.unwrap import MOST
from smtpnb.edges.text import one_line
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.transaction import ENDS, UNKNOWN, Follower, Transaction
from smtpnb.transcript import parse as words
from smtpnb.transcript.intern import Kind
from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smtpnb.message.delivery import Delivery
    from smtpnb.transcript.log import Event

# The fault of who does not wait for an answer: it stands beside the classes of errors.
LEFT: Final = "Left"
_COLUMNS: Final = ("code", "enhanced", "text", "step", "verb", "argument", "host",
                   "peer_ip", "error_type")  # fmt: skip


class Case(NamedTuple):
    """One reply, or none, and what is known of its place.

    Attributes:
        code: The reply code; None: no reply came, or only `enhanced` is asked about.
        enhanced: The enhanced status code.
        text: The reply text, or what the fault says.
        step: As in the tables; "" if it is not known.
        path: The address that the command named, if it did.
        host: The host, if it is known.
        peer_ip: Its address.
        fault: The class of the error that ended it.
        outcome: What became of the message, where a fault tells: "unknown" ...
        echo: Whether it only follows from a refusal before it.
        hint: What the transcript noted of it: that the server speaks another protocol.
        told_digit: The class of a refusal that a log tells without its code.
        others: Other refusals that a pasted text tells besides.
    """

    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    step: str = ""
    path: str | None = None
    host: str | None = None
    peer_ip: str | None = None
    fault: str | None = None
    outcome: str | None = None
    echo: bool = False
    hint: str = ""
    told_digit: int | None = None
    others: tuple[str, ...] = ()

    @property
    def digit(self) -> int | None:
        """The first digit of the reply, of either code; None: no reply came."""
        if self.code is not None:
            return self.code // 100
        return int(self.enhanced[0]) if self.enhanced else self.told_digit

    @property
    def refused(self) -> bool:
        """Whether something went wrong."""
        return self.fault is not None or (self.digit or 0) >= 4


def of_text(text: str) -> Case:
    """Return the case of a code, or of the reply that a pasted text is about.

    Raises:
        ValueError: There is none in it.
    """
    found = pasted(text)
    if (fault := _fault(text, found)) is not None:
        host, peer_ip = place_told(text[:MOST])
        words = found.text if found is not None and found.text else one_line(text)
        return Case(text=words[:500], host=host, peer_ip=peer_ip, fault=fault)
    if found is None:
        start = one_line(text.strip()[:60])
        raise ValueError(f"no reply code and no enhanced status code in {start!r}")
    return Case(
        found.code,
        found.enhanced,
        found.text,
        found.step,
        host=found.host,
        peer_ip=found.peer_ip,
        told_digit=found.digit,
        others=found.others,
    )


def _fault(text: str, found: Pasted | None) -> str | None:
    """Return the fault that a text tells, where no reply explains it."""
    if nothing_came(text):
        return "ConnectionLost"
    if found is None or found.code is None:
        return fault_told(text)
    accepted = found.code < 400 and not found.step
    return "TlsError" if accepted and certificate_told(text) else None


def of_code(code: int, enhanced: str | None = None, text: str = "") -> Case:
    """Return the case of a reply code.

    Raises:
        ValueError: It is none.
    """
    return of_text(" ".join([str(code), *(part for part in (enhanced, text) if part)]))


def of_exception(error: BaseException) -> Case:
    """Return the case of an exception: of smtpnb, of smtplib, of anybody's words.

    Raises:
        ValueError: No reply is in it.
    """
    reply, outcome = getattr(error, "reply", None), getattr(error, "outcome", None)
    kind = type(error).__name__
    # The last reply is the cause only if it is a no, and no end is open behind it.
    if isinstance(reply, Reply) and reply.code >= 400 and outcome != UNKNOWN:
        return of_reply(reply)
    if isinstance(reply, Reply) or outcome is not None:
        return Case(text=str(error), fault=kind, outcome=outcome)
    try:
        return of_text(f"{kind}: {error}")
    except ValueError:
        return Case(text=str(error), fault=kind)


def of_reply(reply: Reply) -> Case:
    """Return the case of a reply."""
    return Case(reply.code, reply.enhanced, _without_code(reply.text, reply.enhanced))


def of_delivery(delivery: Delivery) -> Case:
    """Return the case of a delivery: by the reply that decided, not by its echoes.

    Raises:
        ValueError: Nothing was answered, and nothing is known to be wrong.
    """
    reply, one = delivery.reply, delivery.transaction
    if one.is_separate and one.reason is None:  # LMTP, PRDR: some may have a no
        for path, _, own in delivery.recipients:
            if own is not None and own.octets in one.finals and not own.ok:
                return of_reply(own)._replace(step="eod", path=path)
    if reply is not None:
        first = one.reason or (one.finals[0] if one.finals else one.why)
        if first is one.mail:
            return of_reply(reply)._replace(step="mail", path=one.reverse_path)
        if any(first is octets for octets in one.rcpts):
            return of_reply(reply)._replace(step="rcpt")
        step = "data" if first is one.data else "eod"
        return of_reply(reply)._replace(step="" if first is one.why else step)
    if delivery.error is not None:
        fault = type(delivery.error).__name__
        return Case(text=str(delivery.error), fault=fault, outcome=delivery.outcome)
    if delivery.outcome == "not tried":
        return Case()
    return Case(fault="ConnectionLost", outcome=delivery.outcome)


def of_row(row: Mapping[str, Any]) -> Case:
    """Return the case of a row of `exchanges()`, given by column.

    Raises:
        KeyError: It lacks a column.
    """
    import pandas as pd  # loaded only when used

    plain = {name: None if pd.isna(row[name]) else row[name] for name in _COLUMNS}
    return _of(plain)


def _of(row: Mapping[str, Any]) -> Case:
    """Return the case of an exchange given by plain values; a missing one is null."""
    code, enhanced, step = row.get("code"), row.get("enhanced"), str(row["step"])
    fault = row.get("error_type") if code is None else None
    named = step in {"mail", "rcpt"}
    # Content that ends in a dot is called so when the dot left; BDAT always is.
    sent = step == "eod" and row.get("verb") not in ("BDAT", "BURL")
    return Case(
        code=None if code is None else int(code),
        enhanced=enhanced,
        text=_without_code(row.get("text") or "", enhanced),
        step=step,
        path=words.path(row.get("argument") or "") if named else None,
        host=row.get("host"),
        peer_ip=row.get("peer_ip"),
        fault=fault,
        outcome="unknown" if fault is not None and sent else None,
    )


def of_session(events: Iterable[Event]) -> list[Case]:
    """Return a case for each thing that went wrong in one session, in order.

    Args:
        events: Of one session.
    """
    events = list(events)
    found, refused = _refusals(rows("exchanges", events))
    said_bye = False
    for event in events:
        if event.event == "note" and event.facts.get("what") == "protocol":
            found = [
                case._replace(hint=event.text or "") if case.step == "ehlo" else case
                for case in found
            ]
        if (unasked := _unasked(event)) is not None:
            found.append(unasked)
            said_bye = unasked.code == 421
        if event.event == "error":
            facts = event.facts
            settled = event.transaction_no in refused or (
                said_bye and facts.get("outcome") is None
            )
            found.append(
                Case(
                    text=event.text or "",
                    step=event.step,
                    host=event.host,
                    peer_ip=event.peer_ip,
                    fault=facts.get("kind") or "unknown",
                    outcome=None if settled else facts.get("outcome"),
                    echo=settled and facts.get("kind") == "ConnectionLost",
                )
            )
    return found


def as_asked(events: Iterable[Event]) -> list[str]:
    """Return how the user had a session end otherwise than sessions do, in words."""
    return [
        event.text or ""
        for event in events
        if event.event == "note" and event.facts.get("what") == "control"
    ]


def unanswered(
    events: Iterable[Event], recipients: Iterable[Mapping[str, Any]]
) -> list[Case]:
    """Return the case of a message that left whole, and whose reply was not read.

    No fault tells of it: the connection was closed here before the reply came.

    Args:
        events: Of one session.
        recipients: The rows of its transactions.
    """
    for row in recipients:
        if row["outcome"] == UNKNOWN and row["reason"] is None:
            told = "; ".join(as_asked(events))
            names = {name: row[name] for name in ("host", "peer_ip")}
            return [
                Case(text=told, step="eod", fault=LEFT, outcome=UNKNOWN, **names),
            ]
    return []


def _unasked(event: Event) -> Case | None:
    """Return the case of a refusal that came while nobody had asked, or None.

    A server that shuts down or waited too long says 421 at any time (RFC 5321
    sections 3.8 and 4.5.3.2.7).
    """
    if event.event != "note" or event.facts.get("what") != "surplus":
        return None
    found = pasted(event.text or "")
    if found is None or found.code is None or found.code < 400:
        return None
    return Case(
        found.code,
        found.enhanced,
        found.text,
        "idle",
        host=event.host,
        peer_ip=event.peer_ip,
    )


def _refusals(exchanges: Iterable[Mapping[str, Any]]) -> tuple[list[Case], set[int]]:
    """Return the refusals of a session; and the numbers of the refused transactions.

    What a server says no to behind the refusal of a whole transaction is an echo: 503
    to the DATA or BDAT of the same group (RFC 2920 section 3.1), 421 when it hangs up.
    """
    follower = Follower()
    answered: list[tuple[bytes, Case]] = []
    transactions: dict[int, Transaction] = {}
    for row in exchanges:
        case = _of(row)
        if case.code is None:
            answered.append((b"", case))
            continue
        octets = b"%03d" % case.code  # one object a reply: `later` goes by identity
        answered.append((octets, case))
        event = Kind(case.step, row.get("verb"), False).event
        begun = None
        if event == "MAIL":
            prdr = "PRDR" in (row.get("argument") or "").upper().split()
            begun = Transaction(case.path, lmtp=follower.lmtp, prdr=prdr)
        of = follower.answered(event, octets, case.path, begun)
        if of is not None:
            transactions[of.number] = of
            if event in ENDS and (path := of.path_of_last_final):
                answered[-1] = octets, case._replace(path=path)
    behind = {id(octets) for one in transactions.values() for octets in one.later}
    found = [
        case._replace(echo=id(octets) in behind and _may_echo(case))
        for octets, case in answered
        if case.refused and case.fault is None
    ]
    refused = {no for no, of in transactions.items() if of.reason is not None}
    return found, refused


def _may_echo(case: Case) -> bool:
    """Each recipient is judged by himself; but 421 and 503 are not about him."""
    return case.step in {"data", "body", "eod"} or case.code in {421, 503}


def _without_code(text: str, enhanced: str | None) -> str:
    """The text alone: each line may repeat the enhanced status code."""
    if not enhanced:
        return text
    lines = (line.removeprefix(enhanced).lstrip() for line in text.split("\n"))
    return "\n".join(lines)
