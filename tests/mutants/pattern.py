"""Finds a piece of code by its shape, and puts another in its place.

A pattern is Python: an expression, or one or more statements. It is compared as a
syntax tree, so line breaks, quotes and comments do not matter. In it

* a name that begins with ANY_ stands for any expression, or as the name of an attribute
  or argument for any name; the same name twice for the same thing twice;
* `...` as a statement stands for any statements, none among them.

What they stood for may be used in the replacement. So a pattern names only what the
rule needs, and outlives the renaming of everything else.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Binding = dict[str, Any]
_ANY: Final = "ANY_"
_REST: Final = "..."
# What says where a node stands, or what the parser alone cares about.
_ASIDE: Final = {"ctx", "type_comment", "type_ignores", "kind"}


class Pattern:
    """A shape to look for.

    Args:
        source: An expression or statements.
        whole: Take an expression for a statement, which may be taken away.
    """

    def __init__(self, source: str, *, whole: bool = False) -> None:
        body = ast.parse(source).body
        self.expression = None if whole else _alone(body)
        self.statements = body if self.expression is None else None

    def places(self, tree: ast.AST) -> Iterator[Place]:
        """Yield every place of the shape within a tree."""
        for node in ast.walk(tree):
            for name, value in ast.iter_fields(node):
                if self.statements is not None:
                    if isinstance(value, list) and name in _BLOCKS:
                        yield from self._runs(value)
                    continue
                for holder, key, child in _children(node, name, value):
                    binding: Binding = {}
                    if _same(self.expression, child, binding):
                        yield Place(holder, key, 0, binding)

    def _runs(self, block: list[ast.stmt]) -> Iterator[Place]:
        assert self.statements is not None
        n = len(self.statements)
        for start in range(len(block) - n + 1):
            binding: Binding = {}
            if _same(self.statements, block[start : start + n], binding):
                yield Place(block, start, n, binding)


_BLOCKS: Final = {"body", "orelse", "finalbody"}


class Place:
    """Where a shape was found, and what its open ends stood for.

    Args:
        holder: The list or node that it is in.
        key: The index or field there.
        n: How many statements it is; 0 for an expression.
        binding: What the open ends stood for.
    """

    def __init__(self, holder: Any, key: int | str, n: int, binding: Binding) -> None:
        self._holder, self._key, self._n = holder, key, n
        self.binding = binding

    def put(self, source: str) -> None:
        """Put other code here; "" to leave nothing."""
        new: list[Any] = _filled(ast.parse(source or "pass").body, self.binding)
        if self._n == 0:  # an expression
            new = [_alone(new)]
        if isinstance(self._holder, list) and isinstance(self._key, int):
            self._holder[self._key : self._key + max(self._n, 1)] = new
        else:
            setattr(self._holder, str(self._key), new[0])


def is_expression(source: str) -> bool:
    """Tell whether code is one expression."""
    return _alone(ast.parse(source).body) is not None


def _alone(body: Sequence[ast.stmt]) -> ast.expr | None:
    first = body[0] if len(body) == 1 else None
    return first.value if isinstance(first, ast.Expr) else None


def _children(
    node: ast.AST, name: str, value: object
) -> Iterator[tuple[Any, int | str, ast.expr]]:
    if isinstance(value, ast.expr):
        yield node, name, value
    elif isinstance(value, list):
        for place, child in enumerate(value):
            if isinstance(child, ast.expr):
                yield value, place, child


def _same(pattern: Any, found: Any, binding: Binding) -> bool:
    """Tell whether they are the same, and note what the open ends stand for."""
    if isinstance(pattern, ast.Name) and pattern.id.startswith(_ANY):
        return isinstance(found, ast.expr) and _bound(pattern.id, found, binding)
    if isinstance(pattern, str) and pattern.startswith(_ANY):
        return isinstance(found, str) and _bound(pattern, found, binding)
    if isinstance(pattern, list):
        return isinstance(found, list) and _same_list(pattern, found, binding)
    if not isinstance(pattern, ast.AST):
        return bool(pattern == found and type(pattern) is type(found))
    return type(pattern) is type(found) and all(
        _same(value, getattr(found, name, None), binding)
        for name, value in ast.iter_fields(pattern)
        if name not in _ASIDE
    )


def _same_list(pattern: list[Any], found: list[Any], binding: Binding) -> bool:
    open_ends = [place for place, each in enumerate(pattern) if _is_rest(each)]
    if not open_ends:
        return len(pattern) == len(found) and all(
            _same(one, other, binding)
            for one, other in zip(pattern, found, strict=True)
        )
    (at,) = open_ends  # one in a block: more would have to be guessed
    behind = len(pattern) - at - 1
    if len(found) < at + behind:
        return False
    end = len(found) - behind
    return (
        _same_list(pattern[:at], found[:at], binding)
        and _bound(_REST, found[at:end], binding)
        and _same_list(pattern[at + 1 :], found[end:], binding)
    )


def _is_rest(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and node.value.value is ...
    )


def _bound(name: str, found: Any, binding: Binding) -> bool:
    if name not in binding:
        binding[name] = found
        return True
    return _same(binding[name], found, {})


def _filled(node: Any, binding: Binding) -> Any:
    """Return a replacement in which what was found stands for the open ends."""
    if isinstance(node, ast.Name) and node.id.startswith(_ANY):
        return copy.deepcopy(binding[node.id])
    if isinstance(node, str):
        return binding[node] if node.startswith(_ANY) else node
    if _is_rest(node) and _REST in binding:
        return copy.deepcopy(binding[_REST])
    if isinstance(node, list):
        parts = [_filled(each, binding) for each in node]
        flat = [
            each
            for part in parts
            for each in (part if isinstance(part, list) else [part])
        ]
        return flat or [ast.Pass()]
    if isinstance(node, ast.AST):
        fields = {
            name: value if value == [] else _filled(value, binding)
            for name, value in ast.iter_fields(node)
        }
        return type(node)(**fields)
    return node
