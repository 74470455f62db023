"""A password comes from the environment, the keyring or a prompt; it is not shown."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    LocalProtocolError,
    Plain,
    Sandbox,
    SmtpClient,
    ask_password,
    password_from_env,
    password_from_keyring,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb import Secret

WORD = "sesame-open"


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password of ann's in each of the three."""
    kept = {("mail.example", "ann"): WORD}
    store = SimpleNamespace(get_password=lambda *asked: kept.get(asked))
    monkeypatch.setitem(sys.modules, "keyring", store)
    monkeypatch.setenv("ANNS_PASSWORD", WORD)
    monkeypatch.setenv("NO_PASSWORD", "")
    monkeypatch.setattr("getpass.getpass", lambda _: WORD)


FROM: dict[str, Callable[[], Secret]] = {
    "environment": lambda: password_from_env("ANNS_PASSWORD"),
    "keyring": lambda: password_from_keyring("mail.example", "ann"),
    "prompt": ask_password,
}


@pytest.mark.parametrize("place", FROM)
@pytest.mark.parametrize("how", ["name", "mechanism", "token"])
def test_ann_logs_in_and_no_secret_is_shown(place: str, how: str) -> None:
    secret = FROM[place]()
    calls: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "name": (("auto", "ann", secret), {}),
        "mechanism": ((Plain("ann", secret),), {}),
        "token": (("xoauth2", "ann"), {"token": FROM[place]}),
    }
    with Sandbox(auth={"ann": WORD}) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        client.ehlo()
        args, options = calls[how]
        assert client.auth(*args, **options).code == 235
        assert WORD not in client.transcript.text() + repr(secret) + str(secret)


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda: password_from_env("NOT_THERE"), "'NOT_THERE' does not exist"),
        (lambda: password_from_env("NO_PASSWORD"), "'NO_PASSWORD' is empty"),
        (lambda: password_from_keyring("x", "ann"), "no password of ann for x"),
    ],
)
def test_what_is_not_there_is_told(ask: Callable[[], object], why: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"{why}; nothing was sent"):
        ask()


def test_a_keyring_that_is_not_had_or_fails_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def locked(*_: str) -> str:
        raise RuntimeError("no backend")

    store = SimpleNamespace(get_password=locked)
    monkeypatch.setitem(sys.modules, "keyring", store)
    with pytest.raises(LocalProtocolError, match="could not be asked: RuntimeError"):
        password_from_keyring("mail.example", "ann")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(LocalProtocolError, match=r"smtpnb\[keyring\]"):
        password_from_keyring("mail.example", "ann")
