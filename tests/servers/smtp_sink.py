"""Postfix's smtp-sink: takes everything, keeps nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_sink(command: str, *options: str) -> Iterator[int]:
    """Run smtp-sink and give its port.

    Args:
        command: The path of `smtp-sink`.
        options: More options, such as "-f", "rcpt".
    """
    port = free_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    where = (f"inet:127.0.0.1:{port}", "16")
    with running([command, *user, "-h", "sink.test", *options, *where], port):
        yield port
