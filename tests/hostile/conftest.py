"""Accounts for every hostile case, and prints the table at the end of the run."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.leaks import no_leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_MEMORY = 8 * 1024 * 1024  # the first promise


@dataclass
class Account:
    """What one class of cases came to."""

    total: int = 0
    passed: int = 0
    slowest_s: float = 0.0
    peak_octets: int = 0
    cancels_s: list[float] = field(default_factory=list)


_ACCOUNTS: dict[str, Account] = defaultdict(Account)
_FIGURES: list[str] = []


class Trial:
    """One case under way."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def cancelled(self, seconds: float) -> None:
        """Note how long a call went on after cancel()."""
        self._account.cancels_s.append(seconds)


@pytest.fixture(scope="session", autouse=True)
def quick_collections() -> Iterator[None]:
    """Leave what was there before out of the many collections to come."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Have a line printed below the table."""
    return _FIGURES.append


@pytest.fixture
def trial() -> Callable[[str], Any]:
    """Run a block as a case of a class: no leak, no memory, and the time noted."""

    @contextmanager
    def begin(name: str, *, memory: bool = True) -> Iterator[Trial]:
        account = _ACCOUNTS[name]
        account.total += 1
        with no_leaks():
            if memory:
                tracemalloc.start()
            began = time.monotonic()
            try:
                yield Trial(account)
                took = time.monotonic() - began
                peak = tracemalloc.get_traced_memory()[1]  # 0 where it is not traced
            finally:
                tracemalloc.stop()
        assert peak < MAX_MEMORY
        account.slowest_s = max(account.slowest_s, took)
        account.peak_octets = max(account.peak_octets, peak)
        account.passed += 1

    return begin


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table: class, passed/total, slowest, peak memory, worst cancel."""
    if not _ACCOUNTS:
        return
    terminalreporter.section("hostile cases")
    terminalreporter.line(
        f"{'class':<26}{'passed':>12}{'slowest':>11}{'peak':>11}"
        f"{'p99 cancel':>12}{'worst':>10}"
    )
    for name, account in sorted(_ACCOUNTS.items()):
        cancels = sorted(account.cancels_s)
        cancel = f"{cancels[-1] * 1000:.1f} ms" if cancels else ""
        p99 = f"{cancels[len(cancels) * 99 // 100] * 1000:.1f} ms" if cancels else ""
        passed, peak = f"{account.passed}/{account.total}", account.peak_octets / 1e6
        terminalreporter.line(
            f"{name:<26}{passed:>12}{account.slowest_s:>9.2f} s{peak:>8.2f} MB"
            f"{p99:>12}{cancel:>10}"
        )
    for line in _FIGURES:
        terminalreporter.line(line)
