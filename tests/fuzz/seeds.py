"""Where the fuzzer starts: what real servers say, and what hostile ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_REPLIES: Final = Path(__file__).parents[1] / "protocol" / "replies"
_HOSTILE: Final = (
    b"",
    b"\0",
    b"250 Ok\r\n",
    b"250-one\r\n251 two\r\n",
    b"250-a\n250 b\n",
    b"250\r\n550\n",
    b"999 no\r\n",
    b"+25 Ok\r\n",
    b"\r\n",
    b"250-x\r\n" * 513,
    b"250-" + b"x" * 17_000 + b"\r\n",
    (b"250-" + b"y" * 12_000 + b"\r\n") * 6,
    b"220 hi\r\n250 Ok\r\n220 go\r\n250 Ok\r\n334 \r\n235 in\r\n250 a\r\n354 b\r\n",
    b"421 4.3.2 bye\r\n250 Ok\r\n",
    b"250 <img src=x onerror=alert(1)>\x1b[2J\xe2\x80\xae\r\n",
    # An echo: in a reply, over two lines, in a bad line, in what is left over.
    b"535 5.7.8 you said \x01 and\r\n",
    b"535-\x01\r\n535 \x01\x01\r\n",
    b"what? \x01\r\n",
    b"535 " + b"x" * 190 + b"\x01\r\n",
    b"535-\x01\r\n500 \x01\r\n",
    b"535 \x01",
)
_WAYS: Final = (b"\0\0", b"\1\3", b"\6\1", b"\x1f\4", b"\xff\6")


def seeds() -> dict[str, bytes]:
    """Return inputs by name."""
    said = {path.stem: path.read_bytes() for path in sorted(_REPLIES.glob("*.txt"))}
    said |= {f"hostile {n}": octets for n, octets in enumerate(_HOSTILE)}
    return {
        f"{name}, {way.hex()}": way + octets
        for name, octets in said.items()
        for way in _WAYS
    }


# What the fuzzer may put in: words of the protocol.
WORDS: Final = (
    *(b"\r\n", b"\n", b"\r", b"250-", b"250 ", b"220 ", b"334 ", b"354 ", b"421 "),
    *(b"535 5.7.8 ", b"5.1.1", b"AUTH=", b"AUTH PLAIN", b"SIZE ", b"STARTTLS", b"\x01"),
)
