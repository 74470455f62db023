"""The README's lines for a real server, word for word, against a real Postfix.

Its address takes the place of mail.example.org, and its authority that of the world's.
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.dovecot_auth import PASSWORD
from tests.support.pages import README, blocks, section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.postfix import Postfix

pytestmark = pytest.mark.servers


@pytest.fixture
def asked(
    submission: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A reader who trusts that server, and types the password when asked."""
    (tmp_path / "ca.pem").write_text(submission.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    asked: list[str] = []

    def typed(prompt: str = "Password: ", *_: Any) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr(getpass, "getpass", typed)
    return asked


def test_ten_lines_with_tls_auth_and_explain(
    submission: Postfix, asked: list[str], run: Callable[[str], Any], shell: Any
) -> None:
    before = len(submission.delivered(0))
    text = section(README, "Ten lines, a real server")
    told = f"{submission.host}:{submission.port}"
    cells = [
        block.replace("mail.example.org:587", told).replace("%load_ext smtpnb\n", "")
        for block in blocks(text)
    ]
    explained, recipient, reply, transcript = [run(cell) for cell in cells]
    assert "AUTH first" in str(explained)
    assert "AUTH first" in text  # what the README says that it says
    assert recipient.code == 250
    assert reply.code == 250
    assert len(asked) == 1
    dialogue = str(transcript)
    for said in ("TLS started", "554 5.7.1", "235 2.7.0", "221 2.0.0"):
        assert said in dialogue
    assert PASSWORD not in dialogue
    stored = submission.delivered(before + 1)
    assert any(b"Subject: hello\n\nfrom a cell\n" in each for each in stored)
    shell.run_cell("%smtp disconnect")


def test_the_same_in_python(submission: Postfix, asked: list[str]) -> None:
    before = len(submission.delivered(0))
    (code,) = blocks(section(README, "The same in Python"))
    told = f'"{submission.host}", {submission.port}'
    ran: dict[str, Any] = {}
    exec(code.replace('"mail.example.org", 587', told), ran)
    assert ran["delivery"].outcome == "accepted"
    assert len(asked) == 1
    stored = submission.delivered(before + 1)
    assert any(b"Subject: hello\n\nfrom Python\n" in each for each in stored)
