"""Accounts: who may log in. What leaves this module is a name, never a password."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.sasl.prepare import prepared_secret


class Accounts:
    """Names and passwords; the passwords show nowhere.

    A user's password is taken for an access token as well: one secret an account.

    Args:
        passwords: The password of each user.

    Raises:
        ValueError: They are something else.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        given: object = passwords  # whatever a notebook hands over
        pairs = given.items() if isinstance(given, Mapping) else [(None,)]
        if not all(isinstance(text, str) for pair in pairs for text in pair):
            raise ValueError("auth is a dict of users and their passwords, as texts.")
        self._passwords = {
            name.encode(): memoryview(password.encode())
            for name, password in passwords.items()
        }
        self._salt = os.urandom(16)

    def __repr__(self) -> str:
        return f"<Accounts {len(self)}>"

    def __len__(self) -> int:
        return len(self._passwords)

    def password_of(self, name: bytes) -> memoryview | None:
        """Return the password of a user, for mechanisms that only prove it."""
        return self._passwords.get(name)

    def prepared_password_of(self, name: bytes) -> memoryview | None:
        """Return the password of a user as SASLprep makes it (RFC 4013)."""
        found = self._passwords.get(name)
        try:
            return found and prepared_secret("password", str(found, "utf-8")).reveal()
        except LocalProtocolError:  # it cannot be prepared: SCRAM knows no such user
            return None

    def salt_of(self, name: bytes) -> bytes:
        """Return a salt that is the same each time, for strangers too (RFC 5802 9)."""
        return hmac.digest(self._salt, name, "sha256")[:16]

    def admit(self, name: bytes, password: bytes, identity: bytes = b"") -> str | None:
        """Return for whom a session speaks if the password is right, else None.

        Args:
            name: Whose password it is.
            password: What was said.
            identity: Another account to speak for; b"" for the same.
        """
        expected = self._passwords.get(name)
        if expected is None or not hmac.compare_digest(expected, password):
            return None
        return self.speak_for(name, identity)

    def speak_for(self, name: bytes, identity: bytes = b"") -> str | None:
        """Return for whom a proven user speaks: itself, or another account."""
        wanted = identity or name
        return wanted.decode() if wanted in self._passwords else None
