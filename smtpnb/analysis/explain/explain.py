"""Explain a reply or a session as an experienced postmaster would.

Who refused, at which step, how permanent it is, and what to do: from the tables of
`advice`, by the reason that `classify` finds. Of a session the thing that mattered most
leads: a message whose fate is unknown before a fault, a fault before a refusal, a
refusal of the whole message before one of a recipient.

This module knows nothing of frames beyond one row.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.explain import advice, cases
from smtpnb.analysis.explain.evidence import (
    ambiguous,
    codes_say,
    judged,
    meant,
    speaker,
)
from smtpnb.analysis.explain.explanation import Explanation
from smtpnb.analysis.one_session import events_of_one
from smtpnb.analysis.replies.permanence import (
    FOR_GOOD,
    FOR_NOW,
    FOR_THIS_MESSAGE,
    UNTIL_MENDED,
    permanence,
)
from smtpnb.analysis.replies.status import status_meaning
from smtpnb.edges.text import one_line
from smtpnb.message.delivery import Delivery
from smtpnb.protocol.reply import Reply
from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.analysis.explain.advice import Advice
    from smtpnb.analysis.explain.cases import Case
    from smtpnb.analysis.replies.classify import Verdict
    from smtpnb.transcript.log import Event

_MOST_EVIDENCE: Final = 6
_MOST_STEPS: Final = 6

# What was refused at a step, where that is, and what it means for the message.
_STEPS: Final = {
    "dns": ("the look-up of its name", "before connecting", "nothing was sent"),
    "connect": ("the connection", "on connecting", "nothing was sent"),
    "greeting": ("the session", "at the greeting", "before we said a word"),
    "ehlo": ("our greeting (EHLO)", "at EHLO", "before any message"),
    "starttls": ("STARTTLS", "at STARTTLS", "before any message"),
    "tls": ("the TLS handshake", "in the TLS handshake", "before any message"),
    "auth": ("the authentication", "at AUTH", "before any message"),
    "mail": ("the sender", "at MAIL FROM", "before any recipient was named"),
    "rcpt": ("a recipient", "at RCPT TO", "this recipient only, not its neighbours"),
    "data": ("the message", "at DATA", "for all recipients, before it was sent"),
    "body": ("the message", "while sending the message", "it did not arrive whole"),
    "eod": (
        "the message",
        "at the end of the message",
        "the whole message, for all recipients",
    ),
    "message": ("the message", "at DATA or its end", "for all recipients"),
    "idle": ("to go on", "while nothing was asked", "before our next command"),
    "quit": ("QUIT", "at QUIT", "what was accepted before stays accepted"),
}
_NOWHERE: Final = ("", "", "")
# The most important first.
_RANK: Final = ("eod", "body", "message", "data", "mail", "rcpt", "auth", "tls",
                "starttls", "idle", "greeting", "connect", "dns", "ehlo",
                "quit")  # fmt: skip

_GOOD: Final = (
    "For good (5yz): the same again will get the same answer. Mend the cause first; a "
    "queue returns the message to its sender."
)
_FOR_NOW: Final = (
    "For now (4yz): a queue keeps the message and tries again, for days if need be "
    "(RFC 5321 section 4.5.4.1)."
)
_UNTIL_MENDED: Final = (
    "For now by its code (4yz), but it will stay so until the cause is mended."
)
_GREYLISTED: Final = (
    "For some minutes: who comes back later from the same address is let in."
)
_LIMIT: Final = "For good by its code (5yz), but a limit passes: wait, then try slower."
_FOR_THIS_MESSAGE: Final = (
    "For this message (5yz): a queue returns it to its sender. But the cause passes: "
    "sent anew another time, it may be accepted."
)
_FAULTS: Final = {
    "NotTried": "For now: the queue keeps the message and tries again.",
    "Expired": "For good: the queue returned the message to its sender.",
}
_SENTENCES: Final = {
    FOR_NOW: _FOR_NOW,
    UNTIL_MENDED: _UNTIL_MENDED,
    FOR_THIS_MESSAGE: _FOR_THIS_MESSAGE,
    FOR_GOOD: _GOOD,
}


_NOTHING: Final = Explanation(
    headline="Nothing was recorded: there is nothing to explain.",
    who="",
    where="",
    permanence="",
    next_steps=(),
    evidence=(),
)


def explain(thing: Any, *, session: int | str = -1) -> Explanation:
    """Explain a code, a reply, an exchange, or a whole session.

    Args:
        thing: A reply code (550), an enhanced status code ("5.7.26"), both with or
            without a text ((450, "4.2.0"), or a line as it was pasted: "550 5.1.1 User
            unknown"), whatever a reply was pasted with (a bounce, a line of a log, the
            text of an exception), an exception, a `Reply`, a `Delivery`, a row of
            `exchanges()`, a transcript, or a frame of its `events()`.
        session: Of a transcript: which session, its number in order, -1 the last, or
            its session_id.

    Returns:
        What a postmaster would say; it shows itself in a notebook and as text.

    Frames may be of pandas, polars, DuckDB or pyarrow.

    Raises:
        KeyError: A row lacks a column of exchanges.
        LookupError: There is no such session.
        TypeError: It is none of these.
        ValueError: There is no code in a text, or a number is none.
    """
    from smtpnb.transcript.door import as_frame  # loads pandas

    if isinstance(thing, bool) or thing is None:
        raise TypeError(f"nothing to explain: {thing!r}")
    if hasattr(thing, "__arrow_c_stream__") and not _is_known(thing):
        thing = as_frame(thing)
    if hasattr(thing, "exchanges") or "event" in getattr(thing, "columns", ()):
        if not len(thing):
            return _NOTHING
        return _session(events_of_one(thing, session))
    case = _case(thing)
    if case.refused:
        return _refusal(case)
    return _silence(case) if case.digit is None else _acceptance(case)


_KINDS: Final[tuple[tuple[type, Callable[[Any], Case]], ...]] = (
    (Integral, lambda code: cases.of_code(int(code))),
    (str, cases.of_text),
    (Reply, cases.of_reply),
    (BaseException, cases.of_exception),
    (Delivery, cases.of_delivery),
)


def _is_known(thing: Any) -> bool:
    """Whether it is a transcript, or what pandas has: a frame, a row."""
    return hasattr(thing, "exchanges") or hasattr(thing, "keys")


def _case(thing: Any) -> Case:
    for kind, case_of in _KINDS:
        if isinstance(thing, kind):
            return case_of(thing)
    if hasattr(thing, "_asdict"):  # a row of itertuples()
        return cases.of_row(thing._asdict())
    if isinstance(thing, tuple):
        return cases.of_code(*thing)
    if hasattr(thing, "columns"):
        if len(thing) != 1:
            raise ValueError(f"explain one exchange at a time, not {len(thing)}")
        return cases.of_row(thing.to_dict("records")[0])
    if hasattr(thing, "keys"):  # a row as a Series or a dictionary
        return cases.of_row(thing)
    raise TypeError(f"cannot explain {type(thing).__name__}")


def _shown(case: Case) -> str:
    """The codes, as people write them."""
    parts = (case.code and str(case.code), case.enhanced)
    return " ".join(part for part in parts if part)


def _host(case: Case) -> str:
    return one_line(case.host) if case.host else "The server"


def _who(case: Case) -> str:
    provider = speaker(case)
    if not case.host:
        return f"{provider}, by its words" if provider else ""
    who = one_line(case.host)
    if case.peer_ip and case.peer_ip != case.host:
        who += f" ({one_line(case.peer_ip)})"
    return f"{who}: {provider}" if provider else who


def _what(case: Case) -> str:
    what = _STEPS.get(case.step, _NOWHERE)[0]
    if case.path is not None:
        role = "sender" if case.step == "mail" else "recipient"
        return f"the {role} <{one_line(case.path)}>"
    return what


def _where(case: Case) -> str:
    _, where, means = _STEPS.get(case.step, _NOWHERE)
    if case.step == "eod" and case.path is not None:  # LMTP, PRDR
        means = _STEPS["rcpt"][2]
    if not where:
        return ""
    # An acceptance, or a fault after the end of data, says nothing of the whole.
    told = case.refused and not (case.fault and case.step == "eod")
    said = f"{where}: {means}" if told else where
    return f"{said[0].upper()}{said[1:]}."


def _silence(case: Case) -> Explanation:
    """No reply came, and no fault is told of this very exchange."""
    said = f"{_host(case)} has not answered {_what(case)}".rstrip()
    return Explanation(
        headline=f"{said}.",
        who=_who(case),
        where=_where(case),
        permanence="Nothing is decided yet.",
        next_steps=(),
        evidence=(),
    )


def _acceptance(case: Case) -> Explanation:
    meaning, shown = status_meaning(case.code, case.enhanced), _shown(case)
    against: tuple[str, ...] = ()
    if meaning.contradiction:
        against = (f"{case.enhanced} contradicts {case.code}: the reply code counts",)
        meaning, shown = status_meaning(case.code), str(case.code)
    steps: tuple[str, ...] = ()
    told = "Nothing was refused."
    if case.digit == 3:
        said = "goes on: it waits for what comes next"
        told = "Nothing is decided yet."
    elif case.step == "eod":
        said = "accepted the message and answers for it now (RFC 5321 section 6.1)"
        steps = ("Keep its queue id: their postmaster finds the message by it.",)
    else:
        said = "accepted" + (f" {_what(case)}" if _what(case) else "")
    return Explanation(
        headline=f"{_host(case)} {said} ({_shown(case)}).",
        who=_who(case),
        where=_where(case),
        permanence=told,
        next_steps=steps,
        evidence=_evidence(case, (*against, f"{shown} means {meaning}")),
    )


def _refusal(case: Case) -> Explanation:
    known, found, how = _judged(case)
    if case.fault:
        told_by_cause = case.step in {"dns", "connect", "tls"}
        where = "" if told_by_cause else _STEPS.get(case.step, _NOWHERE)[1]
        headline = f"{_host(case)}: {known.cause}{f', {where}' if where else ''}."
    else:
        what = _what(case)
        did = f"refused {what}" if what else "refused"
        cause = one_line(case.hint) or known.cause
        headline = f"{_host(case)} {did}: {cause} ({_shown(case) or 'no code told'})."
    steps = () if case.hint else known.steps
    if case.outcome == "unknown":
        how = _UNKNOWN
        steps = (*advice.UNKNOWN_OUTCOME, *steps)
    return Explanation(
        headline=headline,
        who=_who(case),
        where=_where(case),
        permanence=how,
        next_steps=steps,
        evidence=_evidence(case, found),
    )


_UNKNOWN: Final = (
    "Not known: the message was sent whole and no answer came. It may have been "
    "accepted."
)


def _judged(case: Case) -> tuple[Advice, tuple[str, ...], str]:
    """Return what to say of a refusal or a fault, why, and how permanent it is."""
    if case.fault is not None:
        known = advice.FAULTS.get(case.fault, advice.OTHER_FAULT)
        told = _FAULTS.get(case.fault, "Nothing was decided.")
        return known, (f"fault {one_line(case.fault)}",), told
    # An enhanced status code alone tells the class of the reply.
    code = case.code or (case.digit or 5) * 100 + 50
    found = judged(case, code)
    by_code = found.evidence.partition(",")[0] == "code"
    alone = "the reply code alone" if case.code else "the class alone"
    rule = alone if by_code else f"rule {found.evidence}"
    lines, name = codes_say(case, code)
    why = (f"{rule}: {found.retry_class}", *lines)
    known = _advice(found, code, case.enhanced)
    if known is advice.UNDEFINED and name and not name.startswith("other"):
        known = known._replace(cause=name)
    how = permanence(code, found.reason, found.evidence)
    known = _as_meant(known._replace(steps=known.steps_for(how)), case, found, name)
    return known, why, _how_permanent(how, found)


def _as_meant(known: Advice, case: Case, found: Verdict, name: str) -> Advice:
    """Say it as the provider means the code; and if several mean several things."""
    one = meant(case, found)
    if one is not None and not one.reason:
        return known._replace(cause=f"{one.meaning} (as {one.provider} uses the code)")
    others = ambiguous(case, found)
    if not others or not name:
        return known
    at = " and ".join(dict.fromkeys(others))
    first = "Find out who speaks: the code alone has several meanings (see Evidence)."
    return known._replace(
        cause=f"{name}, by the registry; at {at} it means something else",
        steps=(first, *known.steps),
    )


def _advice(found: Verdict, code: int, enhanced: str | None) -> Advice:
    """Return the advice of the rule that decided, or else of the reason it gave."""
    by_rule = advice.BY_RULE.get(
        found.evidence.partition(",")[0].removesuffix("(text)")
    )
    if by_rule is not None:
        return by_rule
    reason = found.reason
    refused_login = code == 535 or (enhanced or "").endswith(".7.8")
    if reason == "securityerror" and refused_login:
        reason = advice.CREDENTIALS
    return advice.ADVICE.get(reason or "", advice.UNDEFINED)


def _how_permanent(how: str | None, found: Verdict) -> str:
    """Say it in a sentence."""
    if how == FOR_THIS_MESSAGE and found.retry_class == "rate_limited":
        return _LIMIT
    if how == FOR_NOW and found.retry_class == "greylisted":
        return _GREYLISTED
    return _SENTENCES[how or FOR_GOOD]


def _evidence(case: Case, why: tuple[str, ...]) -> tuple[str, ...]:
    others = tuple(f"told besides: {one_line(other[:300])}" for other in case.others)
    return (*((_said(case),) if case.text else ()), *why, *others[:_MOST_EVIDENCE])


def _said(case: Case) -> str:
    """What came, with the step at which it did."""
    at = f"at {case.step}" if case.step else ""
    if case.path:
        at += f" <{one_line(case.path)}>"
    said = one_line(case.text)
    codes = _shown(case) or (one_line(case.fault) if case.fault else "")
    return f"{at}: {codes} {said}".strip(": ").rstrip()


def _session(events: list[Event]) -> Explanation:
    recipients = rows("transactions", events)
    found = [*cases.of_session(events), *cases.unanswered(events, recipients)]
    summary = _summary(recipients)
    if not found:
        return _good(events, recipients, summary)
    found.sort(key=_importance)
    lead = _refusal(found[0])
    others = [_refusal(case) for case in found[1:] if not case.echo]
    steps = dict.fromkeys(step for one in (lead, *others) for step in one.next_steps)
    evidence = [*lead.evidence, *(_said(case) for case in found[1:])]
    return lead._replace(
        headline=f"{lead.headline} {summary}".rstrip(),
        next_steps=tuple(steps)[:_MOST_STEPS],
        evidence=tuple(dict.fromkeys(evidence))[:_MOST_EVIDENCE],
    )


def _importance(case: Case) -> tuple[bool, bool, bool, int, bool]:
    """Sorts first what matters most."""
    place = _RANK.index(case.step) if case.step in _RANK else len(_RANK)
    for_now = (case.code or 0) < 500
    return case.echo, case.outcome != "unknown", case.fault is None, place, for_now


def _summary(recipients: list[dict[str, Any]]) -> str:
    """What became of the recipients, in a sentence."""
    fates = [
        row["outcome"] or "still open" for row in recipients if row["recipient_no"]
    ]
    if len(fates) < 2 and "delivered" not in fates:
        return ""
    counts = {fate: fates.count(fate) for fate in dict.fromkeys(fates)}
    words = {"delivered": "accepted", "rejected": "refused"}
    parts = ", ".join(f"{n} {words.get(fate, fate)}" for fate, n in counts.items())
    noun = "recipient" if len(fates) == 1 else "recipients"
    return f"Of {len(fates)} {noun}: {parts}."


def _good(
    events: list[Event], recipients: list[dict[str, Any]], summary: str
) -> Explanation:
    host = one_line(events[0].host)
    queue_ids = dict.fromkeys(row["queue_id"] for row in recipients if row["queue_id"])
    delivered = any(row["outcome"] == "delivered" for row in recipients)
    what = "accepted the message" if delivered else "refused nothing"
    if not delivered and any(row["outcome"] == "aborted" for row in recipients):
        what += ", and the message was broken off here"
    steps = (
        ("Look for it in their log by its queue id, if it does not arrive.",)
        if queue_ids
        else ()
    )
    return Explanation(
        headline=f"{host} {what}. {summary}".rstrip(),
        who=_who(cases.Case(host=events[-1].host, peer_ip=events[-1].peer_ip)),
        where="",
        permanence="The server answers for it now (RFC 5321 section 6.1)."
        if delivered
        else "",
        next_steps=steps,
        evidence=(
            *(f"queue id {one_line(name)}" for name in queue_ids),
            *(one_line(note) for note in cases.as_asked(events)),
        ),
    )
