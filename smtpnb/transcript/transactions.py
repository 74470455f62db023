"""Exchanges folded into mail transactions: what became of each recipient.

Five outcomes. A reply decides three: delivered (2yz to the final dot), deferred (4yz)
and rejected (5yz) at whatever step. Without one the transaction is *aborted* if the
final dot did not leave, and *unknown* if it did: then only the server knows. A
transaction that still goes on has no outcome yet.

The queue id is the server's own name for the message, as the usual servers write it
into their last reply. This module knows nothing of pandas.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from smtpnb.transcript.exchanges import detail, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.derive import Event
    from smtpnb.transcript.exchanges import Row

_PATH = re.compile(r':[ ]*<((?:"(?:\\.|[^"\\])*"|[^">])*)>')
_BARE_PATH = re.compile(r":[ ]*(\S*)")
_BODY = re.compile(r" BODY=(\S+)", re.IGNORECASE)
_SMTPUTF8 = re.compile(r" SMTPUTF8(?= |\Z)", re.IGNORECASE)

_QUEUE_IDS: Final = (
    re.compile(r"\bqueued as <?([\w.-]+)", re.IGNORECASE),  # Postfix, Haraka
    re.compile(r"\bid=([\w.-]+)"),  # Exim
    re.compile(r"\[InternalId=(\d+)"),  # Exchange
    re.compile(  # Sendmail; bounded, as a reply may be 64 KiB without a space
        r"(?<!\S)(\S{1,80}) Message accepted for delivery", re.IGNORECASE
    ),
    re.compile(r"\bok \d+ qp (\d+)", re.IGNORECASE),  # qmail
    re.compile(r"\bOK +\d+ (\S+) - gsmtp"),  # Gmail
)

# What a driver that aborted could still learn, in the words of this table.
_SETTLED: Final = {
    "accepted": "delivered",
    "refused": "rejected",
    "aborted": "aborted",
    "unknown": "unknown",
}


def queue_id(text: str | None) -> str | None:
    """Return the server's name for a message, from the reply that accepted it."""
    for pattern in _QUEUE_IDS:
        match = pattern.search(text or "")
        if match:
            return match.group(1)
    return None


class _Transaction:
    """The exchanges of one transaction, by what they did."""

    def __init__(self) -> None:
        self.mail: Row = {}
        self.recipients: list[Row] = []
        self.data: Row = {}
        self.content: Row = {}
        self.fault: str | None = None
        self.settled: str | None = None
        self.over = False
        self.end_ms = 0.0

    def add(self, row: Row) -> None:
        if row["step"] == "mail":
            self.mail = self.mail or row
        elif row["step"] == "rcpt":
            self.recipients.append(row)
        elif row["step"] == "data":
            self.data = row
        elif row["step"] in {"eod", "body"}:
            self.content = row


def rows(events: Iterable[Event]) -> list[Row]:
    """Return one row for each recipient of each transaction, in order.

    A transaction without RCPT has one row, with recipient_no 0.
    """
    events = list(events)
    found: dict[tuple[str, int], _Transaction] = {}
    for row in fold(events):
        if row["transaction_no"] is not None:
            key = row["session_id"], row["transaction_no"]
            found.setdefault(key, _Transaction()).add(row)
    _take_endings(found, events)
    return [
        _row(transaction, number, key[1])
        for key, transaction in found.items()
        for number in range(len(transaction.recipients) + 1)
        if (number == 0) == (not transaction.recipients)
    ]


def _take_endings(
    found: dict[tuple[str, int], _Transaction], events: list[Event]
) -> None:
    """Note what ended each transaction: a later command, a fault, the close."""
    last: dict[str, _Transaction] = {}
    for event in events:
        before = last.get(event.session_id)
        mine = None
        if event.transaction_no is not None:
            mine = found.get((event.session_id, event.transaction_no))
        if mine is not None:
            mine.end_ms = max(mine.end_ms, event.t_ms)
            last[event.session_id] = mine
            if event.event == "error":
                facts = detail(event)
                mine.fault = facts.get("kind")
                mine.settled = _SETTLED.get(facts.get("outcome") or "")
            mine.over |= event.event == "error" or event.step == "rset"
        elif before is not None:
            before.over |= event.event in {"command", "close"}
        if before is not None and mine is not None and mine is not before:
            before.over = True


def _row(transaction: _Transaction, number: int, transaction_no: int) -> Row:
    mail, content = transaction.mail, transaction.content
    recipient = transaction.recipients[number - 1] if number else {}
    any_row = mail or recipient or transaction.data or content
    sender, forward = _path(mail), _path(recipient)
    argument = mail.get("argument") or ""
    body = _BODY.search(argument)
    row: Row = {
        name: any_row.get(name)
        for name in ("run_id", "session_id", "host", "peer_ip", "ts")
    }
    row |= {
        "transaction_no": transaction_no,
        "recipient_no": number,
        "mail_from": sender,
        "rcpt_to": forward,
        "mail_code": mail.get("code"),
        "rcpt_code": recipient.get("code"),
        "rcpt_enhanced": recipient.get("enhanced"),
        "attempt_key": _key(sender, forward, row["host"]) if number else None,
        "size": content.get("content_bytes"),
        "smtputf8": bool(_SMTPUTF8.search(argument)),
        "body_type": body.group(1).upper() if body else None,
    }
    return row | _verdict(transaction, recipient) | _times(transaction, any_row)


def _verdict(transaction: _Transaction, recipient: Row) -> Row:
    """The reply that decided about one recipient, or why none did."""
    mail, data, content = transaction.mail, transaction.data, transaction.content
    final: Row = {}
    for row in (mail, recipient, data):
        if (row.get("code") or 0) >= 400:
            final = row
            break
    else:
        final = content if content.get("code") else {}
    step = next((row["step"] for row in (content, data, recipient) if row), "mail")
    verdict: Row = {
        "final_code": final.get("code"),
        "final_enhanced": final.get("enhanced"),
        "final_text": final.get("text"),
        "final_step": final.get("step") or ("eod" if step == "body" else step),
        "reason": None,
        "queue_id": None,
    }
    if final:
        verdict["outcome"] = _OUTCOMES[final["code_class"]]
        if verdict["outcome"] == "delivered":
            verdict["queue_id"] = queue_id(final["text"])
        return verdict
    verdict["outcome"] = transaction.settled
    if transaction.settled is None and transaction.over:
        left = content.get("step") == "eod"
        verdict["outcome"] = "unknown" if left else "aborted"
    verdict["reason"] = transaction.fault
    return verdict


_OUTCOMES: Final = {2: "delivered", 3: "unknown", 4: "deferred", 5: "rejected"}


def _times(transaction: _Transaction, first: Row) -> Row:
    start, data, content = first["t_ms"], transaction.data, transaction.content
    times: Row = {"total_ms": round(transaction.end_ms - start, 3)}
    if "end_ms" in data:
        times["setup_ms"] = round(data["end_ms"] - start, 3)
    if "end_ms" in content:
        times["transmit_ms"] = round(content["end_ms"] - content["t_ms"], 3)
    return times


def _path(row: Row) -> str | None:
    argument = row.get("argument") or ""
    match = _PATH.search(argument) or _BARE_PATH.search(argument)
    return match.group(1) if match else None


def _key(*parts: str | None) -> str:
    text = "\n".join(part or "" for part in parts).lower()
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
