from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from smtpnb.analysis import classify, describe_classify, plot_classify, retries
from smtpnb.analysis.replies.classify import RETRY_CLASSES, verdict
from smtpnb.analysis.replies.rule import Rule
from smtpnb.analysis.replies.rules import RULES
from tests.analysis.rows import SECOND, T0, exchanges, transactions

if TYPE_CHECKING:
    from smtpnb import Transcript


def _one(**row: Any) -> dict[str, Any]:
    (found,) = classify(exchanges(row)).to_dict("records")
    return {str(name): value for name, value in found.items()}


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "found"),
    [
        (250, "2.1.5", "2.1.5 Ok", "ok"),
        (354, None, "End data with <CR><LF>.<CR><LF>", "ok"),
        (450, "4.7.1", "4.7.1 <a@b.example>: Greylisted for 300 seconds", "greylisted"),
        (451, "4.7.1", "4.7.1 Try again later", "transient"),
        (451, "4.7.1", "4.7.1 Service unavailable - try again later", "transient"),
        (421, "4.7.28", "4.7.28 Too much", "rate_limited"),
        (452, "4.5.3", "4.5.3 Too many recipients", "rate_limited"),
        (421, None, "Too many connections", "rate_limited"),
        (554, "5.7.1", "5.7.1 Client host blocked using dnsbl.example", "policy"),
        (550, "5.7.26", "5.7.26 no", "policy"),
        (530, "5.7.0", "5.7.0 Must issue a STARTTLS command first", "tls"),
        (535, "5.7.8", "5.7.8 Error: authentication failed", "auth"),
        (451, "4.4.2", "4.4.2 timeout", "network"),
        (452, "4.2.2", "4.2.2 mailbox full", "transient"),
        (552, "5.2.2", "5.2.2 mailbox full", "transient"),
        (550, "5.1.1", "5.1.1 no such user", "permanent"),
        (550, None, "", "permanent"),
        (450, None, "", "transient"),
        (450, None, None, "transient"),
    ],
)
def test_a_reply_has_a_class(
    code: int, enhanced: str | None, text: str | None, found: str
) -> None:
    assert _one(code=code, enhanced=enhanced, text=text)["retry_class"] == found


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ("550 5.1.1 no such user", [550]),
        (
            ["550 5.1.1 no such user", "452-4.2.2 over\n452 4.2.2 quota", None],
            [550, 452, None],
        ),
        (("host mx said: 550 5.1.1 who? (in reply to RCPT TO command)",), [550]),
        (pd.Series(["421 busy", "no code at all"], index=[7, 7]), [421, None]),
        (pd.DataFrame({"text": ["550 gone"], "mine": [1]}), [550]),
    ],
)
def test_texts_are_classified_as_they_were_pasted(given: Any, codes: list[Any]) -> None:
    found = classify(given)
    assert [None if pd.isna(code) else int(code) for code in found["code"]] == codes
    refused = [code is not None for code in codes]
    assert list(found["retry_class"] != "unknown") == refused
    if isinstance(given, (pd.Series, pd.DataFrame)):
        assert list(found.index) == list(given.index)


def test_a_table_with_a_code_and_a_text_is_enough() -> None:
    frame = pd.DataFrame(
        {"code": [550, 250], "enhanced": ["5.1.1", None], "text": ["gone", "ok"]}
    )
    assert list(classify(frame)["retry_class"]) == ["permanent", "ok"]
    assert list(classify(frame[["code"]])["retry_class"]) == ["permanent", "ok"]


def test_a_table_without_either_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"neither a column `code`.* only mine"):
        classify(pd.DataFrame({"mine": [1]}))
    with pytest.raises(TypeError, match="a text is wanted, not int"):
        classify([550])


def test_a_rule_of_ones_own_is_asked_first_and_named() -> None:
    ours = Rule("ours", "rate_limited", "speeding", text="monday")
    text = "550 5.1.1 no such user before Monday"
    (row,) = classify(text, rules=[ours]).to_dict("records")
    assert (row["retry_class"], row["evidence"]) == ("rate_limited", "ours")
    assert classify(text)["evidence"][0] == "user unknown"


@pytest.mark.parametrize(
    ("text", "permanence"),
    [
        ("250 ok", None),
        ("450 4.2.2 mailbox full", "for now"),
        ("450 4.7.1 relay access denied", "until mended"),
        ("552 5.2.2 mailbox full", "for this message"),
        ("550 5.7.28 too many messages per hour", "for this message"),
        ("554 5.4.6 too many hops", "for good"),
        ("451 4.4.6 too many hops", "until mended"),
        ("454 4.7.0 TLS not available", "for now"),
        ("550 5.1.1 no such user", "for good"),
        ("550", "for good"),
        ("450", "for now"),
    ],
)
def test_how_permanent_it_is_is_told_apart_from_the_code(
    text: str, permanence: str | None
) -> None:
    (found,) = classify(text)["permanence"]
    assert (None if pd.isna(found) else found) == permanence


def test_a_code_outside_the_list_keeps_its_first_digit() -> None:
    assert _one(code=422, text="what now")["retry_class"] == "transient"
    assert _one(code=577, text="what now")["retry_class"] == "permanent"
    assert _one(code=299)["retry_class"] == "ok"
    assert _one(code=111)["retry_class"] == "unknown"
    assert _one(code=422, enhanced="4.2.2", text="Greylisted")["reason"] == "greylisted"


def test_of_two_codes_that_contradict_the_basic_one_wins() -> None:
    row = _one(code=550, enhanced="4.7.28", text="4.7.28 no")
    assert row["retry_class"] == "permanent"
    assert row["evidence"] == "code, contradiction"
    row = _one(code=450, enhanced="5.1.1", text="no such user")
    assert row["retry_class"] == "transient"
    assert row["evidence"] == "user unknown, contradiction"


def test_an_enhanced_code_behind_the_text_is_read() -> None:
    row = _one(code=451, text="sorry (#4.4.2)")
    assert row["evidence"] == "network(code)"


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("ConnectionLost", "network"),
        ("DeadlineExceeded", "network"),
        ("TlsError", "tls"),
        ("Cancelled", "unknown"),
    ],
)
def test_without_a_reply_the_fault_decides(fault: str, found: str) -> None:
    row = _one(error_type=fault)
    assert row["retry_class"] == found
    assert row["evidence"] == f"fault({fault})"


def test_without_a_reply_or_a_fault_nothing_can_be_said() -> None:
    row = _one()
    assert row["retry_class"] == "unknown"
    assert row["evidence"] == "no reply"
    assert pd.isna(row["reason"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted for 300 seconds (see http://example.org/)", 300),
        ("try again in 5 minutes", 300),
        ("Please come back in 00:02:00", 120),
        ("retry after 30s", 30),
        ("wait 2 hours", 7200),
        ("Greylisted for 1 day", 86400),
        ("try again in about 5 minutes", 300),
        ("come back in 1h30m", 5400),
        ("try later (3600s)", 3600),
        ("wait 5 more minutes", 300),
    ],
)
def test_how_long_to_wait_is_read_from_the_text(text: str, seconds: int) -> None:
    assert _one(code=451, text=text)["retry_after_s"] == seconds


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (451, "try again later"),
        (451, "not within 3 months"),
        (421, "Timeout waiting for client input after 300 seconds"),
        (452, "mailbox full for 3 days"),
        (550, "come back in 5 minutes"),
        (250, "queued for 5 seconds"),
        (451, None),
    ],
)
def test_a_text_that_does_not_say_so_gives_no_time(code: int, text: str | None) -> None:
    assert pd.isna(_one(code=code, text=text)["retry_after_s"])


def test_texts_that_differ_in_numbers_are_one_kind_with_their_own_times() -> None:
    texts = [f"Greylisted for {at} seconds, id 4F{at}" for at in range(100, 200)]
    found = classify(exchanges(*({"code": 450, "text": text} for text in texts)))
    assert set(found["retry_class"]) == {"greylisted"}
    assert list(found["retry_after_s"]) == list(range(100, 200))


def test_a_text_of_many_lines_is_read_as_one() -> None:
    assert _one(code=550, text="user\nunknown")["reason"] == "userunknown"


@pytest.mark.parametrize(
    "word", ["a", "\t", " ", "<", "1", "user ", "exceed ", "try ", "0.0"]
)
def test_a_server_cannot_make_it_slow(word: str) -> None:
    text = word * (65_536 // len(word))
    began = perf_counter()
    classify(exchanges({"code": 450, "text": text}))
    assert perf_counter() - began < 2  # 0.2 s at most where this was written


def test_what_is_there_stays_and_classifying_twice_changes_nothing() -> None:
    frame = exchanges({"code": 250}, {"error_type": "ConnectionLost"})
    found = classify(frame)
    assert found[list(frame.columns)].equals(frame)
    assert classify(found) is found


def test_every_row_keeps_its_place() -> None:
    frame = exchanges({"code": 250}, {"code": 550}).set_index(pd.Index([7, 7]))
    found = classify(frame)
    assert list(found.index) == [7, 7]
    assert list(found["retry_class"]) == ["ok", "permanent"]


def test_no_rows_give_no_rows_with_the_same_columns() -> None:
    nothing = classify(exchanges())
    assert nothing.empty
    assert list(nothing.columns) == list(classify(exchanges({"code": 250})).columns)
    assert classify(transactions()).empty


def test_the_rules_have_names_of_their_own_and_known_classes() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert {rule.retry_class for rule in RULES} <= {"", *RETRY_CLASSES}


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "retry_class", "reason"),
    [
        (554, "5.7.9", "not taken for reasons of policy", "policy", "policyviolation"),
        (450, "4.3.2", "Service is unavailable now", "transient", "systemerror"),
        (450, "4.2.0", "the mailbox is locked for now", "transient", "systemerror"),
        (454, "4.7.0", "TLS not available here", "tls", "failedstarttls"),
        (524, "5.2.4", "list expansion problem", "permanent", "userunknown"),
        (525, "5.7.13", "this user account is disabled", "permanent", "suspend"),
        (550, "5.7.133", "not authenticated for group", "policy", "policyviolation"),
        (552, None, "the disk quota was exceeded", "transient", "mailboxfull"),
        (550, None, "that account is blocked", "permanent", "suspend"),
        (550, "5.2.121", "limit per hour received", "rate_limited", "speeding"),
        (501, "5.7.1", "listed at a DNSBL", "policy", "blocked"),
        (421, "4.4.2", "idle for five minutes", "network", "networkerror"),
        (552, None, "too much mail data", "permanent", "mesgtoobig"),
        (521, None, "Command line too long", "permanent", "syntaxerror"),
        (550, None, "message content rejected", "permanent", "contenterror"),
        (550, "5.7.30", "basic authentication is disabled", "auth", "securityerror"),
        (552, "5.2.2", "mailbox size limit", "transient", "mailboxfull"),
        (450, "4.7.320", "certificate validation", "tls", "failedstarttls"),
        (
            421,
            "4.7.29",
            "this was not sent over a TLS connection",
            "tls",
            "failedstarttls",
        ),
        (554, None, "banned content", "permanent", "contenterror"),
    ],
)
def test_words_decide_before_codes(
    code: int, enhanced: str | None, text: str, retry_class: str, reason: str
) -> None:
    found = verdict(code, enhanced, text)
    assert (found.retry_class, found.reason) == (retry_class, reason), found


def test_every_rule_can_be_the_first_that_applies() -> None:
    found = {verdict(code, enhanced, text).evidence for code, enhanced, text in _PROBES}
    assert {rule.name for rule in RULES} <= found


_PROBES = [
    (550, None, "la casella e' piena"),
    (450, None, "lista gris, intente de nuevo"),
    (554, None, "Wiadomosc odrzucona przez system antyspamowy"),
    (552, None, "message trop volumineux"),
    (450, None, "zbyt wiele wiadomosci"),
    (550, None, "Dieses Konto ist gesperrt"),
    (550, None, "Destinataire inconnu"),
    (421, None, "veuillez reessayer plus tard"),
    (554, None, "Correo rechazado"),
    (550, None, "MailPolicy violation"),
    (502, None, "no such thing"),
    (503, "5.5.1", "not allowed here"),
    (450, None, "sender address rejected"),
    (550, "5.4.6", ""),
    (452, "4.5.3", ""),
    (551, None, ""),
    (501, "5.5.4", "Invalid domain name"),
    (550, None, "User is locked"),
    (451, None, "virus scanner unavailable"),
    (550, "5.7.1", "rejected due to content restrictions"),
    (450, "4.7.322", ""),
    (421, None, "RP-001 exceeded the rate limit"),
    (550, None, "over quota"),
    (550, None, "null MX"),
    (421, None, "host not reachable"),
    (504, "5.5.2", "ehlo name must be fully qualified"),
    (503, None, "bad sequence"),
    (550, None, "your host is not welcome"),
    (552, "5.3.4", ""),
    (553, "5.1.3", ""),
    (556, None, ""),
    (550, "5.7.27", ""),
    (550, "5.7.29", ""),
    (550, "5.7.10", ""),
    (450, None, "in the queue too long"),
    (452, None, "not enough disk space"),
    (451, None, "connection lost"),
    (550, None, "internal error"),
    (550, None, "mailbox unavailable"),
    (550, "5.1.5", ""),
    (550, "5.6.1", ""),
    (421, None, ""),
    (452, None, ""),
    (454, None, ""),
    (552, None, ""),
    (553, None, ""),
    (450, "4.2.0", "mailbox temporarily locked"),
    (451, None, "due to a temporary system problem"),
    (530, "5.7.0", "Must issue a STARTTLS command first"),
    (454, "4.7.0", "TLS not available due to local problem"),
    (550, "5.7.30", "Basic authentication is not supported"),
    (452, "4.5.3", "too many recipients"),
    (525, "5.7.13", "user account disabled"),
    (550, "5.7.133", "not authenticated for group"),
    (550, "5.4.1", "Recipient address rejected: Access denied"),
    (521, None, "command line too long"),
    (421, "4.4.2", "mx.example timeout exceeded"),
    (421, None, "connection idle for too long"),
    (450, None, "greylisted"),
    (451, "4.7.500", "busy"),
    (550, None, "virus"),
    (550, None, "SPF fail"),
    (454, None, "TLS not available"),
    (535, None, ""),
    (550, None, "authentication required"),
    (550, None, "relay not permitted"),
    (550, None, "no PTR"),
    (554, None, "too many hops"),
    (421, None, "too many connections"),
    (550, "5.3.5", ""),
    (500, None, ""),
    (450, None, "slow down"),
    (552, None, "message too big"),
    (552, "5.2.2", ""),
    (550, None, "limit exceeded"),
    (421, None, "temporarily deferred"),
    (553, None, "in my badmailfrom list"),
    (550, "5.1.8", ""),
    (550, "5.1.1", ""),
    (550, None, "poor reputation"),
    (550, None, "blocked using x"),
    (550, None, "spam"),
    (550, None, "blocked"),
    (550, "5.7.1", "duplicate header"),
    (550, None, "duplicate header"),
    (450, "4.2.0", "try later"),
    (451, None, "internal error"),
    (421, "4.7.0", "try again"),
    (550, None, "policy"),
    (550, "5.7.1", ""),
    (550, "5.1.6", ""),
    (550, "5.1.2", ""),
    (550, "5.2.1", ""),
    (521, None, ""),
    (452, "4.3.1", ""),
    (550, "5.6.0", ""),
    (450, None, "dns"),
    (451, "4.4.5", ""),
    (550, "5.4.7", ""),
    (550, "5.4.1", ""),
    (550, "5.3.0", ""),
]


def _attempts(*rows: tuple[int, int | None, str | None, str]) -> pd.DataFrame:
    """Attempts at one recipient: seconds after the first, code, text, outcome."""
    return transactions(
        *(
            {
                "ts": T0 + at * SECOND,
                "final_code": code,
                "final_text": text,
                "outcome": outcome,
            }
            for at, code, text, outcome in rows
        )
    )


def test_a_refusal_that_was_accepted_later_is_greylisting() -> None:
    frame = _attempts(
        (0, 450, "no", "deferred"),
        (60, 450, "no", "deferred"),
        (300, 250, "ok", "delivered"),
    )
    found = classify(frame)
    assert list(found["retry_class"]) == ["greylisted", "greylisted", "ok"]
    assert found["evidence"].iloc[0] == "greylisted(confirmed)"


def test_a_full_mailbox_that_was_emptied_is_none() -> None:
    frame = _attempts(
        (0, 452, "mailbox full", "deferred"), (300, 250, "ok", "delivered")
    )
    assert list(classify(frame)["retry_class"]) == ["transient", "ok"]


@pytest.mark.parametrize(
    ("code", "text", "accepted_after", "found"),
    [
        (451, "Greylisted, come back", 300, "greylisted(confirmed)"),
        (451, "4.7.1 try again later", 300, "greylisted(confirmed)"),
        (450, "no", 300, "greylisted(confirmed)"),
        # A week later says nothing of it, nor does a cause of its own.
        (450, "no", 7 * 86400, "code"),
        (451, "Temporary lookup failure", 300, "name service"),
        (450, "mailbox is locked", 300, "busy"),
    ],
)
def test_greylisting_is_confirmed_only_without_a_cause_and_within_hours(
    code: int, text: str, accepted_after: int, found: str
) -> None:
    frame = _attempts(
        (0, code, text, "deferred"), (accepted_after, 250, "ok", "delivered")
    )
    frame["final_enhanced"] = "4.7.1" if "4.7.1" in text else None
    classified = classify(frame)
    confirmed = found == "greylisted(confirmed)"
    assert (classified["retry_class"].iloc[0] == "greylisted") is confirmed
    assert (classified["evidence"].iloc[0] == found) or not confirmed
    (row,) = retries(frame).to_dict("records")
    assert row["greylisting_confirmed"] is confirmed


def test_a_refusal_that_was_never_accepted_is_none() -> None:
    frame = _attempts(
        (0, 450, "try again later", "deferred"),
        (5 * 3600, 450, "try again later", "deferred"),
    )
    assert list(classify(frame)["retry_class"]) == ["transient", "transient"]


def test_another_recipient_confirms_nothing() -> None:
    frame = _attempts((0, 450, "no", "deferred"), (300, 250, "ok", "delivered"))
    frame["attempt_key"] = ["one", "two"]
    assert list(classify(frame)["retry_class"]) == ["transient", "ok"]
    frame["attempt_key"] = None
    assert list(classify(frame)["retry_class"]) == ["transient", "ok"]


def test_a_transaction_without_a_reply_is_classified_by_its_fault() -> None:
    frame = transactions({"outcome": "unknown", "reason": "ConnectionLost"})
    (row,) = classify(frame).to_dict("records")
    assert (row["retry_class"], row["reason"]) == ("network", "networkerror")


def test_retries_tell_how_long_it_took_to_be_accepted() -> None:
    frame = _attempts(
        (300, 250, "ok", "delivered"),
        (0, 450, "Greylisted", "deferred"),
        (400, 250, "ok", "delivered"),
    )
    (row,) = retries(frame).to_dict("records")
    assert row["n_attempts"] == 3
    assert (row["first_code"], row["last_code"]) == (450, 250)
    assert row["delay_to_accept_s"] == 300
    assert row["greylisting_confirmed"]


def test_retries_that_never_succeeded_have_no_delay() -> None:
    frame = _attempts((0, 450, "Greylisted", "deferred"), (9, None, None, "aborted"))
    (row,) = retries(frame).to_dict("records")
    assert pd.isna(row["delay_to_accept_s"])
    assert pd.isna(row["last_code"])
    assert not row["greylisting_confirmed"]


def test_a_single_attempt_is_no_retry() -> None:
    assert retries(_attempts((0, 250, "ok", "delivered"))).empty
    assert retries(transactions()).empty
    assert list(retries(transactions()).columns)[:3] == [
        "attempt_key",
        "host",
        "n_attempts",
    ]


def _texts(figure: Any) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in (*ax.get_yticklabels(), *ax.texts)]


def test_the_picture_writes_the_number_of_every_class() -> None:
    rows = [{"code": 250}] * 40 + [{"code": 550}] * 9 + [{"error_type": "TlsError"}]
    texts = _texts(plot_classify(classify(exchanges(*rows))))
    assert "mx.example  n=50" in texts
    assert {"40", "9", "tls 1"} <= set(texts)


def test_the_picture_begins_where_most_went_wrong() -> None:
    rows = [{"code": 250, "host": "good.example"}, {"code": 550, "host": "bad.example"}]
    texts = _texts(plot_classify(classify(exchanges(*rows))))
    assert texts[:2] == ["bad.example  n=1", "good.example  n=1"]


def test_the_words_tell_what_went_wrong_and_where() -> None:
    found = classify(exchanges({"code": 250}, {"code": 550}))
    said = "2 in all: 1 ok, 1 permanent. Most went wrong at mx.example: 1."
    assert describe_classify(found) == said
    assert describe_classify(classify(exchanges({"code": 250}))) == "1 in all: 1 ok."


def test_nothing_has_a_picture() -> None:
    nothing = classify(exchanges())
    assert _texts(plot_classify(nothing))[-1] == "nothing to show"
    assert describe_classify(nothing) == "Nothing to classify."


def test_a_transcript_is_classified_and_drawn(transcript: Transcript) -> None:
    found = classify(transcript)
    assert set(found["retry_class"]) == {"ok", "permanent", "network"}
    of_recipients = classify(transcript.transactions())
    assert list(of_recipients["retry_class"]) == ["ok", "permanent"]
    assert plot_classify(found).axes
    assert retries(transcript).empty
