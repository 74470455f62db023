from __future__ import annotations

import copy
import pickle
import tracemalloc
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.protocol.errors import (
    PermanentReplyError,
    RemoteProtocolError,
    TransientReplyError,
)
from smtpnb.protocol.parser import (
    MAX_LINE,
    MAX_LINES,
    MAX_REPLY,
    ReplyParser,
    is_plain,
)
from smtpnb.protocol.reply import EnhancedStatus, Reply
from smtpnb.protocol.secret import Redactor

# What a parser said: the octets of each reply, then the error, then what is pending.
Said = tuple[list[bytes], str, bytes]


def said(pieces: list[bytes], parser: ReplyParser | None = None) -> Said:
    parser = ReplyParser() if parser is None else parser
    replies = []
    for piece in pieces:
        parser.feed(piece)
        try:
            while (reply := parser.next_reply()) is not None:
                replies.append(reply.octets)
        except RemoteProtocolError as error:
            return replies, str(error), b""
    return replies, "", parser.pending(1 << 20)


def octet_by_octet(octets: bytes) -> list[bytes]:
    return [octets[i : i + 1] for i in range(len(octets))]


def one(octets: bytes) -> Reply:
    parser = ReplyParser()
    parser.feed(octets)
    reply = parser.next_reply()
    assert reply is not None
    assert len(parser) == 0
    return reply


def pieces_of(octets: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[a:b] for a, b in pairwise(ends)]


WELL_FORMED: list[tuple[bytes, list[tuple[int, tuple[str, ...]]]]] = [
    (b"250 OK\r\n", [(250, ("OK",))]),
    (b"250\r\n", [(250, ("",))]),
    (b"250 \r\n", [(250, ("",))]),
    (b"220-a\r\n220-b\r\n220 c\r\n", [(220, ("a", "b", "c"))]),
    (b"220-a\r\n220\r\n", [(220, ("a", ""))]),
    (b"220-\r\n220 \r\n", [(220, ("", ""))]),
    (b"250 a\r\n550 b\r\n", [(250, ("a",)), (550, ("b",))]),
    (b"250-a\r\n250 b\r\n354 c\r\n", [(250, ("a", "b")), (354, ("c",))]),
    (b"250-a\n250 b\n", [(250, ("a", "b"))]),
    (b"250-a\n250 b\r\n", [(250, ("a", "b"))]),
    (b"422 who listed this\r\n", [(422, ("who listed this",))]),
    (b"299 x\r\n", [(299, ("x",))]),
    (b"250  two spaces \r\n", [(250, (" two spaces ",))]),
    (b"250 a\tb\r\n", [(250, ("a\tb",))]),
    (b"250 a\0b\r\n", [(250, ("a\0b",))]),
    (b"250 a\rb\r\n", [(250, ("a\rb",))]),
    (b"250 a\r\r\n", [(250, ("a\r",))]),
    (b"250 \xc3\xa9\r\n", [(250, ("é",))]),
    (b"250 \xe9t\xe9\r\n", [(250, ("\\xe9t\\xe9",))]),
    (b"250 250-not a line\r\n", [(250, ("250-not a line",))]),
    (b"", []),
    (b"250 no end", []),
    (b"250-a\r\n", []),
]

MALFORMED = {
    "999": b"999 no such class\r\n",
    "199": b"199 preliminary\r\n",
    "600": b"600 no such class\r\n",
    "000": b"000 zero\r\n",
    "sign": b"+25 plus\r\n",
    "minus": b"-250 minus\r\n",
    "four digits": b"2500 four\r\n",
    "two digits": b"25 two\r\n",
    "Arabic digits": "٢٥٠ arabic\r\n".encode(),
    "fullwidth digits": "２５０ wide\r\n".encode(),  # noqa: RUF001
    "no code": b"hello\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\n",
    "space first": b" 250 ok\r\n",
    "tab after code": b"250\tok\r\n",
    "colon after code": b"250:ok\r\n",
    "NUL after code": b"250\0ok\r\n",
    "CR after code": b"250\r\r\n",
    "NUL before code": b"\x00250 ok\r\n",
    "blank": b"\r\n",
    "blank, bare LF": b"\n",
    "blank after one": b"250 ok\r\n\r\n250 ok\r\n",
    "blank inside": b"250-a\r\n\r\n250 b\r\n",
    "two codes": b"250-a\r\n550 b\r\n",
    "two codes, late": b"250-a\r\n250-b\r\n251 c\r\n",
    "text inside": b"250-a\r\ncontinued\r\n250 b\r\n",
    "after good ones": b"220 hi\r\n250 ok\r\nnonsense\r\n250 ok\r\n",
}


@pytest.mark.parametrize(("octets", "expected"), WELL_FORMED)
def test_octets_become_these_replies(
    octets: bytes, expected: list[tuple[int, tuple[str, ...]]]
) -> None:
    parser = ReplyParser()
    parser.feed(octets)
    replies = []
    while (reply := parser.next_reply()) is not None:
        replies.append((reply.code, reply.lines))
    assert replies == expected


@pytest.mark.parametrize(
    "octets", [*(octets for octets, _ in WELL_FORMED), *MALFORMED.values()]
)
def test_whole_by_line_and_by_octet_say_the_same(octets: bytes) -> None:
    whole = said([octets])
    assert said(octets.splitlines(keepends=True)) == whole
    assert said(octet_by_octet(octets)) == whole


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_is_an_error_that_shows_the_line(octets: bytes) -> None:
    _, error, _ = said([octets])
    assert '"' in error
    assert error.isprintable()


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_parser_that_failed_never_gives_a_reply_again(octets: bytes) -> None:
    parser = ReplyParser()
    assert said([octets], parser)[1]
    for _ in range(3):
        parser.feed(b"250 ok\r\n")
        with pytest.raises(RemoteProtocolError):
            parser.next_reply()


def test_replies_before_a_malformed_line_are_given_out() -> None:
    replies, error, _ = said([MALFORMED["after good ones"]])
    assert replies == [b"220 hi\r\n", b"250 ok\r\n"]
    assert "nonsense" in error


def test_two_codes_are_named_in_the_error() -> None:
    _, error, _ = said([MALFORMED["two codes"]])
    assert "two codes, 250" in error
    assert "550 b" in error


lines = st.builds(
    lambda code, mark, text, end: code + mark + text + end,
    st.sampled_from([b"220", b"250", b"354", b"550", b"199", b"999", b"2500", b""]),
    st.sampled_from([b" ", b"-", b"", b"\t"]),
    st.binary(max_size=12) | st.sampled_from([b"ok", b"5.7.1 no"]),
    st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
)
good_lines = st.builds(
    lambda mark, text, end: b"250" + mark + text + end,
    st.sampled_from([b" ", b"-", b"-"]),
    st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")),
    st.sampled_from([b"\r\n", b"\n"]),
)
streams = st.lists(lines | good_lines, max_size=8).map(b"".join)


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
@example(b"250-" + b"x" * 20_000 + b"\r\n", [16_383, 16_384, 16_385])
@example((b"250-" + b"x" * 12_000 + b"\r\n") * 6 + b"250 ok\r\n", [65_535, 65_537])
@example(b"250-\r\n" * 513, [3_000])
def test_every_split_says_the_same(octets: bytes, cuts: list[int]) -> None:
    assert said(pieces_of(octets, cuts)) == said([octets])


@given(streams)
@example(b"250-a\r\n250 b\r\n")
@example(b"250-a\r\n550 b\r\n")
@example(b"250 a\r\n250 b\r\n")
@example(b"250-a\r\n250-b\r\n")
@example(b"250-a\r\n" * (MAX_LINES - 1) + b"250 b\r\n")
@example(b"250-a\r\n" * MAX_LINES + b"250 b\r\n")
@example(b"250 " + b"x" * MAX_LINE + b"\r\n")
def test_what_is_plain_is_one_whole_reply_to_the_parser(octets: bytes) -> None:
    assert not is_plain(octets) or said([octets]) == ([octets], "", b"")


PLAIN = [
    b"250 OK\r\n",
    b"250-mx.example\r\n250-SIZE 1000\r\n250 HELP\r\n",
    b"550-5.7.1 no\r\n550 5.7.1 see https://mx.example/why\r\n",
]


@pytest.mark.parametrize("octets", PLAIN)
def test_what_servers_mostly_say_is_plain(octets: bytes) -> None:
    assert is_plain(octets)
    assert not is_plain(octets[:-1])
    assert not is_plain(octets + b"250 ok\r\n")


def filled(length: int, mark: bytes = b" ") -> bytes:
    return b"250" + mark + b"x" * (length - 6) + b"\r\n"


def reply_of(total: int) -> bytes:
    lines = [filled(8_192, b"-")] * (total // 8_192 - 1)
    rest = total - sum(map(len, lines)) - 8_000
    return b"".join([*lines, filled(8_000, b"-"), filled(rest)])


AT_THE_BOUND = {
    "line": (filled(MAX_LINE), filled(MAX_LINE + 1), "reply line is longer"),
    "line, bare LF": (
        b"250 " + b"x" * (MAX_LINE - 5) + b"\n",
        b"250 " + b"x" * (MAX_LINE - 4) + b"\n",
        "reply line is longer",
    ),
    "reply": (reply_of(MAX_REPLY), reply_of(MAX_REPLY + 1), "reply is longer"),
    "lines": (
        b"250-\r\n" * (MAX_LINES - 1) + b"250 \r\n",
        b"250-\r\n" * MAX_LINES + b"250 \r\n",
        "more than 512 lines",
    ),
}


@pytest.mark.parametrize("bound", AT_THE_BOUND)
def test_a_bound_is_reached_but_not_passed(bound: str) -> None:
    at, over, words = AT_THE_BOUND[bound]
    assert said([at]) == ([at], "", b"")
    assert said(octet_by_octet(at)) == ([at], "", b"")
    whole = said([over])
    assert words in whole[1]
    assert said(octet_by_octet(over)) == whole


def test_the_bounds_are_those_that_are_promised() -> None:
    assert (MAX_LINE, MAX_REPLY, MAX_LINES) == (16_384, 65_536, 512)


def test_a_long_reply_does_not_narrow_the_bounds_of_the_next() -> None:
    at = AT_THE_BOUND["reply"][0]
    assert said([at * 3]) == ([at] * 3, "", b"")


@pytest.mark.parametrize("start", range(MAX_REPLY - 40, MAX_REPLY + 1))
def test_a_line_that_crosses_the_reply_bound_fails_alike_in_any_split(
    start: int,
) -> None:
    body = filled(16_000, b"-") * 4
    octets = body + filled(start - len(body), b"-") + b"250 " + b"y" * 20_000 + b"\r\n"
    whole = said([octets])
    assert "longer" in whole[1]
    around = [start, start + 3, MAX_REPLY - 1, MAX_REPLY, MAX_REPLY + 1]
    assert said(pieces_of(octets, around)) == whole


class CountingBuffer(bytearray):
    scanned = 0
    copied = 0

    def find(self, needle: bytes, start: int = 0) -> int:  # type: ignore[override]
        end = super().find(needle, start)
        self.scanned += (len(self) if end < 0 else end + 1) - start
        return end

    def __getitem__(self, key: slice) -> bytearray:  # type: ignore[override]
        part = super().__getitem__(key)
        self.copied += len(part)
        return part


def test_trickling_costs_one_look_at_each_octet() -> None:
    octets = AT_THE_BOUND["reply"][0]
    parser = ReplyParser()
    counting = parser._buffer = CountingBuffer()
    assert said(octet_by_octet(octets), parser)[0] == [octets]
    assert counting.scanned == len(octets)
    assert counting.copied <= 3 * len(octets)


def test_a_long_unfinished_line_is_not_looked_at_again() -> None:
    parser = ReplyParser()
    counting = parser._buffer = CountingBuffer()
    for octet in octet_by_octet(b"250 " + b"x" * 16_000):
        parser.feed(octet)
        assert parser.next_reply() is None
    assert counting.scanned == 16_004


ENDLESS = {
    "no line end": (b"250 ", b"x" * 4096),
    "no last line": (b"", b"250-x\r\n" * 512),
    "garbage": (b"", b"\0" * 4096),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_endless_input_ends_in_an_error_within_the_bounds(kind: str) -> None:
    first, block = ENDLESS[kind]
    parser = ReplyParser()
    parser.feed(first)
    for fed in range(0, 100 * MAX_REPLY, len(block)):
        parser.feed(block)
        try:
            assert parser.next_reply() is None
        except RemoteProtocolError:
            assert fed <= MAX_REPLY
            return
    pytest.fail("it never ends")


def test_a_gigabyte_of_replies_leaves_nothing_in_memory() -> None:
    parser = ReplyParser()
    block = AT_THE_BOUND["reply"][0]
    tracemalloc.start()
    try:
        parser.feed(block)
        assert parser.next_reply() is not None
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range((1 << 30) // len(block) // 64):
            parser.feed(block)
            assert parser.next_reply() is not None
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now - before < 128 * 1024
    assert peak - before < 1024 * 1024


ENHANCED = [
    (b"550 5.7.26 no\r\n", "5.7.26"),
    (b"550 5.7.999 no\r\n", "5.7.999"),
    (b"550 5.1.10\r\n", "5.1.10"),
    (b"250 2.0.0\r\n", "2.0.0"),
    (b"450-4.2.0 a\r\n450 4.2.1 b\r\n", "4.2.1"),
    (b"550 5.7.1\tno\r\n", None),
    (b"550 5.7.1: no\r\n", None),
    (b"550 5.7.1.2 no\r\n", None),
    (b"550 5.7 no\r\n", None),
    (b"550 5.1000.1 no\r\n", None),
    (b"550 3.7.1 no\r\n", None),
    (b"550  5.7.1 no\r\n", None),
    (b"550 no 5.7.1\r\n", None),
    ("550 5.\u0667.1 no\r\n".encode(), None),
    (b"550\r\n", None),
    (b"550 \r\n", None),
]


@pytest.mark.parametrize(("octets", "expected"), ENHANCED)
def test_enhanced_status_is_read_only_where_it_stands(
    octets: bytes, expected: str | None
) -> None:
    assert one(octets).enhanced == expected


def test_enhanced_status_has_three_numbers() -> None:
    enhanced = one(b"550 5.7.26 no\r\n").enhanced
    assert isinstance(enhanced, EnhancedStatus)
    assert (enhanced.status_class, enhanced.subject, enhanced.detail) == (5, 7, 26)


CLASSES = [
    (b"250 ok\r\n", True, 2, None),
    (b"354 go\r\n", True, 3, None),
    (b"334 \r\n", True, 3, None),
    (b"421 bye\r\n", False, 4, TransientReplyError),
    (b"499 odd\r\n", False, 4, TransientReplyError),
    (b"500 what\r\n", False, 5, PermanentReplyError),
    (b"599 odd\r\n", False, 5, PermanentReplyError),
]


@pytest.mark.parametrize(("octets", "ok", "digit", "error"), CLASSES)
def test_the_first_digit_decides(
    octets: bytes, *, ok: bool, digit: int, error: type[Exception] | None
) -> None:
    reply = one(octets)
    assert (reply.ok, bool(reply), reply.reply_class) == (ok, ok, digit)
    if error is None:
        assert reply.raise_for_status() is reply
        return
    with pytest.raises(error) as caught:
        reply.raise_for_status()
    assert caught.value.reply is reply  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("octets", "anomalies"),
    [
        (b"250 a\r\n", ()),
        (b"250 a\n", ("bare_lf",)),
        (b"250-a\r\n250 b\n", ("bare_lf",)),
        (b"250-a\n250 b\r\n", ("bare_lf",)),
    ],
)
def test_a_bare_lf_is_tolerated_and_told(
    octets: bytes, anomalies: tuple[str, ...]
) -> None:
    assert one(octets).anomalies == anomalies


def test_a_reply_does_not_change() -> None:
    reply = one(b"250 ok\r\n")
    for name in ("code", "octets", "other"):
        with pytest.raises(AttributeError):
            setattr(reply, name, 1)
    for name in ("code", "octets"):
        with pytest.raises(AttributeError):
            delattr(reply, name)
    assert (reply.code, reply.octets) == (250, b"250 ok\r\n")


def test_a_reply_pickles_and_copies_to_its_equal() -> None:
    reply = one(b"250-a\r\n250 b\r\n")
    for other in (
        pickle.loads(pickle.dumps(reply)),
        copy.copy(reply),
        copy.deepcopy(reply),
    ):
        assert other == reply
        assert hash(other) == hash(reply)


def test_replies_are_equal_by_their_octets() -> None:
    assert one(b"250 a\r\n") == one(b"250 a\r\n")
    assert one(b"250 a\r\n") != one(b"250 b\r\n")
    assert one(b"250 a\r\n") != one(b"250 a\n")
    assert one(b"250 a\r\n") != "250 a"


def test_a_reply_made_by_hand_needs_no_line_end() -> None:
    assert Reply(b"550 5.1.1 no").text == "5.1.1 no"
    assert Reply(b"550 5.1.1 no").enhanced == "5.1.1"
    assert Reply(b"250").lines == ("",)


@given(st.binary(max_size=60))
@example("\u202e\u2028\x85\x1b]0;".encode())
def test_str_and_repr_are_one_inert_line_for_any_octets(text: bytes) -> None:
    reply = one(b"250-a\r\n250 " + text.replace(b"\n", b"\r") + b"\r\n")
    for shown in (str(reply), repr(reply)):
        assert len(shown.splitlines()) == 1
        assert not set(shown) & {"\x1b", "\x7f", "\x9b", "\u202e", "\u2028"}


def test_str_joins_lines_with_a_bar() -> None:
    assert str(one(b"250-a\r\n250 b\r\n")) == "250 a | b"
    assert str(one(b"250\r\n")) == "250"
    assert repr(one(b"250 ok\r\n")) == "<Reply 250 ok>"


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", ()))


HOSTILE = [
    "<script>alert(1)</script>",
    "</pre><img src=x onerror=alert(1)>",
    "\" onmouseover=alert(1) x='",
    "<!-- -->",
    "&lt;b&gt; &#60;script&#62;",
    "<b\0>",
    "\u202e<a href=javascript:alert(1)>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_of_a_reply_holds_no_element_of_the_server(text: str) -> None:
    parser = Elements()
    parser.feed(one(b"550 " + text.encode() + b"\r\n")._repr_html_())
    parser.close()
    assert parser.found == [("pre", ("class", "style")), ("b", ("style",))]
    shown = text.replace("\0", "\\x00").replace("\u202e", "\\u202e")
    assert parser.text == f"550 {shown}"


def test_an_echoed_secret_is_cut_from_reply_error_and_pending() -> None:
    redactor = Redactor()
    redactor.learn(b"hunter2-hunter2")
    good = b"250 hunter2-hunter2 it is\r\n"
    replies, _, _ = said([good], ReplyParser(redactor))
    assert replies == [b"250 <secret 15 bytes> it is\r\n"]
    bad = b"x" * 195 + b"hunter2-hunter2\r\n"
    _, error, _ = said([bad], ReplyParser(redactor))
    assert "hunt" not in error
    _, _, pending = said([b"250 hunter2-hunter2"], ReplyParser(redactor))
    assert pending == b"250 <secret 15 bytes>"


@pytest.mark.parametrize("secret", [b"250 ", b"250-a", b"ok\r\n250 b", b"50-a\r\n250"])
def test_a_secret_that_looks_like_framing_does_not_break_the_reply(
    secret: bytes,
) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    octets = b"250-a\r\n250-ok\r\n250 b\r\n"
    parser = ReplyParser(redactor)
    parser.feed(octets)
    reply = parser.next_reply()
    assert reply is not None
    assert reply.code == 250
    assert len(reply.lines) == 3
    again = ReplyParser()
    again.feed(reply.octets)
    assert again.next_reply() == reply
