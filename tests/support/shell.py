"""Fixtures of a real IPython shell with the magics loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from smtpnb.notebook.magics import load, unload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def one_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    patch = pytest.MonkeyPatch()
    patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    shell: Any = InteractiveShell.instance()
    shell.history_manager.enabled = False
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()
    patch.undo()


@pytest.fixture
def shell(one_shell: InteractiveShell) -> Iterator[InteractiveShell]:
    before = set(one_shell.user_ns)
    load(one_shell)
    yield one_shell
    unload(one_shell)
    for name in set(one_shell.user_ns) - before:
        del one_shell.user_ns[name]


@pytest.fixture
def run(shell: Any) -> Callable[[str], Any]:
    def run_cell(text: str) -> Any:
        result = shell.run_cell(text)
        result.raise_error()
        return result.result

    return run_cell
