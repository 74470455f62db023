"""Accounts: who may log in, and how AUTH is spoken (RFC 4954).

PLAIN (RFC 4616) and LOGIN are dialogues of challenges and responses, written as
generators: `response = yield challenge`, both without base64. What leaves this module
is a name, never a password.

This module knows nothing of streams or replies.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator, Mapping

Exchange = Generator[bytes, bytes, str | None]


class Accounts:
    """Names and passwords; the passwords show nowhere.

    Args:
        passwords: The password of each user.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {
            name.encode(): password.encode() for name, password in passwords.items()
        }

    def __repr__(self) -> str:
        return f"<Accounts {len(self)}>"

    def __len__(self) -> int:
        return len(self._passwords)

    def admit(self, name: bytes, password: bytes) -> str | None:
        """Return the name if the password is right, else None."""
        expected = self._passwords.get(name)
        if expected is None or not hmac.compare_digest(expected, password):
            return None
        return name.decode()

    def plain(self) -> Exchange:
        """Speak PLAIN: one response, NUL between its three parts."""
        parts = (yield b"").split(b"\0")
        return self.admit(parts[1], parts[2]) if len(parts) == 3 else None

    def login(self) -> Exchange:
        """Speak LOGIN: the name, then the password (never standardised)."""
        name = yield b"Username:"
        password = yield b"Password:"
        return self.admit(name, password)


# The mechanisms by the name that EHLO announces.
MECHANISMS: dict[str, Callable[[Accounts], Exchange]] = {
    "PLAIN": Accounts.plain,
    "LOGIN": Accounts.login,
}
