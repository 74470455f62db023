"""The ten exercises of `notebooks/05-learn-smtp.ipynb`, and who is right.

An exercise is judged by what the server heard and kept (`Books`), not by what was typed
or by what the client believes. A judge returns what is missing, in words; "" means that
it is done. The solutions are shown after the last hint, and the tests run them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ACCOUNT: Final = ("ann", "sesame-open")
NEVER: Final = 0  # the code of a command that got no reply


@dataclass(frozen=True)
class Books:
    """What the server wrote down since an exercise began.

    Attributes:
        heard: Rows of `Sandbox.heard`.
        inbox: Rows of `Sandbox.inbox`.
    """

    heard: Sequence[Any]
    inbox: Sequence[Any]

    def done(self, *steps: tuple[str, int]) -> int:
        """Return how many of the steps one session did, one after the other.

        Args:
            steps: A shell pattern of a command (case ignored), and the code it got.
        """
        best = 0
        for number in {row.session for row in self.heard}:
            count = 0
            for row in self.heard:
                if row.session == number and count < len(steps):
                    count += _fits(row, *steps[count])
            best = max(best, count)
        return best

    def count(self, pattern: str, code: int) -> int:
        """Return how often a command got a code, in any session."""
        return sum(_fits(row, pattern, code) for row in self.heard)

    def mail_for(self, recipient: str) -> list[Any]:
        """Return the messages that were taken for a recipient."""
        return [row for row in self.inbox if recipient in _names(row)]


def _names(row: Any) -> list[str]:
    """Return for whom a message was; Bob is bob, as in `_fits`."""
    return [path.lower() for path in row.rcpt_to]


def _fits(row: Any, pattern: str, code: int) -> bool:
    said = f"{row.verb} {row.argument}".strip().upper()
    return row.code == code and fnmatchcase(said, pattern.upper())


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        title: A few words.
        task: What is asked.
        hints: Nudges, the smallest first.
        solution: Cells that do it.
        learned: What is told when it is done, with the section of the RFC.
        judge: Returns what is missing, or "".
        faults: What the server does wrong meanwhile: arguments of `Sandbox.fault`.
    """

    title: str
    task: str
    hints: tuple[str, ...]
    solution: tuple[str, ...]
    learned: str
    judge: Callable[[Books], str]
    faults: tuple[Mapping[str, Any], ...] = ()


def _hello(books: Books) -> str:
    steps = ("CONNECT", 220), ("EHLO ?*", 250), ("QUIT", 221)
    return (
        "nobody connected",
        "somebody connected, and no EHLO with a name was heard",
        "EHLO was heard, but the session did not end with QUIT",
        "",
    )[books.done(*steps)]


def _letter(books: Books) -> str:
    steps = (
        ("EHLO *", 250),
        ("MAIL FROM:<ann@client.example>*", 250),
        ("RCPT TO:<bob@sandbox.example>*", 250),
        ("DATA", 354),
        (".", 250),
    )
    if books.done(*steps) == 3 and books.count("BDAT*", 250):
        return "the message came by BDAT, as send does it: verb by verb means DATA"
    missing = (
        "no EHLO was heard",
        "no MAIL from ann@client.example was accepted",
        "MAIL was accepted; no RCPT to bob@sandbox.example was",
        "the envelope stands; DATA is missing",
        "DATA was answered 354; no end of the message was accepted",
        "",
    )[books.done(*steps)]
    if missing:
        return missing
    subjects = [row.subject for row in books.mail_for("bob@sandbox.example")]
    if "first" in subjects:
        return ""
    return f"a message for bob came, but its subject is {subjects[-1]!r}, not 'first'"


def _nobody(books: Books) -> str:
    steps = (
        ("RCPT TO:<bob@sandbox.example>*", 250),
        ("RCPT TO:<nobody@sandbox.example>*", 550),
        ("RCPT TO:<carol@sandbox.example>*", 250),
    )
    if books.done(*steps) < len(steps):
        return "one session must name bob, nobody and carol, in this order"
    wanted = ["bob@sandbox.example", "carol@sandbox.example"]
    if any(_names(row) == wanted for row in books.inbox):
        return ""
    return "all three were named; no message for bob and carol together arrived"


def _dots(books: Books) -> str:
    for row in books.inbox:
        lines = row.octets.split(b"\r\n")
        if b"." in lines and any(lines[lines.index(b".") + 1 :]):
            return ""
    if books.count("[?]", 500):
        return (
            "the message ended at the lone dot, and the lines behind it were taken for "
            "commands: what the server calls a dot alone is the end"
        )
    return "no message arrived whose body has a line '.' with another line below it"


def _order(books: Books) -> str:
    steps = (
        ("EHLO *", 250),
        ("RCPT *", 503),
        ("MAIL *", 250),
        ("RCPT *", 250),
        ("RSET", 250),
    )
    return (
        "no EHLO was heard",
        "no RCPT was heard before MAIL (503); was it the client that refused?",
        "RCPT was refused (503); now MAIL, in the same session",
        "MAIL was accepted; now RCPT again",
        "the transaction stands; RSET forgets it",
        "",
    )[books.done(*steps)]


def _private(books: Books) -> str:
    if not books.count("STARTTLS", 220):
        return "no STARTTLS was heard"
    if not any(row.tls for row in books.heard):
        return "STARTTLS was answered, and nothing was said inside TLS"
    found = [row for row in books.inbox if row.subject == "private"]
    if not found:
        refused = books.count("MAIL *", 503)
        said = "; MAIL was refused: TLS begins a new session, so EHLO is due again"
        return f"no message 'private' arrived{said if refused else ''}"
    if all(row.tls for row in found):
        return ""
    return (
        "a message 'private' came in clear, and whoever listened has it. Begin again "
        "with course.task(6)"
    )


def _who(books: Books) -> str:
    steps = ("AUTH *", 535), ("AUTH *", 235), ("MAIL *", 250)
    done = books.done(*steps)
    if done < len(steps):
        if books.count("AUTH *", 538):
            return "AUTH was refused in clear (538): STARTTLS first"
        return (
            "no wrong password was tried (535)",
            "now the right one, in the same session",
            f"{ACCOUNT[0]} is logged in; now her message, in the same session",
        )[done]
    if any(row.user == ACCOUNT[0] for row in books.inbox):
        return ""
    return f"{ACCOUNT[0]} is logged in; no message of hers arrived"


def _later(books: Books) -> str:
    if not books.count("RCPT TO:<dave@*>*", 451):
        return "no RCPT to dave@sandbox.example was heard"
    if books.mail_for("dave@sandbox.example"):
        return ""
    return "dave was refused for now (451), and nobody came back with the message"


def _silence(books: Books) -> str:
    if not books.count("NOOP*", NEVER):
        return "no NOOP was heard"
    last = max(row.session for row in books.heard if _fits(row, "NOOP*", NEVER))
    after = [row for row in books.heard if row.session > last]
    if Books(after, []).done(("CONNECT", 220), ("QUIT", 221)) == 2:
        return ""
    return "NOOP hangs in one session; a later one that ends with QUIT is missing"


def _once(books: Books) -> str:
    for name in ("erin", "frank"):
        found = books.mail_for(f"{name}@sandbox.example")
        if len(found) > 1:
            return (
                f"{name}'s order arrived {len(found)} times: the reply was lost, not "
                "the message. Begin again with course.task(10)"
            )
        if not books.count(f"RCPT TO:<{name}@*>*", 250):
            return f"nobody wrote to {name}@sandbox.example"
        if not found:
            return f"{name}'s order did not arrive"
        if len(found[0].rcpt_to) > 1:
            return (
                "one message went to both: two are wanted. Begin again with "
                "course.task(10)"
            )
    return ""


_HELLO: Final = ("%smtp connect {sandbox}", "%smtp ehlo client.example")
_FROM: Final = "%smtp mail from:<ann@client.example>"


def _cell(*lines: str) -> str:
    return "\n".join(lines)


def _to(name: str) -> str:
    return f"%smtp rcpt to:<{name}@sandbox.example>"


def _message(subject: str, line: str) -> str:
    return _cell("%%smtp data", f"Subject: {subject}", "", line, "")


EXERCISES: Final = (
    Exercise(
        title="Hello and goodbye",
        task="Connect to the sandbox, say who you are, and leave politely.",
        hints=(
            "Three commands: one makes the connection, one greets, one ends it.",
            "The greeting is EHLO with the name of your own host: client.example.",
        ),
        solution=(_cell(*_HELLO, "%smtp quit"),),
        learned=(
            "The server speaks first (220), and each command gets one reply: RFC 5321, "
            "sections 3.1 and 3.2. What EHLO lists are extensions, and only those may "
            "be used."
        ),
        judge=_hello,
    ),
    Exercise(
        title="A message by hand",
        task=(
            "Send a message from ann@client.example to bob@sandbox.example, verb by "
            "verb. Its subject is: first"
        ),
        hints=(
            (
                "The envelope comes first: the sender, then the recipient; then the "
                "content."
            ),
            "MAIL FROM:<...>, RCPT TO:<...>, and a cell that begins with %%smtp data.",
        ),
        solution=(
            _cell(*_HELLO, _FROM, _to("bob")),
            _message("first", "by hand"),
        ),
        learned=(
            "The envelope (MAIL, RCPT) is not the header (From:, To:): the server "
            "reads only the envelope. RFC 5321, sections 2.3.1 and 3.3."
        ),
        judge=_letter,
    ),
    Exercise(
        title="Not everybody is there",
        task=(
            "In one transaction name bob, nobody and carol (all @sandbox.example), in "
            "this order, and send a message to those who were accepted."
        ),
        hints=(
            "A refused recipient ends nothing: the transaction goes on without it.",
            "After three RCPT, one of them answered 550, DATA is still in order.",
        ),
        solution=(
            _cell(
                *_HELLO,
                _FROM,
                "for name in ('bob', 'nobody', 'carol'):",
                "    %smtp rcpt to:<{name}@sandbox.example>",
            ),
            _message("to two of three", "hello"),
        ),
        learned=(
            "Each recipient has a reply of its own; 5yz means that trying again will "
            "not help: RFC 5321, sections 3.3 and 4.2.1."
        ),
        judge=_nobody,
        faults=(
            {"step": "rcpt", "pattern": "nobody@*", "reply": "550 5.1.1 No such user"},
        ),
    ),
    Exercise(
        title="A dot that is not the end",
        task=(
            "A line with nothing but a dot ends a message. Send one whose body has "
            "such a line in the middle. Do it with a bare data, raw lines and end, and "
            "look at sandbox.inbox() if it arrives cut."
        ),
        hints=(
            "%smtp data, then %smtp raw {b'...'} --replies 0, then %smtp end.",
            (
                "The sender doubles a dot at the beginning of a line; the receiver "
                "takes one away."
            ),
        ),
        solution=(
            _cell(
                *_HELLO,
                _FROM,
                _to("bob"),
                "%smtp data",
                "lines = b'Subject: dots\\r\\n\\r\\nabove\\r\\n..\\r\\nbelow\\r\\n'",
                "%smtp raw {lines} --replies 0",
                "%smtp end",
            ),
        ),
        learned=(
            "This is dot-stuffing, RFC 5321 section 4.5.2. %%smtp data and "
            "client.data() do it for you; software that forgets it loses the rest of "
            "the message."
        ),
        judge=_dots,
    ),
    Exercise(
        title="Out of order",
        task=(
            "Name a recipient before there is a sender, and see what the server says. "
            "Then, in the same session, do it in the right order, and forget the "
            "transaction."
        ),
        hints=(
            "smtpnb refuses what is out of order before it is sent; --lax sends it.",
            "RCPT --lax, MAIL, RCPT, RSET.",
        ),
        solution=(
            _cell(
                *_HELLO,
                "%smtp rcpt to:<bob@sandbox.example> --lax",
                _FROM,
                _to("bob"),
                "%smtp rset",
            ),
        ),
        learned=(
            "503 says: not now. The session goes on as if nothing had been said. RFC "
            "5321, sections 4.1.4 and 4.2.2."
        ),
        judge=_order,
    ),
    Exercise(
        title="Behind a curtain",
        task=(
            "Send a message with the subject private, so that nobody on the way can "
            "read it."
        ),
        hints=(
            "The server offers STARTTLS; what follows it is encrypted.",
            "After STARTTLS everything said before is forgotten: EHLO again.",
        ),
        solution=(
            _cell(
                *_HELLO,
                "%smtp starttls",
                "%smtp ehlo client.example",
                _FROM,
                _to("bob"),
            ),
            _message("private", "for your eyes only"),
        ),
        learned=(
            "What was offered in clear may have been forged, so it is forgotten: RFC "
            "3207, section 4.2. The name in the certificate was verified, too."
        ),
        judge=_private,
    ),
    Exercise(
        title="Who are you?",
        task=(
            "Log in as ann: first with a wrong password, then with course.password; "
            "and send a message in that session."
        ),
        hints=(
            "AUTH is offered only inside TLS: compare the two replies to EHLO.",
            "%smtp auth ann asks for the password; {course.password} hands one over.",
        ),
        solution=(
            _cell(
                "%smtp connect {sandbox} --tls starttls",
                "guess = 'not the one'",
                "%smtp auth ann {guess}",
                "%smtp auth ann {course.password}",
                _FROM,
                _to("bob"),
            ),
            _message("it is me", "ann"),
        ),
        learned=(
            "A wrong password is 535, and the session goes on: RFC 4954, section 6. "
            "The password stands nowhere in %smtp transcript text."
        ),
        judge=_who,
    ),
    Exercise(
        title="Not now",
        task="Deliver a message to dave@sandbox.example.",
        hints=(
            "Ask what the reply means: %smtp explain",
            "4yz says: later. Forget the transaction (RSET), and try once more.",
        ),
        solution=(
            _cell(*_HELLO, _FROM, _to("dave"), "%smtp rset", _FROM, _to("dave")),
            _message("later", "hello dave"),
        ),
        learned=(
            "This was greylisting: who never comes back is not delivered. A real "
            "server wants minutes; RFC 5321, section 4.5.4.1, asks for 30 between two "
            "attempts."
        ),
        judge=_later,
        faults=(
            {
                "step": "rcpt",
                "pattern": "dave@*",
                "reply": "451 4.7.1 Greylisted, come back later",
                "times": 1,
            },
        ),
    ),
    Exercise(
        title="Silence",
        task=(
            "Say NOOP. The server will never answer. Get free, connect again, and "
            "leave politely."
        ),
        hints=(
            "The kernel's stop button ends a command; so does --timeout 2.",
            "Whose reply is unknown cannot be gone on with: a new connection.",
        ),
        solution=(
            _cell("%smtp connect {sandbox}", "%smtp noop --timeout 0.5"),
            _cell("%smtp connect {sandbox}", "%smtp quit"),
        ),
        learned=(
            "A late reply would be taken for the answer to the next command, so the "
            "connection is closed. How long to wait: RFC 5321, section 4.5.3.2."
        ),
        judge=_silence,
        faults=({"step": "noop", "stall": True, "times": 1},),
    ),
    Exercise(
        title="Did it arrive?",
        task=(
            "Send an order to erin and one to frank (both @sandbox.example), two "
            "messages. Each time the connection breaks. Each order must arrive exactly "
            "once."
        ),
        hints=(
            (
                "smtpnb says that the outcome is unknown. The end of the message left, "
                "and no reply came: it may have been accepted, or not."
            ),
            "sandbox.inbox() knows more than the client can: who is missing?",
        ),
        solution=(
            _cell(*_HELLO, _FROM, _to("erin")),
            _message("order for erin", "one"),
            _cell(*_HELLO, _FROM, _to("frank")),
            _message("order for frank", "one"),
            _cell("sandbox.inbox()[['rcpt_to', 'subject']]"),
            _cell(*_HELLO, _FROM, _to("frank")),
            _message("order for frank", "one"),
        ),
        learned=(
            "With mail there are three outcomes: accepted, refused, and unknown. Who "
            "sends again in doubt may deliver twice, who does not may lose it: RFC "
            "1047."
        ),
        judge=_once,
        faults=(
            {"step": "eod", "pattern": "erin@*", "drop": True, "times": 1},
            {"step": "body", "pattern": "frank@*", "drop": True, "times": 1},
        ),
    ),
)
