"""Tools that a test needs and pip cannot bring: named, and never silently missing."""

from __future__ import annotations

import os
import shutil

import pytest

_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def require_tool(name: str) -> str:
    """Return the path of a program; skip the test without it, and fail in CI."""
    path = shutil.which(name, path=_PLACES)
    if path is None:
        missing = f"{name} is not installed (.ci/run installs it)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
