"""Session: the loop over commands, and what follows a reply.

One command is: pick a fault, let `Dialogue` find the reply, say it the way the fault
wants, then do what a good reply promises: read the content, shake hands, close. Only
AUTH and BDAT read before they reply.

This module knows nothing of sockets; `connection` does.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from smtpnb.protocol.line import without_urlauth
from smtpnb.sandbox.connection import Connection
from smtpnb.sandbox.content import Chunk, Dotted, Kept, arrival
from smtpnb.sandbox.dialogue import SEPARATE, Dialogue, Setup, read_chunk
from smtpnb.sandbox.heard import UNKNOWN, Heard
from smtpnb.sandbox.mechanisms import MECHANISMS, Proof
from smtpnb.sandbox.paths import read_path
from smtpnb.sandbox.proxied import read_header

if TYPE_CHECKING:
    import asyncio

    from smtpnb.sandbox.faults import Fault

MOST_SESSIONS = 200
# RFC 5321 section 4.5.3.1.4 and RFC 4954 section 4. MAIL grows by its parameters: SIZE
# by 26 octets, SMTPUTF8 10, BODY 17, AUTH 500.
_LINE = 512
# ENVID and RET 120, BY 17, REQUIRETLS 11, HOLDUNTIL 40, MT-PRIORITY 15; of RCPT NOTIFY
# 28, ORCPT 500, RRVS 43 (RFC 3461, 2852, 8689, 4865, 6710, 7293). A URL is as long as
# it is.
_LINES = {
    "mail": _LINE + 26 + 10 + 17 + 500 + 120 + 17 + 11 + 40 + 15,
    "rcpt": _LINE + 28 + 500 + 43,
    "burl": 4_096,
    "auth": 12_288,
}


class Session(Connection):
    """One session of a sandbox.

    Args:
        setup: What the sandbox is.
        connections: The open connections of the sandbox.
    """

    def __init__(self, setup: Setup, connections: set[Connection]) -> None:
        super().__init__(setup.hostname, setup.tls_context, connections)
        self._setup = setup
        self._dialogue = Dialogue(setup, tls=False)
        self._welcome = True
        self._number = setup.heard.new_session()
        self._hear("CONNECT")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on inside TLS (asyncio)."""
        super().connection_made(transport)
        if self._setup.implicit_tls and self._tls_protocol is None:
            self.hold_input()

    def _hear(self, verb: str, argument: str = "") -> None:
        """Write down what came; `note` adds what is answered."""
        self._heard = Heard(self._number, self._dialogue.tls, verb, argument)
        self._setup.heard.add(self._heard)

    def note(self, reply: str) -> None:
        """Write down what is answered."""
        self._heard.reply = reply

    async def converse(self) -> None:
        """Welcome, and answer until QUIT."""
        if self._setup.proxied and not await self._read_proxy():
            return
        if self._setup.implicit_tls:
            await self._upgrade()
        if self.crowd > MOST_SESSIONS:
            await self.say(f"421 {self._setup.hostname} Too many sessions")
            return
        fault = self._pick("greeting")
        self._welcome = fault is None or not fault.refuses
        spoken = "LMTP" if self._setup.lmtp else "ESMTP"
        await self.say(f"220 {self._setup.hostname} {spoken} smtpnb sandbox", fault)
        while await self._turn():
            pass

    async def _read_proxy(self) -> bool:
        """Read who the client is; False where it does not say so properly."""
        peer = await read_header(self._reader)
        if peer is None:
            return False
        self._dialogue.peer |= peer
        return True

    async def _turn(self) -> bool:
        """Answer one command; return whether the session goes on."""
        line = await self.line(max(_LINES.values()))
        verb, _, rest = (line or b"").partition(b" ")
        # An unknown verb may hold any octets, and nobody sends it back.
        step = verb.decode("ascii", "replace").lower()
        if line is None or len(line) + 2 > _LINES.get(step, _LINE):
            self._hear(UNKNOWN)
            await self.say("500 5.5.2 Line too long")
            return True
        argument = rest.decode("utf-8", "backslashreplace").strip()
        self._hear(*self._what_to_keep(step, argument))
        # RFC 5321 section 3.1: after a 554 for a greeting there is only QUIT.
        if not self._welcome and step != "quit":
            await self.say("503 5.5.1 There is no service here, QUIT")
            return True
        if step == "bdat":
            return await self._bdat(argument)
        fault = self._pick(step, argument)
        if fault is not None and fault.refuses:
            await self.say("", fault)
            return True
        return await self._obey(step, argument, fault)

    def _what_to_keep(self, step: str, argument: str) -> tuple[str, str]:
        """Return a command without what may be a secret in it."""
        if step == "auth":
            return "AUTH", argument.partition(" ")[0]
        if step == "burl":
            return "BURL", without_urlauth(argument.encode()).decode()
        known = step in self._dialogue.verbs or step == "bdat"
        return (step.upper(), argument) if known else (UNKNOWN, "")

    async def _obey(self, step: str, argument: str, fault: Fault | None) -> bool:
        """Answer a command that no fault refuses, and keep the reply's promise."""
        if step == "auth":
            if fault is not None and (fault.reply or "").startswith("334"):
                await self.say(await self._ask_for_ever(fault))
            elif final := await self._auth(argument):
                await self.say(final, fault)
            return True
        verb = self._dialogue.verbs.get(step)
        reply = verb(argument) if verb else self._dialogue.unknown(step)
        upgrades = reply.startswith("220") and step == "starttls"
        if upgrades:
            self.hold_input()
        if step == "burl" and reply == SEPARATE:
            await self._answer_each("BURL")
            return True
        await self.say(reply, fault)
        if upgrades:
            await self._upgrade()
        elif reply.startswith("220"):  # XCLIENT: another client, a session anew
            dialogue = self._dialogue
            self._dialogue = Dialogue(self._setup, tls=dialogue.tls, peer=dialogue.peer)
        elif reply.startswith("354"):
            await self._data()
        return not reply.startswith("221")

    def _pick(self, step: str, argument: str = "") -> Fault | None:
        """Pick a fault by what its pattern is about at this step."""
        subjects: tuple[str, ...] = (argument,)
        transaction = self._dialogue.transaction
        if step in ("data", "body", "eod"):
            subjects = transaction.addresses if transaction else ("",)
        elif step in ("mail", "rcpt"):
            path = read_path("FROM" if step == "mail" else "TO", argument)
            subjects = (path.address if path else argument,)
        elif step in ("auth", "challenge", "signature"):
            # Never the initial response behind it.
            subjects = (argument.partition(" ")[0],)
        return self._setup.faults.pick(step, *subjects)

    async def _upgrade(self) -> None:
        await self.begin_tls(self._pick("tls"))
        # RFC 3207 section 4.2: nothing that was said before counts.
        self._dialogue = Dialogue(self._setup, tls=True, peer=self._dialogue.peer)

    async def _auth(self, argument: str) -> str:
        """Speak a mechanism (RFC 4954 section 4) and return the final reply.

        It is "" where a fault has given it.
        """
        mechanism, _, initial = argument.partition(" ")
        name = mechanism.upper()
        refusal = self._dialogue.refuse_auth(name, initial=bool(initial))
        if refusal:
            return refusal
        exchange = MECHANISMS[name](self._setup.accounts, self._dialogue.surroundings)
        challenge = next(exchange)
        response: bytes | None = initial.strip().encode() or None
        # An empty initial response is "=", an empty later one an empty line.
        response = b"" if response == b"=" else response
        while True:
            if response is None:
                fault = self._pick_at_challenge(challenge, name)
                await self.say(f"334 {b64encode(challenge).decode()}", fault)
                if fault is not None and fault.refuses:
                    return ""
                response = await self.line(_LINES["auth"])
            if response is None:
                return "500 5.5.6 Response too long"
            if response == b"*":
                return "501 5.7.0 Cancelled"
            try:
                challenge = exchange.send(b64decode(response, validate=True))
            except binascii.Error:
                return "501 5.5.2 Not base64"
            except StopIteration as end:
                return self._dialogue.end_auth(end.value)
            response = None

    def _pick_at_challenge(self, challenge: bytes, name: str) -> Fault | None:
        proof = isinstance(challenge, Proof) and self._pick("signature", name)
        return proof or self._pick("challenge", name)

    async def _ask_for_ever(self, fault: Fault) -> str:
        """Answer every response with one more challenge, until "*" comes."""
        while True:
            await self.say("", fault)
            if await self.line(_LINES["auth"]) == b"*":
                return "501 5.7.0 Cancelled"

    async def _data(self) -> None:
        """Read the content behind DATA and answer its end."""
        transaction = self._dialogue.transaction
        if transaction is None:
            return
        fault = await self._swallow(Dotted(self._reader), transaction.kept)
        early = fault is not None
        self._hear(".")
        if self._dialogue.answers_each and not early:
            await self._answer_each("DATA")
            return
        fault = fault or self._pick("eod")
        if fault is not None and fault.refuses:
            self._dialogue.transaction = None
            reply = ""
        else:
            reply = self._dialogue.take_message("DATA")
        if not early:
            await self.say(reply, fault)

    async def _bdat(self, argument: str) -> bool:
        """Read a chunk, then answer it (RFC 3030 section 2)."""
        chunk = read_chunk(argument)
        if chunk is None:
            # Nobody knows where the next command begins.
            await self.say("501 5.5.4 Syntax: BDAT octets [LAST]")
            return False
        octets, last = chunk
        refusal = self._dialogue.refuse_chunk()
        transaction = self._dialogue.transaction
        kept = Kept(0) if refusal or transaction is None else transaction.kept
        # A refused chunk is on its way all the same, and is not a command.
        early = None
        if octets:
            early = await self._swallow(Chunk(self._reader, octets), kept)
        each = self._dialogue.answers_each
        fault = early or (self._pick("eod") if last and not each else None)
        fault = fault or self._pick("bdat", argument)
        if fault is not None and fault.refuses:
            refusal = fault.reply
        reply = self._dialogue.end_chunk(octets, last=last, refusal=refusal)
        if early is None and reply == SEPARATE:
            await self._answer_each("BDAT")
        elif early is None:
            await self.say(reply, fault)
        return True

    async def _answer_each(self, verb: str) -> None:
        """Answer the end once a recipient: LMTP (RFC 2033 section 4.2), or PRDR.

        A fault at "eod" is picked for each by its address.
        """
        transaction = self._dialogue.transaction
        if transaction is None:
            return
        pick = self._setup.faults.pick
        faults = [(path, pick("eod", path)) for path in transaction.recipients]
        taken = [path for path, fault in faults if fault is None or not fault.refuses]
        reply = self._dialogue.take_message(verb, taken)
        if transaction.prdr:
            await self.say("353 Each recipient has a reply of its own")
        for path, fault in faults:
            self._hear(".", f"<{path}>")
            refused = fault is not None and fault.refuses
            await self.say("" if refused else reply, fault)
        if transaction.prdr:
            self._hear(".")
            await self.say(reply)

    async def _swallow(self, content: Dotted | Chunk, kept: Kept) -> Fault | None:
        """Read a content to its end.

        Returns:
            The fault that answered it too early, or None.
        """
        await arrival(self._reader)
        fault = self._pick("body")
        if fault is not None and fault.reply is not None:
            self._hear("BODY")
            await self.say("", fault)
        elif fault is not None:
            await self.suffer(fault)
            fault = None
        while block := await content.block():
            kept.add(block)
            self._reset_timeout()
        return fault
