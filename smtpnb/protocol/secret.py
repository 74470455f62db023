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
from typing import Final, NoReturn

# An echo shorter than this cannot be told from ordinary text.
MIN_CUT: Final = 4


class Secret:
    """A password or token. Its text never appears by accident.

    Args:
        value: The secret as text, or another Secret.
    """

    __slots__ = ("_octets",)

    def __init__(self, value: str | Secret) -> None:
        octets = value.reveal() if isinstance(value, Secret) else value.encode("utf-8")
        # A memoryview shows nothing in a traceback that prints attributes.
        self._octets = memoryview(bytes(octets))

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
    """Cuts known secrets out of octets received, whatever form the echo takes."""

    __slots__ = ("_forms",)

    def __init__(self) -> None:
        self._forms: list[memoryview] = []

    def learn(self, octets: memoryview | bytes) -> None:
        """Remember one secret: raw, base64 at any alignment, hex and UTF-16."""
        for form in _forms(bytes(octets)):
            if len(form) >= MIN_CUT and form not in self._forms:
                self._forms.append(memoryview(form))
        # The longest first, so that no shorter form leaves half of a longer one.
        self._forms.sort(key=len, reverse=True)

    def forget(self) -> None:
        """Drop every secret (the connection is gone)."""
        self._forms.clear()

    def cut(self, octets: bytes) -> bytes:
        """Return the octets with every known form replaced by a placeholder."""
        for form in self._forms:
            octets = octets.replace(form, placeholder(len(form)))
        return octets

    def __repr__(self) -> str:
        return "<Redactor>"


def _forms(secret: bytes) -> list[bytes]:
    """Every form in which an echo of `secret` is recognised."""
    forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        forms += [text.encode("utf-16-le"), text.encode("utf-16-be")]
    # Inside a longer base64 text the secret may start at any of three alignments;
    # the characters that mix with a neighbour's bits are left out.
    for shift in range(3):
        code = base64.b64encode(bytes(shift) + secret).rstrip(b"=")
        first = -(-shift * 8 // 6)
        last = (shift + len(secret)) * 8 // 6
        forms.append(code[first:last])
    forms.append(base64.b64encode(secret))
    return forms
