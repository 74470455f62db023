"""Events as lines for people, in the hints swaks made familiar.

    ===   what happened beside the dialogue       ***   a fault
     ->   we said                                 <-    they said
     ~>   we said, inside TLS                     <~    they said, inside TLS
    <**   they refused                            <~*   they refused, inside TLS

The sign alone carries the meaning; colour only repeats it. Text of a server passes
`edges.text` on its way out, one place for a terminal and one for HTML. This module
knows nothing of the log, nor of frames.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.edges.colours import BLUE, GREEN, GREY, VERMILION, of_words
from smtpnb.edges.text import for_html, for_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtpnb.transcript.log import Event

MAX_HTML_LINES: Final = 200
MAX_EVENTS: Final = 400  # a transcript of a million is shown at once

_INFO: Final = "=== "
_FAULT: Final = "*** "
_COLOURS: Final = {
    " -> ": BLUE,
    " ~> ": BLUE,
    "<-  ": GREEN,
    "<~  ": GREEN,
    "<** ": VERMILION,
    "<~* ": VERMILION,
    _FAULT: VERMILION,
    _INFO: GREY,
}


class Line(NamedTuple):
    """One line of a view: when (ms since its session began), sign, text of anybody."""

    t_ms: float
    sign: str
    text: str


def lines(events: Iterable[Event]) -> Iterator[Line]:
    """Yield the lines of events; the blocks of one content make one line."""
    blocks: list[Event] = []
    for event in events:
        if blocks and not _same_content(blocks[0], event):
            yield _content(blocks)
            blocks = []
        if event.event == "data":
            blocks.append(event)
        else:
            if event.seq == 0:
                yield Line(0.0, _INFO, f"Session with {_where(event.host, event.port)}")
            for sign, text in _VIEWS[event.event](event, event.facts):
                yield Line(event.t_ms, sign, text)
    if blocks:
        yield _content(blocks)


def _where(host: object, port: object) -> str:
    """Say what was dialled; a unix socket has no port."""
    return f"{host} port {port}" if port else str(host)


def text(events: Iterable[Event], *, times: bool = False, before: int = 0) -> str:
    """Return the lines as text that a terminal can show safely.

    Args:
        events: The events, in order.
        times: Begin each line with the milliseconds since its session began.
        before: How many events before them are left out.
    """
    shown = [f"=== {_count(before, 'earlier event')} left out"] if before else []
    for line in lines(events):
        body = for_terminal(line.text)
        time = f"{line.t_ms:12.3f} " if times else ""
        shown.append(f"{time}{line.sign}{body}".rstrip())
    return "\n".join(shown)


def html(events: Iterable[Event], *, before: int = 0) -> str:
    """Return the last `MAX_HTML_LINES` lines as one inert `<pre>`.

    Args:
        events: The events, in order.
        before: How many events before them are left out.
    """
    kept: deque[Line] = deque(maxlen=MAX_HTML_LINES)
    n_lines = 0
    for n_lines, line in enumerate(lines(events), 1):  # noqa: B007  # read below
        kept.append(line)
    rows = []
    left_out = n_lines - len(kept)
    gone = [_count(before, "earlier event")] if before else []
    gone += [_count(left_out, "earlier line")] if left_out else []
    if gone:
        rows.append(f"<i>{' and '.join(gone)} left out</i>")
    for line in kept:
        row = f"<b>{for_html(line.sign)}</b>{for_html(line.text)}"
        rows.append(f'<span style="{of_words(_COLOURS[line.sign])}">{row}</span>')
    body = "\n".join(rows) or "<i>nothing was said yet</i>"
    return (
        '<pre class="smtpnb-transcript" style="margin:0;line-height:1.35;'
        f'overflow-x:auto">{body}</pre>'
    )


def _count(n: int, word: str) -> str:
    number = f"{n:,}".replace(",", " ")
    return f"{number} {word}" if n == 1 else f"{number} {word}s"


def _same_content(first: Event, event: Event) -> bool:
    return event.event == "data" and (event.session_id, event.exchange_no) == (
        first.session_id,
        first.exchange_no,
    )


def _content(blocks: list[Event]) -> Line:
    octets = sum(block.n_bytes or 0 for block in blocks)
    counts = [block.facts.get("lines") for block in blocks]
    last = blocks[-1]
    said = f"content: {_count(octets, 'octet')}"
    n_lines = [count for count in counts if count is not None]
    if len(n_lines) == len(blocks):
        said += f", {_count(sum(n_lines), 'line')}"
    return Line(last.t_ms, " ~> " if last.tls else " -> ", f"({said})")


_Said = list[tuple[str, str]]


def _dns(event: Event, detail: dict[str, Any]) -> _Said:
    if detail.get("error"):
        return [(_FAULT, f"Could not resolve {detail.get('name')}: {event.text}")]
    found = ", ".join(detail.get("addresses", ()))
    return [(_INFO, f"Resolved {detail.get('name')} to {found}")]


def _connect(event: Event, detail: dict[str, Any]) -> _Said:
    if detail.get("error"):
        where = _where(detail.get("address"), detail.get("port"))
        if event.text == "abandoned":  # another address was faster
            return [(_INFO, f"Gave up connecting to {where}")]
        return [(_FAULT, f"Could not connect to {where}: {event.text}")]
    return [(_INFO, f"Connected to {event.text}")]


def _tls(event: Event, detail: dict[str, Any]) -> _Said:
    if detail.get("error"):
        return [(_FAULT, f"TLS failed: {event.text}")]
    words = (detail.get("version"), detail.get("cipher"))
    said = [(_INFO, " ".join(["TLS started", *(str(word) for word in words if word)]))]
    if detail.get("cert_subject"):
        said.append((_INFO, f"TLS peer {detail['cert_subject']}"))
    if detail.get("verified") is False:
        said.append((_FAULT, "TLS peer was NOT verified"))
    return said


def _command(event: Event, _: dict[str, Any]) -> _Said:
    return [(" ~> " if event.tls else " -> ", event.text or "")]


def _reply(event: Event, _: dict[str, Any]) -> _Said:
    refused = (event.code or 0) >= 400
    sign = ("<~* " if event.tls else "<** ") if refused else "<~  "
    if not refused and not event.tls:
        sign = "<-  "
    *first, last = (event.text or "").split("\n")
    said = [(sign, f"{event.code}-{line}") for line in first]
    return [*said, (sign, f"{event.code} {last}")]


def _note(event: Event, detail: dict[str, Any]) -> _Said:
    what = detail.get("what", "note")
    if what == "surplus":
        return [(_FAULT, f"The server said, unasked: {event.text}")]
    sign = _FAULT if what == "cancel" else _INFO
    return [(sign, what if event.text == what else f"{what}: {event.text}")]


def _error(event: Event, detail: dict[str, Any]) -> _Said:
    outcome = detail.get("outcome")
    fate = f" (message: {outcome})" if outcome else ""
    return [(_FAULT, f"{detail.get('kind')} during {event.step}: {event.text}{fate}")]


def _close(event: Event, _: dict[str, Any]) -> _Said:
    return [(_INFO, f"Connection closed ({event.text})")]


_VIEWS: Final = {
    "dns": _dns,
    "connect": _connect,
    "tls": _tls,
    "command": _command,
    "reply": _reply,
    "note": _note,
    "error": _error,
    "close": _close,
}
