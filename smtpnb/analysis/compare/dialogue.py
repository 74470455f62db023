"""Two dialogues side by side, aligned by step: where does the other server differ?

The steps of both are aligned as `difflib` aligns lines: who spoke, and at which step.
Then each pair is compared with what is volatile settled, so that another queue id is
no difference and another policy is.

This module knows nothing of HTML (`pictures.dialogue`) or of how often a thing came
(`compare`).
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.analysis.compare.volatile import Names, names_of, settle
from smtpnb.analysis.frames import table
from smtpnb.analysis.one_session import events_of_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from smtpnb.analysis.inputs import Source
    from smtpnb.transcript.log import Event

_DTYPES: Final = {
    "pos": "int32",
    "step": "text",
    "a_text": "text",
    "b_text": "text",
    "same": "bool",
}
_SHOWN: Final = frozenset({"tls", "command", "data", "reply", "error"})


class _Line(NamedTuple):
    """What was said at one moment: `key` is what the two sides are aligned by."""

    key: tuple[str, str]
    step: str
    text: str


def diff_dialogue(
    a: Source, b: Source, *, session_a: int | str = -1, session_b: int | str = -1
) -> pd.DataFrame:
    """Lay two sessions side by side, step by step.

    Queue ids, dates, addresses, process ids and the names of the two ends are no
    differences (`volatile`); nor is the order in which extensions are offered.

    Args:
        a: A transcript, or a frame of its `events()`.
        b: The other one; it may be the same.
        session_a: Which session of `a`: its number in order, or its session_id.
        session_b: Which session of `b`.

    Returns:
        One row for each command, reply, handshake and fault: `pos` (0 ...), `step`,
        `a_text` and `b_text` (as they were, all lines; null: this side said nothing
        there), `same` (whether they mean the same).

    Raises:
        LookupError: There is no such session.
    """
    events_a, events_b = events_of_one(a, session_a), events_of_one(b, session_b)
    names_a, names_b = names_of(events_a), names_of(events_b)
    rows: list[tuple[object, ...]] = []
    for left, right in _aligned(list(_lines(events_a)), list(_lines(events_b))):
        same = (
            left is not None
            and right is not None
            and _meaning(left, names_a) == _meaning(right, names_b)
        )
        step = (left or right or _NOTHING).step
        texts = (left and left.text, right and right.text)
        rows.append((len(rows), step, *texts, same))
    return table(rows, _DTYPES)


_NOTHING: Final = _Line(("", ""), "other", "")


def _lines(events: list[Event]) -> Iterator[_Line]:
    content: int | None = None
    for event in events:
        if event.event not in _SHOWN:
            continue
        if event.event == "data":
            if event.exchange_no == content:
                continue  # one line for all blocks of a content
            content = event.exchange_no
        yield _Line((event.event, event.step), event.step, _text(event))


def _text(event: Event) -> str:
    text = event.text or ""
    match event.event:
        case "tls":
            return f"(TLS failed: {text})" if text else "(TLS started)"
        case "data":
            return "(content)"
        case "error":
            return f"(fault: {text})"
        case "reply":
            return f"{event.code} {text}"
        case _:
            return text


def _aligned(
    a: list[_Line], b: list[_Line]
) -> Iterator[tuple[_Line | None, _Line | None]]:
    keys_a, keys_b = [line.key for line in a], [line.key for line in b]
    matcher = SequenceMatcher(None, keys_a, keys_b, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(a[a1:a2], b[b1:b2], strict=True)
        else:
            yield from ((line, None) for line in a[a1:a2])
            yield from ((None, line) for line in b[b1:b2])


def _meaning(line: _Line, names: Names) -> str:
    settled = settle(line.text, names)
    if line.key != ("reply", "ehlo"):
        return settled
    first, *offered = settled.split("\n")
    return "\n".join([first, *sorted(offered)])
