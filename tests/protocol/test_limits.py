"""LIMITS (RFC 9422): shown, counted, obeyed; and what is announced twice."""

from __future__ import annotations

import re

import pytest

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.commands import Command, Custom, Ehlo, Mail, Rcpt, Rset
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.limits import Limits
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.session import Session


def offers(*lines: str) -> Capabilities:
    return Capabilities.from_reply(reply(*lines))


def reply(*lines: str) -> Reply:
    *first, last = ("me", *lines)
    text = "".join(f"250-{line}\r\n" for line in first) + f"250 {last}\r\n"
    return Reply(text.encode())


def session(*lines: str, lax: object = False) -> Session:
    made = Session(lax=lax)  # type: ignore[arg-type]
    made.greeted(Reply(b"220 hello\r\n"))
    say(made, Ehlo("me"), reply(*lines))
    return made


def say(on: Session, command: Command, answer: Reply | None = None) -> None:
    on.check(command)
    on.sent(command)
    on.received(answer or Reply(b"250 ok\r\n"))


@pytest.mark.parametrize(
    ("lines", "limits"),
    [
        (["LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1"], (5, 20, 1)),
        (["limits rcptmax=20"], (None, 20, None)),
        (["LIMITS"], (None, None, None)),
        (["LIMITS RCPTMAX=0 MAILMAX=x RCPTDOMAINMAX=1234567"], (None, None, None)),
        (["LIMITS FUTURE=1 RCPTMAX=7"], (None, 7, None)),
        (["LIMITS RCPTMAX=9", "LIMITS RCPTMAX=3 MAILMAX=1"], (1, 3, None)),
        ([], (None, None, None)),
    ],
)
def test_limits_are_read(
    lines: list[str], limits: tuple[int | None, int | None, int | None]
) -> None:
    assert offers(*lines).limits == Limits(*limits)


@pytest.mark.parametrize(
    ("lines", "keyword", "safe"),
    [
        (["SIZE 2000", "SIZE 1000"], "SIZE", ("1000",)),
        (["SIZE 0", "SIZE 1000"], "SIZE", ("1000",)),  # 0: no limit is known
        (["SIZE", "SIZE 1000"], "SIZE", ("1000",)),
        (["DELIVERBY 10", "DELIVERBY 240"], "DELIVERBY", ("240",)),
        (
            ["FUTURERELEASE 900 2027-01-01T00:00:00Z", "FUTURERELEASE 60 2028-01-01"],
            "FUTURERELEASE",
            ("60", "2027-01-01T00:00:00Z"),
        ),
        (["LIMITS RCPTMAX=9 X=1", "LIMITS RCPTMAX=3"], "LIMITS", ("RCPTMAX=3", "X=1")),
    ],
)
def test_of_two_announcements_the_safe_one_counts_and_it_is_said(
    lines: list[str], keyword: str, safe: tuple[str, ...]
) -> None:
    offered = offers(*lines)
    assert offered[keyword] == safe
    (remark,) = offered.remarks
    assert remark.startswith(f"{keyword} was announced as ")
    assert remark.endswith(f"{' '.join(safe)} counts")
    assert offers(lines[0], lines[0]).remarks == ()


@pytest.mark.parametrize("lax", [False, True])
def test_each_limit_is_obeyed_and_lifted(*, lax: bool) -> None:
    on = session("LIMITS MAILMAX=2 RCPTMAX=2 RCPTDOMAINMAX=2", lax=lax and ["limits"])

    def beyond(command: Command, sentence: str) -> None:
        if lax:
            on.check(command)
            assert re.search(sentence, on.lifted)
            return
        with pytest.raises(LocalProtocolError, match=sentence):
            on.check(command)

    say(on, Mail("a@x"))
    say(on, Rcpt("a@ONE.example"), Reply(b"550 no\r\n"))  # refused ones count, too
    say(on, Rcpt("b@one.example"))
    beyond(Rcpt("c@one.example"), "recipients.* is 2 .*RFC 9422 section 4.2")
    say(on, Rset())
    say(on, Mail("a@x"))
    say(on, Rcpt("c@two.example"))
    beyond(Rcpt("d@three.example"), "domains.* is 2 .*RFC 9422 section 4.3")
    say(on, Rset())
    beyond(Mail("a@x"), "transactions.* is 2 .*RFC 9422 section 4.1")


def test_a_group_is_counted_before_it_leaves_and_only_then() -> None:
    on = session("LIMITS RCPTMAX=2", "PIPELINING")
    group = [Mail("a@x"), Rcpt("a@b"), Rcpt("c@b")]
    assert on.check_group(group) == []
    assert on.counted.mails == 0
    with pytest.raises(LocalProtocolError, match="RCPTMAX=2"):
        on.check_group([*group, Rcpt("d@b")])


def test_what_is_said_by_hand_is_counted() -> None:
    on = session("LIMITS RCPTMAX=1")
    say(on, Custom("MAIL", "FROM:<a@b>"))
    say(on, Custom("RCPT", "TO:<a@b>"))
    with pytest.raises(LocalProtocolError, match="RCPTMAX=1"):
        on.check(Rcpt("c@b"))


def test_what_is_switched_off_is_not_offered_and_that_is_said() -> None:
    on = Session(disabled=["pipelining", "XCLIENT"])
    on.greeted(Reply(b"220 hello\r\n"))
    say(on, Ehlo("me"), reply("PIPELINING", "SIZE 5"))
    assert list(on.capabilities) == ["SIZE"]
    assert on.capabilities.disabled == ("PIPELINING",)
    assert on.remarks == ("announced, and switched off (disable=): PIPELINING",)
    say(on, Mail("a@x"))
    with pytest.raises(LocalProtocolError, match="PIPELINING is switched off"):
        on.check_group([Rcpt("a@b"), Rcpt("c@d")])


@pytest.mark.parametrize(
    ("guard", "command"),
    [
        ("order", Rcpt("a@b")),
        ("offers", Mail("a@b", ret="HDRS")),
        ("syntax", Mail("not an address")),
        ("limits", Mail("a@b", by=(1, "R"))),
    ],
)
def test_each_guard_is_lifted_alone(guard: str, command: Command) -> None:
    lines = ("DELIVERBY 240",)
    for lax in (False, {"order", "offers", "syntax", "limits"} - {guard}):
        on = session(*lines, lax=lax)
        with pytest.raises(LocalProtocolError):
            prepare(on, command)
    on = session(*lines, lax=guard)
    prepare(on, command)
    assert on.lifted


def prepare(on: Session, command: Command) -> None:
    on.check(command)
    command.octets(lax="syntax" in on.lax)


def test_a_guard_that_does_not_exist_is_no_guard() -> None:
    with pytest.raises(LocalProtocolError, match=r"no guard 'orders'.*order, offers"):
        Session(lax=["orders"])
