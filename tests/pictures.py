"""Draws and keeps the pictures of the pages: `make pictures`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image

from smtpnb import load
from smtpnb.analysis import compare, plot_compare
from smtpnb.analysis.figure import DPI

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
# Of those that the browser took, what notebooks/pictures.md shows.
KEPT: Final = (
    *("help-900-light", "ehlo-900-dark", "starttls-900-light", "refusal-900-light"),
    *("send-900-light", "send-400-dark", "pasted-900-dark", "frame-1280-light"),
    *("explain-900-dark", "panel-1280-light", "panel-900-dark", "panel-400-light"),
)
COLOURS: Final = 64  # enough for words on a ground; half of the octets


def main(taken: Path) -> None:
    """Draw what changed between the two days that `make capture` recorded.

    Args:
        taken: The folder of what the browser took.
    """
    monday, tuesday = (
        load(NOTEBOOKS / "data" / f"{day}.parquet") for day in ("monday", "tuesday")
    )
    figure = plot_compare(compare(monday, tuesday), "monday", "tuesday")
    figure.savefig(NOTEBOOKS / "img" / "compare.png", dpi=DPI)
    keep(taken)


def keep(taken: Path) -> None:
    """Copy the pictures of the page, in few colours."""
    for name in KEPT:
        with Image.open(taken / f"{name}.png") as picture:
            small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
            small.save(NOTEBOOKS / "img" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
