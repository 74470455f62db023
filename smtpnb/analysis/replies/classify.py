"""What became of a command or of a recipient, and what to do about it.

A refusal is classified by the first rule of `rules` that applies; the rule's name is
the evidence, so that nobody has to believe it. The reply code decides how permanent a
refusal is: an enhanced status code of another class is ignored, and said to contradict.

Of transactions more is known than a text: an attempt that was refused for now and
accepted later was greylisted, whatever it said. This module knows nothing of pictures.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unicodedata import normalize

from smtpnb.analysis.frames import plain_rows, table
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.attempts import learn_from_attempts
from smtpnb.analysis.replies.kinds import kinds
from smtpnb.analysis.replies.pasted import pasted
from smtpnb.analysis.replies.permanence import PERMANENCES, permanence
from smtpnb.analysis.replies.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from smtpnb.analysis.replies.rule import Rule

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

# Some write the enhanced status code behind or within the text (qmail: "#5.1.1").
_WITHIN: Final = r"(?<![\w.])([45]\.[1-7]\.[1-9]\d{0,2})(?![\w.])"
# Addresses and numbers are no words; nor is what a mail system says of the reply.
_NO_WORDS: Final = re.compile(
    r"\(in reply to [^()]{0,60}\)|#?(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w.])"
    r"|<[^<>\s]{0,320}>|[^\s<>:,;()]{1,320}@[^\s<>:,;()]{1,255}"
)
_NUMBERS: Final = re.compile(r"(?<!\d)(?<!rfc)(?<!rfc[ -])\d{2,}")
_CONTRACTED: Final = re.compile(
    r"\b(can|wo|do|doe?s|did|is|are|was|were|has|have|had|could|would|should)n?'?t\b"
)
_ACCENTS: Final = re.compile(r"([a-z])[\u0300-\u036f]+")

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
# How long to wait: "for 300 seconds", "in about 5 minutes", "1h30m", "in 00:05:00";
# where the text asks to come back, and does not tell how long something else took.
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ASKS: Final = (
    r"try|retry|again|\bwait\b|come back|gr[ae]y-?\s?list|later|resend|reconnect|defer"
    r"|delay|throttl|slow"
)
_UNIT: Final = r"(s|m|h|d)(?:ec(?:ond)?s?|in(?:ute)?s?|ours?|rs?|ays?)?\b"
_AFTER: Final = (
    r"(?:\b(?:for|in|after|wait|within)\s+(?:about |approximately |at least |another )?"
    rf"|\()(\d{{1,6}})\s*(?:more )?{_UNIT}"
)
_AFTER_BOTH: Final = r"\b(\d{1,3})\s?h(?:ours?)?\s?(\d{1,3})\s?m"
_AFTER_CLOCK: Final = r"\b(?:in|after|for)\s+(\d{1,2}):(\d{2}):(\d{2})\b"


class Verdict(NamedTuple):
    """What a reply is: its class, the reason in one word, and the rule that says so."""

    retry_class: str
    reason: str | None
    evidence: str


def verdict(
    code: int | None,
    enhanced: str | None,
    text: str | None,
    rules: Sequence[Rule] = RULES,
) -> Verdict:
    """Classify one reply.

    Args:
        code: The reply code; None: there was no reply.
        enhanced: The enhanced status code, if there was one.
        text: The reply text.
        rules: The table that is read, from top to bottom.
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
    said = (text or "")[:MOST_READ]
    if enhanced[3:] in {"", "0"} and (inner := re.search(_WITHIN, said)) is not None:
        enhanced = inner[1] if inner[1][0] == str(digit) else enhanced
    lower = plain_words(said)
    if rules is RULES:
        rule = _our_rule(code, enhanced, lower)
    else:
        rule = _first_rule(code, enhanced, lower, rules)
    if rule is None:
        return Verdict(by_digit, "undefined", f"code{against}")
    found = rule.retry_class or by_digit
    return Verdict(found, rule.reason, f"{rule.name}{against}")


def _first_rule(
    code: int, enhanced: str, lower: str, rules: Sequence[Rule]
) -> Rule | None:
    """Return the first rule that applies."""
    return next((r for r in rules if r.applies(code, enhanced, lower)), None)


@lru_cache(maxsize=4096)
def _our_rule(code: int, enhanced: str, lower: str) -> Rule | None:
    """Return the first of our rules that applies: logs say the same again and again."""
    return _first_rule(code, enhanced, lower, RULES)


def plain_words(text: str) -> str:
    """Return a text as the rules read it (see `Rule.text`)."""
    lower = _CONTRACTED.sub(_not, text.lower())
    if not lower.isascii():
        lower = _ACCENTS.sub(r"\1", normalize("NFD", lower))
        lower = normalize("NFC", lower)
    one = _NUMBERS.sub("0", _NO_WORDS.sub(_kept, lower))
    return " ".join(one.split())


def _not(found: re.Match[str]) -> str:
    """A contraction, with or without its apostrophe, in full."""
    verb = {"wo": "will", "dos": "does"}.get(found[1], found[1])
    return f"{verb}not" if verb == "can" else f"{verb} not"


def _kept(found: re.Match[str]) -> str:
    """An address keeps its place; a code, or what a mail system says, leaves none."""
    return "0" if found[0][0] == "<" or "@" in found[0] else " "


def classify(source: Any, *, rules: Sequence[Rule] = ()) -> pd.DataFrame:
    """Classify exchanges, transactions, or reply texts, by what they mean.

    Args:
        source: A transcript (its exchanges), a frame of its `exchanges()` or of its
            `transactions()`; or any table that has at least a `text` (and, better,
            `code` and `enhanced`); or a text, a list or a Series of texts, each a
            reply as it was pasted ("550 5.1.1 User unknown", a line of a log).
        rules: Rules of your own (`smtpnb.analysis.Rule`), asked before ours.

    Returns:
        The frame with five columns more (or filled): `retry_class` (see below),
        `reason` (in a word of Sisimai's; null: nothing wrong), `permanence` ("for
        now"; "until mended": 4yz, but the cause stays; "for this message": 5yz, but
        the cause passes; "for good"; null: nothing refused), `retry_after_s` (when to
        come back, if the text says so, in s; else NaN), `evidence` (the rule).

        ok: accepted. transient: refused for a reason of theirs, come back.
        greylisted: refused because they do not know us yet, come back soon.
        rate_limited: too much or too fast, slow down. network: no reply, or the route
        or connection failed. tls: TLS is needed, or failed. auth: authentication is
        needed, or failed. policy: they do not take this from us. permanent: the
        address, the message or the command is wrong. unknown: nothing can be said.

    Raises:
        TypeError: It is no table and no text.
        ValueError: The table has neither a reply code nor a text.

    Example:
        >>> classify("550 5.1.1 User unknown")["reason"][0]
        'userunknown'
    """
    frame = _table(source)
    if "evidence" in frame.columns:
        return frame
    of_recipients = "final_code" in frame.columns
    rows = frame.reset_index(drop=True)  # an index may have a value twice
    replies = _replies(rows, "final_" if of_recipients else "")
    fault = "reason" if of_recipients else "error_type"
    replies["fault"] = rows[fault].astype(object) if fault in rows else None
    found = _judged(replies, (*rules, *RULES) if rules else RULES)
    if of_recipients:
        found = learn_from_attempts(rows, found)
    judged = found[["reason", "evidence"]].assign(code=replies["code"])
    how = [permanence(**row) for row in plain_rows(judged)]
    classified = rows.assign(
        **{name: found[name].astype("category") for name in ("retry_class", "reason")},
        permanence=_as_category(how, list(PERMANENCES)),
        retry_after_s=_retry_after(replies),
        evidence=found["evidence"].astype("category"),
    )
    return classified.set_axis(frame.index)


def _as_category(values: list[str | None], words: list[str]) -> Any:
    import pandas as pd  # loaded only when used

    return pd.Categorical(values, categories=words)


def _table(source: Any) -> pd.DataFrame:
    """Return the table to classify: one of ours, or of the texts that were given."""
    import pandas as pd  # loaded only when used

    if isinstance(source, str):
        source = [source]
    if isinstance(source, (list, tuple, pd.Series)):
        return _of_texts(pd.Series(source, dtype=object))
    frame = table_of(source, "exchanges", "transactions")
    if {"code", "final_code"}.isdisjoint(frame.columns):
        if "text" not in frame.columns:
            raise ValueError(
                "there is nothing to classify: the table has neither a column `code` "
                f"nor a column `text`, only {', '.join(map(str, frame.columns[:8]))}"
            )
        parsed = _of_texts(frame["text"])
        return frame.assign(**{name: parsed[name] for name in parsed.columns})
    return frame


def _of_texts(texts: pd.Series[Any]) -> pd.DataFrame:
    """Return the code, enhanced status code and words of replies as texts."""
    # A log says the same again and again: each text is read once.
    read = lru_cache(maxsize=65_536)(_read)
    found = [read(text) if isinstance(text, str) else _no_text(text) for text in texts]
    frame = table(found, {"code": "Int16", "enhanced": "text", "text": "text"})
    return frame.set_axis(texts.index)


_Read = tuple[int | None, str | None, str | None]


def _read(text: str) -> _Read:
    reply = pasted(text, where=False)
    return (reply.code, reply.enhanced, reply.text) if reply else (None, None, text)


def _no_text(value: Any) -> _Read:
    """A null is a row without a reply.

    Raises:
        TypeError: It is something else.
    """
    import pandas as pd  # loaded only when used

    if pd.isna(value):
        return None, None, None
    raise TypeError(f"a text is wanted, not {type(value).__name__}")


def _replies(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return the code, enhanced status code and text of each row, null if accepted."""
    import pandas as pd  # loaded only when used

    none = pd.Series(None, index=frame.index, dtype="str")
    names = ("code", "enhanced", "text")
    replies = pd.DataFrame(
        {name: frame.get(f"{prefix}{name}", default=none) for name in names}
    )
    replies["code"] = replies["code"].astype("Int16")
    refused = (replies["code"] >= 400).fillna(value=False).astype(bool)
    replies["text"] = replies["text"].where(refused).str.slice(0, MOST_READ)
    enhanced = replies["enhanced"].astype(replies["text"].dtype).where(refused)
    vague = enhanced.isna() | enhanced.str.endswith(".0", na=False).astype(bool)
    behind = refused & vague & replies["text"].notna()
    found = replies.loc[behind, "text"].str.extract(_WITHIN, expand=False)
    digit = (replies.loc[behind, "code"].astype("int64") // 100).astype("str")
    found = found[found.str.slice(0, 1).fillna("") == digit]
    enhanced[found.index] = found
    replies["enhanced"] = enhanced
    return replies


def _judged(replies: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return the verdict on each row; replies that differ in numbers are one kind."""
    import pandas as pd  # loaded only when used

    alike = replies.assign(text=kinds(replies["text"]))
    alike["number"] = alike.groupby(
        list(alike.columns), dropna=False, observed=True, sort=False
    ).ngroup()
    first = alike.drop_duplicates("number").sort_values("number").index
    unique = replies.loc[first]  # with its numbers: an enhanced status code is one
    verdicts = [_verdict(row, rules) for row in plain_rows(unique)]
    judged = pd.DataFrame(verdicts, columns=list(Verdict._fields), dtype=object)
    return judged.iloc[alike["number"]].set_axis(replies.index)


def _verdict(row: dict[str, Any], rules: Sequence[Rule]) -> Verdict:
    fault = row["fault"]
    if row["code"] is None and fault is not None:
        retry_class = _FAULTS.get(fault, "unknown")
        return Verdict(retry_class, _REASONS.get(retry_class), f"fault({fault})")
    return verdict(row["code"], row["enhanced"], row["text"], rules)


def _retry_after(replies: pd.DataFrame) -> pd.Series[Any]:
    """Return how many seconds a text asks to wait; NaN if it does not."""
    import numpy as np  # loaded only when used

    seconds = replies["code"].astype("Float64").astype("float64") * np.nan
    for_now = (replies["code"] // 100 == 4).fillna(value=False).astype(bool)
    text = replies.loc[for_now, "text"].str.lower()
    text = text[text.str.contains(r"\d\s?(?:more )?[smhd]|:\d", regex=True, na=False)]
    text = text[text.str.contains(_ASKS, regex=True, na=False)]
    numbers = text.str.extract(_AFTER)
    clock = text.str.extract(_AFTER_CLOCK).astype("float64")
    found = numbers[0].astype("float64") * numbers[1].map(_SECONDS).astype("float64")
    on_clock = clock[0] * 3600 + clock[1] * 60 + clock[2]
    both = text.str.extract(_AFTER_BOTH).astype("float64")
    exact = both[0] * 3600 + both[1] * 60
    seconds[found.index] = exact.fillna(found).fillna(on_clock)
    return seconds
