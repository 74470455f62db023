"""`make mutants`: run the tests against each mutant; every one must be noticed.

python -m tests.mutants                     all of them
python -m tests.mutants dot RSET            those with one of these words in their name
python -m tests.mutants --show dot          what they change, without a run
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import NotFoundError, make

if TYPE_CHECKING:
    from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240


class NoProofError(Exception):
    """The tests of a mutant did not run."""


def killed(mutant: Mutant) -> bool:
    """Tell whether the tests fail for a mutant, in a copy of the project.

    Raises:
        NotFoundError: It cannot be made.
        NoProofError: No test ran.
    """
    made = make(mutant)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("smtpnb", "tests"):
            shutil.copytree(
                ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "smtpnb" / made.file).write_text(made.source)
        command = [sys.executable, "-m", "pytest", "-q", "-x", *mutant.tests.split()]
        command += ["-k", mutant.expression] if mutant.expression else []
        command += ["-p", "no:cacheprovider", "-o", "timeout=20"]
        run = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "CI": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    # 1: some test failed. Anything else (no test ran, a broken mutant) is no proof.
    if run.returncode not in (0, 1):
        raise NoProofError(f"{mutant.name}: pytest said\n{run.stdout}{run.stderr}")
    return run.returncode == 1


def main() -> None:
    """Print a line for each mutant; exit with 1 if one was not noticed or made."""
    words = [word for word in sys.argv[1:] if word != "--show"]
    chosen = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    bad = 0
    for mutant in chosen:
        try:
            if "--show" in sys.argv:
                print(make(mutant).change, "\n")
                continue
            dead = killed(mutant)
        except (NotFoundError, NoProofError) as error:
            dead = False
            print(f"NO PROOF {error}", flush=True)
        else:
            print("killed  " if dead else "SURVIVED", mutant.name, flush=True)
        bad += not dead
    if "--show" not in sys.argv:
        print(f"{len(chosen) - bad} of {len(chosen)} killed")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
