"""`make mutants`: run the tests against each variant; every one must be noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.variants import VARIANTS, Variant

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240


def killed(variant: Variant) -> bool:
    """Tell whether the tests fail for a variant, in a copy of the project."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("smtpnb", "tests"):
            shutil.copytree(
                ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", copy)
        source = copy / "smtpnb" / variant.file
        text = source.read_text()
        if text.count(variant.was) != 1:
            raise SystemExit(
                f"{variant.name}: {variant.file} says it no more, or twice"
            )
        source.write_text(text.replace(variant.was, variant.becomes))
        words = variant.tests.replace("_or_", " or ").split(" -k ")
        command = [sys.executable, "-m", "pytest", "-q", "-x", *words[0].split()]
        command += ["-k", words[1]] if len(words) > 1 else []
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
    # 1: some test failed. Anything else (no test ran, a broken variant) is no proof.
    if run.returncode not in (0, 1):
        raise SystemExit(f"{variant.name}: pytest said\n{run.stdout}{run.stderr}")
    return run.returncode == 1


def main() -> None:
    """Print a line for each variant; exit with 1 if one was not noticed."""
    survivors = 0
    for variant in VARIANTS:
        dead = killed(variant)
        survivors += not dead
        print("killed  " if dead else "SURVIVED", variant.name, flush=True)
    print(f"{len(VARIANTS) - survivors} of {len(VARIANTS)} killed")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
