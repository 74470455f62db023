"""What a page says of four real servers is what lint says of their transcripts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from smtpnb import load
from smtpnb.analysis import lint

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "notebooks" / "data"
SERVERS: Final = ("postfix", "dovecot", "smtp-sink", "aiosmtpd")


@pytest.mark.parametrize("server", SERVERS)
def test_the_page_counts_the_findings_as_lint_does(server: str) -> None:
    found = lint(load(DATA / f"{server}.jsonl"))["verdict"].value_counts()
    numbers = [str(found.get(level, 0)) for level in ("FAIL", "WARN", "PASS")]
    page = (ROOT / "notebooks/questions.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(f"| {server} |")]
    assert [cell.strip() for cell in rows[0].split("|")[3:6]] == numbers


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_the_transcripts_know_nothing_of_the_machine_they_were_made_on(
    path: Path,
) -> None:
    events = load(path).events()
    assert set(events["host"].str.rpartition(".")[2]) == {"example"}
    assert set(events["peer_ip"].dropna()) == {"127.0.0.1"}
    assert not events["text"].str.contains("/(?:home|root|tmp|work)/", na=False).any()
