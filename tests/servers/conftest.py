from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.servers.postfix import Postfix, running_postfix
from tests.support.tools import do_without, require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    command = require_tool("postfix")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    with running_postfix(command) as server:
        yield server
