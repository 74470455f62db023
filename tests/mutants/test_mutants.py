from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import HOUSE, Mutant, NotFoundError, make
from tests.mutants.pattern import Pattern, is_expression

if TYPE_CHECKING:
    from pathlib import Path


def _name(mutant: Mutant) -> str:
    return mutant.name


# `make mutants` runs the tests against each; here: that each can still be made.
@pytest.mark.parametrize("mutant", MUTANTS, ids=_name)
def test_a_mutant_still_breaks_what_it_names(mutant: Mutant) -> None:
    made = make(mutant)
    ast.parse(made.source)
    assert ast.unparse(ast.parse((HOUSE / made.file).read_text())) != made.source


def test_no_two_mutants_are_the_same() -> None:
    assert len({make(mutant).source for mutant in MUTANTS}) == len(MUTANTS)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


_CODE = """
class Engine:
    limit: int = 16

    def run(self, deadline):
        for each in self.parts:
            if each.code != 220 and self.strict:
                self.refuse(each)
                return None
        return self.read(deadline)
"""
# within, find, put, and a line that must then be in the code.
_EDITS = {
    "a part of a condition": (
        *("Engine.run", "ANY_reply.code != 220", "not ANY_reply.ok"),
        "if not each.ok and self.strict:",
    ),
    "names of attributes": (
        *("wire", "self.ANY_read(deadline)", "self.ANY_read(deadline + 1)"),
        "return self.read(deadline + 1)",
    ),
    "a statement goes": ("wire:Engine.run", "self.refuse(ANY_what)", "", "pass"),
    "a block opens": (
        *("Engine", "for ANY_x in ANY_all:\n    ...", "if 1:\n    ...", "if 1:"),
    ),
    "a constant": ("Engine.limit", "16", "1600", "limit: int = 1600"),
    "two statements": (
        *("wire", "self.refuse(ANY_x)\nreturn ANY_y", "return ANY_x", "return each"),
    ),
}


def _house(folder: Path, code: str = _CODE) -> Path:
    (folder / "wire").mkdir()
    (folder / "wire" / "any_name.py").write_text(code)
    return folder


def _mutant(within: str, find: str, put: str) -> Mutant:
    return Mutant("name", "the rule (RFC 1)", within, find, put, "tests")


@pytest.mark.parametrize("edit", _EDITS.values(), ids=_EDITS)
def test_code_is_found_by_its_shape(
    tmp_path: Path, edit: tuple[str, str, str, str]
) -> None:
    within, find, put, line = edit
    assert line not in _CODE
    assert line in make(_mutant(within, find, put), _house(tmp_path)).source


def test_renaming_moving_and_laying_out_anew_change_nothing(tmp_path: Path) -> None:
    code = _CODE.replace("Engine", "Motor").replace("each", "reply")
    code = code.replace("reply.code", "(  # why\n  reply\n.code)").replace(
        "strict", "severe"
    )
    mutant = _mutant("wire", "ANY_reply.code != 220 and ANY_more", "ANY_more")
    assert "if self.severe:" in make(mutant, _house(tmp_path, code)).source


# Each cannot be made, and the words say why.
_LOST = {
    "no such name": ("Engine.runs", "220", "221", "near it: Engine.run"),
    "not there": ("Engine.run", "ANY_x.code != 221", "True", "there 0 times"),
    "more than once": ("Engine.run", "ANY_x.ANY_y", "1", "not once"),
    "no change": ("Engine.run", "220", "220", "changes nothing"),
}


@pytest.mark.parametrize("edit", _LOST.values(), ids=_LOST)
def test_what_cannot_be_made_says_what_to_look_for(
    tmp_path: Path, edit: tuple[str, str, str, str]
) -> None:
    within, find, put, words = edit
    code = _CODE.replace("return None", "return")
    with pytest.raises(NotFoundError) as caught:
        make(_mutant(within, find, put), _house(tmp_path, code))
    assert words in str(caught.value)
    assert "the rule (RFC 1)" in str(caught.value)


def test_the_same_open_name_stands_for_the_same_thing() -> None:
    tree = ast.parse("a < b < a; a < b < c")
    assert len(list(Pattern("ANY_x < ANY_y < ANY_x").places(tree))) == 1


def test_what_is_an_expression() -> None:
    assert is_expression("a.b(c)")
    assert not is_expression("a = b")
    assert not is_expression("")
