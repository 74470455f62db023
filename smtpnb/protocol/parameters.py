r"""Parameters of MAIL and RCPT: one small value for each (RFC 5321 section 4.1.2).

A parameter is one word on the wire, `RET=HDRS`. Its class knows the keyword, the
command it belongs to, the extension that defines it, and its syntax; what a user says
in plain values (a time, an address) becomes the word here, xtext included:

    >>> Orcpt("me+list@example.org").word
    'ORCPT=rfc822;me+2Blist@example.org'
    >>> DeliverBy(120, "R").word
    'BY=120;R'

A word that was written by hand is judged by the same class: `of_word("RET=ALL")` has
the same objection as `Ret("ALL")`. Nothing is corrected: what is wrong is refused, or
sent as it is by who is `lax`.

This module knows nothing of sessions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.moments import (
    DATE_TIME,
    UTC_ONLY,
    WHOLE_SECONDS,
    instant_of,
    moment_of,
    no_such_day,
    seconds_of,
)
from smtpnb.protocol.xtext import XTEXT, Xtext, octets_of, plain, xtext

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from smtpnb.protocol.capabilities import Capabilities

# RFC 5321 section 4.1.2: esmtp-keyword and esmtp-value; RFC 6531 allows UTF-8 in it.
_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[!-<>-~\x80-\U0010ffff]+)?"
# RFC 3461 section 4.2: addr-type is an atom.
_ADDR_TYPE: Final = r"[A-Za-z0-9!#$%&'*/?^_`{|}~.-]+"
# Control characters, line ends of Unicode, halves of surrogate pairs.
_UNSAFE: Final = "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
# RFC 3461 sections 4.2, 4.4 and 5.4: octets of the value, as it stands on the wire.
MAX_ENVID: Final = 100
MAX_ORCPT: Final = 500


class Parameter:
    """One parameter; equal to another of the same class and word.

    Attributes:
        keyword: As the RFC spells it.
        verb: The command it belongs to: "MAIL" or "RCPT"; "" for either.
        extension: The EHLO keyword that announces it; "" if nobody knows.
        rule: Where that stands.
        syntax: A pattern of the value, None if it has none; case does not count.
        words: The same in words.
        word: As it stands on the wire.
    """

    __slots__ = ("word",)
    keyword: ClassVar[str] = ""
    verb: ClassVar[str] = ""
    extension: ClassVar[str] = ""
    rule: ClassVar[str] = "RFC 5321 section 4.1.2"
    syntax: ClassVar[str | None] = None
    words: ClassVar[str] = "KEYWORD or KEYWORD=value, without spaces and control"
    word: str

    def __init__(self, value: Any = None) -> None:
        self.word = self.keyword if value is None else f"{self.keyword}={value}"

    @property
    def value(self) -> str:
        """What stands behind the "="; "" if nothing does."""
        return self.word.partition("=")[2]

    def objection(self, verb: str) -> str:
        """Return why it must not stand in a command, with its rule; "" if it may."""
        if self.verb not in ("", verb):
            return f"{self.keyword} is a parameter of {self.verb} ({self.rule})"
        if not self._is_well_formed() or (why := self._more()):
            said = self.words if not self._is_well_formed() else why
            return f"{self.word!r}: {said} ({self.rule})"
        return ""

    def needs(self) -> tuple[str, ...]:
        """Return the EHLO keywords without which it must not be sent."""
        return (self.extension,) if self.extension else ()

    def outside(self, offered: Capabilities) -> str:
        """Return how it exceeds what the server announced; "" if it does not."""
        del offered
        return ""

    def _is_well_formed(self) -> bool:
        if self.syntax is None:
            return "=" not in self.word
        pattern = re.compile(self.syntax, re.IGNORECASE)
        return "=" in self.word and pattern.fullmatch(self.value) is not None

    def _more(self) -> str:
        """Return what is wrong with a value that is well-formed."""
        return ""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == self.word

    def __hash__(self) -> int:
        return hash((type(self), self.word))

    def __str__(self) -> str:
        return self.word

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.word!r}>"


class Other(Parameter):
    """A parameter that this module has no class for; it is sent as it is written."""

    __slots__ = ()

    def __init__(self, word: str) -> None:
        self.word = word

    def needs(self) -> tuple[str, ...]:
        """Return the EHLO keyword that announces it, where that is known."""
        keyword = _EXTENSION_OF.get(self.word.partition("=")[0].upper())
        return (keyword,) if keyword else ()

    def _is_well_formed(self) -> bool:
        return re.fullmatch(_WORD, self.word) is not None


class Size(Parameter):
    """SIZE: the octets of the message (RFC 1870)."""

    __slots__ = ()
    keyword, verb, extension = "SIZE", "MAIL", "SIZE"
    rule, syntax = "RFC 1870 section 3", r"[0-9]{1,20}"
    words = "SIZE is a number of octets, at most 20 digits"


class Body(Parameter):
    """BODY: 7BIT, 8BITMIME (RFC 6152) or BINARYMIME (RFC 3030)."""

    __slots__ = ()
    keyword, verb, extension = "BODY", "MAIL", "8BITMIME"
    rule, syntax = "RFC 6152 section 2", r"7BIT|8BITMIME|BINARYMIME"
    words = "BODY is 7BIT, 8BITMIME or BINARYMIME"

    def needs(self) -> tuple[str, ...]:
        """Return 8BITMIME, and for BINARYMIME that as well (RFC 3030 section 3)."""
        binary = self.value.upper() == "BINARYMIME"
        return ("8BITMIME", "BINARYMIME") if binary else ("8BITMIME",)


class SmtpUtf8(Parameter):
    """SMTPUTF8: a path or a header is not ASCII (RFC 6531)."""

    __slots__ = ()
    keyword, verb, extension = "SMTPUTF8", "MAIL", "SMTPUTF8"
    rule, words = "RFC 6531 section 3.4", "SMTPUTF8 has no value"


class Ret(Parameter):
    """RET: what a failure report is to return, FULL or HDRS (RFC 3461)."""

    __slots__ = ()
    keyword, verb, extension = "RET", "MAIL", "DSN"
    rule, syntax = "RFC 3461 section 4.3", r"FULL|HDRS"
    words = "RET is FULL or HDRS"


class Envid(Parameter):
    """ENVID: the sender's own name of the envelope, for the reports (RFC 3461).

    Args:
        value: Printable ASCII; it becomes xtext, unless it is an `Xtext`. As such it
            has at most 100 characters.
    """

    __slots__ = ()
    keyword, verb, extension = "ENVID", "MAIL", "DSN"
    rule, syntax = "RFC 3461 section 4.4", rf"(?-i:{XTEXT})"
    words = 'ENVID is xtext: "+" and two upper-case hexadecimal digits for "+" and "="'

    def __init__(self, value: str) -> None:
        super().__init__(xtext(_text("envid", value)))

    def _more(self) -> str:
        before = plain(self.value)
        if not before:
            return "ENVID is not empty"
        if not (before.isascii() and before.isprintable()):
            return "ENVID is printable ASCII before it is encoded"
        n = len(self.value)
        if n > MAX_ENVID:
            return f"ENVID has at most {MAX_ENVID} characters as xtext, not {n}"
        return ""


class Notify(Parameter):
    """NOTIFY: of what to send a report (RFC 3461).

    Args:
        value: "NEVER"; or SUCCESS, FAILURE and DELAY, several in one text with commas,
            or as an iterable.
    """

    __slots__ = ()
    keyword, verb, extension = "NOTIFY", "RCPT", "DSN"
    rule = "RFC 3461 section 4.1"
    syntax = r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*"
    words = "NOTIFY is NEVER alone, or SUCCESS, FAILURE and DELAY with commas between"

    def __init__(self, value: str | Iterable[str]) -> None:
        if not isinstance(value, str):
            value = ",".join(_text("notify", word) for word in _several(value))
        super().__init__(value)


class Orcpt(Parameter):
    r"""ORCPT: the recipient as the sender named it (RFC 3461, RFC 6533).

    Args:
        value: An address, which becomes xtext: of type rfc822, or utf-8 if it is not
            ASCII. Another type stands before it and a semicolon: "x400;...". An
            `Xtext` is sent as it is, with its type.

    Example:
        >>> Orcpt("jörg@example.org").word
        'ORCPT=utf-8;j\\x{F6}rg@example.org'
    """

    __slots__ = ()
    keyword, verb, extension = "ORCPT", "RCPT", "DSN"
    rule, syntax = "RFC 3461 section 4.2", rf"{_ADDR_TYPE};.*"
    words = 'ORCPT is a type, ";" and an address as xtext, such as rfc822;a@b'

    def __init__(self, value: str) -> None:
        _text("orcpt", value)
        if isinstance(value, Xtext):
            super().__init__(value)
            return
        typed = re.match(rf"({_ADDR_TYPE});", value)
        address = value[typed.end() :] if typed else value
        kind = typed[1] if typed else "rfc822" if value.isascii() else "utf-8"
        encode = _utf8_address if kind.lower() == "utf-8" else xtext
        super().__init__(f"{kind};{encode(address)}")

    def _more(self) -> str:
        kind, _, address = self.value.partition(";")
        if not address:
            return "ORCPT has an address behind the type"
        if len(octets_of(self.value)) > MAX_ORCPT:
            return f"ORCPT has at most {MAX_ORCPT} octets"
        if (
            kind.lower() == "utf-8"
        ):  # RFC 6533 section 3: either form, xtext-like or not
            return ""
        return "" if re.fullmatch(XTEXT, address) else self.words


def _utf8_address(address: str) -> str:
    """Write a UTF-8 address in ASCII (RFC 6533 section 3, utf-8-addr-xtext)."""
    return re.sub(
        r"[^!-*,-<>-\[\]-~]", lambda m: rf"\x{{{ord(m.group()):02X}}}", address
    )


class DeliverBy(Parameter):
    """BY: how soon it must be delivered, and what else (RFC 2852).

    Args:
        seconds: From now; below zero: that long ago.
        mode: "R": return it then; "N": say that it is late, and go on.
        trace: Report each relay ("T").

    Example:
        >>> DeliverBy(3600, "N").word
        'BY=3600;N'
    """

    __slots__ = ()
    keyword, verb, extension = "BY", "MAIL", "DELIVERBY"
    rule, syntax = "RFC 2852 section 4", r"[+-]?[0-9]{1,9};[NR]T?"
    words = "BY is seconds of at most 9 digits, ; and N or R, perhaps T: 120;R"

    def __init__(
        self, seconds: int | timedelta, mode: str, *, trace: bool = False
    ) -> None:
        super().__init__(f"{seconds_of('by', seconds)};{mode}{'T' if trace else ''}")

    @property
    def seconds(self) -> int:
        """How soon."""
        return int(self.value.partition(";")[0])

    @property
    def _returns(self) -> bool:
        return self.value.partition(";")[2].upper().startswith("R")

    def _more(self) -> str:
        if self._returns and self.seconds <= 0:
            return "BY with R needs a time above zero"
        return ""

    def outside(self, offered: Capabilities) -> str:
        """Return whether the time is shorter than the server takes with R."""
        least = offered.number("DELIVERBY")
        if self._returns and least is not None and self.seconds < least:
            return (
                f"{self.word!r}: the server takes {least} seconds and more (RFC 2852 \
section 3)"
            )
        return ""


class HoldFor(Parameter):
    """HOLDFOR: release it after so many seconds (RFC 4865).

    Args:
        value: Seconds, or a timedelta.
    """

    __slots__ = ()
    keyword, verb, extension = "HOLDFOR", "MAIL", "FUTURERELEASE"
    rule, syntax = "RFC 4865 section 3", r"[1-9][0-9]{0,8}"
    words = "HOLDFOR is a number of seconds, 1 to 999999999"

    def __init__(self, value: int | timedelta) -> None:
        super().__init__(seconds_of("holdfor", value))

    def outside(self, offered: Capabilities) -> str:
        """Return whether the server holds nothing for so long."""
        most = offered.number("FUTURERELEASE")
        if most is not None and int(self.value) > most:
            return (
                f"{self.word!r}: the server holds for {most} seconds at most (RFC 4865 "
                "section 4.1)"
            )
        return ""


class HoldUntil(Parameter):
    """HOLDUNTIL: release it then (RFC 4865).

    Args:
        value: A datetime with its time zone, or a text of RFC 3339 in UTC.
    """

    __slots__ = ()
    keyword, verb, extension = "HOLDUNTIL", "MAIL", "FUTURERELEASE"
    rule, syntax = "RFC 4865 section 3", DATE_TIME + UTC_ONLY
    words = (
        "HOLDUNTIL is a date and time of RFC 3339 in UTC, such as 2027-01-31T08:00:00Z"
    )

    def __init__(self, value: datetime | str) -> None:
        super().__init__(moment_of("holduntil", value))

    def _more(self) -> str:
        return no_such_day(self.value)

    def outside(self, offered: Capabilities) -> str:
        """Return whether the server holds nothing until then."""
        words = offered.get("FUTURERELEASE", ())
        last = next((w for w in words if re.fullmatch(DATE_TIME, w)), None)
        if last is not None and instant_of(self.value) > instant_of(last):
            return (
                f"{self.word!r}: the server holds until {last} at most (RFC 4865 "
                "section 4.1)"
            )
        return ""


class MtPriority(Parameter):
    """MT-PRIORITY: -9 to 9 (RFC 6710)."""

    __slots__ = ()
    keyword, verb, extension = "MT-PRIORITY", "MAIL", "MT-PRIORITY"
    rule, syntax = "RFC 6710 section 3", r"-?[1-9]|0"
    words = "MT-PRIORITY is a number from -9 to 9"


class RequireTls(Parameter):
    """REQUIRETLS: every hop by verified TLS, or not at all (RFC 8689)."""

    __slots__ = ()
    keyword, verb, extension = "REQUIRETLS", "MAIL", "REQUIRETLS"
    rule, words = "RFC 8689 section 2", "REQUIRETLS has no value"


class Prdr(Parameter):
    """PRDR: the end of data is answered for each recipient (draft-hall-prdr-00)."""

    __slots__ = ()
    keyword, verb, extension = "PRDR", "MAIL", "PRDR"
    rule, words = "draft-hall-prdr-00 section 2", "PRDR has no value"


class Rrvs(Parameter):
    """RRVS: deliver only if the mailbox has had its owner since then (RFC 7293).

    Args:
        value: A datetime with its time zone, or a text of RFC 3339 in whole seconds.
        mode: "C": go on all the same where it cannot be honoured; "R": refuse.
    """

    __slots__ = ()
    keyword, verb, extension = "RRVS", "RCPT", "RRVS"
    rule, syntax = "RFC 7293 section 3.1", rf"{WHOLE_SECONDS}{DATE_TIME}(?:;[CR])?"
    words = "RRVS is a date and whole seconds of RFC 3339, perhaps with ;C or ;R"

    def __init__(self, value: datetime | str, mode: str = "") -> None:
        said = moment_of("rrvs", value)
        super().__init__(f"{said};{mode}" if mode else said)

    def _more(self) -> str:
        return no_such_day(self.value.partition(";")[0])


class AuthOf(Parameter):
    """AUTH: who submitted it first (RFC 4954 section 5).

    Args:
        value: An address, which becomes xtext; "" for "<>": not known.
    """

    __slots__ = ()
    keyword, verb, extension = "AUTH", "MAIL", "AUTH"
    rule, syntax = "RFC 4954 section 5", rf"(?-i:{XTEXT})|<>"
    words = "AUTH is an address as xtext, or <>"

    def __init__(self, value: str) -> None:
        super().__init__(xtext(_text("auth", value)) or "<>")

    def _more(self) -> str:
        return "" if self.value else "AUTH is an address as xtext, or <>"


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise LocalProtocolError(
            f"{name} is text, not {type(value).__name__}; nothing was sent"
        )
    control = re.search(_UNSAFE, value)
    if control is not None:  # not even encoded, by no guard: who wants it says Xtext
        raise LocalProtocolError(
            f"{name} holds U+{ord(control.group()):04X}; nothing was sent"
        )
    return value


def _several(values: Any) -> Iterable[Any]:
    if not hasattr(values, "__iter__"):
        raise LocalProtocolError(
            f"words are several, not one {type(values).__name__}; nothing was sent"
        )
    found: Iterable[Any] = values
    return found


def deliver_by(value: Any) -> DeliverBy | Parameter:
    """Return BY of what stands for it: (120, "R"), "120;R" or a `DeliverBy`."""
    if isinstance(value, DeliverBy):
        return value
    if isinstance(value, str):
        return of_word(f"BY={value}")
    if isinstance(value, tuple) and len(value) in (2, 3):
        seconds, mode, *trace = value
        return DeliverBy(seconds, mode, trace=bool(trace and trace[0]))
    raise LocalProtocolError(
        'by is seconds and a mode, (120, "R"), or the text "120;R" (RFC 2852 section '
        "4); nothing was sent"
    )


def _rrvs(value: Any) -> Parameter:
    if isinstance(value, tuple) and len(value) == 2:
        return Rrvs(*value)
    return value if isinstance(value, Rrvs) else Rrvs(value)


def _flag(kind: type[Parameter]) -> Any:
    return lambda value: kind() if value else None


# By the names of arguments: the keyword in lower case, "_" for "-".
OF_MAIL: Final[Mapping[str, Any]] = {
    "size": Size,
    "body": Body,
    "smtputf8": _flag(SmtpUtf8),
    "ret": Ret,
    "envid": Envid,
    "auth": AuthOf,
    "by": deliver_by,
    "holdfor": HoldFor,
    "holduntil": HoldUntil,
    "mt_priority": MtPriority,
    "requiretls": _flag(RequireTls),
    "prdr": _flag(Prdr),
}
OF_RCPT: Final[Mapping[str, Any]] = {"notify": Notify, "orcpt": Orcpt, "rrvs": _rrvs}

_KINDS: Final[Mapping[str, type[Parameter]]] = {
    kind.keyword: kind
    for kind in (
        *(Size, Body, SmtpUtf8, Ret, Envid, AuthOf, DeliverBy, HoldFor, HoldUntil),
        *(MtPriority, RequireTls, Prdr, Notify, Orcpt, Rrvs),
    )
}
# What its RFC forbids to say twice; of the others none says which one would count.
_ONCE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("RET", "ENVID", "NOTIFY", "ORCPT"), "RFC 3461 section 4.5"),
    "BODY": "RFC 6152 section 3",
}
# Of those without a class: RFC 3865, RFC 3885, RFC 4141 (both) and RFC 1845.
_EXTENSION_OF: Final[Mapping[str, str]] = {
    "SOLICIT": "NO-SOLICITING",
    "MTRK": "MTRK",
    "CONPERM": "CONPERM",
    "CONNEG": "CONNEG",
    "TRANSID": "CHECKPOINT",
}


def of_word(word: str) -> Parameter:
    """Return a parameter of its word, which is not changed.

    Example:
        >>> of_word("ret=hdrs")
        <Ret 'ret=hdrs'>
    """
    kind = _KINDS.get(_text("a parameter", word).partition("=")[0].upper())
    if kind is None:
        return Other(word)
    made = kind.__new__(kind)
    made.word = word
    return made


def words_of(
    named: Mapping[str, Any],
    kinds: Mapping[str, Any],
    more: Iterable[str | Parameter] = (),
) -> tuple[str, ...]:
    """Return the words of parameters, in order.

    Args:
        named: By the names of arguments; None and False are left out.
        kinds: What makes a parameter of each name.
        more: Others: words, or parameters.

    Raises:
        LocalProtocolError: A value is of a type that says nothing.
    """
    made = [
        value if isinstance(value, Parameter) else kinds[name](value)
        for name, value in named.items()
        if value is not None
    ]
    if isinstance(more, str):  # "BODY=8BITMIME RET=HDRS", as on the wire
        more = more.split()
    made += [
        each if isinstance(each, Parameter) else of_word(_text("a parameter", each))
        for each in _several(more or ())
    ]
    return tuple(each.word for each in made if each is not None)


def objection_to(words: Iterable[str], verb: str) -> str:
    """Return why the parameters of a command must not be sent; "" if they may.

    Args:
        words: As they stand on the wire.
        verb: "MAIL" or "RCPT".

    Example:
        >>> objection_to(["NOTIFY=NEVER"], "MAIL")
        'NOTIFY is a parameter of RCPT (RFC 3461 section 4.1)'
    """
    seen: set[str] = set()
    for word in words:
        why = of_word(word).objection(verb)
        if why:
            return why
        keyword = word.partition("=")[0].upper()
        if keyword in seen:
            rule = _ONCE.get(keyword, "which of the two counts?")
            return f"{keyword} stands twice ({rule})"
        seen.add(keyword)
    if {"HOLDFOR", "HOLDUNTIL"} <= seen:
        return "HOLDFOR or HOLDUNTIL, not both (RFC 4865 section 4)"
    return ""


def outside(words: Iterable[str], offered: Capabilities) -> str:
    """Return which parameter exceeds what the server announced; "" if none does.

    What is malformed exceeds nothing: that is the grammar's to say.
    """
    for word in words:
        parameter = of_word(word)
        if parameter.verb and not parameter.objection(parameter.verb):
            why = parameter.outside(offered)
            if why:
                return why
    return ""
