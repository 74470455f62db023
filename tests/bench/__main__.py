"""Print every table, or those that are named, with the date and the machine.

make bench
make bench ONLY="window link"
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import time
from pathlib import Path

from tests.bench import (
    bulk,
    cancel,
    imports,
    link,
    messages,
    recording,
    sessions,
    transcripts,
)

PARTS = {
    "messages": messages.one_recipient,
    "recipients": messages.many_recipients,
    "window": messages.window,
    "link": link.main,
    "bulk": bulk.by_data,
    "sendfile": bulk.by_bdat,
    "cancel": cancel.main,
    "recording": recording.main,
    "transcripts": transcripts.main,
    "imports": imports.main,
    "sessions": sessions.main,
}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def main() -> None:
    """Run the parts that the command line names, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(f"no part {sorted(unknown)}; there are: {' '.join(PARTS)}")
    started = time.monotonic()
    today = dt.datetime.now(dt.UTC).date()
    print(
        f"{today}, Python {platform.python_version()}, {platform.system()}, "
        f"{os.cpu_count()} cores, {_processor()}; loopback, transcript on"
    )
    for name in chosen:
        PARTS[name]()
    print(f"\n{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()
