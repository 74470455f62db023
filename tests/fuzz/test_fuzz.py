"""The fuzzer's inputs without the fuzzer, and a short run of the fuzzer itself."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.received import received_side
from tests.fuzz.seeds import seeds
from tests.support.tools import do_without

HOUSE = Path(__file__).parents[2]
SECONDS = 5
SEEDS = seeds()


@pytest.mark.parametrize("name", SEEDS)
def test_an_input_that_is_known_is_read_as_promised(name: str) -> None:
    received_side(SEEDS[name])


def _has_wheels() -> bool:
    """As the marker of atheris in pyproject.toml says."""
    here = sys.platform, platform.machine(), sys.implementation.name
    return here == ("linux", "x86_64", "cpython") and sys.version_info < (3, 15)


def test_a_short_run_of_the_fuzzer_finds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not _has_wheels():
        pytest.skip("atheris has wheels for CPython 3.11 to 3.14 on Linux x86_64 only")
    if find_spec("atheris") is None:
        do_without("atheris is not installed (pip install -e '.[test]')")
    seed = "1" if "CI" in os.environ else "0"
    words = [sys.executable, "-m", "tests.fuzz", "--seconds", str(SECONDS)]
    run = subprocess.run(
        [*words, "--folder", str(tmp_path), "--seed", seed],
        cwd=HOUSE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        timeout=SECONDS + 60,
        check=False,
    )
    done = re.search(r"^Done (\d+) runs in (\d+) second", run.stdout, re.MULTILINE)
    covered = re.findall(r" cov: (\d+) ", run.stdout)
    assert run.returncode == 0, run.stdout[-4000:]
    assert done, run.stdout[-4000:]
    assert not list(tmp_path.glob("crash-*"))
    runs = int(done[1])
    with capsys.disabled():
        print(
            f"\natheris: {runs} runs in {done[2]} s, "
            f"{covered[-1]} places in the code reached, nothing found"
        )
    assert runs > len(SEEDS)  # it went beyond what it was given
    assert int(covered[-1]) > int(covered[0])
