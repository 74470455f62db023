"""Secrets: marked where they are made, held by nobody downstream.

`Secret` carries a password so that no repr, pickle, format string or comparison shows
it. `Octets` is one line on its way to the wire: what is sent, and beside it what may
be shown. `Redactor` cuts a secret out of what the server says, in the forms servers
are known to echo.

The one rule of the house: code that builds a secret line builds its shown form in the
same breath; nothing later guesses. This module knows nothing of SASL or of sockets.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final, NoReturn

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

# In a secret response: a digest, a signature or a token, which may be echoed alone.
_PROOF: Final = rb"[A-Za-z0-9+/_-]{24,}={0,2}"
# An echo shorter than this cannot be told from ordinary text.
MIN_CUT: Final = 4
# Half of a base64 or hex form is enough to cut it (servers echo the start of a long
# line), if the half is not too short to be told from a word.
_MIN_HALF: Final = 8

# A line of a reply: what frames it, and its text. A long echo is wrapped over lines.
# Compiled when first used: most sessions hold no secret.
_FRAME: Final = (
    rb"(?m)^([2-5][0-9]{2}(?:[ -]|(?=\r?$)))?"
    rb"(?:[245]\.[0-9]{1,3}\.[0-9]{1,3} )?(.*?)\r?$"
)
_RUN: Final = rb"\x01+"
_CHALLENGE: Final = rb"334[ -]([A-Za-z0-9+/]+={0,2})"  # or the start of one
# base64url beside base64. Letter case is folded by lower(): a line of base64 taken for
# a command comes back as "500 unknown command" in upper case (aiosmtpd does so).
_ONE_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


class Secret:
    """A password or token. Its text never appears by accident.

    Args:
        value: The secret as text, or another Secret.

    Example:
        >>> Secret("sesame-open")
        Secret(***)
    """

    __slots__ = ("_octets",)

    def __init__(self, value: str | Secret) -> None:
        # A memoryview shows nothing in a traceback that prints attributes.
        if isinstance(value, Secret):
            self._octets = value.reveal()
            return
        kind = type(value).__name__ if not hasattr(value, "encode") else ""
        if kind:
            value = ""  # as below
            raise LocalProtocolError(f"a secret is text, not {kind}; nothing was sent")
        try:
            self._octets = memoryview(value.encode("utf-8"))
        except UnicodeEncodeError:
            # Not chained: that error holds the whole text, and so does this name.
            value = ""
            raise LocalProtocolError("the secret is not valid Unicode") from None

    def reveal(self) -> memoryview:
        """Return the octets (UTF-8), for the code that builds the SASL message."""
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class Octets:
    """Octets for the wire, beside the form of them that may be shown.

    Attributes:
        wire: What is sent, as a memoryview (which prints nothing of its content).
        shown: What transcript, errors and views may hold, line end included.
    """

    __slots__ = ("shown", "wire")

    def __init__(self, wire: bytes, shown: bytes | None = None) -> None:
        self.wire = memoryview(wire)
        self.shown = wire if shown is None else shown

    def __len__(self) -> int:
        return len(self.wire)

    @property
    def redacted(self) -> bool:
        """Whether the shown form differs from the wire."""
        return self.shown is not self.wire.obj

    def __repr__(self) -> str:
        return f"<Octets {self.shown!r}>"


def placeholder(length: int) -> bytes:
    """Return what stands in a transcript for a secret of `length` octets."""
    return b"<secret %d bytes>" % length


class Redactor:
    """Cuts known secrets out of octets received, whatever form the echo takes.

    Letter case, base64url, truncation to a half, and line breaks inside the echo do
    not save it. The code and the line ends of a reply are never touched.
    """

    __slots__ = ("_forms", "_uncut")

    def __init__(self) -> None:
        # The last challenge from which something was cut, and how it came.
        self._uncut = (b"", memoryview(b""))
        # Each form, folded, and how much of its start or end is enough.
        self._forms: list[tuple[memoryview, int]] = []

    def learn(self, octets: memoryview | bytes) -> None:
        """Remember one secret: raw, base64 at any alignment, hex and UTF-16."""
        secret = bytes(octets)
        forms = [(form, len(form)) for form in _plain_forms(secret)]
        forms += [
            (form, min(len(form), max(_MIN_HALF, -(-len(form) // 2))))
            for form in _encoded_forms(secret)
        ]
        for form, enough in forms:
            entry = (memoryview(_fold(form)), enough)
            if len(form) >= MIN_CUT and entry not in self._forms:
                self._forms.append(entry)

    def learn_response(self, octets: memoryview | bytes) -> None:
        """Remember a response to a challenge, and each proof in it by itself."""
        self.learn(octets)
        for proof in re.finditer(_PROOF, octets):
            self.learn(octets[slice(*proof.span())])

    def __bool__(self) -> bool:
        """Whether there is anything to cut."""
        return bool(self._forms)

    def forget(self) -> None:
        """Drop every secret (the connection is gone)."""
        self._forms.clear()
        self._uncut = (b"", memoryview(b""))

    def as_it_came(self, shown: bytes) -> bytes:
        """Return a challenge (334) uncut: a mechanism could not answer it else.

        Args:
            shown: The octets of the reply, perhaps cut.
        """
        cut, came = self._uncut
        return bytes(came) if cut == shown and cut else shown

    def cut(self, octets: bytes) -> bytes:
        """Return the octets with every known form replaced by a placeholder."""
        if not self._forms:
            return octets
        frames = list(re.finditer(_FRAME, octets))
        marks = self._marks(octets)
        self._mark_wrapped(octets, frames, marks)
        _mark_proof(octets, marks)
        pieces, done = [], 0
        for frame in frames:
            # Only a text is cut: code and line ends stay, and the reply with them.
            text = frame.start() if frame[1] is None else frame.end(1)
            for run in re.compile(_RUN).finditer(marks, text, frame.end(2)):
                pieces += [octets[done : run.start()], placeholder(len(run[0]))]
                done = run.end()
        cut = b"".join([*pieces, octets[done:]])
        if pieces and octets.startswith(b"334"):
            self._uncut = cut, memoryview(octets)
        return cut

    def _mark_wrapped(
        self, octets: bytes, frames: list[re.Match[bytes]], marks: bytearray
    ) -> None:
        """Mark also what appears only when the texts of all lines are joined."""
        joined = self._marks(b"".join(frame[2] for frame in frames))
        at = 0
        for frame in frames:
            start, end = frame.span(2)
            for run in re.compile(_RUN).finditer(joined, at, at + end - start):
                marks[start + run.start() - at : start + run.end() - at] = run[0]
            at += end - start

    def _marks(self, octets: bytes) -> bytearray:
        """Return one octet for each of `octets`: 1 where a form stands, else 0."""
        marks = bytearray(len(octets))
        folded = _fold(octets)
        for form, enough in self._forms:
            for at in _places(form[:enough], folded):
                end = at + enough
                stop = min(at + len(form), len(folded))
                while end < stop and folded[end] == form[end - at]:
                    end += 1
                marks[at:end] = b"\1" * (end - at)
            if enough == len(form):
                continue
            for at in _places(form[-enough:], folded):
                start, end = at, at + enough
                while start > 0 and end - start < len(form):
                    if folded[start - 1] != form[start - 1 - end]:
                        break
                    start -= 1
                marks[start:end] = b"\1" * (end - start)
        return marks

    def __repr__(self) -> str:
        return "<Redactor>"


def _mark_proof(octets: bytes, marks: bytearray) -> None:
    """Mark the proof by which a server shows that it knows the password.

    With the challenge before it, whoever reads a transcript could try passwords on it
    (RFC 5802 section 9, RFC 2831 section 2.1.3).
    """
    challenge = re.match(_CHALLENGE, octets)
    if challenge is None:
        return
    whole = challenge[1][: len(challenge[1]) // 4 * 4]
    if base64.b64decode(whole).startswith((b"v=", b"rspauth=")):
        marks[slice(*challenge.span(1))] = b"\1" * len(challenge[1])


def _places(form: memoryview, octets: bytes) -> Iterator[int]:
    at = octets.find(form)
    while at >= 0:
        yield at
        at = octets.find(form, at + 1)


def _fold(octets: bytes) -> bytes:
    return octets.lower().translate(_ONE_ALPHABET)


def _plain_forms(secret: bytes) -> list[bytes]:
    """The secret as text: any shorter piece of it may be an ordinary word."""
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        return [secret]
    return [secret, text.encode("utf-16-le"), text.encode("utf-16-be")]


def _encoded_forms(secret: bytes) -> list[bytes]:
    """The secret in hex, and in base64 wherever it starts inside a longer text."""
    forms = [secret.hex().encode(), base64.b64encode(secret)]
    # At each of the three alignments; the characters that mix with a neighbour's bits
    # are left out.
    for shift in range(3):
        code = base64.b64encode(bytes(shift) + secret).rstrip(b"=")
        first = -(-shift * 8 // 6)
        last = (shift + len(secret)) * 8 // 6
        forms.append(code[first:last])
    return forms
