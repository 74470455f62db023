"""A notification in JSON, as mail services and mail servers write them.

Amazon SES (alone or within SNS), SendGrid, Mailgun, Postmark, KumoMTA, Exim's and
Postfix's JSON logs: each has names of its own for what a delivery status notification
says. They are written anew as the fields of RFC 3464, and read as those.

This module knows nothing of what a reply means.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.replies.registry import REPLY_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Names without their punctuation, in small letters.
_WORDS: Final = (
    "diagnosticcode", "smtpresponse", "rawdiagnostic", "response", "smtpreply", "reply",
    "bouncereason", "rawreason", "reason", "details", "errormessage", "content",
    "message", "description", "error", "err", "comment",
)  # fmt: skip
_CODES: Final = ("code", "smtpcode", "responsecode", "statuscode", "errorcode")
_STATUSES: Final = ("status", "enhancedstatuscode", "enhancedcode", "dsn")
_HOSTS: Final = ("mxhost", "remotemta", "mx", "peeraddress", "hostname", "remotehost")
_REPLY: Final = re.compile(r"(?:[\w.-]{1,40}; {0,4})?[2-5]\d\d\b")
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_MOST_LINES: Final = 50
_DEEPEST: Final = 12


def as_fields(text: str) -> str | None:
    """Return what JSON tells of deliveries as fields of RFC 3464; None: it is none."""
    told = [fields for value in _values(text) for fields in _fields(value)]
    return "\n\n".join(told) or None


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON values of a text: one, behind words of a log, or one a line."""
    start = min((at for sign in "{[" if (at := text.find(sign)) >= 0), default=-1)
    if start < 0 or '"' not in text:
        return
    whole = _value(text[start:])
    if whole is not None:
        yield whole
        return
    for line in text.split("\n")[:_MOST_LINES]:
        if (value := _value(line[line.find("{") :])) is not None:
            yield value


def _value(text: str) -> Any:
    """Return the object that a text is, or None."""
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _fields(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the fields of each delivery in a value, from within outwards."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        value = _value(value.strip())
    if isinstance(value, list):
        for one in value:
            yield from _fields(one, depth + 1)
    if isinstance(value, dict):
        named = {re.sub(r"[\W_]", "", name.lower()): one for name, one in value.items()}
        told = _told(named)
        inner = [one for part in value.values() for one in _fields(part, depth + 1)]
        yield from ([told] if told else inner)


def _told(named: Mapping[str, Any]) -> str | None:
    """Return the fields of one object; None: it tells of no reply."""
    response = named.get("response")
    if isinstance(response, dict):  # KumoMTA: the reply is an object of its own
        inner = {name.replace("_", ""): one for name, one in response.items()}
        return _told({**named, "response": None, **inner})
    status = _status(named)
    if (reply := _reply(named, status)) is None:
        return None
    fields = [f"Diagnostic-Code: smtp; {_one(reply).removeprefix('smtp;').lstrip()}"]
    if status:
        fields.append(f"Status: {status}")
    if host := _host(named):
        fields.append(f"Remote-MTA: dns; {host}")
    if isinstance(command := named.get("command"), str):
        verb = "end of DATA" if command.strip() == "." else command
        fields.append(f"(in reply to {_one(verb)})")
    return "\n".join(fields)


def _reply(named: Mapping[str, Any], status: str | None) -> str | None:
    """Return a reply as it was said, or its code with the words beside it."""
    texts: list[str] = [
        named[name] for name in _WORDS if isinstance(named.get(name), str)
    ]
    for text in texts:
        if _REPLY.match(text):
            return text
    code = str(_first(named, _CODES))
    if not code.isdecimal() or int(code) not in REPLY_CODES:  # HTTP says 404
        return None
    words = texts[0].removeprefix(status or "").lstrip() if texts else ""
    return " ".join(part for part in (code, status, words) if part)


def _first(named: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((named[name] for name in names if named.get(name)), None)


def _status(named: Mapping[str, Any]) -> str | None:
    """Return the enhanced status code, as text or in three numbers."""
    for name in _STATUSES:
        value = named.get(name)
        if isinstance(value, dict):
            parts = [value.get(part) for part in ("class", "subject", "detail")]
            value = ".".join(str(part) for part in parts)
        if isinstance(value, str) and (found := _STATUS.match(value)):
            return found[0]
    return None


def _host(named: Mapping[str, Any]) -> str | None:
    value = _first(named, _HOSTS)
    if isinstance(value, dict):
        value = value.get("name")
    return _one(value.rpartition(";")[2]) if isinstance(value, str) else None


def _one(text: str) -> str:
    """Return a text as the body of a field: lines but the first are indented."""
    return "\n ".join(line.strip() for line in text.splitlines()).strip()
