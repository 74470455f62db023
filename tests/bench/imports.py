"""What `from smtpnb import SmtpClient` and `%load_ext smtpnb` cost.

The first beside `import smtplib`, each in a fresh interpreter and above an empty one;
the second above an IPython that runs already, in a fresh process each time. Compiled
modules are there, as after an installation, whatever the environment says of them.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.table import Samples, at_most, interleaved, ratios, show

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    with TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPYCACHEPREFIX": folder,
            "IPYTHONDIR": folder,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for code in (*_CASES.values(), _LOAD):
            _python(code, environment)  # compiles
        _imports(environment)
        _load(environment)


def _imports(environment: Mapping[str, str]) -> None:
    runs = {name: partial(_cpu, code, environment) for name, code in _CASES.items()}
    samples = interleaved(runs, ROUNDS)
    ours, theirs = _above(samples, "smtpnb"), _above(samples, "smtplib")
    ratio = statistics.median(ratios(ours, theirs))
    cells = [f"{statistics.median(values):.1f}" for values in (ours, theirs)]
    show(
        f"Importing, above an empty interpreter (median of {ROUNDS}, interleaved)",
        ("", "smtpnb", "smtplib", "ratio", "aim", ""),
        [("CPU ms", *cells, f"{ratio:.2f}", *at_most(ratio, _RATIO, "times"))],
    )


def _load(environment: Mapping[str, str]) -> None:
    runs = [_python(_LOAD, environment) for _ in range(LOAD_ROUNDS)]
    spent = statistics.median(float(said.split()[-1]) for said in runs)
    show(
        f"%load_ext smtpnb, above a running IPython (median of {LOAD_ROUNDS})",
        ("", "smtpnb", "aim", ""),
        [("CPU ms", f"{spent:.0f}", *at_most(spent, _LOAD_MS, "ms"))],
    )


def _python(code: str, environment: Mapping[str, str]) -> bytes:
    """Run code in a fresh interpreter; return what it printed."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    return done.stdout


def _cpu(code: str, environment: Mapping[str, str]) -> float:
    """Return seconds of CPU, which other work on the machine hardly touches."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(code, environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _above(samples: Samples, name: str) -> list[float]:
    """Return milliseconds above those of an empty interpreter."""
    empty = statistics.median(samples["empty"])
    return [(value - empty) * 1e3 for value in samples[name]]
