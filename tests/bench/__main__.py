"""Print every table, with the date and the machine."""

from __future__ import annotations

import datetime as dt
import os
import platform

from tests.bench import cancel, imports, recording, sessions


def main() -> None:
    """Run all benchmarks."""
    today = dt.datetime.now(dt.UTC).date()
    python = platform.python_version()
    print(f"{today}, Python {python}, {platform.system()}, {os.cpu_count()} cores")
    for part in (sessions, cancel, recording, imports):
        part.main()


if __name__ == "__main__":
    main()
