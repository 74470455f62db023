from __future__ import annotations

import re
import tracemalloc
from importlib import import_module
from itertools import pairwise, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.protocol import content
from smtpnb.protocol.content import (
    END_OF_DATA,
    MAX_LINE,
    Encoder,
    Facts,
    bare_line_end,
    check_content,
    facts_of,
)
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.group import BLOCK


def encode(*pieces: bytes) -> bytes:
    encoder = Encoder()
    octets = b"".join(
        [*(encoder.feed(piece) for piece in pieces), encoder.finish(), END_OF_DATA]
    )
    assert encoder.n_octets == len(octets) - len(END_OF_DATA)
    assert encoder.n_lines == octets.count(b"\n") - 1
    return octets


def normalised(content: bytes) -> list[bytes]:
    """The lines of the content, octet by octet: CR, LF and CRLF end a line."""
    lines: list[bytes] = []
    line, after_cr = bytearray(), False
    for octet in content:
        if octet == 0x0A and after_cr:
            after_cr = False
            continue
        after_cr = octet == 0x0D
        if octet in (0x0D, 0x0A):
            lines.append(bytes(line))
            line.clear()
        else:
            line.append(octet)
    return [*lines, bytes(line)] if line else lines


def reference(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2, word by word."""
    out = b""
    for line in normalised(content):
        out += (b"." + line if line[:1] == b"." else line) + b"\r\n"
    return out + b".\r\n"


def received(octets: bytes) -> list[bytes]:
    """The lines a server delivers: up to a lone dot, one leading dot taken away."""
    lines: list[bytes] = []
    while True:
        line, end, octets = octets.partition(b"\r\n")
        assert end
        if line == b".":
            assert octets == b""
            return lines
        lines.append(line[1:] if line.startswith(b".") else line)


TABLE = [
    (b"", b".\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b"a\n", b"a\r\n.\r\n"),
    (b"a\r", b"a\r\n.\r\n"),
    (b"\r\n", b"\r\n.\r\n"),
    (b"\r", b"\r\n.\r\n"),
    (b"\n\r", b"\r\n\r\n.\r\n"),
    (b"\r\r\n", b"\r\n\r\n.\r\n"),
    (b"a\r\n\r", b"a\r\n\r\n.\r\n"),
    (b".", b"..\r\n.\r\n"),
    (b"..", b"...\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b".a", b"..a\r\n.\r\n"),
    (b"a.\r\n.b", b"a.\r\n..b\r\n.\r\n"),
    (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\n.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\r\n.\r\r\nb", b"a\r\n\r\n..\r\n\r\nb\r\n.\r\n"),
    (b"a\xff\x1a\x7f\r\n", b"a\xff\x1a\x7f\r\n.\r\n"),
]


@pytest.mark.parametrize(("content", "wire"), TABLE)
def test_content_leaves_as(content: bytes, wire: bytes) -> None:
    assert encode(content) == wire
    assert reference(content) == wire
    assert encode(*(content[i : i + 1] for i in range(len(content)))) == wire


contents = st.text("\r\n.a", max_size=24).map(str.encode) | st.binary(max_size=60).map(
    lambda octets: octets.replace(b"\0", b".")
)


@given(contents, st.lists(st.integers(0, 60), max_size=6))
@example(b"a\r\n.\r\nb", [1, 2, 3, 4])
@example(b"\r\r.", [1, 1, 2])
def test_any_splitting_gives_what_the_rfc_says(content: bytes, cuts: list[int]) -> None:
    ends = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    assert encode(*(content[a:b] for a, b in pairwise(ends))) == reference(content)


@given(contents)
def test_what_a_server_delivers_is_the_normalised_content(content: bytes) -> None:
    assert received(encode(content)) == normalised(content)


@given(contents)
def test_no_end_of_data_and_no_bare_line_end_is_inside(content: bytes) -> None:
    octets = encode(content)
    assert (b"\r\n" + octets).find(b"\r\n.\r\n") == len(octets) - 3
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", octets)


@given(contents)
def test_encoding_what_was_normalised_changes_only_dots(content: bytes) -> None:
    lines = b"".join(line + b"\r\n" for line in normalised(content))
    assert encode(content) == encode(lines)


SMUGGLED = [
    a + b"." + b
    for a in (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r")
    for b in (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r")
]


@pytest.mark.parametrize("end", SMUGGLED)
def test_no_look_alike_of_the_end_of_data_passes(end: bytes) -> None:
    attack = b"Subject: a\r\n\r\nb" + end + b"MAIL FROM:<evil@example.org>\r\n"
    wire = encode(attack)
    for ends in (rb"\r\n\.\r\n", rb"\n\.\n", rb"\r\.\r", rb"\n\.\r\n", rb"\r\n\.\n"):
        assert not re.search(ends, wire[:-5])


@pytest.mark.parametrize("where", [0, 1, 5])
def test_nul_is_refused_and_nothing_of_the_piece_emitted(where: int) -> None:
    encoder = Encoder()
    start = encoder.feed(b"a\r\n.b\r")
    counts = (encoder.n_octets, encoder.n_lines)
    piece = b".....\r\n"[:where] + b"\0" + b"tail"
    with pytest.raises(LocalProtocolError, match="NUL"):
        encoder.feed(piece)
    assert (encoder.n_octets, encoder.n_lines) == counts
    assert start + encoder.feed(b"\n.c") + encoder.finish() + END_OF_DATA == encode(
        b"a\r\n.b\r\n.c"
    )


def test_content_is_checked_for_nul_alone() -> None:
    check_content(bytes(range(1, 256)))
    with pytest.raises(LocalProtocolError, match="NUL"):
        check_content(b"a\0")


def test_empty_pieces_change_nothing() -> None:
    assert encode(b"", b"a\r", b"", b"\n", b"", b".", b"") == encode(b"a\r\n.")


@pytest.mark.parametrize(
    "line", [b"x" * 76 + b"\r\n", b".\n", b"\r", b"x" * 997 + b"\n"]
)
def test_sixty_four_mebibytes_are_encoded_in_constant_memory(line: bytes) -> None:
    block = (line * (BLOCK // len(line) + 1))[:BLOCK]
    encoder = Encoder()
    tracemalloc.start()
    try:
        for _ in range((64 << 20) // BLOCK):
            encoder.feed(block)
        encoder.finish()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert encoder.n_octets >= 60 << 20
    assert now < 64 * 1024
    assert peak < 16 * BLOCK


@given(st.lists(st.text("\r\n.ab", max_size=9).map(str.encode), max_size=6))
@example([b"a\r\n", b".b"])
@example([b"a\r", b"\nb"])
@example([b"a\r\n.b\r\n"])
@example([b"\na"])
def test_looking_at_blocks_as_arrays_changes_nothing(pieces: list[bytes]) -> None:
    import_module("numpy")  # it is at hand
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_WORTH_AN_ARRAY", 1)
        assert encode(*pieces) == reference(b"".join(pieces))
        encoder, plain = Encoder(stuff=False), b""
        for piece in pieces:
            plain += encoder.feed(piece)
        plain += encoder.finish()
    assert plain == b"".join(line + b"\r\n" for line in normalised(b"".join(pieces)))


def test_most_blocks_leave_as_they_are_where_numpy_is_at_hand() -> None:
    import_module("numpy")
    block = b"some text\r\n" * 1000
    encoder = Encoder()
    assert encoder.feed(block) is block
    assert encoder.n_lines == 1000


def splits(content: bytes) -> list[list[bytes]]:
    """Every way to cut the content into pieces."""
    n = max(len(content) - 1, 0)
    ways = []
    for cuts in range(1 << n):
        ends = [0, *(at + 1 for at in range(n) if cuts >> at & 1), len(content)]
        ways.append([content[a:b] for a, b in pairwise(ends)])
    return ways


@pytest.mark.parametrize("length", range(7))
@pytest.mark.parametrize("with_numpy", [True, False])
def test_every_short_content_in_every_splitting(
    length: int, *, with_numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_module("numpy")
    monkeypatch.setattr(content, "_WORTH_AN_ARRAY", 1 if with_numpy else 1 << 30)
    for octets in map(bytes, product(b"a.\r\n", repeat=length)):
        expected = reference(octets)
        for pieces in splits(octets):
            assert encode(*pieces) == expected, (pieces, expected)


def fed(encoder: Encoder, pieces: list[bytes]) -> bytes:
    return b"".join([*map(encoder.feed, pieces), encoder.finish()])


@pytest.mark.parametrize("length", range(6))
def test_raw_content_leaves_as_it_is(length: int) -> None:
    for octets in map(bytes, product(b"a\0\r\n", repeat=length)):
        for pieces in splits(octets):
            encoder = Encoder(stuff=False, line_ends="raw")
            assert fed(encoder, pieces) == octets
            assert encoder.n_octets == len(octets)
            assert encoder.n_lines == octets.count(b"\r\n")


@pytest.mark.parametrize("length", range(6))
def test_raw_content_by_data_is_stuffed_where_crlf_ends_a_line(length: int) -> None:
    for octets in map(bytes, product(b"a.\r\n", repeat=length)):
        end = b"" if not octets or octets.endswith(b"\r\n") else b"\r\n"
        expected = (b"\r\n" + octets).replace(b"\r\n.", b"\r\n..")[2:] + end
        for pieces in splits(octets):
            assert fed(Encoder(line_ends="raw"), pieces) == expected, pieces


@pytest.mark.parametrize("length", range(6))
def test_strict_refuses_the_first_bare_line_end_with_its_place(length: int) -> None:
    for octets in map(bytes, product(b"a.\r\n", repeat=length)):
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", octets)
        for pieces in splits(octets):
            encoder = Encoder(stuff=False, line_ends="strict")
            if bare is None:
                assert fed(encoder, pieces) == reference(octets)[:-3].replace(
                    b"\r\n..", b"\r\n."
                ).removeprefix(b"." * octets.startswith(b"."))
                continue
            name = "CR" if bare[0] == b"\r" else "LF"
            said = f"^octet {bare.start()} of the message is a bare {name}:"
            with pytest.raises(LocalProtocolError, match=said):
                fed(encoder, pieces)


@given(contents)
def test_the_first_bare_line_end_is_found(content: bytes) -> None:
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    found = bare and ("CR" if bare[0] == b"\r" else "LF", bare.start())
    assert bare_line_end(content) == found


lines = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 77, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 1000, 1001])
        | st.integers(0, 3000),
        st.sampled_from([b"\r\n", b"\n", b"\r"]),
    ),
    max_size=8,
).map(lambda lines: b"".join(b"x" * n + end for n, end in lines))


@given(lines, st.binary(max_size=3), st.lists(st.integers(0, 9000), max_size=8))
@example(b"a\n", b"b\r", [])
def test_facts_are_what_the_reference_finds(
    body: bytes, end: bytes, cuts: list[int]
) -> None:
    octets = body + end
    ends = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    found = normalised(octets)
    long = [n for n, line in enumerate(found, 1) if len(line) > MAX_LINE]
    assert facts_of(octets[a:b] for a, b in pairwise(ends)) == Facts(
        size=sum(len(line) + 2 for line in found),
        n_lines=len(found),
        crlf=not re.search(rb"\r(?!\n)|(?<!\r)\n", octets),
        has_nul=b"\0" in octets,
        is_8bit=max(octets, default=0) > 127,
        long_line=long[0] if long else 0,
    )


@given(lines, st.lists(st.integers(0, 9000), max_size=8))
def test_a_long_line_is_refused_in_any_splitting(body: bytes, cuts: list[int]) -> None:
    ends = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in pairwise(ends)]
    encoder = Encoder(short_lines=True)
    found = [len(line) > MAX_LINE for line in normalised(body)]
    if not any(found):
        assert fed(encoder, pieces) + END_OF_DATA == reference(body)
        return
    said = f"^line {found.index(True) + 1} of the message has more than 998"
    with pytest.raises(LocalProtocolError, match=said):
        fed(encoder, pieces)
    lines = normalised(body)
    before = sum(len(line) + 2 for line in lines[: found.index(True)])
    # No octet of the line left past what a line may have.
    assert encoder.n_octets <= before + MAX_LINE


@given(st.lists(st.binary(max_size=9).map(lambda x: x.replace(b"\0", b"")), max_size=6))
def test_octets_over_127_are_refused_before_their_piece_leaves(
    pieces: list[bytes],
) -> None:
    encoder = Encoder(seven_bit=True)
    for piece in pieces:
        if piece.isascii():
            assert encoder.feed(piece).isascii()
        else:
            with pytest.raises(LocalProtocolError, match="RFC 6152 section 3"):
                encoder.feed(piece)
    assert encoder.finish().isascii()


@given(st.lists(st.text(".ab", max_size=9), max_size=9))
def test_a_clean_content_is_only_stuffed(lines: list[str]) -> None:
    octets = "".join(line + "\r\n" for line in lines).encode()
    facts = facts_of([octets])
    assert facts.crlf
    for pieces in (octets[:7], octets[7:]), (octets,):
        encoder = Encoder(clean=True)
        assert fed(encoder, list(pieces)) + END_OF_DATA == reference(octets)
        assert encoder.n_lines == facts.n_lines == len(lines)
