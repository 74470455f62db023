"""What the beginning costs: importing, the first connection, and `%load_ext smtpnb`.

The first two beside smtplib, each in a fresh interpreter and above an empty one; the
last above an IPython that runs already, in a fresh process each time. Compiled modules
are there, as after an installation, whatever the environment says of them.
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

from tests.bench.sink import csink
from tests.bench.table import Goal, Samples, at_most, interleaved, ratios, show

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDS = 25
_CASES = {
    "empty": "pass",
    "smtplib": "import smtplib",
    "smtpnb": "from smtpnb import SmtpClient",
}
_RATIO = 1.1
# In clear: nothing of TLS has to be ready.
_CONNECT = {
    "empty": "pass",
    "smtplib": "import smtplib; smtplib.SMTP('127.0.0.1', {port}, timeout=60).quit()",
    "smtpnb": "from smtpnb import SmtpClient; c = SmtpClient(); "
    "c.connect('127.0.0.1', {port}); c.quit()",
}
_CONNECT_RATIO = 1.1
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


def main() -> list[Goal]:
    """Print the tables."""
    with TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPYCACHEPREFIX": folder,
            "IPYTHONDIR": folder,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for code in (*_CASES.values(), _LOAD):
            _python(code, environment)  # compiles
        with csink() as sink:
            first = {n: code.format(port=sink.port) for n, code in _CONNECT.items()}
            for code in first.values():
                _python(code, environment)
            goals = [
                _beginning("import, CPU x smtplib's", _CASES, _RATIO, environment),
                _beginning(
                    "import and first connect in clear, CPU x smtplib's",
                    *(first, _CONNECT_RATIO, environment),
                ),
            ]
        _load(environment)
    return goals


def _beginning(
    what: str, cases: Mapping[str, str], aim: float, environment: Mapping[str, str]
) -> Goal:
    runs = {name: partial(_cpu, code, environment) for name, code in cases.items()}
    samples = interleaved(runs, ROUNDS)
    ours, theirs = _above(samples, "smtpnb"), _above(samples, "smtplib")
    ratio = ratios(ours, theirs)
    cells = [f"{statistics.median(values):.1f}" for values in (ours, theirs)]
    show(
        f"{what}, above an empty interpreter (median of {ROUNDS}, interleaved)",
        ("", "smtpnb", "smtplib", "ratio"),
        [("CPU ms", *cells, f"{statistics.median(ratio):.2f}")],
    )
    return Goal(what, "", ratio, aim, most=True)


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
