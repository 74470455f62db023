"""One line of `%smtp`, cut into words; nothing here knows what the words mean.

Words go to the wire as they were typed, quotes included, for `RCPT TO:<"a b"@c>` needs
its quotes; quotes only keep spaces together. The value of an option loses them.

`{expr}` is evaluated, strictly: a name that is missing is an error, never left as it
stands. A word that is one `{expr}` and nothing else passes the object itself. `$` is
an ordinary character, since passwords and addresses have it; IPython's own expansion
is not used.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from IPython.core.error import UsageError

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.names import host_and_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Evaluate = Callable[[str], Any]


# Values that have one text: a port, a path.
_TEXTUAL: Final = (str, int, float, os.PathLike)
_OCTETS: Final = (bytes, bytearray, memoryview)
_BRACE: Final = re.compile(r"\{\{|\}\}|\{")


class Word(NamedTuple):
    """One word: as typed (after expansion), and the object if it was one `{expr}`."""

    text: str
    value: Any = None
    is_value: bool = False
    gap: str = " "  # what stood before it
    expression: str = ""  # what stood in the braces

    @property
    def spoken(self) -> str:
        """The text, for what goes to the wire.

        Raises:
            UsageError: It is the value of an `{expr}` that is no text.
        """
        if self.is_value and not isinstance(self.value, _TEXTUAL):
            kind = type(self.value).__name__
            raise UsageError(f"{self.text} is a {kind}; here text is needed")
        return self.text

    @property
    def unquoted(self) -> str:
        """The text without the quotes around it, or around what follows its `=`."""
        head, equals, tail = self.text.partition("=")
        if equals and head.startswith("--"):
            return f"{head}={_bare(tail)}"
        return _bare(self.text)


def octets(value: Any, wanted: str) -> bytes:
    """Return octets of whatever type.

    Raises:
        UsageError: They are none.
    """
    if not isinstance(value, _OCTETS):
        kind = "" if value is None else f", not {type(value).__name__}"
        raise UsageError(f"{wanted}{kind}")
    return bytes(value)


def _bare(text: str) -> str:
    if len(text) > 1 and text[0] in "\"'" and text[0] == text[-1]:
        return text[1:-1]
    return text


def words(line: str, evaluate: Evaluate) -> list[Word]:
    """Cut a line at its spaces and expand each word.

    Args:
        line: What stands behind `%smtp`.
        evaluate: Gives the value of a Python expression.

    Raises:
        UsageError: A quote is not closed, or an expression failed.
    """
    return [
        _expanded(piece, evaluate)._replace(gap=gap) for gap, piece in _pieces(line)
    ]


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Yield each word with the spaces before it."""
    at = before = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        end = _end_of_word(line, at)
        yield line[before:at], line[at:end]
        at = before = end


def _end_of_word(line: str, start: int) -> int:
    at = start
    while at < len(line) and not line[at].isspace():
        at = _end_of_part(line, at, may_quote=at == start or line[at - 1] == "=")
    return at


def _end_of_part(line: str, at: int, *, may_quote: bool) -> int:
    """Return where the quoted string, the expression or the character at `at` ends."""
    character = line[at]
    if character == '"' or (character == "'" and may_quote):
        end = _end_of_quote(line, at)
        if end < 0 and character == '"':
            raise UsageError(f"the quote before {line[at + 1 :]!r} is not closed")
        return end + 1 or at + 1  # O'Brien's apostrophe stands for itself
    if line.startswith(("{{", "}}"), at):
        return at + 2
    if character == "{":
        return _end_of_expression(line, at) or at + 1
    return at + 1


def _end_of_quote(line: str, at: int) -> int:
    r"""Return where the quote that begins at `at` ends, or -1.

    A backslash quotes what follows it (RFC 5321 section 4.1.2), unless nothing would
    end the quote then: "C:\tmp\" is a folder.
    """
    quote = line[at]
    match = re.compile(rf"(?:[^\\{quote}]|\\.)*{quote}").match(line, at + 1)
    return match.end() - 1 if match else line.find(quote, at + 1)


def _end_of_expression(text: str, at: int) -> int:
    """Return the end of the balanced braces that begin at `at`, or 0."""
    depth = 0
    for end in range(at, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return end + 1
    return 0


def expand(text: str, evaluate: Evaluate) -> str:
    """Replace each `{expr}` by the text of its value, and `{{` and `}}` by a brace.

    A brace that nothing closes stands for itself.

    Raises:
        UsageError: An expression failed, or gave octets, which are no text.
    """
    parts = []
    at = 0
    while found := _BRACE.search(text, at):
        start, brace = found.start(), found.group()
        parts.append(text[at:start])
        if len(brace) == 2:
            parts.append(brace[0])
            at = start + 2
            continue
        end = _end_of_expression(text, start)
        if not end:
            parts.append(brace)
            at = start + 1
            continue
        value = _value(text[start + 1 : end - 1], evaluate)
        if isinstance(value, _OCTETS):
            raise UsageError(f"{text[start:end]} gives octets; here text is needed")
        parts.append(str(value))
        at = end
    return "".join([*parts, text[at:]])


def is_one_expression(text: str) -> bool:
    """Tell whether a text is one `{expr}` and nothing else."""
    text = text.strip()
    return text[:1] == "{" != text[1:2] and _end_of_expression(text, 0) == len(text)


def _expanded(piece: str, evaluate: Evaluate) -> Word:
    if is_one_expression(piece):
        value = _value(piece[1:-1], evaluate)
        text = str(value) if isinstance(value, _TEXTUAL) else piece
        return Word(text, value, is_value=True, expression=piece[1:-1].strip())
    return Word(expand(piece, evaluate))


def _value(expression: str, evaluate: Evaluate) -> Any:
    try:
        return evaluate(expression.strip())
    except Exception as error:  # noqa: BLE001  # whatever the user's code raises
        kind = type(error).__name__
        raise UsageError(f"{{{expression}}}: {kind}: {error}") from None


def place(text: str) -> tuple[str, dict[str, Any]]:
    """Cut what names a server, as `SmtpClient.connect` takes it.

    Args:
        text: HOST[:PORT], lmtp://HOST:PORT, or unix:/PATH.

    Raises:
        UsageError: The port is no number.
    """
    if text.startswith("unix:"):
        return text, {}
    bare = text.removeprefix("lmtp://")
    try:
        host, port = host_and_port(bare)
    except LocalProtocolError as error:
        raise UsageError(str(error)) from None
    return host, {"port": port, **({} if bare == text else {"protocol": "lmtp"})}


def bracketed(host: str) -> str:
    """Return a host so that `:PORT` can follow it: an IPv6 address in brackets."""
    return f"[{host}]" if host.count(":") > 1 and host[0] != "[" else host
