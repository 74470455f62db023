"""How messages may leave: PIPELINING and CHUNKING offered or not, and overlap."""

from __future__ import annotations

import pytest

WAYS = [
    pytest.param(True, True, None, id="two turns, BDAT"),
    pytest.param(True, False, None, id="two turns, DATA"),
    pytest.param(True, True, "window", id="window"),
    pytest.param(True, False, "turn", id="turn"),
    pytest.param(False, False, None, id="lock-step"),
    pytest.param(False, True, None, id="lock-step, BDAT"),
]
