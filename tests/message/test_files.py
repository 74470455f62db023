"""Files, pipes and iterators: what is believed of them, and what is noticed."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import os
import pickle
import tempfile
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import LocalProtocolError, MailObject, SmtpError
from smtpnb.message.content import held, pieces_of, rest_of_file
from smtpnb.message.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINES = b"some text in a line\r\n" * 20_000  # several blocks


def mail(content: Any, **options: Any) -> MailObject:
    return MailObject("a@example.org", "b@example.net", content, **options)


def sent(mail: MailObject) -> bytes:
    assert mail.whole(0) is None
    mail.claim()
    return b"".join(mail.pieces())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "m.eml"
    path.write_bytes(LINES)
    return path


RAW: dict[str, Callable[[Path], Any]] = {
    "rb": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "r+b": lambda path: path.open("r+b"),
}


@pytest.mark.parametrize("way", RAW)
@pytest.mark.parametrize("start", [0, 21, len(LINES)])
def test_a_regular_file_is_sent_by_the_kernel_and_has_a_size(
    path: Path, way: str, start: int
) -> None:
    with RAW[way](path) as file:
        file.seek(start)
        it = mail(file, crlf=True)
        it.claim()
        size = len(LINES) - start
        assert it.rest_of_file == (file.fileno(), start, size)
        assert it.size == size
        assert b"".join(it.pieces()) == LINES[start:]
        it.claim()  # again, from where it was
        assert it.rest_of_file == (file.fileno(), start, size)
        assert b"".join(it.pieces()) == LINES[start:]
        unknown = mail(file)
        assert unknown.size is None  # a bare LF would make it longer
        assert unknown.rest_of_file is None


def _compressed(path: Path, how: Any) -> Any:
    target = path.with_suffix(".z")
    with how.open(target, "wb") as file:
        file.write(path.read_bytes())
    return how.open(target, "rb")


def _wrapped(path: Path) -> Any:
    file = tempfile.NamedTemporaryFile(dir=path.parent)  # noqa: SIM115
    file.write(LINES)
    file.seek(0)
    return file


class Reader:
    """The least that can be read."""

    def __init__(self, path: Path) -> None:
        self.left = path.read_bytes()

    def read(self, size: int) -> bytes:
        block, self.left = self.left[:size], self.left[size:]
        return block


READERS: dict[str, Callable[[Path], Any]] = {
    "gzip": lambda path: _compressed(path, gzip),
    "bz2": lambda path: _compressed(path, bz2),
    "a wrapper": _wrapped,
    "read alone": Reader,
    "buffered over a buffer": lambda path: io.BufferedReader(
        io.BytesIO(path.read_bytes())
    ),
}


@pytest.mark.parametrize("way", READERS)
def test_other_readers_stream_without_a_size(path: Path, way: str) -> None:
    file = READERS[way](path)
    it = mail(file, crlf=True)
    assert sent(it) == LINES
    assert it.size is None
    assert it.rest_of_file is None
    if hasattr(file, "close"):
        file.close()


def test_a_pipe_streams_and_is_sent_once() -> None:
    source, target = os.pipe()
    with open(source, "rb") as file:  # noqa: PTH123
        os.write(target, b"a\r\nb\r\n")
        os.close(target)
        it = mail(file, crlf=True)
        assert sent(it) == b"a\r\nb\r\n"
        assert it.size is None
        with pytest.raises(LocalProtocolError, match="cannot be read again"):
            it.claim()


def test_a_file_of_the_kernel_streams() -> None:
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123
        it = mail(file, crlf=True)
        assert rest_of_file(file) is None
        assert sent(it).startswith(b"Name:")
        assert it.size is None


def test_past_the_end_nothing_is_left(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(10**6)
        it = mail(file, crlf=True)
        assert sent(it) == b""
        assert it.size is None
        assert it.rest_of_file is None


@pytest.mark.parametrize("by", [-1, 1, -len(LINES), len(LINES)])
@pytest.mark.parametrize("way", ["rb", "wrapper", "pieces_of", "gzip"])
def test_a_file_that_changes_its_size_is_noticed_before_its_end(
    path: Path, way: str, by: int
) -> None:
    # Of the wrapper and the gzip file only the file on the disk tells.
    class Wrapper:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    target = path
    file = path.open("rb")
    if way == "gzip":
        file.close()
        file = _compressed(path, gzip)
        target = path.with_suffix(".z")
    with file:
        content = Wrapper(file) if way == "wrapper" else file
        it = mail(content)
        it.claim()
        pieces = iter(pieces_of(content) if way == "pieces_of" else it.pieces())
        got = len(next(pieces))
        os.truncate(target, max(target.stat().st_size + by, 0))
        # What a gzip file lacks, its own reader may notice first.
        with pytest.raises((LocalProtocolError, EOFError), match=r"its size|ended"):
            got += sum(map(len, pieces))
        assert got <= max(len(LINES), len(LINES) + by)


def test_none_is_no_end() -> None:
    class NonBlocking:
        def __init__(self) -> None:
            self.gives = deque([b"first half\r\n", None, b"second half\r\n"])

        def read(self, size: int) -> bytes | None:
            return self.gives.popleft() if self.gives else b""

    pieces = iter(pieces_of(NonBlocking()))  # type: ignore[arg-type]
    assert next(pieces) == b"first half\r\n"
    with pytest.raises(LocalProtocolError, match="returned None"):
        next(pieces)


def _text(path: Path) -> Iterator[Any]:
    yield path.open(encoding="utf-8")
    yield io.StringIO("Subject: x\n\nhi\n")
    yield tempfile.NamedTemporaryFile("w+", dir=path.parent)  # noqa: SIM115
    yield gzip.open(path, "rt")  # noqa: SIM115
    yield codecs.open(str(path), encoding="utf-8")  # noqa: SIM115
    yield codecs.getreader("utf-8")(path.open("rb"))


def _no_content(path: Path) -> Iterator[Any]:
    yield ["Subject: x\r\n"]
    yield (b"a", "b")
    yield [1, 2]
    yield 5
    yield None
    yield object()
    closed = path.open("rb")
    closed.close()
    yield closed
    yield path.open("ab")


@pytest.mark.parametrize("kind", [_text, _no_content])
def test_what_is_no_octets_is_refused_before_anything_leaves(
    path: Path, kind: Callable[[Path], Iterator[Any]]
) -> None:
    for content in kind(path):
        for ask in (
            pieces_of,
            lambda content: mail(content).whole(100),
            lambda content: mail(content).claim(),
            lambda content: mail(content).facts,
        ):
            with pytest.raises(LocalProtocolError):
                ask(content)
        if hasattr(content, "close"):
            content.close()


@pytest.mark.parametrize("content", [["a"], iter(["a"]), (x for x in ["a"]), {"a": 1}])
def test_the_first_item_that_is_text_is_refused_when_it_comes(content: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is str, not octets"):
        list(pieces_of(content))


def test_a_reader_that_turns_out_to_give_text_is_refused() -> None:
    class Odd:
        def read(self, size: int) -> str:
            return "text"

    with pytest.raises(LocalProtocolError, match="gave str"):
        list(pieces_of(Odd()))  # type: ignore[arg-type]


def test_what_the_file_or_the_iterator_raises_passes() -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError(5, "the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(pieces_of(Broken()))  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        list(mail(bytes([1 // 0]) for _ in "x").pieces())


HELD = [
    b"a\r\n",
    bytearray(b"a\r\n"),
    memoryview(b"xa\r\nx")[1:4],
    "a\r\n",
    [b"a", bytearray(b"\r"), memoryview(b"\n")],
    (b"a\r", b"\n"),
    io.BytesIO(b"a\r\n"),
]


@pytest.mark.parametrize("content", HELD)
def test_what_is_in_memory_is_known_in_advance(content: Any) -> None:
    assert held(content) == b"a\r\n"
    it = mail(content)
    assert it.whole(100) == (b"a\r\n", 1, True)
    assert it.size == 3
    it.claim()
    it.claim()
    assert b"".join(it.pieces()) == b"a\r\n"


def test_a_file_in_memory_is_sent_from_where_it_stands() -> None:
    file = io.BytesIO(b"not this\r\na\r\n")
    file.readline()
    assert held(file) == b"a\r\n"


def test_an_iterator_is_sent_once_and_a_list_of_its_own_kind_again() -> None:
    once = mail(iter([b"a"]))
    assert sent(once) == b"a"
    with pytest.raises(LocalProtocolError, match="iterator, and was sent before"):
        once.claim()

    class Again:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

    again = mail(Again())
    assert sent(again) == sent(again) == b"a"


SIZES = [
    (b"\n" * 70_000, 140_000),
    (b"a\n", 3),
    (b"a", 3),
    (b"", 0),
    (b"a\r", 3),
    (LINES, len(LINES)),
    (LINES[:-1], len(LINES)),
    (LINES.replace(b"\r", b""), len(LINES)),
]


@pytest.mark.parametrize(("content", "size"), SIZES)
def test_size_is_of_what_leaves(content: bytes, size: int) -> None:
    it = mail(content)
    it.whole(64 * 1024)
    assert it.size == size
    encoder = it.encoder(stuff=False)
    left = b"".join([*map(encoder.feed, it.pieces()), encoder.finish()])
    assert len(left) == size


def test_a_regular_file_can_be_looked_at(path: Path) -> None:
    path.write_bytes(LINES.replace(b"\r\n", b"\n") + b"\xff" + b"x" * 999)
    with path.open("rb") as file:
        file.readline()
        it = mail(file)
        assert it.facts is None
        facts = it.look()
        assert facts is not None
        assert (facts.is_8bit, facts.long_line) == (True, 20_000)
        assert it.size == facts.size == len(LINES) - 21 + 1002
        assert b"".join(it.pieces())[:4] == b"some"
        it.claim()
        assert it.size == facts.size
        path.write_bytes(LINES)
        it.claim()  # what is known of it is known no more
        known: Any = (it.facts, it.size)
        assert known == (None, None)
    assert mail(iter([b"a"])).look() is None


def test_a_message_can_be_pickled_and_leaves_its_file_behind(path: Path) -> None:
    with path.open("rb") as file, gzip.open(path) as compressed:
        gone: tuple[Any, ...] = (file, iter([b"x"]), compressed, 5)
        for content in gone:
            it = mail(content, envid="x")
            error = SmtpError("lost")
            error.deliveries = (Delivery(it),)
            copy = pickle.loads(pickle.dumps(error)).deliveries[0].mail
            assert repr(copy) == repr(it)
            assert copy.options == it.options
            assert repr(content) in repr(copy.content)
            with pytest.raises(LocalProtocolError, match="LeftBehind"):
                copy.claim()
    kept: tuple[Any, ...] = ("a\r\n", memoryview(b"a\r\n"), [b"a\r\n"])
    for content in kept:
        copy = pickle.loads(pickle.dumps(mail(content)))
        assert copy.whole(100) == (b"a\r\n", 1, True)
