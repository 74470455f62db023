"""The lines of a bare `%%smtp` cell, said one after the other.

What was said so far is kept as it goes, so that a cell that stops shows it. `--expect`
asserts each reply and stops the cell; a refused DATA skips its content, and says so.

This module knows nothing of how a cell is cut, or shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import for_terminal
from smtpnb.notebook import expect
from smtpnb.notebook.answers import after_content, each_recipient, finals_of, tls_facts
from smtpnb.notebook.live import size_of
from smtpnb.notebook.render import Dialogue, in_words_of_magics
from smtpnb.notebook.verbs import send_cell
from smtpnb.protocol.errors import Cancelled, LocalProtocolError, SmtpError
from smtpnb.transcript.text import text as as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.live import LiveLine
    from smtpnb.notebook.script import Step
    from smtpnb.protocol.reply import Reply

_HELLOS: Final = ("EHLO", "HELO", "LHLO")
_SAID: Final = ("command", "data", "reply")
_FULL: Final = "said, but not recorded: the transcript is full"
_NO_LINE: Final = "=== no line of this cell is the client's: nothing was sent"
_SKIPPED: Final = "=== content skipped: DATA was not answered 354"


class Conversation:
    """One cell.

    Args:
        steps: What is to be said.
        wanted: What `--expect` said, checked; or None.

    Attributes:
        steps: The same.
        told: The lines of the dialogue so far.
    """

    def __init__(self, steps: Sequence[Step], wanted: str | None) -> None:
        self.steps = steps
        self.told: list[str] = [] if steps else [_NO_LINE]
        self._wanted = wanted

    def so_far(self) -> Dialogue:
        """Return what was said until now."""
        return Dialogue("\n".join(self.told))

    def run(self, client: SmtpClient, request: Request, line: LiveLine) -> Dialogue:
        """Say all of it, and return the dialogue."""
        reply: Reply | None = None
        for step in self.steps:
            if step.is_content and (reply is None or reply.code != 354):
                self.told.append(_SKIPPED)
                continue
            size = size_of(step.text) if step.is_content else None
            line.turn(step.verb or "content", size)
            before, tls = client.transcript.cursor, client.tls
            try:
                reply = self._say(client, request, step)
            except (SmtpError, Cancelled, KeyboardInterrupt) as error:
                is_ours = isinstance(error, LocalProtocolError)
                told = "not sent" if is_ours else "no answer to"
                self._tell(client, step, before, otherwise=told)
                raise
            self._tell(client, step, before, otherwise=_FULL)
            if client.tls is not tls and client.tls is not None:
                facts = dict(tls_facts(client.tls))
                said = ", ".join(facts[name] for name in ("version", "cipher"))
                self.told.append(for_terminal(f"=== {said}; {facts['certificate']}"))
            self._check(client, step, reply)
        return self.so_far()

    def _say(self, client: SmtpClient, request: Request, step: Step) -> Reply:
        if step.is_content:
            return send_cell(client, request, step.text)
        return say(client, step, request.number("--timeout"))

    def _tell(
        self, client: SmtpClient, step: Step, before: int, *, otherwise: str
    ) -> None:
        """Tell what left and what came, as the transcript has it."""
        events = client.transcript.since(before)
        said = as_text(each for each in events if each.event in _SAID)
        what = "the content" if step.is_content else for_terminal(step.text)
        self.told += said.splitlines() or [f"=== {otherwise}: {what}"]

    def _check(self, client: SmtpClient, step: Step, reply: Reply) -> None:
        if step.verb in _HELLOS and client.suspicion:
            self.told.append(f"=== {in_words_of_magics(client.suspicion)}")
        finals = finals_of(client) if step.may_end else [reply]
        # Where each recipient has a reply of its own (LMTP, PRDR), none speaks for all.
        if len(finals) > 1:
            each = each_recipient(client.recipients)
            self.told += [f"=== {line}" for line in each.splitlines()]
        elif step.is_content and (fate := after_content(reply)):
            self.told.append(f"=== {fate}")
        if self._wanted is None or (step.verb == "DATA" and reply.ok):
            return
        expect.check_all(finals, self._wanted, step.verb.lower() or "content")


def say(client: SmtpClient, step: Step, timeout: float | None) -> Reply:
    """Send one line of a dialogue as its verb, or as it stands if it has none."""
    verb, _, text = step.text.partition(" ")
    text = text.strip()
    match verb.upper():
        case "EHLO" | "HELO" | "LHLO" as hello:
            greet = {"EHLO": client.ehlo, "HELO": client.helo, "LHLO": client.lhlo}
            return greet[hello](text or None, timeout=timeout)
        case "STARTTLS":
            return client.starttls(timeout=timeout)
        case "DATA":
            return client.data(timeout=timeout)
        case "BDAT":
            last = text.upper().endswith("LAST")
            return client.bdat(step.chunk or b"", last=last, timeout=timeout)
        case "RSET":
            return client.rset(timeout=timeout)
        case "QUIT":
            return client.quit(timeout=timeout)
        case "MAIL" | "RCPT" as path:
            return _path(client, path, text, timeout)
    return client.command(verb, text, timeout=timeout)


def _path(client: SmtpClient, verb: str, text: str, timeout: float | None) -> Reply:
    match = re.match(r"(?:FROM|TO):\s*<(.*)>((?:\s+\S+)*)$", text, re.IGNORECASE)
    if match is None:  # wrong on purpose, perhaps: it goes as it stands
        return client.command(verb, text, timeout=timeout)
    send = client.mail_from if verb == "MAIL" else client.rcpt_to
    return send(match[1], parameters=match[2].split(), timeout=timeout)
