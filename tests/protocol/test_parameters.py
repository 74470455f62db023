"""Every parameter: the octets of its RFC, what it needs, and what is refused, and why.

The wire column of OCTETS is written after the examples and the grammar of the RFC that
stands beside it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import Command, Mail, Rcpt
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.parameters import (
    OF_MAIL,
    OF_RCPT,
    DeliverBy,
    Envid,
    Orcpt,
    Parameter,
    Ret,
    objection_to,
    of_word,
    outside,
)
from smtpnb.protocol.xtext import Xtext, plain, xtext

AT = datetime(2014, 4, 3, 23, 1, 0, tzinfo=UTC)
EAST = datetime(2014, 4, 4, 1, 1, 0, 999, tzinfo=timezone(timedelta(hours=2)))

# Arguments of MAIL, its parameters on the wire, the keyword that announces them.
MAIL: list[tuple[dict[str, Any], str, str]] = [
    ({"size": 500000}, "SIZE=500000", "SIZE"),  # RFC 1870 section 9
    ({"body": "8BITMIME"}, "BODY=8BITMIME", "8BITMIME"),  # RFC 6152 section 4
    ({"body": "BINARYMIME"}, "BODY=BINARYMIME", "8BITMIME BINARYMIME"),  # RFC 3030 4.2
    ({"smtputf8": True}, "SMTPUTF8", "SMTPUTF8"),  # RFC 6531 section 3.4
    # RFC 3461 section 10.1, and 4: xtext.
    ({"ret": "HDRS", "envid": "QQ314159"}, "RET=HDRS ENVID=QQ314159", "DSN"),
    ({"envid": "a+b=c d"}, "ENVID=a+2Bb+3Dc+20d", "DSN"),
    ({"envid": Xtext("a+2Bb")}, "ENVID=a+2Bb", "DSN"),
    ({"by": (120, "R")}, "BY=120;R", "DELIVERBY"),  # RFC 2852 section 5
    ({"by": (-240, "N", True)}, "BY=-240;NT", "DELIVERBY"),  # section 4
    ({"by": "999999999;RT"}, "BY=999999999;RT", "DELIVERBY"),
    ({"by": DeliverBy(timedelta(minutes=2), "N")}, "BY=120;N", "DELIVERBY"),
    ({"holdfor": 86400}, "HOLDFOR=86400", "FUTURERELEASE"),  # RFC 4865 section 4
    ({"holdfor": timedelta(days=1)}, "HOLDFOR=86400", "FUTURERELEASE"),
    ({"holduntil": AT}, "HOLDUNTIL=2014-04-03T23:01:00Z", "FUTURERELEASE"),
    ({"holduntil": EAST}, "HOLDUNTIL=2014-04-03T23:01:00Z", "FUTURERELEASE"),
    ({"mt_priority": -6}, "MT-PRIORITY=-6", "MT-PRIORITY"),  # RFC 6710 section 11
    ({"mt_priority": 0}, "MT-PRIORITY=0", "MT-PRIORITY"),
    ({"requiretls": True}, "REQUIRETLS", "REQUIRETLS"),  # RFC 8689 section 2
    ({"prdr": True}, "PRDR", "PRDR"),
    ({"auth": "e=mc2@example.com"}, "AUTH=e+3Dmc2@example.com", "AUTH"),  # RFC 4954 5
    ({"auth": ""}, "AUTH=<>", "AUTH"),
    # RFC 3865 section 4.2
    (
        {"parameters": ["SOLICIT=org.example:ADV:ADLT"]},
        "SOLICIT=org.example:ADV:ADLT",
        "NO-SOLICITING",
    ),
    ({"parameters": "X-OWN x=y"}, "X-OWN x=y", ""),
    ({"parameters": [Ret("FULL"), "mtrk=x"]}, "RET=FULL mtrk=x", "DSN MTRK"),
]

RCPT: list[tuple[dict[str, Any], str, str]] = [
    # RFC 3461 section 10.1
    (
        {"notify": "SUCCESS", "orcpt": "Bob@Example.COM"},
        "NOTIFY=SUCCESS ORCPT=rfc822;Bob@Example.COM",
        "DSN",
    ),
    ({"notify": ["FAILURE", "DELAY"]}, "NOTIFY=FAILURE,DELAY", "DSN"),
    ({"notify": "NEVER"}, "NOTIFY=NEVER", "DSN"),
    ({"orcpt": "me+list=x@d"}, "ORCPT=rfc822;me+2Blist+3Dx@d", "DSN"),
    ({"orcpt": "rfc822;a+b@d"}, "ORCPT=rfc822;a+2Bb@d", "DSN"),
    ({"orcpt": Xtext("rfc822;a+2Bb@d")}, "ORCPT=rfc822;a+2Bb@d", "DSN"),
    ({"orcpt": "x400;/S=x"}, "ORCPT=x400;/S+3Dx", "DSN"),
    # RFC 6533 section 3
    ({"orcpt": "jörg+a@b"}, r"ORCPT=utf-8;j\x{F6}rg\x{2B}a@b", "DSN"),
    ({"rrvs": AT}, "RRVS=2014-04-03T23:01:00Z", "RRVS"),  # RFC 7293 section 5
    ({"rrvs": (AT, "C")}, "RRVS=2014-04-03T23:01:00Z;C", "RRVS"),
    ({"rrvs": "2014-04-03T23:01:00+02:00"}, "RRVS=2014-04-03T23:01:00+02:00", "RRVS"),
    ({"parameters": ["CONPERM", "CONNEG=x"]}, "CONPERM CONNEG=x", "CONPERM CONNEG"),
]


def _command(verb: str, said: dict[str, Any]) -> Command:
    return Mail("a@b", **said) if verb == "MAIL" else Rcpt("a@b", **said)


CASES = [("MAIL", *case) for case in MAIL] + [("RCPT", *case) for case in RCPT]


@pytest.mark.parametrize(("verb", "said", "wire", "needs"), CASES, ids=str)
def test_a_parameter_is_exactly_these_octets(
    verb: str, said: dict[str, Any], wire: str, needs: str
) -> None:
    command = _command(verb, said)
    prefix = "MAIL FROM:<a@b> " if verb == "MAIL" else "RCPT TO:<a@b> "
    assert bytes(command.octets().wire) == f"{prefix}{wire}\r\n".encode()
    assert command.needs() == tuple(needs.split())


def test_every_named_parameter_is_in_the_table() -> None:
    for kinds, cases in ((OF_MAIL, MAIL), (OF_RCPT, RCPT)):
        assert set(kinds) <= {name for said, *_ in cases for name in said}


# What is said, and the sentence: the argument, the rule, the RFC and its section.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("MAIL", {"size": -1}, "SIZE is a number of octets.*RFC 1870 section 3"),
    ("MAIL", {"size": 10**20}, "at most 20 digits.*RFC 1870"),
    ("MAIL", {"body": "9BIT"}, "BODY is 7BIT.*RFC 6152 section 2"),
    ("MAIL", {"parameters": ["SMTPUTF8=1"]}, "no value.*RFC 6531 section 3.4"),
    ("MAIL", {"ret": "NONSENSE"}, "'RET=NONSENSE': RET is FULL or HDRS.*3461.*4.3"),
    ("MAIL", {"parameters": ["ret=all"]}, "'ret=all': RET is FULL or HDRS"),
    ("MAIL", {"envid": ""}, "ENVID is not empty.*RFC 3461 section 4.4"),
    ("MAIL", {"envid": "é"}, "ENVID is printable ASCII.*RFC 3461 section 4.4"),
    ("MAIL", {"envid": "a\r\nRSET"}, "envid holds U\\+000D"),
    ("MAIL", {"envid": "x" * 101}, "at most 100 characters as xtext, not 101.*4.4"),
    ("MAIL", {"envid": Xtext("a+b")}, "ENVID is xtext.*RFC 3461"),
    ("MAIL", {"envid": Xtext("a+2b")}, "ENVID is xtext"),  # upper-case digits only
    ("MAIL", {"parameters": ["ENVID=a=b"]}, "ENVID is xtext"),
    ("MAIL", {"by": (0, "R")}, "needs a time above zero.*RFC 2852 section 4"),
    ("MAIL", {"by": (10**9, "N")}, "at most 9 digits.*RFC 2852 section 4"),
    ("MAIL", {"by": (1, "X")}, "N or R"),
    ("MAIL", {"by": "120"}, "BY is seconds"),
    ("MAIL", {"by": 120}, "by is seconds and a mode.*RFC 2852"),
    ("MAIL", {"by": (1.5, "R")}, "by is a number of seconds, not float"),
    ("MAIL", {"holdfor": 0}, "HOLDFOR is a number.*RFC 4865 section 3"),
    ("MAIL", {"holdfor": 10**9}, "1 to 999999999"),
    ("MAIL", {"holdfor": 1, "holduntil": AT}, "not both.*RFC 4865 section 4"),
    ("MAIL", {"holduntil": "tomorrow"}, "RFC 3339 in UTC.*RFC 4865 section 3"),
    ("MAIL", {"holduntil": AT.replace(tzinfo=None)}, "holduntil is a datetime with"),
    # "normalized to UTC"
    ("MAIL", {"holduntil": "2026-12-01T01:00:00+01:00"}, "in UTC.*RFC 4865 section 3"),
    ("MAIL", {"holduntil": "2026-12-01T01:00:00.5+00:00"}, "in UTC.*RFC 4865"),
    ("MAIL", {"mt_priority": 10}, "-9 to 9.*RFC 6710 section 3"),
    ("MAIL", {"mt_priority": -10}, "-9 to 9.*RFC 6710 section 3"),
    ("MAIL", {"mt_priority": "+1"}, "-9 to 9"),
    ("MAIL", {"mt_priority": "-0"}, "-9 to 9"),
    ("MAIL", {"size": 10**20}, "at most 20 digits.*RFC 1870 section 3"),
    ("MAIL", {"size": -1}, "SIZE is a number of octets.*RFC 1870 section 3"),
    ("MAIL", {"body": "9BIT"}, "BODY is 7BIT.*RFC 6152 section 2"),
    ("MAIL", {"envid": "x" * 101}, "at most 100 characters.*not 101.*RFC 3461.*4.4"),
    ("MAIL", {"envid": "+" * 34}, "as xtext, not 102.*RFC 3461 section 4.4"),
    ("MAIL", {"mt_priority": True}, "-9 to 9"),
    ("MAIL", {"auth": Xtext("a=b")}, "AUTH is an address as xtext.*RFC 4954 section 5"),
    ("MAIL", {"parameters": ["AUTH="]}, "AUTH is an address"),
    ("MAIL", {"parameters": ["NOTIFY=NEVER"]}, "NOTIFY is a parameter of RCPT.*3461"),
    (
        "MAIL",
        {"ret": "FULL", "parameters": ["RET=FULL"]},
        "RET stands twice.*RFC 3461 section 4.5",
    ),
    ("MAIL", {"body": "7BIT", "parameters": ["body=8BITMIME"]}, "RFC 6152 section 3"),
    ("MAIL", {"parameters": ["X=1", "x=2"]}, "X stands twice .which of the two"),
    ("RCPT", {"notify": "NEVER", "parameters": ["NOTIFY=DELAY"]}, "RFC 3461.*4.5"),
    ("MAIL", {"parameters": ["A B"]}, "without spaces.*RFC 5321 section 4.1.2"),
    ("MAIL", {"parameters": ["X=a=b"]}, "KEYWORD=value"),
    ("MAIL", {"parameters": ["-X"]}, "KEYWORD=value"),
    ("MAIL", {"parameters": ["X="]}, "KEYWORD=value"),
    ("MAIL", {"parameters": [5]}, "a parameter is text, not int"),
    ("MAIL", {"envid": 5}, "envid is text, not int"),
    ("MAIL", {"holdup": 5}, "MAIL has no parameter 'holdup'.*parameters="),
    ("MAIL", {"holduntil": "2026-02-30T00:00:00Z"}, "no such day.*RFC 4865"),
    ("MAIL", {"parameters": 5}, "words are several, not one int"),
    ("MAIL", {"ret": b"HDRS"}, "RET is FULL or HDRS"),
    ("MAIL", {"size": "9k"}, "SIZE is a number"),
    ("RCPT", {"rrvs": "2026-02-30T00:00:00Z;C"}, "no such day.*RFC 7293"),
    ("RCPT", {"notify": 5}, "words are several, not one int"),
    ("RCPT", {"rrvs": 5}, "rrvs is a datetime with its time zone"),
    ("RCPT", {"notify": "NEVER,SUCCESS"}, "NEVER alone.*RFC 3461 section 4.1"),
    ("RCPT", {"notify": []}, "NOTIFY is NEVER alone"),
    ("RCPT", {"notify": "SUCCESS, DELAY"}, "NOTIFY is NEVER alone"),
    ("RCPT", {"orcpt": ""}, "an address behind the type.*RFC 3461 section 4.2"),
    ("RCPT", {"orcpt": Xtext("a@b")}, 'ORCPT is a type, ";".*RFC 3461 section 4.2'),
    ("RCPT", {"orcpt": Xtext("rfc822;é@b")}, "ORCPT is a type"),
    ("RCPT", {"orcpt": "x" * 500}, "at most 500 octets.*RFC 3461 section 4.2"),
    ("RCPT", {"rrvs": "2014-04-03"}, "RRVS is a date.*RFC 7293 section 3.1"),
    ("RCPT", {"rrvs": (AT, "X")}, "with ;C or ;R"),
    # "time-secfrac" MUST NOT be used
    ("RCPT", {"rrvs": "2014-04-03T23:01:00.5Z"}, "whole seconds.*RFC 7293 section 3.1"),
    ("RCPT", {"rrvs": ("2014-04-03T23:01:00.0+02:00", "R")}, "whole seconds"),
    ("RCPT", {"parameters": ["RET=HDRS"]}, "RET is a parameter of MAIL.*3461.*4.3"),
    ("RCPT", {"parameters": ["BY=1;R"]}, "BY is a parameter of MAIL.*RFC 2852"),
    ("RCPT", {"parameters": ["MT-PRIORITY=1"]}, "of MAIL.*RFC 6710"),
]


@pytest.mark.parametrize(("verb", "said", "sentence"), REFUSED, ids=str)
def test_what_breaks_a_rule_is_refused_with_the_rule(
    verb: str, said: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LocalProtocolError, match="nothing was sent") as caught:
        _command(verb, said).octets()
    assert re.search(sentence, str(caught.value))


def test_what_breaks_a_rule_leaves_as_it_is_under_lax() -> None:
    command = Mail("a@b", ret="NONSENSE", by=(0, "R"), parameters=["NOTIFY=NEVER"])
    wire = bytes(command.octets(lax=True).wire)
    assert wire == b"MAIL FROM:<a@b> RET=NONSENSE BY=0;R NOTIFY=NEVER\r\n"


OFFERED = {
    "DELIVERBY": ("240",),
    "FUTURERELEASE": ("86400", "2026-12-01T00:00:00Z"),
}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("BY=240;R", ""),
        ("BY=239;R", "240 seconds and more.*RFC 2852"),
        ("BY=1;N", ""),  # a short time with N is no fault (RFC 2852 section 4)
        ("HOLDFOR=86400", ""),
        ("HOLDFOR=86401", "86400 seconds at most.*RFC 4865"),
        ("HOLDUNTIL=2026-12-01T00:00:00Z", ""),
        ("HOLDUNTIL=2026-12-01T00:00:00.000Z", ""),
        ("HOLDUNTIL=2026-12-01T00:00:01Z", "until 2026-12-01T00:00:00Z at most"),
        ("HOLDUNTIL=2026-11-30T23:59:60Z", ""),
        ("SIZE=5", ""),
        # Malformed: the grammar says so, and nothing else breaks of it.
        ("BY=x;R", ""),
        ("HOLDFOR=x", ""),
        ("HOLDUNTIL=2026-13-01T00:00:00Z", ""),
    ],
)
def test_what_exceeds_the_announcement_is_named(word: str, sentence: str) -> None:
    found = outside([word], Capabilities(OFFERED, known=True))
    assert re.search(sentence, found)
    assert bool(found) is bool(sentence)
    assert outside([word], Capabilities(dict.fromkeys(OFFERED, ()), known=True)) == ""


@given(st.text(st.characters(codec="utf-8")))
@example("a+2Bb")
@example("=+\r\n")
def test_xtext_is_undone_and_holds_no_other_characters(text: str) -> None:
    encoded = xtext(text)
    assert re.fullmatch(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", encoded)
    assert plain(encoded) == text
    assert xtext(Xtext(encoded)) == encoded


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_an_envid_of_any_printable_text_is_one_word(text: str) -> None:
    word = Envid(text).word
    assert " " not in word
    assert (of_word(word).objection("MAIL") == "") is (len(text) <= 100)


TEXT = st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])


@given(st.text(TEXT, min_size=1, max_size=40))
def test_an_orcpt_of_any_text_is_ascii(text: str) -> None:
    word = Orcpt(f"{text}@b").word
    assert word.isascii()
    assert not re.search("[\x00-\x20\x7f]", word)


def test_a_parameter_is_a_value() -> None:
    assert Ret("HDRS") == of_word("RET=HDRS")
    assert Ret("HDRS") != Ret("FULL")
    assert len({Ret("HDRS"), of_word("RET=HDRS")}) == 1
    assert repr(Ret("HDRS")) == "<Ret 'RET=HDRS'>"


KEYWORDS = [kind.keyword for kind in Parameter.__subclasses__() if kind.keyword]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@given(
    st.sampled_from([*KEYWORDS, "X", ""]), st.sampled_from(["", "=", ";"]), st.text()
)
@example("BY", "=", "x;R")
@example("HOLDFOR", "=", "²")
@example("HOLDUNTIL", "=", "0001-01-01T00:00:00+23:59")
@example("HOLDUNTIL", "=", "9999-12-31T23:59:60Z")
@example("HOLDUNTIL", "=", "9999-12-31T23:59:59-23:59")
@example("HOLDUNTIL", "=", "2026-02-30T00:00:00Z")
def test_a_word_of_any_text_is_judged_and_breaks_nothing(
    verb: str, keyword: str, between: str, text: str
) -> None:
    word = f"{keyword}{between}{text}"
    offered = Capabilities(OFFERED, known=True)
    try:
        why = objection_to([word], verb)
        outside([word], offered)
    except LocalProtocolError:  # a control character
        return
    command = Mail("a@b", parameters=[word]) if verb == "MAIL" else Rcpt("a@b")
    if not why and verb == "MAIL":
        assert bytes(command.octets().wire) == f"MAIL FROM:<a@b> {word}\r\n".encode()
