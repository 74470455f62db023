"""The sink of the tests as a program: it takes csink's options, and its XSTAT.

python -m tests.bench.python_sink -p PORT [-C] [-P]
"""

from __future__ import annotations

import argparse
import threading

from tests.support.sink import Sink


def main() -> None:
    """Serve until this process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", type=int, required=True)
    parser.add_argument("-C", action="store_true")
    parser.add_argument("-P", action="store_true")
    given = parser.parse_args()
    with Sink(port=given.p, chunking=not given.C, pipelining=not given.P, keeps=False):
        threading.Event().wait()


if __name__ == "__main__":
    main()
