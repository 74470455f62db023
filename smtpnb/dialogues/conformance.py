"""Dialogues that ask a server how it keeps RFC 5321, and harm nobody.

Safe by default: they stop before DATA, so that no message is ever sent, and their names
and addresses are of the reserved domain "invalid" (RFC 6761).

Servers count, and hang up: Exim after ten commands that are no mail and after three
that are out of order, chasquid after three errors, nodemailer's smtp-server after ten
commands without AUTH. So the questions stand in parts of at most nine commands, of
which two are errors for sure, and each part wants a connection of its own. What one
part asks spoils no other question: each begins and ends outside a transaction. What was
not asked is said, for a server that was hardly asked anything is not a good one.

Most commands are `Custom`, because a question is often a command out of order: the
transcript notes each that is. EHLO, the first of all, is not: where it is out of order,
after a 354 say, nothing may be asked, or the questions would be the text of a message.

LMTP is asked the same, with LHLO for EHLO and no HELO (RFC 2033 section 4.1); what it
need not keep (postmaster, VRFY) is asked all the same.

The dialogue judges nothing; `analysis.lint` does.

This module knows nothing of verdicts, nor of how to connect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import (
    TYPE_CHECKING,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    overload,
)

from smtpnb.edges.text import one_line
from smtpnb.protocol.commands import Command, Custom, Ehlo, Lhlo, Quit
from smtpnb.protocol.errors import (
    DeadlineExceeded,
    RemoteProtocolError,
    SmtpError,
    TransportError,
)
from smtpnb.protocol.line import line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from smtpnb.dialogues.converse import Dialogue
    from smtpnb.protocol.reply import Reply
    from smtpnb.protocol.secret import Octets

_Questions: TypeAlias = dict[str, tuple[str, ...]]

_MAIL: Final = "MAIL FROM:<{sender}>"
_NULL: Final = "MAIL FROM:<>"
_HELLOS: Final[dict[str, type[Ehlo | Lhlo]]] = {"EHLO": Ehlo, "LHLO": Lhlo}
_POSTMASTER: Final = "RCPT TO:<Postmaster>"
_HELLO: Final = "EHLO {identity}"
# The commands of each question; the last one asks, those before it set the scene.
# A MAIL that sets the scene and is refused is said again with the null path.
_PARTS: Final[tuple[_Questions, ...]] = (
    {
        "EHLO: who are you, and what do you offer": (_HELLO,),
        "NOOP": ("NOOP",),
        "HELP": ("HELP",),
        "VRFY: do you know postmaster": ("VRFY postmaster",),
        "RSET without a transaction": ("RSET",),
        # Before the first MAIL: later a server might take it for a reset gone wrong.
        "RCPT without MAIL": (_POSTMASTER,),
        "a verb in lower case": ("noop",),
    },
    {
        '"from:" in lower case': ("mail from:<{sender}>",),
        "the null reverse-path": (_NULL,),
        "postmaster without a domain": (_MAIL, _POSTMASTER),
    },
    {
        "MAIL within a transaction": (_MAIL, _MAIL),
        "RCPT after RSET ended the transaction": (_MAIL, "RSET", _POSTMASTER),
    },
    {
        "EHLO again": (_HELLO,),
        "RCPT after EHLO ended the transaction": (_MAIL, _HELLO, _POSTMASTER),
    },
    {
        "a line of 512 octets, the longest": (f"NOOP {'x' * 505}",),
        "a parameter that was not offered": (f"{_MAIL} XSMTPNB=1",),
        "a command that does not exist": ("XSMTPNB",),
    },
)
_RUDE: Final[_Questions] = {
    "a local part of 65 octets": (f"MAIL FROM:<{'x' * 65}@client.invalid>",),
    "a line of 600 octets": (f"NOOP {'x' * 593}",),
}
PARTS: Final = len(_PARTS)


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


class Answers(Sequence[Answer]):
    """The answers in order, and whether that is all.

    Attributes:
        not_asked: The questions that were not answered, of all parts.
        ended_by: What ended a part before its last question: a reply or an error, as
            words; "" if nothing did.
    """

    def __init__(
        self,
        answers: Iterable[Answer] = (),
        *,
        not_asked: Iterable[str] = (),
        ended_by: str = "",
    ) -> None:
        self._answers = tuple(answers)
        self.not_asked = tuple(not_asked)
        self.ended_by = ended_by

    @overload
    def __getitem__(self, index: int) -> Answer: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Answer, ...]: ...

    def __getitem__(self, index: int | slice) -> Answer | tuple[Answer, ...]:
        return self._answers[index]

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        lines = (f"{each.question}: {_shown(each.reply)}" for each in self)
        return "\n".join([f"<Answers: {self}>", *lines])

    def __str__(self) -> str:
        """Say how far it came: "asked 10 of 17; ended by 421 Too many errors"."""
        n = len({answer.question for answer in self if answer.command != "QUIT"})
        said = f"asked {n} of {n + len(self.not_asked)}"
        if self.ended_by:
            said += f"; ended by {self.ended_by}"
        if self.not_asked:
            said += f"; not asked: {', '.join(self.not_asked)}"
        return said


class Lower(Custom):
    """A command whose verb is sent in lower case (RFC 5321 section 2.4)."""

    __slots__ = ()

    def _octets(self) -> Octets:
        return line(self.verb.lower(), self.argument)


def conformance(
    part: int = 1,
    *,
    identity: str = "client.invalid",
    sender: str = "sender@client.invalid",
    rude: bool = False,
    protocol: Literal["smtp", "lmtp"] = "smtp",
) -> Dialogue[Answers]:
    """Ask the questions of one part, in at most nine commands, and say QUIT.

    Run it on a connection that was greeted, with TLS and AUTH done if they are wanted:
    `client.run(conformance())`, then `lint(client.transcript)`. Each part wants a
    connection of its own; `conformance_in_parts` asks them all.

    Args:
        part: Which, 1 to `PARTS`.
        identity: What EHLO says.
        sender: The reverse-path; where the server refuses it, the null path is used.
        rude: Also send, in the last part, what is longer than RFC 5321 allows: a
            local part of 65 octets and a line of 600.
        protocol: What the server speaks; LHLO greets one of LMTP.

    Returns:
        A generator for `SmtpClient.run`, which returns the answers in order. They say
        what was not asked, and why, if the server ended the session early.

    Raises:
        ValueError: There is no such part.
        LocalProtocolError: EHLO is out of order now; nothing was sent.

    Example:
        >>> from smtpnb.analysis import lint
        >>> client = SmtpClient()
        >>> client.connect(sandbox).ok
        True
        >>> answers = client.run(conformance())
        >>> lint(client.transcript)["verdict"].unique().tolist()
        ['PASS']
    """
    if not 1 <= part <= PARTS:
        raise ValueError(f"there are parts 1 to {PARTS}, and no {part}")
    names = {"identity": identity, "sender": sender}
    return _ask_part(part, names, rude=rude, lmtp=protocol == "lmtp")


class Runs(Protocol):
    """Whoever runs a dialogue on a connection: `SmtpClient`, say."""

    def run(self, dialogue: Dialogue[Answers]) -> Answers:
        """Say what it yields, and return what it returns."""


def conformance_in_parts(
    connect: Callable[[], Runs],
    *,
    identity: str = "client.invalid",
    sender: str = "sender@client.invalid",
    rude: bool = False,
    protocol: Literal["smtp", "lmtp"] = "smtp",
) -> Answers:
    """Ask all questions, each part on a connection of its own.

        client = SmtpClient()

        def connect():
            client.connect("mx.example.net")
            return client

        print(conformance_in_parts(connect))       # asked 17 of 17
        lint(client.transcript)

    Args:
        connect: Connects, with TLS and AUTH if they are wanted, and returns what runs
            a dialogue. It is called once for each part.
        identity: As for `conformance`.
        sender: As for `conformance`.
        rude: As for `conformance`.
        protocol: As for `conformance`.

    Returns:
        The answers of all parts. A part whose connection failed was not asked.

    Example:
        >>> client = SmtpClient()
        >>> def connect():
        ...     client.connect(sandbox)
        ...     return client
        >>> print(conformance_in_parts(connect))
        asked 17 of 17
    """
    answers: list[Answer] = []
    ended_by: list[str] = []
    for part in range(1, PARTS + 1):
        asked = conformance(
            part, identity=identity, sender=sender, rude=rude, protocol=protocol
        )
        try:
            found = connect().run(asked)
        except (TransportError, DeadlineExceeded, RemoteProtocolError) as error:
            ended_by.append(_words(error))
            continue
        answers += found
        if found.ended_by:
            ended_by.append(found.ended_by)
    said, lmtp = "; ".join(dict.fromkeys(ended_by)), protocol == "lmtp"
    return _answers(answers, said, rude=rude, lmtp=lmtp)


def _answers(
    answers: list[Answer], ended_by: str, *, rude: bool, lmtp: bool
) -> Answers:
    """Put the answers together with what was not asked."""
    asked = {answer.question for answer in answers}
    every = [
        name
        for part in range(1, PARTS + 1)
        for name in _questions(part, rude=rude, lmtp=lmtp)
    ]
    missing = [name for name in every if name not in asked]
    return Answers(answers, not_asked=missing, ended_by=ended_by)


def _questions(part: int, *, rude: bool, lmtp: bool) -> _Questions:
    # What is likeliest to make a server hang up comes last.
    asked = _PARTS[part - 1]
    if part == PARTS and rude:
        asked = {**_RUDE, **asked}
    if not lmtp:
        return asked
    return {
        _in_lmtp(name): tuple(map(_in_lmtp, lines)) for name, lines in asked.items()
    }


def _in_lmtp(text: str) -> str:
    return text.replace("EHLO", "LHLO")


def _ask_part(
    part: int, names: dict[str, str], *, rude: bool, lmtp: bool
) -> Dialogue[Answers]:
    answers: list[Answer] = []
    ended_by = ""
    questions = _questions(part, rude=rude, lmtp=lmtp)
    hello = _in_lmtp(_HELLO) if lmtp else _HELLO
    try:
        if part > 1:
            ended_by = _ends((yield from _ask([hello.format(**names)]))[0])
        for number, (question, lines) in enumerate(questions.items(), 1):
            if ended_by:
                break
            said = [text.format(**names) for text in lines]
            reply, clean = yield from _ask(said)
            answers.append(Answer(question, said[-1], reply))
            ended_by = _ends(reply)
            if not (ended_by or clean) and number < len(questions):
                ended_by = _ends((yield Custom("RSET")))
        if not ended_by:
            answers.append(Answer("goodbye", "QUIT", (yield Quit())))
    except (TransportError, DeadlineExceeded, RemoteProtocolError) as error:
        ended_by = _words(error)
        if answers and not answers[-1].reply.ok:
            # Some servers say why in a reply of another code, and then hang up.
            ended_by += f" (after {_shown(answers[-1].reply)})"
    return _answers(answers, ended_by, rude=rude, lmtp=lmtp)


def _ask(lines: list[str]) -> Generator[Command, Reply, tuple[Reply, bool]]:
    """Say the commands of a question.

    A reply that ends the session ends it here, whichever command it answers.

    Returns:
        The reply to the last, and whether no transaction is open any more.
    """
    *scene, question = lines
    clean = True
    for text in scene:
        reply = yield _command(text)
        if text.startswith("MAIL") and not reply.ok and not _ends(reply):
            reply = yield _command(_NULL)  # a refused MAIL changes nothing
        if _ends(reply):
            return reply, clean
        if reply.ok:
            clean = not text.startswith("MAIL")
    command = _command(question)
    reply = yield command
    if command.verb == "EHLO" and not reply.ok and not _ends(reply):
        yield Custom("HELO", question.partition(" ")[2])
    if reply.ok and command.verb in {"MAIL", "RCPT"}:
        clean = False
    elif reply.ok and command.verb in {"EHLO", "LHLO", "RSET"}:
        clean = True
    return reply, clean


def _command(text: str) -> Command:
    verb, _, argument = text.partition(" ")
    if verb in _HELLOS:
        return _HELLOS[verb](argument)
    return (Lower if verb.islower() else Custom)(verb, argument)


def _ends(reply: Reply) -> str:
    """Say why nothing more can be asked, or "".

    421 closes the session, and 3yz waits for what none of these commands has.
    """
    if reply.code == 421 or reply.reply_class == 3:
        return _shown(reply)
    return ""


def _shown(reply: Reply) -> str:
    return one_line(f"{reply.code} {reply.text}")


def _words(error: SmtpError) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}"
