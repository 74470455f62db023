"""What `from smtpnb import SmtpClient` and `%load_ext smtpnb` cost.

The first beside `import smtplib`, each in a fresh interpreter and above an empty one;
the second above an IPython that runs already, in a fresh process each time.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory

from tests.bench.table import Samples, at_most, interleaved, ratios, show

ROUNDS = 25
_CASES = {
    "empty": "pass",
    "smtplib": "import smtplib",
    "smtpnb": "from smtpnb import SmtpClient",
}
_RATIO = 1.2
LOAD_ROUNDS = 9
_LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.process_time()
shell.run_line_magic("load_ext", "smtpnb")
print((time.process_time() - started) * 1e3)
"""
_LOAD_MS = 150


def main() -> None:
    """Print both tables."""
    runs = {name: partial(_python, code) for name, code in _CASES.items()}
    samples = interleaved(runs, ROUNDS)
    ours, theirs = _above(samples, "smtpnb"), _above(samples, "smtplib")
    ratio = statistics.median(ratios(ours, theirs))
    cells = [f"{statistics.median(values):.1f}" for values in (ours, theirs)]
    show(
        f"Importing, above an empty interpreter (median of {ROUNDS}, interleaved)",
        ("", "smtpnb", "smtplib", "ratio", "aim", ""),
        [("CPU ms", *cells, f"{ratio:.2f}", *at_most(ratio, _RATIO, "times"))],
    )
    spent = statistics.median(_load() for _ in range(LOAD_ROUNDS))
    show(
        f"%load_ext smtpnb, above a running IPython (median of {LOAD_ROUNDS})",
        ("", "smtpnb", "aim", ""),
        [("CPU ms", f"{spent:.0f}", *at_most(spent, _LOAD_MS, "ms"))],
    )


def _python(code: str) -> float:
    """Return seconds of CPU, which other work on the machine hardly touches."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _above(samples: Samples, name: str) -> list[float]:
    """Return milliseconds above those of an empty interpreter."""
    empty = statistics.median(samples["empty"])
    return [(value - empty) * 1e3 for value in samples[name]]


def _load() -> float:
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _LOAD],
            check=True,
            capture_output=True,
            env={**os.environ, "IPYTHONDIR": folder},
        )
    return float(done.stdout.split()[-1])
