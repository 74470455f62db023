"""What `from smtpnb import SmtpClient` costs beside `import smtplib`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tests.bench.table import show

ROUNDS = 25
_CASES = {
    "empty": "pass",
    "smtplib": "import smtplib",
    "smtpnb": "from smtpnb import SmtpClient",
}


def main() -> None:
    """Print milliseconds over an empty interpreter, and the ratio."""
    times: dict[str, list[float]] = {name: [] for name in _CASES}
    for _ in range(ROUNDS):
        for name, code in _CASES.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - started)
    empty = statistics.median(times["empty"])
    cost = {name: statistics.median(values) - empty for name, values in times.items()}
    show(
        f"Importing, over an empty interpreter (median of {ROUNDS}, interleaved)",
        ("", "smtpnb", "smtplib", "ratio"),
        [
            (
                "ms",
                f"{cost['smtpnb'] * 1e3:.1f}",
                f"{cost['smtplib'] * 1e3:.1f}",
                f"{cost['smtpnb'] / cost['smtplib']:.2f}",
            )
        ],
    )
