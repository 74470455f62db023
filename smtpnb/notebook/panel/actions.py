"""What each button sends, read off the fields before its thread begins; and why not.

A button stays where it is and stays enabled: who presses one that is not due is told
why, in the words of the panel, and nothing is sent. That asks the table of the session
(through `client.allowed`) and what the server offered; the client judges again.

This module knows nothing of widgets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.edges.text import one_line
from smtpnb.notebook.line import place
from smtpnb.notebook.panel.samples import with_crlf
from smtpnb.notebook.panel.worker import Answer
from smtpnb.notebook.possible import sendable, why_refused
from smtpnb.protocol.commands import Rcpt
from smtpnb.protocol.guards import lifted
from smtpnb.protocol.session import NOT_VERBS, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb._connection import Target
    from smtpnb.client import SmtpClient
    from smtpnb.message.content import Content
    from smtpnb.message.delivery import Delivery, Recipient
    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.secret import Secret

# A verb's button, and what it does, in the order of a session.
VERBS: Final = {
    "EHLO": "greet, and learn what is offered",
    "HELO": "greet a server that does not know EHLO",
    "LHLO": "greet a server that speaks LMTP",
    "STARTTLS": "begin TLS; EHLO is due again",
    "AUTH": "authenticate with the user and the password, or the token, above",
    "MAIL": "begin a mail transaction with the sender above",
    "RCPT": "add each recipient above",
    "DATA": "send the message, and its end",
    "BDAT": "send the message as one last chunk",
    "RSET": "forget the mail transaction",
    "NOOP": "do nothing",
    "VRFY": "ask whether the argument is a mailbox",
    "EXPN": "ask who is on the list named by the argument",
    "ETRN": "have the queue for the domain in argument delivered",
    "HELP": "ask for help",
    ".": "end the content that DATA began",
    "QUIT": "say goodbye and close",
}
# Messages of the client that speak Python, and what they mean here.
_OURS: Final = {
    "connect() first": "press Connect first",
    'connect(..., protocol="lmtp")': "lmtp://HOST:PORT in the address bar",
    'say verify="report" in this call': 'set the verify field to "report"',
    "quit() or disconnect()": "QUIT or Cancel ends that session",
    "allow_cleartext_auth=True in this call": "Python's allow_cleartext_auth=True",
    "send() with convert=True": "Python's send(convert=True)",
    "lax=True": "Python's lax=True",
    "lax sends it as it is": "the raw line sends it as it is",
    "cancel() may come": "Cancel may come",
    "client.": "",
}


@dataclass(frozen=True)
class Form:
    """What stands in the fields. `secret` is shown nowhere.

    A target that is a function makes what to connect to; it runs with the operation.
    """

    target: Target | str | Callable[[], Target] = ""
    implicit_tls: bool = False
    verify: Any = None
    ca: str | None = None
    server_name: str | None = None
    identity: str | None = None
    timeout: float | None = None
    user: str = ""
    secret: Secret | None = field(default=None, repr=False)
    mechanism: str = "auto"
    sender: str = ""
    sender_parameters: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    recipient_parameters: tuple[str, ...] = ()
    argument: str = ""
    raw: str = ""
    content: Content = field(default=b"", repr=False)


def may(client: SmtpClient) -> tuple[str, ...]:
    """Return the words of the table that may be sent now, and would not be refused."""
    back = {words: written for written, words in NOT_VERBS.items()}
    return tuple(back.get(word, word) for word in sendable(client))


def why_not(client: SmtpClient, what: str) -> str:
    """Return why a button must not be pressed now; "" if it may be."""
    connected = client.state is not State.CLOSED
    if what == "Connect":
        peer = client.peer
        return f"already connected to {peer}; QUIT or Cancel first" if connected else ""
    if not connected:
        return f"{what}: not connected; press Connect first"
    if what == "Raw":
        return ""
    if what == "Send":
        ready = {State.CONNECTED, State.READY}
        return "" if client.state in ready else _out_of_order(client, "Send")
    due = {word.removesuffix(" LAST") for word in (*client.allowed, *may(client))}
    if what not in due and "order" not in lifted(client.lax):
        return _out_of_order(client, what)
    return why_refused(client, what)


def _out_of_order(client: SmtpClient, what: str) -> str:
    name = "end of data" if what == "." else what
    allowed = ", ".join(client.allowed) or "nothing; a reply is due"
    return (
        f"{name} is not due now: {client.state.value} ({client.state}); "
        f"may be sent: {allowed}"
    )


def in_our_words(text: str) -> str:
    """Return a message of the client in the words of the panel."""
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours)
    return text


def operation(client: SmtpClient, what: str, form: Form) -> Callable[[], Answer]:
    """Return what a button does.

    Args:
        client: Whose session it is.
        what: "Connect", "Send", "Raw" or one of `VERBS`.
        form: What stands in the fields.
    """
    special = {
        "Connect": _connect,
        "STARTTLS": _starttls,
        "AUTH": _auth,
        "EHLO": _ehlo,
        "HELO": _helo,
        "LHLO": _lhlo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "BDAT": _bdat,
        "Send": _send,
        "Raw": _raw,
    }
    if what in special:
        return lambda: special[what](client, form)
    limit = form.timeout
    plain: dict[str, Callable[[], Reply]] = {
        "DATA": lambda: client.data(form.content, timeout=limit),
        "RSET": lambda: client.rset(timeout=limit),
        "NOOP": lambda: client.noop(form.argument, timeout=limit),
        "VRFY": lambda: client.vrfy(form.argument, timeout=limit),
        "EXPN": lambda: client.expn(form.argument, timeout=limit),
        "ETRN": lambda: client.etrn(form.argument, timeout=limit),
        "HELP": lambda: client.help(form.argument, timeout=limit),
        ".": lambda: client.end_data(timeout=limit),
        "QUIT": lambda: client.quit(timeout=limit),
    }
    return lambda: _answered(client, plain[what]())


def _answered(client: SmtpClient, reply: Reply) -> Answer:
    """The reply; or, where the end of a message had many, what each recipient got."""
    if len(client.replies) < 2:
        return _answer(reply)
    rows = client.recipients
    return Answer(any(row.ok for row in rows), _fates(rows))


def _answer(reply: Reply) -> Answer:
    return Answer(reply.ok, one_line(str(reply)))


def _trust(form: Form) -> dict[str, Any]:
    """What was chosen; what was not is left to the client's own policy."""
    chosen = {
        "verify": form.verify,
        "ca": form.ca,
        "server_hostname": form.server_name,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _connect(client: SmtpClient, form: Form) -> Answer:
    if callable(form.target):
        return _answer(client.connect(form.target(), timeout=form.timeout))
    if not isinstance(form.target, str):
        return _answer(client.connect(form.target, timeout=form.timeout))
    try:
        host, settings = place(form.target)
    except UsageError as error:
        raise ValueError(str(error)) from None
    trust = _trust(form)
    if not form.implicit_tls:
        trust.pop("server_hostname", None)  # STARTTLS will want it
    settings |= {"implicit_tls": form.implicit_tls, "timeout": form.timeout}
    return _answer(client.connect(host, **settings, **trust))


def _ehlo(client: SmtpClient, form: Form) -> Answer:
    return _greeted(client, client.ehlo(form.identity, timeout=form.timeout))


def _helo(client: SmtpClient, form: Form) -> Answer:
    return _greeted(client, client.helo(form.identity, timeout=form.timeout))


def _lhlo(client: SmtpClient, form: Form) -> Answer:
    return _greeted(client, client.lhlo(form.identity, timeout=form.timeout))


def _greeted(client: SmtpClient, reply: Reply) -> Answer:
    said = filter(None, (_answer(reply).text, client.suspicion))
    return Answer(reply.ok, "; ".join(said))


def _starttls(client: SmtpClient, form: Form) -> Answer:
    reply = client.starttls(**_trust(form), timeout=form.timeout)
    facts = client.tls
    if facts is None:
        return _answer(reply)
    seen = "verified" if facts["verified"] else "NOT verified, see TLS"
    said = f"{_answer(reply).text}: {facts['version']}, {facts['cipher']}, {seen}"
    return Answer(reply.ok, said)


def _auth(client: SmtpClient, form: Form) -> Answer:
    # An empty box is no password; EXTERNAL and the like need none.
    password = form.secret or None
    reply = client.auth(form.mechanism, form.user, password, timeout=form.timeout)
    return _answer(reply)


def _mail(client: SmtpClient, form: Form) -> Answer:
    reply = client.mail_from(
        form.sender, parameters=form.sender_parameters, timeout=form.timeout
    )
    return _answer(reply)


def _rcpt(client: SmtpClient, form: Form) -> Answer:
    said = []
    for path in form.recipients or ("",):  # the client says that one is needed
        reply = client.rcpt_to(
            path, parameters=form.recipient_parameters, timeout=form.timeout
        )
        said.append((path, reply))
        if client.state is State.CLOSING:
            break
    accepted = sum(reply.ok for _, reply in said)
    if len(said) == 1:
        return _answer(said[0][1])
    words = "; ".join(f"{path}: {one_line(str(reply))}" for path, reply in said)
    return Answer(accepted > 0, f"{accepted} of {len(form.recipients)}: {words}")


def _bdat(client: SmtpClient, form: Form) -> Answer:
    content = form.content
    if not isinstance(content, (str, bytes)):
        raise TypeError("BDAT sends what stands in the box, or octets; not a stream")
    reply = client.bdat(with_crlf(content), last=True, timeout=form.timeout)
    return _answered(client, reply)


def _send(client: SmtpClient, form: Form) -> Answer:
    asked = form.recipient_parameters
    delivery = client.send(
        form.content,
        form.sender,
        [Rcpt(path, parameters=asked) for path in form.recipients],
        parameters=form.sender_parameters,
        timeout=form.timeout,
    )
    return Answer(delivery.outcome == "accepted", _fate(delivery))


def _fate(delivery: Delivery) -> str:
    return _fates(delivery.recipients) or str(delivery.outcome)


def _fates(recipients: tuple[Recipient, ...]) -> str:
    said = [
        f"{each.forward_path}: {each.outcome}"
        + ("" if each.reply is None else f" ({one_line(str(each.reply))})")
        for each in recipients
    ]
    return "; ".join(said)


def _raw(client: SmtpClient, form: Form) -> Answer:
    words = form.raw.split(None, 1)
    if words and words[0].upper() == "AUTH" and len(words[-1].split()) > 1:
        raise ValueError("credentials are not for the raw line: AUTH has fields")
    if client.state is State.AUTH and form.raw != "*":
        raise ValueError("a response to AUTH is a secret, and a raw line is recorded")
    content = client.state is State.DATA and form.raw != "."
    client.raw(form.raw.encode() + b"\r\n", timeout=form.timeout)
    if content:
        return Answer(ok=True, text="the line left; no reply is due before the end")
    return _answer(client.read_reply(timeout=form.timeout))
