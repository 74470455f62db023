"""Draws the picture of the README that comes from data: `make pictures`."""

from __future__ import annotations

from pathlib import Path

from smtpnb import load
from smtpnb.analysis import compare, plot_compare
from smtpnb.analysis.figure import DPI

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def main() -> None:
    """Draw what changed between the two days that `make capture` recorded."""
    monday, tuesday = (
        load(NOTEBOOKS / "data" / f"{day}.parquet") for day in ("monday", "tuesday")
    )
    figure = plot_compare(compare(monday, tuesday), "monday", "tuesday")
    figure.savefig(NOTEBOOKS / "img" / "compare.png", dpi=DPI)


if __name__ == "__main__":
    main()
