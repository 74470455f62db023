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
from typing import TYPE_CHECKING, ClassVar, Final

from smtpnb.protocol.addresses import forward_path, reverse_path
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.line import line
from smtpnb.protocol.secret import Octets, placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PATH_IN_ARGUMENT: Final = r"(?i)\s*(?:FROM|TO)\s*:\s*(?:<(.*?)>|(\S*))"

# The extension that defines a parameter of MAIL or RCPT.
_EXTENSION_OF: Final[Mapping[str, str]] = {
    "SIZE": "SIZE",  # RFC 1870
    "BODY": "8BITMIME",  # RFC 6152; BINARYMIME is RFC 3030
    "SMTPUTF8": "SMTPUTF8",  # RFC 6531
    "RET": "DSN",  # RFC 3461, as are the next three
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
    "AUTH": "AUTH",  # RFC 4954 section 5
}


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

    def says(self, parameter: str) -> bool:
        """Whether a parameter, "SMTPUTF8" or "BODY=BINARYMIME", stands in MAIL."""
        del parameter
        return False

    def octets(self, *, lax: bool = False) -> Octets:
        """Return the line.

        Args:
            lax: Accept an argument that breaks the grammar.

        Raises:
            LocalProtocolError: The argument must not be sent.
        """
        return self._octets(lax=lax)

    def needs(self) -> tuple[str, ...]:
        """Return the extension keywords without which this must not be sent."""
        return self._needs()

    def _octets(self, *, lax: bool) -> Octets:
        return line(self.verb)

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


class _WithText(Command):
    """A command whose argument is free text."""

    __slots__ = ("text",)

    def __init__(self, text: str = "") -> None:
        self.text = text

    def _octets(self, *, lax: bool) -> Octets:
        return line(self.verb, self.text)


class _Hello(_WithText):
    __slots__ = ()

    def _octets(self, *, lax: bool) -> Octets:
        if not (self.text or lax):
            raise LocalProtocolError(f"{self.verb} needs an identity")
        if " " in self.text and not lax:
            raise LocalProtocolError(f"{self.verb} {self.text!r}: one word, no spaces")
        return line(self.verb, self.text)


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


def _parameters(values: Mapping[str, str | None]) -> tuple[str, ...]:
    words = []
    for keyword, value in values.items():
        if value is None:
            continue
        words.append(f"{keyword}={value}" if value else keyword)
    return tuple(words)


def _check_parameters(verb: str, words: Iterable[str]) -> None:
    for word in words:
        if not word or " " in word:
            raise LocalProtocolError(f"{verb} parameter {word!r}: one word, no spaces")


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

    def _octets(self, *, lax: bool) -> Octets:
        if not lax:
            _check_parameters(self.verb, self.parameters)
        # No space on either side of the colon (RFC 5321 section 3.3).
        path = f"{self._prefix}:{self._checked(self.path, lax=lax)}"
        # Whether UTF-8 may be said here is for the session to know.
        return line(self.verb, " ".join([path, *self.parameters]), utf8=True)

    def says(self, parameter: str) -> bool:
        """Whether a parameter stands behind the path."""
        return any(word.upper() == parameter for word in self.parameters)

    def _needs(self) -> tuple[str, ...]:
        keywords = [word.partition("=")[0].upper() for word in self.parameters]
        needed = [_EXTENSION_OF[word] for word in keywords if word in _EXTENSION_OF]
        if self.says("BODY=BINARYMIME"):
            needed.append("BINARYMIME")
        return tuple(dict.fromkeys(needed))


class Mail(_WithPath):
    """MAIL FROM (RFC 5321 section 4.1.1.2).

    Args:
        path: The reverse-path; "" is the null path "<>".
        size: The SIZE parameter, in octets.
        body: "7BIT", "8BITMIME" or "BINARYMIME".
        smtputf8: Say SMTPUTF8 (RFC 6531), which a non-ASCII path needs.
        ret: "FULL" or "HDRS".
        envid: The envelope identifier, already as xtext.
        parameters: More of them, as they stand on the wire.
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
        parameters: Iterable[str] = (),
    ) -> None:
        self.path = path
        self.parameters = _parameters(
            {
                "SIZE": None if size is None else str(size),
                "BODY": body,
                "SMTPUTF8": "" if smtputf8 else None,
                "RET": ret,
                "ENVID": envid,
            }
        ) + tuple(parameters)


class Rcpt(_WithPath):
    """RCPT TO (RFC 5321 section 4.1.1.3).

    Args:
        path: The forward-path.
        notify: The NOTIFY parameter (RFC 3461), such as "SUCCESS,FAILURE".
        orcpt: The ORCPT parameter, already as xtext, such as "rfc822;a@b".
        parameters: More of them, as they stand on the wire.
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
        notify: str | None = None,
        orcpt: str | None = None,
        parameters: Iterable[str] = (),
    ) -> None:
        self.path = path
        self.parameters = _parameters({"NOTIFY": notify, "ORCPT": orcpt}) + tuple(
            parameters
        )


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

    def _octets(self, *, lax: bool) -> Octets:
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

    def _octets(self, *, lax: bool) -> Octets:
        return line("BDAT", f"{self.size} LAST" if self.last else str(self.size))

    def _needs(self) -> tuple[str, ...]:
        return ("CHUNKING",)


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


class Vrfy(_WithText):
    """VRFY (RFC 5321 section 4.1.1.6)."""

    __slots__ = ()
    verb = "VRFY"
    step = "vrfy"


class Expn(_WithText):
    """EXPN (RFC 5321 section 4.1.1.7)."""

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
        self.step = _STEP_OF.get(self.verb, "other")
        self.argument = argument

    @property
    def event(self) -> str:
        """The verb; or "BDAT LAST", whoever wrote it."""
        last = self.verb == "BDAT" and self.argument.upper().endswith(" LAST")
        return "BDAT LAST" if last else self.verb

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

    def _octets(self, *, lax: bool) -> Octets:
        made = line(self.verb, self.argument, utf8=True)
        if self._shown_argument == self.argument:
            return made
        return Octets(
            bytes(made.wire), f"{self.verb} {self._shown_argument}\r\n".encode()
        )

    @property
    def _shown_argument(self) -> str:
        # An initial response is a password in base64, whoever wrote it.
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

    def _octets(self, *, lax: bool) -> Octets:
        if not lax and (not self.mechanism or " " in self.mechanism):
            raise LocalProtocolError(f"AUTH {self.mechanism!r}: one word, no spaces")
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


class AuthResponse(Command):
    """One answer to a 334: secret by type, whatever it holds (RFC 4954 section 4)."""

    __slots__ = ("response",)
    verb = ""
    step = "auth"

    def __init__(self, response: memoryview) -> None:
        self.response = response

    def _octets(self, *, lax: bool) -> Octets:
        code = base64.b64encode(self.response)
        return Octets(code + b"\r\n", placeholder(len(code)) + b"\r\n")

    def __repr__(self) -> str:
        return "AuthResponse(...)"


class AuthCancel(Command):
    """A lone "*" ends the exchange; the server answers 501 (RFC 4954 section 4)."""

    __slots__ = ()
    verb = "*"
    step = "auth"

    def _octets(self, *, lax: bool) -> Octets:
        return Octets(b"*\r\n")


_STEP_OF: Final[Mapping[str, str]] = {
    kind.verb: kind.step
    for kind in (
        *(Ehlo, Helo, Lhlo, StartTls, Auth, Mail, Rcpt, Data),
        *(Rset, Noop, Vrfy, Expn, Help, Quit),
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
