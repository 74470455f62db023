"""The dialogue as HTML: signs, lines, and on demand line ends and base64.

Where a line ended in what is only said where the count of octets proves it: the
transcript keeps the text of a reply and its length. Secrets never reach this place.

This module knows nothing of widgets.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import cut, decode, for_html
from smtpnb.transcript.text import Line, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtpnb.transcript.transcript import Event

MAX_LINES: Final = 200
MAX_CHARACTERS: Final = 500
_CRLF: Final = "\u240d\u240a"
_UNKNOWN: Final = "\u2424?"  # some line end here was no CRLF
_WORDS: Final = {
    " -> ": "we",
    " ~> ": "we",
    "<-  ": "good",
    "<~  ": "good",
    "<** ": "bad",
    "<~* ": "bad",
    "*** ": "bad",
    "=== ": "aside",
}
_CHALLENGE: Final = re.compile(r"334[ -]([A-Za-z0-9+/]+={0,2})")


def html(
    events: Iterable[Event],
    left_out: int = 0,
    *,
    line_ends: bool = False,
    decoded: bool = False,
) -> str:
    """Return the last `MAX_LINES` lines as inert HTML.

    Args:
        events: In order.
        left_out: How many events there were before them.
        line_ends: Show how each line of the dialogue ended.
        decoded: Show beside a challenge (334) what its base64 says.
    """
    kept: deque[tuple[Line, str]] = deque(maxlen=MAX_LINES)
    n_lines = 0
    for n_lines, pair in enumerate(_with_ends(events), 1):  # noqa: B007  # read below
        kept.append(pair)
    rows = []
    if left_out or n_lines > len(kept):
        rows.append("<i>what came before is left out here; the transcript has it</i>")
    for line, end in kept:
        said = for_html(cut(line.text, MAX_CHARACTERS))
        if line_ends and end:
            said += f'<span class="smtpnb-end">{end}</span>'
        if decoded:
            said += _meaning(line.text)
        sign = for_html(line.sign)
        rows.append(
            f'<span class="smtpnb-{_WORDS[line.sign]}"><b>{sign}</b>{said}</span>'
        )
    body = "\n".join(rows) or "<i>nothing was said yet</i>"
    return f'<pre class="smtpnb-transcript">{body}</pre>'


def _with_ends(events: Iterable[Event]) -> Iterator[tuple[Line, str]]:
    """Yield each line with what it ended in; "" for what was not said in lines."""
    waiting: list[Event] = []
    for event in events:
        if event.event != "reply":
            waiting.append(event)
            continue
        yield from _ours(waiting)
        waiting = []
        end = _CRLF if _all_crlf(event) else _UNKNOWN
        for line in lines([event]):
            yield line, end
    yield from _ours(waiting)


def _ours(events: list[Event]) -> Iterator[tuple[Line, str]]:
    for line in lines(events):
        command = line.sign in {" -> ", " ~> "} and not line.text.startswith("(")
        yield line, _CRLF if command else ""


def _all_crlf(reply: Event) -> bool:
    said = (reply.text or "").split("\n")
    # code and separator, the text, CR LF
    octets = sum(4 + len(line.encode("utf-8", "replace")) + 2 for line in said)
    return octets == reply.n_bytes


def _meaning(text: str) -> str:
    found = _CHALLENGE.fullmatch(text)
    if not found:
        return ""
    try:
        octets = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return ' <i class="smtpnb-aside">(not base64)</i>'
    said = for_html(cut(decode(octets), MAX_CHARACTERS))
    return f' <i class="smtpnb-aside">(base64: {said})</i>'
