"""Tools that a test needs and pip cannot bring: named, and never silently missing."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

_MORE = ("/usr/sbin", "/sbin", "/usr/lib/dovecot")
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), *_MORE])


def require_tool(name: str) -> str:
    """Return the path of a program; skip the test without it, and fail in CI."""
    path = shutil.which(name, path=_PLACES)
    if path is None:
        do_without(f"{name} is not installed (.ci/run installs it)")
    return path


def do_without(missing: str) -> NoReturn:
    """Skip the test on a user's machine, saying what is missing; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
