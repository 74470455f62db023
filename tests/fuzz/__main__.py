"""`make fuzz`: atheris thinks up what a server may say, guided by what the code does.

    python -m tests.fuzz --seconds 600 --folder .fuzz

What reached new code is kept in FOLDER/corpus and is where the next run starts; what
broke something is kept in FOLDER/crash-*. A crash, a leak of the secret, a hang of five
seconds and more than 1 GB of memory all end the run with an exit code that is not 0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["smtpnb", "tests.fuzz.received"]):
    from tests.fuzz.received import received_side

from tests.fuzz.seeds import WORDS, seeds


def main() -> None:
    """Fuzz; never returns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"))
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    given = parser.parse_args()
    corpus, start = given.folder / "corpus", given.folder / "seeds"
    for folder in (corpus, start):
        folder.mkdir(parents=True, exist_ok=True)
    for n, octets in enumerate(seeds().values()):
        (start / f"{n:03}").write_bytes(octets)
    words = given.folder / "words"
    hexes = ("".join(f"\\x{octet:02x}" for octet in word) for word in WORDS)
    words.write_text("".join(f'"{word}"\n' for word in hexes))
    options = [
        sys.argv[0],
        f"-max_total_time={given.seconds}",
        f"-seed={given.seed}",
        f"-dict={words}",
        f"-artifact_prefix={given.folder}/",
        *("-max_len=2048", "-timeout=5", "-rss_limit_mb=1024"),
        *(str(corpus), str(start)),
    ]
    atheris.Setup(options, received_side)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
