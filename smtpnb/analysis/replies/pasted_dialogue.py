"""A dialogue that somebody pasted: swaks, telnet, curl, nodemailer, smtplib's debug.

All of them write the replies as they came and the commands as they left, each with a
sign of its own before the line, or none. Commands and replies are paired first-in
first-out (RFC 2920), and the reply that decided is given back with its step: the first
refusal of a sender, a recipient, a message or a login; else the first of any; else the
last reply before QUIT.

This module knows nothing of what a reply means.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

_STAMP: Final = (
    r"(?:\[?\d{2,4}[-:/]\d\d[-:/]\d\d[\d:.,T+Z -]{0,24}\]?[ \t]{1,4})?"
    r"(?:[A-Z]{4,6} )?(?:\[\w{1,32}\] )?"
)
_THEIRS: Final = (
    r"(?:<\*\*|<-{1,2}|<~\*?|<{1,3}|S:|SERVER:|SERVER -> CLIENT:|reply:|[0-9a-f]{4}:)"
)
_OURS: Final = r"(?:-{0,2}>{1,3}|~>|C:|CLIENT:|CLIENT -> SERVER:|send:|[0-9a-f]{4}:)"
_REPLY: Final = re.compile(
    rf"^ ?{_STAMP}({_THEIRS}[ \t]{{0,4}})?(?:b?['\"])?([2-5]\d\d)([ -]|$)(.*)$"
)
_COMMAND: Final = re.compile(
    rf"^ ?{_STAMP}(?:{_OURS}[ \t]{{0,4}})?(?:b?['\"])?"
    r"(?:(EHLO|HELO|LHLO|VRFY|EXPN|BDAT)[ ][\w\[]|(AUTH)[ ][A-Z\d-]{2,20}(?:[ '\"\\]|$)"
    r"|(MAIL[ ]FROM|RCPT[ ]TO):[ ]?(?:<([^<>]{0,320})>|[^\s<>]{1,320})"
    r"|(DATA|RSET|NOOP|HELP|STARTTLS|QUIT)[ \t]*(?:['\"\\]|$))",
    re.IGNORECASE,
)
_DOT: Final = re.compile(
    rf"^ ?{_STAMP}(?:{_OURS}[ \t]{{0,4}})?(?:b?['\"])?\.(?:\\r|['\"]|$)"
)
_HOST: Final = re.compile(
    r"(?:\bConnected to |\bconnected to host \"|-connect |while talking to )"
    r"(?:smtps?://)?([\w.-]{1,255}?)\.?(?=[\s:\"]|$)"
)
# Logs of servers put more before the line: hMailServer, Exchange, aiosmtpd, MDaemon.
_LOGGED: Final = re.compile(
    r"(?:\"[^\n]{0,160}?\"(?=RECEIVED|SENT)|[^<>\n]{0,160}?(?=,[<>],)"
    r"|[^<>\n]{0,160}?\('[^'\n]{1,64}', \d{1,5}[\d, ]{0,24}\) (?=<<|>>)"
    r"|[A-Z][a-z]{2} [\d: -]{19}: (?:\[[\d:]{1,20}\] )?(?=<--|-->))"
    r"(RECEIVED: |SENT: |,[<>],|<<|>>|<-- |--> )[ ]?(.*)"
)
# The times of our own texts, and the object that Net::SMTP names.
_PREFIX: Final = re.compile(
    r"^(?: {0,12}\d{1,9}\.\d{3} (?=[ <=])|Net::\w{1,20}=[\w()]{1,40}(?=<<<|>>>))"
)
_END_OF_QUOTE: Final = re.compile(r"(?:\\r)?(?:\\n)?['\"]$")

_STEP_OF: Final = {
    "": "greeting",
    ".": "eod",
    "BDAT": "eod",
    "EHLO": "ehlo",
    "HELO": "ehlo",
    "LHLO": "ehlo",
    "MAIL FROM": "mail",
    "RCPT TO": "rcpt",
}
# RFC 5321 section 4.3.2, RFC 7504 section 3; 421 and 450 come at any time.
_GREETINGS: Final = frozenset({"220", "421", "450", "521", "554"})
_DECISIVE: Final = ("mail", "rcpt", "data", "eod", "auth")


class Said(NamedTuple):
    """A reply in a dialogue.

    Attributes:
        code: Its code.
        lines: Its lines, without the code.
        step: At which step, as in the tables.
        path: The address that the command named.
    """

    code: int
    lines: list[str]
    step: str
    path: str | None


class Decided(NamedTuple):
    """What decided a dialogue.

    Attributes:
        said: The reply that did.
        host: Who said it, if the dialogue tells.
        others: The other refusals, each code once.
    """

    said: Said
    host: str | None
    others: tuple[str, ...]


def decisive_reply(text: str) -> Decided | None:
    """Return the reply that decided a dialogue; None: it is none."""
    read = _Reader(text)
    said = read.said
    if not read.commands or len(said) < (1 if read.signed else 2):
        return None
    host = _HOST.search(text)
    said = _of_one_group(said)
    refused = [one for one in said if one.code >= 400]
    before_quit = [one for one in said if one.step != "quit"] or said
    decided = next((one for one in refused if one.step in _DECISIVE), None)
    chosen = decided or (refused[0] if refused else before_quit[-1])
    besides = {
        one.code: f"{one.code} {one.lines[0]}".rstrip()
        for one in reversed(refused)
        if one.code != chosen.code
    }
    others = tuple(reversed(besides.values()))
    return Decided(chosen, host[1] if host else None, others)


def _of_one_group(said: list[Said]) -> list[Said]:
    """Give back to RCPT what a bounce tells of DATA, the last command of its group.

    sendmail shows the last command only; the 503 behind tells that DATA had none.
    """
    if len(said) > 1 and said[0].step == "data" and said[1].code == 503:
        return [said[0]._replace(step="rcpt"), said[1]._replace(step="data")]
    return said


class _Reader:
    """Pairs replies with commands, first-in first-out, line by line.

    Attributes:
        said: The replies, in order.
        commands: How many commands there were.
        signed: Whether signs before the lines show whose they are.
    """

    def __init__(self, text: str) -> None:
        self.said: list[Said] = []
        self.commands = 0
        self.signed = False
        self._waiting: list[tuple[str, str | None]] = [("", None)]  # the greeting
        self._lines: list[str] = []
        self._in_content = self._lmtp = False
        self._accepted = 0  # recipients
        for before, line in pairwise(["", *text.split("\n")]):
            self._read(before, line)

    def _read(self, before: str, line: str) -> None:
        line = _PREFIX.sub("", line)
        logged = _LOGGED.match(line)
        if logged is not None:
            sign = "<-" if "<" in logged[1] or logged[1] == "RECEIVED: " else "->"
            line = f"{sign} {logged[2]}".rstrip("\"',")
        reply = _REPLY.match(line)
        if self._in_content:
            self._in_content = not _ends_content(line, reply, before)
            if self._in_content:
                return
            # LMTP has a reply for each recipient (RFC 2033 section 4.2).
            n = self._accepted if self._lmtp else 1
            self._waiting += [(".", None)] * max(n, 1)
        if reply is not None:
            self._take(reply)
        elif (command := _COMMAND.match(line)) is not None:
            if not self.said and not self.commands and not self._lines:
                self._waiting.clear()  # the greeting was not pasted
            self.commands += 1
            verb = next(word for word in command.group(1, 2, 3, 5) if word)
            self._waiting.append((verb.upper(), command[4]))
            self._lmtp = self._lmtp or verb.upper() == "LHLO"
            if verb.upper() == "MAIL FROM":
                self._accepted = 0

    def _take(self, reply: re.Match[str]) -> None:
        """Take a line of a reply; with the last, the reply has its command."""
        if reply[1] is None and self.signed and not self._lines:
            return  # what who passes it on says of it (sendmail)
        self.signed = self.signed or reply[1] is not None
        self._lines.append(_END_OF_QUOTE.sub("", reply[4].rstrip()))
        if reply[3] == "-":
            return
        verb, path = self._waiting.pop(0) if self._waiting else ("?", None)
        step = "" if verb == "?" else _STEP_OF.get(verb, verb.lower())
        if step == "greeting" and reply[2] not in _GREETINGS:
            step = ""  # what it answered was not pasted
        self.said.append(Said(int(reply[2]), self._lines, step, path))
        self._accepted += step == "rcpt" and reply[2] < "400"
        self._lines = []
        self._in_content = reply[2] == "354"
        if reply[2] == "334":  # AUTH goes on; its answers are no commands
            self._waiting.insert(0, (verb, path))


def _ends_content(line: str, reply: re.Match[str] | None, before: str) -> bool:
    """Whether the content ends here: by its dot, or because they speak again."""
    if _DOT.match(line):
        return True
    if reply is None or reply[1] is None:
        return False
    return not reply[1][0].isalnum() or reply[1][0] in "Sr" or "<=" in before
