"""Whose code it is decides what it means; where that is not known, it is said."""

from __future__ import annotations

import re

import pytest

from smtpnb.analysis import explain
from smtpnb.analysis.replies.classify import RETRY_CLASSES
from smtpnb.analysis.replies.providers import READINGS, provider_of, readings
from smtpnb.analysis.replies.registry import DETAILS


@pytest.mark.parametrize("row", READINGS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_row_names_its_page_and_its_date(row: tuple[str, ...]) -> None:
    one = READINGS[READINGS.index(row)]
    assert one.source
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(; \d{4}-\d\d-\d\d)*", one.read)
    assert bool(one.reason) == bool(one.retry_class)
    assert one.retry_class in {"", *RETRY_CLASSES}
    re.compile(one.enhanced)


@pytest.mark.parametrize(
    ("host", "text", "provider"),
    [
        ("gmail-smtp-in.l.google.com", "", "Gmail"),
        ("x.mail.protection.outlook.com.", "", "Microsoft"),
        ("x-y.mx.microsoft", "", "Microsoft"),
        ("mta5.am0.yahoodns.net", "", "Yahoo"),
        ("mx01.mail.icloud.com", "", "Apple"),
        ("mxa-1.gslb.pphosted.com", "", "Proofpoint"),
        ("eu-smtp-inbound-1.mimecast.com", "", "Mimecast"),
        (None, "no - gsmtp", "Gmail"),
        ("relay.example", "denied [A.prod.protection.outlook.com]", "Microsoft"),
        ("notgoogle.com", "", None),
        ("google.com.example", "", None),
        (None, "a message to Gmail", None),
        (None, "", None),
    ],
)
def test_who_speaks_is_told_by_host_or_words(
    host: str | None, text: str, provider: str | None
) -> None:
    assert provider_of(host, text) == provider


def test_a_bare_code_lists_every_reading_the_registry_first() -> None:
    evidence = explain("5.7.30").evidence
    (registry,) = [at for at, line in enumerate(evidence) if "RFC 8689" in line]
    providers = [line.split()[1] for line in evidence[registry + 1 :]]
    assert providers == ["Gmail", "Microsoft"]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("550 5.7.30 Basic authentication is not supported", "takes no password"),
        ("host mx.google.com said: 550 5.7.30 no", "SPF, DKIM or DMARC"),
        ("host mx.google.com said: 421 4.7.29 no", "it wants TLS"),
        ("host mx.google.com said: 421 4.7.27 no", "SPF, DKIM or DMARC"),
        ("550 5.7.27 no", "sender's address"),
        ("host mta.am0.yahoodns.net said: 554 5.7.9 for policy", "SPF, DKIM or DMARC"),
        ("534 5.7.9 mechanism too weak", "wants authentication"),
    ],
)
def test_a_code_of_two_meanings_means_what_its_provider_says(
    reply: str, cause: str
) -> None:
    assert cause in explain(reply).headline


def test_the_registry_s_meaning_is_marked_where_it_is_not_the_provider_s() -> None:
    told = explain("host mx.google.com said: 421 4.7.29 no")
    assert told.who == "mx.google.com: Gmail"
    assert "4.7.29 is registered as ARC validation failed (RFC 8617)" in told.evidence
    assert any("at Gmail 4.7.29 means: sent without TLS" in x for x in told.evidence)


def test_an_unregistered_code_borrows_no_meaning() -> None:
    for code in ("5.7.509", "4.7.139", "5.9.999"):
        told = " ".join(explain(code).evidence)
        assert f"{code} is not registered (IANA)" in told
        assert "RFC 5321" not in told
    told = " ".join(explain("550 5.7.509").evidence)
    assert "550 means mailbox unavailable (RFC 5321 4.2.3)" in told


def test_readings_of_registered_codes_say_something_else_than_the_registry() -> None:
    registered = {f"{subject}.{detail}" for subject, detail in DETAILS}
    collide = {
        one.enhanced for one in READINGS if one.enhanced.replace("\\", "") in registered
    }
    assert {r"7\.29", r"7\.30", r"7\.27", r"4\.1", r"7\.9"} <= collide
    assert not readings("5.1.1")
    assert not readings(None)


@pytest.mark.parametrize(
    ("code", "registered", "others"),
    [
        ("5.7.29", "ARC validation failed", "Gmail"),
        ("550 5.7.30", "REQUIRETLS support required", "Gmail and Microsoft"),
        ("5.7.27", "sender address has null MX", "Gmail"),
        ("5.4.1", "no answer from host", "Microsoft"),
    ],
)
def test_a_bare_code_of_two_meanings_is_said_to_have_them(
    code: str, registered: str, others: str
) -> None:
    said = explain(code)
    assert f"{registered}, by the registry; at {others} it means" in said.headline
    assert said.next_steps[0].startswith("Find out who speaks")


@pytest.mark.parametrize("code", ["556 5.1.10", "5.7.26", "5.7.28", "5.1.1"])
def test_a_code_of_one_meaning_is_not(code: str) -> None:
    assert "by the registry" not in explain(code).headline


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("5.7.57", "wants authentication"),
        ("4.7.40", "SPF, DKIM or DMARC"),
        ("5.7.708", "banned as suspicious (as Microsoft uses the code)"),
        ("5.7.999", "its policy forbids it"),
        ("5.1.351", "does not take an address; its code tells no more"),
        ("5.9.9", "no reason that we know"),
    ],
)
def test_an_unregistered_code_means_what_its_only_user_says(
    code: str, cause: str
) -> None:
    said = explain(code)
    assert cause in said.headline
    assert f"{code} is not registered (IANA)" in " ".join(said.evidence)


def test_a_reply_code_of_no_rfc_is_called_so() -> None:
    (told,) = [line for line in explain(571).evidence if "571" in line]
    assert (
        told == "571 is in no RFC that we know; its first digit counts (RFC 5321 4.2.1)"
    )


def test_an_acceptance_takes_no_meaning_from_a_code_that_contradicts() -> None:
    told = explain("250 5.1.1 fine").evidence
    assert "5.1.1 contradicts 250: the reply code counts" in told
    assert not any("bad destination" in line for line in told)
