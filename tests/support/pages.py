"""What stands in the pages: sections, blocks of code, links, `%smtp` lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
PAGES: Final = (README, *sorted((ROOT / "notebooks").glob("*.md")))

_BLOCK: Final = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


def section(path: Path, head: str) -> str:
    """Return what stands between a head and the next one."""
    _, found, rest = path.read_text().partition(f"\n## {head}\n")
    assert found, f"{path.name} has no section {head!r}"
    return rest.partition("\n## ")[0]


def blocks(text: str) -> list[str]:
    """Return the blocks of code, as one would paste them into cells."""
    return [found.removesuffix("\n") for found in _BLOCK.findall(text)]


def links(path: Path) -> list[tuple[bool, str]]:
    """Return the links: whether it is a picture, and where it leads."""
    return [(bool(mark), target) for mark, target in _LINK.findall(path.read_text())]


def magics(path: Path) -> list[str]:
    """Return each `%smtp` or `%%smtp` line, in blocks and in backquotes."""
    text = path.read_text()
    code = [line for block in blocks(text) for line in block.split("\n")]
    code += re.findall(r"`(%%?smtp[^`]*)`", _BLOCK.sub("", text))
    return [line for line in code if line.startswith(("%smtp", "%%smtp"))]
