"""Dialogue: what the server says to each command when nothing is wrong.

The state of one session and one method per verb: the argument goes in, the text of the
reply comes out (a line feed between its lines). Nothing here reads, writes or waits;
`channel` carries the words, swallows the content, and misbehaves.

Every reply has an enhanced status code (RFC 2034) except the greeting, the replies to
HELO and EHLO, and 3yz. The server takes every recipient and relays nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smtpnb.sandbox.content import Kept
from smtpnb.sandbox.extensions import OF_MAIL, OF_RCPT, Extensions, read_attributes
from smtpnb.sandbox.heard import Book
from smtpnb.sandbox.inbox import Inbox, Message
from smtpnb.sandbox.mechanisms import SERVER_FIRST, Surroundings
from smtpnb.sandbox.paths import Path, is_mailbox, read_path

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from smtpnb.sandbox.accounts import Accounts
    from smtpnb.sandbox.faults import FaultBook

# The parameters of MAIL and what they may be: RFC 1870 section 3, RFC 6152 section 2,
# RFC 3030 section 3, RFC 6531 section 3.4, RFC 4954 section 5.
_PARAMETERS = {
    "SIZE": re.compile(r"[0-9]{1,20}"),
    "BODY": re.compile(r"7BIT|8BITMIME|BINARYMIME", re.IGNORECASE),
    "SMTPUTF8": re.compile(r""),
    "AUTH": re.compile(r".+"),
    "PRDR": re.compile(r""),  # draft-hall-prdr
}
# RFC 5321 section 4.5.3.1.8 asks for 100 at least.
_MOST_RECIPIENTS = 1_000
# RFC 3030 section 2: chunk-size = 1*DIGIT; more than 18 would not fit any file.
_CHUNK = re.compile(r"(?P<octets>[0-9]{1,18})(?P<last> +LAST)?", re.IGNORECASE)

NO_MAIL = "503 5.5.1 MAIL first"
NO_RCPT = "503 5.5.1 RCPT first"
TOO_BIG = "552 5.3.4 Message too big"
NOBODY = "550 5.7.1 Refused for every recipient"
# In place of the reply to the last chunk: each recipient has one of its own.
SEPARATE = ""
POISONED = "503 5.5.1 A chunk failed, RSET first"


@dataclass(slots=True)
class Setup:
    """What all sessions of one sandbox share."""

    hostname: str
    size: int
    tls_context: ssl.SSLContext | None
    implicit_tls: bool
    accounts: Accounts
    auth_without_tls: bool
    mechanisms: tuple[str, ...]
    binding: bytes
    faults: FaultBook
    lmtp: bool = False
    prdr: bool = False
    extensions: Extensions = field(default_factory=Extensions)
    urls: Mapping[str, bytes] = field(default_factory=dict)
    proxied: bool = False
    inbox: Inbox = field(default_factory=Inbox)
    heard: Book = field(default_factory=Book)


@dataclass(slots=True)
class Transaction:
    """One mail transaction, from MAIL to the end of data or RSET."""

    reverse_path: str
    smtputf8: bool
    body_type: str
    kept: Kept
    recipients: list[str] = field(default_factory=list)
    chunked: bool = False
    poisoned: bool = False
    prdr: bool = False
    parameters: dict[str, str | None] = field(default_factory=dict)
    rcpt_parameters: list[dict[str, str | None]] = field(default_factory=list)
    n_rcpt: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """The reverse-path and the recipients."""
        return (self.reverse_path, *self.recipients)


class Dialogue:
    """The state of one session and the reply to each of its commands.

    Args:
        setup: What the sandbox is.
        tls: Whether the session is under TLS.
        peer: What was said of the client (XCLIENT, the PROXY protocol).
    """

    def __init__(
        self, setup: Setup, *, tls: bool, peer: dict[str, str] | None = None
    ) -> None:
        self._setup = setup
        self.peer = dict(peer or {})
        self._n_mail = 0
        self._domains: set[str] = set()
        self.tls = tls
        self._identity: str | None = None
        self._extended = False
        self._user: str | None = None
        self.transaction: Transaction | None = None
        hellos = (self.lhlo,) if setup.lmtp else (self.helo, self.ehlo)
        self.verbs: dict[str, Callable[[str], str]] = {
            verb.__name__: verb
            for verb in (
                *(*hellos, self.mail, self.rcpt, self.data, self.rset),
                *(self.noop, self.vrfy, self.expn, self.help, self.quit),
                *(self.starttls, self.etrn, self.xforward, self.xclient, self.burl),
            )
        }

    def helo(self, argument: str) -> str:
        """Begin a session without extensions."""
        return self._hello(argument, extended=False) or f"250 {self._setup.hostname}"

    def ehlo(self, argument: str) -> str:
        """Begin a session and announce what is served."""
        refusal = self._hello(argument, extended=True)
        return refusal or "\n".join(
            (f"250 {self._setup.hostname}", *self._capabilities())
        )

    def lhlo(self, argument: str) -> str:
        """Greet in LMTP (RFC 2033 section 4.1)."""
        return self.ehlo(argument)

    def unknown(self, step: str) -> str:
        """Answer a verb that is none here."""
        if self._setup.lmtp and step in ("ehlo", "helo"):
            return "500 5.5.1 This is LMTP, say LHLO"
        return "500 5.5.2 Command not known"

    def _hello(self, argument: str, *, extended: bool) -> str | None:
        if not argument:
            return "501 A domain or an address literal is missing"
        # RFC 5321 section 4.1.4: a later EHLO is also a RSET.
        self.transaction = None
        self._identity, self._extended = argument, extended
        return None

    def _capabilities(self) -> list[str]:
        words = ["PIPELINING", f"SIZE {self._setup.size}", "8BITMIME", "SMTPUTF8"]
        words += ["CHUNKING", "BINARYMIME", "ENHANCEDSTATUSCODES", "VRFY", "HELP"]
        extensions = self._setup.extensions
        words += extensions.announced(tls=self.tls)
        # RFC 3207 section 4.2: not again under TLS.
        if self._setup.tls_context is not None and not self.tls:
            words.append("STARTTLS")
        if self._setup.prdr:
            words.append("PRDR")
        if self._auth_is_open():
            words.append(f"AUTH {' '.join(self.surroundings.offered)}")
        off = extensions.without
        return [line for line in words if line.partition(" ")[0] not in off]

    def _auth_is_open(self) -> bool:
        return self._auth_is_served and (self.tls or self._setup.auth_without_tls)

    @property
    def _auth_is_served(self) -> bool:
        return bool(self._setup.accounts) or "ANONYMOUS" in self._setup.mechanisms

    @property
    def surroundings(self) -> Surroundings:
        """What a mechanism must know: -PLUS is offered inside TLS only."""
        offered = self._setup.mechanisms
        if not self.tls:
            offered = tuple(name for name in offered if not name.endswith("-PLUS"))
        binding = self._setup.binding if self.tls else b""
        return Surroundings(self._setup.hostname, offered, binding)

    def starttls(self, argument: str) -> str:
        """Agree to TLS; the handshake follows the reply."""
        if argument:
            return "501 5.5.4 STARTTLS has no argument"
        if self._setup.tls_context is None:
            return "502 5.5.1 TLS is not served here"
        if self.tls:
            return "503 5.5.1 TLS is active already"
        return "220 2.0.0 Go ahead"

    def refuse_auth(self, mechanism: str, *, initial: bool) -> str | None:
        """Return why AUTH may not begin, or None (RFC 4954 section 4).

        Args:
            mechanism: Its name, in upper case.
            initial: There is an initial response.
        """
        if not self._auth_is_served:
            return "502 5.5.1 AUTH is not served here"
        if not self._extended:
            return "503 5.5.1 EHLO first"
        if not self._auth_is_open():
            return "538 5.7.11 Encryption first"
        if self._user is not None:
            return "503 5.5.1 Authenticated already"
        if self.transaction is not None:
            return "503 5.5.1 Not inside a mail transaction"
        if mechanism not in self.surroundings.offered:
            return "504 5.5.4 Mechanism not known"
        if initial and mechanism in SERVER_FIRST:
            return "501 5.5.4 No initial response: the server speaks first"
        return None

    def end_auth(self, user: str | None) -> str:
        """Take note of who the client is; None for a stranger."""
        if user is None:
            return "535 5.7.8 Credentials not valid"
        self._user = user
        return "235 2.7.0 Authenticated"

    def mail(self, argument: str) -> str:
        """Begin a transaction."""
        if self._identity is None:
            return "503 5.5.1 EHLO first"
        if self.transaction is not None:
            return "503 5.5.1 A transaction is open already"
        path = read_path("FROM", argument)
        if path is None:
            return "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"
        refusal = self._refuse_path(path, smtputf8="SMTPUTF8" in path.parameters)
        if path.address and not is_mailbox(path.address):
            refusal = "553 5.1.7 Not a mailbox"
        refusal = refusal or self._refuse_parameters(path.parameters)
        if refusal:
            return refusal
        self._n_mail += 1
        most = self._setup.extensions.limit("MAILMAX")
        if most is not None and self._n_mail > most:
            return "421 4.7.0 Too many transactions"
        self.transaction = Transaction(
            reverse_path=path.address,
            parameters=path.parameters,
            smtputf8="SMTPUTF8" in path.parameters,
            body_type=(path.parameters.get("BODY") or "7BIT").upper(),
            kept=Kept(self._setup.size),
            prdr="PRDR" in path.parameters,
        )
        return "250 2.1.0 Sender taken"

    def _refuse_path(self, path: Path, *, smtputf8: bool) -> str | None:
        if not path.address.isascii() and not smtputf8:
            # RFC 6531 section 3.5.
            return "553 5.6.7 SMTPUTF8 is needed for this address"
        if path.parameters and not self._extended:
            return "555 5.5.4 No parameters without EHLO"
        return None

    def _refuse_parameters(self, parameters: dict[str, str | None]) -> str | None:
        for name, value in parameters.items():
            if name in OF_MAIL:
                refusal = self._setup.extensions.refuse_parameter(
                    OF_MAIL, name, value, tls=self.tls
                )
                if refusal:
                    return refusal
                continue
            served = {"AUTH": bool(self._setup.accounts), "PRDR": self._setup.prdr}
            if name not in _PARAMETERS or not served.get(name, True):
                return f"555 5.5.4 {name} is not served here"
            if not _PARAMETERS[name].fullmatch(value or ""):
                return f"501 5.5.4 Bad value of {name}"
            # RFC 1870 section 6.1.
            if name == "SIZE" and int(value or "") > self._setup.size:
                return TOO_BIG
        return None

    def rcpt(self, argument: str) -> str:
        """Add a recipient."""
        if self.transaction is None:
            return NO_MAIL
        if self.transaction.chunked:
            return "503 5.5.1 Chunks have come already"
        path = read_path("TO", argument)
        if path is None or not path.address:
            return "501 5.5.4 Syntax: RCPT TO:<address>"
        # RFC 5321 section 4.1.1.3: Postmaster needs no domain.
        if not is_mailbox(path.address) and path.address.lower() != "postmaster":
            return "553 5.1.3 Not a mailbox"
        refusal = self._refuse_path(path, smtputf8=self.transaction.smtputf8)
        if refusal:
            return refusal
        refusal = self._refuse_recipient(self.transaction, path)
        if refusal:
            return refusal
        self.transaction.recipients.append(path.address)
        self.transaction.rcpt_parameters.append(path.parameters)
        return "250 2.1.5 Recipient taken"

    def _refuse_recipient(self, transaction: Transaction, path: Path) -> str | None:
        extensions = self._setup.extensions
        for name, value in path.parameters.items():
            refusal = extensions.refuse_parameter(OF_RCPT, name, value, tls=self.tls)
            if refusal:
                return refusal
        # RFC 9422 section 4: RCPT commands count, and the domains of a session.
        transaction.n_rcpt += 1
        self._domains.add(path.address.rpartition("@")[2].lower())
        most, domains = extensions.limit("RCPTMAX"), extensions.limit("RCPTDOMAINMAX")
        if transaction.n_rcpt > (most or _MOST_RECIPIENTS):
            return "452 4.5.3 Too many recipients"
        if domains is not None and len(self._domains) > domains:
            return "452 4.5.3 Too many domains"
        return None

    def etrn(self, argument: str) -> str:
        """Hold no queue for anybody (RFC 1985 section 5)."""
        if not self._setup.extensions.serves("ETRN"):
            return "502 5.5.1 ETRN is not served here"
        if self.transaction is not None:
            return "503 5.5.1 Not inside a mail transaction"
        if not argument or " " in argument:
            return "501 5.5.4 Syntax: ETRN host"
        return f"251 2.0.0 No messages waiting for {argument}"

    def xforward(self, argument: str) -> str:
        """Note whose message follows."""
        refusal = self._take_attributes("XFORWARD", argument)
        return refusal or "250 2.0.0 Noted"

    def xclient(self, argument: str) -> str:
        """Begin anew with another client; the session does it after the reply."""
        refusal = self._take_attributes("XCLIENT", argument)
        return refusal or f"220 {self._setup.hostname} ESMTP smtpnb sandbox"

    def _take_attributes(self, verb: str, argument: str) -> str | None:
        if not self._setup.extensions.serves(verb):
            return f"502 5.5.1 {verb} is not served here"
        if self.transaction is not None:
            return "503 5.5.1 Not inside a mail transaction"
        attributes = read_attributes(argument)
        if attributes is None:
            return f"501 5.5.4 Syntax: {verb} name=value"
        self.peer |= attributes
        return None

    def burl(self, argument: str) -> str:
        """Fetch from what the sandbox was given (RFC 4468 section 3)."""
        url, _, last = argument.partition(" ")
        if not self._setup.extensions.serves("BURL"):
            return "502 5.5.1 BURL is not served here"
        if not url or last.upper() not in ("", "LAST"):
            return "501 5.5.4 Syntax: BURL url [LAST]"
        refusal, transaction = self.refuse_chunk(), self.transaction
        octets = self._setup.urls.get(url)
        if refusal is None and octets is None:
            refusal = "554 5.6.6 Not resolved"
        if transaction is not None and octets is not None:
            transaction.kept.add(octets)
        n = len(octets or b"")
        return self.end_chunk(n, last=bool(last), refusal=refusal)

    def data(self, argument: str) -> str:
        """Ask for the content, up to the lone dot."""
        if argument:
            return "501 5.5.4 DATA has no argument"
        if self.transaction is None:
            return NO_MAIL
        if not self.transaction.recipients:
            return NO_RCPT
        # RFC 3030 sections 2 and 3.
        if self.transaction.chunked or self.transaction.poisoned:
            return "503 5.5.1 No DATA after BDAT"
        if self.transaction.body_type == "BINARYMIME":
            return "503 5.5.1 BINARYMIME needs BDAT"
        return "354 End with a line of one dot"

    def refuse_chunk(self) -> str | None:
        """Return why a chunk is not taken, or None (RFC 3030 section 2)."""
        if self.transaction is None:
            return NO_MAIL
        if self.transaction.poisoned:
            return POISONED
        return None if self.transaction.recipients else NO_RCPT

    def end_chunk(self, octets: int, *, last: bool, refusal: str | None) -> str:
        """Answer a chunk whose blocks have been kept.

        Args:
            octets: The length of the chunk.
            last: Whether the message ends with it.
            refusal: The reply if the chunk was not taken.
        """
        transaction = self.transaction
        if transaction is None:
            return refusal or NO_MAIL
        transaction.chunked = True
        if refusal is None and transaction.kept.too_big:
            refusal = TOO_BIG
        if refusal is not None:
            # RFC 3030 section 2: after a failed chunk the client has to send RSET.
            transaction.poisoned = True
            return refusal
        if last and self.answers_each:
            return SEPARATE
        if last:
            return self.take_message("BDAT")
        return f"250 2.0.0 {octets} octets taken"

    @property
    def answers_each(self) -> bool:
        """Whether the end of the message has a reply for each recipient."""
        transaction = self.transaction
        if transaction is None:
            return False
        return self._setup.lmtp or (
            transaction.prdr and len(transaction.recipients) > 1
        )

    def take_message(self, verb: str, recipients: list[str] | None = None) -> str:
        """End the transaction and put the message into the inbox.

        Args:
            verb: "DATA" or "BDAT".
            recipients: Who gets it; None for all of them.
        """
        transaction, self.transaction = self.transaction, None
        if transaction is None or self._identity is None:
            return NO_MAIL
        if recipients is not None:
            transaction.recipients = recipients
        if not transaction.recipients:
            return NOBODY
        if transaction.kept.too_big:
            return TOO_BIG
        message = Message(
            n=len(self._setup.inbox) + 1,
            received=datetime.now(UTC),
            identity=self._identity,
            mail_from=transaction.reverse_path,
            rcpt_to=transaction.recipients,
            user=self._user or "",
            tls=self.tls,
            verb=verb,
            smtputf8=transaction.smtputf8,
            body_type=transaction.body_type,
            octets=transaction.kept.octets(),
            parameters=transaction.parameters,
            rcpt_parameters=transaction.rcpt_parameters,
            peer=dict(self.peer),
        )
        self._setup.inbox.add(message)
        return f"250 2.6.0 Message {message.n} taken, {message.size} octets"

    def rset(self, argument: str) -> str:
        """Forget the transaction."""
        if argument:
            return "501 5.5.4 RSET has no argument"
        self.transaction = None
        return "250 2.0.0 Forgotten"

    def noop(self, argument: str) -> str:
        """Do nothing."""
        return "250 2.0.0 Nothing done"

    def vrfy(self, argument: str) -> str:
        """Promise nothing about a mailbox (RFC 5321 section 3.5.3)."""
        if not argument:
            return "501 5.5.4 Syntax: VRFY address"
        return "252 2.5.0 Not verified, but mail for it is taken"

    def expn(self, argument: str) -> str:
        """Expand nothing."""
        return "502 5.5.1 There are no lists here"

    def help(self, argument: str) -> str:
        """Name the verbs."""
        return f"214 2.0.0 {' '.join(sorted([*self.verbs, 'auth', 'bdat'])).upper()}"

    def quit(self, argument: str) -> str:
        """Say good-bye; the channel closes after the reply."""
        return "501 5.5.4 QUIT has no argument" if argument else "221 2.0.0 Bye"


def read_chunk(argument: str) -> tuple[int, bool] | None:
    """Return the octets that BDAT announces and whether they are the last, or None."""
    match = _CHUNK.fullmatch(argument)
    return None if match is None else (int(match["octets"]), bool(match["last"]))
