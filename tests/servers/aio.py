"""aiosmtpd as it comes from PyPI, none of ours inside."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_aiosmtpd() -> Iterator[int]:
    """Run aiosmtpd's own command with its Sink and give its port."""
    port = free_port()
    program = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink"]
    with running([*program, "-l", f"127.0.0.1:{port}"], port):
        yield port
