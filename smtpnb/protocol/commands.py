"""Commands: one small value for each.

A command is data: `Mail("a@b")`, `Rcpt("c@d")`. It knows its verb, its argument and
which extensions that argument needs; `smtpnb.protocol.line` makes octets of it.

Commands are slotted classes and not NamedTuples, for which `Noop() == Help()` is true,
nor dataclasses, whose import alone costs as much as the whole of this module.

This module knows nothing of the order of commands, nor of replies.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from smtpnb.protocol.addresses import forward_path, reverse_path
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.line import line, without_urlauth
from smtpnb.protocol.names import a_label
from smtpnb.protocol.secret import Octets, placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from smtpnb.protocol.parameters import Parameter


class Command:
    """One command. Equal when its class and its fields are equal.

    Attributes:
        verb: As it stands on the wire.
        step: The word of the transcript's `step` column.
    """

    __slots__: tuple[str, ...] = ()
    verb: str
    step: str

    @property
    def event(self) -> str:
        """The word of the session table: the verb, or "BDAT LAST"."""
        return self.verb

    @property
    def path_said(self) -> str | None:
        """Of MAIL and RCPT, the path; None of others."""
        return None

    @property
    def n_behind(self) -> int:
        """How many octets behind the line belong to it: the chunk of BDAT."""
        return 0

    def says(self, parameter: str) -> bool:
        """Whether a parameter, "SMTPUTF8" or "BODY=BINARYMIME", stands in MAIL."""
        del parameter
        return False

    def objection(self) -> str:
        """Return why the grammar objects, with the rule; "" if it does not."""
        return ""

    def octets(self, *, lax: bool = False) -> Octets:
        """Return the line.

        Args:
            lax: Accept an argument that breaks the grammar.

        Raises:
            LocalProtocolError: The argument must not be sent.
        """
        objection = "" if lax else self.objection()
        if objection:
            raise LocalProtocolError(f"{self.verb}: {objection}; nothing was sent")
        return self._octets()

    def fits(self, most: int) -> bool:
        """Whether the line has at most so many octets, CRLF included."""
        return len(self.octets(lax=True)) <= most

    def needs(self) -> tuple[str, ...]:
        """Return the extension keywords without which this must not be sent."""
        return self._needs()

    def _octets(self) -> Octets:
        return _bare(self.verb)

    def _needs(self) -> tuple[str, ...]:
        return ()

    def _fields(self) -> tuple[object, ...]:
        names = (
            n for kind in type(self).__mro__ for n in kind.__dict__.get("__slots__", ())
        )
        return tuple(getattr(self, name) for name in names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Command) or type(other) is not type(self):
            return False
        return other._fields() == self._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        fields = ", ".join(repr(field) for field in self._fields())
        return f"{type(self).__name__}({fields})"


@lru_cache  # of our own verbs, which hold nothing of the user's
def _bare(verb: str) -> Octets:
    return line(verb)


def _are_few(n_characters: int, most: int) -> bool:
    """Whether a line of so many characters fits, be each four octets of UTF-8."""
    return 4 * n_characters + len("MAIL FROM:<>\r\n") <= most


class _WithText(Command):
    """A command whose argument is free text."""

    __slots__ = ("text",)

    def __init__(self, text: str = "") -> None:
        self.text = text

    def fits(self, most: int) -> bool:
        """Whether the line has at most so many octets, CRLF included."""
        return _are_few(len(self.text), most) or super().fits(most)

    def _octets(self) -> Octets:
        return line(self.verb, self.text) if self.text else _bare(self.verb)


class _Hello(_WithText):
    __slots__ = ()

    def objection(self) -> str:
        """Return why the grammar objects to the identity (RFC 5321 4.1.1.1)."""
        if not self.text:
            return "an identity is needed (RFC 5321 section 4.1.1.1)"
        if " " in self.text:
            return f"{self.text!r}: one word, no spaces (RFC 5321 section 4.1.1.1)"
        if self.text.startswith("[") and "%" in self.text:
            return (
                f"{self.text!r}: the zone of an address means something on this "
                "machine only (RFC 5321 section 4.1.3)"
            )
        if not self.text.isascii():
            return (
                f"{self.text!r}: nobody knows yet whether the server takes UTF-8: say "
                f"{a_label(self.text)} (RFC 6531 section 3.7.1)"
            )
        return ""


class Ehlo(_Hello):
    """EHLO (RFC 5321 section 4.1.1.1)."""

    __slots__ = ()
    verb = "EHLO"
    step = "ehlo"


class Helo(_Hello):
    """HELO: the fallback for a server that does not know EHLO."""

    __slots__ = ()
    verb = "HELO"
    step = "ehlo"


class Lhlo(_Hello):
    """LHLO: LMTP's EHLO (RFC 2033 section 4.1)."""

    __slots__ = ()
    verb = "LHLO"
    step = "ehlo"


class StartTls(Command):
    """STARTTLS (RFC 3207)."""

    __slots__ = ()
    verb = "STARTTLS"
    step = "starttls"

    def _needs(self) -> tuple[str, ...]:
        return ("STARTTLS",)


class _WithPath(Command):
    __slots__ = ("parameters", "path")
    _prefix: ClassVar[str]
    _checked: ClassVar[Callable[..., str]]
    path: str
    parameters: tuple[str, ...]

    @property
    def path_said(self) -> str | None:
        """The path."""
        return self.path

    def fits(self, most: int) -> bool:
        """Whether the line has at most so many octets, CRLF included."""
        n = len(self.path)
        if self.parameters:
            n += sum(map(len, self.parameters)) + len(self.parameters)
        return _are_few(n, most) or super().fits(most)

    def objection(self) -> str:
        """Return why the grammar objects to the path or a parameter."""
        try:
            self._checked(self.path)
        except LocalProtocolError as error:
            return str(error)
        if not self.parameters:
            return ""
        why: str = parameters().objection_to(self.parameters, self.verb)
        return why

    def _octets(self) -> Octets:
        # No space on either side of the colon (RFC 5321 section 3.3).
        path: str = self._checked(self.path, lax=True)
        # Whether UTF-8 may be said here is for the session to know.
        said = " ".join([f"{self._prefix}:{path}", *self.parameters])
        return line(self.verb, said, utf8=True)

    def says(self, parameter: str) -> bool:
        """Whether a parameter stands behind the path."""
        return any(word.upper() == parameter for word in self.parameters)

    def _needs(self) -> tuple[str, ...]:
        if not self.parameters:
            return ()
        made = map(parameters().of_word, self.parameters)
        return tuple(dict.fromkeys(key for each in made for key in each.needs()))


class Mail(_WithPath):
    r"""MAIL FROM (RFC 5321 section 4.1.1.2).

    Args:
        path: The reverse-path; "" is the null path "<>".
        size: SIZE, in octets.
        body: BODY: "7BIT", "8BITMIME" or "BINARYMIME".
        smtputf8: Say SMTPUTF8 (RFC 6531), which a non-ASCII path needs.
        ret: RET: "FULL" or "HDRS" (RFC 3461).
        envid: ENVID: a name of the envelope; it becomes xtext.
        parameters: More of them: words as they stand on the wire, or values of
            `smtpnb.protocol.parameters`.
        more: The others by name: `auth`, `by`, `holdfor`, `holduntil`, `mt_priority`,
            `requiretls` and `prdr`, as `SmtpClient.mail_from` takes them.

    Example:
        >>> Mail("a@b.example", ret="HDRS", envid="a+b").octets().shown
        b'MAIL FROM:<a@b.example> RET=HDRS ENVID=a+2Bb\r\n'
    """

    __slots__ = ()
    verb = "MAIL"
    step = "mail"
    _prefix = "FROM"
    _checked = staticmethod(reverse_path)

    def __init__(
        self,
        path: str,
        *,
        size: int | None = None,
        body: str | None = None,
        smtputf8: bool = False,
        ret: str | None = None,
        envid: str | None = None,
        parameters: Iterable[str | Parameter] = (),
        **more: Any,
    ) -> None:
        self.path = path
        named = {
            "size": size,
            "body": body,
            "smtputf8": smtputf8 or None,
            "ret": ret,
            "envid": envid,
            **more,
        }
        self.parameters = _words("MAIL", named, parameters)


class Rcpt(_WithPath):
    """RCPT TO (RFC 5321 section 4.1.1.3).

    It also says in an envelope what is asked for one recipient:
    `client.send(message, "a@b", [Rcpt("c@d", notify="NEVER"), "e@f"])`.

    Args:
        path: The forward-path.
        notify: NOTIFY (RFC 3461): "NEVER", or "SUCCESS,FAILURE" and the like.
        orcpt: ORCPT (RFC 3461): the recipient as first named; it becomes xtext.
        rrvs: RRVS (RFC 7293): a datetime; with "C" or "R": (datetime, "C").
        parameters: As for `Mail`.

    Example:
        >>> Rcpt("c@d", notify="NEVER", orcpt="a+b@d").parameters
        ('NOTIFY=NEVER', 'ORCPT=rfc822;a+2Bb@d')
    """

    __slots__ = ()
    verb = "RCPT"
    step = "rcpt"
    _prefix = "TO"
    _checked = staticmethod(forward_path)

    def __init__(
        self,
        path: str,
        *,
        notify: str | Iterable[str] | None = None,
        orcpt: str | None = None,
        rrvs: Any = None,
        parameters: Iterable[str | Parameter] = (),
    ) -> None:
        self.path = path
        named = {"notify": notify, "orcpt": orcpt, "rrvs": rrvs}
        self.parameters = _words("RCPT", named, parameters)


def _words(
    verb: str, named: Mapping[str, Any], more: Iterable[str | Parameter]
) -> tuple[str, ...]:
    """Return the parameters as words; loading nothing where there are none."""
    if not (more or [value for value in named.values() if value is not None]):
        return ()
    module = parameters()
    kinds = module.OF_MAIL if verb == "MAIL" else module.OF_RCPT
    unknown = next((name for name in named if name not in kinds), None)
    if unknown is not None:
        raise LocalProtocolError(
            f"{verb} has no parameter {unknown!r}: {', '.join(kinds)}; another one is "
            "said by parameters=; nothing was sent"
        )
    words: tuple[str, ...] = module.words_of(named, kinds, more)
    return words


def parameters() -> Any:
    """Return the module of parameters, loaded when a command has one."""
    from smtpnb.protocol import parameters as module

    return module


class Data(Command):
    """DATA: the verb alone (RFC 5321 section 4.1.1.4)."""

    __slots__ = ()
    verb = "DATA"
    step = "data"


class EndOfData(Command):
    """The final dot: no verb, but a command with a reply of its own."""

    __slots__ = ()
    verb = "."
    step = "eod"

    def _octets(self) -> Octets:
        return Octets(b".\r\n")


class Bdat(Command):
    """BDAT: the line before a chunk (RFC 3030 section 2). The chunk follows it.

    Args:
        size: Octets of the chunk.
        last: Whether the message ends with it. Its reply is then the final one.
    """

    __slots__ = ("last", "size", "step")
    verb = "BDAT"

    def __init__(self, size: int, *, last: bool = False) -> None:
        self.size = size
        self.last = last
        self.step = "eod" if last else "body"

    @property
    def event(self) -> str:
        """A chunk, or the last one: its reply is the final one."""
        return "BDAT LAST" if self.last else "BDAT"

    @property
    def n_behind(self) -> int:
        """The chunk."""
        return self.size

    def _octets(self) -> Octets:
        return line("BDAT", f"{self.size} LAST" if self.last else str(self.size))

    def _needs(self) -> tuple[str, ...]:
        return ("CHUNKING",)


class Burl(Command):
    r"""BURL: the server fetches a piece of the message itself (RFC 4468 section 3).

    To the session it is a chunk, which a BDAT may precede or follow. The token of a
    URLAUTH (RFC 4467) opens a mailbox, and is not shown.

    Args:
        url: What to fetch, most often imap://.
        last: Whether the message ends with it.

    Example:
        >>> Burl("imap://h.example/;urlauth=submit+a:internal:91354a47", last=True)
        Burl('imap://h.example/;urlauth=submit+a:internal:<secret 8 bytes>', last=True)
    """

    __slots__ = ("last", "step", "url")
    verb = "BURL"

    def __init__(self, url: str, *, last: bool = False) -> None:
        self.url = url
        self.last = last
        self.step = "eod" if last else "body"

    @property
    def event(self) -> str:
        """A chunk, or the last one."""
        return "BDAT LAST" if self.last else "BDAT"

    def objection(self) -> str:
        """Return why the grammar objects to the URL."""
        if ":" not in self.url or " " in self.url or not self.url.isascii():
            return "a URL is one ASCII word with a scheme (RFC 4468 section 3.5)"
        return ""

    def _octets(self) -> Octets:
        made = line("BURL", f"{self.url} LAST" if self.last else self.url)
        wire = bytes(made.wire)
        return Octets(wire, without_urlauth(wire))

    def _needs(self) -> tuple[str, ...]:
        return ("BURL",)

    def __repr__(self) -> str:
        url = without_urlauth(self.url.encode()).decode()
        return f"Burl({url!r}, last={self.last})"


class Etrn(Command):
    """ETRN: start the queue for a host (RFC 1985 section 5).

    Args:
        node: The name of the host; "@" before it means its subdomains as well, "#" a
            queue that the server names so.
    """

    __slots__ = ("node",)
    verb = "ETRN"
    step = "etrn"

    def __init__(self, node: str) -> None:
        self.node = node

    def objection(self) -> str:
        """Return why the grammar objects to the name."""
        name = self.node.removeprefix("@").removeprefix("#")
        if not name or " " in self.node:
            return (
                f"{self.node!r}: the name of one host, or @ or # and a name (RFC 1985 "
                "section 5.3)"
            )
        return ""

    def _octets(self) -> Octets:
        return line("ETRN", self.node)

    def _needs(self) -> tuple[str, ...]:
        return ("ETRN",)


class Rset(Command):
    """RSET (RFC 5321 section 4.1.1.5)."""

    __slots__ = ()
    verb = "RSET"
    step = "rset"


class Noop(_WithText):
    """NOOP (RFC 5321 section 4.1.1.9)."""

    __slots__ = ()
    verb = "NOOP"
    step = "noop"


class _OfUser(_WithText):
    """VRFY or EXPN: a user or a list, perhaps not in ASCII (RFC 6531 3.7.4.2)."""

    __slots__ = ()

    def __init__(self, text: str, *, smtputf8: bool = False) -> None:
        super().__init__(f"{text} SMTPUTF8" if smtputf8 else text)

    @property
    def _is_utf8(self) -> bool:
        return self.text.upper().endswith(" SMTPUTF8")

    def _octets(self) -> Octets:
        return line(self.verb, self.text, utf8=self._is_utf8)

    def _needs(self) -> tuple[str, ...]:
        return ("SMTPUTF8",) if self._is_utf8 else ()


class Vrfy(_OfUser):
    """VRFY (RFC 5321 section 4.1.1.6).

    Args:
        text: A user or an address.
        smtputf8: Say SMTPUTF8 behind it, which non-ASCII text needs.
    """

    __slots__ = ()
    verb = "VRFY"
    step = "vrfy"


class Expn(_OfUser):
    """EXPN (RFC 5321 section 4.1.1.7); as `Vrfy`."""

    __slots__ = ()
    verb = "EXPN"
    step = "expn"


class Help(_WithText):
    """HELP (RFC 5321 section 4.1.1.8)."""

    __slots__ = ()
    verb = "HELP"
    step = "help"


class Quit(Command):
    """QUIT (RFC 5321 section 4.1.1.10)."""

    __slots__ = ()
    verb = "QUIT"
    step = "quit"


class Custom(Command):
    """Any verb with any argument: what a workbench needs to ask odd questions.

    It is subject to no rule of order; injection is refused as everywhere.
    """

    __slots__ = ("argument", "step", "verb")

    def __init__(self, verb: str, argument: str = "") -> None:
        # Upper case of some other letter may be ASCII ("\u017f" gives "S"): left alone,
        # and refused by `line`.
        self.verb = verb.upper() if verb.isascii() else verb
        self.argument = argument
        # No content follows BURL, as it does BDAT: its reply is that of a chunk.
        burl = self.verb == "BURL"
        self.step = step_of(self.event) if burl else _STEP_OF.get(self.verb, "other")

    @property
    def event(self) -> str:
        """The verb; or a chunk, "BDAT" or "BDAT LAST", whoever wrote it."""
        if self.verb not in ("BDAT", "BURL"):
            return self.verb
        last = self.argument.upper().endswith(" LAST")
        return "BDAT LAST" if last else "BDAT"

    @property
    def n_behind(self) -> int:
        """Of BDAT, the chunk; whoever says it so has to send it as well."""
        size = re.match(r"[0-9]{1,20}(?![^ ])", self.argument)
        return int(size[0]) if size and self.verb == "BDAT" else 0

    @property
    def path_said(self) -> str | None:
        """Of MAIL and RCPT, the path that stands in the argument."""
        if self.step not in {"mail", "rcpt"}:
            return None
        found = re.match(
            r"\s*(?:FROM|TO)\s*:\s*(?:<(.*?)>|(\S*))", self.argument, re.IGNORECASE
        )
        return (found[1] or found[2] or "") if found else None

    def says(self, parameter: str) -> bool:
        """Whether a parameter stands in the argument."""
        return parameter in self.argument.upper().split()

    def _octets(self) -> Octets:
        made = line(self.verb, self.argument, utf8=True)
        if self._shown_argument == self.argument:
            return made
        return Octets(
            bytes(made.wire), f"{self.verb} {self._shown_argument}\r\n".encode()
        )

    @property
    def _shown_argument(self) -> str:
        # An initial response is a password in base64, whoever wrote it.
        if self.verb == "BURL":
            return without_urlauth(self.argument.encode()).decode()
        mechanism, space, initial = self.argument.partition(" ")
        if self.verb != "AUTH" or initial in ("", "="):
            return self.argument
        return mechanism + space + placeholder(len(initial.encode())).decode()

    def __repr__(self) -> str:
        return f"Custom({self.verb!r}, {self._shown_argument!r})"


class Auth(Command):
    """AUTH with its mechanism and perhaps an initial response (RFC 4954 section 4).

    Args:
        mechanism: The name of the SASL mechanism.
        initial: The initial response, or None for none (b"" is sent as "=").
    """

    __slots__ = ("initial", "mechanism")
    verb = "AUTH"
    step = "auth"

    def __init__(self, mechanism: str, initial: memoryview | None = None) -> None:
        self.mechanism = mechanism
        self.initial = initial

    def fits(self, most: int) -> bool:
        """Whether the line has at most so many octets; no secret is written for it."""
        n = 0 if self.initial is None else 1 + _n_coded(self.initial)
        verb = f"AUTH {self.mechanism}\r\n".encode("utf-8", "replace")  # refused later
        return len(verb) + n <= most

    def objection(self) -> str:
        """Return why the grammar objects to the mechanism (RFC 4954 section 4)."""
        if not self.mechanism or " " in self.mechanism:
            return f"{self.mechanism!r}: one word, no spaces (RFC 4954 section 4)"
        return ""

    def _octets(self) -> Octets:
        start = line("AUTH", self.mechanism)
        if self.initial is None:
            return start
        head = bytes(start.wire[:-2]) + b" "
        code = base64.b64encode(self.initial) or b"="
        return Octets(head + code + b"\r\n", head + placeholder(len(code)) + b"\r\n")

    def _needs(self) -> tuple[str, ...]:
        return ("AUTH",)

    def __repr__(self) -> str:
        return f"Auth({self.mechanism!r}, ...)"


def _n_coded(response: memoryview) -> int:
    """Return how long base64 makes it."""
    return 4 * ((len(response) + 2) // 3)


class AuthResponse(Command):
    """One answer to a 334: secret by type, whatever it holds (RFC 4954 section 4)."""

    __slots__ = ("response",)
    verb = ""
    step = "auth"

    def __init__(self, response: memoryview) -> None:
        self.response = response

    def fits(self, most: int) -> bool:
        """Whether the line has at most so many octets; no secret is written for it."""
        return _n_coded(self.response) + 2 <= most

    def _octets(self) -> Octets:
        code = base64.b64encode(self.response)
        return Octets(code + b"\r\n", placeholder(len(code)) + b"\r\n")

    def __repr__(self) -> str:
        return "AuthResponse(...)"


class AuthCancel(Command):
    """A lone "*" ends the exchange; the server answers 501 (RFC 4954 section 4)."""

    __slots__ = ()
    verb = "*"
    step = "auth"

    def _octets(self) -> Octets:
        return Octets(b"*\r\n")


_STEP_OF: Final[Mapping[str, str]] = {
    kind.verb: kind.step
    for kind in (
        *(Ehlo, Helo, Lhlo, StartTls, Auth, Mail, Rcpt, Data),
        *(Rset, Noop, Vrfy, Expn, Help, Quit, Etrn),
    )
}
_STEP_OF_EVENT: Final[Mapping[str, str]] = {
    **_STEP_OF,
    ".": "eod",
    "BDAT": "body",
    "BDAT LAST": "eod",
    "": "auth",
    "*": "auth",
}


def step_of(event: str) -> str:
    """Return the word of the transcript's `step` column for an event of the table."""
    return _STEP_OF_EVENT.get(event, "other")
