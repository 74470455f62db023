from __future__ import annotations

import socket

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        pytest.fail("a test of the protocol layer opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
