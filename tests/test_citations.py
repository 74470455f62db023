"""Every section of an RFC that smtpnb cites is one that exists, by its title.

`citations.tsv` was made from the texts of the RFCs: number, section, title. Of those on
SMTP it has all sections, of others what is cited; who cites more reads it, and adds it.
"""

from __future__ import annotations

import re
from pathlib import Path

import smtpnb

HERE = Path(__file__).parent
HOUSE = Path(smtpnb.__file__).parent
NAME = r"(?:\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)\b"
# "RFC 5321 sections 3.8 and 4.2.3", "RFC 5321 3.5.2, 4.5.1", "RFC 8996 4, 5"
CITED = re.compile(
    rf"RFC (\d{{3,5}})(,? sections? | )({NAME}(?:(?:, | and | to ){NAME})*)"
)
JOINT = re.compile(r"""["']?\s*\n\s*(?:\#\s?|f?r?["'])?""")  # in code and in comments


def cited(text: str) -> set[tuple[str, str]]:
    """Return (RFC, section) of a text; "RFC 3461, 2852" cites no section."""
    flat = re.sub(r"\s+", " ", JOINT.sub(" ", text))
    return {
        (number, section)
        for number, how, sections in CITED.findall(flat)
        for section in re.findall(NAME, sections)
        if "section" in how or "." in section or len(section) < 3
    }


def test_sections_are_found_however_they_are_written() -> None:
    assert cited("(RFC 5321 sections 3.8 and 4.2.3)") == {
        ("5321", "3.8"),
        ("5321", "4.2.3"),
    }
    assert cited('"x (RFC 5321 "\n    "section 3.8)"') == {("5321", "3.8")}
    assert cited("# RFC 5321\n    # section 4.2") == {("5321", "4.2")}
    assert cited("RFC 8996 4, 5; RFC 3461, 2852") == {("8996", "4"), ("8996", "5")}
    assert cited("RFC 5802, 7677 and RFC 5321") == set()


def test_every_section_that_is_cited_exists() -> None:
    lines = (HERE / "citations.tsv").read_text().splitlines()
    known = {
        (number, section) for number, section, _ in (line.split("\t") for line in lines)
    }
    texts = [*HOUSE.rglob("*.py"), *(HOUSE.parent / "notebooks").glob("*.md")]
    found = {each for path in texts for each in cited(path.read_text())}
    assert found - known == set()
