"""A mutant: a promise, the code that keeps it, and other code that breaks it.

Where the code stands is told by the name of what it is in (`Engine.starttls`), by a
room (`wire`), or by both (`wire:Engine.starttls`); never by a file or a line. It is
looked for by shape (`tests.mutants.pattern`) and has to be there exactly once. A mutant
that cannot be made says what to look for, since its rule may be kept elsewhere by now.
"""

from __future__ import annotations

import ast
import difflib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import smtpnb
from tests.mutants.pattern import Pattern, is_expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutants.pattern import Place

HOUSE = Path(smtpnb.__file__).parent


class Mutant(NamedTuple):
    """One way to break a promise.

    Attributes:
        name: What is broken, as the mistake would be told.
        rule: What the code promises, with its RFC section: what to look for when the
            code is no longer found.
        within: The name of a function, method, class or constant, as written in its
            module ("Engine.starttls"); or a room ("wire"); or "room:name".
        find: The shape of the code; see `tests.mutants.pattern`.
        put: What stands there instead; "" for nothing.
        tests: Arguments for pytest; at least one of these tests must fail.
        expression: Of `pytest -k`; "" for all of them.
    """

    name: str
    rule: str
    within: str
    find: str
    put: str
    tests: str
    expression: str = ""


class NotFoundError(Exception):
    """A mutant's code is not there, or more than once."""


class Made(NamedTuple):
    """A mutant as source.

    Attributes:
        file: Relative to the package.
        source: The whole module, broken.
        change: A diff, for the eye.
    """

    file: Path
    source: str
    change: str


@functools.cache  # to search the house takes a while, and the tests ask twice
def make(mutant: Mutant, house: Path = HOUSE) -> Made:
    """Break a module as a mutant says.

    Raises:
        NotFoundError: The code is not there, or more than once; the message says what
            to look for.
    """
    room, _, name = mutant.within.rpartition(":")
    if not room and (house / name).is_dir():
        room, name = name, ""
    homes = list(_homes(house, room, name))
    if not homes:
        near = difflib.get_close_matches(name, set(_all_names(house)), n=5, cutoff=0.5)
        raise _lost(mutant, f"nothing is called {name}; near it: {', '.join(near)}")
    pattern = Pattern(mutant.find, whole=not is_expression(mutant.put))
    found: list[tuple[Path, ast.Module, Place]] = [
        (file, tree, place)
        for file, tree, home in homes
        for place in pattern.places(home)
    ]
    if len(found) != 1:
        places = ", ".join(sorted({str(file) for file, *_ in found or homes}))
        raise _lost(mutant, f"there {len(found)} times, not once, in {places}")
    file, tree, place = found[0]
    before = ast.unparse(tree)
    place.put(mutant.put)
    after = ast.unparse(ast.fix_missing_locations(tree))
    ast.parse(after)
    if before == after:
        raise _lost(mutant, f"changes nothing in {file}")
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(file), mutant.name, lineterm=""
    )
    return Made(file, after, "\n".join(lines))


def _homes(
    house: Path, room: str, name: str
) -> Iterator[tuple[Path, ast.Module, ast.AST]]:
    """Yield each definition of a name in a room, with its module."""
    for path in sorted((house / room).rglob("*.py")):
        text = path.read_text()
        if name.rpartition(".")[2] not in text:  # parsing the whole house takes long
            continue
        tree = ast.parse(text)
        for qualified, node in _definitions(tree):
            if qualified == name:
                yield path.relative_to(house), tree, node
        if not name:
            yield path.relative_to(house), tree, tree


def _all_names(house: Path) -> Iterator[str]:
    for path in house.rglob("*.py"):
        for name, _ in _definitions(ast.parse(path.read_text())):
            yield name


def _definitions(node: ast.AST, lead: str = "") -> Iterator[tuple[str, ast.AST]]:
    for child in getattr(node, "body", []):
        match child:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield lead + name, child
                yield from _definitions(child, f"{lead}{name}.")
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield lead + name, child
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield lead + name, child
            case _:
                pass


def _lost(mutant: Mutant, why: str) -> NotFoundError:
    return NotFoundError(
        f"{mutant.name!r} cannot be made: its code is {why}\n"
        f"  in        {mutant.within}\n"
        f"  looks for {mutant.find!r}\n"
        f"  which kept the rule: {mutant.rule}\n"
        "Find where this rule is kept now and mend the mutant; if nowhere, the rule "
        "is gone."
    )
