"""What repeats in transcripts, kept once: the shape of an event, and where it happened.

A million events are a few thousand shapes: `MAIL FROM:<a@b.test>`, `250 2.1.0 Ok`.
Whatever of an event does not depend on its time and its place in the session is its
`Shape`. A reader looks up a shape by the very octets and works it out only once, and
a frame turns numbers of shapes into columns without touching a text twice.

This module knows nothing of log entries, of clocks or of frames.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from smtpnb.edges.text import decode
from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.reply import Reply

# What smtpnb.protocol.secret.placeholder leaves behind.
_CUT: Final = re.compile(rb"<secret \d+ bytes>")
# RFC 2034 section 4, as `Reply.enhanced` reads it.
_ENHANCED: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |\Z)")

# A command as the record has it: step, verb, shown octets, octets on the wire.
Part = tuple[Any, ...]

# The kinds of what asks for a greeting, for a reply to nothing that we know of, and for
# the refusal of a message that comes before its dot has left.
GREETING: Final = 0
NOBODY: Final = 1
CONTENT: Final = 2


class Shape(NamedTuple):
    """What events have in common; the names are those of `schema.EVENTS`."""

    event: str
    direction: str
    step: str
    verb: str | None = None
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    n_bytes: int | None = None
    pipelined: bool = False
    redacted: bool = False
    detail: str | None = None


class Kind(NamedTuple):
    """What a reply needs to know of the command it answers."""

    step: str
    verb: str | None
    pipelined: bool

    @property
    def event(self) -> str:
        """The word by which `protocol.transaction` knows it; "" if by none."""
        if self.step == "eod" or (self.step == "body" and self.verb is None):
            return "BDAT LAST" if self.verb in ("BDAT", "BURL") else "."
        return "BDAT" if self.verb == "BURL" else self.verb or ""


class Place(NamedTuple):
    """Where an event happened."""

    host: str
    port: int
    peer_ip: str | None
    tls: bool


class Shapes:
    """The shapes and places of any number of sessions. Numbers are never reused.

    Attributes:
        shapes: The shape of each number.
        places: The place of each number.
        kinds: The kind of commands of each number.
        asked: Of each kind, the word by which the mail transaction knows it.
        alone: The numbers of a command that was sent alone, and of its kind.
        grouped: The same of a command in a group.
        replies: For each kind, the numbers of replies that came in one receive.
        paths: The numbers of resolutions and the like, by all but their times.
    """

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self.places: list[Place] = []
        self.kinds: list[Kind] = []
        self.asked: list[str] = []
        self.alone: dict[Part, tuple[int, int]] = {}
        self.grouped: dict[Part, tuple[int, int]] = {}
        self.replies: list[dict[bytes, int]] = []
        self._kinds: dict[Kind, int] = {}
        for step in ("greeting", "other", "body"):
            self._kind(Kind(step, None, False))
        self.paths: dict[tuple[Any, ...], int] = {}
        self._offers: dict[bytes, dict[str, Any]] = {}
        self._contents: dict[tuple[int, int | None, bool], int] = {}
        self._places: dict[tuple[str, int, str | None, bool], int] = {}

    def place(self, host: str, port: int, peer_ip: str | None, tls: bool) -> int:
        """Return the number of a place."""
        facts = host, port, peer_ip, tls
        number = self._places.get(facts)
        if number is None:
            self.places.append(Place(*facts))
            number = self._places[facts] = len(self.places) - 1
        return number

    def part(self, part: Part, *, grouped: bool) -> tuple[int, int]:
        """Return the numbers of a command that was not met yet, and of its kind."""
        step, verb, shown, n_octets = part
        text, cut = decode(shown.removesuffix(b"\r\n")), _cut(shown)
        asked = "command", "C", step, verb or None, None, None
        number = self._new(Shape(*asked, text, n_octets, grouped, cut))
        known = self.grouped if grouped else self.alone
        known[part] = numbers = number, self._kind(Kind(step, verb or None, grouped))
        return numbers

    def _kind(self, kind: Kind) -> int:
        number = self._kinds.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
            self.asked.append(kind.event)
            self.replies.append({})
        return number

    def content(self, n_octets: int, n_lines: int | None, *, grouped: bool) -> int:
        """Return the number of a block of content."""
        known = n_octets, n_lines, grouped
        number = self._contents.get(known)
        if number is None:
            lines = None if n_lines is None else f'{{"lines": {n_lines}}}'
            sent = "data", "C", "body", None, None, None, None
            shape = Shape(*sent, n_octets, grouped, False, lines)
            number = self._contents[known] = self._new(shape)
        return number

    def reply(self, kind: int, octets: bytes) -> int:
        """Return the number of a reply that was not met yet and came in one receive."""
        number = self.replies[kind][octets] = self._new(self._reply(kind, octets, {}))
        return number

    def slow_reply(
        self, kind: int, octets: bytes, receive_us: int, receives: int | None
    ) -> int:
        """Return a number for a reply that came in several receives.

        Args:
            kind: That of its command.
            octets: All of it.
            receive_us: First to last octet.
            receives: How many; None if nobody counted.
        """
        facts: dict[str, Any] = {}
        if receive_us:
            facts["receive_ms"] = receive_us / 1000
        if receives not in {None, 1}:
            facts["receives"] = receives
        return self._new(self._reply(kind, octets, facts))

    def _reply(self, kind: int, octets: bytes, facts: dict[str, Any]) -> Shape:
        command = self.kinds[kind]
        if octets.count(b"\n") == 1 and octets.endswith(b"\r\n"):
            # What `Reply` says of the plainest of replies, in a third of its time.
            code, text = int(octets[:3]), decode(octets[4:-2])
            match = _ENHANCED.match(text)
            enhanced = match.group() if match else None
        else:
            reply = Reply(octets)
            code, text = reply.code, reply.text
            enhanced = None if reply.enhanced is None else str(reply.enhanced)
            if reply.anomalies:
                facts["anomalies"] = list(reply.anomalies)
        if command.step == "ehlo" and code < 400:
            facts |= self._offer(command.verb, octets)
        answer = "reply", "S", command.step, command.verb, code, enhanced, text
        cut, detail = "<secret " in text and _cut(octets), _json(facts)
        return Shape(*answer, len(octets), command.pipelined, cut, detail)

    def _offer(self, verb: str | None, octets: bytes) -> dict[str, Any]:
        """What a positive reply to EHLO offers, for the detail of its event."""
        if verb == "HELO":
            return {}
        # Many servers offer the same, after a line that names them.
        known = octets.partition(b"\n")[2]
        if known not in self._offers:
            offered = Capabilities.from_reply(Reply(octets))
            words = [" ".join([word, *offered[word]]) for word in offered]
            self._offers[known] = {
                "capabilities": sorted(words),
                "size_limit": offered.size_limit,
                "auth_mechs": list(offered.mechanisms),
            }
        return self._offers[known]

    def surplus(self, octets: bytes) -> int:
        """Return a number for what nobody asked for."""
        said = "note", "S", "other", None, None, None, decode(octets), len(octets)
        cut, detail = _cut(octets), _json({"what": "surplus"})
        return self._new(Shape(*said, False, cut, detail))

    def beside(self, event: str, step: str, text: str | None, **facts: Any) -> int:
        """Return a number for what happened beside the dialogue."""
        return self._new(Shape(event, "-", step, text=text, detail=_json(facts)))

    def _new(self, shape: Shape) -> int:
        self.shapes.append(shape)
        return len(self.shapes) - 1


_ENCODE: Final = json.JSONEncoder(default=str).encode  # `dumps` makes one each time


def _cut(octets: bytes) -> bool:
    return _CUT.search(octets) is not None


def _json(facts: dict[str, Any]) -> str | None:
    return _ENCODE(facts) if facts else None
