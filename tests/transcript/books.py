"""A small server that keeps books, and a client that misbehaves, as a log.

The oracle of `test_books`: it knows nothing of how smtpnb follows a transaction. The
server answers at random, by the rules of RFC 5321 (a refused MAIL, EHLO or RSET changes
nothing), and writes down what it did with each recipient. What the client cannot know,
because an answer never came, the books say as well: unknown, aborted, not tried.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tests.transcript.logs import Log, Part, opened

if TYPE_CHECKING:
    from smtpnb.wire.record import Record


class Line(NamedTuple):
    """A line of the books: one recipient (None: no RCPT) of one message."""

    sender: str
    recipient: str | None
    outcome: str
    queue_id: str | None = None


class Letter:
    """A message as the server has it in its books."""

    def __init__(self, sender: str) -> None:
        self.sender = sender
        self.recipients: list[str] = []
        self.verdicts: list[str | None] = []  # by its own RCPT; None: accepted
        self.unanswered: list[str] = []
        self.all: str | None = None  # what was said of all of it
        self.by_421 = False  # to one RCPT; some servers go on after it
        self.by_data = False  # by a refused DATA, which an accepted RCPT or BDAT undoes
        self.finals: list[tuple[str, str | None]] = []
        self.is_separate = False  # PRDR: each accepted recipient has a final
        self.promises: list[bytes | None] = []  # these, but for the last; None: yes
        self.went_on = False  # what DATA was refused for did not matter
        self.end_left = False

    def goes_on(self, no: bytes | None) -> None:
        """A command was answered: who takes it has not been stopped by that DATA."""
        if no is None and self.by_data:
            self.all, self.by_data, self.went_on = None, False, True

    def cut(self, heard: int) -> None:
        """Only so many of the replies to its end have come."""
        self.end_left = True
        if not self.is_separate:
            self.finals = self.finals[:heard]
            return
        unknown: tuple[str, str | None] = "unknown", None
        self.finals = [
            (_word(no), None) if no else unknown for no in self.promises[: heard - 1]
        ]

    def lines(self, lmtp: bool) -> list[Line]:
        rest = "unknown" if self.end_left else "aborted"
        wanted = [*self.recipients, *self.unanswered]
        if not wanted:
            final, queue_id = self.finals[0] if self.finals else (rest, None)
            return [Line(self.sender, None, self.all or final, queue_id)]
        accepted = 0
        lines = []
        for number, path in enumerate(wanted):
            own = self.verdicts[number] if number < len(self.verdicts) else None
            outcome, queue_id = own or self.all or rest, None
            if own is None and not self.all and self.finals:
                place = accepted if lmtp or self.is_separate else 0
                if place < len(self.finals):
                    outcome, queue_id = self.finals[place]
            if own is None and number < len(self.verdicts):
                accepted += 1
            lines.append(Line(self.sender, path, outcome, queue_id))
        return lines


class Server:
    """Answers commands, and writes down what it does."""

    def __init__(self, random: Random, *, lmtp: bool, prdr: bool) -> None:
        self.random = random
        self.lmtp = lmtp
        self.prdr = prdr
        self.books: list[Letter] = []
        self.open: Letter | None = None
        self.spoilt: Letter | None = None  # MAIL was refused: what follows goes with it
        self.in_data = False
        self.bad_chunk = False
        self.closing = False
        self.count = 0

    def _no(self, likely: float) -> bytes | None:
        """A refusal, or None."""
        if self.random.random() > likely:
            return None
        code = self.random.choice([b"450", b"550", b"451", b"554", b"421"])
        self.closing = code == b"421"
        return code + b" no\r\n"

    def answer(self, verb: str, path: str) -> list[bytes]:
        if verb in {"EHLO", "RSET", "NOOP"}:
            return [self._beside(verb)]
        if verb == "MAIL":
            return [self._mail(path)]
        if verb == "RCPT":
            return [self._rcpt(path)]
        if verb == "DATA":
            return [self._data()]
        return self._end(last=verb in {".", "BDAT LAST"}, chunk=verb != ".")

    def _beside(self, verb: str) -> bytes:
        no = self._no(0.3)
        if no is None and verb != "NOOP":
            self._forget()
        return no or b"250 ok\r\n"

    def _forget(self) -> None:
        self.open = self.spoilt = None
        self.bad_chunk = False

    def _mail(self, path: str) -> bytes:
        letter = Letter(path)
        self.books.append(letter)
        if self.open is not None:
            letter.all = "rejected"
            return b"503 5.5.1 nested\r\n"
        no = self._no(0.2)
        if no is not None:
            letter.all = _word(no)
            self.spoilt = letter
            return no
        self.open, self.spoilt, self.bad_chunk = letter, None, False
        return b"250 2.1.0 ok\r\n"

    def _rcpt(self, path: str) -> bytes:
        if self.open is None:
            if self.spoilt is not None:
                self.spoilt.recipients.append(path)
                self.spoilt.verdicts.append(None)
            return b"503 5.5.1 no MAIL\r\n"
        no = self._no(0.3)
        self.open.recipients.append(path)
        self.open.verdicts.append(None if no is None else _word(no))
        self.open.goes_on(no)
        if self.closing and not self.open.all:  # it closes: nobody gets this message
            self.open.all, self.open.by_421 = "deferred", True
        return no or b"250 2.1.5 ok\r\n"

    def _data(self) -> bytes:
        letter = self.open
        if letter is None:
            return b"503 5.5.1 no MAIL\r\n"
        if None not in letter.verdicts or self.bad_chunk:
            no: bytes | None = b"554 5.5.1 no valid recipients\r\n"
        else:
            no = self._no(0.2)
        if not self.bad_chunk:
            letter.all = None if no is None else _word(no)
            letter.by_data = no is not None
        self.in_data = no is None
        return no or b"354 go on\r\n"

    def _end(self, *, last: bool, chunk: bool) -> list[bytes]:
        letter = self.open
        self.in_data = False
        if letter is None:
            if last:
                self.spoilt = None
            return [b"503 5.5.1 no MAIL\r\n"]
        if chunk and (self.bad_chunk or None not in letter.verdicts):
            if not letter.verdicts:
                letter.all = letter.all or "rejected"
            if last:
                self._forget()
            else:
                self.bad_chunk = True
            return [b"503 5.5.1 no\r\n"]
        if not last:
            no = self._no(0.15)
            letter.goes_on(no)
            if no is not None:
                self.bad_chunk = True
                letter.all = letter.all or _word(no)  # the first refusal is the reason
            return [no or b"250 chunk\r\n"]
        if self.prdr and self.random.random() < 0.8:
            answers = self._promised(letter)
        else:
            n = letter.verdicts.count(None) if self.lmtp else 1
            answers = [self._final(letter) for _ in range(n)]
        self._forget()
        return answers

    def _final(self, letter: Letter) -> bytes:
        no = self._no(0.3)
        letter.goes_on(no)
        self.count += 1
        name = f"Q{id(self) % 9973}N{self.count}"
        letter.finals.append((_word(no), None) if no else ("delivered", name))
        return no or b"250 2.0.0 Ok: queued as %b\r\n" % name.encode()

    def _promised(self, letter: Letter) -> list[bytes]:
        """PRDR: a word for each accepted recipient, and one that takes it or not."""
        own = [self._no(0.3) for _ in range(letter.verdicts.count(None))]
        letter.goes_on(None)  # 353 says that the end was taken in
        last = self._final(letter)
        (verdict,) = letter.finals
        letter.finals = [(_word(no), None) if no else verdict for no in own]
        letter.is_separate, letter.promises = True, own
        yes = b"250 this one\r\n"
        return [b"353 each of them\r\n", *(no or yes for no in own), last]


def _word(reply: bytes) -> str:
    return "deferred" if reply.startswith(b"4") else "rejected"


_LINES = {
    "EHLO": ("ehlo", b"EHLO client.test\r\n"),
    "RSET": ("rset", b"RSET\r\n"),
    "NOOP": ("noop", b"NOOP\r\n"),
    "DATA": ("data", b"DATA\r\n"),
    ".": ("eod", b".\r\n"),
    "BDAT": ("body", b"BDAT 9\r\n"),
    "BDAT LAST": ("eod", b"BDAT 9 LAST\r\n"),
}


class Dialogue:
    """A random dialogue: its log, and the books of its server."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        lmtp, prdr = self.random.random() < 0.2, self.random.random() < 0.2
        self.server = Server(self.random, lmtp=lmtp, prdr=prdr and not lmtp)
        self.wire = opened(f"mx{seed}.example.test") if not lmtp else Log("lmtp.test")
        if lmtp:
            self.wire.connect()
            self.wire.greeting()
            self.wire.say("ehlo", b"LHLO client.test\r\n", b"250 ok\r\n")
        self.paths = 0
        self.ended = False

    def run(self) -> tuple[Record, list[Line]]:
        for _ in range(self.random.randint(1, 6)):
            if self.ended:
                break
            self._turn()
        if not self.ended:
            self.wire.say("quit", b"QUIT\r\n", b"221 bye\r\n")
            self.wire.close()
        books = self.server.books
        lmtp = self.server.lmtp
        return self.wire.record, [line for each in books for line in each.lines(lmtp)]

    def _turn(self) -> None:
        choose = self.random.choice
        recipients = ["RCPT"] * self.random.randint(0, 3)
        chunks = ["BDAT"] * self.random.randint(0, 2)
        odd = [choose(["EHLO", "RSET", "NOOP", "MAIL", "RCPT", "DATA"])]
        message = ["MAIL", *recipients]
        at = self.random.randint(0, len(message))
        if self.random.random() < 0.5:
            message[at:at] = odd
            if odd == ["DATA"]:  # nothing may follow DATA in its group
                self._send(message[: at + 1])
                if self.ended or self.server.in_data:
                    return self._finish()
                message = message[at + 1 :]
        if self.random.random() < 0.4:
            self._send([*message, *chunks, "BDAT LAST"])
        else:
            self._send([*message, "DATA"])
        return self._finish()

    def _finish(self) -> None:
        if self.server.in_data and not self.ended:
            self._send(["."])
        elif self.random.random() < 0.4 and not self.ended:
            self._send(["RSET"])

    def _send(self, verbs: list[str]) -> None:
        """Send commands together or one by one; the end may come at any of them."""
        cut = self.random.randint(0, 2 * len(verbs) + 12)
        if len(verbs) > 1 and self.random.random() < 0.5:
            self._together(verbs, cut)
            return None
        for number, verb in enumerate(verbs):
            if verb == "." and self.random.random() < 0.2 and not self.ended:
                return self._cut_in_content()
            if not self.ended:
                self._together([verb], cut - number)
            # After a 354 only content may follow.
            if self.server.in_data:
                return None
        return None

    def _cut_in_content(self) -> None:
        self.wire.content(100, 3)
        self.wire.note("cancel")
        self.wire.error("body", "Cancelled", "cancelled", "aborted")
        self.wire.close("abort")
        self.ended = True

    def _together(self, verbs: list[str], cut: int) -> None:
        sent = [self._line(verb) for verb in verbs]
        first = self._log_sent(verbs, sent)
        server, paths = self.server, [each[2] for each in sent]
        for place, (verb, path) in enumerate(zip(verbs, paths, strict=True)):
            if place >= cut or server.closing:
                self._lost(verbs[place:], paths[place:], sent[place])
                return
            letter = server.open
            answers = server.answer(verb, path)
            heard = len(answers)
            if letter and heard > 1 and not letter.went_on:
                heard = self.random.randint(1, 3 * heard)
            for octets in answers[:heard]:
                self.wire.reply(octets, first + place)
            if letter and heard < len(answers):
                letter.cut(heard)
                server.closing = answers[heard - 1].startswith(b"421")
                self._lost(verbs[place + 1 :], paths[place + 1 :], sent[place])
                return
        if server.closing:
            self._lost([], [], None)

    def _log_sent(self, verbs: list[str], sent: list[tuple[str, bytes, str]]) -> int:
        if verbs == ["."] and self.random.random() < 0.7:
            self.wire.content(100, 3)
        named = [(step, line.split()[0].decode(), line) for step, line, _ in sent]
        if len(sent) == 1:
            ((step, word, line),) = named
            if self.random.random() < 0.2 and verbs[0] not in {
                ".",
                "BDAT",
                "BDAT LAST",
            }:
                step, word = "other", ""  # by raw()
            return self.wire.send((step, word, line))[0]
        if self.random.random() < 0.2 and not {"BDAT", "BDAT LAST"} & set(verbs):
            octets = b"".join(line for _, line, _ in sent)  # all of it by raw()
            first = self.wire.send(("other", "", octets))[0]
            self.wire.exchange += len(sent) - 1
            return first
        parts: list[Part] = []
        for step, word, line in named:
            parts.append((step, word, line, len(line)))
            if word == "BDAT":
                parts.append(("body", None, None, 9, 1))
        return self.wire.group(*parts)

    def _line(self, verb: str) -> tuple[str, bytes, str]:
        """The step and the line of a command, and the path in it."""
        if verb in _LINES:
            return (*_LINES[verb], "")
        self.paths += 1
        path = f"{verb[0].lower()}{self.paths}@example.test"
        word = "FROM" if verb == "MAIL" else "TO"
        return verb.lower(), f"{verb} {word}:<{path}>\r\n".encode(), path

    def _lost(
        self,
        verbs: list[str],
        paths: list[str],
        waiting: tuple[str, bytes, str] | None,
    ) -> None:
        """The connection is lost: what was sent is not answered any more."""
        server = self.server
        letter, spoilt = server.open, server.spoilt
        turned_away = server.closing
        for verb, path in zip(verbs, paths, strict=True):
            if verb == "MAIL":
                letter, spoilt = Letter(path), None
                server.books.append(letter)
                if turned_away:
                    letter.all = "not tried"
            elif verb == "RCPT" and (letter or spoilt):
                (letter or spoilt).unanswered.append(path)  # type: ignore[union-attr]
            elif verb in {".", "BDAT LAST"} and letter:
                letter.end_left = True
                if letter.by_421:  # the client cannot know whether it went on
                    letter.all = None
                letter = None
            elif verb in {"EHLO", "RSET"}:
                letter = spoilt = None
        step = waiting[0] if waiting else "other"
        self.wire.error(step, "ConnectionLost", "the connection is gone")
        self.wire.close("lost")
        self.ended = True
