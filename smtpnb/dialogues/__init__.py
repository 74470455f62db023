"""Dialogues: what to say next depends on what was answered, written as a generator.

    def knows_vrfy(name):
        if not (yield Ehlo("client.example")).ok:
            return False
        return (yield Vrfy(name)).code != 502

    client.run(knows_vrfy("postmaster"))

A dialogue yields commands, is sent their replies, and returns whatever it likes. It
waits for nothing and holds no connection, so that a test can drive it by hand, and one
loop can run many.

This package knows nothing of sockets or of clients.
"""

from __future__ import annotations
