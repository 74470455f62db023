"""XCLIENT and XFORWARD: what a trusted client says of the client behind it (Postfix).

Both carry attributes, `NAME=value`, whose values are xtext (RFC 3461 section 4), in
lines of at most 512 octets: what is longer goes in several commands, which add up. What
is not known is "[UNAVAILABLE]", what could not be found out now "[TEMPUNAVAIL]".

After XCLIENT the server begins anew, as if that client had just connected: a 220, and
EHLO comes next. XFORWARD is for the server's log only, and changes nothing.

See XCLIENT_README and XFORWARD_README of Postfix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.commands import Command
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.lengths import COMMAND_LINE
from smtpnb.protocol.line import line
from smtpnb.protocol.xtext import xtext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtpnb.protocol.secret import Octets

UNAVAILABLE: Final = "[UNAVAILABLE]"
TEMPUNAVAIL: Final = "[TEMPUNAVAIL]"

# In the order in which they are sent.
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "XCLIENT": (
        *("NAME", "REVERSE_NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN"),
        *("DESTADDR", "DESTPORT"),
    ),
    "XFORWARD": ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"),
}


class _Trusted(Command):
    """Attributes as words, in the order in which they are sent."""

    __slots__ = ("words",)

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def _octets(self) -> Octets:
        return line(self.verb, " ".join(self.words))

    def _needs(self) -> tuple[str, ...]:
        return (self.verb,)


class Xclient(_Trusted):
    """XCLIENT; made by `xclient`."""

    __slots__ = ()
    verb = "XCLIENT"
    step = "other"


class Xforward(_Trusted):
    """XFORWARD; made by `xforward`."""

    __slots__ = ()
    verb = "XFORWARD"
    step = "other"


def xclient(**attributes: Any) -> list[Xclient]:
    r"""Return XCLIENT with attributes: one command, or several where one is too long.

    Args:
        attributes: `name`, `addr`, `port`, `proto`, `helo`, `login`, `destaddr`,
            `destport`, `reverse_name`; None is "[UNAVAILABLE]".

    Raises:
        LocalProtocolError: No attribute, an unknown one, or a value that is none.

    Example:
        >>> [command] = xclient(name="spike.example", addr="2001:db8::1")
        >>> command.octets().shown
        b'XCLIENT NAME=spike.example ADDR=IPV6:2001:db8::1\r\n'
    """
    return [Xclient(words) for words in _split("XCLIENT", attributes)]


def xforward(**attributes: Any) -> list[Xforward]:
    r"""Return XFORWARD with attributes; as `xclient`.

    Args:
        attributes: `name`, `addr`, `port`, `proto`, `helo`, `ident`, `source`.

    Example:
        >>> [command] = xforward(name="spike.example", source="REMOTE")
        >>> command.octets().shown
        b'XFORWARD NAME=spike.example SOURCE=REMOTE\r\n'
    """
    return [Xforward(words) for words in _split("XFORWARD", attributes)]


def _split(verb: str, attributes: Mapping[str, Any]) -> list[tuple[str, ...]]:
    known = _ATTRIBUTES[verb]
    given = {name.upper(): value for name, value in attributes.items()}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None or not given:
        names = ", ".join(known).lower()
        said = f"has no attribute {unknown!r}" if unknown else "needs an attribute"
        raise LocalProtocolError(f"{verb} {said}: {names}; nothing was sent")
    lines: list[tuple[str, ...]] = []
    words: tuple[str, ...] = ()
    for name in known:
        if name not in given:
            continue
        word = f"{name}={_value(verb, name, given[name])}"
        if words and len(f"{verb} {' '.join((*words, word))}\r\n") > COMMAND_LINE:
            lines.append(words)
            words = ()
        words = (*words, word)
    return [*lines, words]


def _value(verb: str, name: str, value: Any) -> str:
    if value is None:
        return UNAVAILABLE
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise LocalProtocolError(
            f"{verb} {name} is text or a number, or {UNAVAILABLE} (None in Python), "
            f"not {value!r}; nothing was sent"
        )
    text = str(value)
    if not text.isprintable():
        raise LocalProtocolError(
            f"{verb} {name} holds a control character; nothing was sent"
        )
    if text.upper() in (UNAVAILABLE, TEMPUNAVAIL):
        return text.upper()
    is_v6 = name in ("ADDR", "DESTADDR") and ":" in text
    if is_v6 and not text.upper().startswith("IPV6:"):
        text = f"IPV6:{text}"  # as Postfix writes it
    return xtext(text)
