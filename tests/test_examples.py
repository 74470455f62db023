"""Every public name has an example in its docstring, and every example is right.

An example finds `client` (greeted, EHLO said), the `sandbox` that it talks to (ann has
an account) and all public names. A host of an example, or a unix socket, is a server
of ours; nothing is asked outside of this machine.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import smtpnb
from smtpnb import Sandbox, SmtpClient
from tests.support.scripted import Hear, Hold, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# These are values of a class that has an example, or a number.
VALUES = {"__version__", "INTERACTIVE", "RFC5321"}
METHODS = [name for name in dir(SmtpClient) if not name.startswith("_")]
# Class attributes without a docstring of their own: the class says what they are.
SWITCHES = {"chunking", "pipelining"}
NAMES = sorted(set(smtpnb.__all__) - VALUES)
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# As it is now: a test below takes the place of `connect`.
TEXTS = {
    **{name: inspect.getdoc(getattr(SmtpClient, name)) for name in METHODS},
    **{name: inspect.getdoc(getattr(smtpnb, name)) for name in NAMES},
}


@pytest.fixture
def names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, object]]:
    monkeypatch.chdir(tmp_path)
    lmtp = ScriptedServer(
        (Say(b"220 store LMTP\r\n"), Hear(b"\r\n"), Say(b"250 store\r\n"), Hold())
    )
    clients: list[SmtpClient] = []
    real, look_up = SmtpClient.connect, socket.getaddrinfo

    def connect(self: SmtpClient, host: Any, *arguments: Any, **options: Any) -> Any:
        clients.append(self)
        if isinstance(host, str) and host.startswith("unix:"):
            return real(self, lmtp.host, lmtp.port, protocol="lmtp")
        if isinstance(host, str) and host.endswith(".example.net"):
            return real(self, sandbox)
        return real(self, host, *arguments, **options)

    def looked_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):  # RFC 6761: there is none
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **options)

    store = SimpleNamespace(get_password=lambda *_: "sesame-open")
    monkeypatch.setitem(sys.modules, "keyring", store)
    monkeypatch.setenv("ANNS_PASSWORD", "sesame-open")
    monkeypatch.setattr("getpass.getpass", lambda _: "sesame-open")
    monkeypatch.setattr(SmtpClient, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with (
        lmtp,
        Sandbox(auth={"ann": "sesame-open"}) as sandbox,
        SmtpClient() as client,
    ):
        client.connect(sandbox)
        client.ehlo("client.example")
        yield {
            **{name: getattr(smtpnb, name) for name in smtpnb.__all__},
            "client": client,
            "sandbox": sandbox,
        }
        for each in clients:
            each.disconnect()


@pytest.mark.parametrize("name", sorted({*TEXTS} - SWITCHES))
def test_a_public_name_has_an_example_that_runs(
    name: str, names: dict[str, object]
) -> None:
    text = TEXTS[name] or ""
    example = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert example.examples, f"{name} has no example"
    told: list[str] = []
    doctest.DocTestRunner(optionflags=_OPTIONS).run(example, out=told.append)
    assert not told, "".join(told)


def test_what_has_no_example_is_a_switch() -> None:
    assert all(isinstance(getattr(SmtpClient, name), bool) for name in SWITCHES)


def _others() -> dict[str, doctest.DocTest]:
    """The examples inside the house, by module and name."""
    found = {}
    for file in sorted(Path(smtpnb.__file__).parent.rglob("*.py")):
        if ">>> " not in file.read_text() or file.stem == "__main__":
            continue
        parts = file.relative_to(Path(smtpnb.__file__).parents[1]).with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        for test in doctest.DocTestFinder().find(module):
            if test.examples and test.name.rpartition(".")[2] not in TEXTS:
                found[test.name] = test
    return found


OTHERS = _others()


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_an_example_inside_the_house_runs(name: str, names: dict[str, object]) -> None:
    test = OTHERS[name]
    test.globs = {**test.globs, **names}
    told: list[str] = []
    doctest.DocTestRunner(optionflags=_OPTIONS).run(test, out=told.append)
    assert not told, "".join(told)
