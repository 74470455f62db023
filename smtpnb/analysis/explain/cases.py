"""What there is to explain: one reply, or its absence, and where it came.

A code, a pasted line, a reply, a row of exchanges and a whole session all become
`Case` values: the first four one each, a session one for each thing that went wrong in
it. This module knows nothing of what a case means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.transcript import parse as words
from smtpnb.transcript.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smtpnb.protocol.reply import Reply
    from smtpnb.transcript.log import Event

_LINE = re.compile(
    r"\s*([2-5]\d\d)?(?:[ -]|\Z|(?<!\d))\s*([245]\.\d{1,3}\.\d{1,3})?(?![\d.])\s*(.*)",
    re.DOTALL,
)
_COLUMNS: Final = ("code", "enhanced", "text", "step", "verb", "argument", "host",
                   "peer_ip", "error_type")  # fmt: skip


class Case(NamedTuple):
    """One reply, or none, and what is known of its place.

    Attributes:
        code: The reply code; None: no reply came, or only `enhanced` is asked about.
        enhanced: The enhanced status code.
        text: The reply text, or what the fault says.
        step: As in the tables; "" if it is not known.
        path: The address that the command named, if it did.
        host: The host, if it is known.
        peer_ip: Its address.
        fault: The class of the error that ended it.
        outcome: What became of the message, where a fault tells: "unknown" ...
    """

    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    step: str = ""
    path: str | None = None
    host: str | None = None
    peer_ip: str | None = None
    fault: str | None = None
    outcome: str | None = None

    @property
    def digit(self) -> int | None:
        """The first digit of the reply, of either code; None: no reply came."""
        if self.code is not None:
            return self.code // 100
        return int(self.enhanced[0]) if self.enhanced else None

    @property
    def refused(self) -> bool:
        """Whether something went wrong."""
        return self.fault is not None or (self.digit or 0) >= 4


def of_text(line: str) -> Case:
    """Return the case of a code, an enhanced status code, or a line of a reply.

    Raises:
        ValueError: It begins with neither.
    """
    match = _LINE.fullmatch(line)
    if match is None or match[1] is match[2] is None:
        raise ValueError(f"no reply code and no enhanced status code: {line!r}")
    code = None if match[1] is None else int(match[1])
    return Case(code, match[2], match[3].strip())


def of_code(code: int, enhanced: str | None = None, text: str = "") -> Case:
    """Return the case of a reply code.

    Raises:
        ValueError: It is none.
    """
    return of_text(" ".join([str(code), *(part for part in (enhanced, text) if part)]))


def of_reply(reply: Reply) -> Case:
    """Return the case of a reply."""
    return Case(reply.code, reply.enhanced, _without_code(reply.text, reply.enhanced))


def of_row(row: Mapping[str, Any]) -> Case:
    """Return the case of a row of `exchanges()`, given by column.

    Raises:
        KeyError: It lacks a column.
    """
    import pandas as pd  # loaded only when used

    plain = {name: None if pd.isna(row[name]) else row[name] for name in _COLUMNS}
    return _of(plain)


def _of(row: Mapping[str, Any]) -> Case:
    """Return the case of an exchange given by plain values; a missing one is null."""
    code, enhanced, step = row.get("code"), row.get("enhanced"), str(row["step"])
    fault = row.get("error_type") if code is None else None
    named = step in {"mail", "rcpt"}
    # Content that ends in a dot is called so when the dot left; BDAT always is.
    sent = step == "eod" and row.get("verb") != "BDAT"
    return Case(
        code=None if code is None else int(code),
        enhanced=enhanced,
        text=_without_code(row.get("text") or "", enhanced),
        step=step,
        path=words.path(row.get("argument") or "") if named else None,
        host=row.get("host"),
        peer_ip=row.get("peer_ip"),
        fault=fault,
        outcome="unknown" if fault is not None and sent else None,
    )


def of_session(events: Iterable[Event]) -> list[Case]:
    """Return a case for each thing that went wrong in one session, in order.

    Args:
        events: Of one session.
    """
    events = list(events)
    cases = [_of(row) for row in rows("exchanges", events)]
    found = [case for case in cases if case.refused and case.fault is None]
    for event in events:
        if event.event == "error":
            facts = event.facts
            found.append(
                Case(
                    text=event.text or "",
                    step=event.step,
                    host=event.host,
                    peer_ip=event.peer_ip,
                    fault=facts.get("kind") or "unknown",
                    outcome=facts.get("outcome"),
                )
            )
    return found


def _without_code(text: str, enhanced: str | None) -> str:
    """The text alone: each line may repeat the enhanced status code."""
    if not enhanced:
        return text
    lines = (line.removeprefix(enhanced).lstrip() for line in text.split("\n"))
    return "\n".join(lines)
