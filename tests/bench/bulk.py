"""One message of 100 MB from a file: by DATA beside its peers, by BDAT, and under TLS.

The limit for DATA is a bare `sendall` of octets that are ready in memory, dots doubled
and all; for BDAT a bare loop of `sendfile`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from smtpnb import MailObject
from tests.bench.bare import BareSession
from tests.bench.clients import connected, curl_once, missing
from tests.bench.one_large import CLIENTS, FROM, IN_TLS, TO
from tests.bench.sink import csink
from tests.bench.table import (
    HEADER,
    Aim,
    Goal,
    absent,
    compared,
    interleaved,
    ratios,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 100_000_000
BDAT_ROUNDS = 15
TLS_ROUNDS = 7
_HEADER = ("", "MB/s", *HEADER)
_BDAT_AIMS = {"bare sendfile": Aim(0.8)}
_TEXT = b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz "
# Of each kind of line the line, and how many rounds: some peers take seconds for one.
_PLAIN = _TEXT[:76] + b"\r\n"
_KINDS = {
    "plain lines": (_PLAIN, 5),
    "every line dotted": (b"." + _TEXT[:75] + b"\r\n", 3),
}


@contextmanager
def _file(line: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "message.eml")
        path.write_bytes(line * (SIZE // len(line)))
        yield path


def by_data() -> list[Goal]:
    """Print the tables of DATA, plain and dotted."""
    gone = missing()
    names = [name for name in CLIENTS if name not in gone]
    goals = []
    for kind, (line, rounds) in _KINDS.items():
        growth: dict[str, list[float]] = {name: [] for name in names}
        runs: dict[str, Callable[[], float]]
        with csink("-C") as sink, _file(line) as path:
            runs = {n: partial(_apart, n, sink.port, path, growth[n]) for n in names}
            if "curl" not in gone:
                runs["curl"] = partial(_curl, sink.port, path)
            samples = interleaved(runs, rounds)
        rows = compared(samples, "{:,.0f}".format, {})
        grown = {n: statistics.median(values) for n, values in growth.items()}
        rows = [
            (*row, f"{grown[row[0]]:.1f}" if row[0] in grown else "-") for row in rows
        ]
        header = (*_HEADER, "growth, MB")
        show(
            f"{SIZE / 1e6:.0f} MB by DATA from a file, {kind}; on csink (median of "
            f"{rounds} pairs, each in a process of its own; growth: peak RSS)",
            header,
            rows + absent(gone, len(header)),
        )
        for name, aim in (("smtpnb", 3), ("smtpnb, no numpy", 4)):
            times = ratios(samples["bare sendall"], samples[name])
            what = f"100 MB DATA, {kind}, {name}: time / sendall"
            aimed = aim if kind == "plain lines" else None
            goals.append(Goal(what, "", times, aimed, most=True))
        what = f"100 MB DATA, {kind}: memory, MB"
        goals.append(Goal(what, "", growth["smtpnb"], 4, most=True))
    return goals


def in_tls() -> list[Goal]:
    """Print the table of BDAT and DATA under STARTTLS."""
    growth: list[float] = []
    with csink(tls=True) as sink, _file(_PLAIN) as path:
        runs = {
            name: partial(_apart, name, sink.port, path, growth, sink.ca)
            for name in IN_TLS
        }
        samples = interleaved(runs, TLS_ROUNDS)
    rows = [
        (name, f"{statistics.median(values):,.0f}") for name, values in samples.items()
    ]
    show(
        f"{SIZE / 1e6:.0f} MB under STARTTLS from a file; on csink (median of "
        f"{TLS_ROUNDS} pairs, each in a process of its own)",
        ("", "MB/s"),
        rows,
    )
    times = ratios(samples["DATA"], samples["BDAT"])
    what = "100 MB under STARTTLS, time of BDAT / DATA"
    return [Goal(what, "", times, 1, most=True)]


def _apart(name: str, port: int, path: Path, growth: list[float], *more: str) -> float:
    """Return the MB/s of a client in a process of its own."""
    program = [sys.executable, "-m", "tests.bench.one_large"]
    command = [*program, name, str(port), str(path), *more]
    done = subprocess.run(command, check=True, capture_output=True, timeout=300)
    said: dict[str, Any] = json.loads(done.stdout)
    growth.append(said["growth"])
    return SIZE / 1e6 / float(said["seconds"])


def _curl(port: int, path: Path) -> float:
    return SIZE / 1e6 / curl_once(port, (TO,), path)


def by_bdat() -> None:
    """Print the table of BDAT."""
    with csink() as sink, _file(_PLAIN) as path:
        runs = {
            "smtpnb": partial(_smtpnb_bdat, sink.port, path),
            "bare sendfile": partial(_bare_bdat, sink.port, path),
        }
        samples = interleaved(runs, BDAT_ROUNDS)
    rows = compared(samples, "{:,.0f}".format, _BDAT_AIMS)
    show(
        f"{SIZE / 1e6:.0f} MB by BDAT from a file; on csink (median of {BDAT_ROUNDS} "
        "pairs)",
        _HEADER,
        rows,
    )


def _smtpnb_bdat(port: int, path: Path) -> float:
    with connected(port, chunking=True) as client, path.open("rb") as file:
        started = time.perf_counter()
        delivery = client.send(MailObject(FROM, TO, file, crlf=True))
        spent = time.perf_counter() - started
        assert delivery.ok
    return SIZE / 1e6 / spent


def _bare_bdat(port: int, path: Path) -> float:
    size = path.stat().st_size
    with BareSession(port) as session, path.open("rb") as file:
        started = time.perf_counter()
        session.open(FROM, TO, f"BDAT {size} LAST")
        at = 0
        while at < size:
            at += os.sendfile(session.sock.fileno(), file.fileno(), at, size - at)
        session.replies(1)
        return SIZE / 1e6 / (time.perf_counter() - started)
