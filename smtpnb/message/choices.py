"""What was chosen for a message on its way, and why.

A user says what to send; how it leaves depends on the content and on what the server
announced. All of it can be read from these two, so it is worked out when somebody asks.

This module knows nothing of connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb.message.objections import objection_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpnb.protocol.capabilities import Capabilities


class Choice(NamedTuple):
    """One thing that was chosen.

    Attributes:
        about: "content", "turns", "BODY", "SMTPUTF8", "SIZE" or "convert".
        what: What was done; "" where nothing was said.
        why: The reason.
    """

    about: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what or 'not said'} ({self.why})"


class Leaving(NamedTuple):
    """How the messages of one connection leave.

    Attributes:
        offered: What the server announced.
        by_data: By DATA; else by BDAT.
        pipelined: In groups (RFC 2920); else command by command.
    """

    offered: Capabilities
    by_data: bool
    pipelined: bool


def choices(given: Any, sent: Any, leaving: Leaving) -> tuple[Choice, ...]:
    """Return what was chosen for a message.

    Args:
        given: The `MailObject` that was to be sent.
        sent: The one that was: another one where it was re-encoded.
        leaving: How it left.
    """
    said = sent.options.mail if sent.options else ()
    asked = {word.partition("=")[0].upper(): word for word in said}
    return (
        *_way(leaving),
        *_body(sent, leaving.offered, asked),
        *_utf8(sent, asked),
        *_size(sent, leaving.offered, asked),
        *_conversion(given, sent, leaving.offered),
    )


def _off_or_not(keyword: str, offered: Capabilities) -> str:
    if keyword in offered.disabled:
        return f"{keyword} is switched off (disable=)"
    if keyword in offered:
        return f"{keyword} is announced, and not used"
    return f"{keyword} is not announced"


def _way(leaving: Leaving) -> Iterator[Choice]:
    offered = leaving.offered
    if leaving.by_data:
        yield Choice("content", "DATA", _off_or_not("CHUNKING", offered))
    else:
        yield Choice("content", "BDAT", "CHUNKING is announced (RFC 3030)")
    if leaving.pipelined:
        yield Choice("turns", "groups", "PIPELINING is announced (RFC 2920)")
    else:
        why = _off_or_not("PIPELINING", offered)
        yield Choice("turns", "command by command", why)


def _body(sent: Any, offered: Capabilities, asked: dict[str, str]) -> Iterator[Choice]:
    if "BODY" in asked:
        yield Choice("BODY", asked["BODY"], "it was asked for")
        return
    eight = sent.needs_8bit
    what = "BODY=8BITMIME" if eight is not False and "8BITMIME" in offered else ""
    if eight is False:
        why = "the content is ASCII"
    elif what:
        said = "holds" if eight else "may hold"
        why = f"the content {said} octets over 127 (RFC 6152)"
    else:
        why = _off_or_not("8BITMIME", offered)
    yield Choice("BODY", what, why)


def _utf8(sent: Any, asked: dict[str, str]) -> Iterator[Choice]:
    if "SMTPUTF8" in asked:
        yield Choice("SMTPUTF8", "SMTPUTF8", "it was asked for")
        return
    paths = (sent.reverse_path, *sent.forward_paths)
    path = next((path for path in paths if not path.isascii()), None)
    header = None if path is not None else sent.header_in_8bit
    if path is not None:
        yield Choice("SMTPUTF8", "SMTPUTF8", f"{path!r} is not ASCII (RFC 6531)")
    elif header is not None:
        why = f"the header {header[0]!r} is not ASCII (RFC 6531)"
        yield Choice("SMTPUTF8", "SMTPUTF8", why)
    else:
        yield Choice("SMTPUTF8", "", "paths and headers are ASCII, as far as is known")


def _size(sent: Any, offered: Capabilities, asked: dict[str, str]) -> Iterator[Choice]:
    if "SIZE" in asked:
        yield Choice("SIZE", asked["SIZE"], "it was asked for")
    elif "SIZE" not in offered:
        yield Choice("SIZE", "", _off_or_not("SIZE", offered))
    elif sent.size is None:
        yield Choice("SIZE", "", "it is not known before the content is read")
    else:
        yield Choice("SIZE", f"SIZE={sent.size}", "SIZE is announced (RFC 1870)")


def _conversion(given: Any, sent: Any, offered: Capabilities) -> Iterator[Choice]:
    if sent is given:
        yield Choice("convert", "", "it leaves as it is")
        return
    why, *_ = objection_to(given, offered).partition(": ")
    yield Choice("convert", "re-encoded", why or "it was asked for")
    for remark in sent.remarks[len(given.remarks) :]:
        yield Choice("convert", "changed", remark)
