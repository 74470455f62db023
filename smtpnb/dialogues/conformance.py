"""A dialogue that asks a server how it keeps RFC 5321, and harms nobody.

Safe by default: it stops before DATA, so that no message is ever sent; it is bounded;
its names and addresses are of the reserved domain "invalid" (RFC 6761); fewer than ten
of its commands are errors, since servers count those and hang up. Each question begins
and ends outside a transaction, so that a bad answer spoils no other question. What is
likeliest to make a server hang up comes last.

Most commands are `Custom`, because a question is often a command out of order: the
transcript notes each that is. EHLO, the first of all, is not: where it is out of order,
after a 354 say, nothing may be asked, or the questions would be the text of a message.

The dialogue judges nothing; `analysis.lint` does.

This module knows nothing of verdicts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from smtpnb.protocol.commands import Command, Custom, Ehlo, Quit
from smtpnb.protocol.errors import ConnectionLost, DeadlineExceeded, RemoteProtocolError
from smtpnb.protocol.line import line
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from smtpnb.dialogues.converse import Dialogue
    from smtpnb.protocol.secret import Octets

_Part: TypeAlias = Generator[Command, Reply, Reply]

_MAIL: Final = "MAIL FROM:<{sender}>"
_POSTMASTER: Final = "RCPT TO:<Postmaster>"
# The commands of each question; the last one asks, those before it set the scene.
# A first MAIL that is refused is said again with the null path.
_QUESTIONS: Final = {
    "EHLO: who are you, and what do you offer": ("EHLO {identity}",),
    "NOOP": ("NOOP",),
    "HELP": ("HELP",),
    "VRFY: do you know postmaster": ("VRFY postmaster",),
    "RSET without a transaction": ("RSET",),
    # Before the first MAIL: later a server might take it for a reset gone wrong.
    "RCPT without MAIL": (_POSTMASTER,),
    "a verb in lower case": ("noop",),
    '"from:" in lower case': ("mail from:<{sender}>",),
    "the null reverse-path": ("MAIL FROM:<>",),
    "postmaster without a domain": (_MAIL, _POSTMASTER),
    "MAIL within a transaction": (_MAIL, _MAIL),
    "RCPT after RSET ended the transaction": (_MAIL, "RSET", _POSTMASTER),
    "RCPT after EHLO ended the transaction": (_MAIL, "EHLO {identity}", _POSTMASTER),
    "a parameter that was not offered": (f"{_MAIL} XSMTPNB=1",),
    "a space after the colon": ("MAIL FROM: <{sender}>",),
    "a line of 512 octets, the longest": (f"NOOP {'x' * 505}",),
}
_RUDE: Final = {
    "a local part of 65 octets": (f"MAIL FROM:<{'x' * 65}@client.invalid>",),
    "a line of 600 octets": (f"NOOP {'x' * 593}",),
}
_LAST: Final = {"a command that does not exist": ("XSMTPNB",)}


class Answer(NamedTuple):
    """One question and what was answered.

    Attributes:
        question: In words.
        command: The command that asked it, as it stood on the wire.
        reply: The reply.
    """

    question: str
    command: str
    reply: Reply


class Lower(Custom):
    """A command whose verb is sent in lower case (RFC 5321 section 2.4)."""

    __slots__ = ()

    def _octets(self, *, lax: bool) -> Octets:
        return line(self.verb.lower(), self.argument)


def conformance(
    *,
    identity: str = "client.invalid",
    sender: str = "sender@client.invalid",
    rude: bool = False,
) -> Dialogue[tuple[Answer, ...]]:
    """Ask 17 questions (19 if rude) in at most 45 commands, and say QUIT.

    Run it on a connection that was greeted, with TLS and AUTH done if they are wanted:
    `client.run(conformance())`, then `lint(client.transcript)`.

    Args:
        identity: What EHLO says.
        sender: The reverse-path; where the server refuses it, the null path is used.
        rude: Also send what is longer than RFC 5321 allows: a local part of 65
            octets and a line of 600.

    Returns:
        A generator for `SmtpClient.run`, which returns the answers in order. A server
        that ends the session early gives fewer of them.

    Raises:
        LocalProtocolError: EHLO is out of order now; nothing was sent.
    """
    answers: list[Answer] = []
    try:
        for question, lines in _questions(rude=rude):
            said = [text.format(identity=identity, sender=sender) for text in lines]
            reply = yield from _ask(said)
            answers.append(Answer(question, said[-1], reply))
            if _ends(reply):
                return tuple(answers)
        answers.append(Answer("goodbye", "QUIT", (yield Quit())))
    except (ConnectionLost, DeadlineExceeded, RemoteProtocolError):
        pass  # the transcript holds how it ended
    return tuple(answers)


def _questions(*, rude: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from _QUESTIONS.items()
    if rude:
        yield from _RUDE.items()
    yield from _LAST.items()


def _ask(lines: list[str]) -> _Part:
    """Say the commands of a question and return the reply to the last.

    A reply that ends the session ends it here, whichever command it answers.
    """
    *scene, question = lines
    for text in scene:
        reply = yield _command(text)
        if text.startswith("MAIL") and 400 <= reply.code != 421:
            yield Custom("RSET")
            reply = yield Custom("MAIL", "FROM:<>")
        if _ends(reply):
            return reply
    reply = yield _command(question)
    if not _ends(reply):
        if question.startswith("EHLO") and not reply.ok:
            yield Custom("HELO", question.partition(" ")[2])
        elif question[:4].upper() in {"MAIL", "RCPT"}:
            cleared = yield Custom("RSET")
            return cleared if _ends(cleared) else reply
    return reply


def _command(text: str) -> Command:
    verb, _, argument = text.partition(" ")
    if verb == "EHLO":
        return Ehlo(argument)
    return (Lower if verb.islower() else Custom)(verb, argument)


def _ends(reply: Reply) -> bool:
    """Tell whether nothing more can be asked.

    421 closes the session, and 3yz waits for what none of these commands has.
    """
    return reply.code == 421 or reply.reply_class == 3
