from __future__ import annotations

import time
from pathlib import Path

import pytest

from smtpnb.analysis.compare.volatile import VOLATILE, Names, Volatile, names_of, settle
from smtpnb.protocol.queue_ids import queue_id
from smtpnb.transcript import events
from tests.protocol.test_queue_ids import TEXTS
from tests.transcript.logs import Log, plain

HOST = Names(hosts=frozenset({"mx.example.org"}), clients=frozenset({"client.test"}))

# Shapes as the servers write them (from captured dialogues, the servers' test suites
# and manuals, and replies quoted in public issues), names and ids made harmless.
TABLE = Path(__file__).with_name("volatile.tsv").read_text()
REPLIES = [line.split("\t") for line in TABLE.splitlines()[1:]]


@pytest.mark.parametrize(("text", "settled"), [row[1:] for row in REPLIES])
def test_what_changes_from_one_reply_to_the_next_is_settled(
    text: str, settled: str
) -> None:
    assert settle(text, HOST) == settled


@pytest.mark.parametrize("text", [text for _, text, name in TEXTS if name])
def test_a_queue_id_that_the_tables_know_is_settled(text: str) -> None:
    name = queue_id(text)
    assert name
    assert name not in settle(text)


def test_each_server_of_the_tables_has_a_real_reply() -> None:
    assert {v.written_by for v in VOLATILE} <= {server for server, *_ in REPLIES}


@pytest.mark.parametrize("volatile", VOLATILE, ids=lambda v: v.pattern.pattern[:40])
def test_each_pattern_is_needed_by_a_real_reply(volatile: Volatile) -> None:
    assert any(volatile.pattern.search(text) for _, text, _ in REPLIES)


@pytest.mark.parametrize(
    "text",
    [
        "ESMTP Exim 4.96",
        "ESMTP Sendmail 8.17.1/8.17.1",
        "PIPELINING",
        "SIZE 10240000",
        "5.7.26 Unauthenticated mail is prohibited",
        "4.7.1 Greylisted, try again in 300 seconds",
        "blocked using zen.example.net",
        "AUTH PLAIN LOGIN",
    ],
)
def test_what_means_something_stays(text: str) -> None:
    assert settle(text, HOST) == text


def test_settling_twice_is_settling_once() -> None:
    for _, text, _ in REPLIES:
        once = settle(text, HOST)
        assert settle(once, HOST) == once


def test_a_name_inside_a_longer_one_is_another_name() -> None:
    assert settle("smx.example.org mx.example.orgs mx.example.org.", HOST) == (
        "smx.example.org mx.example.orgs {host}."
    )


def test_the_dialogue_tells_whose_names_are_whose() -> None:
    names = names_of(events(plain()))
    hosts = frozenset({"mx1.example.test", "mx1"})
    assert names == Names(hosts, frozenset({"client.test"}))


def test_a_greeting_that_begins_with_a_word_names_nobody() -> None:
    session = Log()
    session.greeting(b"220 Welcome to the machine\r\n")
    assert names_of(events(session.close())).hosts == {"mx1.example.test"}


@pytest.mark.parametrize("part", ["a", "a.", "1:", "<", "a@", "1.2.", "x-y ", "\n"])
def test_a_hostile_reply_is_settled_in_a_moment(part: str) -> None:
    text = part * (65_536 // len(part))
    start = time.process_time()
    settle(text, HOST)
    assert time.process_time() - start < 2
