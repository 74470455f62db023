"""One session, verb by verb, as a command line asks for it, and how it ended.

Each step has swaks's exit code for what goes wrong in it. A refusal ends the session
politely, by QUIT; a fault has closed the connection already.
"""

from __future__ import annotations

import getpass
import json
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.client import SmtpClient
from smtpnb.commandline.content import content
from smtpnb.commandline.printer import Printer, in_our_words
from smtpnb.message.envelope import MailObject
from smtpnb.message.objections import objection_to
from smtpnb.message.seven_bit import in_seven_bits
from smtpnb.protocol.commands import Ehlo, Helo, Lhlo
from smtpnb.protocol.content import Encoder
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
    ResolveError,
    SmtpError,
    TlsError,
)
from smtpnb.protocol.names import address_literal
from smtpnb.protocol.session import State
from smtpnb.protocol.xtext import xtext
from smtpnb.transfer.controlled import Control
from smtpnb.wire.tls_policy import TlsPolicy
from smtpnb.wire.wait import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtpnb.commandline.order import Order
    from smtpnb.protocol.reply import Reply

_UNREADABLE: Final = 1
_NOT_CONNECTED: Final = 2
_LOST: Final = 6
_TLS: Final = 29
_TRANSACTION: Final = frozenset({"mail", "rcpt", "data", "dot"})
_OF_STEP: Final = {"mail": 23, "rcpt": 24, "data": 25, "eod": 26}
_INTERRUPTED: Final = 130  # what a shell expects of Ctrl-C


def hold(order: Order) -> int:
    """Hold the session, and show it.

    Args:
        order: What was asked for.

    Returns:
        The exit code.
    """
    if order.only_shows_mail:
        sys.stdout.buffer.write(content(order, order.sender or ""))
        return 0
    client = SmtpClient(
        identity=order.identity or own_name(),
        timeouts=_timeouts(order.timeout),
        tls=_policy(order),
        # A PROXY header that was typed is raw octets, and has no reply.
        lax=order.lax or ({"replies"} if order.early else False),
    )
    with client, Printer(client, order) as printer:
        session = Session(order, client, printer)
        code = session.run()
    if order.save:
        try:
            client.transcript.save(order.save, overwrite=True)
        except OSError as error:
            sys.stderr.write(f"smtpnb: the transcript was not kept: {error}\n")
            code = code or 1
    if order.json:
        sys.stdout.write(_as_json(client, code, session.error) + "\n")
    return code


def _policy(order: Order) -> TlsPolicy:
    if order.context is not None:
        return TlsPolicy(context=order.context)
    return TlsPolicy("require" if order.verify == "require" else "report")


def own_name() -> str | None:
    """Return the full name of this machine; None where it has none."""
    name = socket.getfqdn()
    return name if "." in name else None


def _timeouts(seconds: float | None) -> Timeouts:
    if seconds is None:
        seconds = float("inf")
    return Timeouts(**dict.fromkeys(Timeouts.__slots__, seconds))


def _as_json(client: SmtpClient, code: int, error: str) -> str:
    """Return everything that is known as one JSON object."""
    told: dict[str, object] = {"exit_code": code, "error": error or None}
    for name in ("sessions", "transactions", "exchanges"):
        frame = getattr(client.transcript, name)()
        text = frame.to_json(orient="records", date_format="iso")
        told[name] = json.loads(text)
    return json.dumps(told, indent=2, ensure_ascii=False)


def _attributes(group: dict[str, str]) -> str:
    return " ".join(f"{name}={xtext(value)}" for name, value in group.items())


class _Step(NamedTuple):
    name: str
    code: int  # of what goes wrong in it
    do: Callable[[], bool]  # whether the session goes on


class Session:
    """The steps of one session.

    Args:
        order: What was asked for.
        client: Who says it.
        printer: Who shows it.

    Attributes:
        error: What went wrong, in words; "" if nothing.
    """

    def __init__(self, order: Order, client: SmtpClient, printer: Printer) -> None:
        self.error = ""
        self._order = order
        self._client = client
        self._printer = printer
        self._octets = b""
        self._parameters: dict[str, Any] = {}  # of MAIL
        self._said: list[Reply] = []  # replies of a group that are still to be judged

    def run(self) -> int:
        """Go through the steps; return the exit code."""
        code = _NOT_CONNECTED
        order = self._order
        try:
            for step in self._steps():
                code = step.code
                if step.name and step.name == order.drop_after_send:
                    return self._hello_unheard()
                if not step.do():
                    return self._refused(code)
                if step.name and step.name == order.drop_after:
                    self._client.disconnect()
                    return 0
                if step.name and step.name == order.stop_after:
                    break
            if self._client.state is State.CLOSED:  # it was dropped
                return 0
            code = 27
            return 0 if self._client.quit() else code
        except (SmtpError, Cancelled) as error:
            return self._failed(error, code)
        except KeyboardInterrupt as error:
            self.error = ": ".join(filter(None, ("interrupted", str(error))))
            return _INTERRUPTED

    def _refused(self, code: int) -> int:
        self.error = self.error or str(self._client.reply)
        client = self._client
        if self._order.drop_after_send in _TRANSACTION:  # several verbs in one step
            steps = [each.step for each in client.transcript if (each.code or 0) >= 400]
            code = _OF_STEP.get(steps[-1], code) if steps else code
        try:
            if client.state is State.DATA:  # nobody wants it (RFC 2920 section 3.1)
                client.end_data()
            if client.state is not State.CLOSED:
                client.quit()
        except (SmtpError, Cancelled):  # what was refused is the reason
            pass
        return code

    def _failed(self, error: SmtpError | Cancelled, code: int) -> int:
        self.error = in_our_words(str(error))
        self._printer.look()
        is_ours, begun = (
            isinstance(error, LocalProtocolError),
            len(self._client.transcript),
        )
        if is_ours or not begun:  # it is in no transcript
            self._printer.say(self.error)
        if is_ours:
            return self._refused(code) if begun else _UNREADABLE
        if isinstance(error, (ConnectError, ResolveError)):
            return _NOT_CONNECTED
        if isinstance(error, TlsError):
            return _TLS
        return _LOST if isinstance(error, ConnectionLost) else code

    def _hello_unheard(self) -> int:
        """Send the greeting of ours, and drop the connection before its reply."""
        kind = {"EHLO": Ehlo, "HELO": Helo, "LHLO": Lhlo}[self._order.hello]
        identity = self._client.identity or address_literal("127.0.0.1")
        self._client.raw(bytes(kind(identity).octets().wire))
        self._client.disconnect()
        return 0

    def _unheard(self) -> bool:
        """Send as far as a command of the transaction whose reply is not waited for.

        Of the dot nobody knows then whether it was accepted, and so says the table.
        """
        order = self._order
        given: dict[str, Any] = {"prdr": True} if order.prdr else {}
        delivery = self._client.send(
            MailObject(self._sender, self._recipients, self._octets, **given),
            control=Control(drop_after_send=order.drop_after_send),
        )
        return delivery.outcome != "refused"

    def _steps(self) -> Iterator[_Step]:
        order = self._order
        yield _Step("greeting", 21, self._connect)
        only = order.tls != "starttls" and order.drop_after_send == "hello"
        yield _Step("hello" if only else "first-hello", 22, self._hello)
        if order.xclient_first:
            yield from self._xclient_steps()
        if order.tls == "starttls":
            yield _Step("tls", _TLS, self._starttls)
        else:
            yield _Step("tls", _TLS, lambda: True)
        yield _Step("hello", 32, self._hello_in_tls)
        if not order.xclient_first:
            yield from self._xclient_steps()
        if order.auth is not None:
            yield _Step("", 28, self._auth)
        yield _Step("auth", 28, lambda: True)
        if order.prdr:
            yield _Step("", 30, lambda: "PRDR" in self._client.capabilities)
        if order.stop_after not in ("mail", "rcpt"):
            yield _Step("", 25, self._message)
        if order.drop_after_send in _TRANSACTION:
            yield _Step("", 25, self._unheard)
            return
        yield _Step("mail", 23, self._mail)
        yield _Step("rcpt", 24, self._rcpt)
        yield _Step("data", 25, self._data)
        yield _Step("dot", 26, self._dot)

    def _connect(self) -> bool:
        order = self._order
        return bool(
            self._client.connect(
                order.host,
                None if order.host.startswith("unix:") else order.port,
                implicit_tls=order.tls == "implicit",
                server_hostname=order.server_hostname,
                ca=order.ca if order.context is None else None,
                proxy=order.proxy,
                early=order.early,
                protocol="lmtp" if order.hello == "LHLO" else "smtp",
            )
        )

    def _hello(self) -> bool:
        client = self._client
        if self._order.hello == "EHLO":
            return bool(client.ehlo()) or bool(client.helo())
        return bool(client.lhlo() if self._order.hello == "LHLO" else client.helo())

    def _starttls(self) -> bool:
        order, client = self._order, self._client
        if order.tls_optional and "STARTTLS" not in client.capabilities:
            return True
        return bool(client.starttls(server_hostname=order.server_hostname))

    def _hello_in_tls(self) -> bool:
        again = self._order.tls == "starttls" and self._client.tls is not None
        return not again or self._hello()

    def _xclient_steps(self) -> Iterator[_Step]:
        for group in self._order.xclient:
            yield _Step("", 33, partial(self._xclient, group))
            if self._client.state is State.CONNECTED:  # the session began anew
                yield _Step("", 34, self._hello)
        yield _Step("xclient", 33, lambda: True)

    def _xclient(self, group: dict[str, str] | str) -> bool:
        order, client = self._order, self._client
        if order.xclient_verified and "XCLIENT" not in client.capabilities:
            self.error = "XCLIENT was not announced; --xclient-no-verify sends it"
            return bool(order.xclient_optional)
        if isinstance(group, str) or not order.xclient_verified:
            argument = group if isinstance(group, str) else _attributes(group)
            reply = client.command("XCLIENT", argument)
        else:
            given: dict[str, Any] = {name.lower(): group[name] for name in group}
            reply = client.xclient(**given)
        return bool(reply) or order.xclient_optional == "optional"

    def _auth(self) -> bool:
        order, offered = self._order, self._client.capabilities.mechanisms
        shared = [name for name in order.auth or offered if name in offered]
        if not shared and order.auth_optional:
            return True
        wanted = shared or order.auth or ("auto",)
        name = wanted[0] if order.auth else "auto"
        reply = self._client.auth(
            name,
            order.user,
            order.password,
            allow_cleartext_auth=order.cleartext_auth,
        )
        return bool(reply) or order.auth_optional == "optional"

    # The transaction

    @property
    def _sender(self) -> str:
        if self._order.sender is not None:
            return self._order.sender
        return f"{getpass.getuser()}@{own_name() or address_literal('127.0.0.1')}"

    @property
    def _recipients(self) -> tuple[str, ...]:
        # A message has one; where the session ends with MAIL, it is not said.
        return self._order.recipients or ("postmaster",)

    def _message(self) -> bool:
        """Make the message, and look whether this server could bear it."""
        order, offered = self._order, self._client.capabilities
        octets = content(order, self._sender)
        mail = MailObject(self._sender, self._recipients, octets)
        objection = "" if order.lax else objection_to(mail, offered)
        if objection and order.convert:
            octets, remarks = in_seven_bits(octets)
            for remark in remarks:
                self._printer.say(remark)
        elif objection:
            raise LocalProtocolError(objection)
        self._octets = octets
        # What octets over 127 need (RFC 6152), and addresses with them (RFC 6531).
        eight_bit = not octets.isascii() and "8BITMIME" in offered
        self._parameters = {"smtputf8": mail.needs_smtputf8}
        if eight_bit:
            self._parameters["body"] = "8BITMIME"
        if order.prdr:
            self._parameters["prdr"] = True
        encoder = Encoder(stuff=True)
        self._printer.content = encoder.feed(octets) + encoder.finish()
        return True

    def _mail(self) -> bool:
        if self._order.pipeline and "PIPELINING" in self._client.capabilities:
            self._leave_together()
            return bool(self._said.pop(0))
        return bool(self._client.mail_from(self._sender, **self._parameters))

    def _leave_together(self) -> None:
        """Send MAIL and what follows it as one group (RFC 2920)."""
        order = self._order
        ends_at = order.stop_after or order.drop_after
        with self._client.pipeline() as group:
            group.mail_from(self._sender, **self._parameters)
            if ends_at != "mail":
                for recipient in order.recipients:
                    group.rcpt_to(recipient)
            if ends_at not in ("mail", "rcpt"):
                group.data()
        self._said = list(group.replies)

    def _rcpt(self) -> bool:
        accepted = False
        for recipient in self._order.recipients:
            reply = self._said.pop(0) if self._said else self._client.rcpt_to(recipient)
            accepted = bool(reply) or accepted
        return accepted

    def _data(self) -> bool:
        reply = self._said.pop(0) if self._said else self._client.data()
        return reply.code == 354

    def _dot(self) -> bool:
        early = self._client.send_lines(self._octets)
        if early is not None:
            return bool(early)
        self._client.end_data()
        return any(row.ok for row in self._client.recipients)
