"""One large message by one client, in a process of its own: seconds and memory.

    python -m tests.bench.one_large CLIENT PORT FILE [CA]

Timed is all between EHLO and the final reply. Growth is the peak of what the process
held in memory meanwhile, above what it held after a first, small message. It is told by
/proc and therefore only on Linux.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.bare import BareSession
from tests.bench.clients import aiosmtplib_client, connected
from tests.bench.loads import NAME, messages
from tests.bench.sink import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

_STATUS = Path("/proc/self/status")
FROM, TO = f"a@{NAME}", f"b@{NAME}"
MESSAGE = messages(1, 1)[0].content


def _kilobytes(name: str) -> int:
    if not _STATUS.exists():
        return 0
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


class Watch:
    """Measures what runs between `start` and `stop`."""

    def start(self) -> None:
        if _STATUS.exists():
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        self._held = _kilobytes("VmRSS")
        self._started = time.perf_counter()

    def stop(self) -> None:
        spent = time.perf_counter() - self._started
        growth = (_kilobytes("VmHWM") - self._held) / 1024
        print(json.dumps({"seconds": spent, "growth": growth}))


def _in_notebook(port: int, path: Path, watch: Watch) -> None:
    import_module("numpy")  # every notebook has it; pandas needs it
    _smtpnb(port, path, watch)


def _smtpnb(
    port: int, path: Path, watch: Watch, *, chunking: bool = False, ca: str = ""
) -> None:
    with (
        connected(port, chunking=chunking, ca=ca) as client,
        path.open("rb") as file,
    ):
        client.send(MESSAGE, FROM, TO)
        watch.start()
        delivery = client.send(file, FROM, TO)
        watch.stop()
        assert delivery.ok


def _by_bdat_in_tls(port: int, path: Path, watch: Watch, ca: str) -> None:
    import_module("numpy")
    _smtpnb(port, path, watch, chunking=True, ca=ca)


def _by_data_in_tls(port: int, path: Path, watch: Watch, ca: str) -> None:
    import_module("numpy")
    _smtpnb(port, path, watch, ca=ca)


def _smtplib(port: int, path: Path, watch: Watch) -> None:
    with smtplib.SMTP(HOST, port, local_hostname=NAME) as client:
        client.sendmail(FROM, TO, MESSAGE)
        watch.start()
        client.sendmail(FROM, TO, path.read_bytes())
        watch.stop()


def _aiosmtplib(port: int, path: Path, watch: Watch) -> None:
    async def send() -> None:
        async with aiosmtplib_client(port) as client:
            client.timeout = 300
            await client.sendmail(FROM, TO, MESSAGE)
            watch.start()
            await client.sendmail(FROM, TO, path.read_bytes())  # noqa: ASYNC240  # so would a user
            watch.stop()

    asyncio.run(send())


def _sendall(port: int, path: Path, watch: Watch) -> None:
    """Send the octets as DATA wants them, ready in memory."""
    ready = path.read_bytes().replace(b"\r\n.", b"\r\n..")
    ready = b"." * ready.startswith(b".") + ready + b".\r\n"
    with BareSession(port) as session:
        watch.start()
        session.open(FROM, TO, "DATA")
        session.sock.sendall(ready)
        session.replies(1)
        watch.stop()


CLIENTS: dict[str, Callable[[int, Path, Watch], None]] = {
    "smtpnb": _in_notebook,
    "smtpnb, no numpy": _smtpnb,
    "smtplib": _smtplib,
    "aiosmtplib": _aiosmtplib,
    "bare sendall": _sendall,
}
IN_TLS: dict[str, Callable[[int, Path, Watch, str], None]] = {
    "BDAT": _by_bdat_in_tls,
    "DATA": _by_data_in_tls,
}


def main(arguments: list[Any]) -> None:
    """Run one client."""
    name, port, path, *ca = arguments
    if ca:
        IN_TLS[name](int(port), Path(path), Watch(), ca[0])
    else:
        CLIENTS[name](int(port), Path(path), Watch())


if __name__ == "__main__":
    main(sys.argv[1:])
