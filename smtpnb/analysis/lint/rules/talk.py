"""One session as turns: each command with its reply, and what stood before it.

What stood is what the *server* had agreed to: a transaction is open when MAIL was
answered 2yz, and until RSET, EHLO, or the reply to the content. So a rule asks
`turn.before.open` and knows nothing of the order of things.

This module judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smtpnb.transcript.log import Event

    Offer = Mapping[str, tuple[str, ...]]


class Before(NamedTuple):
    """What stood when a command was said.

    Attributes:
        greeted: Whether EHLO or HELO was accepted, in this TLS epoch.
        offered: The keywords of the last EHLO, upper case, with their parameters;
            None before any.
        open: Whether a mail transaction was open.
        ended_by: The verb that ended the last transaction: "RSET", "EHLO", "DATA" (a
            refused one), or "": there was none, or its message was answered.
        recipients: How many were accepted in the open transaction.
        closing: Whether 421 had been said.
    """

    greeted: bool = False
    offered: Offer | None = None
    open: bool = False
    ended_by: str = ""
    recipients: int = 0
    closing: bool = False


class Turn(NamedTuple):
    """One exchange.

    Attributes:
        no: Its number in the session; 0 is the greeting.
        step: The word of the transcript.
        verb: As sent, but upper case; "" for the greeting, AUTH responses, raw octets.
        line: The whole command as it was sent, secrets cut; "" for the greeting.
        argument: What followed the verb.
        code: The reply code; None if none came.
        text: The reply text, all lines.
        enhanced: The enhanced status code of its last line, or None.
        tls: Whether it was encrypted.
        n_sent: Octets sent.
        n_received: Octets of the reply.
        latency_ms: From the last octet sent to the last octet of the reply, or None.
        t_ms: When it began.
        bare_lf: Whether a line of the reply ended in a bare LF.
        fault: The class of the error that ended it, or None.
        before: What stood before.
    """

    no: int
    step: str
    verb: str
    line: str
    argument: str
    code: int | None
    text: str
    enhanced: str | None
    tls: bool
    n_sent: int
    n_received: int
    latency_ms: float | None
    t_ms: float
    bare_lf: bool
    fault: str | None
    before: Before

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        if self.step == "eod":
            return "the end of data"
        return self.verb or {"greeting": "the greeting", "auth": "AUTH"}.get(
            self.step, "a line"
        )

    @property
    def accepted(self) -> bool:
        """Whether the reply is 2yz."""
        return self.code is not None and self.code // 100 == 2

    @property
    def refused(self) -> bool:
        """Whether the reply is 4yz or 5yz, and not for want of AUTH or TLS (530)."""
        return (
            self.code is not None and self.code >= 400 and self.code not in {421, 530}
        )

    @property
    def lines(self) -> list[str]:
        """The lines of the reply text."""
        return self.text.split("\n")


class Talk(NamedTuple):
    """One session.

    Attributes:
        session_id: Its identity.
        server: "host:port".
        events: Its events, in order.
        turns: Its exchanges, in order.
        replies: The turns that were answered.
        commands: Those of them that are commands to a server that serves: after a
            greeting that refuses, 503 answers everything (RFC 5321 section 3.1).
    """

    session_id: str
    server: str
    events: tuple[Event, ...]
    turns: tuple[Turn, ...]
    replies: tuple[Turn, ...]
    commands: tuple[Turn, ...]

    def said(self, *verbs: str) -> Iterator[Turn]:
        """The commands that have one of these verbs."""
        return (turn for turn in self.commands if turn.verb in verbs)

    def offers(self, keyword: str) -> bool:
        """Whether a keyword was offered at any time in the session."""
        ehlos = (offer_of(turn.text) for turn in self.said("EHLO") if turn.accepted)
        return any(keyword in offer for offer in ehlos)


def talks(events: Iterable[Event]) -> list[Talk]:
    """Return the sessions of events, in order of appearance."""
    by_session: dict[str, list[Event]] = {}
    for event in events:
        by_session.setdefault(event.session_id, []).append(event)
    return [_talk(own) for own in by_session.values()]


def _talk(events: list[Event]) -> Talk:
    turns = tuple(_turns(events))
    replies = tuple(turn for turn in turns if turn.code is not None)
    greeting = next((turn.code for turn in replies if turn.step == "greeting"), None)
    served = greeting is None or greeting < 400
    return Talk(
        session_id=events[0].session_id,
        server=f"{events[0].host}:{events[0].port}",
        events=tuple(events),
        turns=turns,
        replies=replies,
        commands=tuple(turn for turn in replies if turn.verb and served),
    )


def offer_of(text: str) -> dict[str, tuple[str, ...]]:
    """Read the text of a positive EHLO reply; "AUTH=X" counts as AUTH."""
    offered: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n")[1:]:
        keyword, _, rest = line.replace("AUTH=", "AUTH ", 1).partition(" ")
        if keyword:
            name = keyword.upper()
            offered[name] = (*offered.get(name, ()), *rest.split())
    return offered


def _turns(events: list[Event]) -> Iterator[Turn]:
    lines = {e.exchange_no: e.text or "" for e in events if e.event == "command"}
    bare = {
        e.exchange_no
        for e in events
        if e.event == "reply" and "bare_lf" in e.facts.get("anomalies", ())
    }
    before, encrypted = Before(), False
    for row in rows("exchanges", events):
        if row["tls"] and not encrypted:
            before, encrypted = Before(), True  # RFC 3207 section 4.2
        number = row["exchange_no"]
        turn = _turn(row, lines.get(number, ""), number in bare, before)
        yield turn
        if turn.code is not None:
            before = _after(turn)


def _turn(row: dict[str, Any], line: str, bare_lf: bool, before: Before) -> Turn:
    return Turn(
        no=row["exchange_no"],
        step=row["step"],
        verb=row["verb"] or "",
        line=line,
        argument=row.get("argument") or "",
        code=row.get("code"),
        text=row.get("text") or "",
        enhanced=row.get("enhanced"),
        tls=row["tls"],
        n_sent=row.get("bytes_sent") or 0,
        n_received=row.get("bytes_received") or 0,
        latency_ms=row.get("latency_ms"),
        t_ms=row["t_ms"],
        bare_lf=bare_lf,
        fault=row.get("error_type"),
        before=before,
    )


def _after(turn: Turn) -> Before:
    """What stands after a turn that was answered."""
    before = turn.before
    if turn.code == 421:
        return before._replace(closing=True)
    ended = before._replace(open=False, recipients=0, ended_by="")
    last_chunk = turn.verb == "BDAT" and turn.argument.upper().endswith("LAST")
    if turn.step == "eod" or last_chunk:
        return ended
    if turn.verb == "DATA" and (turn.code or 0) >= 400:
        # Whether that ends the transaction, no RFC says.
        return ended._replace(ended_by="DATA")
    return _after_accepted(turn, ended) if turn.accepted else before


def _after_accepted(turn: Turn, ended: Before) -> Before:
    before = turn.before
    match turn.verb:
        case "EHLO" | "HELO":
            by = "EHLO" if before.open else before.ended_by
            offered = offer_of(turn.text) if turn.verb == "EHLO" else {}
            return ended._replace(greeted=True, offered=offered, ended_by=by)
        case "RSET":
            return ended._replace(ended_by="RSET" if before.open else before.ended_by)
        case "MAIL":
            return ended._replace(open=True)
        case "RCPT":
            return before._replace(recipients=before.recipients + 1)
    return before
