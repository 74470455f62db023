"""How well `classify` agrees with labels that others gave: a measure, not a test.

    python -m tests.bench.agreement FOLDER [even|odd|all]

FOLDER holds `labelled.csv` (reply, label, source), which is no part of the project.
What the labels mean stands in `tests.support.labels`. Rules are tuned by the even rows
only; the odd ones are for a last look. A disputed label is listed, and counted.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from smtpnb.analysis import classify
from smtpnb.analysis.replies.permanence import FOR_GOOD, FOR_NOW, FOR_THIS_MESSAGE
from tests.support.labels import meaning

if TYPE_CHECKING:
    import pandas as pd


def wrong_permanence(label: str, reply: str, found: str) -> bool:
    """Return whether what was found says the opposite of the label."""
    wanted = meaning(label).permanence
    if wanted == "now":
        return found == FOR_GOOD
    if wanted == "good":
        return found in {FOR_NOW, FOR_THIS_MESSAGE}
    return wanted == "code" and reply[0] == "5" and found == FOR_THIS_MESSAGE


def main(folder: str, part: str = "even") -> None:
    """Print the shares of right classes, no reason, wrong permanence; and which."""
    with (Path(folder) / "labelled.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = {"even": rows[::2], "odd": rows[1::2], "all": rows}[part]
    frame: pd.DataFrame = classify([row["reply"] for row in rows])
    given = frame[["retry_class", "reason", "permanence", "evidence"]].astype(object)
    counts: dict[str, Counter[str]] = {}
    for row, found in zip(rows, given.itertuples(index=False), strict=True):
        retry_class, reason, how, evidence = found
        right = retry_class in meaning(row["label"]).classes
        against = wrong_permanence(row["label"], row["reply"], how)
        for name in (row["source"], "all"):
            counts.setdefault(name, Counter()).update(
                n=1, right=right, undefined=reason == "undefined", against=against
            )
        if not right or against or reason == "undefined":
            marks = f"{'' if right else 'CLASS '}{'PERMANENCE' if against else ''}"
            print(
                f"{marks or 'undefined'}: {row['label']} is {retry_class}/{reason}/"
                f"{how} [{evidence}] {row['reply'][:150]}"
            )
    heads = f"{'source':<20}{'n':>5}{'right':>8}{'undefined':>11}{'permanence':>12}"
    print("", heads, sep="\n")
    for name, of in sorted(counts.items(), key=lambda one: one[0] == "all"):
        shares = [of[key] / of["n"] for key in ("right", "undefined", "against")]
        print(
            f"{name:<20}{of['n']:>5}{shares[0]:>8.1%}{shares[1]:>11.1%}"
            f"{shares[2]:>12.1%}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:3])
