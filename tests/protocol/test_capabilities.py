from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.parser import MAX_LINE, MAX_REPLY, ReplyParser
from smtpnb.protocol.reply import Reply

# Written after real servers. Above the blank line what is expected, below it the
# greeting and the reply to EHLO as received, but for the line ends.
CORPUS = sorted((Path(__file__).parent / "replies").glob("*.txt"))


def read(path: Path) -> tuple[dict[str, str], bytes]:
    head, _, body = path.read_bytes().partition(b"\n\n")
    facts = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return facts, body.replace(b"\n", b"\r\n")


def words(facts: dict[str, str]) -> dict[str, tuple[str, ...]]:
    if facts["offers"] == "none":
        return {}
    parts = [word.partition("=") for word in facts["offers"].split()]
    return {
        keyword: tuple(parameters.split(",")) if parameters else ()
        for keyword, _, parameters in parts
    }


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 10


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_server_of_the_corpus_offers(path: Path, piece: int) -> None:
    facts, octets = read(path)
    parser = ReplyParser()
    replies = []
    for at in range(0, len(octets), piece):
        parser.feed(octets[at : at + piece])
        while (reply := parser.next_reply()) is not None:
            replies.append(reply)
    greeting, ehlo = replies
    assert (greeting.code, ehlo.code, len(parser)) == (220, 250, 0)
    assert greeting.enhanced is None
    assert ehlo.anomalies == ()
    capabilities = Capabilities.from_reply(ehlo)
    assert capabilities.domain == facts["domain"].replace("none", "")
    assert dict(capabilities) == words(facts)
    assert list(capabilities) == list(words(facts))
    assert str(capabilities.size_limit) == facts["size"].title()
    assert capabilities.mechanisms == words(facts).get("AUTH", ())


def offering(*lines: str) -> Capabilities:
    octets = "".join(f"250-{line}\r\n" for line in ("me", *lines)) + "250 \r\n"
    return Capabilities.from_reply(Reply(octets.encode()))


def test_keywords_are_found_in_any_case() -> None:
    capabilities = offering("Size 100", "x-own A b")
    assert "size" in capabilities
    assert "SIZE" in capabilities
    assert capabilities["sIzE"] == ("100",)
    assert capabilities.get("X-OWN") == ("A", "b")
    assert "me" not in capabilities
    with pytest.raises(KeyError):
        capabilities["DSN"]


MECHANISMS = [
    (("AUTH PLAIN LOGIN",), ("PLAIN", "LOGIN")),
    (("AUTH=PLAIN LOGIN",), ("PLAIN", "LOGIN")),
    (("AUTH PLAIN", "AUTH=PLAIN LOGIN"), ("PLAIN", "LOGIN")),
    (("AUTH=LOGIN", "AUTH PLAIN LOGIN"), ("LOGIN", "PLAIN")),
    (("AUTH plain Plain PLAIN",), ("PLAIN",)),
    (("AUTH=",), ()),
    (("AUTH",), ()),
    (("AUTHX PLAIN",), ()),
    ((), ()),
]


@pytest.mark.parametrize(("lines", "mechanisms"), MECHANISMS)
def test_both_forms_of_auth_are_merged(
    lines: tuple[str, ...], mechanisms: tuple[str, ...]
) -> None:
    assert offering(*lines).mechanisms == mechanisms


SIZES = [
    ("SIZE 100", 100),
    ("SIZE", None),
    ("SIZE 0", None),
    ("SIZE -1", None),
    ("SIZE 1.5", None),
    ("SIZE \u0661\u0662", None),
    ("SIZE \u00b2", None),
    ("SIZE " + "9" * 20, 10**20 - 1),
    ("SIZE " + "9" * 21, None),
    ("SIZE " + "9" * 10_000, None),
    ("SIZE=100", None),
]


@pytest.mark.parametrize(("line", "limit"), SIZES, ids=lambda x: str(x)[:30])
def test_the_size_limit_is_a_number_or_none(line: str, limit: int | None) -> None:
    assert offering(line).size_limit == limit


def test_nothing_is_known_before_ehlo() -> None:
    assert not Capabilities().known
    assert len(Capabilities()) == 0
    assert offering().known
    assert repr(Capabilities()) == "<Capabilities none>"


def test_a_repr_is_one_inert_line() -> None:
    text = repr(offering("X-\x1b[31m a\u202eb", "SIZE 1"))
    assert text == "<Capabilities X-\\x1b[31M a\\u202eb, SIZE 1>"


def test_capabilities_pickle_and_copy() -> None:
    capabilities = offering("SIZE 1")
    for other in (
        pickle.loads(pickle.dumps(capabilities)),
        copy.deepcopy(capabilities),
    ):
        assert other == capabilities
        assert (other.domain, other.known) == ("me", True)


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_any_reply_to_ehlo_can_be_read(texts: list[bytes]) -> None:
    lines = [b"250-" + text.replace(b"\n", b"") + b"\r\n" for text in texts]
    capabilities = Capabilities.from_reply(Reply(b"".join(lines) + b"250 x\r\n"))
    assert capabilities.size_limit is None or capabilities.size_limit > 0
    assert all(keyword in capabilities for keyword in capabilities)


def test_merging_parameters_does_not_look_at_each_again() -> None:
    # Counts the calls and resumptions of Python code: one a line, not one a parameter.
    many = [f"{n:x}" for n in range(12_000)]
    rows = [many[at : at + 3_000] for at in range(0, len(many), 3_000)]
    lines = "".join(f"250-X {' '.join(row)}\r\n" for row in rows)
    octets = f"250-me\r\n{lines}250 end\r\n".encode()
    assert len(octets) < MAX_REPLY
    assert max(map(len, octets.splitlines())) < MAX_LINE
    events: list[str] = []
    sys.setprofile(lambda _frame, event, _arg: events.append(event))
    try:
        capabilities = Capabilities.from_reply(Reply(octets))
    finally:
        sys.setprofile(None)
    assert capabilities["X"] == tuple(many)
    assert len(events) < 1_000
