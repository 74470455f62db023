"""Objections: what speaks against a command now, each with the guard it belongs to.

The table of `protocol.order` says what is in order; the rest is what no table can say:
extensions that were not offered, more than a server takes, what must not stand in one
group. Nothing is refused here: `Session.check` does that, but for what `lax` lifts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.protocol.commands import Auth, Mail, Rcpt, parameters
from smtpnb.protocol.lengths import objection_to_length
from smtpnb.protocol.order import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.session import Session

# What greets a server of the other protocol (RFC 2033 section 4.1).
_OF_THE_OTHER: Final = {
    "LHLO": (
        'LHLO is for LMTP: connect(..., protocol="lmtp"); an SMTP server is greeted '
        "with EHLO"
    ),
    **{
        verb: f"{verb} is not said in LMTP, LHLO is (RFC 2033 section 4.1)"
        for verb in ("EHLO", "HELO")
    },
}
_BEHIND_A_BARRIER: Final = (State.CONNECTED, State.CLOSING)
# RFC 2920 section 3.1 and RFC 3030 section 4.2; every other command ends its group.
_ANYWHERE_IN_GROUP: Final = ("RSET", "MAIL", "RCPT", "BDAT")
# Against what more may speak than its place and what it needs.
_WITH_MORE_RULES: Final = frozenset({"AUTH", "MAIL", "RCPT", "DATA"})


def objections(session: Session, command: Command) -> list[tuple[str, str]]:
    """Return what speaks against a command now: the guard, and its sentence."""
    found: list[tuple[str, str]] = []
    why = out_of_order(session, command)
    if why:
        found.append(("order", why))
    for keyword in command.needs():
        if keyword not in session.capabilities:
            found.append(("offers", _not_offered(session, command.verb, keyword)))
            break
    why = objection_to_length(command, session.capabilities)
    if why:
        found.append(("limits", why))
    if session.lax and "syntax" in session.lax:  # else the line is not made
        found.append(("syntax", command.objection()))
    if command.verb in _WITH_MORE_RULES:
        found += _to_some(session, command)
    return [each for each in found if each[1]] if found else found


def out_of_order(session: Session, command: Command) -> str:
    """Return why a command is out of order now; "" if it is not."""
    event = command.event
    if event in session.table[session.state]:
        if event == "STARTTLS" and session.encrypted:
            return "STARTTLS: the session is inside TLS already"
        if isinstance(command, Auth) and session.authenticated:
            said = "RFC 4954 allows one AUTH a session"
            return f"AUTH: already authenticated ({said})"
        return ""
    if session.state is State.CLOSED:
        return "not connected; connect() first"
    if event in _OF_THE_OTHER and event not in session.table[State.CONNECTED]:
        return _OF_THE_OTHER[event]
    if not any(event in row for row in session.table.values()):
        return f"{event} is not a verb of the table"
    name = "end of data" if event == "." else command.verb
    allowed = ", ".join(session.allowed()) or "nothing"
    return (
        f"{name} is out of order: the session is {session.state} "
        f"({session.state.value}){_barrier(session)}; allowed now: {allowed}"
    )


def objection_to_group(session: Session, commands: Sequence[Command]) -> str:
    """Return why commands must not leave together; "" if they may."""
    if len(commands) > 1 and "PIPELINING" not in session.capabilities:
        return _not_offered(session, "a group", "PIPELINING")
    for command in commands[:-1]:
        if command.verb not in _ANYWHERE_IN_GROUP:
            return (
                f"{command.verb} can only be the last command of a group "
                "(RFC 2920 section 3.1)"
            )
    return ""


def _to_some(session: Session, command: Command) -> Iterator[tuple[str, str]]:
    if isinstance(command, Auth):
        name, offered = command.mechanism, session.capabilities.mechanisms
        if "AUTH" in session.capabilities and name.upper() not in offered:
            said = " ".join(offered) or "none"
            yield "offers", f"AUTH {name}: the server offers {said}"
    elif isinstance(command, (Mail, Rcpt)):
        yield from _to_envelope(session, command)
    elif command.verb == "DATA" and session.mail_said("BODY=BINARYMIME"):
        said = "after BODY=BINARYMIME only BDAT may follow (RFC 3030 section 3)"
        yield "order", f"DATA: {said}"


def _to_envelope(session: Session, command: Mail | Rcpt) -> Iterator[tuple[str, str]]:
    if not all(map(str.isascii, (command.path, *command.parameters))):
        is_mail = isinstance(command, Mail)
        utf8 = command.says("SMTPUTF8") if is_mail else session.mail_said("SMTPUTF8")
        what = "parameter" if command.path.isascii() else "path"
        if not utf8:
            said = f"{command.verb}: a non-ASCII {what} needs SMTPUTF8 in MAIL"
            yield "offers", f"{said} (RFC 6531 section 3.4)"
    if command.parameters:
        if command.says("REQUIRETLS") and not (session.encrypted and session.verified):
            said = "MAIL: REQUIRETLS is said inside verified TLS only"
            yield "offers", f"{said} (RFC 8689 sections 2 and 4.2.1)"
        said = parameters().outside(command.parameters, session.capabilities)
        yield "limits", said
    if "LIMITS" in session.capabilities:
        yield "limits", _beyond_limits(session, command)


def _beyond_limits(session: Session, command: Mail | Rcpt) -> str:
    limits = session.capabilities.limits
    if isinstance(command, Mail):
        return session.counted.objection_to_mail(limits)
    return session.counted.objection_to_rcpt(command.path, limits)


def _barrier(session: Session) -> str:
    """Return the server's own words, where it would go no further."""
    known = session.barrier is not None and session.state in _BEHIND_A_BARRIER
    return f"; the server had said: {session.barrier}" if known else ""


def _not_offered(session: Session, verb: str, keyword: str) -> str:
    if not session.capabilities.known:
        return f"{verb}: {keyword} must be offered first; send EHLO"
    if keyword in session.disabled:
        return f"{verb}: {keyword} is switched off (disable=)"
    return f"{verb}: the server does not offer {keyword}"
