"""What became of a command or of a recipient, and what to do about it.

A refusal is classified by the first rule of `rules` that applies; the rule's name is
the evidence, so that nobody has to believe it. The reply code decides how permanent a
refusal is: an enhanced status code of another class is ignored, and said to contradict.

Of transactions more is known than a text: an attempt that was refused for now and
accepted later was greylisted, whatever it said. This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.attempts import learn_from_attempts
from smtpnb.analysis.replies.kinds import kinds
from smtpnb.analysis.replies.rules import RULES

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

RETRY_CLASSES: Final = (
    "ok",
    "transient",
    "greylisted",
    "rate_limited",
    "network",
    "tls",
    "auth",
    "policy",
    "permanent",
    "unknown",
)

# So much of a text is read: eight lines of RFC 5321 section 4.5.3.1.5. A server that
# sends 64 KB of tabs must not cost seconds.
MOST_READ: Final = 4096

# qmail writes the enhanced status code behind the text.
_BEHIND: Final = r"#([245]\.\d{1,3}\.\d{1,3})"

_NOTHING_WRONG: Final = frozenset({2, 3})
_FAULTS: Final = {
    "ConnectError": "network",
    "ConnectionLost": "network",
    "DeadlineExceeded": "network",
    "ResolveError": "network",
    "TransportError": "network",
    "TlsError": "tls",
}
_REASONS: Final = {"network": "networkerror", "tls": "failedstarttls"}
# How long to wait: "for 300 seconds", "in 5 minutes", "in 00:05:00".
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AFTER: Final = (
    r"\b(?:for|in|after|wait|within)\s+(\d{1,6})\s*"
    r"(s|m|h|d)(?:ec(?:ond)?s?|in(?:ute)?s?|ours?|rs?|ays?)?\b"
)
_AFTER_CLOCK: Final = r"\b(?:in|after|for)\s+(\d{1,2}):(\d{2}):(\d{2})\b"


class Verdict(NamedTuple):
    """What a reply is: its class, the reason in one word, and the rule that says so."""

    retry_class: str
    reason: str | None
    evidence: str


def verdict(code: int | None, enhanced: str | None, text: str | None) -> Verdict:
    """Classify one reply.

    Args:
        code: The reply code; None: there was no reply.
        enhanced: The enhanced status code, if there was one.
        text: The reply text.
    """
    if code is None:
        return Verdict("unknown", None, "no reply")
    digit = code // 100
    if digit in _NOTHING_WRONG:
        return Verdict("ok", None, "code")
    if digit not in {4, 5}:
        return Verdict("unknown", "syntaxerror", "code")
    enhanced, against = enhanced or "", ""
    if enhanced and enhanced[0] != str(digit):
        enhanced, against = "", ", contradiction"
    by_digit = "transient" if digit == 4 else "permanent"
    lower = (text or "")[:MOST_READ].lower().replace("\n", " ")
    for rule in RULES:
        if rule.applies(code, enhanced, lower):
            found = rule.retry_class or by_digit
            return Verdict(found, rule.reason, f"{rule.name}{against}")
    return Verdict(by_digit, "undefined", f"code{against}")


def classify(source: Source) -> pd.DataFrame:
    """Classify exchanges, or transactions, by what their replies mean.

    Args:
        source: A transcript (its exchanges), or a frame of its `exchanges()` or its
            `transactions()`.

    Returns:
        The frame with four columns more (or filled): `retry_class` (see below),
        `reason` (in a word of Sisimai's; null: nothing wrong), `retry_after_s` (when
        to come back, if the text says so, in s; else NaN), `evidence` (the rule).

        ok: accepted. transient: refused for a reason of theirs, come back.
        greylisted: refused because they do not know us yet, come back soon.
        rate_limited: too much or too fast, slow down. network: no reply, or the route
        or connection failed. tls: TLS is needed, or failed. auth: authentication is
        needed, or failed. policy: they do not take this from us. permanent: the
        address, the message or the command is wrong. unknown: nothing can be said.

    Raises:
        KeyError: The frame lacks a column.
    """
    frame = table_of(source, "exchanges", "transactions")
    if "evidence" in frame.columns:
        return frame
    of_recipients = "final_code" in frame.columns
    rows = frame.reset_index(drop=True)  # an index may have a value twice
    replies = _replies(rows, "final_" if of_recipients else "")
    replies["fault"] = rows["reason" if of_recipients else "error_type"].astype(object)
    found = _judged(replies)
    if of_recipients:
        found = learn_from_attempts(rows, found)
    classified = rows.assign(
        **{name: found[name].astype("category") for name in ("retry_class", "reason")},
        retry_after_s=_retry_after(replies),
        evidence=found["evidence"].astype("category"),
    )
    return classified.set_axis(frame.index)


def _replies(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return the code, enhanced status code and text of each row, null if accepted."""
    replies = frame[[f"{prefix}code", f"{prefix}enhanced", f"{prefix}text"]]
    replies = replies.set_axis(["code", "enhanced", "text"], axis=1)
    refused = (replies["code"] >= 400).fillna(value=False).astype(bool)
    replies["text"] = replies["text"].where(refused).str.slice(0, MOST_READ)
    enhanced = replies["enhanced"].astype(replies["text"].dtype).where(refused)
    behind = refused & enhanced.isna() & replies["text"].notna()
    found = replies.loc[behind, "text"].str.extract(_BEHIND, expand=False)
    replies["enhanced"] = enhanced.where(~behind, found)
    return replies


def _judged(replies: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on each row; replies that differ in numbers are one kind."""
    import pandas as pd  # loaded only when used

    alike = replies.assign(text=kinds(replies["text"]))
    alike["number"] = alike.groupby(
        list(alike.columns), dropna=False, observed=True, sort=False
    ).ngroup()
    unique = alike.drop_duplicates("number").sort_values("number")
    verdicts = [_verdict(row) for row in plain_rows(unique)]
    table = pd.DataFrame(verdicts, columns=list(Verdict._fields), dtype=object)
    return table.iloc[alike["number"]].set_axis(replies.index)


def _verdict(row: dict[str, Any]) -> Verdict:
    fault = row["fault"]
    if row["code"] is None and fault is not None:
        retry_class = _FAULTS.get(fault, "unknown")
        return Verdict(retry_class, _REASONS.get(retry_class), f"fault({fault})")
    return verdict(row["code"], row["enhanced"], row["text"])


def _retry_after(replies: pd.DataFrame) -> pd.Series[Any]:
    """Return how many seconds a text asks to wait; NaN if it does not."""
    import numpy as np  # loaded only when used

    seconds = replies["code"].astype("Float64").astype("float64") * np.nan
    for_now = (replies["code"] // 100 == 4).fillna(value=False).astype(bool)
    text = replies.loc[for_now, "text"].str.lower()
    text = text[text.str.contains(r"\d\s?[smhd]|:\d", regex=True, na=False)]
    numbers = text.str.extract(_AFTER)
    clock = text.str.extract(_AFTER_CLOCK).astype("float64")
    found = numbers[0].astype("float64") * numbers[1].map(_SECONDS).astype("float64")
    on_clock = clock[0] * 3600 + clock[1] * 60 + clock[2]
    seconds[found.index] = found.fillna(on_clock)
    return seconds
