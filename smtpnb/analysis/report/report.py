"""A report of one session in Markdown, to paste where others are asked for help.

Everything that a server or the user said stands in fenced blocks, each with a fence
longer than any run of backticks inside it, so that nothing in it can end the block
(CommonMark 4.5) or act outside. What is outside is ours.

The report is made of rewritten events (`pseudonyms`), so that no part of it can hold a
name that was left out of another. This module knows nothing of how names are found.
"""

from __future__ import annotations

import platform
import re
import ssl
from typing import TYPE_CHECKING, Any, Final

import smtpnb
from smtpnb.analysis.explain.explain import explain
from smtpnb.analysis.one_session import events_of_one
from smtpnb.analysis.report.pseudonyms import pseudonymise as other_names
from smtpnb.edges.text import cut
from smtpnb.transcript import Excerpt
from smtpnb.transcript import text as views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtpnb.analysis.inputs import Source
    from smtpnb.transcript.log import Event

MAX_LINES: Final = 300
MAX_LINE: Final = 500
_MOST_NAMES: Final = 8

_REPLACED: Final = (
    "Addresses, hosts, IP addresses and queue ids are replaced, the same by the same."
)
_SIGNS: Final = (
    "Milliseconds since the session began; `->` we said, `<-` they said, `~` inside "
    "TLS, `**` refused or failed."
)
_TLS_FACTS: Final = (
    "version",
    "cipher",
    "alpn",
    "verified",
    "findings",
    "cert_key",
    "cert_not_before",
    "cert_not_after",
    "cert_subject",
    "cert_issuer",
    "cert_sha256",
)


def report(
    source: Source, *, pseudonymise: bool = True, session: int | str = -1
) -> str:
    """Write a bug report of one session in Markdown.

    Args:
        source: A transcript, or a frame of its `events()`.
        pseudonymise: Replace addresses, hosts, IP addresses and queue ids, the same
            name by the same other name throughout. What a server says in prose (the
            name of a company, say) cannot be recognised: read before you send.
        session: Which session: its number in order, -1 the last, or its session_id.

    Returns:
        Markdown: the versions, what was asked, what it means, the dialogue with
        times, what was offered, and the facts of TLS.

    Raises:
        LookupError: There is no such session.
    """
    events = events_of_one(source, session)
    if pseudonymise:
        events = other_names(events)
    parts = [
        "# Report of an SMTP session",
        _REPLACED if pseudonymise else "Names are as they were.",
        "## Environment",
        _environment(),
        "## What was asked",
        _fenced(_asked(events)),
        "## What it means",
        _fenced(explain(Excerpt(events, 0)).text.split("\n")),
        "## Dialogue",
        _SIGNS,
        _fenced(views.text(events, times=True).split("\n")),
        "## Capabilities",
        _fenced(list(_offers(events)) or ["no answer to EHLO"]),
        "## TLS",
        _fenced(list(_tls(events)) or ["none"]),
    ]
    return "\n\n".join(parts) + "\n"


def _environment() -> str:
    facts = {
        "smtpnb": smtpnb.__version__,
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION,
        "system": platform.system(),
    }
    return "\n".join(f"- {name}: {text}" for name, text in facts.items())


def _asked(events: Sequence[Event]) -> list[str]:
    """The target, and the verbs in order, those in a row counted."""
    verbs: list[tuple[str, int]] = []
    for event in events:
        if event.event == "command":
            verb = event.verb or f"({event.step})"
            n = verbs.pop()[1] if verbs and verbs[-1][0] == verb else 0
            verbs.append((verb, n + 1))
    said = ", ".join(verb if n == 1 else f"{verb} x {n}" for verb, n in verbs)
    host = events[0].host
    return [f"{host} port {events[0].port}", said or "nothing was asked"]


def _offers(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        facts = event.facts
        if event.event == "reply" and "capabilities" in facts:
            yield "after TLS:" if event.tls else "before TLS:"
            yield from (f"  {line}" for line in facts["capabilities"])


def _tls(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        if event.event != "tls":
            continue
        facts = event.facts
        if facts.get("error"):
            yield f"failed: {facts['error']}"
        for name in _TLS_FACTS:
            if facts.get(name) not in (None, [], ""):
                yield f"{name}: {_listed(facts[name])}"
        if facts.get("cert_san"):
            yield f"names of the certificate: {_listed(facts['cert_san'])}"


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    more = len(value) - _MOST_NAMES
    shown = ", ".join(str(item) for item in value[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _fenced(lines: Sequence[str]) -> str:
    """Return lines as a block of code that nothing in them can end."""
    left_out = len(lines) - MAX_LINES
    if left_out > 0:
        half = MAX_LINES // 2
        middle = f"[{left_out} lines left out]"
        lines = [*lines[:half], middle, *lines[-half:]]
    shown = [cut(line, MAX_LINE) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)),
                  default=0)  # fmt: skip
    fence = "`" * max(longest + 1, 3)
    return "\n".join([f"{fence}text", *shown, fence])
