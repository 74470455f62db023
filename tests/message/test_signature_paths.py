"""A file with a signature, through every way out: it verifies at the other end."""

from __future__ import annotations

import sys
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Control, Sandbox, SmtpClient
from smtpnb.commandline import main
from tests.message.test_signing import made, sign, verifies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVELOPE = ("ann@example.org", ["bob@example.net"])


def _octets(path: Path) -> bytes:
    return path.read_bytes()


def _begin(client: SmtpClient, **given: Any) -> None:
    client.ehlo("c.example")
    client.mail_from(ENVELOPE[0], **given)
    client.rcpt_to(ENVELOPE[1][0])


def _data(client: SmtpClient, path: Path) -> None:
    _begin(client)
    assert client.data(_octets(path)).ok


def _three_calls(client: SmtpClient, path: Path) -> None:
    _begin(client)
    client.data()
    octets = _octets(path)
    for start in range(0, len(octets), 7):
        client.send_lines(octets[start : start + 7])
    assert client.end_data().ok


def _bdat(client: SmtpClient, path: Path) -> None:
    _begin(client)
    octets = _octets(path)
    client.bdat(octets[:100])
    assert client.bdat(octets[100:], last=True).ok


def _binary(client: SmtpClient, path: Path) -> None:
    given: dict[str, Any] = {"body": "BINARYMIME", "line_ends": "raw"}
    assert client.send(_octets(path), *ENVELOPE, **given).ok


def _file(client: SmtpClient, path: Path) -> None:
    with path.open("rb") as file:
        assert client.send(file, *ENVELOPE).ok


def _pieces(client: SmtpClient, path: Path) -> None:
    assert client.send(iter([_octets(path)[:50], _octets(path)[50:]]), *ENVELOPE).ok


def _read(client: SmtpClient, path: Path) -> None:
    assert client.send(message_from_bytes(_octets(path)), *ENVELOPE).ok


def _slowly(client: SmtpClient, path: Path) -> None:
    control = Control(slow=(400, 0.001))
    assert client.send(_octets(path), *ENVELOPE, control=control).ok


def _stream(overlap: Any) -> Callable[[SmtpClient, Path], object]:
    def send(client: SmtpClient, path: Path) -> None:
        messages = [(*ENVELOPE, _octets(path))] * 3
        assert all(client.send_all(messages, overlap=overlap))

    return send


def _lock_step(client: SmtpClient, path: Path) -> None:
    client.pipelining = client.chunking = False
    _stream(None)(client, path)


WAYS: dict[str, Callable[[SmtpClient, Path], object]] = {
    "data": _data,
    "data, send_lines, end_data": _three_calls,
    "bdat": _bdat,
    "binary": _binary,
    "a file": _file,
    "pieces": _pieces,
    "an EmailMessage": _read,
    "slowly": _slowly,
    "lock-step": _lock_step,
    "two turns": _stream(None),
    "a turn": _stream("turn"),
    "a window": _stream("window"),
}


@pytest.fixture
def eml(tmp_path: Path) -> Path:
    octets = sign(made()).octets
    assert octets is not None
    assert verifies(octets)
    path = tmp_path / "signed.eml"
    path.write_bytes(octets)
    return path


def _all_verify(sandbox: Sandbox) -> None:
    sandbox.wait_for(1)
    for octets in sandbox.inbox()["octets"]:
        assert verifies(octets)


@pytest.mark.parametrize("way", WAYS)
def test_by_the_client(way: str, eml: Path) -> None:
    with Sandbox(tls="none") as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        WAYS[way](client, eml)
        _all_verify(sandbox)


def test_by_the_magics(eml: Path, shell: Any, run: Callable[[str], Any]) -> None:
    shell.user_ns["octets"] = eml.read_bytes()
    sandbox = run("%smtp sandbox")
    run("%smtp connect sandbox")
    run("%smtp send {octets} --from ann@example.org --to bob@example.net")
    run("%smtp mail ann@example.org;\n%smtp rcpt bob@example.net")
    run(f"%%smtp data\n{eml.read_bytes().decode().replace(chr(13), '')}")
    assert len(sandbox.inbox()) == 2
    _all_verify(sandbox)


def test_by_the_command_line(eml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(tls="none") as sandbox:
        words = ["--server", "127.0.0.1", "--port", str(sandbox.port), "-ha"]
        words += ["--from", "ann@example.org", "--to", "bob@example.net"]
        assert main([*words, "--data", f"@{eml}"]) == 0
        with eml.open("rb") as file:
            typed = type("Typed", (), {"buffer": file})
            monkeypatch.setattr(sys, "stdin", typed)
            assert main([*words, "--data", "-", "-ndf"]) == 0
        assert len(sandbox.inbox()) == 2
        _all_verify(sandbox)
