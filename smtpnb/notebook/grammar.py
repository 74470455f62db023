"""The grammar of `%smtp` as data: what `--help`, the parser and completion share.

`[VAR <<] [@NAME] COMMAND [words] [--option value] [;]`. This module cuts a line into a
`Request`; what a command does stands in `verbs`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from IPython.core.error import UsageError

from smtpnb.notebook.line import Word, is_one_expression, words
from smtpnb.protocol.guards import GUARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Option(NamedTuple):
    """One `--option`: its metavariable ("" for a flag), its choices, one line."""

    metavar: str
    help: str
    choices: tuple[str, ...] = ()


class Command(NamedTuple):
    """One command: how its words read, one line, how many words, its options.

    `talks` is False for what is beside the conversation: no live line, nothing to
    expect. `without` names the common options that make no sense here.
    """

    arguments: str
    help: str
    at_least: int = 0
    at_most: int | None = 0
    options: Mapping[str, Option] = {}
    choices: tuple[str, ...] = ()
    talks: bool = True
    without: tuple[str, ...] = ()


COMMON: Final[Mapping[str, Option]] = {
    "--expect": Option("CODE", "stop unless the reply matches: 250, 2, 25x, 5.7.1"),
    "--timeout": Option("S", "seconds for the whole command"),
    "--lax": Option("", "send it out of order, or without the extension offered"),
    "--lift": Option("GUARD[,GUARD]", f"lift these guards only: {', '.join(GUARDS)}"),
    "--background": Option("", "go on while the cell returns; gives a handle"),
}
_HELP: Final = {"--help": Option("", "tell how the command is written")}
_VERIFY: Final = {
    "--verify": Option(
        "MODE", "require a valid certificate, or report", ("require", "report")
    ),
    "--ca": Option("FILE", "PEM file, or {text}, of the CA to trust"),
    "--server-name": Option("NAME", "what the certificate must name, if not the host"),
}
FAULT: Final = {
    "--reply": Option("TEXT", 'answer so: "451 4.3.0 Not now"'),
    "--delay": Option("S", "answer so many seconds later"),
    "--drip": Option("S", "answer an octet at a time, so many seconds apart"),
    "--drop": Option("", "close the connection instead of answering"),
    "--stall": Option("", "say nothing at all"),
    "--eight-bit": Option("", "answer with 8-bit octets"),
    "--times": Option("N", "the first N times only"),
    "--probability": Option("P", "now and then: 0.5 is every other time"),
    "--skip": Option("N", "let N go by first"),
    "--per": Option("SECONDS", "and N more after so many seconds"),
    "--each": Option("", "count --times and --skip for each address by itself"),
}
PHASES: Final = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot")
SANDBOX_WORDS: Final = ("stop", "inbox", "fault", "clear")
TABLES: Final = ("events", "exchanges", "transactions", "sessions")
ANY: Final = None
BARE: Final = "%%smtp"  # a cell that is a dialogue
EXPAND: Final = Option("", "replace {expr} in the cell")

_MECHANISMS: Final = (
    *("auto", "plain", "login", "cram-md5", "digest-md5", "ntlm", "gssapi"),
    *(f"scram-sha-{n}{plus}" for n in (1, 256, 512) for plus in ("", "-plus")),
    *("xoauth2", "oauthbearer", "external", "anonymous"),
)

_BODIES: Final = ("7bit", "8bitmime", "binarymime")
_OF_MAIL: Final = {
    "--size": Option("OCTETS", "how long the message is (SIZE=)"),
    "--body": Option("TYPE", "what octets it has (BODY=)", _BODIES),
    "--smtputf8": Option("", "addresses or headers beyond ASCII (SMTPUTF8)"),
    "--ret": Option("WHAT", "what a bounce brings back (RET=, DSN)", ("full", "hdrs")),
    "--envid": Option("ID", "a name that a bounce repeats (ENVID=, DSN)"),
    "--auth": Option("ADDRESS", "who submitted it (AUTH=)"),
    "--by": Option("SECONDS;MODE", "deliver within: 120;R (BY=, DELIVERBY)"),
    "--holdfor": Option("S", "keep it so long first (HOLDFOR=, FUTURERELEASE)"),
    "--holduntil": Option("WHEN", "or until 2027-01-31T08:00:00Z (HOLDUNTIL=)"),
    "--mt-priority": Option("N", "how urgent it is, -9 to 9 (MT-PRIORITY=)"),
    "--requiretls": Option("", "TLS the whole way, or no delivery (REQUIRETLS)"),
    "--prdr": Option("", "a reply for each recipient, after the message (PRDR)"),
}
_OF_RCPT: Final = {
    "--notify": Option("WHEN", "when to tell the sender: success,failure (NOTIFY=)"),
    "--orcpt": Option("ADDRESS", "the address as it was first written (ORCPT=)"),
    "--rrvs": Option("WHEN", "only if theirs since 2026-01-31T08:00:00Z;C (RRVS=)"),
}
_ATTRIBUTES: Final = "NAME=VALUE [ADDR=VALUE ...]"

COMMANDS: Final[Mapping[str, Command]] = {
    "connect": Command(
        "[HOST[:PORT] | HOST PORT | unix:/PATH | sandbox | {sandbox}]",
        "connect and read the greeting; without a word, to the last host; a port may "
        "be a name, such as submission",
        at_most=2,
        options={
            "--early": Option("{octets}", "send these before the greeting has come"),
            "--lmtp": Option("", "speak LMTP, at a port that is not 25; LHLO greets"),
            "--tls": Option(
                "MODE",
                "implicit: from the first octet; starttls: also EHLO, STARTTLS, EHLO",
                ("none", "starttls", "implicit"),
            ),
            **_VERIFY,
            "--disable": Option("KEYWORD[,KEYWORD]", "take it as not announced"),
            "--proxy": Option(
                "VERSION[,SOURCE,DESTINATION]",
                "a PROXY header first: v1,192.0.2.1:56324,192.0.2.2:25, or v2",
            ),
        },
        choices=("sandbox",),
    ),
    "ehlo": Command("[IDENTITY]", "greet, and learn what is offered", at_most=1),
    "helo": Command("[IDENTITY]", "greet a server of before 1995", at_most=1),
    "lhlo": Command("[IDENTITY]", "greet in LMTP (RFC 2033)", at_most=1),
    "starttls": Command("", "begin TLS; EHLO is due again", options=_VERIFY),
    "auth": Command(
        "[USER [{password}]]",
        "authenticate; the password, or a token, is asked for",
        at_most=2,
        options={
            "--mechanism": Option("NAME", "auto: the strongest offered", _MECHANISMS),
            "--identity": Option("NAME", "whom to speak for, if not for USER"),
            "--initial-response": Option("", "LOGIN: send USER with AUTH"),
            "--no-initial-response": Option("", "wait for the server's 334"),
            "--password-env": Option("NAME", "the variable that holds the secret"),
            "--keyring": Option("SERVICE", "take the secret from the keyring"),
            "--allow-cleartext-auth": Option("", "send it without TLS"),
        },
        without=("--background",),  # it may ask a person
    ),
    "mail": Command(
        "FROM:<PATH> [K=V ...]",
        "begin a mail transaction; FROM:<> is the null reverse-path",
        at_least=1,
        at_most=ANY,
        options=_OF_MAIL,
    ),
    "rcpt": Command(
        "TO:<PATH> [K=V ...]",
        "add a recipient",
        at_least=1,
        at_most=ANY,
        options=_OF_RCPT,
    ),
    "data": Command(
        "",
        "say DATA; as %%smtp data, send the cell as the message",
        options={"--expand": Option("", "%%smtp data: replace {expr} in the cell")},
    ),
    "end": Command("", "end the message that a bare data began: the final dot"),
    "bdat": Command(
        "{octets}",
        "send a chunk of the message, as it is (CHUNKING)",
        at_least=1,
        at_most=1,
        options={"--last": Option("", "the message ends with it")},
    ),
    "send": Command(
        "{message} | {messages}",
        "send whole messages, EHLO first if it was not said; %%smtp send: the cell",
        at_most=1,
        options={
            "--expand": Option("", "%%smtp send: replace {expr} in the cell"),
            "--from": Option("PATH", "the reverse-path; an EmailMessage has one"),
            "--to": Option("PATH[,PATH]", "the recipients, or {a list}; the same"),
            **{name: _OF_MAIL[name] for name in _OF_MAIL if name != "--size"},
            **_OF_RCPT,
            "--convert": Option("", "re-encode what the server could not be given"),
            "--quit": Option("", "QUIT in one group with the end of the message"),
            "--stop-after": Option("PHASE", "go no further, and say QUIT", PHASES),
            "--drop-after": Option("PHASE", "the same, and drop without QUIT", PHASES),
            "--drop-after-send": Option("PHASE", "drop before the reply", PHASES),
            "--octets": Option("N", "drop when so many octets of it have left"),
            "--slow": Option("OCTETS/S", "so many octets of it, every S seconds"),
            "--end-of-data": Option("{octets}", "in place of the dot; own servers"),
            "--own-server": Option("WHY", "that it is yours, and what is tried"),
        },
    ),
    "rset": Command("", "forget the mail transaction"),
    "noop": Command("[TEXT]", "do nothing", at_most=ANY),
    "vrfy": Command("TEXT", "ask about an address", at_least=1, at_most=ANY),
    "expn": Command("TEXT", "ask about a list", at_least=1, at_most=ANY),
    "etrn": Command("DOMAIN", "start a queue (RFC 1985)", at_least=1, at_most=1),
    "xclient": Command(
        _ATTRIBUTES, "be another client (Postfix)", at_least=1, at_most=ANY
    ),
    "xforward": Command(
        _ATTRIBUTES, "say whose mail follows (Postfix)", at_least=1, at_most=ANY
    ),
    "burl": Command(
        "URL",
        "let the server fetch a piece of the message (RFC 4468)",
        at_least=1,
        at_most=1,
        options={"--last": Option("", "the message ends with it")},
    ),
    "help": Command("[TEXT]", "ask the server for help", at_most=ANY),
    "quit": Command("", "say goodbye and close"),
    "command": Command(
        "VERB [TEXT]", "send any verb, in any order", at_least=1, at_most=ANY
    ),
    "raw": Command(
        "{octets}",
        "send octets as they are, and read the replies",
        at_least=1,
        at_most=1,
        options={"--replies": Option("N", "how many replies to read; 1")},
    ),
    "disconnect": Command("", "close without a word", talks=False),
    "cancel": Command("", "stop what runs, and close", talks=False),
    "sandbox": Command(
        "[stop | inbox | fault STEP [PATTERN] | clear]",
        "a real server in this process; the same one when repeated",
        at_most=3,
        options={
            "--tls": Option("MODE", "at start", ("starttls", "implicit", "none")),
            "--auth": Option("{ACCOUNTS}", "at start: a dict of users and passwords"),
            "--protocol": Option("NAME", "at start", ("smtp", "lmtp")),
            "--unix": Option("PATH", "at start: a unix socket in place of a port"),
            "--prdr": Option("", "at start: announce PRDR"),
            **FAULT,
        },
        choices=SANDBOX_WORDS,
        talks=False,
    ),
    "transcript": Command(
        "[events | exchanges | transactions | sessions | text]",
        "what happened, as text or as a DataFrame",
        at_most=1,
        options={"--all": Option("", "of a table: every column")},
        choices=(*TABLES, "text"),
        talks=False,
    ),
    "conformance": Command(
        "",
        "ask how the server keeps RFC 5321, say QUIT, show the findings; no message",
        options={"--rude": Option("", "also send what is too long")},
        without=("--expect", "--lax", "--lift"),  # many replies, in its own order
    ),
    "lint": Command("", "judge what happened by the RFCs", talks=False),
    "explain": Command(
        "[TEXT | {reply} | {transcript}]",
        "who refused what, how permanent it is, and what to do; %%smtp explain: a cell",
        at_most=1,
        options={"--expand": EXPAND},
        talks=False,
    ),
    "report": Command(
        "[{transcript}]",
        "a bug report in Markdown, with other names for people and hosts",
        at_most=1,
        options={"--as-it-was": Option("", "keep the names")},
        talks=False,
    ),
    "compare": Command(
        "@A @B | {a} {b}",
        "what differs between two",
        at_least=2,
        at_most=2,
        talks=False,
    ),
    "save": Command(
        "FILE",
        "write the transcript: .parquet or .jsonl",
        at_least=1,
        at_most=1,
        options={"--overwrite": Option("", "replace a file that is there")},
        talks=False,
    ),
    "load": Command("FILE", "read a transcript", at_least=1, at_most=1, talks=False),
    "session": Command(
        "[NAME | {client}]", "the SmtpClient behind", at_most=1, talks=False
    ),
    "use": Command(
        "NAME | {client}", "go on in that session", at_least=1, at_most=1, talks=False
    ),
    "sessions": Command("", "all sessions, as a DataFrame", talks=False),
    "panel": Command(
        "[HOST[:PORT] | sandbox | {sandbox}]",
        "this session with buttons, and one that cancels",
        at_most=1,
        choices=("sandbox",),
        talks=False,
    ),
}

_BARE: Final = Command("", "", options={"--expand": EXPAND})
_FLAG: Final = True
_PASTED: Final = re.compile(
    r"(?P<head>(?:\w+\s+<<\s+)?(?:@\S+\s+)?explain)\s+(?P<text>(?!-).*)",
    re.IGNORECASE | re.DOTALL,
)


class Request(NamedTuple):
    """One line, understood.

    Attributes:
        command: The command in lower case; "" for none.
        words: Its words.
        options: `--name` to its text, object, or True for a flag.
        session: The NAME of `@NAME`, or "".
        variable: The VAR of `VAR <<`, or "".
        silent: Whether a `;` ended the line.
    """

    command: str
    words: list[Word]
    options: dict[str, Any]
    session: str = ""
    variable: str = ""
    silent: bool = False

    @property
    def text(self) -> str:
        """The words as they go to the wire, with the spaces between them."""
        return text_of(self.words)

    def number(self, option: str) -> float | None:
        """Return the value of an option as a number of at least 0, or None.

        Raises:
            UsageError: It is none.
        """
        value = self.options.get(option)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number < float("inf"):
            raise UsageError(f"{option} wants a number, not {value!r}")
        return number

    def whole(self, option: str) -> int | None:
        """Return the value of an option as a whole number of at least 0, or None.

        Raises:
            UsageError: It is none.
        """
        number = self.number(option)
        if number is None:
            return None
        if not number.is_integer():
            said = self.options[option]
            raise UsageError(f"{option} wants a whole number, not {said!r}")
        return int(number)


def text_of(found: list[Word]) -> str:
    """Return words with the spaces that stood between them."""
    return "".join(word.gap + word.spoken for word in found).lstrip()


def parse(line: str, evaluate: Callable[[str], Any]) -> Request:
    """Understand a line.

    Raises:
        UsageError: No such command or option, a value or a word missing or too many.
    """
    stripped = line.strip()
    silent = stripped.endswith(";")
    found = _words(stripped.removesuffix(";"), evaluate)
    variable = session = ""
    if len(found) > 1 and found[1].text == "<<":
        variable = found[0].text
        if not variable.isidentifier():
            raise UsageError(f"{variable!r} before << is not a name for a variable")
        del found[:2]
    if found and found[0].text.startswith("@"):
        session = found.pop(0).text[1:]
        if not session:
            raise UsageError("@ wants the name of a session: @NAME")
    if not found or found[0].text in ("--help", "-h"):
        options = {"--help": _FLAG} if found else {}
        return Request("", [], options, session, variable, silent)
    if found[0].text.startswith("--"):  # of a bare %%smtp cell
        plain, options = _options(BARE, found)
        if plain:
            raise UsageError(
                f"a command stands before its options: {plain[0].text} {found[0].text}"
            )
        return Request("", [], options, session, variable, silent)
    name = found.pop(0).text.lower()
    if found and found[0].text == "-h":
        found[0] = Word("--help")
    plain, options = _options(name, found)
    if "--help" not in options:
        _check_count(name, plain, options)
    return Request(name, plain, options, session, variable, silent)


def _words(line: str, evaluate: Callable[[str], Any]) -> list[Word]:
    """Cut a line; what `explain` is asked about is one word, as it was pasted.

    A server's text has quotes and braces of its own. One `{expr}` is still a value.
    """
    match = _PASTED.match(line)
    if match is None or is_one_expression(match["text"]):
        return words(line, evaluate)
    return [*words(match["head"], evaluate), Word(match["text"].rstrip())]


def known_options(command: str) -> dict[str, Option]:
    """Return all options of a command."""
    row = _BARE if command == BARE else COMMANDS[command]
    common = COMMON if row.talks else {}
    left = {name: one for name, one in common.items() if name not in row.without}
    return {**row.options, **left, **_HELP}


def _options(name: str, found: list[Word]) -> tuple[list[Word], dict[str, Any]]:
    if name != BARE and name not in COMMANDS:
        told = _meant(name, COMMANDS, "there are")
        raise UsageError(f"no such command: {name!r}; {told}")
    known = known_options(name)
    plain: list[Word] = []
    options: dict[str, Any] = {}
    rest = iter(found)
    for word in rest:
        if word.is_value or not word.text.startswith("--"):
            plain.append(word)
            continue
        option, equals, text = word.unquoted.partition("=")
        option = option.lower()
        if option not in known:
            who = "a bare %%smtp cell" if name == BARE else name
            told = _meant(option, known, "it has")
            raise UsageError(f"{who} has no {option}; {told}")
        if not known[option].metavar:
            if equals:
                raise UsageError(f"{option} takes no value")
            options[option] = _FLAG
        elif equals:
            options[option] = _chosen(option, known[option], text)
        else:
            value = next(rest, None)
            if value is None:
                raise UsageError(f"{option} wants {known[option].metavar}")
            if value.is_value:
                options[option] = value.value
            else:
                options[option] = _chosen(option, known[option], value.unquoted)
    return plain, options


def _meant(said: str, known: Iterable[str], all_of_them: str) -> str:
    """Return what was meant, probably; or all that there is."""
    near = get_close_matches(said, known, n=1)
    return f"{near[0]}?" if near else f"{all_of_them} {', '.join(known)}"


def _chosen(name: str, option: Option, text: str) -> str:
    if not option.choices:
        return text
    if text.lower() not in option.choices:
        raise UsageError(f"{name} is one of {', '.join(option.choices)}, not {text!r}")
    return text.lower()


def _check_count(name: str, plain: list[Word], options: dict[str, Any]) -> None:
    command = COMMANDS[name]
    if len(plain) < command.at_least:
        raise UsageError(f"{name} wants {command.arguments}")
    if command.at_most is not None and len(plain) > command.at_most:
        extra = plain[command.at_most].text
        wants = command.arguments or "no more words"
        hint = "".join(
            f' ({option} "..." wants quotes around spaces)'
            for option in options
            if known_options(name)[option].metavar == "TEXT"
        )
        raise UsageError(f"{name} takes {wants}; {extra!r} is too much{hint}")
