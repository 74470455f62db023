from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.support.shell"]

# No deadline: two cores are shared. No database in CI: nothing to keep it in.
_quiet = [HealthCheck.too_slow]
settings.register_profile(
    "dev",
    deadline=None,
    print_blob=True,
    max_examples=100,
    suppress_health_check=_quiet,
)
settings.register_profile(
    "ci", settings.get_profile("dev"), database=None, derandomize=True
)
settings.load_profile("ci" if "CI" in os.environ else "dev")


def pytest_configure() -> None:
    """End at SIGTERM as at Ctrl-C: the servers that the tests started are stopped."""

    def end(*_: object) -> None:
        pytest.exit("SIGTERM")

    signal.signal(signal.SIGTERM, end)


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, as in a kernel, whoever started the tests.

    A shell starts what it puts in the background with SIGINT ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
