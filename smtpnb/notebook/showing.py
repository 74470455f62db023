"""Every `%smtp` shows its answer, wherever it stands in a cell.

IPython shows the last expression of a cell and nothing else: a refusal in the middle of
a cell, in a loop or in a function would be silent. So each `%smtp` that stands as a
statement of its own, and that IPython will not show, is wrapped in `show(...)` before
the cell runs (`InteractiveShell.ast_transformers`). An assignment is no statement of
its own, and a `;` makes the magic return None: both stay silent.

This module knows nothing of what is shown.
"""

from __future__ import annotations

import ast
from traceback import walk_stack
from typing import Any, Final

from IPython.display import display

_RUNS: Final = {"run_line_magic", "run_cell_magic"}
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def show(value: Any) -> None:
    """Show the answer of a magic; None is no answer."""
    if value is not None:
        shows: Any = display  # IPython has no types for it
        shows(value)


class ShowEach(ast.NodeTransformer):
    """Wraps the magics of a cell that IPython does not show.

    Args:
        shell: Whose `ast_node_interactivity` says which statements IPython shows.
        name: Of the magic.
    """

    def __init__(self, shell: Any, name: str = "smtp") -> None:
        self._shell = shell
        self._name = name

    def visit_Module(self, module: ast.Module) -> ast.Module:  # ast's
        """Wrap what stands in one cell."""
        shown = self._shown(module.body)
        if shown is None:
            return module
        module.body = [
            statement if statement in shown else self.visit(statement)
            for statement in module.body
        ]
        return ast.fix_missing_locations(module)

    def rest_of_cell(self) -> None:
        """Wrap what follows in the cell that runs now, such as after `%load_ext`.

        IPython (7 to 9) compiles a cell a statement at a time, in `run_ast_nodes`: what
        has not run yet can still be changed. Within `%%time` it is one piece: there,
        and where nobody runs a cell, nothing happens.
        """
        for frame, _ in walk_stack(None):
            if frame.f_code.co_name == "run_ast_nodes":
                rest: list[ast.stmt] = frame.f_locals.get("nodelist", [])
                self.visit(ast.Module(rest, type_ignores=[]))
                return

    def _shown(self, body: list[ast.stmt]) -> list[ast.stmt] | None:
        """Return the statements that IPython shows; None: the user wants no output."""
        how = self._shell.ast_node_interactivity
        if how == "none":
            return None
        if how == "all":
            # The statement itself is shown, but nothing in a function it defines.
            return [one for one in body if not isinstance(one, _FUNCTIONS)]
        if body and (how == "last" or isinstance(body[-1], ast.Expr)):
            return [] if isinstance(body[-1], _FUNCTIONS) else body[-1:]
        return []

    def visit_Expr(self, statement: ast.Expr) -> ast.Expr:  # ast's
        """Wrap one statement, if it is the magic."""
        if self._is_ours(statement.value):
            statement.value = ast.copy_location(_shown(statement.value), statement)
        return statement

    def _is_ours(self, value: ast.expr) -> bool:
        match value:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name("get_ipython")), attr=run
                ),
                args=[ast.Constant(value=name), *_],
            ):
                return run in _RUNS and name == self._name
        return False


def _shown(call: ast.expr) -> ast.expr:
    """Return `show(call)`, which needs no name in the user's namespace."""
    module = f"__import__({__name__!r}, fromlist=['show'])"
    wrapped = ast.parse(f"{module}.show(None)", mode="eval").body
    assert isinstance(wrapped, ast.Call)  # noqa: S101  # for mypy; it stands above
    wrapped.args = [call]
    return wrapped
