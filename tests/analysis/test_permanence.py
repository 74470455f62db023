"""How permanent a refusal is and what to do about it never contradict each other."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from smtpnb.analysis import classify, explain
from smtpnb.analysis.replies.classify import verdict
from smtpnb.analysis.replies.permanence import PERMANENCES, permanence
from smtpnb.analysis.replies.registry import DETAILS, REPLY_CODES
from smtpnb.analysis.replies.rules import RULES

_AGAIN = re.compile(
    r"\b(try again|come back|later|in a day|wait for|a second attempt|another time"
    r"|after a while|some minutes)\b",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\b(off your lists|do not send it again|listed for good)\b", re.IGNORECASE
)
# Said of the block list's kind of a cause, not of this refusal.
_TALKED_OF = "A dynamic address is listed for good: send through a relay instead."

_TEXTS = (
    "", "mailbox full", "over quota", "no such user", "user disabled",
    "try again later",
    "greylisted for 300 seconds", "too many connections", "per hour limit exceeded",
    "relay access denied", "authentication required", "must issue a STARTTLS command",
    "TLS not available",
    "blocked using dnsbl.example", "spam", "virus found",
    "no PTR", "spf fail", "too many hops", "dns error", "connection timed out",
    "internal error", "system full", "message too big", "syntax error", "policy",
    "domain not found", "null MX", "has moved", "sender address rejected",
    "busy",
    "bad header", "too many recipients", "mailbox locked", "in the queue too long",
    "configuration error", "helo name invalid", "basic authentication is disabled",
    "certificate expired", "service unavailable", "mailbox unavailable",
    "idle for long",
)  # fmt: skip
_CODES = st.sampled_from([code for code in REPLY_CODES if code >= 400]) | st.integers(
    400, 599
)
_ENHANCED = st.none() | st.builds(
    "{}.{}.{}".format,
    st.sampled_from("45"),
    *(st.integers(0, 9), st.integers(0, 999)),
)
_REGISTERED = st.builds(
    lambda digit, row: f"{digit}.{row[0]}.{row[1]}",
    st.sampled_from("45"),
    st.sampled_from(sorted(DETAILS)),
)
_WORDS = st.lists(st.sampled_from(_TEXTS), max_size=3).map(" ".join)


@given(_CODES, _ENHANCED | _REGISTERED, _WORDS)
def test_advice_never_says_the_opposite_of_how_permanent_it_is(
    code: int, enhanced: str | None, text: str
) -> None:
    found = verdict(code, enhanced, text)
    how = permanence(code, found.reason, found.evidence)
    told = explain((code, enhanced, text))
    steps = " ".join(step for step in told.next_steps if step != _TALKED_OF)
    if how in {"for good", "until mended"}:
        assert not _AGAIN.search(steps), (found, how, told)
        assert "mended" in told.permanence or "Mend the cause" in told.permanence
    else:
        assert not _NEVER.search(steps), (found, how, told)
    # A queue tries again after a 4yz only (RFC 5321 section 4.2.1).
    if code >= 500:
        assert "tries again" not in told.permanence
        assert how in {"for good", "for this message"}
    else:
        assert "(5yz)" not in told.permanence
        assert how in {"for now", "until mended"}


@given(_CODES, _ENHANCED | _REGISTERED, _WORDS)
def test_both_ways_of_asking_say_the_same(
    code: int, enhanced: str | None, text: str
) -> None:
    found = verdict(code, enhanced, text)
    reply = " ".join(part for part in (str(code), enhanced, text) if part)
    (row,) = classify(reply).to_dict("records")
    assert (row["retry_class"], row["reason"]) == (found.retry_class, found.reason)
    assert row["permanence"] == permanence(code, found.reason, found.evidence)


def test_every_rule_gives_a_permanence_to_each_of_its_codes() -> None:
    for rule in RULES:
        for code in (450, 550):
            assert permanence(code, rule.reason, rule.name) in PERMANENCES
    assert permanence(250, None) is None
    assert permanence(None, "networkerror") is None
