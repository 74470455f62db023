"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import smtpnb

HOUSE = Path(smtpnb.__file__).parent
CORE = (
    *("edges", "protocol", "message", "wire", "transfer"),
    *("transcript", "dialogues", "analysis"),
    *("client.py", "connection.py"),
)
# Names whose call waits: for time, a descriptor, a lock or a thread.
BLOCKING = {"sleep", "select", "poll", "epoll", "kqueue", "join", "wait", "sendall"}
MODULES = sorted(HOUSE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def _calls(tree: ast.AST) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and not isinstance(node.func.value, ast.Constant)  # "".join(...)
    }


# A server and a notebook may wait; nothing else may.
@pytest.mark.parametrize(
    "path", [path for path in MODULES if _name(path).split("/")[0] in CORE], ids=_name
)
def test_only_the_driver_waits(path: Path) -> None:
    waits = _calls(ast.parse(path.read_text())) & BLOCKING
    assert bool(waits) == (_name(path) == "wire/drive.py"), waits


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_every_public_name_can_be_had() -> None:
    for name in smtpnb.__all__:
        assert getattr(smtpnb, name) is not None
    assert set(smtpnb.__all__) <= set(dir(smtpnb))
